"""The checked arguments of a draw, as a program. Programs whose arguments compare by value are kept."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError
from unified_init.law.indexmap import entries_of
from unified_init.law.layout import bind, size_items
from unified_init.spec.initializer import Initializer
from unified_init.stream.dtypes import DTYPES, dtype_of
from unified_init.stream.program import Program, indexed, make_program, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.law.indexmap import Entries
    from unified_init.law.law import GivenFans

__all__ = ["program_of", "whole_program"]


def program_of(
    spec: object,
    shape: Sequence[int] | int,
    *,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: GivenFans | None,
    index: object,
    dtype: object,
) -> Program:
    """Return the program of a draw; its arguments are those of ``draw``."""
    if callable(spec) and not isinstance(spec, Initializer):
        msg = f"`spec` must be an Initializer, got the function {shown(spec)}: call it, as in he_normal()."
        raise ArgumentTypeError(msg)
    if not isinstance(spec, Initializer):
        msg = (
            f"`spec` must be an Initializer, such as unified_init.he_normal(), got {shown(spec)}: "
            "from_native() reads those of other libraries."
        )
        raise ArgumentTypeError(msg)
    name = checks.text("name", name)
    lengths, element_type = checks.shape_of(shape), dtype_of(dtype)
    if layout is not None:
        layout = checks.text("layout", layout)
    # Programs of 64-bit draws are not cached: each would keep a table of one or two megabytes.
    if fans is None and element_type.bits == 32:  # noqa: PLR2004
        program = whole_program(spec, lengths, layout, size_items(sizes), element_type.name)
        return named(program if index is None else _cached_part(program, entries_of(index, lengths)), name)
    geometry = bind(lengths, layout, sizes)
    return make_program(spec.law(geometry, fans), geometry, index=index, name=name, dtype=element_type)


# By value: a spec, a shape and a layout are resolved once, for every index too. Not cached with fans=: 1, 1.0
# and True compare equal but not all are valid. Each program has a table, half a megabyte at most.
@functools.lru_cache(maxsize=64)
def whole_program(
    spec: Initializer,
    shape: tuple[int, ...],
    layout: str | None,
    sizes: tuple[tuple[str, int], ...],
    dtype: str,
) -> Program:
    """Return the program of a whole tensor, without a name; the arguments have been checked."""
    geometry = bind(shape, layout, dict(sizes) or None)
    return make_program(spec.law(geometry, None), geometry, index=None, name="", dtype=DTYPES[dtype])


# Also by value: each process of a sharded job draws the same few parts of the tensors of all its layers. The
# programs are those that are cached above, which compare by identity, or the last of them that were.
@functools.lru_cache(maxsize=64)
def _cached_part(program: Program, entries: Entries) -> Program:
    return indexed(program, entries)
