"""A progress bar of rich, which is imported when it is asked for."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from unified_init.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while bytes are written, and return what moves it on.

    Args:
        total: the bytes at its end.
    """
    state = random.getstate()  # an import of rich takes numbers from Python's generator
    try:
        from rich.console import Console  # the extra `cli`
        from rich.progress import (  # as above
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
    except ImportError as error:
        msg = (
            f"`progress=True` needs rich, which cannot be imported ({error}): "
            'install it with `pip install "unified-init[cli]"`, or pass a function of a number of bytes.'
        )
        raise BackendError(msg) from error
    finally:
        random.setstate(state)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)
