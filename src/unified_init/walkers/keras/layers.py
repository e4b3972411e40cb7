"""What each variable of a Keras layer is: kind, role, layout and the numbers that fans are made of."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from keras import layers

from unified_init.walkers.layer_facts import loose, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

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
SCALES = re.compile(r".*_(scale|scales|zero|amax_history)|g_idx")  # of a quantised layer: from its data

Facts = dict[str, Any]


def described(
    layer: Any, parent: Any, path: str, name: str, shape: tuple[int, ...]
) -> tuple[tuple[str, Facts], ...]:
    """Return the records of one variable, each as a suffix of its path and fields; () for what is left.

    Args:
        layer: the layer that holds it.
        parent: the layer that holds that one; None for the model itself.
        path: the native path of the variable.
        name: its own name in the layer.
        shape: its shape.
    """
    if isinstance(layer, layers.GRUCell) and name == "bias" and len(shape) == 2:  # noqa: PLR2004  # reset_after
        roles = (("#input", "bias", 0), ("#recurrent", "recurrent_bias", 1))
        return tuple((suffix, _gru_bias(layer, role, row, shape, path)) for suffix, role, row in roles)
    facts = _facts(layer, parent, path, name, shape)
    return () if facts is None else (("", facts),)


def _facts(  # noqa: C901, PLR0911  # one return a layer
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
        found = {"kind": "linear", "inputs": kernel[0] if kernel else None, "outputs": layer.units}
        return found | (_vector("bias") if name == "bias" else {"role": "kernel", "layout": "IO"})
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
    return _norm(layer, name, shape) or _free(layer, name, shape)


def _vector(role: str) -> Facts:
    return {"role": role, "layout": "O"}


def _kernel_shape(layer: Any) -> tuple[int, ...]:
    """Return the shape of a layer's kernel; () where a quantised one is stored in some other way."""
    held = vars(layer).get("_kernel", vars(layer).get("kernel"))  # the property may compute another one
    return () if held is None else tuple(int(length) for length in held.shape)


def _einsum(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    """Return what the equation says: an axis of inputs, outputs and kernel alike holds copies apart."""
    inside, _, outside = layer.equation.replace("...", "").replace(" ", "").partition("->")
    left, _, letters = inside.partition(",")
    roles = {letter: "I" if letter not in outside else "B" if letter in left else "O" for letter in letters}
    # A quantisation may pack the kernel into another shape, and remembers this one.
    kernel = getattr(layer, "original_kernel_shape", None) or _kernel_shape(layer)
    extent = {
        role: math.prod(
            length for letter, length in zip(letters, kernel, strict=True) if roles[letter] == role
        )
        for role in "IOB"
    }
    found: Facts = {"kind": "linear", "inputs": extent["I"], "outputs": extent["O"], "groups": extent["B"]}
    if name != "bias":
        layout = "".join(roles[letter] for letter in letters)
        return found | {"role": "kernel", "layout": layout if len(layout) == len(shape) else None}
    first = min(outside.find(axis) for axis in layer.bias_axes)
    axes = outside[first:].ljust(len(shape), "?")  # "?" is an axis of length 1 behind an ellipsis
    return found | {
        "role": "bias", "layout": "".join("B" if roles.get(axis) == "B" else "O" for axis in axes),
    }  # fmt: skip


def _projection(layer: Any, parent: Any) -> Facts:
    """Return what a projection inside an attention layer is."""
    if not isinstance(parent, ATTENTIONS) or layer.name not in PLACES:
        return {}
    found: Facts = {"kind": "attention", "place": PLACES[layer.name]}
    if layer.name in {"query", "key", "value"}:
        sizes = [_kernel_shape(getattr(parent, f"_{word}_dense"))[:1] for word in ("query", "key", "value")]
        # The inputs that keep keys or values apart from queries, if any do.
        found["features"] = next((size[0] for size in sizes[1:] if size and size != sizes[0]), 0)
    return found


def _conv(layer: Any, name: str) -> Facts:
    kernel, found = _conv_kernel(layer, name)
    return found | (_vector("bias") if name == "bias" else {"role": "kernel"} | kernel)


def _conv_kernel(layer: Any, name: str) -> tuple[Facts, Facts]:
    """Return what the kernel alone has, and what a bias shares with it."""
    space = SPATIAL[layer.rank]
    window = math.prod(layer.kernel_size)
    if isinstance(layer, SEPARABLE):
        *taps, channels, multiplier = (int(length) for length in layer.depthwise_kernel.shape)
        if name == "depthwise_kernel":
            return _depthwise(space, taps, channels, multiplier)
        found: Facts = {"kind": "conv", "inputs": channels * multiplier, "outputs": layer.filters}
        return {"layout": space + "IO"}, found
    *taps, first, last = _kernel_shape(layer)
    if isinstance(layer, DEPTHWISE):
        return _depthwise(space, taps, first, last)
    if isinstance(layer, TRANSPOSED):
        found = {"kind": "conv_transpose", "inputs": last, "outputs": first, "space": window}
        return {"layout": space + "OI"}, found
    groups = layer.groups
    found = {"kind": "conv", "inputs": first, "outputs": last // groups, "space": window, "groups": groups}
    if groups == 1:
        return {"layout": space + "IO"}, found
    return {"layout": space + "I(BO)", "sizes": (("B", groups),)}, found


def _depthwise(space: str, taps: Sequence[int], channels: int, multiplier: int) -> tuple[Facts, Facts]:
    """Return what a depthwise kernel has: the one input of each output is an axis here, as in its twins."""
    found = {"kind": "conv", "inputs": 1, "outputs": multiplier, "space": math.prod(taps), "groups": channels}
    return {"layout": space + "IBO", "shape": (*taps, 1, channels, multiplier)}, found


def _embedding(layer: Any, name: str) -> Facts:
    found: Facts = {"kind": "embedding", "role": "embedding", "outputs": layer.output_dim}
    if name.startswith("reverse"):  # untied: the table by which a ReversibleEmbedding projects back
        return found | {"layout": "OB", "place": "head"}
    return found | {"layout": "BO", "padding": 0 if layer.mask_zero else None}


def _lora(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    """Return what an adapter is: it splits the last axis of what it adapts."""
    if name.endswith("_b"):
        return {
            "kind": "lora", "role": "adapter_b", "layout": "IO", "inputs": shape[0], "outputs": shape[1],
        }  # fmt: skip
    found: Facts = {"kind": "lora", "role": "adapter_a", "outputs": shape[-1]}
    if isinstance(layer, CONVS):
        layout = SPATIAL[layer.rank] + "IO"
        return found | {"layout": layout, "inputs": shape[-2], "space": math.prod(shape[:-2])}
    if not isinstance(layer, layers.EinsumDense):
        return found | {"layout": "IO", "inputs": shape[0]}
    # Outputs of the kernel that the adapter keeps are copies, each with a matrix of its own.
    layout = _einsum(layer, "kernel", shape)["layout"][:-1].replace("O", "B")
    extent = {
        role: math.prod(n for letter, n in zip(layout, shape[:-1], strict=True) if letter == role)
        for role in "IB"
    }
    return found | {"layout": layout + "O", "inputs": extent["I"], "groups": extent["B"]}


def _recurrent(layer: Any, kind: str, labels: str, path: str, name: str, shape: tuple[int, ...]) -> Facts:
    hidden = layer.units if hasattr(layer, "units") else layer.filters
    features = _kernel_shape(layer)[-2]
    found: Facts = {
        "kind": kind, "hidden": hidden, "features": features, "outputs": hidden, "inputs": features,
        "space": math.prod(_kernel_shape(layer)[:-2]),
    }  # fmt: skip
    if name == "bias":
        return found | _vector("bias") | _parts(path, shape, labels)
    if name == "recurrent_kernel":
        found["inputs"] = hidden
    layout = SPATIAL.get(len(shape) - 2, "") + "IO"
    return found | {"role": name, "layout": layout} | _parts(path, shape, labels)


def _parts(path: str, shape: tuple[int, ...], labels: str) -> Facts:
    return pieces(path, shape, len(shape) - 1, labels) if labels else {}


def _gru_bias(layer: Any, role: str, row: int, shape: tuple[int, ...], path: str) -> Facts:
    """Return one of the two biases that a GRU of ``reset_after`` keeps as rows of one variable."""
    features, hidden = _kernel_shape(layer)[0], layer.units
    found = {
        "kind": "gru", "hidden": hidden, "features": features, "outputs": hidden,
        "inputs": hidden if row else features, "shape": shape[1:],
    }  # fmt: skip
    labels = CELLS["GRUCell"][1]
    region = pieces(path, (1, *shape[1:]), 1, labels, start=(row, 0))
    return found | _vector(role) | region | {"axis": 0}


NORM_ROLES = {
    "gamma": "scale", "scale": "scale", "beta": "offset", "moving_mean": "mean", "renorm_mean": "mean",
    "moving_variance": "variance", "moving_stddev": "variance", "renorm_stddev": "variance",
}  # fmt: skip
NORM_KINDS = {
    "BatchNormalization": "batch_norm", "LayerNormalization": "layer_norm",
    "GroupNormalization": "group_norm", "RMSNormalization": "rms_norm",
}  # fmt: skip


def _norm(layer: Any, name: str, shape: tuple[int, ...]) -> Facts | None:
    """Return what a variable of a normalisation is, one of another library's by the name of its class."""
    names = [cls.__name__ for cls in type(layer).__mro__]
    kind = next((kind for label in names for end, kind in NORM_KINDS.items() if label.endswith(end)), None)
    role = NORM_ROLES.get(name)
    if kind is None or role is None:
        return None
    return {"kind": kind, "role": role, "layout": "O" * len(shape) or None, "outputs": math.prod(shape)}


def _free(layer: Any, name: str, shape: tuple[int, ...]) -> Facts | None:
    """Return what a variable of an unknown layer is; one that was never trainable is left."""
    if not any(variable.name == name for variable in layer._trainable_variables):  # noqa: SLF001  # a frozen layer's trainable_variables is empty
        return None
    named = type(layer).__name__.lower()
    found = loose(name, shape)
    if found["role"] != "parameter":
        return found
    hints = {"positionembedding": "pos_emb", "layerscale": "layer_scale"}  # whose variables have plain names
    return loose(next((hint for word, hint in hints.items() if word in named), name), shape)
