"""The fast runner: executes a table's program with Numba's kernels.

Only ``host`` imports it, where Numba is installed and enough is drawn to repay the import. It packs what does
not depend on the key into the few arrays that a kernel takes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream.line import line
from unified_init.stream.numba_kernels import block, fill16, fill32, fill64, fill_complex
from unified_init.stream.threefry import name_counter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.runner import Filler
    from unified_init.stream.table import Table
    from unified_init.stream.walk import Walk

__all__ = ["named_key", "prepare"]

SCRATCH = 1 << 14  # float32 values at a time on the way to a type that NumPy converts to: 64 KiB
NO_PATTERN = np.zeros(0, dtype=np.int64)  # Numba has one type per argument: an empty array stands for None

# Tables compare by identity; those of equal laws are one object.
_cached_line = functools.lru_cache(maxsize=32)(line)


def named_key(root: tuple[int, int], name: str) -> tuple[int, int]:
    """Return the key of a name under a root key, as ``threefry.named_key`` does."""
    return block(*root, *name_counter(name)) if name else root


def prepare(walk: Walk, table: Table, dtype: np.dtype[Any]) -> Filler:
    """Return the filler that writes values of a table; contract and bits are those of ``numpy_runner``."""
    pattern = NO_PATTERN if walk.pattern is None else walk.pattern
    # One array for each kind of number: what a call costs grows with the number of its arguments.
    walk_numbers = np.concatenate([np.array([walk.length, walk.stride]), walk.rows])
    numbers = [
        table.tail_shift,
        table.tail_or,
        table.bias,
        table.upper_rows,
        table.upper_xor,
        table.upper_add,
    ]
    if dtype == np.float64:
        numbers += [table.least, table.most]
        packed64 = (walk_numbers, pattern, table.rows, np.array(numbers), np.array([2.0**table.exponent]))
        return lambda out, start, key: fill64(out, start, *key, *packed64)
    table_line = _cached_line(table)
    numbers += [table.slope_shift, dtype == np.float16, *(table_line.integers() if table_line else ())]
    # A line's numbers may be past 32 bits: they wrap here, and the kernel's sums wrap back.
    integers = np.array(numbers, dtype=np.int64).astype(np.int32)
    entries = table.rows.view(np.int64).reshape(-1)  # base and slope of a row, read in one load
    unit = np.array([2.0**table.exponent], dtype=np.float32)
    packed32 = (walk_numbers, pattern, entries, integers, unit)
    if dtype == np.float32:
        return lambda out, start, key: fill32(out, start, *key, *packed32)
    if dtype == np.complex64:
        return lambda out, start, key: fill_complex(out.view(np.float32), start, *key, *packed32)
    if dtype.itemsize == 2:  # noqa: PLR2004  # bfloat16 or float16
        return lambda out, start, key: fill16(out.view(np.uint16), start, *key, *packed32)

    def fill_narrowest(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        scratch = np.empty(min(SCRATCH, out.size), dtype=np.float32)
        with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
            for begin in range(0, out.size, SCRATCH):
                part = scratch[: min(SCRATCH, out.size - begin)]
                fill32(part, start + begin, *key, *packed32)
                out[begin : begin + part.size] = part

    return fill_narrowest
