"""The law of the biases of state-space layers: its numbers, its quantiles, and one table for every platform."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

import unified_init as ui
from unified_init.interop.step_biases import step_biases
from unified_init.stream.elementary import exp, log

# Of the table that every platform must make: a change of it changes the weights of every Mamba.
TABLE = "5d98b8cb74a4fdff81317961d749d96bd11c44805a3e4b749dfa698c8e99e098"


def test_moments_and_ends_are_those_of_the_formula() -> None:
    """softplus^-1(dt), log dt uniform on (log 0.001, log 0.1): by a sum over a fine grid."""
    law = step_biases(0.001, 0.1).resolve((8,))
    grid = np.log(0.001) + (np.arange(1_000_000) + 0.5) / 1_000_000 * np.log(100.0)
    values = np.log(np.expm1(np.exp(grid)))
    assert law.mean == pytest.approx(values.mean(), abs=1e-8)
    assert law.std == pytest.approx(values.std(), abs=1e-8)
    assert law.low == pytest.approx(math.log(math.expm1(0.001)), abs=1e-12)
    assert law.high == pytest.approx(math.log(math.expm1(0.1)), abs=1e-12)


@pytest.mark.parametrize("longest", [0.1, 1.0])
def test_steps_are_log_uniform(longest: float) -> None:
    """The softplus of what is drawn has a logarithm that is uniform."""
    values = ui.draw(step_biases(0.001, longest), (100_000,), seed=0, name="dt_bias").astype(np.float64)
    steps = np.sort(np.log(np.log1p(np.exp(values))))
    ranks = (steps - math.log(0.001)) / (math.log(longest) - math.log(0.001))
    assert np.abs(ranks - (np.arange(100_000) + 0.5) / 100_000).max() < 0.006  # a chance of 2 exp(-2 n d^2)


def test_the_table_is_the_same_on_every_platform() -> None:
    """The digest of the law as text."""
    assert hashlib.sha256(ui.to_json(step_biases(0.001, 0.1)).encode()).hexdigest() == TABLE


def test_exp_and_log_have_the_precision_of_float64() -> None:
    """Against Python's decimal arithmetic, to a relative error of some units in the last place."""
    x = np.linspace(-9.0, 3.0, 241)
    with localcontext() as context:
        context.prec = 40
        powers = [Decimal(float(value)).exp() for value in x]
        logs = [Decimal(float(value)).ln() for value in exp(x)]
    for ours, exact in zip(exp(x), powers, strict=True):
        assert abs(Decimal(float(ours)) - exact) <= Decimal(2) ** -51 * exact
    for ours, exact in zip(log(exp(x)), logs, strict=True):
        assert abs(Decimal(float(ours)) - exact) <= Decimal(2) ** -51 * max(abs(exact), Decimal(1) / 8)
