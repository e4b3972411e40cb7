"""TensorFlow's own way: ``keras.initializers``, called eagerly or in a ``tf.function``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras  # noqa: TID253  # this file stands for Keras on TensorFlow
import tensorflow as tf  # noqa: TID253

import unified_init as ui
from benchmarks.specs import SPECS, drawn
from benchmarks.timing import Pair

if TYPE_CHECKING:
    from benchmarks.cases import Case

__all__ = ["limit", "pair"]


def limit(threads: int) -> None:
    """Let TensorFlow use that many threads; only before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)


def _native(law: str) -> Any:  # noqa: ANN401  # Keras has no types
    made = {
        "uniform": lambda: keras.initializers.RandomUniform(0.0, 1.0, seed=0),
        "normal": lambda: keras.initializers.RandomNormal(0.0, 1.0, seed=0),
        "truncated_normal": lambda: keras.initializers.TruncatedNormal(0.0, 1.0, seed=0),
        "he_normal": lambda: keras.initializers.HeNormal(seed=0),
        "glorot_uniform": lambda: keras.initializers.GlorotUniform(seed=0),
        "orthogonal": lambda: keras.initializers.Orthogonal(seed=0),
    }
    return made[law]()


def pair(case: Case) -> Pair:
    """Return our call and that of Keras."""
    if case.group == "first":
        return _first(case)
    if case.way.endswith("plain fill"):
        return Pair(drawn(case), lambda i: tf.fill(case.shape, float(i)), "tf.fill")
    native = _native(case.law)
    text = f"keras.initializers.{type(native).__name__}"
    return Pair(drawn(case), lambda _: native(case.shape, dtype=case.dtype), text)


def _first(case: Case) -> Pair:
    """Compare first calls: no shape comes twice."""
    native, spec = _native(case.law), SPECS[case.law]

    def ours(shape: tuple[int, ...]) -> Any:  # noqa: ANN401
        return ui.draw(spec, shape, seed=0, name="w", dtype=case.dtype, backend="tensorflow")

    def theirs(shape: tuple[int, ...]) -> Any:  # noqa: ANN401
        return native(shape, dtype=case.dtype)

    def shape_of(i: int) -> tuple[int, ...]:
        return case.shape[0] + i, *case.shape[1:]

    text = f"keras.initializers.{type(native).__name__}"
    if case.way != "traced":
        return Pair(lambda i: ours(shape_of(i)), lambda i: theirs(shape_of(i)), text)
    return Pair(
        lambda i: tf.function(ours, jit_compile=True)(shape_of(i)),
        lambda i: tf.function(theirs, jit_compile=True)(shape_of(i)),
        f"tf.function, jit_compile, of {text}",
    )
