"""The compiled statistics where they can be used, and how jobs that release the GIL share the processors."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

from unified_init.stream.host import thread_count
from unified_init.stream.together import together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unified_init.testing.c_survey import Kernels

__all__ = ["compiled", "in_threads"]

Result = TypeVar("Result")


@functools.cache
def compiled() -> Kernels | None:
    """Return the compiled statistics; None where they were not compiled."""
    try:
        from unified_init.testing.c_survey import KERNELS  # noqa: PLC0415  # it loads a library
    except ImportError:
        return None
    return KERNELS


def in_threads(jobs: Sequence[Callable[[], Result]]) -> list[Result]:
    """Return what functions return that release the GIL, several of which run at once."""
    results: dict[int, Result] = {}
    errors: list[BaseException] = []
    numbers = [*range(len(jobs))]

    def work() -> None:
        while True:
            try:
                number = numbers.pop(0)
            except IndexError:  # none is left
                return
            try:
                results[number] = jobs[number]()
            except BaseException as error:  # noqa: BLE001  # it is raised below, in the thread that asked
                errors.append(error)
                numbers.clear()
                return

    together(work, min(thread_count(), len(jobs)) - 1, stop=numbers.clear)
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(jobs))]
