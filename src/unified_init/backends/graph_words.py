"""The words of the stream in a framework: keys, counters and Threefry, as integer operations.

The part of the graph program that no distribution changes. ``backends.graph`` says what integers these are,
and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import threefry
from unified_init.stream.walk import positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.backends.protocol import Key, Ops
    from unified_init.law.indexmap import AxisMap, IndexMap

__all__ = ["block", "counters", "host_bytes", "named_key", "rotated", "signed", "unrolled"]

# ruff: noqa: ANN401  # arrays of any framework

WRAP = 1 << 32


def signed(value: int) -> int:
    """Return a 32-bit word as the int32 with the same bits."""
    return (value + (1 << 31)) % WRAP - (1 << 31)


def named_key(ops: Ops, key: Key, name: str) -> Key:
    """Return the key of a name under a root key, as int32 scalars of the framework."""
    if isinstance(key[0], int):
        high, low = threefry.named_key(key, name)
        return (
            ops.constant(np.asarray(signed(high), dtype=np.int32)),
            ops.constant(np.asarray(signed(low), dtype=np.int32)),
        )
    if not name:  # the empty name leaves the root key
        return key
    high, low = threefry.name_counter(name)
    zero = key[0] ^ key[0]  # a zero of the framework, in the trace under way
    return block(ops, key, zero + signed(high), zero + signed(low))


def counters(ops: Ops, index: IndexMap) -> tuple[Any, Any]:
    """Return the high and low words of the logical indices, as int32 arrays of the shape."""
    rank = len(index.axes)
    if _is_wide(index):
        return _wide_counters(ops, index)
    low = ops.constant(np.asarray(signed(index.offset), dtype=np.int32))
    for position, axis in enumerate(index.axes):
        shape = (1,) * position + (axis.length,) + (1,) * (rank - position - 1)
        low = low + ops.xp.reshape(_axis_counters(ops, axis), shape)
    return low ^ low, low


def _is_wide(index: IndexMap) -> bool:
    """Whether counters need both words, or 64-bit arithmetic on the way to them."""
    # Up to 2**32 elements the high word is 0, and the low word is a sum that may wrap on the way.
    return index.logical_size > WRAP or not all(map(_fits_int32, index.axes))


def host_bytes(index: IndexMap) -> int:
    """Return how many bytes of NumPy arrays the counters of an index map take, at most."""
    longest = max((axis.length for axis in index.axes), default=0)
    return 5 * 8 * longest if _is_wide(index) else 0  # the positions of an axis, and what is made of them


def _fits_int32(axis: AxisMap) -> bool:
    """Whether the counters of an axis can be computed in int32.

    A division, which merged roles need, is right only of a position that did not wrap. Without one there are
    only sums and products, whose low 32 bits are right in any case.
    """
    return axis.affine or max((run[-1] for run in axis.runs), default=0) < WRAP // 2


def _axis_counters(ops: Ops, axis: AxisMap) -> Any:
    """Return what each position of an axis adds to the low word."""
    if axis.affine:
        return _runs(ops, axis.runs, axis.terms[0][2])
    position = _runs(ops, axis.runs, 1)
    total = position ^ position  # zeros
    for divisor, modulus, stride in axis.terms:
        total = total + (position // divisor) % modulus * signed(stride)
    return total


def _runs(ops: Ops, runs: tuple[range, ...], stride: int) -> Any:
    """Return the low words of the positions of runs, times a stride."""
    pieces = [
        ops.cast(ops.xp.arange(len(run)), "int32") * signed(run.step * stride) + signed(run.start * stride)
        for run in runs or (range(0),)
    ]
    return pieces[0] if len(pieces) == 1 else ops.xp.concat(pieces, axis=0)


def _wide_counters(ops: Ops, index: IndexMap) -> tuple[Any, Any]:
    """Counters of a tensor of more than 2**32 elements: added axis by axis, with a carry."""
    rank = len(index.axes)
    high, low = (
        ops.constant(np.asarray(signed(word), dtype=np.int32)) for word in divmod(index.offset, WRAP)
    )
    for axis_number, axis in enumerate(index.axes):
        position = positions(axis)
        total = np.zeros(axis.length, dtype=np.int64)
        for divisor, modulus, stride in axis.terms:
            total += position // divisor % modulus * _signed64(stride)
        shape = (1,) * axis_number + (axis.length,) + (1,) * (rank - axis_number - 1)
        axis_low = ops.constant(total.astype(np.uint32).view(np.int32).reshape(shape))
        axis_high = ops.constant((total >> 32).astype(np.int32).reshape(shape))
        low = low + axis_low
        # An unsigned sum wrapped if it is below a summand. Signed integers compare as unsigned ones do once
        # the top bits are flipped.
        flip = signed(1 << 31)
        carry = ops.cast((low ^ flip) < (axis_low ^ flip), "int32")
        high = high + axis_high + carry
    return high, low


def _signed64(value: int) -> int:
    """Return the int64 whose bits are those of a number below 2**64."""
    return value - (1 << 64) if value >= 1 << 63 else value


def block(ops: Ops, key: Key, high: Any, low: Any) -> tuple[Any, Any]:
    """Return Threefry-2x32 with 20 rounds."""
    x0, x1 = ops.call(_rounds, key[0], key[1], high, low)
    return x0, x1


def _rounds(ops: Ops, k0: Any, k1: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """Twice eight rounds, which a framework may run as a loop, and four."""
    k2 = k0 ^ k1 ^ threefry.PARITY

    def eight(number: Any, state: Any) -> Any:
        x0, x1, a, b, c = state  # the words of the key, in the order in which they come next
        x0, x1 = _four(ops, x0, x1, threefry.ROTATIONS[0])
        x0, x1 = _four(ops, x0 + a, x1 + (b + (2 * number + 1)), threefry.ROTATIONS[1])
        return x0 + b, x1 + (c + (2 * number + 2)), c, a, b

    x0, x1, a, b, _ = ops.repeat(2, eight, (high + k0, low + k1, k1, k2, k0))
    x0, x1 = _four(ops, x0, x1, threefry.ROTATIONS[0])
    return x0 + a, x1 + (b + 5)


def unrolled(count: int, step: Callable[[Any, Any], Any], state: Any) -> Any:
    """Apply a step to a state several times: ``Ops.repeat`` of frameworks that compile long programs well."""
    for number in range(count):
        state = step(number, state)
    return state


def rotated(ops: Ops, x: Any, distance: int) -> Any:
    """Rotate words to the left: ``Ops.rotate`` of frameworks that shift signed integers only."""
    shifted_left = ops.xp.bitwise_left_shift(x, distance)
    # A right shift of signed integers fills with the sign. The mask keeps the bits that were shifted down.
    shifted_right = ops.xp.bitwise_right_shift(x, 32 - distance)
    return shifted_left | (shifted_right & ((1 << distance) - 1))


def _four(ops: Ops, x0: Any, x1: Any, rotations: tuple[int, ...]) -> tuple[Any, Any]:
    for rotation in rotations:
        x0 = x0 + x1
        x1 = ops.rotate(x1, rotation) ^ x0
    return x0, x1
