"""Audits of sums and products: examined by what is exact, or said to be unexamined, and never ok by default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unified_init as ui

pytestmark = pytest.mark.needs("torch")

FALLING = ui.along("I", [(1 + number) ** -0.5 for number in range(64)])
SPECS = {
    "identity plus noise": ui.identity(-0.7) + ui.normal(0.0, 0.01),
    "falling": FALLING * ui.normal(0.0, 1.0) + 1.0,
    "normals": ui.normal(1.0, 3.0) - ui.normal(0.5, 4.0),
    "identity plus constant": ui.identity() + 1.0,
    "negative": -ui.trunc_normal(0.3, 1.0, -1.0, 2.0),
}


def applied(spec: ui.Initializer, outputs: int = 64, inputs: int = 64) -> tuple[Any, ui.Recipe]:
    """Return a layer with the values of a spec, and the recipe."""
    import torch

    recipe = ui.Recipe("mine", (ui.Rule(spec=spec),))
    layer, _ = ui.apply(torch.nn.Linear(inputs, outputs, bias=False), recipe, seed=0)
    return layer, recipe


@pytest.mark.parametrize("name", SPECS)
def test_what_apply_writes_is_ok(name: str) -> None:
    """And named in the row."""
    layer, recipe = applied(SPECS[name])
    row = ui.audit(layer, recipe)["weight"]
    assert row.verdict == "ok", row
    assert row.law == SPECS[name].label


@pytest.mark.parametrize("name", SPECS)
def test_another_scale_differs(name: str) -> None:
    """Of the whole tensor, by 20 %."""
    layer, recipe = applied(SPECS[name])
    layer.weight.data *= 1.2
    row = ui.audit(layer, recipe)["weight"]
    assert row.verdict == "differs"
    assert row.notes


def test_a_std_about_several_means_has_no_ratio() -> None:
    """The std over the diagonal and the rest says nothing of the std of an entry."""
    layer, recipe = applied(SPECS["identity plus noise"])
    row = ui.audit(layer, recipe)["weight"]
    assert np.isnan(row.ratio)
    assert row.std > 2 * row.expected_std


def test_values_without_a_law_in_closed_form_are_unexamined() -> None:
    """With the reason."""
    layer, recipe = applied(ui.he_normal() - ui.glorot_uniform())
    audit = ui.audit(layer, recipe)
    assert audit["weight"].verdict == "unexamined"
    assert "no closed form" in audit["weight"].notes[0]
    assert not audit.ok
    assert audit["weight"].expected_std == pytest.approx((2 / 64 + 2 / 128) ** 0.5)


def test_few_values_are_compared_with_their_law() -> None:
    """By the distance of distributions, which holds for any size."""
    layer, recipe = applied(ui.identity(-0.7) + ui.normal(0.0, 0.01), 5, 5)
    assert ui.audit(layer, recipe)["weight"].verdict == "ok"
    layer.weight.data += 0.05
    assert ui.audit(layer, recipe)["weight"].verdict == "differs"


def test_a_plan_and_its_files_know_sums(tmp_path: Any) -> None:
    """The table has the law; what is saved is verified, and read from the folder alone."""
    layer, recipe = applied(SPECS["falling"])
    assert "normal along I + ones" in str(ui.plan(layer, recipe))
    ui.save(layer, recipe, tmp_path / "weights", seed=0)
    assert ui.verify(tmp_path / "weights", recipe, seed=0).ok
    assert ui.verify(layer, recipe, seed=0).ok
    layer.weight.data[3, 5] = np.inf
    assert not ui.verify(layer, recipe, seed=0).ok
