"""Recipes of sequence models: RWKV on the model of transformers, S4D and the LRU on models written as published."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.published import law_of

import unified_init as ui
from unified_init import recipes

SIZES = {"hidden_size": 36, "attention_hidden_size": 48, "vocab_size": 101, "intermediate_size": 100}


def rwkv_model() -> Any:
    """Return a small RWKV of transformers, as its constructor initializes it."""
    from transformers import RwkvConfig, RwkvForCausalLM

    return RwkvForCausalLM(RwkvConfig(num_hidden_layers=3, context_length=16, **SIZES))


def rwkv(n_layer: int = 3) -> ui.Recipe:
    """Return the recipe of that model."""
    return recipes.rwkv(n_layer, 36, 101, d_attention=48, d_ff=100)


@pytest.mark.needs("torch", "torchvision", "timm", "transformers")
def test_rwkv_of_transformers_passes_the_audit_of_its_recipe_but_for_time_first() -> None:
    """Each parameter has its law; time_first is 1 there, where it is log(0.3) and a zigzag as published."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = rwkv_model()
    audit = ui.audit(model, rwkv())
    assert {row.path for row in audit.failed} == {f"rwkv.blocks.{k}.attention.time_first" for k in range(3)}
    as_built = changed(ui.rwkv_time_first(), ui.ones())
    assert ui.audit(model, as_built).ok
    wrong = ui.audit(model, changed(ui.rwkv_time_mix(1, 3), ui.rwkv_time_mix(0, 3), recipe=as_built))
    assert {row.path.partition("blocks.1.")[2] for row in wrong.failed} == {
        "attention.time_mix_key", "feed_forward.time_mix_key", "feed_forward.time_mix_receptance",
    }  # fmt: skip


def changed(spec: ui.Initializer, other: ui.Initializer, recipe: ui.Recipe | None = None) -> ui.Recipe:
    """Return the recipe with another spec in place of one."""
    recipe = recipe or rwkv()
    rules = tuple(
        dataclasses.replace(rule, spec=other) if rule.spec == spec else rule for rule in recipe.rules
    )
    return ui.Recipe(recipe.name, rules, recipe.source)


@pytest.mark.needs("torch", "torchvision", "timm", "transformers")
def test_rwkv_as_the_recipe_writes_it() -> None:
    """Tables, orthogonal matrices with their gains, the small embedding; the audit agrees."""
    model, _ = ui.apply(rwkv_model(), rwkv(), seed=1)
    assert ui.audit(model, rwkv()).ok
    attention = model.rwkv.blocks[1].attention
    assert attention.time_first.detach().numpy()[:3] == pytest.approx(
        [math.log(0.3), math.log(0.3) + 0.5, math.log(0.3) - 0.5]
    )
    key = attention.key.weight.detach().numpy().astype(np.float64)
    np.testing.assert_allclose(key.T @ key, np.eye(36) * 48 / 36, atol=1e-5)
    table = model.rwkv.embeddings.weight.detach().numpy().astype(np.float64)
    np.testing.assert_allclose(table.T @ table, np.eye(36) * 1e-8 * 101, atol=1e-12)


@pytest.mark.needs("torch", "torchvision", "timm", "transformers")
def test_another_depth_than_the_models_is_refused() -> None:
    """Tables of layers that are not there, or layers without tables."""
    with refused(ui.ArgumentValueError):
        ui.plan(rwkv_model(), rwkv(4))
    with refused(ui.ArgumentValueError):
        ui.plan(rwkv_model(), rwkv(2))


def records(**shapes: tuple[int, ...]) -> ui.Inventory:
    """Return an inventory of bare parameters of two layers."""
    return ui.Inventory(
        "torch",
        tuple(
            ui.Record(name=path, path=path, shape=shape, layout=None, kind="parameter", role="parameter")
            for layer in range(2)
            for path, shape in ((f"layers.{layer}.{name}", shape) for name, shape in shapes.items())
        ),
    )


LRU = {
    "nu_log": (64,), "theta_log": (64,), "gamma_log": (64,), "B_re": (64, 24), "B_im": (64, 24), "C_re": (24, 64),
    "C_im": (24, 64), "D": (24,),
}  # fmt: skip


def test_an_lru_has_its_laws() -> None:
    """The standard deviations of the projections are 1/sqrt(2 inputs) and 1/sqrt(states)."""
    planned = ui.plan(records(**LRU), recipes.lru(r_min=0.9, r_max=0.999, max_phase=0.3))
    assert law_of(planned, "layers.1.B_im").std == pytest.approx(1 / math.sqrt(48))
    assert law_of(planned, "layers.0.C_re").std == pytest.approx(1 / 8)
    assert law_of(planned, "layers.0.D").std == 1.0
    assert law_of(planned, "layers.0.theta_log").high == pytest.approx(math.log(0.3))
    assert planned["layers.1.gamma_log"].pieces[0].name == "layers.1.nu_log"


def lru_layer() -> Any:
    """Return the parameters of an LRU as a module of torch."""
    import torch

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, shape in LRU.items():
                setattr(self, name, torch.nn.Parameter(torch.empty(shape)))

    return torch.nn.Sequential(Layer(), torch.nn.Linear(24, 24), Layer())


@pytest.mark.needs("torch")
def test_gamma_of_an_lru_belongs_to_its_nu(tmp_path: Any) -> None:
    """In a model, and in the file that save writes and verify proves; the layer beside it is left."""
    import safetensors.numpy

    model = lru_layer()
    before = model[1].weight.detach().clone()
    recipe = recipes.lru(r_min=0.4, r_max=0.99)
    model, _ = ui.apply(model, recipe, seed=5)
    for layer in (model[0], model[2]):
        modulus = np.exp(-np.exp(layer.nu_log.detach().numpy().astype(np.float64)))
        np.testing.assert_allclose(
            np.exp(layer.gamma_log.detach().numpy()), np.sqrt(1 - modulus**2), rtol=3e-6
        )
    assert (model[0].nu_log != model[2].nu_log).all()
    assert (model[1].weight == before).all()
    assert ui.audit(model, recipe).ok
    whole = recipe.before(ui.Rule(spec=ui.zeros(), kind="linear"))
    ui.save(ui.inspect(model), whole, tmp_path, seed=5)
    assert ui.verify(tmp_path).ok
    stored = safetensors.numpy.load_file(next(tmp_path.glob("*.safetensors")))
    np.testing.assert_array_equal(stored["2.gamma_log"], model[2].gamma_log.detach().numpy())
    again = ui.recipe_from_json(ui.recipe_to_json(recipe))
    assert again == recipe


S4D = {"C": (24, 32, 2), "log_dt": (24,), "log_A_real": (24, 32), "A_imag": (24, 32), "D": (24,)}


def test_s4d_has_its_laws() -> None:
    """Steps log-uniform, states of S4D-Lin or S4D-Inv, C of variance 1 as a complex number."""
    planned = ui.plan(records(**S4D), recipes.s4d(inverse=True))
    law = law_of(planned, "layers.0.log_dt")
    assert (law.kind, law.low, law.high) == ("uniform", math.log(0.001), math.log(0.1))
    assert law_of(planned, "layers.0.log_A_real").mean == math.log(0.5)
    assert planned["layers.1.A_imag"].pieces[0].spec == ui.s4d_inv()
    assert law_of(planned, "layers.1.C").std == math.sqrt(0.5)
    assert ui.plan(records(**S4D), recipes.s4d())["layers.1.A_imag"].pieces[0].spec == ui.s4d_lin()


def test_steps_of_s4d_increase() -> None:
    """A shortest step that is the longest leaves nothing to draw."""
    with refused(ui.ArgumentValueError):
        recipes.s4d(shortest=0.1, longest=0.1)


def test_normformer_is_ones() -> None:
    """A factor per head and one per channel; the rest is left."""
    inventory = records(c_attn=(4,), w_resid=(24,), other=(3,))
    planned = ui.plan(inventory, recipes.normformer())
    assert law_of(planned, "layers.1.c_attn").mean == law_of(planned, "layers.0.w_resid").mean == 1.0
    assert not planned["layers.0.other"].pieces


def test_a_transposed_twin_shares_its_words() -> None:
    """An orthogonal matrix that is the transpose of another: the value and output pair of mimetic attention."""
    inventory = ui.Inventory(
        "torch",
        tuple(
            ui.Record(name=path, path=path, shape=(8, 8), layout="OI", kind="linear", role="kernel")
            for path in ("v_proj.weight", "out_proj.weight")
        ),
    )
    recipe = ui.Recipe(
        "pair",
        (
            ui.Rule(spec=ui.orthogonal(), path="v_proj*"),
            ui.Rule(spec=ui.orthogonal(), path="out_proj*", layout="IO", stream=("out_proj", "v_proj")),
        ),
    )
    pieces = [one.pieces[0] for one in ui.plan(inventory, recipe)]
    assert [piece.name for piece in pieces] == ["v_proj.weight"] * 2
    first, second = (
        ui.draw(piece.spec, piece.shape, layout=layout, seed=0, name=piece.name)
        for piece, layout in zip(pieces, ("OI", "IO"), strict=True)
    )
    np.testing.assert_array_equal(first, second.T)


def gamma(stream: Any) -> ui.Recipe:
    """Return a recipe whose gamma depends on a parameter."""
    return ui.Recipe(
        "mine",
        (
            ui.Rule(spec=ui.lru_gamma_log(), path="*gamma_log", stream=stream),
            ui.Rule(spec=ui.normal(0.0, 1.0)),
        ),
    )


STREAMS: dict[str, Any] = {
    "nothing there": ("gamma_log", "mu_log"),
    "another text": ("gama", "nu"),
    "another size": ("gamma_log", "D"),
}


@pytest.mark.parametrize("fault", STREAMS)
def test_a_stream_of_nothing_is_refused(fault: str) -> None:
    """A parameter that there is not, a text that the path lacks, another number of values."""
    with refused(ui.ArgumentValueError):
        ui.plan(records(**LRU), gamma(STREAMS[fault]))


@pytest.mark.parametrize("stream", ["nu_log", ("a", "b", "c"), ("a", 1), ("", "a"), ("a", "a")], ids=str)
def test_a_stream_is_a_pair_of_texts(stream: Any) -> None:
    """Anything else is refused when the rule is made."""
    with refused(ui.UnifiedInitError):
        gamma(stream)
