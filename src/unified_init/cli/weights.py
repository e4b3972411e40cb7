"""The commands that write weights to a folder, prove them, and compare two folders."""

# No `from __future__ import annotations`: typer evaluates the annotations of a command.

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import unified_init as ui
from unified_init.checkpoints.comparing import differences
from unified_init.cli import options, output, sources

if TYPE_CHECKING:
    import typer

__all__ = ["add"]

SAMPLES = 200
# What `save` calls the arguments of `ui.save`.
SAVE_WORDS = {
    "folder": "--out", "dtype": "--dtype", "max_shard_size": "--max-shard-size", "format": "--format",
    "overwrite": "--overwrite", "places": "--places", "source": "SOURCE",
}  # fmt: skip


def add(app: "typer.Typer") -> None:
    """Add the commands to an application."""
    for register in (_add_inventory, _add_save, _add_verify, _add_diff):
        register(app)


def _add_inventory(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    @app.command(hidden=True)  # an earlier form of `inspect config.json --json`
    def inventory(
        config: Annotated[
            Path, typer.Argument(exists=True, dir_okay=False, help="A config.json of transformers.")
        ],
        *,
        out: Annotated[Path, typer.Option(help="The file to write.")],
    ) -> None:
        """Write the inventory of a transformers model: `inspect CONFIG --json > OUT`."""
        with output.errors():
            records = sources.inventory_from(config)
            out.write_text(ui.inventory_to_json(records, indent=1) + "\n", encoding="utf-8")
            typer.echo(str(records).partition("\n")[0])


def _add_save(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    source_argument = options.source_argument()
    recipe_option = options.recipe_option()
    set_option = options.set_option()
    places_option = options.places_option()
    seed_option = options.seed_option()
    json_option = options.json_option()

    @app.command("init", hidden=True)  # its earlier name
    @app.command(
        epilog=output.examples("unified-init save model.json --recipe torch_default --seed 0 --out weights")
    )
    def save(
        source: Annotated[str, source_argument],
        *,
        recipe: Annotated[str, recipe_option],
        out: Annotated[Path, typer.Option(help="The folder to write.")],
        seed: Annotated[int, seed_option] = 0,
        settings: Annotated[list[str] | None, set_option] = None,
        places: Annotated[list[str] | None, places_option] = None,
        dtype: Annotated[str | None, typer.Option(help="Of all tensors, such as bfloat16.")] = None,
        max_shard_size: Annotated[str, typer.Option(help="Of one file.")] = "5GB",
        layout: Annotated[str, typer.Option("--format", help="safetensors, or dcp.")] = "safetensors",
        overwrite: Annotated[bool, typer.Option(help="Replace other weights.")] = False,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Draw a model's weights into a folder of safetensors files; repeat it to go on if interrupted."""
        with output.errors(**SAVE_WORDS):
            model = sources.model_from(source)
            rules = sources.with_places(sources.recipe_from(recipe, settings or []), places or [])
            files = ui.save(
                model, rules, out, seed=seed, dtype=dtype, max_shard_size=max_shard_size, format=layout,
                overwrite=overwrite, progress=True,
            )  # fmt: skip
            count = len(ui.inspect(model))
            number = "1 file" if len(files) == 1 else f"{len(files)} files"
            text = f"{count} parameters in {number}; `unified-init verify {out}` proves them"
            output.show(text, {"parameters": count, "files": list(files)}, as_json=as_json)


def _add_verify(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    json_option = options.json_option()

    @app.command(epilog=output.examples("unified-init verify weights"))
    def verify(
        folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
        *,
        samples: Annotated[int, typer.Option(min=1, help="Boxes of 16 KiB to compare.")] = SAMPLES,
        whole: Annotated[bool, typer.Option("--all", help="Compare all values.")] = False,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Draw the weights of a folder again and compare bits; the exit status is 1 if any differs."""
        with output.errors(folder="FOLDER", samples="--samples"):
            result = ui.verify(folder, samples=None if whole else samples)
            output.show(str(result), {"ok": result.ok, **dataclasses.asdict(result)}, as_json=as_json)
            if not result.ok:
                raise typer.Exit(1)


def _add_diff(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    json_option = options.json_option()

    @app.command(epilog=output.examples("unified-init diff weights weights"))
    def diff(
        first: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
        second: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
        *,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Say which tensors of two folders differ; the exit status is 1 if any does."""
        with output.errors():
            lines = differences(first, second)
            tree = {"equal": not lines, "differences": lines}
            output.show("\n".join(lines) if lines else "equal", tree, as_json=as_json)
            if lines:
                raise typer.Exit(1)
