"""The command line: ``demo`` and ``parity`` show what those rooms measure; ``weights`` has what writes files.

It needs the extra ``cli`` (typer and rich), which is imported when a command runs; ``parity`` needs
``testing`` (SciPy) too.
"""

# No `from __future__ import annotations`: typer evaluates the annotations of a command, and those below
# name local variables, which it could not reach from a string.

import functools
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import unified_init as ui
from unified_init.backends.registry import NAMES
from unified_init.cli import weights
from unified_init.parity.demo import (
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
from unified_init.stream import host

if TYPE_CHECKING:
    import typer

__all__ = ["application", "main"]

NO_SCIPY = f"unified-init parity needs SciPy to run: {INSTALL.format(extras='testing')}"


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


def _parity(
    variants: Sequence[str], presets: Sequence[str], *, seed: int, alpha: float, path: str | None
) -> bool:
    """Measure the matrix, show it or write it, and return whether all is as promised."""
    import typer
    from rich.console import Console

    from unified_init.parity import options, report  # noqa: PLC0415  # their specs take a while to make

    chosen, missing = options.select_variants(variants)
    entries = options.select_entries(presets)
    rate = options.false_alarms(alpha)
    options.check_writable(path)
    matrix = report.measured(entries, chosen, missing=missing, seed=seed, alpha=rate)
    if path is not None:
        report.write(matrix, path)
    if path == options.STDOUT:
        return matrix.passed
    # Where neither a terminal nor COLUMNS says how wide, the table is to fit.
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=report.WIDTH)
    typer.echo(report.heading(matrix))
    console.print(report.table(matrix, console.encoding))
    for line in report.lines(matrix, console.encoding):
        typer.echo(line)
    return matrix.passed


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
            typer.echo(f"unified-init {ui.__version__} ({host.runner_name()})")
            raise typer.Exit

    version_option = typer.Option(
        "--version", callback=print_version, is_eager=True, help="Print the version and exit."
    )

    @app.callback()
    def common(*, version: Annotated[bool, version_option] = False) -> None:
        """Take the options that stand before a command."""

    _add_demo(app)
    _add_parity(app)
    weights.add(app)
    return app


def _add_demo(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command()
    def demo(
        *,
        seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="The seed of every tensor.")] = 0,
        backend: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME", help=f"Of {', '.join(NAMES)}; repeatable. All installed ones."),
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


def _add_parity(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command()
    def parity(
        *,
        seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="The seed of every tensor.")] = 0,
        variant: Annotated[
            list[str] | None,
            typer.Option(
                metavar="NAME", help="Such as jax or torch:compile; repeatable. All installed ones."
            ),
        ] = None,
        preset: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME", help="Such as he_normal; repeatable. All of them."),
        ] = None,
        alpha: Annotated[
            float, typer.Option(help="How often all tests of the laws together may raise a false alarm.")
        ] = 1e-9,
        path: Annotated[
            str | None,
            typer.Option("--json", metavar="FILE", help="Write the result as JSON; - is standard output."),
        ] = None,
    ) -> None:
        """Draw every preset in every variant, compare the bits with the reference, and test the laws."""
        if importlib.util.find_spec("scipy") is None:
            typer.echo(NO_SCIPY, err=True)
            raise typer.Exit(1)
        try:
            passed = _parity(variant or (), preset or (), seed=seed, alpha=alpha, path=path)
        except ui.UnifiedInitError as error:
            typer.echo(error, err=True)
            raise typer.Exit(2) from error
        if not passed:
            raise typer.Exit(1)


def main() -> None:
    """Run the command line, or say how to install it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # only the errors of TensorFlow
    try:
        application()()
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write(f"unified-init needs typer and rich to run: {INSTALL.format(extras='cli')}\n")
        sys.exit(1)
