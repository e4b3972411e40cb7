"""The compiled runner: hands a table's program to ``c_runner.c`` by ctypes, which releases the GIL.

Only ``host`` imports it. Importing it fails, with the reason, where the library cannot be used: no compiler
was there at installation, or the library was compiled from another source than the one beside it.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import numpy_runner
from unified_init.stream.dtypes import name_of
from unified_init.stream.line import line
from unified_init.stream.memory import address_of
from unified_init.stream.steps import Steps
from unified_init.stream.threefry import name_counter
from unified_init.stream.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.stream.runner import Filler, Runner, Writer
    from unified_init.stream.table import Table

__all__ = ["INSTRUCTION_SETS", "named_key", "prepare", "runner_of", "values32", "writer"]

SOURCE = Path(__file__).with_name("c_runner.c")
# Not c_runner.so, which Python would import as a module of that name.
LIBRARY = SOURCE.with_name("lib_c_runner" + {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so"))
SETS = ("baseline", "avx2", "avx512")  # all that the source is compiled for, each with those before it
FORMATS = {"float32": 0, "float16": 1, "bfloat16": 2, "float64": 3, "complex64": 4}  # as in c_runner.c
SCRATCH = 1 << 14  # float32 values at a time on the way to a type that NumPy converts to: 64 KiB

# Tables compare by identity; those of equal laws are one object.
_cached_line = functools.lru_cache(maxsize=32)(line)


def _loaded() -> ctypes.CDLL:
    """Return the library of ``c_runner.c``.

    Raises:
        ImportError: there is none, or it is not of this source.
    """
    if not LIBRARY.exists():
        msg = "it was not compiled when the package was installed"
        raise ImportError(msg)
    try:
        library = ctypes.CDLL(str(LIBRARY))
        digest = ctypes.c_char_p(ctypes.addressof(ctypes.c_char.in_dll(library, "source_digest"))).value
        # Some packagers leave out what is no Python and no library.
        source = SOURCE.read_bytes() if SOURCE.exists() else None
    except (OSError, ValueError) as error:
        msg = f"it does not load ({error})"
        raise ImportError(msg) from error
    if source is not None and digest != hashlib.sha256(source).hexdigest().encode():
        msg = f"{LIBRARY} was compiled from another c_runner.c than the one beside it"
        raise ImportError(msg)
    return library


class Half(ctypes.Structure):
    """A half of a line, as in c_runner.c."""

    _fields_ = tuple(
        (name, ctypes.c_int64) for name in ("knot", "slope", "first", "step", "upward", "rise", "start")
    )


class Plan(ctypes.Structure):
    """All that does not depend on the key, as in c_runner.c."""

    _fields_ = (
        ("length", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("rows", ctypes.c_void_p),
        ("pattern", ctypes.c_void_p),
        ("table", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("tail_shift", "tail_or", "bias", "upper_rows", "upper_xor")),
        *((name, ctypes.c_int64) for name in ("upper_add", "slope_shift", "least", "most")),
        ("unit", ctypes.c_double),
        ("format", ctypes.c_int64),
        ("is_line", ctypes.c_int64),
        ("drop", ctypes.c_int64),
        ("lower", Half),
        ("upper", Half),
        ("units", ctypes.c_void_p),
    )


_library = _loaded()
_library.widest_set.restype = ctypes.c_int
_block = _library.block
_block.argtypes = [ctypes.c_uint32] * 4
_block.restype = ctypes.c_uint64
# Those that this processor has, and for which the compiler could compile: the last is the fastest.
INSTRUCTION_SETS = tuple(
    name for name in SETS[: _library.widest_set() + 1] if hasattr(_library, f"fill_{name}")
)


def named_key(root: tuple[int, int], name: str) -> tuple[int, int]:
    """Return the key of a name under a root key, as ``threefry.named_key`` does."""
    return divmod(_block(*root, *name_counter(name)), 1 << 32) if name else root


def _plan(walk: Walk, table: Table, dtype: np.dtype[Any]) -> Plan:
    # The filler keeps the walk and the table, whose arrays are pointed to.
    plan = Plan(
        length=walk.length, stride=walk.stride, rows=walk.rows.ctypes.data,
        pattern=None if walk.pattern is None else walk.pattern.ctypes.data, table=table.rows.ctypes.data,
        tail_shift=table.tail_shift, tail_or=table.tail_or, bias=table.bias, upper_rows=table.upper_rows,
        upper_xor=table.upper_xor, upper_add=table.upper_add, slope_shift=table.slope_shift,
        least=table.least, most=table.most, unit=table.unit, format=FORMATS[name_of(dtype)],
        units=None if table.units is None else table.units.ctypes.data,
    )  # fmt: skip
    if dtype != np.float64 and (table_line := _cached_line(table)) is not None:
        plan.is_line, plan.drop = 1, table_line.drop
        plan.lower = Half(*dataclasses.astuple(table_line.lower))
        plan.upper = Half(*dataclasses.astuple(table_line.upper))
    return plan


def runner_of(instruction_set: str) -> Runner:
    """Return the runner that uses one of ``INSTRUCTION_SETS``; contract and bits are ``numpy_runner``'s."""
    function = getattr(_library, f"fill_{instruction_set}")
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint32, ctypes.c_uint32,
    ]  # fmt: skip
    function.restype = None
    return functools.partial(_prepare, function)


def values32(table: Table, word: NDArray[np.uint32], instruction_set: str) -> NDArray[np.float32]:
    """Return the float32 values of 32-bit words, as ``numpy_runner.values32`` does."""
    no_walk = Walk(np.zeros(1, np.int64), 1, 1, None)
    plan = _plan(no_walk, table, np.dtype(np.float32))
    function = getattr(_library, f"values_{instruction_set}")
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
    function.restype = None
    words = np.ascontiguousarray(word)
    out = np.empty(words.shape, dtype=np.float32)
    function(ctypes.addressof(plan), words.ctypes.data, words.size, out.ctypes.data)
    return out


def _prepare(function: Callable[..., None], walk: Walk, table: Table | Steps, dtype: np.dtype[Any]) -> Filler:
    if isinstance(table, Steps):  # a few comparisons a value, of which NumPy is fast enough
        return numpy_runner.prepare(walk, table, dtype)
    if name_of(dtype) not in FORMATS:
        return _narrowest(_prepare(function, walk, table, np.dtype(np.float32)))
    plan = _plan(walk, table, dtype)
    arrays = (walk, table)
    address = ctypes.addressof(plan)
    is_foreign = name_of(dtype) == "bfloat16"  # a type of ml_dtypes, of which NumPy exports no buffer

    def fill(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        if out.size:  # an empty array has no address to ask for
            function(address, address_of(out.view(np.uint16) if is_foreign else out), start, out.size, *key)
        _ = plan, arrays  # which the function reads

    return fill


def writer(walk: Walk, table: Table, dtype: np.dtype[Any], count: int) -> Writer | None:
    """Return the function that draws all values at an address; None for a type that NumPy converts to."""
    if name_of(dtype) not in FORMATS:
        return None
    plan = _plan(walk, table, dtype)
    arrays = (walk, table)
    plan_address = ctypes.addressof(plan)

    def write(address: int, seed: int, name: str) -> None:
        # Its first bytes are the counter of the name, as in ``threefry.name_counter``.
        digest = hashlib.sha256(name.encode()).digest() if name else None
        _draw(plan_address, address, count, seed, digest)
        _ = plan, arrays  # which the function reads

    return write


def _narrowest(fill32: Filler) -> Filler:
    """Return the filler of a type that NumPy converts to."""

    def fill(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        scratch = np.empty(min(SCRATCH, out.size), dtype=np.float32)
        with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
            for begin in range(0, out.size, SCRATCH):
                part = scratch[: min(SCRATCH, out.size - begin)]
                fill32(part, start + begin, key)
                out[begin : begin + part.size] = part

    return fill


_draw = getattr(_library, f"draw_{INSTRUCTION_SETS[-1]}")
_draw.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64, ctypes.c_char_p]
_draw.restype = None
prepare = runner_of(INSTRUCTION_SETS[-1])
