"""Models on meta: built without memory, then materialised with ties, buffers, types and marks right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("torch")

RECIPE = ui.recipes.torch_default()


def network() -> Any:
    """Return a model with ties, a frozen parameter, saved and unsaved buffers, and a recurrent layer."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(7, 4, padding_idx=0)
            self.rnn = torch.nn.LSTM(4, 4)
            self.norm = torch.nn.BatchNorm1d(4)
            self.head = torch.nn.Linear(4, 7, bias=False)
            self.head.weight = self.embed.weight
            self.gate = torch.nn.Linear(4, 4).requires_grad_(requires_grad=False)
            self.register_buffer("inv_freq", 1.0 / 10.0 ** torch.arange(0, 4, 2), persistent=False)
            self.register_buffer("index", torch.arange(3))
            self.register_buffer("scale", torch.full((2,), 0.3))
            self.norm.register_buffer("twin", self.scale)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            hidden, _ = self.rnn(self.embed(words))
            logits: torch.Tensor = self.head(self.gate(hidden) * self.inv_freq.sum())
            return logits

    return Network()


def state(model: Any) -> dict[str, Any]:
    """Return all tensors by path, ties too."""
    return dict(model.named_parameters(remove_duplicate=False)) | dict(
        model.named_buffers(remove_duplicate=False)
    )


def assert_equal(model: Any, expected: Any) -> None:
    """Assert that two models have the same tensors: bits, types, gradients' switches and ties."""
    import torch

    tensors, others = state(model), state(expected)
    assert tensors.keys() == others.keys()
    for path, tensor in tensors.items():
        other = others[path]
        assert tensor.dtype == other.dtype, path
        assert tensor.requires_grad == other.requires_grad, path
        assert type(tensor) is type(other), path
        assert torch.equal(tensor, other), path
        ties = {name for name, value in tensors.items() if value is tensor}
        assert ties == {name for name, value in others.items() if value is other}, path


def test_only_what_is_allocated_to_be_filled_has_no_memory() -> None:
    """Parameters are on meta, buffers are real, ties are ties, and the generator is as it was."""
    import torch

    torch.manual_seed(3)
    before = torch.get_rng_state()
    with ui.unfilled():
        model = network()
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.is_meta for parameter in model.parameters())
    assert not any(buffer.is_meta for buffer in model.buffers())
    assert model.head.weight is model.embed.weight
    assert model.norm.twin is model.scale
    assert not torch.empty(2).is_meta


def test_an_unfilled_model_becomes_the_one_that_was_built_with_memory() -> None:
    """The same bits, types, ties and buffers as apply gives a model on the host; and it runs."""
    import torch

    with ui.unfilled():
        model = network()
    model.embed.weight.note = "kept"
    result, report = ui.materialize(model, RECIPE, seed=1)
    expected, expected_report = ui.apply(network(), RECIPE, seed=1)
    assert result is model
    assert report == expected_report
    assert_equal(model, expected)
    assert model.head.weight.note == "kept"
    words = torch.tensor([[1, 2, 3]])
    assert torch.equal(model(words), expected(words))


def test_a_type_is_that_of_parameters_and_saved_buffers() -> None:
    """Frequencies that are not saved keep float32, and integers stay."""
    import torch

    with ui.unfilled():
        model = network()
    ui.materialize(model, RECIPE, seed=1, dtype="bfloat16", device="cpu")
    expected, _ = ui.apply(network().to(torch.bfloat16), RECIPE, seed=1)
    expected.inv_freq, expected.norm.twin = network().inv_freq, expected.scale  # a cast parts buffers
    assert_equal(model, expected)
    assert (model.inv_freq.dtype, model.scale.dtype) == (torch.float32, torch.bfloat16)


def test_computed_weights_are_materialized() -> None:
    """The tensors from which a weight norm computes its weight, and what the recipe gives the weight."""
    import torch

    def build() -> Any:
        return torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 3))

    with ui.unfilled():
        model = build()
    assert model.parametrizations.weight.original1.is_meta
    ui.materialize(model, RECIPE, seed=1)
    assert_equal(model, ui.apply(build(), RECIPE, seed=1)[0])


def test_a_model_with_memory_is_written_as_apply_writes_it() -> None:
    """What is not on meta stays where it is."""
    model = network()
    weight = model.gate.weight
    ui.materialize(model, RECIPE, seed=1)
    assert model.gate.weight is weight
    assert_equal(model, ui.apply(network(), RECIPE, seed=1)[0])


def on_meta(build: Callable[[], Any]) -> Any:
    """Return a model that was built on meta, with its buffers."""
    import torch

    with torch.device("meta"):
        return build()


def test_what_nobody_can_restore_is_refused_by_name() -> None:
    """Buffers, attributes, what is left out, what is no model of torch; the model stays on meta."""
    import torch

    attribute = torch.nn.Linear(3, 3)
    attribute.offset = torch.empty(3, device="meta")
    cases: list[tuple[Any, dict[str, Any]]] = [
        (on_meta(network), {}),
        (on_meta(lambda: torch.nn.Linear(3, 3)), {"skip": "bias"}),
        (attribute, {}),
        (on_meta(lambda: torch.nn.Linear(3, 3)), {"device": "meta"}),
        (on_meta(lambda: torch.nn.Linear(3, 3)), {"dtype": "int64"}),
        (on_meta(lambda: torch.nn.Linear(3, 3)), {"seed": None}),
        (ui.Inventory("torch", ()), {}),
    ]
    for model, options in cases:
        before = [tensor.is_meta for tensor in state(model).values()] if options != {} else []
        with refused(ui.UnifiedInitError):
            ui.materialize(model, RECIPE, **{"seed": 0, **options})
        if before:
            assert [tensor.is_meta for tensor in state(model).values()] == before


def test_statistics_on_meta_are_the_recipes() -> None:
    """A batch norm's buffers are written by rules, and need no constructor."""
    import torch

    model, _ = ui.materialize(on_meta(lambda: torch.nn.BatchNorm1d(3)), RECIPE, seed=0)
    assert_equal(model, ui.apply(torch.nn.BatchNorm1d(3), RECIPE, seed=0)[0])


def test_memory_is_had_where_a_context_asks_for_none() -> None:
    """Inside of torch.device("meta") the default device is the host."""
    import torch

    with torch.device("meta"):
        model, _ = ui.materialize(torch.nn.Linear(3, 4), RECIPE, seed=1)
    assert_equal(model, ui.apply(torch.nn.Linear(3, 4), RECIPE, seed=1)[0])


def test_a_tensor_without_elements_needs_no_values() -> None:
    """Such as register tokens of which a configuration asks for none."""
    import torch

    model = on_meta(lambda: torch.nn.Linear(3, 4))
    model.register_buffer("tokens", torch.empty(1, 0, 4, device="meta"))
    ui.materialize(model, RECIPE, seed=1)
    assert model.tokens.shape == (1, 0, 4)
    assert not model.tokens.is_meta


def declared() -> Any:
    """Return a tied model that says so, as transformers' models do."""
    model = network()
    model.all_tied_weights_keys = {"head.weight": "embed.weight", "gone.weight": "embed.weight"}
    return model


def test_a_tie_that_to_empty_broke_is_seen() -> None:
    """Apply refuses to write two tensors, plan too, and an audit is not ok; materialize keeps the tie."""
    with ui.unfilled():
        model, other = declared(), declared()
    ui.materialize(other, RECIPE, seed=0)
    model.to_empty(device="cpu")
    model.load_state_dict(other.state_dict())
    assert model.head.weight is not model.embed.weight
    for call in (lambda: ui.apply(model, RECIPE, seed=0), lambda: ui.plan(model, RECIPE)):
        with refused(ui.ArgumentValueError):
            call()
    row = ui.audit(model, RECIPE)["head.weight"]
    assert row.verdict == "faulty"
    assert row.notes[-1] == "is declared to be the same tensor as embed.weight, and has memory of its own"
    model.head.weight = model.embed.weight
    ui.apply(model, RECIPE, seed=0)
    assert ui.audit(model, RECIPE).ok


def test_a_declaration_counts_where_the_configuration_ties() -> None:
    """A class may declare what its configuration turns off."""
    import types

    model = network()
    model.head.weight = type(model.head.weight)(model.embed.weight.detach().clone())
    model._tied_weights_keys = {"head.weight": "embed.weight"}
    with refused(ui.ArgumentValueError):
        ui.apply(model, RECIPE, seed=0)
    model.config = types.SimpleNamespace(tie_word_embeddings=False)
    ui.apply(model, RECIPE, seed=0)


@pytest.mark.needs("transformers")
@pytest.mark.parametrize("build", ["meta", "unfilled"])
@pytest.mark.parametrize("family", ["Llama", "GPT2", "T5", "Marian", "Swin"])
def test_models_of_transformers_are_restored(build: str, family: str) -> None:
    """Rotary frequencies, sinusoids, biases by position and ties are those of a model with memory."""
    import torch
    import transformers

    sizes: dict[str, Any] = {
        "Llama": {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
                  "num_key_value_heads": 1, "vocab_size": 30},
        "GPT2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 30},
        "T5": {"d_model": 16, "d_ff": 24, "d_kv": 8, "num_heads": 2, "num_layers": 2, "vocab_size": 30},
        "Marian": {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
                   "decoder_attention_heads": 2, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "vocab_size": 30,
                   "pad_token_id": 1, "decoder_start_token_id": 1},
        "Swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "image_size": 16, "patch_size": 2,
                 "window_size": 2},
    }  # fmt: skip
    head = {"Llama": "LlamaForCausalLM", "GPT2": "GPT2LMHeadModel", "T5": "T5ForConditionalGeneration",
            "Marian": "MarianMTModel", "Swin": "SwinModel"}[family]  # fmt: skip
    config = getattr(transformers, f"{family}Config")(**sizes[family])
    config.tie_word_embeddings = True
    if build == "meta":
        model = on_meta(lambda: getattr(transformers, head)(config))
    else:
        with ui.unfilled():
            model = getattr(transformers, head)(config)
    assert any(parameter.is_meta for parameter in model.parameters())
    recipe = ui.recipes.transformers_default()
    torch.manual_seed(0)
    state_before = torch.get_rng_state()
    _, report = ui.materialize(model, recipe, seed=0)
    assert torch.equal(torch.get_rng_state(), state_before)
    expected, expected_report = ui.apply(getattr(transformers, head)(config), recipe, seed=0)
    assert report == expected_report
    assert_equal(model, expected)
    assert not any(hasattr(module, "_is_hf_initialized") for module in model.modules()) or build == "unfilled"


@pytest.mark.needs("transformers")
def test_what_a_model_of_transformers_forgets_is_refused_by_name() -> None:
    """Its own method leaves a buffer as it was, and the buffer holds NaN then."""
    import torch
    import transformers

    class Forgetful(transformers.LlamaModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.register_buffer("slopes", torch.arange(3.0), persistent=False)
            self.register_buffer("steps", torch.arange(3), persistent=False)

    config = transformers.LlamaConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, vocab_size=30
    )
    model = on_meta(lambda: Forgetful(config))
    with refused(ui.ArgumentValueError):
        ui.materialize(model, ui.recipes.transformers_default(), seed=0)
    assert model.slopes.isnan().all()


@pytest.mark.needs("transformers")
def test_a_frozen_table_that_a_model_draws_needs_a_rule() -> None:
    """Its values would depend on torch's generator, and be others on each rank."""
    import transformers

    class Frozen(transformers.LlamaModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            import torch

            self.places = torch.nn.Embedding(4, 16)
            self.places.requires_grad_(requires_grad=False)

    config = transformers.LlamaConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, vocab_size=30
    )
    with ui.unfilled():
        model = Frozen(config)
    with refused(ui.ArgumentValueError):
        ui.materialize(model, ui.recipes.transformers_default(), seed=0)
    with ui.unfilled():
        model = Frozen(config)
    named = ui.Rule(spec=ui.normal(0, 0.02), path="places.weight")
    rules = (named, *ui.recipes.transformers_default().rules)
    _, report = ui.materialize(model, ui.Recipe("mine", rules), seed=0)
    assert "places.weight" in report.written
