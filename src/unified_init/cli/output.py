"""What all commands share: options, how a result is shown, and how an error ends a command."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import unified_init as ui
from unified_init.core import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["LARGEST_SEED", "completion", "errors", "examples", "json_option", "show"]

LARGEST_SEED = 2**64 - 1


def json_option() -> Any:  # noqa: ANN401  # typer is imported on demand
    """Return the option ``--json`` of every command that has a result."""
    import typer  # the extra `cli`

    return typer.Option("--json", help="Print the result as JSON, and nothing else.")


def completion(words: Callable[[], Sequence[str]]) -> Callable[[str], list[str]]:
    """Return what completes one of some words in a shell; they are asked for then."""
    return lambda incomplete: [word for word in words() if word.startswith(incomplete)]


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
