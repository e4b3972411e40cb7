"""A spec with the arguments of its later draws, as an initializer of a framework holds them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.layouts import check_layout, layout_for
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.layout import size_items
from unified_init.spec.fans import explicit_fans
from unified_init.spec.initializer import Initializer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.drawing.layouts import Layouts
    from unified_init.law.law import GivenFans

__all__ = ["SpecCall", "check_name", "named_call", "spec_call"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpecCall:
    """A spec and the arguments that each of its draws will have, checked once."""

    spec: Initializer
    name: str
    layout: Layouts = None
    sizes: tuple[tuple[str, int], ...] = ()
    fans: GivenFans | None = None

    def options(self, shape: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401  # of a framework
        """The arguments that ``draw`` and ``fill`` share, for a tensor."""
        return {
            "name": self.name,
            "layout": layout_for(self.layout, shape, path),
            "sizes": dict(self.sizes) or None,
            "fans": self.fans,
        }


def spec_call(
    spec: Initializer,
    name: str,
    layout: object,
    sizes: Mapping[str, int] | None,
    fans: GivenFans | None,
    *,
    has_paths: bool = False,
) -> SpecCall:
    """Return a spec with its arguments, checked now and not at the first draw."""
    if not isinstance(spec, Initializer):
        msg = f"`spec` must be an Initializer, got {shown(spec)}."
        raise ArgumentTypeError(msg)
    return SpecCall(
        spec=spec,
        name=checks.text("name", name),
        layout=check_layout(layout, has_paths=has_paths),
        sizes=tuple(sorted(size_items(sizes))),
        fans=None if fans is None else explicit_fans(fans),
    )


def named_call(
    spec: Initializer,
    name: str,
    layout: object,
    sizes: Mapping[str, int] | None,
    fans: GivenFans | None,
) -> SpecCall:
    """Return a spec with its arguments, of which a random one needs a name."""
    call = spec_call(spec, name, layout, sizes, fans)
    if call.spec.is_random:
        check_name(call.name, call.spec)
    return call


def check_name(name: str, spec: Initializer) -> None:
    """Refuse a random law without a name: under one seed all layers of a shape would get the same values."""
    if not name:
        msg = f"{spec.label} is random and needs `name`: two layers without a name would share their values."
        raise ArgumentValueError(msg)
