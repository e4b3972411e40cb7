"""Names from outside: a wrapper's prefix costs no value, and a checkpoint's keys name its tensors."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")

RECIPE = ui.recipes.torch_default()


def body() -> Any:
    """Return a model of two layers."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4))


def wrapped() -> Any:
    """Return the model as the attribute of another."""
    import torch

    class Wrapper(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = body()

    return Wrapper()


@pytest.mark.parametrize("strip", ["net", "net.", ("net",)])
def test_a_wrapped_model_has_the_values_of_the_bare_one(strip: Any) -> None:
    """Names are without the prefix, paths with it; without strip= the values are others."""
    import torch

    bare, _ = ui.apply(body(), RECIPE, seed=0)
    model, report = ui.apply(wrapped(), RECIPE, seed=0, strip=strip)
    assert torch.equal(model.net[0].weight, bare[0].weight)
    assert report.written[0] == "net.0.bias"
    assert [record.name for record in ui.inspect(model, strip=strip)][:2] == ["0.weight", "0.bias"]
    assert ui.plan(model, RECIPE, strip=strip)["net.0.weight"].pieces[0].name == "0.weight"
    assert ui.inspect(ui.inspect(model), strip=strip) == ui.inspect(model, strip=strip)
    model, _ = ui.apply(wrapped(), RECIPE, seed=0)
    assert not torch.equal(model.net[0].weight, bare[0].weight)


def test_an_averaged_model_has_the_values_of_its_model() -> None:
    """The count of averages, which has no prefix, keeps its name."""
    import torch

    bare, _ = ui.apply(body(), RECIPE, seed=0)
    averaged = torch.optim.swa_utils.AveragedModel(body())
    ui.apply(averaged, RECIPE, seed=0, strip="module", only="module.*")
    assert torch.equal(averaged.module[1].weight, bare[1].weight)


@pytest.mark.parametrize("strip", ["ne", "backbone", 3])
def test_a_prefix_that_no_name_has_is_refused(strip: Any) -> None:
    """A part of a word is no prefix."""
    with refused(ui.UnifiedInitError):
        ui.inspect(wrapped(), strip=strip)


@pytest.mark.parametrize("strip", ["net", ("net", "backbone")])
def test_a_prefix_that_makes_two_names_equal_is_refused(strip: Any) -> None:
    """By inspect, plan and apply alike: constants too would stand under one name, of which one is lost."""
    import torch

    model = torch.nn.ModuleDict({"net": body(), **dict(body().named_children())})
    if len(strip) == 2:
        model = torch.nn.ModuleDict({"net": body(), "backbone": body()})
    with refused(ui.ArgumentValueError):
        ui.inspect(model, strip=strip)
    with refused(ui.ArgumentValueError):
        ui.plan(model, RECIPE, strip=strip)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with refused(ui.ArgumentValueError):
        ui.apply(model, RECIPE, seed=0, strip=strip)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_prefix_of_a_model_without_parameters_is_refused() -> None:
    """There is no name to show."""
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.Inventory("torch", ()), strip="net")


def kept(model: Any, loaded: Any, **options: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the paths that are kept, and the unexpected keys."""
    _, report = ui.apply(model, RECIPE, seed=0, loaded=loaded, overwrite=False, **options)
    return report.kept, report.unexpected


def test_the_keys_of_a_checkpoint_are_taken_as_they_are() -> None:
    """Of a parametrized model, in both styles of PyTorch; the values are kept."""
    import torch

    old = body()
    with pytest.warns(FutureWarning):
        torch.nn.utils.weight_norm(old[0])
    new = body()
    torch.nn.utils.parametrizations.weight_norm(new[0])
    for model in (old, new):
        before = model[0].weight.detach().clone()
        keys = [key for key in model.state_dict() if key.startswith("0.")]
        assert "0.weight" not in keys
        assert kept(model, keys) == (("0.bias", "0.weight"), ())
        assert torch.equal(model[0].weight, before)
    assert kept(body(), ["0.weight_orig", "module._orig_mod.1.bias"]) == (("0.weight", "1.bias"), ())
    assert kept(body(), ["0.weight", "1.weight_v"]) == (("0.weight",), ("1.weight_v",))
    assert kept(wrapped(), ["0.weight"], strip="net") == (("net.0.weight",), ())


def test_keys_that_the_model_lacks_are_reported() -> None:
    """As long as one names a parameter; a pattern must always match, and a typo of all keys is refused."""
    keys = ["0.weight", "0.bias", "head.weight", "step"]
    assert kept(body(), keys) == (("0.bias", "0.weight"), ("head.weight", "step"))
    _, report = ui.apply(body(), RECIPE, seed=0, loaded=keys, overwrite=False)
    assert str(report).splitlines()[0] == "recipe 'torch_default', seed 0: 2 written, 2 kept"
    assert "- 'step' of loaded= is no path of the model" in str(report)
    assert "<td>0.bias</td><td>kept</td>" in report._repr_html_()
    with refused(ui.ArgumentValueError):
        kept(body(), ["net.0.weight", "net.0.bias"])
    with refused(ui.ArgumentValueError):
        kept(body(), ["0.weight", "head.*"])
    assert kept(body(), "re:1[.].*") == (("1.bias", "1.weight"), ())


def test_the_order_of_registration_changes_no_value() -> None:
    """Nor does the order in which a model's modules are applied to."""
    import torch

    forward, backward = torch.nn.ModuleDict(), torch.nn.ModuleDict()
    for name in ("a", "b", "c"):
        forward[name] = torch.nn.Linear(4, 4)
    for name in ("c", "b", "a"):
        backward[name] = torch.nn.Linear(4, 4)
    ui.apply(forward, RECIPE, seed=0)
    ui.apply(backward, RECIPE, seed=0, only="b*")
    ui.apply(backward, RECIPE, seed=0, skip="b*")
    for name in ("a", "b", "c"):
        assert torch.equal(forward[name].weight, backward[name].weight)
