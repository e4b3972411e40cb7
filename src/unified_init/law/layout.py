"""Axis roles: what each axis of a tensor is for, and its position in the logical tensor.

A layout is a string with one letter per axis: ``O`` outputs, ``I`` inputs, ``B`` independent groups,
``D``, ``H``, ``W`` spatial. Parentheses merge several roles into one stored axis, as in einops.
The logical tensor has its axes in the order B, O, I, spatial, whatever order they are stored in.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Digit", "Geometry", "bind", "parse", "size_items"]

ROLES = "BOIDHW"  # in logical order
SPATIAL = "DHW"


@dataclasses.dataclass(frozen=True, slots=True)
class Digit:
    """One role of one stored axis: ``(position // divisor) % size`` is its coordinate.

    ``role`` is the letter, or "" where no layout was given. ``stride`` is what one step of the coordinate
    adds to the logical index.
    """

    role: str
    axis: int
    size: int
    divisor: int
    stride: int


@dataclasses.dataclass(frozen=True, slots=True)
class Geometry:
    """A shape whose axes have roles: all that a spec needs to know about a tensor.

    ``digits`` are in logical order. ``layout`` is None where none was given; the logical order is
    then the storage order, and no axis has a role.
    """

    shape: tuple[int, ...]
    layout: str | None
    digits: tuple[Digit, ...]

    @property
    def logical_shape(self) -> tuple[int, ...]:
        """The shape in logical order, merged axes split."""
        return tuple(digit.size for digit in self.digits)

    def extent(self, *roles: str) -> int:
        """Product of the sizes of the axes with these roles (1 where there is none)."""
        return math.prod(digit.size for digit in self.digits if digit.role in roles)

    def has(self, *roles: str) -> bool:
        """Whether any axis has one of these roles."""
        return any(digit.role in roles for digit in self.digits)

    def spatial(self) -> tuple[int, ...]:
        """Sizes of the spatial axes, in logical order."""
        return tuple(digit.size for digit in self.digits if digit.role and digit.role in SPATIAL)


@functools.lru_cache(maxsize=1024)
def parse(layout: str) -> tuple[str, ...]:
    """Split a layout into its stored axes: ``"(BO)IHW"`` gives ``("BO", "I", "H", "W")``."""
    checks.text("layout", layout)
    axes: list[str] = []
    group: str | None = None
    for character in layout:
        if character == "(" and group is None:
            group = ""
        elif character == ")" and group:
            axes.append(group)
            group = None
        elif character in ROLES and group is not None:
            group += character
        elif character in ROLES:
            axes.append(character)
        elif character in "()":
            group = ""  # unmatched, nested or empty
            break
        else:
            msg = (
                f"`layout` has one letter per axis, O (outputs), I (inputs), B (independent groups), "
                f"D, H, W (spatial), and parentheses that merge; got {shown(character)} in {layout!r}."
            )
            raise ArgumentValueError(msg)
    if group is not None:
        msg = f"`layout` must have matching, unnested, non-empty parentheses, got {shown(layout)}."
        raise ArgumentValueError(msg)
    return tuple(axes)


def bind(
    shape: tuple[int, ...], layout: str | None = None, sizes: Mapping[str, int] | None = None
) -> Geometry:
    """Give the axes of ``shape`` their roles.

    Args:
        shape: the stored shape.
        layout: the layout string; None gives no axis a role and keeps the storage order.
        sizes: for merged axes, the size of every letter but at most one of each group.

    Raises:
        ArgumentValueError: the layout does not fit the shape, or a merged axis cannot be split.
    """
    if layout is not None:
        layout = checks.text("layout", layout)
    return _bind(shape, layout, size_items(sizes))


def size_items(sizes: Mapping[str, int] | None) -> tuple[tuple[str, int], ...]:
    """Return checked sizes of merged axes, as a value that hashes."""
    if sizes is None:
        return ()
    items = checks.items(sizes)
    letters = [checks.plain(letter) for letter, _ in items or ()]
    if items is None or None in letters:
        msg = f"`sizes` must be a mapping of layout letters to integers, got {shown(sizes)}."
        raise ArgumentTypeError(msg)
    pairs = zip(letters, items, strict=True)
    return tuple(
        (letter, checks.count(f"sizes[{letter!r}]", size))
        for letter, (_, size) in pairs
        if letter is not None
    )


@functools.lru_cache(maxsize=4096)
def _bind(shape: tuple[int, ...], layout: str | None, sizes: tuple[tuple[str, int], ...]) -> Geometry:
    if layout is None:
        if sizes:
            msg = "`sizes` says how merged axes split, and needs `layout`; got no layout."
            raise ArgumentValueError(msg)
        groups: tuple[str, ...] = ("",) * len(shape)
    else:
        groups = parse(layout)
    if len(groups) != len(shape):
        msg = (
            f"`layout` {layout!r} has {len(groups)} axes and the shape {shape} has {len(shape)}: "
            "give one letter, or one pair of parentheses, an axis."
        )
        raise ArgumentValueError(msg)
    known = dict(sizes)
    merged = {role for group in groups if len(group) > 1 for role in group}
    for role in known:
        if role not in merged:
            msg = (
                f"`sizes` may name letters inside parentheses only, got {shown(role)} with layout {layout!r}."
            )
            raise ArgumentValueError(msg)
    digits: list[Digit] = []
    for axis, (group, length) in enumerate(zip(groups, shape, strict=True)):
        divisor = length
        for role, size in zip(group or ("",), _split(group, length, known, layout), strict=True):
            divisor = divisor // size if size else 0
            digits.append(Digit(role, axis, size, max(divisor, 1), 0))
    order = digits if layout is None else sorted(digits, key=lambda digit: ROLES.index(digit.role))
    strided: list[Digit] = []
    stride = 1
    for digit in reversed(order):
        strided.append(dataclasses.replace(digit, stride=stride))
        stride *= digit.size
    return Geometry(shape, layout, tuple(reversed(strided)))


def _split(group: str, length: int, known: Mapping[str, int], layout: str | None) -> tuple[int, ...]:
    """Sizes of the roles merged in one stored axis."""
    if len(group) <= 1:
        return (length,)
    unknown = [role for role in group if role not in known]
    if len(set(group)) != len(group):
        msg = f"`layout` may not repeat a letter inside one pair of parentheses, got {shown(layout)}."
        raise ArgumentValueError(msg)
    if len(unknown) > 1:
        msg = (
            f"`sizes` must give the size of all but one of the letters merged in ({group}): "
            f"sizes for {', '.join(unknown)} are missing in layout {layout!r}."
        )
        raise ArgumentValueError(msg)
    given = math.prod(known[role] for role in group if role in known)
    if length % given or (not unknown and length != given):
        msg = (
            f"`sizes` must divide the axis ({group}) of length {length}, "
            f"got {', '.join(f'{role}={known[role]}' for role in group if role in known)}."
        )
        raise ArgumentValueError(msg)
    return tuple(known.get(role, length // given) for role in group)
