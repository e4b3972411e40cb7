"""Whether all ranks of a job had the same seed and recipe, asked once and by choice."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from unified_init.backends import registry
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.planning import check_recipe
from unified_init.models.report import Report
from unified_init.recipes.recipe_json import recipe_to_json
from unified_init.walkers.registry import beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.recipes.recipe import Recipe

__all__ = ["agree"]

HALF = 16  # bytes of the seed's hash, and of the recipe's


def agree(report: Report, *, recipe: Recipe | None = None, group: Any = None) -> None:  # noqa: ANN401  # of torch
    """Check that all ranks of a PyTorch job initialized with the same seed and recipe.

    ``apply`` communicates nothing, so a seed that differs by rank gives each rank another model, and nobody
    notices. This sends 32 bytes per rank. The ranks may hold different parts of the model.

    Args:
        report: what ``apply`` or ``materialize`` returned on this rank.
        recipe: the recipe, whose rules are compared too; None compares its name and the stream only.
        group: the process group; None is all ranks.

    Returns:
        None, on every rank.

    Raises:
        ArgumentTypeError: no report; or the seed was a generator, which has no number to compare.
        ArgumentValueError: ranks that differ, on every rank; a rank outside the group.
        BackendError: PyTorch is not installed, or its process group is not initialized.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model, report = ui.apply(torch.nn.Linear(3, 2), ui.recipes.torch_default(), seed=0)
        >>> ui.agree(report)
        Traceback (most recent call last):
        ...
        unified_init.BackendError: agree() compares the ranks of torch.distributed, which is not initialized.

    Differs from:
        Comparing parameters: nothing is gathered, and ranks with different shards can be compared.
    """
    if not isinstance(report, Report):
        msg = f"`report` must be what apply() returned, got {shown(report)}."
        raise ArgumentTypeError(msg)
    if isinstance(report.seed, str):
        msg = (
            f"`report` is of a seed that was a {report.seed}, which has no number to compare: pass an int, "
            "since generators of several ranks stay equal only if each rank draws alike from its own."
        )
        raise ArgumentTypeError(msg)
    rules = ""
    if recipe is not None:
        check_recipe(recipe)
        rules = recipe_to_json(recipe)
    registry.get("torch")
    message = _hash(report.seed) + _hash(f"{report.stream}|{report.recipe}|{rules}")
    everyone: list[bytes] = beside("torch.walker", "ranks").gathered(message, group)
    _check("seed", [other[:HALF] for other in everyone])
    _check("recipe or stream", [other[HALF:] for other in everyone])


def _hash(value: object) -> bytes:
    return hashlib.sha256(str(value).encode()).digest()[:HALF]


def _check(word: str, hashes: Sequence[bytes]) -> None:
    """Refuse hashes that are not all those of the first rank."""
    others = [rank for rank, own in enumerate(hashes) if own != hashes[0]]
    if others:
        msg = (
            f"{len(others)} of {len(hashes)} ranks, such as {others[0]}, had another {word} than rank 0, and "
            "hold parts of another model: give all ranks the same and apply again."
        )
        raise ArgumentValueError(msg)
