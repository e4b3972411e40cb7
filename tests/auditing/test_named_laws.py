"""The audit of laws that have a name of their own, and of sparse matrices of any values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unified_init as ui

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.needs("torch")

SPECS = {
    "student_t(1)": ui.student_t(1, 0.0, 0.01),
    "lognormal": ui.lognormal(-3.0, 0.5),
    "rademacher": ui.rademacher() * 0.1,
    "bernoulli(0.2)": ui.bernoulli(0.2),
    "mixture": ui.mixture((0.7, 0.3), (ui.normal(0.0, 0.02), ui.he_uniform())),
    "sparse_of row": ui.sparse_of(ui.rademacher(), 0.5, "row"),
    "sparse_of all": ui.sparse_of(ui.he_normal(), 0.9, "all", at_least_one=True),
    "sparse_of zeros": ui.sparse_of(ui.bernoulli(0.5), 0.5),
}


def audited(spec: ui.Initializer, change: Any = None) -> ui.Audit:
    """Return the audit of a linear layer that a spec has filled, changed or not."""
    import torch

    model: Any = torch.nn.Linear(300, 200, bias=False)
    recipe = ui.Recipe("mine", (ui.Rule(spec=spec, role="kernel"),))
    model, _ = ui.apply(model, recipe, seed=0)
    if change is not None:
        weight: NDArray[Any] = model.weight.detach().numpy()
        weight[...] = change(weight)
    return ui.audit(model, recipe)


@pytest.mark.parametrize("name", SPECS)
def test_an_audit_names_the_law_and_finds_it(name: str) -> None:
    """With its parameter; a sparse matrix whose values may be zero is not examined."""
    audit = audited(SPECS[name])
    assert name.partition(" ")[0] in str(audit)
    assert ("differs" in str(audit)) is False


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("lognormal", lambda w: w * 1.05),
        ("rademacher", lambda w: np.where(w > 0, w * 1.01, w)),
        ("mixture", lambda w: w * 1.05),
        ("sparse_of row", lambda w: w * 1.05),
        ("sparse_of row", lambda w: w * (np.arange(w.size).reshape(w.shape) != np.flatnonzero(w)[0])),
        ("sparse_of all", lambda w: w * 1.05),
    ],
    ids=["lognormal", "rademacher", "mixture", "row", "row, a zero", "all"],
)
def test_another_law_is_told_apart(name: str, change: Any) -> None:
    """A scale 1 % or 5 % off; a zero too many or too few."""
    assert not audited(SPECS[name], change).ok
