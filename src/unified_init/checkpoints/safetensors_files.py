"""The layout of safetensors files, which are written in order and read in parts: safetensors does neither.

A file is the length of its header, the header as JSON, and the tensors behind each other. The header is, byte
for byte, the one that ``safetensors`` writes.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Box = tuple[tuple[int, ...], tuple[int, ...]]

__all__ = [
    "Entry",
    "boxes_between",
    "boxes_of",
    "header_of",
    "itemsize",
    "ordered",
    "read_header",
    "stored_dtype",
]

# Of NumPy's names, in the order in which safetensors sorts its types: the last come first in a file.
TYPES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "float8_e5m2": "F8_E5M2", "float8_e4m3fn": "F8_E4M3",
    "int16": "I16", "uint16": "U16", "float16": "F16", "bfloat16": "BF16", "int32": "I32", "uint32": "U32",
    "float32": "F32", "complex64": "C64", "float64": "F64", "int64": "I64", "uint64": "U64",
}  # fmt: skip
NAMES = {word: name for name, word in TYPES.items()}
RANKS = {name: rank for rank, name in enumerate(TYPES)}
ALIGNMENT = 8  # bytes: a header is padded with spaces
LENGTH = 8  # bytes of the header's own length
INTEGERS = (1, 2, 4, 8)  # bytes of NumPy's
LONGEST = 100_000_000  # bytes of a header, as safetensors has it


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A tensor in a file: where its values begin, counted from the end of the header."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    start: int

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) * itemsize(self.dtype)


def stored_dtype(dtype: str) -> np.dtype[Any]:
    """Return the NumPy type of a type's name."""
    return np.dtype(DTYPES[dtype].numpy if dtype in DTYPES else dtype)


def bit_patterns(width: int) -> np.dtype[Any]:
    """Return the type by which values of so many bytes are compared bit for bit.

    NumPy compares unsigned integers thirty times as fast as bytes that it knows nothing of.
    """
    return np.dtype(f"u{width}" if width in INTEGERS else f"V{width}")


def itemsize(dtype: str) -> int:
    """Return the bytes of a value; refuse a type that safetensors does not have."""
    if dtype not in TYPES:
        msg = f"`source` has a tensor of type {dtype}, which safetensors files cannot hold."
        raise ArgumentValueError(msg)
    return stored_dtype(dtype).itemsize


def ordered(tensors: Mapping[str, tuple[tuple[int, ...], str]]) -> tuple[Entry, ...]:
    """Return the entries of a file, by type and then by name, as safetensors lays them out."""
    entries, start = [], 0
    for path in sorted(tensors, key=lambda path: (-RANKS.get(tensors[path][1], 0), path.encode())):
        entry = Entry(path, *tensors[path], start)
        entries.append(entry)
        start += entry.size
    return tuple(entries)


def header_of(entries: Sequence[Entry], metadata: Mapping[str, str]) -> bytes:
    """Return the header of a file, with its length before it."""
    tree: dict[str, Any] = {"__metadata__": dict(metadata)}
    for entry in entries:
        ends = [entry.start, entry.start + entry.size]
        tree[entry.path] = {"dtype": TYPES[entry.dtype], "shape": list(entry.shape), "data_offsets": ends}
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(LENGTH, "little") + text


def read_header(path: Path) -> tuple[dict[str, str], tuple[Entry, ...], int]:
    """Return a file's metadata and entries, and where its tensors begin."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH), "little")
            if length > LONGEST:
                msg = f"its header has {length:,} bytes"
                raise ValueError(msg)  # noqa: TRY301  # said below, with the rest
            tree = json.loads(file.read(length))
            metadata = tree.pop("__metadata__", {})
            entries = [
                Entry(name, tuple(facts["shape"]), NAMES[facts["dtype"]], facts["data_offsets"][0])
                for name, facts in tree.items()
            ]
            end = LENGTH + length + max((facts["data_offsets"][1] for facts in tree.values()), default=0)
            if path.stat().st_size > end:
                msg = f"it has {path.stat().st_size - end:,} bytes after its tensors"
                raise ValueError(msg)  # noqa: TRY301  # as above
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        msg = f"{shown(str(path))} must be a safetensors file, and cannot be read as one: {reason}."
        raise ArgumentValueError(msg) from error
    return metadata, tuple(sorted(entries, key=lambda entry: entry.start)), LENGTH + length


def boxes_of(shape: tuple[int, ...], itemsize: int, most: int) -> Iterator[Box]:
    """Yield boxes of at most so many bytes that follow each other in memory, and are the whole tensor."""
    if 0 in shape:
        return
    axis, inner = len(shape), itemsize
    while axis > 0 and inner * shape[axis - 1] <= most:
        axis -= 1
        inner *= shape[axis]
    if axis == 0:
        yield (0,) * len(shape), shape
        return
    axis -= 1
    step = max(1, most // inner)
    for outer in itertools.product(*map(range, shape[:axis])):
        for first in range(0, shape[axis], step):
            last = min(first + step, shape[axis])
            start = (*outer, first, *(0,) * (len(shape) - axis - 1))
            yield start, (*(index + 1 for index in outer), last, *shape[axis + 1 :])


def boxes_between(shape: tuple[int, ...], first: int, last: int) -> Iterator[Box]:
    """Yield the boxes that are a tensor's values from one position in memory to before another, in order.

    They are few: a part of a row at either end, the whole rows between, and the same inside of such a part.
    """
    if first >= last:
        return
    if not shape:
        yield (), ()
        return
    inner = math.prod(shape[1:])
    (top, begin), (bottom, end) = divmod(first, inner), divmod(last, inner)
    if top == bottom:
        yield from _inside(top, shape[1:], begin, end)
        return
    if begin:
        yield from _inside(top, shape[1:], begin, inner)
        top += 1
    if top < bottom:
        yield (top, *(0,) * (len(shape) - 1)), (bottom, *shape[1:])
    yield from _inside(bottom, shape[1:], 0, end)


def _inside(index: int, shape: tuple[int, ...], first: int, last: int) -> Iterator[Box]:
    """Yield the boxes of one index of the first axis."""
    for start, stop in boxes_between(shape, first, last):
        yield (index, *start), (index + 1, *stop)
