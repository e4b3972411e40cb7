"""Laws of mixtures, and of sparse matrices with any values: from the laws of what they are made of."""

from __future__ import annotations

import math

from unified_init.law.law import Law, scaled
from unified_init.law.moments import cell_ends
from unified_init.law.unit_values import SparseMatrices, UnitMixture
from unified_init.spec.distributions import Mixture, SparseOf

__all__ = ["mixed_law"]


def mixed_law(
    dist: Mixture | SparseOf, laws: tuple[Law, ...], matrix: tuple[int, int, int] | None, gain: float
) -> Law:
    """Return the law of a distribution whose parts have these laws.

    Args:
        dist: the distribution.
        laws: of its components.
        matrix: groups, rows and columns of the tensor, where that matters.
        gain: multiplies every value.
    """
    laws = tuple(scaled(law, gain) for law in laws)
    if isinstance(dist, Mixture):
        return _mixture(dist, laws)
    assert matrix is not None  # noqa: S101  # a sparse tensor is seen as matrices
    groups, rows, columns = matrix
    count = {"column": rows, "row": columns, "all": rows * columns}[dist.along]
    kept = (rows if dist.along == "all" else 1) if dist.at_least_one else 0
    zeros = max(min(math.ceil(dist.sparsity * count), count - kept), 0)
    (law,) = laws
    share = 1.0 - zeros / count if count else 0.0
    second = share * (law.std**2 + law.mean**2)
    mean = share * law.mean
    unit = SparseMatrices(groups, rows, columns, zeros, dist.along, law, dist.at_least_one)
    return Law(
        unit=unit, mean=mean, std=math.sqrt(max(second - mean * mean, 0.0)), low=min(law.low, 0.0),
        high=max(law.high, 0.0),
    )  # fmt: skip


def _mixture(dist: Mixture, laws: tuple[Law, ...]) -> Law:
    total = math.fsum(dist.weights)
    shares = [weight / total for weight in dist.weights]
    mean = math.fsum(share * law.mean for share, law in zip(shares, laws, strict=True))
    variance = math.fsum(
        share * (law.std**2 + (law.mean - mean) ** 2) for share, law in zip(shares, laws, strict=True)
    )
    return Law(
        unit=UnitMixture(laws, cell_ends(dist.weights)), mean=mean, std=math.sqrt(variance),
        low=min(law.low for law in laws), high=max(law.high for law in laws),
    )  # fmt: skip
