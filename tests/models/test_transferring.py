"""Trained values move between models: proven by equal outputs of models that nobody drew alike."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.drawing.digests import values_of
from unified_init.models import transfer_source

if TYPE_CHECKING:
    from pathlib import Path


def trained(model: Any) -> Any:
    """Return a torch model with random parameters and statistics, as if it had been trained."""
    import torch

    torch.manual_seed(7)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.randn_like(tensor).abs() * 0.05)
    return model.eval()


@pytest.mark.needs("torchvision", "haiku")
def test_a_resnet_of_torchvision_becomes_one_of_haiku() -> None:
    """Equal logits, statistics of the batch norms included."""
    import haiku as hk
    import jax
    import torch
    import torchvision

    theirs = trained(torchvision.models.resnet18(num_classes=10))
    net = hk.transform_with_state(lambda x, train: hk.nets.ResNet18(10)(x, train))  # noqa: PLW0108  # modules are made inside
    image = np.random.default_rng(0).standard_normal((2, 65, 65, 3), dtype=np.float32)
    params, state = net.init(jax.random.key(0), image, train=True)
    ours = ui.transfer(theirs, ui.haiku(net, params, image, state=state, train=True))
    with torch.no_grad():
        logits = theirs(torch.from_numpy(image.transpose(0, 3, 1, 2).copy())).numpy()
    others, _ = net.apply(ours.params, ours.state, None, image, train=False)
    assert np.abs(logits - np.asarray(others)).max() < 1e-4 * np.abs(logits).max()


@pytest.mark.needs("transformers", "flax")
def test_gpt2_of_transformers_becomes_one_in_nnx() -> None:
    """A fused matrix of (in, out) becomes three of (in, heads, size), a tied head stays tied: equal logits."""
    import torch
    from tests.helpers.ports_transformers import nnx_gpt2, transformers_gpt2

    theirs, ours = trained(transformers_gpt2()), nnx_gpt2()
    names = ui.match(theirs, ours)
    assert ui.transfer(theirs, ours, names) is ours
    tokens = np.random.default_rng(0).integers(0, 101, (2, 16))
    with torch.no_grad():
        logits = theirs(torch.from_numpy(tokens)).logits.numpy()
    assert np.abs(logits - np.asarray(ours(tokens))).max() < 1e-4 * np.abs(logits).max()
    assert ui.digests(theirs) == ui.digests(ours, names)


@pytest.mark.needs("torch", "keras")
@pytest.mark.parametrize("cell", ["LSTM", "SimpleRNN"])
def test_two_biases_become_their_sum(cell: str) -> None:
    """A recurrent layer of PyTorch in Keras, which has one bias: equal outputs."""
    import keras
    import torch

    theirs = trained(getattr(torch.nn, {"SimpleRNN": "RNN"}.get(cell, cell))(5, 4, batch_first=True))
    ours = keras.Sequential([keras.Input((3, 5)), getattr(keras.layers, cell)(4, return_sequences=True)])
    paths = {record.role: record.path for record in ui.inspect(ours)}
    names = {
        paths["kernel"]: "weight_ih_l0", paths["recurrent_kernel"]: "weight_hh_l0", paths["bias"]: "bias_ih_l0",
    }  # fmt: skip
    ui.transfer(theirs, ours, names)
    x = np.random.default_rng(0).standard_normal((2, 3, 5), dtype=np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x))[0].numpy()
    assert np.abs(expected - values_of(ours(x))).max() < 1e-6


@pytest.mark.needs("torch", "keras")
def test_one_bias_becomes_two_of_which_one_is_zero() -> None:
    """And back: PyTorch's second bias is 0 where the source has one."""
    import keras
    import torch

    layer = keras.layers.LSTM(4, return_sequences=True)
    theirs = keras.Sequential([keras.Input((3, 5)), layer])
    layer.cell.bias.assign(np.arange(16.0))
    paths = {record.role: record.name for record in ui.inspect(theirs)}
    names = {
        "weight_ih_l0": paths["kernel"], "weight_hh_l0": paths["recurrent_kernel"], "bias_ih_l0": paths["bias"],
    }  # fmt: skip
    ours = ui.transfer(theirs, trained(torch.nn.LSTM(5, 4, batch_first=True)), names)
    assert not ours.bias_hh_l0.any()
    x = np.random.default_rng(0).standard_normal((2, 3, 5), dtype=np.float32)
    with torch.no_grad():
        assert np.abs(ours(torch.from_numpy(x))[0].numpy() - values_of(theirs(x))).max() < 1e-6


@pytest.mark.needs("torch", "keras")
def test_the_candidates_second_bias_of_a_gru_is_not_added() -> None:
    """PyTorch multiplies it by the reset gate: a cell of Keras with both biases takes both."""
    import keras
    import torch

    theirs = trained(torch.nn.GRU(5, 4, batch_first=True))
    layer = keras.layers.GRU(4, return_sequences=True, reset_after=True)
    ours = keras.Sequential([keras.Input((3, 5)), layer])
    paths = {record.role: record.path for record in ui.inspect(ours)}
    names = {
        paths["kernel"]: "weight_ih_l0", paths["recurrent_kernel"]: "weight_hh_l0",
        paths["bias"]: "bias_ih_l0", paths["recurrent_bias"]: "bias_hh_l0",
    }  # fmt: skip
    ui.transfer(theirs, ours, names)
    x = np.random.default_rng(0).standard_normal((2, 3, 5), dtype=np.float32)
    with torch.no_grad():
        assert np.abs(theirs(torch.from_numpy(x))[0].numpy() - values_of(ours(x))).max() < 1e-6
    single = keras.Sequential([keras.Input((3, 5)), keras.layers.GRU(4, reset_after=False)])
    one_bias = {record.role: record.path for record in ui.inspect(single)}
    names = {
        one_bias["kernel"]: "weight_ih_l0", one_bias["recurrent_kernel"]: "weight_hh_l0",
        one_bias["bias"]: "bias_ih_l0",
    }  # fmt: skip
    with refused(ui.ArgumentValueError):
        ui.transfer(theirs, single, names)


@pytest.mark.needs("transformers")
def test_a_centred_norm_becomes_a_plain_one() -> None:
    """Gemma multiplies by 1 + weight, T5's norm by its weight."""
    import torch
    from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
    from transformers.models.t5.modeling_t5 import T5LayerNorm

    theirs = trained(GemmaRMSNorm(8, eps=1e-6))
    ours = ui.transfer(theirs, T5LayerNorm(8, eps=1e-6))
    x = torch.randn(3, 8)
    assert torch.allclose(theirs(x), ours(x), atol=1e-6)
    back = ui.transfer(ours, GemmaRMSNorm(8, eps=1e-6))
    assert torch.equal(back.weight + 1, ours.weight)


@pytest.mark.needs("torch", "flax")
def test_a_matrix_becomes_a_convolution_of_one_position() -> None:
    """By names, since the kinds differ."""
    import torch
    from flax import nnx

    theirs = trained(torch.nn.Linear(5, 4))
    ours = nnx.Conv(5, 4, (1, 1), rngs=nnx.Rngs(0))
    ui.transfer(theirs, ours, {"kernel": "weight", "bias": "bias"})
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 5), dtype=np.float32)
    with torch.no_grad():
        assert np.abs(theirs(torch.from_numpy(x)).numpy() - np.asarray(ours(x))).max() < 1e-6


@pytest.mark.needs("torch", "keras")
def test_values_come_from_a_state_dict_and_from_a_file(tmp_path: Path) -> None:
    """With the inventory of the model that they are of, or as the target's own."""
    import keras
    import torch
    from safetensors.torch import save_file

    theirs = trained(torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4)))
    x = torch.randn(3, 5)
    with torch.no_grad():
        expected = theirs(x).numpy()
    ours = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(4), keras.layers.BatchNormalization(epsilon=1e-5),
    ])  # fmt: skip
    ui.transfer(theirs.state_dict(), ours, inventory=ui.inspect(theirs))
    assert np.abs(expected - values_of(ours(x.numpy()))).max() < 1e-6
    path = tmp_path / "model.safetensors"
    save_file({key: value.to(torch.bfloat16) for key, value in theirs.state_dict().items()}, path)
    other = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4))
    ui.transfer(path, other)
    assert torch.equal(other[0].weight, theirs[0].weight.to(torch.bfloat16).float())


class FailingMapping(dict):  # type: ignore[type-arg]  # of nothing
    """Its entries cannot be read, as those of a file that was closed."""

    def items(self) -> Any:
        """Raise what no handler of ours expects."""
        message = "closed"
        raise RuntimeError(message)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2", "bfloat16"])
def test_narrow_floats_are_read_from_a_file(tmp_path: Path, kind: str) -> None:
    """Beside other types, as the same bits."""
    import torch
    from safetensors.torch import save_file

    theirs = trained(torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 2)))
    narrow = {
        name: value.to(getattr(torch, kind)) if value.ndim > 1 else value.half()
        for name, value in theirs.state_dict().items()
    }
    path = tmp_path / "narrow.safetensors"
    save_file(narrow, path)
    ours = ui.transfer(path, torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 2)))
    assert all(torch.equal(ours.state_dict()[name], value.float()) for name, value in narrow.items())


@pytest.mark.needs("torch")
def test_a_file_with_a_type_that_numpy_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of the tensor. Every safetensors has float8, which stands for the newer types of some."""
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "narrow.safetensors"
    save_file({"weight": torch.ones(2, 3).to(torch.float8_e4m3fn)}, path)
    monkeypatch.setattr(transfer_source, "FLOAT8", {})
    with refused(ui.ArgumentTypeError):
        ui.transfer(path, torch.nn.Linear(3, 2, bias=False))


@pytest.mark.needs("torch")
def test_what_has_no_counterpart_is_refused_or_left() -> None:
    """And the target is as it was."""
    import torch

    source, target = torch.nn.Linear(3, 2, bias=False), torch.nn.Linear(3, 2)
    before = target.weight.detach().clone()
    with refused(ui.ArgumentValueError):
        ui.transfer(source, target, {"weight": "weight"})
    with refused(ui.ArgumentValueError):
        ui.transfer(target, source, {"weight": "weight"})
    with refused(ui.ArgumentValueError):
        ui.transfer(torch.nn.Linear(4, 2), target, {"weight": "weight", "bias": "bias"})
    with refused(ui.ArgumentValueError):
        ui.transfer(torch.nn.Linear(3, 2), target, {"weigth": "weight"})
    with refused(ui.ArgumentTypeError):
        ui.transfer(source, target, strict=1)  # type: ignore[arg-type]
    with refused(ui.ArgumentTypeError):
        ui.transfer(3, target)
    with refused(ui.ArgumentTypeError):
        ui.transfer({}, target, inventory=3)  # type: ignore[arg-type]
    with refused(ui.ArgumentValueError):
        ui.transfer(source, target, inventory=ui.inspect(source))
    with refused(ui.ArgumentTypeError):
        ui.transfer({"weight": "x", "bias": "y"}, target)
    with refused(ui.ArgumentTypeError):
        ui.transfer(FailingMapping(), target)
    with refused(ui.ArgumentTypeError):
        ui.transfer({"weight": target.weight, "bias": np.array(["a", "b"])}, target)
    with refused(ui.ArgumentValueError):
        ui.transfer({"weight": target.weight, "bias": np.ones(3)}, target)
    assert torch.equal(target.weight, before)
    ui.transfer(source, target, {"weight": "weight"}, strict=False)
    assert torch.equal(target.weight, source.weight)


@pytest.mark.needs("torch")
def test_a_tied_tensor_of_a_state_dict_may_stand_under_either_name() -> None:
    """Checkpoints keep one of the two."""
    import torch

    model = torch.nn.Module()
    model.embed, model.head = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False)
    model.head.weight = model.embed.weight
    for key in ("embed.weight", "head.weight"):
        values = torch.randn(5, 3)
        ui.transfer({key: values}, model)
        assert torch.equal(model.head.weight, values)


@pytest.mark.needs("torch")
def test_a_tensor_is_read_by_path_and_by_part() -> None:
    """Parts apart and joined, and digests of both models of one recipe."""
    import torch

    attention = torch.nn.MultiheadAttention(4, 2)
    whole = attention.in_proj_weight.detach().numpy()
    assert (ui.read(attention, "in_proj_weight") == whole).all()
    assert (ui.read(attention, "in_proj_weight/v") == whole[8:]).all()
    with refused(ui.ArgumentValueError):
        ui.read(attention, "in_proj_weight/w")
    with refused(ui.ArgumentTypeError):
        ui.read(ui.inspect(attention), "in_proj_weight")
    with refused(ui.ArgumentTypeError):
        ui.digests(ui.inspect(attention))
    digests = ui.digests(attention, {"in_proj_weight": "qkv"})
    assert digests["qkv/q"] == ui.digest(attention.in_proj_weight[:4], layout="OI")
    assert sorted(digests) == sorted(
        [f"{name}/{part}" for name in ("qkv", "in_proj_bias") for part in "qkv"]
        + ["out_proj.weight", "out_proj.bias"]
    )


@pytest.mark.needs("torch")
def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file without the library that reads it."""
    import torch

    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no header")
    with refused(ui.ArgumentValueError, hidden=re.escape(str(path))):
        ui.transfer(path, torch.nn.Linear(3, 2))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with refused(ui.BackendError):
        ui.transfer(path, torch.nn.Linear(3, 2))


@pytest.mark.needs("torch")
def test_a_wrong_map_moves_the_outputs() -> None:
    """What these tests compare can differ: queries taken for keys."""
    import torch

    source, target = (trained(torch.nn.MultiheadAttention(8, 2, batch_first=True)) for _ in range(2))
    names = {
        f"in_proj_weight/{label}": f"in_proj_weight/{other}"
        for label, other in zip("qkv", "qkv", strict=True)
    }
    swapped = names | {"in_proj_weight/q": "in_proj_weight/v", "in_proj_weight/v": "in_proj_weight/q"}
    x = torch.randn(2, 3, 8)
    ui.transfer(source, target, names)
    assert torch.equal(source(x, x, x)[0], target(x, x, x)[0])
    ui.transfer(source, target, swapped)
    assert not torch.allclose(source(x, x, x)[0], target(x, x, x)[0], atol=1e-4)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("shape", [(4, 3), (12,), (2, 6)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Also one that has as many values: a transposed weight would be read as something else."""
    import torch

    with refused(ui.ArgumentValueError):
        ui.transfer({"weight": torch.zeros(shape)}, torch.nn.Linear(4, 3, bias=False))


@pytest.mark.needs("torch")
def test_what_a_mapping_would_lose_is_refused() -> None:
    """A key that names no tensor, other values for a tie, the imaginary part of complex numbers."""
    import torch

    layer = torch.nn.Linear(2, 2)
    with refused(ui.ArgumentValueError):
        ui.transfer({**layer.state_dict(), "lost": torch.ones(3)}, layer)
    with refused(ui.ArgumentValueError):
        ui.transfer({"weight": torch.zeros(2, 2), "bias": torch.tensor([1 + 2j, 3 + 4j])}, layer)
    model = torch.nn.Module()
    model.embed, model.head = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False)
    model.head.weight = model.embed.weight
    with refused(ui.ArgumentValueError):
        ui.transfer({"embed.weight": torch.zeros(5, 3), "head.weight": torch.ones(5, 3)}, model)
    ui.transfer({"embed.weight": torch.ones(5, 3), "head.weight": torch.ones(5, 3)}, model)
    assert bool((model.head.weight == 1).all())


@pytest.mark.needs("torch")
def test_an_array_without_the_axes_of_a_view_is_refused() -> None:
    """Parts that are stored head by head are regions of an array of that size."""
    import torch

    parts = tuple(
        ui.Part(label=label, length=6, path="w", box=((0, 2), (start, start + 3), (0, 5)), view=(2, 9, 5))
        for start, label in zip((0, 3, 6), "qkv", strict=True)
    )
    record = ui.Record(
        name="w", path="w", shape=(18, 5), kind="linear", role="kernel", layout="OI", axis=0, parts=parts
    )
    inventory = ui.Inventory("torch", (record,))
    target, names = torch.nn.Linear(5, 6, bias=False), {"weight": "w/q"}
    with refused(ui.ArgumentTypeError):
        ui.transfer({"w": np.zeros((3, 5))}, target, names, inventory=inventory, strict=False)
    values = np.arange(90.0).reshape(18, 5)
    ui.transfer({"w": values}, target, names, inventory=inventory, strict=False)
    assert (target.weight.detach().numpy() == values[[0, 1, 2, 9, 10, 11]]).all()
