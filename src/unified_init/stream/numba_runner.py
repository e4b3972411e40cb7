"""The fast runner: the program of a table by Numba's kernels.

Imported by ``host`` alone, and only where Numba is installed and what is drawn repays the import.
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

    from unified_init.stream.host import Filler
    from unified_init.stream.table import Table
    from unified_init.stream.walk import Walk

__all__ = ["named_key", "prepare"]

SCRATCH = 1 << 14
NO_PATTERN = np.zeros(0, dtype=np.int64)

# By identity: the tables of equal laws are one object.
_line = functools.lru_cache(maxsize=32)(line)


def named_key(root: tuple[int, int], name: str) -> tuple[int, int]:
    """Return the key of a name under a root key, as ``threefry.named_key`` does."""
    return block(*root, *name_counter(name)) if name else root


def prepare(walk: Walk, table: Table, dtype: np.dtype[Any]) -> Filler:
    """Return what writes values of a table; the contract, and the bits, are those of ``numpy_runner``."""
    pattern = NO_PATTERN if walk.pattern is None else walk.pattern
    way = np.concatenate([np.array([walk.length, walk.stride]), walk.rows])
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
        wide = (way, pattern, table.rows, np.array(numbers), np.array([2.0**table.exponent]))
        return lambda out, start, key: fill64(out, start, *key, *wide)
    found = _line(table)
    numbers += [table.slope_shift, dtype == np.float16, *(found.integers() if found else ())]
    integers = np.array(numbers, dtype=np.int64).astype(np.int32)  # what is past 32 bits wraps, as sums do
    entries = table.rows.view(np.int64).reshape(-1)  # base and slope of a row in one load
    narrow = (way, pattern, entries, integers, np.array([2.0**table.exponent], dtype=np.float32))
    if dtype == np.float32:
        return lambda out, start, key: fill32(out, start, *key, *narrow)
    if dtype == np.complex64:
        return lambda out, start, key: fill_complex(out.view(np.float32), start, *key, *narrow)
    if dtype.itemsize == 2:  # noqa: PLR2004  # bfloat16 or float16
        return lambda out, start, key: fill16(out.view(np.uint16), start, *key, *narrow)

    def fill_narrowest(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        scratch = np.empty(min(SCRATCH, out.size), dtype=np.float32)
        with np.errstate(all="ignore"):  # the settings of the process are no business of a draw
            for begin in range(0, out.size, SCRATCH):
                part = scratch[: min(SCRATCH, out.size - begin)]
                fill32(part, start + begin, *key, *narrow)
                out[begin : begin + part.size] = part

    return fill_narrowest
