"""Single values that a law draws again and again, such as those of discrete laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unified_init.law.unit_laws import UnitSteps
from unified_init.law.unit_values import UnitMixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law

    Array = NDArray[np.float64]

__all__ = ["atoms_of", "snapped"]


def atoms_of(law: Law) -> Array:
    """Return the values that a law of independent draws has with a probability of their own, increasing."""
    unit = np.empty(0)
    if isinstance(law.unit, UnitSteps):
        unit = np.asarray(law.unit.values, dtype=np.float64)
    elif isinstance(law.unit, UnitMixture):
        unit = np.concatenate([atoms_of(component) for component in law.unit.components])
    return np.unique(law.loc + law.scale * unit)


def snapped(values: Array, law: Law, slack: Array) -> Array:
    """Return values, of which those within their slack of an atom of a law are that atom.

    Arithmetic moves a value by its rounding, which the distribution function of a discrete law shows.
    """
    atoms = atoms_of(law)
    if not atoms.size:
        return values
    middles = (atoms[1:] + atoms[:-1]) / 2.0
    nearest = atoms[np.searchsorted(middles, values)]
    return np.where(np.abs(values - nearest) <= slack, nearest, values)
