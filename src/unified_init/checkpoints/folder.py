"""What a folder of weights says of itself: seed, stream, recipe and inventory, by which it can be proven."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory, inventory_to_json
from unified_init.inventory.inventory_json import inventory_from_json
from unified_init.law.law import STREAM
from unified_init.recipes.recipe_json import recipe_from_json, recipe_to_json

if TYPE_CHECKING:
    from unified_init.recipes.recipe import Recipe

__all__ = ["FILE", "Origin", "folder_of", "read_origin", "write_origin"]

FILE = "unified_init.json"
SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights of a folder are from.

    ``drawn`` are the native paths that the recipe gave; the others hold values that the model had.
    """

    recipe: Recipe
    seed: int | None
    inventory: Inventory
    names: tuple[tuple[str, str], ...] = ()
    dtype: str | None = None
    drawn: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return it as JSON: the same for equal origins."""
        tree = {
            "schema": SCHEMA,
            "stream": STREAM,
            "seed": self.seed,
            "dtype": self.dtype,
            "names": dict(self.names),
            "drawn": list(self.drawn),
            "recipe": json.loads(recipe_to_json(self.recipe)),
            "inventory": json.loads(inventory_to_json(self.inventory)),
        }
        return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of it: files of another seed, recipe or model have another."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def folder_of(argument: str, value: Any) -> Path:  # noqa: ANN401  # of any kind, to be checked
    """Return a path of a folder."""
    word = str(value) if isinstance(value, Path) else checks.plain(value)
    if word is None:
        msg = f"`{argument}` must be the path of a folder, got {shown(value)}."
        raise ArgumentTypeError(msg)
    try:
        is_path = b"\0" not in os.fsencode(word)
    except UnicodeError:
        is_path = False
    if not is_path:
        msg = f"`{argument}` must be a path that the system can have, got {shown(value)}."
        raise ArgumentValueError(msg)
    return Path(word)


def write_origin(folder: Path, origin: Origin) -> None:
    """Write the file of a folder; a reader sees all of it or none."""
    part = folder / f"{FILE}.part"
    part.write_text(origin.to_json(), encoding="utf-8")
    part.replace(folder / FILE)


def read_origin(folder: Path) -> Origin:
    """Return where the weights of a folder are from."""
    path = folder / FILE
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["schema"] != SCHEMA or tree["stream"] != STREAM:
            msg = f"it has schema {tree['schema']} and stream {tree['stream']}, not {SCHEMA} and {STREAM}"
            raise ValueError(msg)  # noqa: TRY301  # said below, with the rest
        return Origin(
            recipe_from_json(json.dumps(tree["recipe"])),
            tree["seed"],
            inventory_from_json(json.dumps(tree["inventory"])),
            tuple(tree["names"].items()),
            tree["dtype"],
            tuple(tree["drawn"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = (
            f"{shown(str(path))} must be the file that save() writes last, and is not: "
            f"{type(error).__name__}: {error}. A folder that was interrupted is finished by the same save()."
        )
        raise ArgumentValueError(msg) from error
