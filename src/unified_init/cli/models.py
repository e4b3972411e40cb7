"""The commands that look at a model or at recipes: ``inspect``, ``plan``, ``audit`` and ``recipes``."""

# No `from __future__ import annotations`: typer evaluates the annotations of a command.

import inspect as python
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import unified_init as ui
from unified_init.cli import options, output, sources
from unified_init.core import checks
from unified_init.core.rates import ALPHA
from unified_init.core.text_table import aligned
from unified_init.walkers.stored import Stored

if TYPE_CHECKING:
    import typer

__all__ = ["add"]


def add(app: "typer.Typer") -> None:
    """Add the commands to an application."""
    for register in (_add_inspect, _add_plan, _add_audit, _add_recipes):
        register(app)


def _add_inspect(app: "typer.Typer") -> None:
    source_argument = options.source_argument()
    inventory_option = options.inventory_option()
    places_option = options.places_option()
    json_option = options.json_option()

    @app.command(
        epilog=output.examples("unified-init inspect model:Net", "unified-init inspect weights --json")
    )
    def inspect(
        source: Annotated[str, source_argument],
        *,
        inventory: Annotated[Path | None, inventory_option] = None,
        places: Annotated[list[str] | None, places_option] = None,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Say what the parameters of a model are. With --json: an inventory, which other commands take."""
        with output.errors(places="--places"):
            model = sources.model_from(source, inventory)
            records = ui.inspect(model, places=sources.places_from(places or []))
            output.show(str(records), json.loads(ui.inventory_to_json(records)), as_json=as_json)


def _add_plan(app: "typer.Typer") -> None:
    source_argument = options.source_argument()
    recipe_option = options.recipe_option()
    set_option = options.set_option()
    inventory_option = options.inventory_option()
    places_option = options.places_option()
    json_option = options.json_option()

    @app.command(epilog=output.examples("unified-init plan model:Net --recipe torch_default"))
    def plan(
        source: Annotated[str, source_argument],
        *,
        recipe: Annotated[str, recipe_option],
        settings: Annotated[list[str] | None, set_option] = None,
        inventory: Annotated[Path | None, inventory_option] = None,
        places: Annotated[list[str] | None, places_option] = None,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Say which rule of a recipe gives which law to which parameter; nothing is drawn."""
        with output.errors(places="--places"):
            model = sources.model_from(source, inventory)
            result = ui.plan(
                model.inventory if isinstance(model, Stored) else model,
                sources.with_places(sources.recipe_from(recipe, settings or []), places or []),
            )
            output.show(str(result), json.loads(result.to_json()), as_json=as_json)


def _add_audit(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    source_argument = options.source_argument()
    recipe_option = options.recipe_option()
    set_option = options.set_option()
    inventory_option = options.inventory_option()
    places_option = options.places_option()
    json_option = options.json_option()

    @app.command(
        epilog=output.examples(
            "unified-init audit model:Net --recipe torch_default", "unified-init audit weights"
        )
    )
    def audit(
        source: Annotated[str, source_argument],
        *,
        recipe: Annotated[str | None, recipe_option] = None,
        settings: Annotated[list[str] | None, set_option] = None,
        inventory: Annotated[Path | None, inventory_option] = None,
        places: Annotated[list[str] | None, places_option] = None,
        alpha: Annotated[float, typer.Option(help="How often a right model may fail.")] = ALPHA,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Compare a model's values with a recipe; the exit status is 1 if any parameter is not as it says.

        A folder of `save` is compared with its own recipe if none is given.
        """
        with output.errors(places="--places", alpha="--alpha"):
            expected = sources.expected_recipe(source, recipe, settings or [])
            result = ui.audit(
                sources.values_from(source, inventory),
                sources.with_places(expected, places or []),
                alpha=alpha,
            )
            tree = {"ok": result.ok, **json.loads(result.to_json())}
            output.show(str(result), tree, as_json=as_json)
            if not result.ok:
                raise typer.Exit(1)


def _add_recipes(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    set_option = options.set_option()
    json_option = options.json_option()
    name_argument = typer.Argument(
        help="One recipe; none lists all.", autocompletion=options.completion(sources.recipe_names)
    )

    @app.command(
        epilog=output.examples(
            "unified-init recipes",
            "unified-init recipes gpt2",
            "unified-init recipes gpt2 --set n_layer=12 --json",
        )
    )
    def recipes(
        name: Annotated[str | None, name_argument] = None,
        *,
        settings: Annotated[list[str] | None, set_option] = None,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """List the published recipes, or describe one. With --json: its rules, as a file for --recipe."""
        with output.errors():
            if name is None or not as_json:
                sources.refuse_settings(settings or [])
            if name is None:
                rows = [_row(word) for word in sources.recipe_names()]
                tree = [dict(zip(("name", "arguments", "summary"), row, strict=True)) for row in rows]
                output.show("\n".join(aligned(rows)), tree, as_json=as_json)
                return
            if as_json:
                recipe = sources.recipe_from(name, settings or [], "NAME")
                output.show("", json.loads(ui.recipe_to_json(recipe)), as_json=True)
                return
            make: Any = getattr(ui.recipes, checks.choice("NAME", name, sources.recipe_names()))
            typer.echo(f"{name}{python.signature(make)}\n\n{python.getdoc(make)}")


def _row(name: str) -> tuple[str, str, str]:
    """Return a recipe's name, arguments and first sentence."""
    make = getattr(ui.recipes, name)
    arguments = ", ".join(python.signature(make).parameters)
    return name, arguments, (python.getdoc(make) or "").partition("\n")[0]
