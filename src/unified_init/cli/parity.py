"""The command ``parity``: every preset in every variant, compared with the reference by bits and by law."""

# No `from __future__ import annotations`: typer evaluates the annotations of a command.

import importlib.util
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from unified_init.cli import options, output
from unified_init.core.rates import ALPHA
from unified_init.parity.demo import INSTALL

if TYPE_CHECKING:
    import typer

__all__ = ["add"]

NO_SCIPY = f"unified-init parity needs SciPy to run: {INSTALL.format(extras='testing')}"


def add(app: "typer.Typer") -> None:
    """Add the command to an application."""
    import typer  # the extra `cli`

    seed_option = options.seed_option()
    json_option = options.json_option()
    example = "unified-init parity --preset he_normal --variant numpy --variant numpy:graph"

    @app.command(epilog=output.examples(example))
    def parity(
        *,
        seed: Annotated[int, seed_option] = 0,
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
        ] = ALPHA,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Draw every preset in every variant, compare the bits with the reference, and test the laws."""
        if importlib.util.find_spec("scipy") is None:
            typer.echo(NO_SCIPY, err=True)
            raise typer.Exit(2)
        with output.errors():
            passed = _parity(variant or (), preset or (), seed=seed, alpha=alpha, as_json=as_json)
        if not passed:
            raise typer.Exit(1)


def _parity(
    variants: Sequence[str], presets: Sequence[str], *, seed: int, alpha: float, as_json: bool
) -> bool:
    """Measure the matrix, show it, and return whether all is as promised."""
    import typer
    from rich.console import Console

    from unified_init.parity import report  # noqa: PLC0415  # its specs take a while to make
    from unified_init.parity.options import (  # noqa: PLC0415  # as above
        false_alarms,
        select_entries,
        select_variants,
    )

    chosen, missing = select_variants(variants)
    entries = select_entries(presets)
    rate = false_alarms(alpha)
    matrix = report.measured(entries, chosen, missing=missing, seed=seed, alpha=rate)
    if as_json:
        output.show("", report.tree(matrix), as_json=True)
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
