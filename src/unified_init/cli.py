"""The command line: ``unified-init demo`` shows what ``unified_init.demo`` measures.

It needs the extra ``cli`` (typer and rich), which is imported when a command runs.
"""

# No `from __future__ import annotations`: typer evaluates the annotations of a command, and those below
# name local variables, which it could not reach from a string.

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import unified_init as ui
from unified_init.demo import (
    BACKENDS,
    INSTALL,
    DemoModel,
    Outcome,
    load,
    measure,
    missing_message,
    select,
    start,
    verdict,
)

if TYPE_CHECKING:
    import typer

__all__ = ["application", "main"]


def _measured(model: DemoModel, backends: Sequence[str], *, seed: int) -> list[Outcome]:
    """Measure all backends behind a progress bar and print the table of times."""
    from rich.console import Console  # the extra `cli`
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # as above
    from rich.table import Table  # as above

    table = Table("backend", title=f"{model.name}, seed {seed}")
    for heading in ("start-up", "drawing", "values a second"):
        table.add_column(heading, justify="right")
    table.add_column("SHA-256")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # What frameworks say on standard error when they are imported shall not break the bar.
    startups = {backend: start(backend) for backend in backends}
    outcomes = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for backend in backends:
            task = progress.add_task(backend, total=model.size)
            advance = functools.partial(progress.advance, task)
            outcome = measure(model, backend, seed=seed, advance=advance)
            outcomes.append(outcome)
            table.add_row(
                backend,
                f"{startups[backend]:.2f} s",
                f"{outcome.seconds:.2f} s",
                f"{model.size / outcome.seconds / 1e6:,.1f} million",
                f"{outcome.digest[:16]}...",
            )
    Console().print(table)
    return outcomes


def application() -> "typer.Typer":
    """Return the command line as a typer application.

    Raises:
        ModuleNotFoundError: the extra ``cli`` is not installed.
    """
    import typer  # the extra `cli`

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        help="The same initial weights, to the bit, in NumPy, PyTorch, TensorFlow and JAX.",
    )

    def print_version(value: bool) -> None:  # noqa: FBT001  # typer's signature
        if value:
            typer.echo(f"unified-init {ui.__version__}")
            raise typer.Exit

    version_option = typer.Option(
        "--version", callback=print_version, is_eager=True, help="Print the version and exit."
    )

    @app.callback()
    def common(*, version: Annotated[bool, version_option] = False) -> None:
        """Take the options that stand before a command."""

    @app.command()
    def demo(
        *,
        seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="The seed of every tensor.")] = 0,
        backend: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME", help=f"Of {', '.join(BACKENDS)}; repeatable. All installed ones."),
        ] = None,
        path: Annotated[
            Path | None,
            typer.Option(
                "--json", exists=True, dir_okay=False, help="A model file in place of that of GPT-2 small."
            ),
        ] = None,
    ) -> None:
        """Draw all tensors of GPT-2 small in every installed backend and compare them bit for bit."""
        installed = ui.backends()
        try:
            model = load(path)
            outcomes = _measured(model, select(backend or (), installed), seed=seed)
        except ui.UnifiedInitError as error:
            typer.echo(error, err=True)
            raise typer.Exit(2) from error
        line, agree = verdict(model, outcomes)
        typer.echo(line)
        if agree:
            typer.echo(f"SHA-256 over the digests of all tensors: {outcomes[0].digest}")
        if (note := missing_message(installed)) is not None:
            typer.echo(note)
        if not agree:
            raise typer.Exit(1)

    return app


def main() -> None:
    """Run the command line, or say how to install it."""
    try:
        app = application()
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write(f"unified-init needs typer and rich to run: {INSTALL.format(extras='cli')}\n")
        sys.exit(1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # only the errors of TensorFlow
    app()
