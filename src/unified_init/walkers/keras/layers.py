"""Describes each variable of a Keras layer: its kind, role, layout and the numbers that give its fans."""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers

from unified_init.backends.registry import NAMES, get
from unified_init.walkers import norms
from unified_init.walkers.layer_facts import loose, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["described"]

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
CONVS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
ATTENTIONS = (layers.MultiHeadAttention, layers.GroupQueryAttention)
PLACES = {
    "query": "attention.query", "key": "attention.key", "value": "attention.value",
    "attention_output": "attention.out", "gate": "attention.extra",
}  # fmt: skip
# Keras calls the candidate "c" in an LSTM and "h" in a GRU; the labels are those of all frameworks.
CELLS = {
    "LSTMCell": ("lstm", "ifgo"), "ConvLSTMCell": ("lstm", "ifgo"), "GRUCell": ("gru", "zrn"),
    "SimpleRNNCell": ("rnn", ""),
}  # fmt: skip
KERNELS = ("kernel", "quantized_kernel")
SCALES = re.compile(r".*_(scale|scales|zero|amax_history)|g_idx")  # of a quantized layer: made from data

Facts = dict[str, Any]


def described(
    layer: Any, parent: Any, path: str, name: str, shape: tuple[int, ...]
) -> tuple[tuple[str, Facts], ...]:
    """Return the records of one variable, each as a suffix of its path and fields; () if none is written.

    Args:
        layer: the layer that holds the variable.
        parent: the layer that holds ``layer``; None for the model itself.
        path: the native path of the variable.
        name: its own name in the layer.
        shape: its shape.
    """
    if isinstance(layer, layers.GRUCell) and name == "bias" and len(shape) == 2:  # noqa: PLR2004  # reset_after
        roles = (("#input", "bias", 0), ("#recurrent", "recurrent_bias", 1))
        return tuple((suffix, _gru_bias(layer, role, row, shape, path)) for suffix, role, row in roles)
    facts = _facts(layer, parent, path, name, shape)
    return () if facts is None else (("", facts),)


def _facts(  # noqa: C901, PLR0911  # one return per layer
    layer: Any, parent: Any, path: str, name: str, shape: tuple[int, ...]
) -> Facts | None:
    if getattr(layer, "quantization_mode", None) is not None and SCALES.fullmatch(name):
        return None
    if name.startswith("lora_"):
        return _lora(layer, name, shape)
    if isinstance(layer, layers.EinsumDense) and name in {*KERNELS, "bias"}:
        return _einsum(layer, name, shape) | _projection(layer, parent)
    if isinstance(layer, layers.Dense) and name in {*KERNELS, "bias"}:
        kernel = _kernel_shape(layer)
        facts = {"kind": "linear", "inputs": kernel[0] if kernel else None, "outputs": layer.units}
        return facts | (_vector("bias") if name == "bias" else {"role": "kernel", "layout": "IO"})
    if isinstance(layer, CONVS + TRANSPOSED + DEPTHWISE + SEPARABLE) and name.endswith(("kernel", "bias")):
        return _conv(layer, name)
    if isinstance(layer, layers.Embedding) and name.endswith("embeddings"):
        return _embedding(layer, name)
    cell = next((cls.__name__ for cls in type(layer).__mro__ if cls.__name__ in CELLS), None)
    if cell is not None and name in {"kernel", "recurrent_kernel", "bias"}:
        return _recurrent(layer, *CELLS[cell], path, name, shape)
    if isinstance(layer, layers.Attention) and name in {"scale", "concat_score_weight"}:
        # The additive one's scale is the only vector.
        width = shape[0] if shape else None
        return {
            "kind": "attention", "role": "scale", "layout": "I" if shape else None,
            "inputs": width, "outputs": 1 if shape else None,
        }  # fmt: skip
    if isinstance(layer, layers.PReLU) and name == "alpha":
        return {"kind": "prelu", "role": "slope", "layout": "O" * len(shape)}
    if isinstance(layer, layers.SpectralNormalization) or type(layer).__name__ == "STFTSpectrogram":
        return None  # state of the power iteration; windows that a formula gives
    return _norm(layer, name, shape, path) or _free(layer, name, shape)


def _vector(role: str) -> Facts:
    return {"role": role, "layout": "O"}


def _kernel_shape(layer: Any) -> tuple[int, ...]:
    """Return the shape of a layer's kernel; () where a quantized kernel is stored in another way."""
    kernel = vars(layer).get("_kernel", vars(layer).get("kernel"))  # the property may compute another one
    return () if kernel is None else tuple(int(length) for length in kernel.shape)


def _einsum(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    """Return the facts that the equation gives. An axis of both operands and the result has groups."""
    operands, _, result = layer.equation.replace("...", "").replace(" ", "").partition("->")
    data, _, letters = operands.partition(",")
    roles = {letter: "I" if letter not in result else "B" if letter in data else "O" for letter in letters}
    # A quantization may pack the kernel into another shape, and keeps the original shape here.
    kernel = getattr(layer, "original_kernel_shape", None) or _kernel_shape(layer)
    extent = {
        role: math.prod(
            length for letter, length in zip(letters, kernel, strict=True) if roles[letter] == role
        )
        for role in "IOB"
    }
    facts: Facts = {"kind": "linear", "inputs": extent["I"], "outputs": extent["O"], "groups": extent["B"]}
    if name != "bias":
        layout = "".join(roles[letter] for letter in letters)
        return facts | {"role": "kernel", "layout": layout if len(layout) == len(shape) else None}
    first = min(result.find(axis) for axis in layer.bias_axes)
    axes = result[first:].ljust(len(shape), "?")  # "?" is an axis of length 1 behind an ellipsis
    return facts | {
        "role": "bias", "layout": "".join("B" if roles.get(axis) == "B" else "O" for axis in axes),
    }  # fmt: skip


def _projection(layer: Any, parent: Any) -> Facts:
    """Return the facts of a projection inside an attention layer; {} elsewhere."""
    if not isinstance(parent, ATTENTIONS) or layer.name not in PLACES:
        return {}
    facts: Facts = {"kind": "attention", "place": PLACES[layer.name]}
    if layer.name in {"query", "key", "value"}:
        sizes = [_kernel_shape(getattr(parent, f"_{word}_dense"))[:1] for word in ("query", "key", "value")]
        # The width of keys or values, where it differs from that of queries.
        facts["features"] = next((size[0] for size in sizes[1:] if size and size != sizes[0]), 0)
    return facts


def _conv(layer: Any, name: str) -> Facts:
    kernel, facts = _conv_kernel(layer, name)
    return facts | (_vector("bias") if name == "bias" else {"role": "kernel"} | kernel)


def _conv_kernel(layer: Any, name: str) -> tuple[Facts, Facts]:
    """Return the facts of the kernel only, and those that a bias shares with it."""
    space = SPATIAL[layer.rank]
    window = math.prod(layer.kernel_size)
    if isinstance(layer, SEPARABLE):
        *positions, channels, multiplier = (int(length) for length in layer.depthwise_kernel.shape)
        if name == "depthwise_kernel":
            return _depthwise(space, positions, channels, multiplier)
        facts: Facts = {"kind": "conv", "inputs": channels * multiplier, "outputs": layer.filters}
        return {"layout": space + "IO"}, facts
    *positions, first, last = _kernel_shape(layer)
    if isinstance(layer, DEPTHWISE):
        return _depthwise(space, positions, first, last)
    if isinstance(layer, TRANSPOSED):
        facts = {"kind": "conv_transpose", "inputs": last, "outputs": first, "space": window}
        return {"layout": space + "OI"}, facts
    groups = layer.groups
    facts = {"kind": "conv", "inputs": first, "outputs": last // groups, "space": window, "groups": groups}
    if groups == 1:
        return {"layout": space + "IO"}, facts
    return {"layout": space + "I(BO)", "sizes": (("B", groups),)}, facts


def _depthwise(space: str, positions: Sequence[int], channels: int, multiplier: int) -> tuple[Facts, Facts]:
    """Return the facts of a depthwise kernel, with an axis for the one input of each output.

    Grouped kernels of other frameworks have that axis, so a ported model has the same logical shape.
    """
    facts = {
        "kind": "conv", "inputs": 1, "outputs": multiplier, "space": math.prod(positions), "groups": channels,
    }  # fmt: skip
    return {"layout": space + "IBO", "shape": (*positions, 1, channels, multiplier)}, facts


def _embedding(layer: Any, name: str) -> Facts:
    facts: Facts = {"kind": "embedding", "role": "embedding", "outputs": layer.output_dim}
    if name.startswith("reverse"):  # untied: the table by which a ReversibleEmbedding projects back
        return facts | {"layout": "OB", "place": "head"}
    return facts | {"layout": "BO", "padding": 0 if layer.mask_zero else None}


def _lora(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    """Return the facts of an adapter, which factors a kernel along its last axis."""
    if name.endswith("_b"):
        return {
            "kind": "lora", "role": "adapter_b", "layout": "IO", "inputs": shape[0], "outputs": shape[1],
        }  # fmt: skip
    facts: Facts = {"kind": "lora", "role": "adapter_a", "outputs": shape[-1]}
    if isinstance(layer, CONVS):
        layout = SPATIAL[layer.rank] + "IO"
        return facts | {"layout": layout, "inputs": shape[-2], "space": math.prod(shape[:-2])}
    if not isinstance(layer, layers.EinsumDense):
        return facts | {"layout": "IO", "inputs": shape[0]}
    # Outputs of the kernel that the adapter also has are independent groups, each with its own matrix.
    layout = _einsum(layer, "kernel", shape)["layout"][:-1].replace("O", "B")
    extent = {
        role: math.prod(n for letter, n in zip(layout, shape[:-1], strict=True) if letter == role)
        for role in "IB"
    }
    return facts | {"layout": layout + "O", "inputs": extent["I"], "groups": extent["B"]}


def _recurrent(layer: Any, kind: str, labels: str, path: str, name: str, shape: tuple[int, ...]) -> Facts:
    hidden = layer.units if hasattr(layer, "units") else layer.filters
    features = _kernel_shape(layer)[-2]
    facts: Facts = {
        "kind": kind, "hidden": hidden, "features": features, "outputs": hidden, "inputs": features,
        "space": math.prod(_kernel_shape(layer)[:-2]),
    }  # fmt: skip
    if name == "bias":
        return facts | _vector("bias") | _parts(path, shape, labels)
    if name == "recurrent_kernel":
        facts["inputs"] = hidden
    layout = SPATIAL.get(len(shape) - 2, "") + "IO"
    return facts | {"role": name, "layout": layout} | _parts(path, shape, labels)


def _parts(path: str, shape: tuple[int, ...], labels: str) -> Facts:
    return pieces(path, shape, len(shape) - 1, labels) if labels else {}


def _gru_bias(layer: Any, role: str, row: int, shape: tuple[int, ...], path: str) -> Facts:
    """Return one of the two biases that a GRU of ``reset_after`` keeps as rows of one variable."""
    features, hidden = _kernel_shape(layer)[0], layer.units
    facts = {
        "kind": "gru", "hidden": hidden, "features": features, "outputs": hidden,
        "inputs": hidden if row else features, "shape": shape[1:],
    }  # fmt: skip
    labels = CELLS["GRUCell"][1]
    region = pieces(path, (1, *shape[1:]), 1, labels, start=(row, 0))
    return facts | _vector(role) | region | {"axis": 0}


NORM_ROLES = {
    "gamma": "scale", "scale": "scale", "beta": "offset", "moving_mean": "mean", "renorm_mean": "mean",
    "moving_variance": "variance", "moving_stddev": "variance", "renorm_stddev": "variance",
}  # fmt: skip
NORM_KINDS = {
    "BatchNormalization": "batch_norm", "LayerNormalization": "layer_norm",
    "GroupNormalization": "group_norm", "RMSNormalization": "rms_norm",
}  # fmt: skip


def _norm(layer: Any, name: str, shape: tuple[int, ...], path: str) -> Facts | None:
    """Return the facts of a variable of a normalization; another library's is run to see what it adds."""
    label = type(layer).__name__
    names = [cls.__name__ for cls in type(layer).__mro__]
    kind = next((kind for word in names for end, kind in NORM_KINDS.items() if word.endswith(end)), None)
    role = NORM_ROLES.get(name)
    is_known = kind is not None and type(layer).call.__module__.startswith("keras.")
    if is_known or (kind is not None and role in {"mean", "variance"}):
        known = {"kind": kind, "role": role, "layout": "O" * len(shape) or None, "outputs": math.prod(shape)}
        return known if role is not None else None
    is_own = any(variable.name == name for variable in layer._trainable_variables)  # noqa: SLF001  # as below
    if not is_own or not (kind is not None or norms.says_norm(label)):
        return None
    factor: float | str | None = 0.0
    if norms.norm_role(name) == "scale":
        factor = norms.multiplier(label, functools.partial(_output, layer, name), shape)
    facts = norms.norm_facts(label, name, path, shape, factor)
    return facts and facts | ({} if kind is None else {"kind": kind})


def _output(layer: Any, scale: str, batch: NDArray[Any], gates: int, number: float) -> NDArray[Any]:
    """Return the output of a norm whose weight is filled with a number; its variables stay as they are."""
    values = [
        [
            keras.ops.full(tuple(variable.shape), norms.fill_of(variable.name, scale, number), "float32")
            for variable in variables
        ]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    ]
    inputs = [keras.ops.convert_to_tensor(batch)] * (1 + gates)
    output, _ = layer.stateless_call(*values, *inputs)
    backend = keras.config.backend()
    return get(backend if backend in NAMES else "numpy").to_numpy(output).astype(np.float32)


def _free(layer: Any, name: str, shape: tuple[int, ...]) -> Facts | None:
    """Return the facts of a variable of an unknown layer; None if it was never trainable."""
    if not any(variable.name == name for variable in layer._trainable_variables):  # noqa: SLF001  # a frozen layer's trainable_variables is empty
        return None
    class_name = type(layer).__name__.lower()
    facts = loose(name, shape)
    if facts["role"] != "parameter":
        return facts
    hints = {
        "positionembedding": "pos_emb",
        "layerscale": "layer_scale",
    }  # layers whose variables have plain names
    return loose(next((hint for word, hint in hints.items() if word in class_name), name), shape)
