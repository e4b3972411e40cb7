"""Running a program on the host: buffers, threads, and the choice of a runner."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.stream import numpy_runner, polar, threefry
from unified_init.stream.memory import address_of
from unified_init.stream.polar import PolarTable
from unified_init.stream.table import Table
from unified_init.stream.together import together
from unified_init.stream.walk import Walk, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.indexmap import IndexMap
    from unified_init.stream.runner import Filler, Runner, Writer
    from unified_init.stream.tables import AnyTable

__all__ = [
    "HostRunner",
    "aligned",
    "aligned_empty",
    "c_fault",
    "check_axes",
    "default_runner",
    "draw_alone",
    "fill",
    "named_key",
    "one_call",
    "ready",
    "reserve",
    "runner_name",
    "scratch",
    "thread_count",
]  # fmt: skip

# Below this many elements a second thread costs more than it saves: parts of 2**18 values took a tenth less
# time with it, and a third more of the processors (``benchmarks/run.py index``).
THREADS_FROM = 3 << 17
# Pieces per thread: many, so that the last thread to finish has little left to do. The reference allocates
# its scratch for each piece, so it is faster with fewer.
PIECES, REFERENCE_PIECES = 32, 4
PIECE = 1 << 17  # values of a piece of a tensor that is not large; half of it at least
UNINTERRUPTED = 1 << 22  # values that one thread draws alone before it looks for Ctrl-C: some milliseconds
ALIGNMENT = 64  # bytes: what frameworks ask of a buffer that they alias
# Bytes of scratch per value of a block, of the reference, which takes more than the C runner.
SCRATCH32, SCRATCH64 = 128, 320
WIDE = (np.dtype(np.float64), np.dtype(np.complex128))
SCARCE = 1 << 20  # bytes; less is not asked for ahead


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialized array whose buffer frameworks can alias: 64-byte aligned."""
    return aligned(shape, dtype)[0]


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[NDArray[Any], int]:
    """Return such an array and the address of its first value."""
    size = math.prod(shape) * dtype.itemsize
    try:
        buffer = np.empty(size + ALIGNMENT, dtype=np.uint8)
        address = address_of(buffer)
        start = -address % ALIGNMENT
        return np.ndarray(shape, dtype, buffer, start), address + start
    except (MemoryError, ValueError, OverflowError) as error:
        msg = f"a tensor of shape {shape} takes {size} bytes, which cannot be allocated: {error}"
        raise ArgumentValueError(msg) from None


@functools.lru_cache(maxsize=64)  # an error is not kept
def check_axes(shape: tuple[int, ...]) -> None:
    """Refuse a shape that no array of NumPy can have, though nothing may be allocated."""
    try:
        np.broadcast_to(np.float64(0), shape)  # the widest element of a host's scratch
    except ValueError as error:
        msg = f"no array can have the shape {shape}: {error}"
        raise ArgumentValueError(msg) from None


def reserve(size: int, shape: tuple[int, ...]) -> None:
    """Refuse a draw that needs more memory than there is, before a generator is advanced.

    Args:
        size: the bytes that will be needed beside the tensor.
        shape: the tensor's, for the message.
    """
    if size < SCARCE:
        return
    try:
        np.empty(size, dtype=np.uint8)  # given back at once, and never touched
    except (MemoryError, ValueError, OverflowError) as error:
        msg = f"to draw a tensor of shape {shape} takes {size} more bytes, which cannot be allocated: {error}"
        raise ArgumentValueError(msg) from None


def scratch(size: int, itemsize: int) -> int:
    """Return how many bytes the blocks of an independent draw take, of all threads together."""
    values = min(size, numpy_runner.BLOCK * thread_count())
    return values * (SCRATCH64 if itemsize >= 8 else SCRATCH32)  # noqa: PLR2004


def fill(
    out: NDArray[Any],
    *,
    index: IndexMap,
    key: tuple[int, int],
    table: AnyTable,
    runner: Runner | None = None,
) -> None:
    """Draw into ``out``, a C-contiguous array of the index map's shape."""
    ready(out, index=index, table=table, runner=runner)(key)


def ready(
    out: NDArray[Any], *, index: IndexMap, table: AnyTable, runner: Runner | None = None
) -> Callable[[tuple[int, int]], None]:
    """Return the function of a key that draws into ``out``. Memory that it needs is asked for before.

    A polar table has one runner, whichever is given.
    """
    flat = out.reshape(-1)
    parts = 1
    if isinstance(table, PolarTable):
        runner = polar.prepare
    elif flat.dtype == np.complex128:  # drawn as float64 with counters 2i and 2i + 1
        flat, parts = flat.view(np.float64), 2
    way = None
    if flat.size >= THREADS_FROM:
        way = _walk(index, parts)
        reserve(scratch(flat.size, flat.dtype.itemsize) + 2 * way.rows.nbytes, out.shape)

    def draw(key: tuple[int, int]) -> None:
        _run(flat, index, parts, way, key, table, runner or default_runner().prepare)

    return draw


def one_call(index: IndexMap, table: AnyTable, dtype: np.dtype[Any]) -> Writer | None:
    """Return the function that draws a small tensor at an address of memory by one call of a runner.

    None where more than that is needed: threads, conversions by NumPy, a runner that takes arrays only.
    """
    size, writer = index.size, default_runner().writer
    if (
        not isinstance(table, Table)
        or writer is None
        or not 0 < size < THREADS_FROM
        or dtype.itemsize > np.dtype(np.complex64).itemsize
    ):
        return None
    return writer(_walk(index, 1), table, dtype, size)


def _run(
    flat: NDArray[Any],
    index: IndexMap,
    parts: int,
    way: Walk | None,
    key: tuple[int, int],
    table: AnyTable,
    runner: Runner,
) -> None:
    # Fillers of 64-bit draws are not cached: each would keep a table of one or two megabytes.
    if way is None and flat.dtype not in WIDE:
        run = _prepare_cached(runner, index, parts, table, flat.dtype)
    else:
        run = runner(_walk(index, parts) if way is None else way, table, flat.dtype)
    threads = 1 if way is None else thread_count()
    if threads == 1:
        for start in range(0, flat.size, UNINTERRUPTED):
            run(flat[start : start + UNINTERRUPTED], start, key)
    else:
        pieces = threads * (REFERENCE_PIECES if runner is numpy_runner.prepare else PIECES)
        _share(run, flat, key, threads, pieces)


def _share(run: Filler, flat: NDArray[Any], key: tuple[int, int], threads: int, pieces: int) -> None:
    """Fill with several threads. This thread, which runs already, is one of them."""
    # A thread takes one piece of a small tensor: each call of a runner costs.
    step = max(PIECE // 2, min(-(-flat.size // threads), PIECE), -(-flat.size // pieces))
    starts = [*range(0, flat.size, step)]
    errors: list[BaseException] = []

    def work() -> None:
        while True:
            try:
                start = starts.pop()
            except IndexError:  # no piece is left
                return
            try:
                run(flat[start : start + step], start, key)
            except MemoryError:  # the threads themselves took it: one alone has enough, which was reserved
                starts.append(start)
                return
            except BaseException as error:  # noqa: BLE001  # it is raised below, in the thread that draws
                errors.append(error)
                starts.clear()  # the others finish what they have begun
                return

    together(work, min(threads, len(starts)) - 1, stop=starts.clear)
    if errors:
        raise errors[0]
    for start in starts:
        run(flat[start : start + step], start, key)


def _walk(index: IndexMap, parts: int) -> Walk:
    """Return the walk of a tensor, which must list as many indices as it has values."""
    way = walk(index, parts=parts)
    if index.size and way.rows.size * way.length != index.size * parts:
        # A fault of ours, found before a runner reads or writes past an array.
        msg = f"the walk of {index} has {way.rows.size} x {way.length} indices, not {index.size} x {parts}"
        raise AssertionError(msg)
    return way


# For the next small tensor of that shape and law. Each filler keeps a table, half a megabyte at most.
@functools.lru_cache(maxsize=64)
def _prepare_cached(
    runner: Runner, index: IndexMap, parts: int, table: AnyTable, dtype: np.dtype[Any]
) -> Filler:
    """Return the filler of one shape and law."""
    return runner(_walk(index, parts), table, dtype)


_this_thread = threading.local()


def draw_alone() -> None:
    """Let no draw of this thread use others: for the threads of a pool, each of which draws."""
    _this_thread.is_alone = True


def thread_count() -> int:
    """Threads for one draw: UNIFIED_INIT_NUM_THREADS, else the CPUs this process may use."""
    if getattr(_this_thread, "is_alone", False):
        return 1
    setting = os.environ.get("UNIFIED_INIT_NUM_THREADS", "")
    if setting.isdecimal() and int(setting[:5]) > 0:
        return int(setting[:5])
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def named_key(root: tuple[int, int], name: str) -> tuple[int, int]:
    """Return the key of a name under a root key."""
    return default_runner().named_key(root, name)


@dataclasses.dataclass(frozen=True, slots=True)
class HostRunner:
    """The runner that draws in this process, and its name for people."""

    name: str
    prepare: Runner
    named_key: Callable[[tuple[int, int], str], tuple[int, int]]
    writer: Callable[[Walk, Table, np.dtype[Any], int], Writer | None] | None = None


def default_runner() -> HostRunner:
    """Return the C runner, or the reference where there is none, which is said once."""
    runner, fault = _choice()
    if fault and not _told:
        _told.append(fault)
        message = f"no compiled runner: {fault}. Drawing in NumPy, with the same bits, several times slower."
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return runner


_told: list[str] = []


def c_fault() -> str | None:
    """Return why there is no compiled runner; None if there is one."""
    return _choice()[1] or None


def runner_name() -> str:
    """Return the name of the runner that draws here, with the reason where that is the reference."""
    runner, fault = _choice()
    return f"{runner.name}; no compiled runner: {fault}" if fault else runner.name


@functools.cache  # an interrupt leaves the function, and is not kept
def _choice() -> tuple[HostRunner, str]:
    """Return the runner, and why it is not the C runner."""
    try:
        from unified_init.stream import c_runner  # noqa: PLC0415  # it loads a library, for draws alone
    except ImportError as error:
        return HostRunner("NumPy", numpy_runner.prepare, threefry.named_key), str(error)
    name = f"C, {c_runner.INSTRUCTION_SETS[-1]}"
    return HostRunner(name, c_runner.prepare, c_runner.named_key, c_runner.writer), ""
