"""What a folder of weights holds: for each native tensor the write that draws it, or its values."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.stacks import native_shape
from unified_init.models.name_map import as_read, records_of
from unified_init.models.planning import plan_inventory, streams_of
from unified_init.models.preparing import writes_of
from unified_init.models.reading import described
from unified_init.spec import presets
from unified_init.stream.dtypes import DTYPES, dtype_of
from unified_init.walkers.registry import walker_of
from unified_init.walkers.writes import Drawn, Target, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from unified_init.inventory.parts import Part
    from unified_init.inventory.records import Record
    from unified_init.recipes.recipe import Recipe
    from unified_init.walkers.protocol import Keeping

    Native = tuple[tuple[int, ...], str]

__all__ = ["Contents", "checked_dtype", "contents_of", "drawn_writes", "native_shapes", "rooted"]

# ruff: noqa: ANN401  # models of any framework


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """The writes of all tensors of a folder, in the order of the model; of tied ones the first is there.

    Args:
        inventory: of the model, with its stream names.
        writes: by native path; those of a recipe have no root key yet.
    """

    inventory: Inventory
    writes: Mapping[str, Write]


def contents_of(
    source: Any, recipe: Recipe, *, names: Mapping[str, str] | None, dtype: str | None
) -> Contents:
    """Return what a folder of a model's weights holds; all that a recipe cannot give is read from the model.

    Args:
        source: a model, on ``meta`` too, or an inventory.
        recipe: as for ``apply``.
        names: as for ``apply``.
        dtype: the element type of all floating-point tensors; None is that of each.
    """
    own = source if isinstance(source, Inventory) else walker_of(source, "source").inspect(source)
    inventory = as_read(described([own], None, None, recipe)[0], records_of(names)[1], streams_of(names))
    natives = _natives(source, inventory)
    narrowed = functools.partial(_in_dtype, natives, dtype)
    writes = drawn_writes(inventory, recipe, names=names, native_of=narrowed)
    held = [record for record in inventory if not writes.keys() >= {path for path, _ in record.stored}]
    writes |= {path: _values(source, path, narrowed(path)) for record in held for path, _ in record.stored
               if path not in writes}  # fmt: skip
    incomplete = [path for path, write in writes.items() if not write.covers]
    if incomplete:
        msg = (
            f"the rules draw only a region of {incomplete[0]!r}, and a folder needs all of it: add a rule "
            "for the rest."
        )
        raise ArgumentValueError(msg)
    writes |= {path: _values(source, path, narrowed(path)) for path in _buffers(source, inventory)}
    return Contents(inventory, writes)


def drawn_writes(
    inventory: Inventory,
    recipe: Recipe,
    *,
    names: Mapping[str, str] | None,
    native_of: Callable[[str], Native],
) -> dict[str, Write]:
    """Return the writes that a recipe gives, in the order of the inventory."""
    plan = plan_inventory(inventory, recipe, names=names, only=None, skip=None)
    return writes_of(native_of, [assignment for assignment in plan if assignment.pieces])


def rooted(writes: Mapping[str, Write], seed: Any, function: str) -> dict[str, Write]:
    """Return writes under the root key of a seed, which only random laws need; ``function`` is who asks."""
    programs = [drawn.program for write in writes.values() for drawn in write.drawn]
    if not any(program is not None and program.law.random for program in programs):
        return dict(writes)
    check_seed(seed, presets.normal(0.0, 1.0))
    key = key_of(seed)
    if is_traced(key):
        msg = f"`seed` of {function}() must be known when it is called, got a key that is being traced."
        raise ArgumentTypeError(msg)
    return {path: dataclasses.replace(write, root=key) for path, write in writes.items()}


def _natives(source: Any, inventory: Inventory) -> Callable[[str], Native]:
    if not isinstance(source, Inventory):
        return functools.partial(walker_of(source).shape_and_dtype, source)
    dtypes = {path: record.dtype for record in inventory for path, _ in record.stored}
    shapes = native_shapes(inventory)
    return lambda path: (shapes[path], dtypes[path])


def native_shapes(inventory: Inventory) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the native tensors, as far as an inventory says them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for record in inventory:
        for part in record.parts:
            shape = _native_shape(record, part)
            known = shapes.get(part.path, shape)
            shapes[part.path] = tuple(map(max, known, shape))
        if not record.parts:
            shapes[record.path] = record.shape
    return shapes


def _native_shape(record: Record, part: Part) -> tuple[int, ...]:
    """Return the smallest shape that has a part; a view is of the whole tensor."""
    if record.stack:
        return native_shape(record, part)
    if part.box is None:
        return record.part_shape(part)
    if part.view is None:
        return tuple(stop for _, stop in part.box)
    axis = record.axis or 0
    before, after = record.shape[:axis], record.shape[axis + 1 :]
    factors = part.view[axis : len(part.view) - len(after)]  # of the axis of parts
    return (*before, math.prod(factors), *after)


def _in_dtype(natives: Callable[[str], Native], dtype: str | None, path: str) -> Native:
    """Return the shape and the type that a tensor has in the folder."""
    shape, own = natives(path)
    return shape, own if dtype is None or own not in DTYPES else dtype


def checked_dtype(dtype: Any) -> str | None:
    """Return the name of a real floating-point type."""
    if dtype is None:
        return None
    element_type = dtype_of(dtype)
    if element_type.is_complex:
        msg = f"`dtype` must be real, got {element_type.name}: complex tensors keep their type."
        raise ArgumentValueError(msg)
    return element_type.name


def _buffers(source: Any, inventory: Inventory) -> Sequence[str]:
    """Return the tensors that no recipe writes and that a checkpoint of the model has."""
    if isinstance(source, Inventory):
        return ()
    walker = walker_of(source)
    if not hasattr(walker, "kept"):
        return inventory.left
    kept = cast("Keeping", walker).kept(source)
    return [path for path in inventory.left if path in kept]


def _values(source: Any, path: str, native: Native) -> Write:
    """Return the write of the values that a model has."""
    if isinstance(source, Inventory):
        msg = (
            f"no rule gives {path!r} values, and an inventory has none: add a rule, or pass the model in "
            "place of the inventory."
        )
        raise ArgumentValueError(msg)
    shape, dtype = native
    values = walker_of(source).read(source, path)
    numpy = DTYPES[dtype].numpy if dtype in DTYPES else np.dtype(dtype)
    return Write(path, shape, dtype, None, (Drawn(None, (Target(()),), np.asarray(values).astype(numpy)),))
