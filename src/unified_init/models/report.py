"""Reports: what applying a recipe to a model wrote and left."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.text_table import aligned, as_html
from unified_init.law.law import STREAM
from unified_init.recipes.block_counts import block_notes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.models.planning import Plan
    from unified_init.recipes.assignment import Assignment

__all__ = ["Report", "report_of"]

OUTCOMES = ("written", "kept", "skipped", "frozen", "left")


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What ``apply`` did: enough to do it again.

    Args:
        recipe: name of the recipe.
        seed: the seed if it was an int, else the type of the object that gave it.
        stream: the stream's version.
        inventory: SHA-256 of the inventory.
        written: native paths that were written.
        kept: native paths that hold loaded values, and were left.
        skipped: native paths left out by ``only``, ``skip`` or a rule without a spec.
        left: native tensors that no recipe writes, such as rotary frequencies.
        frozen: native paths of frozen tables, such as sinusoids, that no rule names, and that were left.
        ties: (path, other path) pairs that share memory, written once.
        unexpected: entries of ``loaded`` that match no tensor of the model.
        notes: warnings, such as a recipe for another number of blocks than the model has.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model, report = ui.apply(torch.nn.Linear(3, 2), ui.recipes.torch_default(), seed=0)
        >>> report.written
        ('bias', 'weight')
        >>> print(report)
        recipe 'torch_default', seed 0: 2 written
        path    outcome
        bias    written
        weight  written
    """

    recipe: str
    seed: int | str | None
    stream: str
    inventory: str
    written: tuple[str, ...]
    kept: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    ties: tuple[tuple[str, str], ...] = ()
    unexpected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return a summary, and a table of all paths."""
        marked = [*(f"! {note}" for note in self.notes), *(f"- {note}" for note in self._details())]
        return "\n".join([self._head(), *aligned(self._rows()), *marked])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return as_html(self._head(), self._rows(), [*self.notes, *self._details()])

    def _head(self) -> str:
        counts = [f"{len(getattr(self, word))} {word}" for word in OUTCOMES if getattr(self, word)]
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"recipe {self.recipe!r}{seed}: {', '.join(counts) or 'nothing to write'}"

    def _rows(self) -> list[tuple[str, str]]:
        return [("path", "outcome"), *((path, word) for word in OUTCOMES for path in getattr(self, word))]

    def _details(self) -> list[str]:
        ties = [f"{path}: the same memory as {other}" for path, other in self.ties]
        return [*ties, *(f"{pattern!r} of loaded= is no path of the model" for pattern in self.unexpected)]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(dataclasses.asdict(self))


def report_of(model_plan: Plan, written: Sequence[Assignment], seed: Any) -> Report:  # noqa: ANN401  # an int, or a seed of any framework
    """Return the report of a plan of which some assignments were written."""
    drawn = {assignment.record.path for assignment in model_plan if assignment.pieces}
    empty = {assignment.record.path for assignment in model_plan if not assignment.pieces}
    paths = {assignment.record.path for assignment in written}
    number = checks.integer(checks.scalar(seed))
    return Report(
        recipe=model_plan.recipe.name,
        seed=number if number is not None or seed is None else type(seed).__name__,
        stream=STREAM,
        inventory=model_plan.inventory.digest,
        written=tuple(sorted(paths)),
        kept=tuple(sorted(drawn - paths)),
        skipped=tuple(sorted({*model_plan.skipped, *empty})),
        left=model_plan.inventory.left,
        frozen=model_plan.frozen,
        ties=tuple(
            (assignment.record.path, path) for assignment in written for path in assignment.record.ties
        ),
        notes=tuple(block_notes(model_plan.recipe, model_plan.inventory)),
    )
