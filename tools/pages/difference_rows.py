"""The kinds of rows in the table of differences, and the releases on which it was checked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_init.law.law import Fans, Law
    from unified_init.spec.initializer import Initializer

__all__ = ["CHECKED", "FactRow", "LawRow", "Setting", "Topic"]

# The releases that every row was measured on, by the first word of its key.
CHECKED = {
    "torch": "torch 2.13.0",
    "tensorflow": "tensorflow 2.21.0",
    "keras": "keras 3.15.1",
    "jax": "jax 0.10.2",
    "flax": "flax 0.12.8",
    "haiku": "dm-haiku 0.0.17",
    "equinox": "equinox 0.13.8",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """The arguments with which a spec is resolved: shape, layout, sizes and fans."""

    shape: tuple[int, ...]
    layout: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    fans: Fans | None = None

    def law(self, spec: Initializer) -> Law:
        """Return the law of a spec in this setting."""
        return spec.resolve(self.shape, layout=self.layout, sizes=dict(self.sizes) or None, fans=self.fans)


@dataclasses.dataclass(frozen=True, slots=True)
class LawRow:
    """A call whose law is not the one that its name, arguments or shape suggest.

    Args:
        key: peer, dot, name; identifies the row.
        call: the peer's call, without arguments that do not change the law.
        draws: its law, in words.
        ours: our expression of exactly that law.
        at: the setting in which ours is resolved.
        against: our expression of the law that a reader would expect.
        against_at: the setting in which that is resolved.
        value: the quantity of the peer's law.
        quantity: "std": over that of ``against``. "beyond": the share of the values beyond the bounds of
            the one of the two laws that has bounds.
        without: the quantity of ``against``, which a reader expects.
    """

    key: str
    call: str
    draws: str
    ours: str
    at: Setting
    against: str
    against_at: Setting
    value: float
    quantity: str = "std"
    without: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class FactRow:
    """A call that differs in something other than the law of one value.

    Args:
        key: peer, dot, name; identifies the row.
        call: the peer's call.
        draws: what it does, in words.
        ours: our expression in its place.
        quantity: the quantity that is compared.
        value: the peer's; the name of an error's class, where the call raises it.
        without: that of ``versus``.
        versus: "ours", or the other side of the comparison.
    """

    key: str
    call: str
    draws: str
    ours: str
    quantity: str
    value: float | str
    without: float | str
    versus: str = "ours"


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """A section of the page."""

    title: str
    intro: str
    rows: tuple[LawRow | FactRow, ...]
