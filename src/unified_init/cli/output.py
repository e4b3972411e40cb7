"""What all commands share: how a result is shown, and how an error ends a command."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import unified_init as ui
from unified_init.core import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["errors", "examples", "show"]


def examples(*lines: str) -> str:
    """Return the end of a command's help; the tests run each line."""
    return "\b\n" + "\n".join(["Example:", *(f"  {line}" for line in lines)])


def show(text: str, tree: object, *, as_json: bool) -> None:
    """Print a result for people, or for programs."""
    import typer  # the extra `cli`

    typer.echo(json_text.written(tree, 1) if as_json else text)


@contextlib.contextmanager
def errors() -> Iterator[None]:
    """Print an error of ours, or of the system, in one line, and end with status 2."""
    import typer  # the extra `cli`

    try:
        yield
    except (ui.UnifiedInitError, OSError) as error:
        typer.echo(" ".join(str(error).split("\n")), err=True)
        raise typer.Exit(2) from error
