"""NumPy's own way: ``np.random.Generator`` with SFC64, its fastest bit generator."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

import unified_init as ui
from benchmarks.specs import SPECS, drawn, filled
from benchmarks.timing import Pair

if TYPE_CHECKING:
    from benchmarks.cases import Case

__all__ = ["pair"]

METHODS = {"uniform": "random", "normal": "standard_normal"}
THREADS = "UNIFIED_INIT_NUM_THREADS"


def pair(case: Case) -> Pair:
    """Return our call and NumPy's."""
    if case.group == "layouts":
        return _layouts(case)
    if case.way.endswith("against 1"):
        return _threads(case)
    generator = np.random.Generator(np.random.SFC64(0))
    method = METHODS[case.law]
    sample: Any = getattr(generator, method)
    if case.way.startswith("in place"):
        out = np.empty(case.shape, dtype=np.float32)
        ours = filled(case, out)
        if case.way.endswith("plain fill"):
            return Pair(ours, out.fill, "np.ndarray.fill")
        return Pair(ours, lambda _: sample(out=out, dtype=np.float32), f"Generator.{method}(out=)")
    if case.dtype == "bfloat16":
        return Pair(
            drawn(case),
            lambda _: sample(case.shape, dtype=np.float32).astype(ml_dtypes.bfloat16),
            f"Generator.{method}().astype(bfloat16)",
        )
    return Pair(drawn(case), lambda _: sample(case.shape, dtype=np.float32), f"Generator.{method}()")


def _layouts(case: Case) -> Pair:
    """Compare two layouts of one logical tensor, each into a buffer of its own."""
    stored, _, plain = case.way.partition(" against ")
    sides = dict(zip(plain, case.shape, strict=True))
    spec, kind = SPECS[case.law], np.dtype(getattr(ml_dtypes, case.dtype, case.dtype))
    outs = {layout: np.empty([sides[axis] for axis in layout], dtype=kind) for layout in (stored, plain)}
    return Pair(
        lambda i: ui.fill(outs[stored], spec, seed=0, name=f"w{i}", layout=stored),
        lambda i: ui.fill(outs[plain], spec, seed=0, name=f"w{i}", layout=plain),
        f'ours, layout="{plain}"',
    )


def _threads(case: Case) -> Pair:
    """Compare all threads with one; the variable is read at every call."""
    out = np.empty(math.prod(case.shape), dtype=np.float32)
    many, spec = case.way.removeprefix("in place, ").partition(" ")[0], SPECS[case.law]

    def with_threads(number: str, i: int) -> None:
        before = os.environ.get(THREADS)
        os.environ[THREADS] = number
        try:
            ui.fill(out, spec, seed=0, name=f"w{i}")
        finally:
            if before is None:
                del os.environ[THREADS]
            else:
                os.environ[THREADS] = before

    return Pair(lambda i: with_threads(many, i), lambda i: with_threads("1", i), "ours, 1 thread")
