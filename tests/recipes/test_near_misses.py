"""What a refused plan suggests: the layer that is most likely meant, and the rule that is usually there."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui


def inventory(*paths: str, **facts: Any) -> ui.Inventory:
    """Return square matrices without places."""
    defaults: dict[str, Any] = {
        "kind": "linear",
        "role": "kernel",
        "layout": "OI",
        "inputs": 8,
        "outputs": 8,
        "block": 0,
    }
    records = [ui.Record(name=path, path=path, shape=(8, 8), **(defaults | facts)) for path in paths]
    return ui.Inventory("torch", tuple(records))


@pytest.mark.parametrize(
    "paths",
    [
        ("blocks.0.sa.q.weight", "blocks.0.sa.proj.weight", "blocks.1.sa.proj.weight"),
        ("blocks.0.sa.one.weight", "blocks.0.sa.two.weight"),
    ],
    ids=["by name", "the first"],
)
def test_a_missing_place_is_suggested_for_a_layer_of_its_name(paths: tuple[str, ...]) -> None:
    """In all blocks; where no name says it, the first layer is the example."""
    with refused(ui.ArgumentValueError):
        ui.plan(inventory(*paths), ui.recipes.gpt2(2))


@pytest.mark.parametrize(
    ("kind", "role"), [("batch_norm", "count"), ("batch_norm", "variance"), ("parameter", "bias")]
)
def test_a_missing_rule_is_suggested_where_all_layers_have_one(kind: str, role: str) -> None:
    """A counter begins at 0 and a variance at 1; of a raw parameter nobody knows."""
    numbers = inventory("bn", kind=kind, role=role, layout=None).records
    weights = inventory("fc.weight").records
    recipe = ui.Recipe("mine", (ui.Rule(spec=ui.he_normal(), role="kernel"),))
    with refused(ui.ArgumentValueError):
        ui.plan(ui.Inventory("torch", (*weights, *numbers)), recipe)
