"""Memory of a tensor's own: against NumPy's own answer, and what ``fill`` refuses where there is none."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.backends.memory import overlaps_itself

NORMAL = ui.normal(0.0, 1.0)


def addresses(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> list[int]:
    """Return the address of every byte of every element."""
    return [
        sum(stride * index for stride, index in zip(strides, indices, strict=True)) + byte
        for indices in itertools.product(*map(range, shape))
        for byte in range(itemsize)
    ]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), max_size=4),
    st.sampled_from([1, 2, 4, 8]),
)
def test_overlaps_are_those_of_the_addresses(axes: list[tuple[int, int]], itemsize: int) -> None:
    """Gaps, negative and zero strides, steps that are no multiple of an element."""
    shape, strides = tuple(length for length, _ in axes), tuple(stride for _, stride in axes)
    expected = addresses(shape, strides, itemsize)
    assert overlaps_itself(shape, strides, itemsize) == (len(set(expected)) < len(expected))


@pytest.mark.parametrize(
    ("shape", "strides"), [((3, 3), (40, 40)), ((3,), (2,)), ((2, 3), (0, 4)), ((4, 4), (12, 4))]
)
def test_an_array_that_overlaps_itself_is_not_filled(
    shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    """With gaps too, where there are more bytes than elements; it is left as it was."""
    memory = np.zeros(100, np.float32)
    with refused(ui.ArgumentValueError):
        ui.fill(np.lib.stride_tricks.as_strided(memory, shape, strides), NORMAL, seed=0, name="w")
    assert not memory.any()


def test_arrays_with_gaps_are_filled() -> None:
    """Steps, reversed axes, fields of a record."""
    expected = ui.draw(NORMAL, (2, 2), seed=0, name="w")
    records = np.zeros((2, 2), [("a", np.int8), ("b", np.float32)])
    for view in (np.zeros((4, 6), np.float32)[::-2, ::3], records["b"]):
        assert ui.fill(view, NORMAL, seed=0, name="w") is view
        assert np.array_equal(view, expected)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("order", ["rows", "columns"])
def test_a_tensor_without_its_memory_is_not_filled(order: str) -> None:
    """As sharded training leaves parameters: the storage was given back, and another tensor may have it."""
    import torch

    tensor = torch.zeros(30, 10)
    tensor = tensor.t() if order == "columns" else tensor
    tensor.untyped_storage().resize_(0)
    with refused(ui.ArgumentValueError):
        ui.fill(tensor, NORMAL, seed=0, name="w")


@pytest.mark.needs("torch")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("tracer", ["jit", "make_fx"])
def test_a_fill_that_a_tracer_would_not_see_is_refused(tracer: str) -> None:
    """Its program would return what was there before; outside of the tracer the same call fills."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    def filled(x: Any) -> Any:
        return ui.fill(torch.zeros_like(x), NORMAL, seed=0, name="w")

    with refused(ui.ArgumentValueError):
        torch.jit.trace(filled, torch.ones(3)) if tracer == "jit" else make_fx(filled)(torch.ones(3))
    assert filled(torch.ones(3)).any()
