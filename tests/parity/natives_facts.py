"""A measurement for each row of the table that is about something else than a law: (theirs, the other)."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.parity.natives import (
    KERAS_BACKENDS,
    N,
    haiku_draw,
    jax_draw,
    mean_interval,
    outcome,
    refusal,
    share_interval,
    tf1_draw,
    torch_draw,
)

import unified_init as ui
from unified_init.testing.bits import differing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.natives import Array, Between, Keras

    Measured = float | str | tuple[str, ...] | Between

__all__ = ["FACTS", "Measure"]

NORMAL = ui.normal(0.0, 1.0)
MATRIX = (1024, 1024)


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    """How to measure both sides of a row, and what a run must have to do it."""

    pair: Callable[[Keras], tuple[Measured, Measured]]
    needs: tuple[str, ...]


FACTS: dict[str, Measure] = {}


def measures(key: str, *needs: str) -> Callable[[Callable[[Keras], Any]], Callable[[Keras], Any]]:
    """Register the measurement of a row."""

    def register(pair: Callable[[Keras], Any]) -> Callable[[Keras], Any]:
        FACTS[key] = Measure(pair, needs)
        return pair

    return register


def yes(truth: object) -> str:
    """Return a truth as the table writes it."""
    return "yes" if truth else "no"


def same(a: Any, b: Any) -> str:
    """Whether two arrays have equal bits."""
    return yes(differing(np.asarray(a), np.asarray(b)) == 0)


def draw(spec: ui.Initializer, shape: Any, **kwargs: Any) -> Array:
    """Draw ours, under the seed 0 if nothing else is said."""
    return ui.draw(spec, shape, **{"seed": 0, **kwargs})


def gives(spec: ui.Initializer, shape: tuple[int, ...], **kwargs: Any) -> str:
    """Return what ours gives: a shape, or the class of an error."""
    return outcome(lambda: draw(spec, shape, **kwargs))


# --- structure ------------------------------------------------------------------------------------


def _tap(kernel: Array) -> int:
    (tap,) = np.flatnonzero(np.abs(kernel).sum((1, 2, 3)))
    return int(tap)


@measures("torch.calculate_gain", "torch")
def _gain(_: Keras) -> tuple[Measured, Measured]:
    import torch

    theirs = outcome(lambda: np.zeros(int(torch.nn.init.calculate_gain("gelu"))))
    return theirs, ui.calculate_gain("gelu")


def _centres() -> tuple[int, int]:
    """Return the taps of torch's dirac_ and of jax's delta_orthogonal, which are also ours."""
    hwio = "HWIO"
    dirac = _tap(torch_draw("dirac_", (8, 8, 4, 4)).numpy().transpose(2, 3, 1, 0))
    delta = _tap(jax_draw("delta_orthogonal", (4, 4, 8, 8)))
    assert _tap(draw(ui.dirac(), (4, 4, 8, 8), layout=hwio)) == dirac
    assert _tap(draw(ui.delta_orthogonal(), (4, 4, 8, 8), layout=hwio)) == delta
    return dirac, delta


@measures("jax.delta_orthogonal", "torch", "jax")
def _delta(_: Keras) -> tuple[Measured, Measured]:
    dirac, delta = _centres()
    return delta, dirac


@measures("torch.dirac_", "torch", "jax")
def _dirac(_: Keras) -> tuple[Measured, Measured]:
    return _centres()


@measures("torch.sparse_", "torch")
def _sparse(_: Keras) -> tuple[Measured, Measured]:
    zeros = {int(n) for w in (torch_draw("sparse_", (10, 40), sparsity=0.35).numpy(),
                              draw(ui.sparse(0.35), (10, 40))) for n in (w == 0).sum(0)}  # fmt: skip
    (count,) = zeros  # one number, in all columns of both
    return count, 0.35 * 10


# --- low precision --------------------------------------------------------------------------------


def _distinct(values: Array) -> int:
    return len(np.unique(np.asarray(values).astype(np.float32)))


def _coarse(key: str, name: str, spec: ui.Initializer, dtype: str = "bfloat16") -> None:
    @measures(key, "jax")
    def _measure(_: Keras) -> tuple[Measured, Measured]:
        theirs = jax_draw(name, (N,), 0, dtype, 1.0)
        return _distinct(theirs), _distinct(draw(spec, (N,), dtype=dtype))


_coarse("jax.normal bfloat16", "normal", NORMAL)
_coarse("jax.normal float16", "normal", NORMAL, "float16")
_coarse("jax.truncated_normal bfloat16", "truncated_normal", ui.truncated_normal(0.0, 1.0))
_coarse("jax.uniform bfloat16", "uniform", ui.uniform(0.0, 1.0))


def _both_coarse() -> tuple[Array, Array]:
    theirs = jax_draw("normal", (N,), 0, "bfloat16", 1.0)
    return theirs.astype(np.float64), draw(NORMAL, (N,), dtype="bfloat16").astype(np.float64)


@measures("jax.normal bfloat16 largest", "jax")
def _largest(_: Keras) -> tuple[Measured, Measured]:
    theirs, ours = _both_coarse()
    return float(theirs.max()), float(ours.max())


@measures("jax.normal bfloat16 mean", "jax")
def _biased(_: Keras) -> tuple[Measured, Measured]:
    """Once in 5e8 seeds an unbiased mean lies beyond 6 standard errors, and one that is 12 off within."""
    theirs, ours = (yes(abs(w.mean()) * math.sqrt(N) > 6 * w.std()) for w in _both_coarse())
    return theirs, ours


@measures("jax.normal bfloat16 rounding", "jax")
def _rounding(_: Keras) -> tuple[Measured, Measured]:
    pairs = (
        [jax_draw("normal", (N,), 0, dtype, 1.0) for dtype in ("bfloat16", "float32")],
        [draw(NORMAL, (N,), dtype=dtype) for dtype in ("bfloat16", "float32")],
    )
    theirs, ours = (same(narrow, wide.astype(narrow.dtype)) for narrow, wide in pairs)
    return theirs, ours


@measures("tensorflow.random_uniform bfloat16", "tensorflow")
def _tensorflow_coarse(_: Keras) -> tuple[Measured, Measured]:
    theirs = tf1_draw("random_uniform", (N,), 0, "bfloat16")
    return _distinct(theirs), _distinct(draw(ui.uniform(0.0, 1.0), (N,), dtype="bfloat16"))


@measures("keras.RandomNormal bfloat16", "keras", "jax")
def _keras_coarse(keras: Keras) -> tuple[Measured, Measured]:
    return _distinct(keras("jax")["bfloat16"]), _distinct(draw(ui.normal(0.0, 0.05), (N,), dtype="bfloat16"))


def _narrow_matrix() -> str:
    matrix = draw(ui.orthogonal(), (8, 8), dtype="bfloat16")
    assert same(matrix, draw(ui.orthogonal(), (8, 8)).astype(matrix.dtype)) == "yes"
    return str(matrix.dtype)


@measures("torch.orthogonal_ bfloat16", "torch")
def _torch_narrow(_: Keras) -> tuple[Measured, Measured]:
    return refusal(lambda: torch_draw("orthogonal_", (8, 8), dtype="bfloat16")), _narrow_matrix()


@measures("jax.orthogonal bfloat16", "jax")
def _jax_narrow(_: Keras) -> tuple[Measured, Measured]:
    return outcome(lambda: jax_draw("orthogonal", (8, 8), 0, "bfloat16")), _narrow_matrix()


@measures("keras.Orthogonal bfloat16", "keras", "tensorflow")
def _keras_narrow(keras: Keras) -> tuple[Measured, Measured]:
    return str(keras("tensorflow")["orthogonal bfloat16"]), _narrow_matrix()


# --- complex --------------------------------------------------------------------------------------


def _power(values: Any, target: float) -> Between:
    """Return the interval of E|w|^2 over its target."""
    return mean_interval(np.abs(np.asarray(values).astype(np.complex128)) ** 2 / target)


def _our_power(spec: ui.Initializer) -> Between:
    """Return the same of ours; the target 1 must be inside."""
    drawn = draw(spec, MATRIX, layout="IO", dtype="complex64")
    return _power(drawn, spec.resolve(MATRIX, layout="IO").std ** 2)


@measures("torch.xavier_uniform_ complex", "torch")
def _torch_complex(_: Keras) -> tuple[Measured, Measured]:
    theirs = torch_draw("xavier_uniform_", MATRIX, dtype="complex64").numpy()
    return _power(theirs, 1 / 1024), _our_power(ui.xavier_uniform())


@measures("haiku.VarianceScaling complex", "haiku")
def _haiku_complex(_: Keras) -> tuple[Measured, Measured]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the way a complex number is cast to a real one
        theirs = haiku_draw("VarianceScaling", MATRIX, 0, "complex64")
    return _power(theirs, 1 / 1024), _our_power(ui.lecun_normal())


@measures("jax.lecun_normal complex", "jax")
def _jax_complex(_: Keras) -> tuple[Measured, Measured]:
    theirs = jax_draw("lecun_normal", MATRIX, 0, "complex64")
    return _power(theirs, 1 / 1024), _our_power(ui.lecun_normal())


@measures("keras.GlorotUniform complex", "keras", "torch")
def _keras_complex(keras: Keras) -> tuple[Measured, Measured]:
    return _power(keras("torch")["complex"], 2 / (512 + 2048)), _our_power(ui.glorot_uniform())


@measures("torch.orthogonal_ complex", "torch")
def _unitary(_: Keras) -> tuple[Measured, Measured]:
    theirs = refusal(lambda: torch_draw("orthogonal_", (8, 8), dtype="complex64"))
    matrix = draw(ui.orthogonal(), (8, 8), dtype="complex64")
    assert np.abs(matrix @ matrix.conj().T - np.eye(8)).max() < 1e-6
    return theirs, str(matrix.dtype)


# --- seeds ----------------------------------------------------------------------------------------


def _ours_twice() -> str:
    return same(draw(NORMAL, (4,)), draw(NORMAL, (4,)))


@measures("torch.normal_ twice", "torch")
def _torch_twice(_: Keras) -> tuple[Measured, Measured]:
    import torch

    generator = torch.Generator().manual_seed(0)
    first, second = (torch.nn.init.normal_(torch.empty(4), generator=generator).numpy() for _ in range(2))
    return same(first, second), _ours_twice()


@measures("tensorflow.random_normal twice", "tensorflow")
def _tensorflow_twice(_: Keras) -> tuple[Measured, Measured]:
    import tensorflow as tf

    init = tf.compat.v1.initializers.random_normal(seed=1)
    return same(init((4,)).numpy(), init((4,)).numpy()), _ours_twice()


@measures("keras.HeNormal backends", "keras", *KERAS_BACKENDS)
def _keras_backends(keras: Keras) -> tuple[Measured, Measured]:
    theirs = [keras(backend)["HeNormal seed 7"] for backend in KERAS_BACKENDS]
    ours = [keras(backend)["ours seed 7"] for backend in KERAS_BACKENDS]
    pairs = ((0, 1), (1, 2), (0, 2))
    # No two of theirs are equal, and all of ours are.
    equal = {same(theirs[i], theirs[j]) for i, j in pairs}
    (one,) = equal
    return one, yes(all(same(ours[i], ours[j]) == "yes" for i, j in pairs))


@measures("torch.normal_ prefix", "torch")
def _prefix(_: Keras) -> tuple[Measured, Measured]:
    few, more = (torch_draw("normal_", (n,)).numpy() for n in (8, 20))
    return same(few, more[:8]), same(draw(NORMAL, (8,)), draw(NORMAL, (20,))[:8])


@measures("jax.he_normal layout", "jax")
def _layout(_: Keras) -> tuple[Measured, Measured]:
    import jax

    key = jax.random.key(0)
    shapes = {"IO": (512, 2048), "OI": (2048, 512)}
    theirs = [jax.nn.initializers.he_normal()(key, shapes["IO"]),
              jax.nn.initializers.he_normal(in_axis=1, out_axis=0)(key, shapes["OI"])]  # fmt: skip
    ours = [draw(ui.he_normal(), shape, layout=layout) for layout, shape in shapes.items()]
    return same(theirs[0], np.asarray(theirs[1]).T), same(ours[0], ours[1].T)


LECUN = ui.Recipe(
    "lecun", (ui.Rule(spec=ui.lecun_normal(), role="kernel"), ui.Rule(spec=ui.zeros(), role="bias"))
)


@measures("haiku.Linear order", "haiku")
def _haiku_order(_: Keras) -> tuple[Measured, Measured]:
    import haiku as hk
    import jax
    import jax.numpy as jnp

    def weights(order: str) -> tuple[Any, Any]:
        def program() -> None:
            for name in order:
                hk.Linear(3, name=name)(jnp.ones((1, 3)))

        transformed = hk.transform(program)
        native = transformed.init(jax.random.key(0))
        ours, _ = ui.apply(ui.haiku(transformed, native), LECUN, seed=0)
        return native["a"]["w"], ours.params["a"]["w"]

    (theirs, ours), (theirs_later, ours_later) = weights("ab"), weights("ba")
    return same(theirs, theirs_later), same(ours, ours_later)


@measures("flax.Linear order", "flax")
def _flax_order(_: Keras) -> tuple[Measured, Measured]:
    from flax import nnx

    def weights(order: str) -> tuple[Any, Any]:
        rngs = nnx.Rngs(0)
        model = nnx.Dict({name: nnx.Linear(3, 3, rngs=rngs) for name in order})
        native = np.asarray(model["a"].kernel[...])
        ui.apply(model, LECUN, seed=0)
        return native, np.asarray(model["a"].kernel[...])

    (theirs, ours), (theirs_later, ours_later) = weights("ab"), weights("ba")
    return same(theirs, theirs_later), same(ours, ours_later)


# --- scalars, vectors, empty tensors --------------------------------------------------------------


@measures("jax.he_normal empty", "jax")
def _jax_empty(_: Keras) -> tuple[Measured, Measured]:
    return outcome(lambda: jax_draw("he_normal", (5, 0))), gives(ui.he_normal(), (5, 0), layout="IO")


@measures("keras.HeNormal empty", "keras", "tensorflow")
def _keras_empty(keras: Keras) -> tuple[Measured, Measured]:
    return str(keras("tensorflow")["empty"]), gives(ui.he_normal(), (0, 5), layout="IO")


@measures("torch.xavier_normal_ empty", "torch")
def _torch_empty(_: Keras) -> tuple[Measured, Measured]:
    theirs = outcome(lambda: torch_draw("xavier_normal_", (0, 0)))
    return theirs, gives(ui.xavier_normal(), (0, 0), layout="OI")


@measures("torch.kaiming_normal_ vector", "torch")
def _torch_vector(_: Keras) -> tuple[Measured, Measured]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it does nothing
        theirs = outcome(lambda: torch_draw("kaiming_normal_", (0,)))
    assert outcome(lambda: torch_draw("xavier_normal_", (0,))) == "ValueError"
    return theirs, gives(ui.kaiming_normal(), (0,), layout="O")


@measures("keras.GlorotUniform scalar", "keras", "tensorflow")
def _keras_scalar(keras: Keras) -> tuple[Measured, Measured]:
    return str(keras("tensorflow")["scalar"]), gives(ui.glorot_uniform(), ())


@measures("keras.EinsumDense vector", "keras", "tensorflow")
def _keras_vector(keras: Keras) -> tuple[Measured, Measured]:
    return str(keras("tensorflow")["vector"]), gives(ui.glorot_uniform(), (32,))


@measures("haiku.VarianceScaling vector", "haiku")
def _haiku_vector(_: Keras) -> tuple[Measured, Measured]:
    return outcome(lambda: haiku_draw("VarianceScaling", (5,))), gives(ui.lecun_normal(), (5,), layout="O")


@measures("jax.lecun_normal vector", "jax", "haiku")
def _jax_vector(_: Keras) -> tuple[Measured, Measured]:
    assert gives(ui.lecun_normal(), (5,)) == "ArgumentValueError"
    return outcome(lambda: jax_draw("lecun_normal", (5,))), outcome(
        lambda: haiku_draw("VarianceScaling", (5,))
    )


# --- faults ---------------------------------------------------------------------------------------


@measures("keras.TruncatedNormal leak", "keras", "torch")
def _leak(keras: Keras) -> tuple[Measured, Measured]:
    theirs, ours = keras("torch")["truncated"], draw(ui.truncated_normal(0.0, 1.0), (2**23,))
    return (
        share_interval(int((np.abs(theirs) > 2).sum()), theirs.size),
        float((np.abs(ours) > 2).mean()),
    )


@measures("torch.sparse_ generator", "torch")
def _sparse_generator(_: Keras) -> tuple[Measured, Measured]:
    import torch

    def zeros(seed: int) -> Array:
        """Return where the zeros are under one generator and a global seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            generator = torch.Generator().manual_seed(0)
            return (torch.nn.init.sparse_(torch.empty(10, 40), 0.35, generator=generator) == 0).numpy()

    return same(zeros(1), zeros(2)), same(
        draw(ui.sparse(0.35), (10, 40)) == 0, draw(ui.sparse(0.35), (10, 40)) == 0
    )


def _layers(keras: Keras, key: str) -> tuple[str, str]:
    """Whether the kernels that Keras made are equal, with its initializer and with one of ours."""
    sides = (keras("tensorflow")[key], keras("tensorflow")[f"ours {key}"])
    theirs, ours = ({same(kernel, kernels[0]) for kernel in kernels[1:]} for kernels in sides)
    return theirs.pop(), ours.pop()


@measures("keras.MultiHeadAttention", "keras", "tensorflow")
def _attention(keras: Keras) -> tuple[Measured, Measured]:
    return _layers(keras, "attention")


@measures("keras.Bidirectional", "keras", "tensorflow")
def _bidirectional(keras: Keras) -> tuple[Measured, Measured]:
    return _layers(keras, "bidirectional")


@measures("keras.Dense shared", "keras", "tensorflow")
def _shared(keras: Keras) -> tuple[Measured, Measured]:
    return _layers(keras, "shared")
