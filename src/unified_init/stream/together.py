"""Runs one function in several threads at once, of which this thread is one."""

from __future__ import annotations

import _thread
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["together"]


def together(work: Callable[[], None], count: int, *, stop: Callable[[], None]) -> None:
    """Run a function here and in other threads, and return when none of them runs it any more.

    The threads are bare ones. To start a ``threading.Thread`` is to wait until it runs, which takes as long
    as tens of thousands of draws; on a busy machine a thread may also come late, when nothing is left to do.

    Args:
        work: the function. In another thread nobody sees what it raises.
        count: the number of other threads. At the limit of the process, or as the interpreter ends, fewer are
            started.
        stop: makes the function end soon. It is called where this thread is interrupted.
    """
    running: list[_thread.LockType] = []  # one lock per thread that has begun, which holds it until it ends
    is_over: list[bool] = []

    def help_out() -> None:
        lock = _thread.allocate_lock()
        with lock:
            running.append(lock)
            if not is_over:  # else nobody waits for this thread
                work()

    try:
        with contextlib.suppress(RuntimeError):
            for _ in range(count):
                _thread.start_new_thread(help_out, ())
        work()
        is_over.append(True)
        _wait(running)
    except BaseException:  # Ctrl-C: once it is raised, no thread may work any more
        stop()
        is_over.append(True)
        _wait(running)
        raise


def _wait(locks: Sequence[_thread.LockType]) -> None:
    """Wait until all locks are free; an interrupt is raised after that."""
    interrupts: list[BaseException] = []
    while True:
        try:
            for lock in locks:
                with lock:
                    pass
            break
        except BaseException as error:  # noqa: BLE001  # it is raised below
            interrupts.append(error)
    if interrupts:
        raise interrupts[0]
