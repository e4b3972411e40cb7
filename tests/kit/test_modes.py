"""Modes and statistics of the kit: what they run, and what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.kit.modes import mode_names, mode_of
from unified_init.kit.statistics import Statistics, values_needed

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = ("numpy", "torch", "tensorflow", "jax")
SPEC, SHAPE = ui.he_normal(), (700, 560)
LAW = SPEC.resolve(SHAPE, layout="OI")


class Pair(NamedTuple):
    """What a function may return in place of a tuple."""

    first: Any
    second: Any


def sample(seed: int = 0) -> Any:
    """Return a right sample."""
    return ui.draw(SPEC, SHAPE, layout="OI", seed=seed, name="w")


@pytest.mark.parametrize(
    ("args", "compiled", "names"),
    [
        ((), None, [
            "numpy", "torch", "torch:compile", "tensorflow", "tensorflow:function", "tensorflow:xla", "jax", "jax:jit",
        ]),
        ((), True, ["torch:compile", "tensorflow:function", "tensorflow:xla", "jax:jit"]),
        ((), False, ["numpy", "torch", "tensorflow", "jax"]),
        (("jax:jit", "torch"), None, ["torch", "torch:compile", "jax:jit"]),
        (("jax", "torch"), False, ["torch", "jax"]),
    ],
    ids=["all", "compiled", "eager", "names", "both"],
)  # fmt: skip
def test_modes_are_chosen_by_backend_name_and_compilation(
    args: tuple[str, ...], compiled: Any, names: list[str]
) -> None:
    """In one order, whatever the order of the words."""
    assert mode_names(ALL, args, compiled=compiled) == names
    assert mode_names(("numpy",), args, compiled=compiled) == [name for name in names if name == "numpy"]


def test_an_unknown_mode_is_refused() -> None:
    """With the ones that there are."""
    with refused(ui.ArgumentValueError):
        mode_names(ALL, ("jax:jitt",))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(name.partition(":")[0])) for name in mode_names(ALL)]
)
def test_a_mode_runs_functions_and_draws(name: str) -> None:
    """Results are NumPy's, in dicts, tuples and namedtuples too; draws have the reference's bits; compiled means traced once."""
    mode = mode_of(name, ALL)
    calls = []

    def function() -> dict[str, Any]:
        calls.append(1)
        drawn = ui.draw(SPEC, (6, 5), layout="OI", seed=3, name="w", backend=mode.backend)
        return {"w": drawn, "twice": Pair(drawn + drawn, None)}

    result = mode.run(function)
    expected = ui.draw(SPEC, (6, 5), layout="OI", seed=3, name="w", backend="numpy")
    assert isinstance(result["w"], np.ndarray)
    assert result["w"].tobytes() == expected.tobytes()
    assert isinstance(result["twice"], Pair)
    assert result["twice"].first.tobytes() == (expected + expected).tobytes()
    assert result["twice"].second is None
    assert mode.run(lambda: [(drawn := function())["w"], (drawn["w"],)])[1][0].tobytes() == expected.tobytes()
    assert mode.draw(SPEC, (6, 5), layout="OI", seed=3, name="w").tobytes() == expected.tobytes()
    assert mode.compiled == (":" in name)


@pytest.mark.needs("torch", "tensorflow", "jax")
@pytest.mark.parametrize("name", mode_names(ALL[1:]))
def test_compiled_modes_compile_and_eager_ones_do_not(name: str) -> None:
    """As a function sees it that asks its framework."""
    import jax
    import tensorflow as tf
    import torch

    mode = mode_of(name, ALL)

    def traced() -> bool:
        if mode.backend == "torch":
            return torch.compiler.is_compiling()
        if mode.backend == "tensorflow":
            return bool(tf.inside_function())
        return isinstance(jax.numpy.zeros(1), jax.core.Tracer)

    def function() -> Any:
        spec = ui.ones() if traced() else ui.zeros()
        return ui.draw(spec, (1,), backend=mode.backend)

    assert mode.run(function).item() == float(mode.compiled)


def test_right_samples_pass() -> None:
    """Of the law, of two equal laws, of two streams, of two layouts."""
    pytest.importorskip("scipy")
    assertions = Statistics()
    assertions.follows(sample(), LAW)
    assertions.same_law(sample(), sample(1))
    assertions.independent(sample(), sample(1))
    assertions.identical(sample(), np.asarray(sample()).T, "OI", "IO")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Statistics().follows(sample() * np.float32(1.01), LAW),
        lambda: Statistics().follows(sample() * np.float32(0.99), LAW),
        lambda: Statistics().follows(sample(), SPEC.resolve(SHAPE, layout="IO")),
        lambda: Statistics().follows(np.random.default_rng(0).normal(0, LAW.std, SHAPE).astype("f4"), LAW),
        lambda: Statistics().same_law(sample(), sample(1) * np.float32(1.02)),
        lambda: Statistics().independent(sample(), sample() * 2),
        lambda: Statistics().identical(sample(), sample(1)),
    ],
    ids=source_of,
)
def test_wrong_samples_fail(wrong: Callable[[], None]) -> None:
    """A std that is 1 % off, fans swapped, no truncation, one stream for two layers, other bits."""
    pytest.importorskip("scipy")
    with pytest.raises(AssertionError):
        wrong()


@pytest.mark.parametrize(
    "spec", [ui.normal(0, 1), ui.uniform(-1, 1), ui.he_normal()], ids=["normal", "uniform", "he"]
)
def test_the_stated_power_is_the_true_one(spec: ui.Initializer) -> None:
    """At the size that is asked for, each of 20 samples with a std so far off fails, and each right one passes."""
    pytest.importorskip("scipy")
    columns, sees = 50, 0.1
    rows = -(-values_needed(spec.resolve((50, columns), layout="OI"), sees=sees) // columns)
    law = spec.resolve((rows, columns), layout="OI")
    assert values_needed(law, sees=sees) <= rows * columns
    for seed in range(20):
        right = ui.draw(spec, (rows, columns), layout="OI", seed=seed, name="w")
        for factor in (1 + sees, 1 - sees):
            with pytest.raises(AssertionError):
                Statistics().follows(right * np.float32(factor), law, sees=sees)
        Statistics().follows(right, law, sees=sees)


def test_a_sample_too_small_for_its_claim_is_refused() -> None:
    """It could not fail; nor are rates outside (0, 1) taken."""
    pytest.importorskip("scipy")
    small = ui.draw(SPEC, (60, 52), layout="OI", seed=0)
    law = SPEC.resolve((60, 52), layout="OI")
    with refused(ui.ArgumentValueError):
        Statistics().follows(small, law)
    Statistics().follows(small, law, sees=0.2)
    for rates in ({"sees": 0.0}, {"sees": 0.1, "alpha": 1.0}):
        with refused(ui.ArgumentValueError):
            values_needed(law, **rates)
