"""The statistics of batch norms that Haiku's ``init`` takes from the example batch, which no recipe knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.recipes.defaults.haiku import haiku_default

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.auditing.expectations import Expectation
    from unified_init.inventory.inventory import Inventory
    from unified_init.recipes.recipe import Recipe

__all__ = ["example_statistics"]

REASON = (
    "Haiku's init puts the statistics of the example batch here; the first step of training replaces them"
)


def example_statistics(
    expectation: Expectation, recipe: Recipe, inventory: Inventory, read: Callable[[str], NDArray[Any]]
) -> str:
    """Return why an average may have other values than Haiku's own default says; "" if it may not.

    Where no step of training has moved the average, its ``hidden`` and ``counter`` are still 0.
    """
    record, rule = expectation.record, expectation.rule
    if inventory.framework != "haiku" or record.kind != "batch_norm" or rule is None:
        return ""
    if record.role not in {"mean", "variance"} or recipe.rules[rule] not in haiku_default().rules:
        return ""
    start = record.path.rpartition("/")[0]
    paths = {other.path for other in inventory}
    accumulated = [path for path in (f"{start}/hidden", f"{start}/counter") if path in paths]
    if any(read(path).any() for path in accumulated):
        return ""
    return "" if record.role == "variance" and (read(record.path) < 0).any() else REASON
