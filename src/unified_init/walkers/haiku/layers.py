"""What each tensor of a Haiku layer is: kind, role, layout and the numbers that fans are made of."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from unified_init.inventory.records import Record
from unified_init.walkers.layer_facts import loose, pieces, stacked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LAYERS", "STATE", "Site", "described", "described_state", "named_site"]

# The Haiku classes that are known; what derives from one is one.
LAYERS = (
    "Linear", "ConvND", "ConvNDTranspose", "DepthwiseConvND", "Embed", "Bias", "BatchNorm", "InstanceNorm",
    "LayerNorm", "GroupNorm", "RMSNorm", "LSTM", "ConvNDLSTM", "GRU", "VanillaRNN", "MultiHeadAttention",
    "ExponentialMovingAverage",
)  # fmt: skip
STATE = "state:"  # of native paths; no module can have a colon in its name
NORMS = {
    "BatchNorm": "batch_norm", "LayerNorm": "layer_norm", "InstanceNorm": "group_norm",
    "GroupNorm": "group_norm", "RMSNorm": "rms_norm",
}  # fmt: skip
SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
LSTM_GATES = "igfo"
GRU_GATES = "zrn"
AVERAGES = {"mean_ema": "mean", "var_ema": "variance"}
PROJECTIONS = {"query": "attention.query", "key": "attention.key", "value": "attention.value"}
# Names that Haiku gives to modules without one. A convolution's is not here: its kernel does not say how
# many groups it has.
NAMES = {
    "linear": "Linear", "embed": "Embed", "bias": "Bias", "batch_norm": "BatchNorm",
    "instance_norm": "InstanceNorm", "layer_norm": "LayerNorm", "group_norm": "GroupNorm",
    "rms_norm": "RMSNorm", "lstm": "LSTM", "gru": "GRU", "vanilla_rnn": "VanillaRNN",
    "multi_head_attention": "MultiHeadAttention", "mean_ema": "ExponentialMovingAverage",
    "var_ema": "ExponentialMovingAverage", "conv1_d_transpose": "ConvNDTranspose",
    "conv2_d_transpose": "ConvNDTranspose", "conv3_d_transpose": "ConvNDTranspose",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """Where a tensor is made.

    ``layer`` is the Haiku class of the module that owns it, "" for another's or none; ``within`` that of
    the module which calls it; ``native`` the class's own name; ``shape`` the shape of one copy;
    ``groups`` those of a convolution.
    """

    layer: str = ""
    within: str = ""
    native: str = ""
    shape: tuple[int, ...] = ()
    groups: int = 1


def named_site(bundle: str, name: str, shape: tuple[int, ...]) -> Site | None:
    """Return what the names that Haiku gives prove; None if that is nothing."""
    words = [word for word in bundle.split("/") if word != "~"]
    if not words:
        return Site(shape=shape)  # made outside of any module
    layer, within = ("" if not word else NAMES.get(_unnumbered(word), "") for word in _ends(words))
    if layer == "ExponentialMovingAverage":
        within = "BatchNorm"  # whose averages have these names
    if within == "MultiHeadAttention" and words[-1] in PROJECTIONS:
        layer = "Linear"
    ranks = {"Linear": {"w": 2, "b": 1}, "Embed": {"embeddings": 2}}.get(layer)
    if not layer or (ranks is not None and ranks.get(name) != len(shape)):
        return None
    return Site(layer, within, layer, shape)


def _unnumbered(word: str) -> str:
    return re.sub(r"_\d+$", "", word)


def _ends(words: list[str]) -> tuple[str, str]:
    return words[-1], words[-2] if len(words) > 1 else ""


def described(
    bundle: str,
    name: str,
    stored: tuple[int, ...],
    dtype: str,
    site: Site,
    shapes: Mapping[str, tuple[int, ...]],
) -> list[Record]:
    """Return the records of one parameter: two where a matrix joins two; shapes are of one copy each."""
    path = f"{bundle}/{name}"
    found = _facts(site, bundle, name, shapes) or [loose(name, site.shape)]
    return [_record(path, stored, dtype, site, facts) for facts in found]


def described_state(bundle: str, name: str, stored: tuple[int, ...], dtype: str, site: Site) -> list[Record]:
    """Return the record of one tensor of the state; none for what no recipe writes."""
    words = [word for word in bundle.split("/") if word != "~"]
    role = AVERAGES.get(words[-1] if words else "")
    if site.layer != "ExponentialMovingAverage" or site.within != "BatchNorm" or role is None:
        return []
    # What is not the average accumulates from 0, whatever the average starts from.
    facts = {"kind": "batch_norm", "role": role if name == "average" else "count"} | _flat(site.shape)
    return [_record(f"{STATE}{bundle}/{name}", stored, dtype, site, facts)]


def _record(path: str, stored: tuple[int, ...], dtype: str, site: Site, facts: dict[str, Any]) -> Record:
    fields = {"shape": site.shape} | facts
    whole = path + fields.pop("suffix", "")
    lead = stored[: len(stored) - len(site.shape)]
    return Record(name=whole, path=whole, dtype=dtype, native=site.native, **stacked(fields, lead))


def _facts(  # noqa: PLR0911  # one return a layer
    site: Site, bundle: str, name: str, shapes: Mapping[str, tuple[int, ...]]
) -> list[dict[str, Any]] | None:
    weight = shapes.get(f"{bundle}/w", ())
    if site.layer == "Linear" and name in {"w", "b"} and weight:
        return _matrix(site, bundle, name, shapes)
    if site.layer in {"ConvND", "ConvNDTranspose", "DepthwiseConvND"} and name in {"w", "b"}:
        return _conv(site, bundle, name, weight) if len(weight) - 2 in SPATIAL else None
    if site.layer == "Embed" and name == "embeddings":
        return [{"kind": "embedding", "role": "embedding", "layout": "BO", "outputs": site.shape[-1]}]
    if site.layer == "GRU" and name in {"w_i", "w_h", "b"}:
        return _gru(site, bundle, name, shapes)
    if site.layer in NORMS and name in {"scale", "offset"}:
        return [{"kind": NORMS[site.layer], "role": name} | _flat(site.shape)]
    if site.layer == "Bias" and name == "b":
        return [{"kind": "parameter", "role": "bias"} | _flat(site.shape)]
    return None


def _matrix(
    site: Site, bundle: str, name: str, shapes: Mapping[str, tuple[int, ...]]
) -> list[dict[str, Any]]:
    """Return what a linear layer holds, by itself or at work in another layer."""
    weight = shapes[f"{bundle}/w"]
    match site.within:
        case "LSTM":
            return _lstm(f"{bundle}/{name}", name, weight)
        case "VanillaRNN":
            return [_rnn(bundle, name, weight, shapes)]
        case "MultiHeadAttention":
            return [_linear("attention", name, weight) | _in_attention(bundle, shapes)]
        case _:
            return [_linear("linear", name, weight)]


def _flat(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a vector's facts without the axes of length 1 that only make it broadcast."""
    kept = tuple(size for size in shape if size != 1) or shape[:1]
    return {"shape": kept, "layout": "O" * len(kept) if kept else None, "outputs": math.prod(kept)}


def _linear(kind: str, name: str, weight: tuple[int, ...]) -> dict[str, Any]:
    found = {"kind": kind, "inputs": weight[0], "outputs": weight[1]}
    return found | ({"role": "kernel", "layout": "IO"} if name == "w" else {"role": "bias", "layout": "O"})


def _in_attention(bundle: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    above, _, word = bundle.rpartition("/")
    if word not in PROJECTIONS:
        return {"place": "attention.out"}
    inputs = {other: shapes.get(f"{above}/{other}/w", (0,))[0] for other in PROJECTIONS}
    apart = [inputs[other] for other in ("key", "value") if inputs[other] != inputs["query"]]
    return {"place": PROJECTIONS[word], "features": apart[0] if apart else 0}


def _lstm(path: str, name: str, weight: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return an LSTM's one matrix as its two kernels: rows of the input, then rows of the state."""
    hidden = weight[1] // len(LSTM_GATES)
    features = weight[0] - hidden
    found = {"kind": "lstm", "hidden": hidden, "features": features, "outputs": hidden}
    if name == "b":
        # The forward pass adds 1 to the forget gate.
        parts = pieces(path, (weight[1],), 0, LSTM_GATES, shifts={"f": 1.0})
        return [found | {"role": "bias", "layout": "O", "inputs": features} | parts]
    halves = []
    for suffix, role, start, rows in (
        ("#input", "kernel", 0, features),
        ("#recurrent", "recurrent_kernel", features, hidden),
    ):
        shape = (rows, weight[1])
        half = {"suffix": suffix, "shape": shape, "role": role, "layout": "IO", "inputs": rows}
        halves.append(found | half | pieces(path, shape, 1, LSTM_GATES, start=(start, 0)))
    return halves


def _rnn(
    bundle: str, name: str, weight: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """Return what the first linear layer of an RNN, the input's, or the second, the state's, holds."""
    above, _, word = bundle.rpartition("/")
    recurrent = word != "linear"
    hidden = weight[1]
    features = shapes.get(f"{above}/linear/w", weight)[0]
    found = {"kind": "rnn", "hidden": hidden, "features": features, "inputs": weight[0], "outputs": hidden}
    if name == "b":
        return found | {"role": "recurrent_bias" if recurrent else "bias", "layout": "O"}
    return found | {"role": "recurrent_kernel" if recurrent else "kernel", "layout": "IO"}


def _gru(
    site: Site, bundle: str, name: str, shapes: Mapping[str, tuple[int, ...]]
) -> list[dict[str, Any]] | None:
    """Return a GRU's tensors. Its z keeps the new state where PyTorch's keeps the old; n is its a."""
    inputs = shapes.get(f"{bundle}/w_i", ())
    if not inputs:
        return None
    hidden = inputs[1] // len(GRU_GATES)
    found = {"kind": "gru", "hidden": hidden, "features": inputs[0], "outputs": hidden}
    role = {"w_i": "kernel", "w_h": "recurrent_kernel", "b": "bias"}[name]
    found |= {"role": role, "layout": "O" if name == "b" else "IO"}
    found["inputs"] = hidden if name == "w_h" else inputs[0]
    return [found | pieces(f"{bundle}/{name}", site.shape, len(site.shape) - 1, GRU_GATES)]


def _conv(site: Site, bundle: str, name: str, weight: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return what a convolution holds; the two of a convolutional LSTM are its gates side by side."""
    *window, last, end = weight
    space = SPATIAL[len(window)]
    transposed = site.layer == "ConvNDTranspose"
    inputs, outputs = (end, last) if transposed else (last, end)
    gated = site.within == "ConvNDLSTM"
    path = f"{bundle}/{name}"
    found: dict[str, Any] = {
        "kind": "conv_transpose" if transposed else "conv",
        "inputs": inputs,
        "outputs": outputs // len(LSTM_GATES) if gated else outputs // site.groups,
        "space": math.prod(window),
        "groups": site.groups,
    }
    if name == "b":
        found |= {"role": "bias", "layout": "O", "shape": (outputs,)}
        if gated and bundle.endswith("input_to_hidden"):  # one of the two biases stands for both
            return [found | pieces(path, (outputs,), 0, LSTM_GATES, shifts={"f": 1.0})]
        return [found | {"outputs": outputs} if gated else found]
    found |= {"role": "kernel", "layout": space + ("OI" if transposed else "IO")}
    if gated:
        return [found | pieces(path, weight, len(weight) - 1, LSTM_GATES)]
    if site.groups > 1:
        found |= {"layout": f"{space}I(BO)", "sizes": (("B", site.groups),)}
    return [found]
