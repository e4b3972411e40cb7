"""The blocks of a model, counted, against the number that a recipe was made for."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from unified_init.core.patterns import matches
from unified_init.inventory.places import words_of
from unified_init.inventory.stacks import stack_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.recipes.recipe import Recipe

__all__ = ["BlockCount", "block_counts", "block_notes"]

# The word of a path that numbers a block; "self_attn_0" numbers a layer inside of one.
NUMBERED = re.compile(r"(?:h|\w*?(?:layers?|blocks?))?_?\d+(?:_\w+)?")
# What ends a residual branch, as recipes find it; the first of these that a model has is counted.
ENDS: tuple[Callable[[Record], bool], ...] = (
    lambda record: record.place == "attention.out",
    lambda record: record.place == "last_conv",
    lambda record: "out_proj" in record.path,  # of state spaces
)


class BlockCount(NamedTuple):
    """How many blocks a recipe was made for, in the paths of a glob, and how many the model has there."""

    glob: str
    expected: int
    counted: int


def block_counts(recipe: Recipe, inventory: Inventory) -> Iterator[BlockCount]:
    """Yield each number of blocks that a recipe was made for and that is not the model's.

    A model with two towers of one name has either number: that of a tower, or that of all.
    """
    blocks = dict(recipe.blocks)
    globs = list(blocks)
    for glob, expected in blocks.items():
        towers = _towers([record for record in inventory if _first(globs, record) == glob])
        counted = sum(towers.values())
        if counted and expected not in {counted, *towers.values()}:
            yield BlockCount(glob, expected, counted)


def block_notes(recipe: Recipe, inventory: Inventory) -> Iterator[str]:
    """Yield a warning for each number of blocks that a recipe was made for and that is not the model's."""
    for count in block_counts(recipe, inventory):
        where = "" if count.glob == "*" else f" in {count.glob!r}"
        yield (
            f"the recipe was made for {_blocks(count.expected)}{where}, and the model has "
            f"{_blocks(count.counted)}: what the recipe scales by depth has the size for "
            f"{_blocks(count.expected)}. Make the recipe for {count.counted}, unless blocks were removed or "
            "are in another part of the model"
        )


def _blocks(number: int) -> str:
    return "1 block" if number == 1 else f"{number} blocks"


def _first(globs: list[str], record: Record) -> str | None:
    return next((glob for glob in globs if matches(glob, record.path)), None)


def _towers(records: list[Record]) -> dict[str, int]:
    """Return the number of blocks by the path that they share."""
    kernels = [record for record in records if record.role in {"kernel", "parameter"}]
    ends = next((ends for is_end in ENDS if (ends := [record for record in kernels if is_end(record)])), [])
    blocks = {_block_path(record): _stacked(record) for record in ends}
    towers: dict[str, int] = {}
    for path, count in blocks.items():
        tower = "/".join(path[:-1])
        towers[tower] = towers.get(tower, 0) + count
    return towers


def _block_path(record: Record) -> tuple[str, ...]:
    """Return the words of a path up to that of its block; without one, those of its layer."""
    words = words_of(record.path)
    if record.stack:  # a layer of a stack: its number is the last word
        return (*words[:-2], words[-1])
    numbered = [index for index, word in enumerate(words[:-1]) if NUMBERED.fullmatch(word)]
    return tuple(words[: numbered[-1] + 1] if numbered else words[:-1])


def _stacked(record: Record) -> int:
    """Return how many layers a tensor stacks."""
    axis = stack_axis(record)
    return 1 if axis is None else math.prod(record.shape[axis : axis + 1])
