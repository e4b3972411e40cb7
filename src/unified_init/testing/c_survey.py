"""The compiled statistics of an audit: hands tensors to ``c_survey.c`` by ctypes, which releases the GIL.

Only ``compiled`` imports it. Importing it fails where the library of the C runner cannot be used, or has the
statistics of another source than the one beside it; then those of NumPy are used, which are the same.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import hashlib
import itertools
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream.c_runner import INSTRUCTION_SETS, LIBRARY
from unified_init.stream.dtypes import name_of
from unified_init.testing.figures import Figures, lag_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.testing.cells import Cells

__all__ = ["KERNELS", "KINDS", "Kernels", "kernels_of"]

SOURCE = Path(__file__).with_name("c_survey.c")
KINDS = {"float32": 0, "bfloat16": 1, "float16": 2}  # as in c_survey.c
CODES = 3
NEGATIVE_ZERO = {2: 0x8000, 4: 0x80000000}  # by the bytes of a pattern
ALIGNMENT = 64  # bytes, of each part of the scratch
TWO, SIX = ctypes.c_double * 2, ctypes.c_double * 6  # results
ALL = 1 << 32  # a limit that no mark reaches
SPARE, LEAST = 3, 10  # bits of a cell beyond those of the number of hashes; of a cell


def _loaded() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(LIBRARY))
        digest = ctypes.c_char_p(ctypes.addressof(ctypes.c_char.in_dll(library, "survey_digest"))).value
        source = SOURCE.read_bytes() if SOURCE.exists() else None
    except (OSError, ValueError) as error:
        raise ImportError(str(error)) from error
    if source is not None and digest != hashlib.sha256(source).hexdigest().encode():
        msg = f"{LIBRARY} was compiled from another c_survey.c than the one beside it"
        raise ImportError(msg)
    return library


class Survey(ctypes.Structure):
    """A tensor and the cells of its law, as in c_survey.c."""

    _fields_ = (
        *((name, kind) for name, kind in (("values", ctypes.c_void_p), ("kind", ctypes.c_int64))),
        ("size", ctypes.c_int64),
        ("shape", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("ranks", ctypes.c_void_p),
        ("offset", ctypes.c_double),
        ("factor", ctypes.c_double),
        ("cells", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("grades", "below", "first", "both", "second")),
        ("lags", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("counts", "centred", "rest")),
        *((name, ctypes.c_void_p) for name in ("goodness", "serial", "neighbors", "spreads")),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of one instruction set. Arrays are contiguous, in the order of storage."""

    _head: Callable[..., None]
    _moments: Callable[..., None]
    _survey: Callable[..., None]
    _different16: Callable[..., int]
    _words: Callable[..., None]
    _repeated: Callable[..., int]
    _twice: Callable[..., int]
    _repeated_at: Callable[..., int]

    def takes(self, values: NDArray[Any]) -> bool:
        """Whether values can be handed over as they are; else ``figures`` and ``repeated`` take integers."""
        return name_of(values.dtype) in KINDS and values.dtype.isnative and values.flags.aligned

    def moments(self, flat: NDArray[Any], middle: float, inverse: float) -> tuple[float, ...]:
        """Return the ends of values, and the sums of the first four powers of (value - middle) * inverse.

        The sum of squares of values that are not all finite is not finite.
        """
        out = SIX()
        self._moments(_address(flat), KINDS[name_of(flat.dtype)], flat.size, middle, inverse, out)
        return tuple(out)

    def figures(self, sample: NDArray[Any], cells: Cells, law: Law) -> Figures:
        """Return what ``numpy_figures`` does."""
        kind = KINDS[name_of(sample.dtype)] if self.takes(sample) else CODES
        values = sample if kind != CODES else np.ascontiguousarray(cells.of(sample, law), dtype=np.int32)
        rank, lags = sample.ndim, lag_count(sample.size)
        shape = (ctypes.c_int64 * rank)(*sample.shape)
        sizes = (4 * cells.grades.size, 4 * sample.size, 4 * sample.size + 8)
        counts, centred, rest = _parts(sizes)
        out = (ctypes.c_double * (2 + lags + 2 * rank))()
        results = ctypes.addressof(out)
        survey = Survey.from_buffer_copy(_with_cells(cells))
        survey.values, survey.kind, survey.size = _address(values), kind, sample.size
        survey.shape, survey.rank, survey.lags = ctypes.addressof(shape), rank, lags
        survey.offset, survey.factor = law.loc + cells.low * law.scale, cells.per_unit / law.scale
        survey.counts, survey.centred, survey.rest = counts, centred, rest
        survey.goodness, survey.serial = results, results + 16
        survey.neighbors, survey.spreads = results + 8 * (2 + lags), results + 8 * (2 + lags + rank)
        self._survey(ctypes.addressof(survey))
        distance, integral, *products = out
        return _standardized(distance, integral, products, sample.shape)

    def head(self, flat: NDArray[Any]) -> tuple[float, float]:
        """Return the mean and the std of values."""
        out = TWO()
        self._head(_address(flat), KINDS[name_of(flat.dtype)], flat.size, out)
        return out[0], math.sqrt(out[1])

    def different(self, flat: NDArray[Any]) -> int:
        """Return how many values differ, of a type of 16 bits; none is NaN."""
        return self._different16(_address(flat), flat.size)

    def twice(self, flat: NDArray[np.float32], first: int) -> tuple[int, NDArray[np.uint32]]:
        """Return how many of the first values differ, and the positions of all that are there twice.

        There may be few other positions among them. No value is NaN.
        """
        bits = _set_bits(flat.size)
        sets, scratch = _parts((2 << bits - 3, 4 * 5 * flat.size + 8))
        positions, number = np.empty(flat.size, dtype=np.uint32), ctypes.c_int64()
        count = self._twice(
            _address(flat), flat.size, first, bits, sets, scratch, _address(positions), ctypes.byref(number)
        )
        return number.value, positions[:count].copy()

    def repeated_at(
        self, words: NDArray[Any], length: int, twice: NDArray[np.uint32], *, is_reversed: bool
    ) -> int:
        """Return how many runs of a length occur twice, where positions hold all values that do."""
        shape, size = words.shape if is_reversed else (words.size,), words.size
        set_, scratch = _parts(((size + length) // 8 + 16, 4 * (8 * size + length)))
        sizes = (ctypes.c_int64 * len(shape))(*shape)
        return self._repeated_at(
            _address(words), sizes, len(shape), length, _address(twice), twice.size, set_, scratch
        )

    def repeated(self, words: NDArray[Any], length: int, most: int | None, *, is_reversed: bool) -> int:
        """Return how many runs of a length occur twice, as ``dependence`` does.

        Args:
            words: of 2 or 4 bytes; those of -0.0 count as 0.0 where they are floats.
            length: of a run.
            most: about how many runs are compared; None is all.
            is_reversed: whether the axes are, so that columns are runs.
        """
        bytes_, size = words.dtype.itemsize, words.size
        zero = 0 if words.dtype.kind in "iu" else NEGATIVE_ZERO[bytes_]
        runs = size - length + 1
        most = most or runs
        bits = _set_bits(min(runs, most))
        plain, sets, scratch = _parts((4 * size, 2 << bits - 3, 4 * 8 * size + 8))
        shape = words.shape if is_reversed else (size,)
        self._words(_address(words), bytes_, zero, (ctypes.c_int64 * len(shape))(*shape), len(shape), plain)
        limit = ALL if runs <= most else int(most / runs * ALL)
        return self._repeated(plain, size, length, limit, bits, sets, scratch)


def _set_bits(size: int) -> int:
    """Return of how many cells, as a power of two, few hashes of so many share one."""
    return max(size.bit_length() + SPARE, LEAST)


@dataclasses.dataclass
class _Scratch(threading.local):
    """Memory that each thread keeps from one tensor to the next, because new pages take long."""

    buffer: NDArray[np.uint8] = dataclasses.field(default_factory=lambda: np.empty(0, np.uint8))
    start: int = 0  # the first address in it that is aligned


_scratch = _Scratch()


def _parts(sizes: tuple[int, ...]) -> list[int]:
    """Return the addresses of scratch of so many bytes each, which the next call of this thread reuses."""
    ends = [*itertools.accumulate((-(-size // ALIGNMENT) * ALIGNMENT for size in sizes), initial=0)]
    if _scratch.buffer.size < ends[-1] + ALIGNMENT:
        _scratch.buffer = np.empty(ends[-1] + ALIGNMENT, dtype=np.uint8)
        address = _address(_scratch.buffer)
        _scratch.start = address + -address % ALIGNMENT
    return [_scratch.start + end for end in ends[:-1]]


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]  # half of what ``array.ctypes.data`` takes
    return address


@functools.lru_cache(maxsize=64)
def _with_cells(cells: Cells) -> Survey:
    """Return what does not depend on a tensor. The cells are kept as long as this is."""
    first, both, second = cells.weights
    return Survey(
        ranks=None if cells.ranks is None else cells.ranks.ctypes.data, cells=cells.grades.size,
        grades=cells.grades.ctypes.data, below=cells.below.ctypes.data, first=first.ctypes.data,
        both=both.ctypes.data, second=second.ctypes.data,
    )  # fmt: skip


def _standardized(distance: float, integral: float, products: list[float], shape: tuple[int, ...]) -> Figures:
    """Return sums of products as correlations in their standard errors, and deviations as those of means."""
    size, rank, lags = math.prod(shape), len(shape), len(products) - 2 * len(shape)
    axes = [axis for axis, length in enumerate(shape) if length > 1]
    serial = [total / math.sqrt(size - (1 << lag)) for lag, total in enumerate(products[:lags])]
    neighbors = [
        total / math.sqrt(size - size // shape[axis])
        for axis, total in zip(axes[:-1], products[lags:], strict=False)
    ]
    spreads = [
        (axis, shape[axis], total / (size // shape[axis]))
        for axis, total in zip(axes, products[lags + rank :], strict=False)
    ]
    return Figures(distance, integral, serial, neighbors, spreads)


_library = _loaded()
_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64
SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "head": (None, (_POINTER, _INTEGER, _INTEGER, _POINTER)),
    "moments": (None, (_POINTER, _INTEGER, _INTEGER, ctypes.c_float, ctypes.c_float, _POINTER)),
    "survey": (None, (_POINTER,)),
    "different16": (_INTEGER, (_POINTER, _INTEGER)),
    "words": (None, (_POINTER, _INTEGER, ctypes.c_uint32, _POINTER, _INTEGER, _POINTER)),
    "repeated": (
        _INTEGER, (_POINTER, _INTEGER, _INTEGER, ctypes.c_uint64, _INTEGER, _POINTER, _POINTER),
    ),
    "twice": (
        _INTEGER,
        (_POINTER, _INTEGER, _INTEGER, _INTEGER, _POINTER, _POINTER, _POINTER, ctypes.c_void_p),
    ),
    "repeated_at": (
        _INTEGER,
        (_POINTER, _POINTER, _INTEGER, _INTEGER, _POINTER, _INTEGER, _POINTER, _POINTER),
    ),
}  # fmt: skip


def kernels_of(instruction_set: str) -> Kernels:
    """Return the functions for one of ``INSTRUCTION_SETS``."""
    functions = []
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(_library, f"{name}_{instruction_set}")
        function.restype, function.argtypes = result, arguments
        functions.append(function)
    return Kernels(*functions)


KERNELS = kernels_of(INSTRUCTION_SETS[-1])
