"""The kinds of rows in the table of differences, and the releases that it was checked with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_init.law.law import Fans, Law
    from unified_init.spec.initializer import Initializer

__all__ = ["CHECKED", "FactRow", "LawRow", "Place", "Topic"]

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
class Place:
    """Where a spec meets a shape: the arguments of ``Initializer.resolve``."""

    shape: tuple[int, ...]
    layout: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    fans: Fans | None = None

    def law(self, spec: Initializer) -> Law:
        """Return the law of a spec here."""
        return spec.resolve(self.shape, layout=self.layout, sizes=dict(self.sizes) or None, fans=self.fans)


@dataclasses.dataclass(frozen=True, slots=True)
class LawRow:
    """A call whose law is not the one that its name, arguments or shape suggest.

    Args:
        key: peer, dot, name; identifies the row.
        call: the peer's call, without what does not touch the law.
        draws: what it draws, in words.
        ours: our expression of exactly that law.
        at: where it meets the shape.
        against: our expression of the law that a reader would take it for.
        against_at: where that meets the shape, if elsewhere.
        value: the quantity of theirs.
        quantity: "std": over that of ``against``. "beyond": the share of the values beyond the bounds of
            whichever of the two laws has any.
        without: the quantity of ``against``; a reader expects it.
    """

    key: str
    call: str
    draws: str
    ours: str
    at: Place
    against: str
    against_at: Place
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
        quantity: what is compared.
        value: theirs; the name of an error's class, where that is what they give.
        without: the same of ``versus``.
        versus: "ours", or what else is compared with.
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
