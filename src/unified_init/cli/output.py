"""What all commands share: how a result is shown, and how an error ends a command."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import unified_init as ui
from unified_init.core import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["errors", "examples", "show"]


def examples(*lines: str) -> str:
    """Return the end of a command's help; the tests run each line."""
    return "\b\n" + "\n".join(["Example:", *(f"  {line}" for line in lines)])


def show(text: str, tree: object, *, as_json: bool) -> None:
    """Print a result for people, or for programs."""
    import typer  # the extra `cli`

    typer.echo(json_text.written(tree, 1) if as_json else text)


@contextlib.contextmanager
def errors(**words: str) -> Iterator[None]:
    """Print an error of ours, or of the system, in one line, and end with status 2.

    Args:
        words: what a command calls arguments of the function behind it: ``overwrite="--overwrite"``.
    """
    import typer  # the extra `cli`

    try:
        yield
    except (ui.UnifiedInitError, OSError) as error:
        typer.echo(" ".join(_as_typed(str(error), words).split("\n")), err=True)
        raise typer.Exit(2) from error


def _as_typed(message: str, words: Mapping[str, str]) -> str:
    """Return a message of the library in the words of a command line: `--overwrite` for `overwrite=True`."""
    for name, word in words.items():
        message = re.sub(rf"\b{name}={{('[^']*'): ('[^']*')}}", _pair(word), message)
        message = re.sub(rf"\b{name}=True\b|\b{name}=(?=[,. ])", word, message)
        message = message.replace(f"`{name}`", f"`{word}`")
    return message


def _pair(word: str) -> Callable[[re.Match[str]], str]:
    """Return what writes a mapping of one entry as an option."""
    return lambda match: f"{word} {match[1][:-1]}={match[2][1:]}"
