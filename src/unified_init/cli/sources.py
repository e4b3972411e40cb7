"""What commands take: a model by its factory, an inventory or files, and a recipe by its name or file."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import unified_init as ui
from unified_init.checkpoints.files_as_model import stored_of
from unified_init.checkpoints.folder import FILE, read_origin
from unified_init.cli.spec_words import globs_of, pairs_of
from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.inventory.vocabulary import PLACES
from unified_init.walkers.registry import inventory_of_config, walker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from unified_init.checkpoints.folder import Origin

__all__ = [
    "SOURCES",
    "expected_recipe",
    "inventory_from",
    "model_from",
    "places_from",
    "recipe_from",
    "recipe_names",
    "refuse_settings",
    "values_from",
    "with_places",
]

# ruff: noqa: ANN401  # models of any framework

SOURCES = "MODULE:FACTORY, an inventory, a config.json of transformers, or safetensors files"


def model_from(word: str, inventory: Path | None = None) -> Any:
    """Return the model, the inventory or the tensors of files that a word names.

    Args:
        word: ``MODULE:FACTORY``, a JSON file, a safetensors file, or a folder of them.
        inventory: what the tensors of files are; a folder of ``save`` says it itself.

    Raises:
        ArgumentValueError: it names none of these.
    """
    path = Path(word)
    if path.is_dir() or path.suffix == ".safetensors":
        return stored_of(path, _inventory_of_files(path, inventory))
    if inventory is not None:
        msg = f"`--inventory` describes safetensors files, and SOURCE is {word!r}."
        raise ArgumentValueError(msg)
    if path.suffix == ".json":
        return inventory_from(path)
    module, colon, factory = word.partition(":")
    if not (module and colon and factory):
        msg = f"`SOURCE` must be {SOURCES}; got {word!r}."
        raise ArgumentValueError(msg)
    with contextlib.redirect_stdout(sys.stderr):  # a result for programs has standard output for itself
        return _made(word, module, factory)


def values_from(word: str, inventory: Path | None = None) -> Any:
    """Return the model or the tensors of files that a word names.

    Raises:
        ArgumentValueError: it names an inventory, which has no values.
    """
    model = model_from(word, inventory)
    if isinstance(model, ui.Inventory):
        msg = f"`SOURCE` must have values to audit, and {word!r} is an inventory."
        raise ArgumentValueError(msg)
    return model


def inventory_from(path: Path) -> ui.Inventory:
    """Return the inventory in a file, or that of the model that a config.json of transformers describes."""
    text = _text_of(path)
    return ui.inventory_from_json(text) if '"records"' in text else inventory_of_config(path)


def _text_of(path: Path) -> str:
    """Return the text of a file."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{str(path)!r} must be a text in UTF-8: {error}."
        raise ArgumentValueError(msg) from error


def _origin_of(word: str) -> Origin | None:
    """Return what a folder of ``save`` says of itself; None for anything else."""
    return read_origin(Path(word)) if (Path(word) / FILE).exists() else None


def expected_recipe(source: str, recipe: str | None, options: Sequence[str]) -> ui.Recipe:
    """Return the recipe that is asked for, or that of a folder of ``save``.

    Raises:
        ArgumentValueError: neither is there.
    """
    if recipe is not None:
        return recipe_from(recipe, options)
    if options:
        msg = f"`--set` gives arguments of a published recipe, and `--recipe` names none; got {options[0]}."
        raise ArgumentValueError(msg)
    origin = _origin_of(source)
    if origin is None:
        msg = f"`--recipe` must say what is expected of {source!r}."
        raise ArgumentValueError(msg)
    return origin.recipe


def _inventory_of_files(path: Path, inventory: Path | None) -> ui.Inventory:
    if inventory is not None:
        return inventory_from(inventory)
    origin = _origin_of(str(path))
    if origin is None:
        msg = (
            f"`--inventory` must say what the tensors of {str(path)!r} are: `unified-init inspect "
            "MODULE:FACTORY --json` prints an inventory."
        )
        raise ArgumentValueError(msg)
    return origin.inventory


def _made(word: str, module: str, factory: str) -> Any:
    """Import a module, from the current directory too, and call its factory unless it is a model."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        target: Any = importlib.import_module(module)
        for name in factory.split("."):
            target = getattr(target, name)
        if isinstance(target, ui.Inventory) or (not inspect.isclass(target) and _is_model(target)):
            return target
        return target()
    except (Exception, SystemExit) as error:  # whatever the code of the user raises
        frame = traceback.extract_tb(error.__traceback__)[-1]
        theirs = frame.filename != __file__ and not frame.filename.startswith("<")
        where = f" ({Path(frame.filename).name}, line {frame.lineno})" if theirs else ""
        msg = f"`SOURCE` {word!r} gave no model: {type(error).__name__}: {error}{where}"
        raise ArgumentValueError(msg) from error
    finally:
        if here in sys.path:  # the code of the user may have changed it, and the directory
            sys.path.remove(here)


def _is_model(target: object) -> bool:
    try:
        walker_of(target)
    except ui.ArgumentTypeError:
        return False
    return True


def recipe_names() -> list[str]:
    """Return the names of the published recipes."""
    makers = {name: getattr(ui.recipes, name) for name in ui.recipes.__all__}
    return [
        name for name, make in makers.items()
        if inspect.isfunction(make) and inspect.signature(make).return_annotation == "Recipe"
    ]  # fmt: skip


def recipe_from(word: str, options: Sequence[str], argument: str = "--recipe") -> ui.Recipe:
    """Return a published recipe by its name, with arguments, or one in a file.

    Raises:
        ArgumentValueError: an unknown name, or arguments that the recipe does not take.
    """
    path = Path(word)
    if path.suffix in {".json", ".yaml", ".yml"}:
        if options:
            msg = f"`--set` gives arguments of a published recipe, and {word!r} is a file; got {options[0]}."
            raise ArgumentValueError(msg)
        text = _text_of(path)
        return ui.recipe_from_json(text) if path.suffix == ".json" else ui.recipe_from_yaml(text)
    make = getattr(ui.recipes, checks.choice(argument, word, recipe_names()))
    pairs = pairs_of("--set", options, "n_layer=32")
    _check_arguments(word, make, pairs)
    recipe: ui.Recipe = make(**{name: _value(value) for name, value in pairs.items()})
    return recipe


def places_from(words: Sequence[str]) -> dict[str, str]:
    """Return the places of ``--places GLOB=PLACE``, by glob.

    Raises:
        ArgumentValueError: another form, a glob that is given twice, or an unknown place.
    """
    globs = globs_of("--places", words, "*.proj=attention.out")
    return {glob: checks.choice("--places", place, PLACES) for glob, place in globs.items()}


def with_places(recipe: ui.Recipe, words: Sequence[str]) -> ui.Recipe:
    """Return a recipe that says what layers are as ``--places`` does; it comes after the recipe's own."""
    places = places_from(words)
    return dataclasses.replace(recipe, places={**dict(recipe.places), **places}) if places else recipe


def refuse_settings(options: Sequence[str]) -> None:
    """Refuse arguments of a recipe where ``recipes`` lists or describes, and makes none.

    Raises:
        ArgumentValueError: there are some.
    """
    if options:
        msg = f"`--set` changes what `recipes NAME --json` prints, and nothing else; got {options[0]}."
        raise ArgumentValueError(msg)


def _check_arguments(recipe: str, make: Callable[..., ui.Recipe], names: Collection[str]) -> None:
    """Refuse arguments that a recipe does not take, and say which are missing."""
    parameters = inspect.signature(make).parameters
    for name in names:
        if name not in parameters:
            listing = f"it takes {', '.join(parameters) or 'none'}."
            msg = f"`--set`: the recipe {recipe} has no argument {name!r}; {listing}"
            raise ArgumentValueError(msg)
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in names
    ]
    if missing:
        words = " ".join(f"--set {name}=..." for name in missing)
        msg = f"`--set`: the recipe {recipe} needs {', '.join(missing)}: add {words}"
        raise ArgumentValueError(msg)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
