"""Options and arguments that several commands have, each written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.cli import sources
from unified_init.cli.spec_words import FORMS
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "completion", "inventory_option", "json_option", "places_option", "recipe_option", "seed_option",
    "set_option", "sizes_option", "source_argument", "spec_argument",
]  # fmt: skip

# ruff: noqa: ANN401  # typer is imported on demand

LARGEST_SEED = 2**64 - 1


def completion(words: Callable[[], Sequence[str]]) -> Callable[[str], list[str]]:
    """Return what completes one of some words in a shell; they are asked for then."""
    return lambda incomplete: [word for word in words() if word.startswith(incomplete)]


def json_option() -> Any:
    """Return the option ``--json`` of every command that has a result."""
    import typer  # the extra `cli`

    return typer.Option("--json", help="Print the result as JSON, and nothing else.")


def seed_option() -> Any:
    """Return the option ``--seed``."""
    import typer  # the extra `cli`

    return typer.Option(min=0, max=LARGEST_SEED, help="The seed of all values that are drawn.")


def spec_argument() -> Any:
    """Return the argument ``SPEC``: an initializer."""
    import typer  # the extra `cli`

    return typer.Argument(help=f"Such as {FORMS}.", autocompletion=completion(lambda: presets.__all__))


def sizes_option() -> Any:
    """Return the option ``--sizes`` of a layout with a merged axis."""
    import typer  # the extra `cli`

    return typer.Option(metavar="AXIS=SIZE", help="How a merged axis splits; repeatable.")


def source_argument() -> Any:
    """Return the argument ``SOURCE``: a model."""
    import typer  # the extra `cli`

    return typer.Argument(help=f"{sources.SOURCES}.")


def inventory_option() -> Any:
    """Return the option ``--inventory`` of a model in files."""
    import typer  # the extra `cli`

    return typer.Option(exists=True, dir_okay=False, help="What the tensors of safetensors files are.")


def places_option() -> Any:
    """Return the option ``--places`` of layers whose names do not say what they are."""
    import typer  # the extra `cli`

    help_text = "What layers are, such as '*.proj=attention.out'; repeatable."
    return typer.Option("--places", metavar="GLOB=PLACE", help=help_text)


def recipe_option() -> Any:
    """Return the option ``--recipe``."""
    import typer  # the extra `cli`

    return typer.Option(
        help="A published recipe such as llama, or a JSON or YAML file.",
        autocompletion=completion(sources.recipe_names),
    )


def set_option() -> Any:
    """Return the option ``--set`` of a recipe's arguments."""
    import typer  # the extra `cli`

    help_text = "An argument of a published recipe, such as n_layer=32; repeatable."
    return typer.Option("--set", metavar="NAME=VALUE", help=help_text)
