"""Assertions about initial weights, for your own tests: laws, bits and independence.

``assertions`` has the public functions; ``one_sample`` and ``two_sample`` compute the statistics, against the
exact distribution of a law in an element type (``populations``), and ``findings`` weighs their p-values.
``survey`` computes the same from a histogram, for audits: in C (``c_survey``), or in NumPy (``figures``).
``conformity`` compares a backend with the reference on every kind of draw (``cases``), bit by bit.

Tolerances follow from the number of values and a stated false-alarm rate, never from a rule of thumb. Needs
SciPy: ``pip install "unified-init[testing]"``.
"""

from __future__ import annotations

import importlib.util

from unified_init.errors import BackendError
from unified_init.testing.assertions import (
    assert_follows,
    assert_identical,
    assert_independent,
    assert_same_law,
)
from unified_init.testing.conformity import Conformity, check_backend
from unified_init.testing.findings import Finding, family_p
from unified_init.testing.one_sample import examine
from unified_init.testing.two_sample import compare

__all__ = [
    "Conformity",
    "Finding",
    "assert_follows",
    "assert_identical",
    "assert_independent",
    "assert_same_law",
    "check_backend",
    "compare",
    "examine",
    "family_p",
]

if importlib.util.find_spec("scipy") is None:
    _msg = 'unified_init.testing needs SciPy: pip install "unified-init[testing]".'
    raise BackendError(_msg)
