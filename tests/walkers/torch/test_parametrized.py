"""Effective weights of PyTorch: what weight norm stores, and which parametrizations are refused."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")

ZEROS = ui.Rule(spec=ui.zeros())
WRAPPINGS = pytest.mark.parametrize("older", [False, True], ids=["parametrization", "hook"])


def normed(layer: Any, *, older: bool, **options: Any) -> Any:
    """Return a layer under weight norm."""
    import torch

    wrap: Any = torch.nn.utils.weight_norm if older else torch.nn.utils.parametrizations.weight_norm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the older one is deprecated
        return wrap(layer, **options)


def outside(recipe: Any, layer: Any) -> Any:
    """Return what a recipe gives the weight of a layer without weight norm."""
    return ui.apply(layer, recipe, seed=0)[0].weight


@WRAPPINGS
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("spec", [ui.zeros(), ui.dirac(), ui.constant(1e-24)], ids=["zeros", "dirac", "tiny"])
def test_slices_of_norm_0_are_stored(spec: ui.Initializer, dim: int | None, *, older: bool) -> None:
    """The weight is the law's where a norm is 0 or underflows; the parameters and gradients are finite."""
    import torch

    recipe = ui.Recipe("r", (ui.Rule(spec=spec, role="kernel"), ZEROS))
    layer = normed(torch.nn.Conv1d(3, 4, 3), older=older, dim=dim)
    ui.apply(layer, recipe, seed=0)
    expected = outside(recipe, torch.nn.Conv1d(3, 4, 3))
    assert torch.allclose(layer.weight, expected, rtol=1e-6, atol=0.0)
    layer(torch.ones(1, 3, 5)).sum().backward()
    for parameter in layer.parameters():
        assert parameter.isfinite().all()
        assert parameter.grad.isfinite().all()


@WRAPPINGS
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_weight_norm_holds_in_other_types(dtype: str, *, older: bool) -> None:
    """The effective weight is the draw to the type's own rounding."""
    import torch

    kind = getattr(torch, dtype)
    recipe = ui.recipes.torch_default()
    layer = normed(torch.nn.Linear(30, 20), older=older).to(kind)
    ui.apply(layer, recipe, seed=0)
    near = {"rtol": 2 * torch.finfo(kind).eps, "atol": 0.0}
    assert torch.allclose(layer.weight, outside(recipe, torch.nn.Linear(30, 20).to(kind)), **near)


@WRAPPINGS
def test_what_a_tensor_holds_does_not_decide(*, older: bool) -> None:
    """Memory that to_empty() left, NaN or not, is overwritten."""
    import torch

    layer = normed(torch.nn.Linear(3, 2), older=older)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(float("nan"))
    recipe = ui.recipes.torch_default()
    ui.apply(layer, recipe, seed=0)
    assert torch.allclose(layer.weight, outside(recipe, torch.nn.Linear(3, 2)), rtol=1e-6)


@WRAPPINGS
def test_a_weight_at_two_places_is_a_tie(*, older: bool) -> None:
    """One module twice is written once, under its first path."""
    import torch

    layer = normed(torch.nn.Conv1d(3, 3, 3), older=older)
    _, report = ui.apply(
        torch.nn.Sequential(layer, torch.nn.ReLU(), layer), ui.recipes.torch_default(), seed=0
    )
    assert report.written == ("0.bias", "0.weight")
    assert report.ties == (("0.bias", "2.bias"), ("0.weight", "2.weight"))


@WRAPPINGS
def test_a_direction_that_two_weights_share_is_refused(*, older: bool) -> None:
    """Each weight would be computed from what the other has written."""
    import torch

    first, second = (normed(torch.nn.Linear(3, 2), older=older) for _ in range(2))
    if older:
        second.weight_v = first.weight_v
    else:
        second.parametrizations.weight.original1 = first.parametrizations.weight.original1
    with refused(ui.ArgumentValueError):
        ui.apply(torch.nn.Sequential(first, second), ui.recipes.torch_default(), seed=0)


def test_a_parametrization_that_divides_by_the_norm_is_refused_whatever_it_holds() -> None:
    """Spectral norm, also of a weight of norm 1, which it would leave as it is."""
    import torch

    layer = torch.nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3))
    layer = torch.nn.utils.parametrizations.spectral_norm(layer)
    with refused(ui.ArgumentValueError):
        ui.apply(layer, ui.recipes.torch_default(), seed=0)


def test_any_parametrization_that_gives_a_weight_back_is_written() -> None:
    """Its own inverse finds the parameters."""
    import torch

    class Doubled(torch.nn.Module):
        def forward(self, half: Any) -> Any:
            return 2 * half

        def right_inverse(self, whole: Any) -> Any:
            return whole / 2

    layer = torch.nn.Linear(6, 4)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    plain = torch.nn.Linear(6, 4)
    for module in (layer, plain):
        ui.apply(module, ui.recipes.torch_default(), seed=0)
    assert torch.equal(layer.weight, plain.weight)
    assert torch.equal(layer.parametrizations.weight.original, plain.weight / 2)


def test_a_plan_and_an_audit_leave_a_parametrization_as_it_was() -> None:
    """The inverse of torch's orthogonal parametrization writes a buffer: it is tried on a copy."""
    import torch

    model = torch.nn.Sequential(torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(6, 5)))
    before = {name: values.clone() for name, values in model.state_dict().items()}
    ui.audit(model, ui.recipes.torch_default())
    with refused(ui.UnifiedInitError):
        ui.plan(model, ui.recipes.torch_default())
    with refused(ui.UnifiedInitError):
        ui.apply(model, ui.recipes.torch_default(), seed=0)
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


def spectral(*, older: bool) -> Any:
    """Return a model with one layer under spectral norm, whose vectors training moves."""
    import torch

    wrap: Any = torch.nn.utils.spectral_norm if older else torch.nn.utils.parametrizations.spectral_norm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the older one is deprecated
        layer = wrap(torch.nn.Linear(64, 64))
    return torch.nn.Sequential(layer, torch.nn.ReLU(), torch.nn.Linear(64, 2))


@WRAPPINGS
def test_a_weight_under_spectral_norm_is_the_kernel_and_is_not_written(*, older: bool) -> None:
    """Neither by a recipe nor by a transfer, which gave a wrong network; reading it moves no vector."""
    import torch

    model, other = spectral(older=older).train(), spectral(older=older)
    for _ in range(20):
        model(torch.randn(3, 64))
    before = {path: tensor.clone() for path, tensor in model.state_dict().items()}
    inventory = ui.inspect(model)
    record = inventory["0.weight"]
    assert (record.kind, record.role, record.layout, record.fans) == ("linear", "kernel", "OI", (64, 64))
    assert not inventory.left
    for refusal in (
        lambda: ui.apply(model, ui.recipes.torch_default(), seed=0),
        lambda: ui.transfer(other, model),
    ):
        with refused(ui.ArgumentValueError):
            refusal()
    audit = ui.audit(model, ui.recipes.torch_default())
    assert audit["0.weight"].verdict == "unexamined"
    assert "not give a weight that is written back as it was" in audit["0.weight"].notes[0]
    assert all(torch.equal(tensor, before[path]) for path, tensor in model.state_dict().items())


@WRAPPINGS
def test_a_weight_under_spectral_norm_moves_to_a_plain_layer(*, older: bool) -> None:
    """As the layer uses it: equal outputs."""
    import torch

    model = spectral(older=older)
    for _ in range(20):
        model(torch.randn(3, 64))
    target = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    ui.transfer(model.eval(), target)
    x = torch.randn(5, 64)
    with torch.no_grad():
        assert torch.allclose(model(x), target(x), atol=1e-6)
