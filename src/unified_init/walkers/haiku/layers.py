"""Describes each tensor of a Haiku layer: its kind, role, layout and the numbers that give its fans."""

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

# The Haiku classes that are known; a class derived from one is treated as it.
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
# Names that Haiku gives to modules without one. Convolutions are not here: a kernel does not say how many
# groups it has.
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

    ``layer`` is the Haiku class of the module that makes it, "" if it has none of them; ``within`` the Haiku
    class of the module that calls that module; ``native`` the name of the module's own class; ``shape`` the
    shape in one layer, without stacked axes; ``groups`` the groups of a convolution.
    """

    layer: str = ""
    within: str = ""
    native: str = ""
    shape: tuple[int, ...] = ()
    groups: int = 1


def named_site(bundle: str, name: str, shape: tuple[int, ...]) -> Site | None:
    """Return the site that Haiku's default names prove; None if they prove none."""
    words = [word for word in bundle.split("/") if word != "~"]
    if not words:
        return Site(shape=shape)  # made outside any module
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
    """Return the records of one parameter: two where one matrix joins two kernels.

    ``shapes`` has the shape in one layer, by path.
    """
    path = f"{bundle}/{name}"
    facts_of_records = _facts(site, bundle, name, shapes) or [loose(name, site.shape)]
    return [_record(path, stored, dtype, site, facts) for facts in facts_of_records]


def described_state(bundle: str, name: str, stored: tuple[int, ...], dtype: str, site: Site) -> list[Record]:
    """Return the record of one tensor of the state; [] if no recipe writes it."""
    words = [word for word in bundle.split("/") if word != "~"]
    role = AVERAGES.get(words[-1] if words else "")
    if site.layer != "ExponentialMovingAverage" or site.within != "BatchNorm" or role is None:
        return []
    # The other tensors accumulate from 0, whatever the average starts from.
    facts = {"kind": "batch_norm", "role": role if name == "average" else "count"} | _flat(site.shape)
    return [_record(f"{STATE}{bundle}/{name}", stored, dtype, site, facts)]


def _record(path: str, stored: tuple[int, ...], dtype: str, site: Site, facts: dict[str, Any]) -> Record:
    fields = {"shape": site.shape} | facts
    full_path = path + fields.pop("suffix", "")
    lead = stored[: len(stored) - len(site.shape)]
    return Record(
        name=full_path,
        path=full_path,
        dtype=dtype,
        native=site.native,
        trainable=not path.startswith(STATE),
        **stacked(fields, lead),
    )


def _facts(  # noqa: PLR0911  # one return per layer
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
    """Return the facts of a linear layer's tensor, as that of the layer which uses it, if any."""
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
    lengths = tuple(size for size in shape if size != 1) or shape[:1]
    layout = "O" * len(lengths) if lengths else None
    return {"shape": lengths, "layout": layout, "outputs": math.prod(lengths)}


def _linear(kind: str, name: str, weight: tuple[int, ...]) -> dict[str, Any]:
    facts = {"kind": kind, "inputs": weight[0], "outputs": weight[1]}
    return facts | ({"role": "kernel", "layout": "IO"} if name == "w" else {"role": "bias", "layout": "O"})


def _in_attention(bundle: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    parent, _, word = bundle.rpartition("/")
    if word not in PROJECTIONS:
        return {"place": "attention.out"}
    inputs = {other: shapes.get(f"{parent}/{other}/w", (0,))[0] for other in PROJECTIONS}
    other_inputs = [inputs[other] for other in ("key", "value") if inputs[other] != inputs["query"]]
    return {"place": PROJECTIONS[word], "features": other_inputs[0] if other_inputs else 0}


def _lstm(path: str, name: str, weight: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the facts of an LSTM's one matrix, as its two kernels: rows of the input, then of the state."""
    hidden = weight[1] // len(LSTM_GATES)
    features = weight[0] - hidden
    facts = {"kind": "lstm", "hidden": hidden, "features": features, "outputs": hidden}
    if name == "b":
        # The forward pass adds 1 to the forget gate.
        parts = pieces(path, (weight[1],), 0, LSTM_GATES, shifts={"f": 1.0})
        return [facts | {"role": "bias", "layout": "O", "inputs": features} | parts]
    halves = []
    for suffix, role, start, rows in (
        ("#input", "kernel", 0, features),
        ("#recurrent", "recurrent_kernel", features, hidden),
    ):
        shape = (rows, weight[1])
        half = {"suffix": suffix, "shape": shape, "role": role, "layout": "IO", "inputs": rows}
        halves.append(facts | half | pieces(path, shape, 1, LSTM_GATES, start=(start, 0)))
    return halves


def _rnn(
    bundle: str, name: str, weight: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """Return the facts of a linear layer of an RNN: the first is for the input, the second for the state."""
    parent, _, word = bundle.rpartition("/")
    recurrent = word != "linear"
    hidden = weight[1]
    features = shapes.get(f"{parent}/linear/w", weight)[0]
    facts = {"kind": "rnn", "hidden": hidden, "features": features, "inputs": weight[0], "outputs": hidden}
    if name == "b":
        return facts | {"role": "recurrent_bias" if recurrent else "bias", "layout": "O"}
    return facts | {"role": "recurrent_kernel" if recurrent else "kernel", "layout": "IO"}


def _gru(
    site: Site, bundle: str, name: str, shapes: Mapping[str, tuple[int, ...]]
) -> list[dict[str, Any]] | None:
    """Return the facts of a GRU's tensor. Haiku's z weighs the new state, PyTorch's the old; its a is n."""
    inputs = shapes.get(f"{bundle}/w_i", ())
    if not inputs:
        return None
    hidden = inputs[1] // len(GRU_GATES)
    facts = {"kind": "gru", "hidden": hidden, "features": inputs[0], "outputs": hidden}
    role = {"w_i": "kernel", "w_h": "recurrent_kernel", "b": "bias"}[name]
    facts |= {"role": role, "layout": "O" if name == "b" else "IO"}
    facts["inputs"] = hidden if name == "w_h" else inputs[0]
    return [facts | pieces(f"{bundle}/{name}", site.shape, len(site.shape) - 1, GRU_GATES)]


def _conv(site: Site, bundle: str, name: str, weight: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the facts of a convolution's tensor; those of a convolutional LSTM have its gates as parts."""
    *window, last, end = weight
    space = SPATIAL[len(window)]
    transposed = site.layer == "ConvNDTranspose"
    inputs, outputs = (end, last) if transposed else (last, end)
    gated = site.within == "ConvNDLSTM"
    path = f"{bundle}/{name}"
    facts: dict[str, Any] = {
        "kind": "conv_transpose" if transposed else "conv",
        "inputs": inputs,
        "outputs": outputs // len(LSTM_GATES) if gated else outputs // site.groups,
        "space": math.prod(window),
        "groups": site.groups,
    }
    if name == "b":
        facts |= {"role": "bias", "layout": "O", "shape": (outputs,)}
        if gated and bundle.endswith("input_to_hidden"):  # the 1 is added to one of the two biases
            return [facts | pieces(path, (outputs,), 0, LSTM_GATES, shifts={"f": 1.0})]
        return [facts | {"outputs": outputs} if gated else facts]
    facts |= {"role": "kernel", "layout": space + ("OI" if transposed else "IO"), "flipped": transposed}
    if gated:
        return [facts | pieces(path, weight, len(weight) - 1, LSTM_GATES)]
    if site.groups > 1:
        facts |= {"layout": f"{space}I(BO)", "sizes": (("B", site.groups),)}
    return [facts]
