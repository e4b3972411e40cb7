"""A layout per kind of weight: what one initializer needs that a framework calls for tensors of any rank."""

from __future__ import annotations

from typing import Any

from unified_init.core import checks
from unified_init.core.patterns import compiled, matches
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.layout import parse

__all__ = ["Layouts", "check_layout", "layout_for", "written"]

# One layout, none, or pairs of a rank or a pattern of paths and its layout. The first that fits counts.
Layouts = str | None | tuple[tuple[int | str, str | None], ...]


def check_layout(layout: object, *, has_paths: bool) -> Layouts:
    """Return ``layout`` as a hashable value; only where tensors have paths may keys be patterns."""
    if layout is None:
        return None
    pairs = checks.pairs(layout)
    if not pairs:
        return _checked(layout)
    return tuple((_key(key, has_paths=has_paths), _of_rank(key, value)) for key, value in pairs)


def _checked(layout: object) -> str:
    """Return one layout that can be read."""
    word = checks.text("layout", layout)
    parse.__wrapped__(word)  # Dynamo warns of a cache
    return word


def _key(key: object, *, has_paths: bool) -> int | str:
    rank = checks.integer(key)
    if rank is not None:
        return rank
    pattern = checks.plain(key) if has_paths else None
    if pattern is None:
        kinds = "ranks or patterns of variables' paths" if has_paths else "ranks"
        msg = f"`layout` as a mapping has {kinds} for keys, got {shown(key)}."
        raise ArgumentTypeError(msg)
    compiled(pattern)
    return pattern


def _of_rank(key: object, layout: object) -> str | None:
    """Return the layout of a key, which has as many axes as the rank if that is the key."""
    if layout is None:
        return None
    word = _checked(layout)
    rank, axes = checks.integer(key), len(parse(word))
    if rank is not None and rank != axes:
        msg = f"`layout` for the rank {rank} must have {rank} axes, got {word!r}, which has {axes}."
        raise ArgumentValueError(msg)
    return word


def layout_for(layout: Layouts, shape: Any, path: str = "") -> str | None:  # noqa: ANN401  # of a framework
    """Return the layout of one tensor, by its rank or its path."""
    if layout is None or isinstance(layout, str):
        return layout
    rank = len(checks.shape_of(shape))
    for key, value in layout:
        if key == rank if isinstance(key, int) else matches(key, path):
            return value
    of = f" of {path!r}" if path else ""
    msg = (
        f"`layout` has no entry for the rank {rank}{of}: it has {', '.join(shown(key) for key, _ in layout)}."
    )
    raise ArgumentValueError(msg)


def written(layout: Layouts) -> Any:  # noqa: ANN401  # JSON
    """Return a layout as JSON, which has no integers for keys: pairs as lists."""
    return [list(pair) for pair in layout] if isinstance(layout, tuple) else layout
