"""A plan refuses what applying it would refuse, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("torch")

ZEROS = ui.Recipe("zeros", (ui.Rule(spec=ui.zeros()),))
NORMAL = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))


def on_meta() -> Any:
    """Return a layer without memory."""
    import torch

    return torch.nn.Linear(3, 2, device="meta")


def overlapping() -> Any:
    """Return two parameters that share a row."""
    import torch

    memory = torch.zeros(5, 3)
    model = torch.nn.Module()
    model.a, model.b = torch.nn.Parameter(memory[:3]), torch.nn.Parameter(memory[2:])
    return model


def whole_numbers() -> Any:
    """Return a weight of an integer type."""
    import torch

    model = torch.nn.Module()
    model.w = torch.nn.Parameter(torch.zeros(3, 3, dtype=torch.int8), requires_grad=False)
    return model


def computed() -> Any:
    """Return a layer whose weight is divided by its norm."""
    import torch

    return torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 4))


def of_inference() -> Any:
    """Return a layer that was made where nothing may be written later."""
    import torch

    with torch.inference_mode():
        return torch.nn.Linear(3, 2)


@pytest.mark.parametrize("make", [on_meta, overlapping, whole_numbers, computed, of_inference])
def test_a_plan_refuses_what_apply_refuses(make: Callable[[], Any]) -> None:
    """Memory, types, computed weights: one message for both, and no value is written."""
    model = make()
    with refused(ui.ArgumentValueError) as of_apply:
        ui.apply(model, NORMAL, seed=0)
    with refused(ui.ArgumentValueError) as of_plan:
        ui.plan(model, NORMAL)
    assert str(of_plan.value) == str(of_apply.value)


def test_an_inventory_is_checked_as_far_as_it_goes() -> None:
    """Types are refused in the same words; what is on meta can be planned by its inventory."""
    model = whole_numbers()
    with refused(ui.ArgumentValueError) as of_apply:
        ui.apply(model, NORMAL, seed=0)
    with refused(ui.ArgumentValueError) as of_plan:
        ui.plan(ui.inspect(model), NORMAL)
    assert str(of_plan.value) == str(of_apply.value)
    assert len(ui.plan(ui.inspect(on_meta()), NORMAL).assignments) == 2
    assert len(ui.plan(ui.inspect(model), ZEROS).assignments) == 1
