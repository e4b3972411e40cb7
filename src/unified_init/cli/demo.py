"""The command ``demo``: GPT-2 small in every installed backend, timed and compared by digest."""

# No `from __future__ import annotations`: typer evaluates the annotations of a command.

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import unified_init as ui
from unified_init.backends.registry import NAMES
from unified_init.cli import options, output
from unified_init.parity.demo import (
    DemoModel,
    Outcome,
    differing,
    load,
    measure,
    missing_message,
    select,
    start,
    verdict,
)

if TYPE_CHECKING:
    import typer

__all__ = ["add"]


def add(app: "typer.Typer") -> None:
    """Add the command to an application."""
    import typer  # the extra `cli`

    seed_option = options.seed_option()
    json_option = options.json_option()

    @app.command(epilog=output.examples("unified-init demo --backend numpy --seed 1"))
    def demo(
        *,
        seed: Annotated[int, seed_option] = 0,
        backend: Annotated[
            list[str] | None,
            typer.Option(
                metavar="NAME",
                help=f"Of {', '.join(NAMES)}; repeatable. All installed ones.",
                autocompletion=options.completion(lambda: NAMES),
            ),
        ] = None,
        path: Annotated[
            Path | None,
            typer.Option(
                "--model", exists=True, dir_okay=False, help="A model file in place of that of GPT-2 small."
            ),
        ] = None,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Draw all tensors of GPT-2 small in every installed backend and compare them bit for bit."""
        installed = ui.backends()
        with output.errors():
            model = load(path)
            chosen = select(backend or (), installed)
        startups = {name: start(name) for name in chosen}
        outcomes = _measured(model, chosen, seed=seed)
        line, agree = verdict(model, outcomes)
        lines = [line, *([_digest_line(outcomes[0])] if agree else []), missing_message(installed)]
        if not as_json:
            _print_table(model, outcomes, startups, seed=seed)
        output.show(
            "\n".join(filter(None, lines)),
            _tree(model, outcomes, startups, seed=seed) | {"agree": agree},
            as_json=as_json,
        )
        if not agree:
            raise typer.Exit(1)


def _digest_line(outcome: Outcome) -> str:
    return f"SHA-256 over the digests of all tensors: {outcome.digest}"


def _measured(model: DemoModel, backends: Sequence[str], *, seed: int) -> list[Outcome]:
    """Measure all backends behind a progress bar; what they say when they are imported would break it."""
    from rich.console import Console  # the extra `cli`
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # as above

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    outcomes = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for backend in backends:
            task = progress.add_task(backend, total=model.size)
            advance = functools.partial(progress.advance, task)
            outcomes.append(measure(model, backend, seed=seed, advance=advance))
    return outcomes


def _print_table(
    model: DemoModel, outcomes: Sequence[Outcome], startups: Mapping[str, float], *, seed: int
) -> None:
    """Print the table of times."""
    from rich.console import Console  # the extra `cli`
    from rich.table import Table  # as above

    table = Table("backend", title=f"{model.name}, seed {seed}")
    for heading in ("start-up", "drawing", "values a second"):
        table.add_column(heading, justify="right")
    table.add_column("SHA-256")
    for outcome in outcomes:
        table.add_row(
            outcome.backend,
            f"{startups[outcome.backend]:.2f} s",
            f"{outcome.seconds:.2f} s",
            f"{model.size / outcome.seconds / 1e6:,.1f} million",
            f"{outcome.digest[:16]}...",
        )
    Console().print(table)


def _tree(
    model: DemoModel, outcomes: Sequence[Outcome], startups: Mapping[str, float], *, seed: int
) -> dict[str, Any]:
    """Return the result as JSON has it."""
    return {
        "model": model.name,
        "seed": seed,
        "tensors": len(model.tensors),
        "values": model.size,
        "different": list(differing(model, outcomes)),
        "backends": {
            outcome.backend: {
                "start_seconds": startups[outcome.backend],
                "draw_seconds": outcome.seconds,
                "digest": outcome.digest,
            }
            for outcome in outcomes
        },
    }
