"""Requests at random against a direct computation; ``nox -s fuzz`` runs a hundred thousand of them."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers import fuzz, fuzz_compiled

from unified_init.backends import graph, graph_values
from unified_init.drawing import decided, programs
from unified_init.law.indexmap import IndexMap, whole_map
from unified_init.spec import laws
from unified_init.spec.fans import fans_on
from unified_init.stream import host, program

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = int(os.environ.get("FUZZ_SEED", "20260101"))
# More where all frameworks are tested together, in one environment; the session `fuzz` runs 100,000.
COUNTS = (3000, 40) if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else (1000, 20)
EAGER, COMPILED = (
    int(os.environ.get(name, count))
    for name, count in zip(("FUZZ_EAGER", "FUZZ_COMPILED"), COUNTS, strict=True)
)


def test_eager_requests_have_the_bits_of_the_definition(pytestconfig: pytest.Config) -> None:
    """Any spec, shape, layout, slice, type, seed, name, view and runner: a line says how to repeat what fails."""
    ways = fuzz.ways_of(pytestconfig.getoption("--backends").split(","))
    lines, refusals = fuzz.faults(SEED, EAGER, ways)
    print(f"seed {SEED}: {EAGER} eager requests, {refusals} of them refused")  # noqa: T201  # for the session's log
    assert not lines, "\n".join(lines)
    assert refusals < EAGER / 5


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_compiled_requests_have_the_bits_of_the_definition() -> None:
    """Ten draws of a program with arithmetic behind them, in jax.jit, tf.function, XLA and torch.compile."""
    lines, drawn = fuzz_compiled.faults(SEED, COMPILED)
    print(f"seed {SEED}: {COMPILED} compiled requests, {drawn} of them drawn")  # noqa: T201  # as above
    assert not lines, "\n".join(lines)
    assert drawn > COMPILED / 2


# --- what the fuzzer finds ----------------------------------------------------------------------


@pytest.fixture
def _forgetful() -> Iterator[None]:
    """Keep no program between a right library and a wrong one."""
    for cached in (programs.whole_program, decided._decide, host._prepare_cached):
        cached.cache_clear()
    yield
    for cached in (programs.whole_program, decided._decide, host._prepare_cached):
        cached.cache_clear()


@pytest.mark.usefixtures("_forgetful")
def test_an_index_map_that_is_one_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every independent draw then has its neighbors' values."""
    right = whole_map

    def wrong(*arguments: Any, **options: Any) -> IndexMap:
        index = right(*arguments, **options)
        return dataclasses.replace(index, offset=index.offset + 1)

    monkeypatch.setattr(program, "whole_map", wrong)
    assert fuzz.faults(SEED, 1000, ("numpy",), most=1)[0]


@pytest.mark.usefixtures("_forgetful")
def test_swapped_fans_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs taken for outputs, where a layout says which is which."""
    right = fans_on

    def wrong(geometry: Any, fans: Any, **options: Any) -> Any:
        pair = right(geometry, fans, **options)
        return pair if fans is not None else pair[::-1]

    monkeypatch.setattr(laws, "fans_on", wrong)
    assert fuzz.faults(SEED, 1000, ("numpy",), most=1)[0]


@pytest.mark.usefixtures("_forgetful")
def test_bfloat16_that_is_cut_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The upper half of a float32, not rounded: half of the values are a step off."""
    right = graph_values.narrow

    def wrong(ops: Any, value: Any, dtype: Any) -> Any:
        if dtype.name != "bfloat16":
            return right(ops, value, dtype)
        return ops.bits(
            ops.cast(ops.xp.bitwise_right_shift(ops.bits(value, "int32"), 16), "int16"), dtype.name
        )

    monkeypatch.setattr(graph, "narrow", wrong)
    assert fuzz.faults(SEED, 1000, ("numpy:graph",), most=1)[0]


def test_a_fault_can_be_repeated() -> None:
    """A request depends on its number, and its line says all of it."""
    first, again = fuzz.request(3, 17), fuzz.request(3, 17)
    assert str(first) == str(again)
    assert str(first.shape) in str(first)
    assert str(first) != str(fuzz.request(3, 18))
