"""The commands that write weights to a folder, prove them, and compare two folders."""

# No `from __future__ import annotations`: typer evaluates the annotations of a command.

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import unified_init as ui
from unified_init.checkpoints.comparing import differences
from unified_init.core import checks
from unified_init.walkers.registry import inventory_of_config

if TYPE_CHECKING:
    import typer

__all__ = ["add"]

SAMPLES = 200


def add(app: "typer.Typer") -> None:
    """Add the commands to an application."""
    for register in (_add_inventory, _add_init, _add_verify, _add_diff):
        register(app)


def _add_inventory(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command()
    def inventory(
        config: Annotated[
            Path, typer.Argument(exists=True, dir_okay=False, help="A config.json of transformers.")
        ],
        *,
        out: Annotated[Path, typer.Option(help="The file to write.")],
    ) -> None:
        """Write the inventory of a transformers model, which takes no memory: nothing is allocated."""
        with _errors():
            found = inventory_of_config(config)
            out.write_text(ui.inventory_to_json(found, indent=1) + "\n", encoding="utf-8")
            typer.echo(str(found).partition("\n")[0])


def _add_init(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command()
    def init(
        inventory: Annotated[
            Path, typer.Argument(exists=True, dir_okay=False, help="Of the command `inventory`.")
        ],
        *,
        recipe: Annotated[str, typer.Option(help="A published recipe such as llama, or a file.")],
        out: Annotated[Path, typer.Option(help="The folder to write.")],
        seed: Annotated[int, typer.Option(min=0, max=2**64 - 1)] = 0,
        options: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="NAME=VALUE", help="An argument of it, such as n_layer=32."),
        ] = None,
        dtype: Annotated[str | None, typer.Option(help="Of all tensors, such as bfloat16.")] = None,
        max_shard_size: Annotated[str, typer.Option(help="Of one file.")] = "5GB",
        layout: Annotated[str, typer.Option("--format", help="safetensors, or dcp.")] = "safetensors",
        overwrite: Annotated[bool, typer.Option(help="Replace other weights.")] = False,
    ) -> None:
        """Draw a model's weights into a folder of safetensors files; repeat it to go on if interrupted."""
        with _errors():
            model = ui.inventory_from_json(inventory.read_text(encoding="utf-8"))
            chosen = _recipe(recipe, options or [])
            files = ui.save(
                model, chosen, out, seed=seed, dtype=dtype, max_shard_size=max_shard_size,
                format=layout, overwrite=overwrite, progress=True,
            )  # fmt: skip
            typer.echo(
                f"{len(model)} parameters in {len(files)} files; `unified-init verify {out}` proves them"
            )


def _add_verify(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command()
    def verify(
        folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
        *,
        samples: Annotated[int, typer.Option(min=1, help="Boxes of 16 KiB to compare.")] = SAMPLES,
        whole: Annotated[bool, typer.Option("--all", help="Compare all values.")] = False,
    ) -> None:
        """Draw the weights of a folder again and compare them, bit for bit."""
        with _errors():
            result = ui.verify(folder, samples=None if whole else samples)
            typer.echo(str(result))
            if not result.ok:
                raise typer.Exit(1)


def _add_diff(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command()
    def diff(
        first: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
        second: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    ) -> None:
        """Say which tensors of two folders differ; the exit status is 1 if any does."""
        with _errors():
            lines = differences(first, second)
            typer.echo("\n".join(lines) if lines else "equal")
            if lines:
                raise typer.Exit(1)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Print an error of ours, or of the system, and end with status 2."""
    import typer  # the extra `cli`

    try:
        yield
    except (ui.UnifiedInitError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error


def _recipe(word: str, options: list[str]) -> ui.Recipe:
    """Return a published recipe by its name, with arguments, or one in a file."""
    path = Path(word)
    if path.suffix in {".json", ".yaml", ".yml"}:
        text = path.read_text(encoding="utf-8")
        return ui.recipe_from_json(text) if path.suffix == ".json" else ui.recipe_from_yaml(text)
    names = [name for name in ui.recipes.__all__ if not name.startswith("_")]
    make = getattr(ui.recipes, checks.choice("--recipe", word, names))
    pairs = [option.partition("=") for option in options]
    arguments: dict[str, Any] = {name: _value(value) for name, _, value in pairs}
    try:
        recipe = make(**arguments)
    except TypeError as error:
        if isinstance(error, ui.UnifiedInitError):
            raise
        msg = f"`--set`: the recipe {word} does not take {sorted(arguments)}: {error}."
        raise ui.ArgumentValueError(msg) from error
    if not isinstance(recipe, ui.Recipe):
        msg = f"`--recipe` must be the name of a recipe, got {word!r}."
        raise ui.ArgumentValueError(msg)
    return recipe


def _value(text: str) -> Any:  # noqa: ANN401  # a number, a truth value or a text
    try:
        return json.loads(text)
    except ValueError:
        return text
