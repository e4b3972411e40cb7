"""Small draws that were decided before: what the checks made of a spec, a shape and a type, by value.

Most draws of a process repeat an earlier one under another name or seed. The checks then come to the same
program, and the runner makes the same preparations. Both are kept, for arguments of types whose equal values
are all valid or all refused. Whatever is unusual in a call, or was refused, is not decided here: the checks
look at it as if it were the first.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from unified_init.drawing.programs import whole_program
from unified_init.errors import UnifiedInitError
from unified_init.spec.initializer import Initializer
from unified_init.stream import host
from unified_init.stream.dtypes import dtype_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from unified_init.stream.dtypes import DType
    from unified_init.stream.runner import Writer

__all__ = ["Decided", "decided"]

SEEDS = 1 << 64


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """The element type of a draw, and how one call of the C runner makes it at an address of memory."""

    dtype: DType
    draw: Writer


def decided(
    spec: object, shape: tuple[int, ...], layout: object, dtype: Hashable, *, seed: object, name: object
) -> Decided | None:
    """Return what was decided of a draw; None for one that has to be checked.

    Args:
        spec: as ``draw`` got it.
        shape: ints, as a tuple or as an array has them.
        layout: as ``draw`` got it. There are no ``sizes``, no ``fans``, no ``index``.
        dtype: the name of a type, or the type of an array.
        seed: as ``draw`` got it.
        name: as ``draw`` got it.
    """
    if (
        type(spec) is not Initializer
        or type(seed) is not int
        or not 0 <= seed < SEEDS
        or type(name) is not str
        or not name.isascii()  # other names may have no UTF-8
        or (layout is not None and type(layout) is not str)
    ):
        return None
    return _decide(host.default_runner().writer, spec, shape, layout, dtype)


# Each has a table, half a megabyte at most, mostly one that a kept program has too. The runner is part of the
# key, because it is part of the answer.
@functools.lru_cache(maxsize=64)
def _decide(
    writer: object, spec: Initializer, shape: tuple[int, ...], layout: str | None, dtype: Hashable
) -> Decided | None:
    if writer is None:
        return None
    try:
        element_type = dtype_of(dtype)
        if element_type.bits != 32:  # noqa: PLR2004  # nor are those of 64 kept elsewhere
            return None
        program = whole_program(spec, tuple(shape), layout, (), element_type.name)
        host.check_axes(shape)
    except UnifiedInitError:  # refused anew each time, by the checks
        return None
    if program.table is None:
        return None
    draw = host.one_call(program.index, program.table, element_type.numpy)
    return draw and Decided(element_type, draw)
