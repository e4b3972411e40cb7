"""Describes each tensor of a PyTorch layer: its kind, role, layout and the numbers that give its fans."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from unified_init.errors import ArgumentValueError
from unified_init.inventory.records import Record
from unified_init.walkers.fused import QKV, Split, fused_facts
from unified_init.walkers.layer_facts import BIAS, POSITION, SCALED, TOKEN
from unified_init.walkers.torch.classes import class_of
from unified_init.walkers.torch.fused import split_of
from unified_init.walkers.torch.mixtures import mixture_facts
from unified_init.walkers.torch.norms import facts_of_norm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.walkers.torch.parametrized import Effective

__all__ = ["described"]

# The attributes in which layers keep their sizes: a tensor may be empty if one of them is 0.
SIZES = (
    "in_features", "out_features", "in_channels", "out_channels", "num_embeddings", "embedding_dim",
    "num_features", "hidden_size", "input_size", "num_parameters",
)  # fmt: skip
SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
GATES = {"LSTM": "ifgo", "GRU": "rzn", "RNN": ""}


def described(modules: Mapping[str, nn.Module], path: str, native: torch.Tensor | Effective) -> Record | None:
    """Return the record of one tensor of a model; None for a buffer that no recipe writes.

    Args:
        modules: the modules of the model by path.
        path: that of the tensor.
        native: the tensor.
    """
    layer, _, name = path.rpartition(".")
    module = modules[layer]
    _check_has_shape(module, path, native)
    facts = _facts(modules, layer, name, tuple(native.shape), path)
    if facts is None:
        return None
    return Record(
        name=path, path=path, shape=tuple(native.shape), dtype=str(native.dtype).removeprefix("torch."),
        native=class_of(module).__name__, trainable=_is_trained(native), **facts,
    )  # fmt: skip


def _is_trained(native: torch.Tensor | Effective) -> bool:
    """Whether training changes a tensor: a parameter that takes gradients, or one computed from such."""
    tensors = [native] if isinstance(native, torch.Tensor) else native.stored
    return any(tensor.requires_grad for tensor in tensors)


def _check_has_shape(module: nn.Module, path: str, native: torch.Tensor | Effective) -> None:
    """Refuse lazy parameters, and the empty placeholders that sharded training leaves (ZeRO-3)."""
    if isinstance(native, torch.Tensor) and nn.parameter.is_lazy(native):
        msg = f"{path!r} is a lazy parameter without a shape: run the module once first."
        raise ArgumentValueError(msg)
    is_buffer = path.rpartition(".")[2] in module._buffers  # noqa: SLF001  # as below; observers have empty ones
    if tuple(native.shape) != (0,) or is_buffer:
        return
    declared = [getattr(module, field, None) for field in SIZES]
    if not any(isinstance(size, int) and size == 0 for size in declared):
        msg = (
            f"{path!r} of {class_of(module).__name__} is an empty placeholder of shape (0,): gather the "
            "parameter (deepspeed.zero.GatheredParameters), or apply before it is partitioned."
        )
        raise ArgumentValueError(msg)


# The tensors that belong to a layer. A model may register other ones on it, which are described by their
# names.
OWN_TENSORS = {
    "plain": {"weight", "bias"},
    "table": {"weight"},
    "attention": {
        "in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight", "bias_k",
        "bias_v",
    },
}  # fmt: skip


def _family(module: nn.Module) -> str:
    """Return the key of OWN_TENSORS for a layer; "" for layers whose descriptions check the names."""
    if isinstance(module, nn.MultiheadAttention):
        return "attention"
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return "table"
    plain = (nn.Linear, nn.Bilinear, *CONVS, *TRANSPOSED)
    return "plain" if isinstance(module, plain) or _is_conv1d(module) else ""


def _is_conv1d(module: nn.Module) -> bool:
    """Whether it is the linear layer of transformers that stores (in, out), and not a convolution."""
    return class_of(module).__name__ == "Conv1D" and _of_transformers(module)


def _of_transformers(module: nn.Module) -> bool:
    """Whether a class comes from transformers, or from code that it downloaded."""
    # By the package's name, which is public. Conv1D has moved between modules of it, the modules of the norms
    # are private to each model, and downloaded code has no public path at all.
    return class_of(module).__module__.startswith(("transformers.", "transformers_modules."))


def _facts(  # noqa: PLR0911  # one return per layer
    modules: Mapping[str, nn.Module], layer: str, name: str, shape: tuple[int, ...], path: str
) -> dict[str, Any] | None:
    module, parent = modules[layer], modules[layer.rpartition(".")[0]] if layer else None
    if name not in OWN_TENSORS.get(_family(module), {name}):
        return _free(module, name, shape)
    if isinstance(module, nn.MultiheadAttention):
        return _attention(module, name, shape, path)
    if isinstance(module, nn.Linear):
        kind = "attention" if isinstance(parent, nn.MultiheadAttention) else "linear"
        place = {"place": "attention.out"} if kind == "attention" else {}
        split = split_of(modules, layer, module.in_features, module.out_features)
        facts = _linear("OI", name, module.in_features, module.out_features)
        return facts | {"kind": kind} | place | _split_facts(split, facts["layout"], path, shape)
    if _is_conv1d(module) and isinstance(module.weight, torch.Tensor):
        inputs, outputs = map(int, module.weight.shape)
        facts = _linear("IO", name, inputs, outputs)
        return facts | _split_facts(split_of(modules, layer, inputs, outputs), facts["layout"], path, shape)
    if isinstance(module, (*CONVS, *TRANSPOSED)):
        facts = _conv(module, name)
        if module.groups > 1 or isinstance(module, TRANSPOSED):
            return facts
        split = split_of(modules, layer, module.in_channels, module.out_channels)
        return facts | _split_facts(split, facts["layout"], path, shape)
    if isinstance(module, nn.Bilinear):
        first, second = module.in1_features, module.in2_features
        facts = {
            "kind": "bilinear",
            "inputs": first * second,
            "outputs": module.out_features,
            "features": first,
        }
        return facts | ({"role": "kernel", "layout": "OII"} if name == "weight" else _vector("bias"))
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return {
            "kind": "embedding", "role": "embedding", "layout": "BO", "outputs": shape[-1],
            "padding": module.padding_idx,
        }  # fmt: skip
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)) and re.match(r"(weight|bias)_[ih]", name):
        return _recurrent(module, name, shape, path)
    mixture = mixture_facts(module, name, shape, path) if _of_transformers(module) else None
    return mixture or facts_of_norm(module, name, shape, path) or _free(module, name, shape)


def _vector(role: str) -> dict[str, Any]:
    return {"role": role, "layout": "O"}


def _linear(layout: str, name: str, inputs: int, outputs: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": "linear", "inputs": inputs, "outputs": outputs}
    return facts | ({"role": "kernel", "layout": layout} if name == "weight" else _vector("bias"))


def _split_facts(split: Split | None, layout: str, path: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the facts of the parts of a fused tensor; {} for one that holds one projection."""
    return {} if split is None else fused_facts(split, path, shape, layout.index("O"))


def _gates(path: str, shape: tuple[int, ...], layout: str, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return equal parts along the axis of the outputs."""
    axis = layout.index("O")
    split = Split(labels, (shape[axis] // len(labels),) * len(labels))
    return {"axis": axis, "parts": split.parts(path, shape, axis)}


def _conv(module: Any, name: str) -> dict[str, Any]:
    groups = module.groups
    space = SPATIAL[len(module.kernel_size)]
    transposed = isinstance(module, TRANSPOSED)
    facts: dict[str, Any] = {
        "kind": "conv_transpose" if transposed else "conv",
        "inputs": module.in_channels // groups,
        "outputs": module.out_channels // groups,
        "space": math.prod(module.kernel_size),
        "groups": groups,
    }
    if name != "weight":
        return facts | _vector("bias")
    if groups == 1:
        return facts | {"role": "kernel", "layout": ("IO" if transposed else "OI") + space}
    layout = ("(BI)O" if transposed else "(BO)I") + space
    return facts | {"role": "kernel", "layout": layout, "sizes": (("B", groups),)}


def _attention(module: nn.MultiheadAttention, name: str, shape: tuple[int, ...], path: str) -> dict[str, Any]:
    width = module.embed_dim
    facts: dict[str, Any] = {"kind": "attention", "inputs": width, "outputs": width}
    if name in {"in_proj_weight", "in_proj_bias"}:
        layout = "OI" if name == "in_proj_weight" else "O"
        role = "kernel" if name == "in_proj_weight" else "bias"
        return facts | _gates(path, shape, layout, QKV) | {
            "role": role, "layout": layout, "place": "attention.qkv",
        }  # fmt: skip
    if name in {"bias_k", "bias_v"}:
        return facts | {"role": "token", "layout": "BIO", "place": "attention.extra"}
    projection = {"q": "query", "k": "key", "v": "value"}[name[0]]
    # Keys or values of another width are why the three have separate tensors.
    features = module.kdim if module.kdim != width else module.vdim
    return facts | {
        "role": "kernel", "layout": "OI", "place": f"attention.{projection}", "inputs": shape[1],
        "features": features,
    }  # fmt: skip


def _recurrent(module: Any, name: str, shape: tuple[int, ...], path: str) -> dict[str, Any]:
    mode = module.mode if isinstance(module, nn.RNNBase) else type(module).__name__.removesuffix("Cell")
    kind = {"L": "lstm", "G": "gru", "R": "rnn"}[mode[0]]
    labels = tuple(GATES[kind.upper()])
    level = re.search(r"_l(\d+)", name)
    hidden = module.hidden_size
    state = getattr(module, "proj_size", 0) or hidden
    inputs = module.input_size
    if level is not None and int(level[1]) > 0:
        inputs = state * (2 if module.bidirectional else 1)
    facts: dict[str, Any] = {"kind": kind, "hidden": hidden, "features": inputs, "outputs": hidden}
    recurrent = "_hh" in name
    facts["inputs"] = state if recurrent else inputs
    if "_hr" in name:
        return facts | {"role": "projection", "layout": "OI", "inputs": hidden, "outputs": state}
    if name.startswith("bias"):
        facts |= _vector("recurrent_bias" if recurrent else "bias")
    else:
        facts |= {"role": "recurrent_kernel" if recurrent else "kernel", "layout": "OI"}
    return facts | (_gates(path, shape, facts["layout"], labels) if labels else {})


def _free(  # noqa: PLR0911  # one return per kind
    module: nn.Module, name: str, shape: tuple[int, ...]
) -> dict[str, Any] | None:
    """Return the facts of a tensor without a known layer; None for a buffer, which no recipe writes."""
    if name in module._buffers:  # noqa: SLF001  # there is no public way to ask
        return None
    label = class_of(module).__name__.lower()
    if isinstance(module, nn.PReLU):
        return {"kind": "prelu", "role": "slope", "layout": "O"}
    layout = "B" * (len(shape) - 1) + "O" if shape else None
    facts: dict[str, Any] = {"kind": "parameter", "layout": layout, "outputs": shape[-1] if shape else None}
    if POSITION.search(name):
        return facts | {"role": "position", "place": "embedding.position"}
    if TOKEN.search(name):
        return facts | {"role": "token"}
    if SCALED.search(name) or "layerscale" in label:
        return facts | {"role": "layer_scale"}
    if name == "relative_position_bias_table":
        return facts | {"role": "position", "place": "attention.extra"}
    if BIAS.search(name):
        return facts | {"role": "bias"}
    return {"kind": "parameter", "role": "parameter", "layout": None}
