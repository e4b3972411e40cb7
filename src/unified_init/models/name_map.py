"""The map that ``match`` returns: names, reasons, and the records that it reads in its own way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned, as_html
from unified_init.inventory.stacks import apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.models.verification import Verification

__all__ = ["NameMap", "as_read", "records_of"]


@public
@dataclasses.dataclass(frozen=True, slots=True)
class NameMap(Mapping):  # type: ignore[type-arg]  # a Mapping[str, str]; slots forbid its brackets
    """Stream names by native path of the second model: what ``names=`` takes.

    Args:
        names: (path, stream name) pairs; a part's path is "path/label".
        reasons: (path, path in the first model, reason) triples, to check the map by.
        doubts: what could not be decided; empty unless ``strict=False`` asked for a partial map.
        verification: what running both models showed; None if they were not run.
        records: the records of the first model and of the second that the map reads otherwise than
            ``inspect`` does: as ``layers`` and ``places`` of ``match`` said, or as the counterpart is. What
            takes the map reads them so too.

    Example:
        >>> import unified_init as ui
        >>> ui.NameMap((("Dense_0/kernel", "fc.weight"),))["Dense_0/kernel"]
        'fc.weight'
    """

    names: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str, str], ...] = ()
    doubts: tuple[str, ...] = ()
    verification: Verification | None = None
    records: tuple[tuple[Record, ...], tuple[Record, ...]] = dataclasses.field(default=((), ()), repr=False)

    def __getitem__(self, path: str) -> str:
        """Return the stream name of a path."""
        streams = dict(self.names)
        word = checks.plain(path)
        if word not in streams:
            msg = f"the map has no path {shown(path)}"
            raise KeyError(msg)
        return streams[word]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths."""
        return iter(path for path, _ in self.names)

    def __len__(self) -> int:
        """Return how many paths have names."""
        return len(self.names)

    def __str__(self) -> str:
        """Return one line per pair, both paths and the reason; then the doubts, and what running showed."""
        return "\n".join([*aligned(self.reasons), *self._notes()])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        head = ("second model", "first model", "reason")
        return as_html(f"{len(self.reasons)} pairs", [head, *self.reasons], self._notes())

    def _notes(self) -> list[str]:
        notes = [f"undecided: {doubt}" for doubt in self.doubts]
        return notes if self.verification is None else [*notes, self.verification.summary]


def records_of(names: Any) -> tuple[Sequence[Record], Sequence[Record]]:  # noqa: ANN401  # any mapping
    """Return the records of both models that a map reads in its own way; none for another mapping."""
    return names.records if isinstance(names, NameMap) else ((), ())


def as_read(inventory: Inventory, records: Sequence[Record], paths: Iterable[str] = ()) -> Inventory:
    """Return an inventory with these records in place of its own, where it has the path and the shape.

    Stacked layers of which a record or one of ``paths`` is one have a record each.
    """
    by_path = {record.path: record for record in records}
    inventory = apart(inventory, [*by_path, *paths], records)
    if not by_path:
        return inventory
    read = [
        dataclasses.replace(
            by_path[record.path],
            name=record.name, dtype=record.dtype, ties=record.ties, trainable=record.trainable,
        )
        if record.path in by_path and by_path[record.path].shape == record.shape
        else record
        for record in inventory
    ]  # fmt: skip
    return dataclasses.replace(inventory, records=tuple(read))
