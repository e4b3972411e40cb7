"""Fused projections of real models: which outputs are queries, keys and values, as the forward pass has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("torch")

GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 4}
LLAMA = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 32}
FALCON = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
TEXT: dict[str, tuple[str, dict[str, Any]]] = {
    "NeoX": ("GPTNeoX", LLAMA),
    "Bloom": ("Bloom", {"hidden_size": 24, "n_layer": 1, "n_head": 3}),
    "Falcon by groups": ("Falcon", FALCON | {"num_kv_heads": 2, "new_decoder_architecture": True}),
    "Falcon with one key": ("Falcon", FALCON | {"multi_query": True, "new_decoder_architecture": False}),
    "Falcon by head": ("Falcon", FALCON | {"multi_query": False, "new_decoder_architecture": False}),
    "Phi3": ("Phi3", LLAMA | {"num_key_value_heads": 1}),
    "BigCode with one key": ("GPTBigCode", GPT2),
    "BigCode by head": ("GPTBigCode", GPT2 | {"multi_query": False}),
    "GPT2": ("GPT2", GPT2),
    "CodeGen": ("CodeGen", GPT2 | {"rotary_dim": 4}),
    "Persimmon": ("Persimmon", LLAMA),
    "MPT": ("Mpt", {"d_model": 16, "n_heads": 4, "n_layers": 1}),
    "ModernBERT": ("ModernBert", LLAMA),
    "NeoX Japanese": ("GPTNeoXJapanese", {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3}),
}  # fmt: skip
SPECIAL = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)


def text_model(name: str) -> Any:
    """Return a small model of transformers with one block, in evaluation."""
    import torch
    import transformers

    family, fields = TEXT[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(vocab_size=50, **SPECIAL, **fields)
    config._attn_implementation = "eager"
    return getattr(transformers, f"{family}Model")(config).eval()


def projected(model: Any, path: str, change: Callable[[Any], None] | None = None) -> Any:
    """Return what the output projection of attention receives, after ``change`` of the fused layer's output."""
    import torch

    seen: list[Any] = []
    out = next(record.path for record in ui.inspect(model) if record.place == "attention.out")
    fused, projection = (model.get_submodule(name.rpartition(".")[0]) for name in (path, out))

    def intervene(_module: Any, _inputs: Any, output: Any) -> Any:
        changed = output.clone()
        if change is not None:
            change(changed)
        return changed

    hooks = [
        fused.register_forward_hook(intervene),
        projection.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0])),
    ]
    with torch.no_grad():
        model(torch.arange(1, 7)[None])
    for hook in hooks:
        hook.remove()
    return seen[0].reshape(6, -1)


def units(record: ui.Record, label: str) -> np.ndarray[Any, Any]:
    """Return the indices of a part's outputs, in its order."""
    assert record.axis is not None
    shape = [1] * len(record.shape)
    shape[record.axis] = -1
    rows = np.broadcast_to(np.arange(record.shape[record.axis]).reshape(shape), record.shape)
    part = next(part for part in record.parts if part.label == label)
    along = np.moveaxis(part.region(rows).reshape(record.part_shape(part)), record.axis, 0)
    return along.reshape(len(along), -1)[:, 0].copy()


def fused_record(model: Any) -> ui.Record:
    """Return the record of the fused kernel."""
    return next(
        record for record in ui.inspect(model) if record.place == "attention.qkv" and len(record.shape) > 1
    )


@pytest.mark.needs("transformers")
@pytest.mark.parametrize("name", TEXT)
def test_parts_are_those_of_the_forward_pass(name: str) -> None:
    """A query acts on its own position, a key on the others, and a shift of all values on the output as it is."""
    import torch

    model = text_model(name)
    record = fused_record(model)
    before = projected(model, record.path)
    rows = {label: torch.from_numpy(units(record, label)) for label in "qkv"}
    noise = {label: torch.randn(len(rows[label])) for label in "qkv"}

    def moved(label: str, position: int | slice) -> Any:
        def change(output: Any) -> None:
            output.reshape(6, -1)[position, ...] += torch.zeros(output.shape[-1]).index_add(
                0, rows[label], noise[label]
            )

        return projected(model, record.path, change) - before

    assert sorted(torch.cat(list(rows.values())).tolist()) == list(range(record.shape[record.axis or 0]))
    queries = moved("q", 5).abs().amax(dim=1)
    assert bool(queries[5] > 1e-4)
    assert bool((queries[:5] < 1e-6).all())
    assert bool((moved("k", 1).abs().amax(dim=1)[2:] > 1e-5).all())
    groups = len(rows["q"]) // len(rows["v"])
    size = before.shape[1] // model_heads(model)
    expected = noise["v"].reshape(-1, 1, size).expand(-1, groups, -1).reshape(-1)
    assert torch.allclose(moved("v", slice(None)), expected.expand_as(before), atol=1e-5)


def model_heads(model: Any) -> int:
    """Return the number of heads of a model of transformers."""
    config = model.config
    names = ("num_attention_heads", "n_head", "n_heads")
    return next(int(value) for name in names if (value := getattr(config, name, None)))


@pytest.mark.needs("transformers")
def test_one_part_that_is_stored_head_by_head_is_written_alone() -> None:
    """Zeroed queries of GPT-NeoX with 3 heads of 8 are the rows 0 to 7, 24 to 31 and 48 to 55."""
    model = text_model("NeoX")
    rule = ui.Rule(spec=ui.normal(0, 1), place="attention.qkv", role="kernel", parts=(("q", ui.zeros()),))
    rest = ui.Rule(spec=ui.normal(0, 1))
    ui.apply(model, ui.Recipe("zeroed", (rule, rest)), seed=0)
    zero = (model.layers[0].attention.query_key_value.weight == 0).all(dim=1).nonzero().flatten().tolist()
    assert zero == [*range(8), *range(24, 32), *range(48, 56)]


@pytest.mark.needs("transformers")
def test_unequal_parts_have_their_own_fans() -> None:
    """Grouped queries: Glorot's bound of the keys counts the outputs of the keys."""
    import transformers

    fields = {"hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 32}
    model = transformers.Phi3Model(
        transformers.Phi3Config(num_hidden_layers=1, vocab_size=50, pad_token_id=0, **fields)
    )
    plan = ui.plan(model, ui.Recipe("glorot", (
        ui.Rule(spec=ui.glorot_uniform(), kind="linear", role="kernel"), ui.Rule(spec=ui.zeros()),
    )))  # fmt: skip
    bounds = {
        piece.label: piece.law.high
        for path in ("layers.0.self_attn.qkv_proj.weight", "layers.0.mlp.gate_up_proj.weight")
        for piece in plan[path].pieces
    }
    exact = {"q": 6 / 32, "k": 6 / 24, "v": 6 / 24, "gate": 6 / 48, "up": 6 / 48}
    assert bounds == pytest.approx({label: square**0.5 for label, square in exact.items()}, rel=1e-12)


VISION = (
    "levit_128s",
    "tiny_vit_5m_224",
    "efficientformer_l1",
    "coatnet_0_224",
    "swin_tiny_patch4_window7_224",
)


@pytest.mark.needs("timm")
@pytest.mark.parametrize("name", VISION)
def test_values_of_models_of_timm_are_those_of_the_forward_pass(name: str) -> None:
    """Constants that are added to the values are what the output projection receives besides."""
    import timm
    import torch

    model = timm.create_model(name, pretrained=False, num_classes=2).eval()
    records = [
        record
        for record in ui.inspect(model)
        if [part.label for part in record.parts] == ["q", "k", "v"] and record.role == "kernel"
    ]
    record = records[0]
    owner = record.path.partition(".qkv")[0]
    fused, projection = model.get_submodule(f"{owner}.qkv"), model.get_submodule(f"{owner}.proj")
    rows = torch.from_numpy(units(record, "v"))
    shift = torch.zeros(record.shape[record.axis or 0])
    noise = torch.randn(len(rows))
    channels = slice(None) if "conv" not in record.kind else (slice(None), None, None)
    received = []
    projection.register_forward_pre_hook(lambda _module, inputs: received.append(inputs[0]))
    fused.register_forward_hook(lambda _module, _inputs, output: output + shift[channels])
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        model(images)
        shift[rows] = noise
        model(images)
    before, after = (
        entry.flatten(2).mT if entry.ndim == 4 else entry
        for entry in (received[0], received[len(received) // 2])
    )
    assert torch.allclose(after - before, noise.expand_as(before), atol=1e-4)


def test_a_class_of_another_library_is_not_taken_for_a_known_one() -> None:
    """``GPTNeoXAttention`` of somebody's own code may store its parts in another way: it is one matrix."""
    import torch

    attention = type("GPTNeoXAttention", (torch.nn.Module,), {})()
    attention.query_key_value = torch.nn.Linear(8, 24)
    (kernel,) = (record for record in ui.inspect(attention) if record.role == "kernel")
    assert kernel.parts == ()
    assert kernel.outputs == 24


def test_a_class_that_is_parametrized_or_sharded_is_what_it_was() -> None:
    """The grouped projection of torchtitan: its parts are those of its own split, under a class made of it too."""
    import torch

    fields = {"__module__": "torchtitan.models.common.attention", "head_dim": 2, "heads_per_kv": 3}
    cls = type("FusedQKVLinear", (torch.nn.Module,), fields)
    made = type("ParametrizedFusedQKVLinear", (cls,), {"__module__": "torch.nn.utils.parametrize"})
    for kind in (cls, made):
        layer = kind()
        layer.wqkv = torch.nn.Linear(4, 20, bias=False)
        (record,) = ui.inspect(layer)
        rows = torch.arange(20).reshape(2, 5, 2)  # key heads, their queries, the key and the value, head_dim
        for label, own in zip("qkv", rows.split((3, 1, 1), dim=1), strict=True):
            assert units(record, label).tolist() == own.flatten().tolist()
