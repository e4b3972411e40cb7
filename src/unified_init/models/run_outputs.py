"""The outputs of two models that ran: which of them are the same ones, and how far they are apart."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unified_init.models.run_differences import difference_of, moved, reach_of, spread_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_init.models.verification import Shapes
    from unified_init.walkers.runs import Run

__all__ = ["Outputs", "compared_outputs", "growth_of", "judged"]

Triple = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]  # of both models, and of the first redrawn
Key = tuple[tuple[str, ...], int]  # the keys of an output, and which of those with these keys it is


class Outputs(NamedTuple):
    """The largest difference beside the scale, the scale, unequal shapes, and the keys of one model only."""

    difference: float
    scale: float
    shapes: Shapes
    unmatched: tuple[str, ...]


def compared_outputs(run_a: Run, run_b: Run, redrawn: Run) -> Outputs:
    """Compare the outputs of two models, each array by itself; the scale is 0 if no weight moves one.

    Outputs with keys are compared key by key: JAX sorts the keys of a dict.
    """
    triples, unmatched = _aligned(run_a, run_b, redrawn)
    shapes: Shapes = next(
        ((first.shape, second.shape) for first, second, _ in triples if difference_of(first, second) is None),
        (),
    )
    return Outputs(*_largest(triples), shapes, unmatched)


def growth_of(run: Run) -> float:
    """Return the size of the values in the layer where they are largest: the median of an array's sizes."""
    arrays = [*run.outputs, *(activation.outputs for activation in run.calls.values())]
    with np.errstate(invalid="ignore", over="ignore"):
        sizes = [float(np.median(np.abs(array))) for array in arrays if array is not None]
    return max((size if math.isfinite(size) else math.inf for size in sizes), default=0.0)


def _aligned(run_a: Run, run_b: Run, redrawn: Run) -> tuple[list[Triple], tuple[str, ...]]:
    """Return the outputs that are compared, and the keys that only one model has."""
    keys_a, keys_b = _keys(run_a.labels), _keys(run_b.labels)
    by_key = dict(zip(keys_b, run_b.outputs, strict=True))
    firsts = list(zip(keys_a, run_a.outputs, redrawn.outputs, strict=False))
    if any(label for label, _ in keys_a) and any(key in by_key for key in keys_a):
        triples = [(first, by_key[key], other) for key, first, other in firsts if key in by_key]
        lone = {*keys_a} ^ {*keys_b}
        return triples, tuple(sorted({".".join(label) for label, _ in lone}))
    ordered = [
        (first, second, other) for (_, first, other), second in zip(firsts, run_b.outputs, strict=False)
    ]
    # Without keys only the first is known to be the same, where one model has more.
    return ordered if len(keys_a) == len(keys_b) else ordered[:1], ()


def _keys(labels: Sequence[tuple[str, ...]]) -> list[Key]:
    seen: Counter[tuple[str, ...]] = Counter()
    keys = []
    for label in labels:
        keys.append((label, seen[label]))
        seen[label] += 1
    return keys


def _largest(triples: Sequence[Triple]) -> tuple[float, float]:
    if not triples:
        return math.inf, 0.0
    results = [judged(*arrays) for arrays in triples]
    differences = [math.inf if difference is None else difference for difference, _, _ in results]
    if not any(moves for _, _, moves in results):
        return max(differences), 0.0
    pairs = [(difference, scale) for difference, (_, scale, _) in zip(differences, results, strict=True)]
    return max(pairs, key=lambda pair: pair[0] / pair[1] if pair[0] > 0.0 < pair[1] else pair[0])


def judged(
    first: NDArray[Any], second: NDArray[Any], redrawn: NDArray[Any], *, rectified: bool = False
) -> tuple[float | None, float, bool]:
    """Return how far two arrays are apart, what that is judged beside, and whether weights move the first."""
    reach = reach_of(first, redrawn)
    difference = difference_of(first, second, moved(first, redrawn), rectified=rectified)
    return difference, reach or spread_of(first), reach > 0.0
