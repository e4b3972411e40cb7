"""Describes each tensor of a Flax layer, for Linen and NNX alike, from a description of the layer.

The walkers turn modules into ``Layer`` descriptions and arrays into ``Leaf`` descriptions; nothing here
imports a framework.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init.inventory.places import placed
from unified_init.inventory.records import Record
from unified_init.walkers.flax.cells import CELLS, cell_records
from unified_init.walkers.fused import with_named_parts
from unified_init.walkers.layer_facts import loose
from unified_init.walkers.lora import with_adapters
from unified_init.walkers.norms import norm_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from unified_init.walkers.flax.leaves import Key, Layer, Leaf

__all__ = ["einsum_roles", "records_of"]

SPACE = {1: "W", 2: "HW", 3: "DHW"}
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
NORM_ROLES = {"scale": "scale", "bias": "offset", "mean": "mean", "var": "variance"}
PROJECTIONS = ("query", "key", "value", "out")


def records_of(
    layers: Mapping[Key, Layer], leaves: Iterable[Leaf]
) -> tuple[tuple[Record, ...], tuple[str, ...], tuple[Leaf, ...]]:
    """Return the records, the paths of arrays that no recipe writes, and the leaves of unknown layers.

    A leaf belongs to the nearest layer above it.
    """
    owned: dict[Key, dict[Key, Leaf]] = {}
    unowned = []
    for leaf in leaves:
        owner = _owner(leaf.key, layers)
        if owner is None:
            unowned.append(leaf)
        else:
            owned.setdefault(owner, {})[(leaf.collection, *leaf.key[len(owner) :])] = leaf
    records: list[Record] = []
    unwritten: list[str] = []
    for layer_key, tensors in owned.items():
        layer = layers[layer_key]
        if layer.what in CELLS:
            cell = {key[1:]: leaf for key, leaf in tensors.items() if key[0] == "params"}
            records += cell_records(layer, layer_key, cell)
            unwritten += [leaf.path for key, leaf in tensors.items() if key[0] != "params"]
            continue
        context = _context(layers, owned, layer_key)
        for key, leaf in tensors.items():
            record = _record(layer, context, key, leaf, tensors)
            if record is None:
                unwritten.append(leaf.path)
            else:
                records.append(record)
    adapted = [with_named_parts(record) for record in with_adapters(records, "IO")]
    return placed(adapted), tuple(unwritten), tuple(unowned)


def _owner(key: Key, layers: Mapping[Key, Layer]) -> Key | None:
    """Return the path of the layer that a tensor belongs to: the nearest, or the cell around it."""
    ancestors = [key[:end] for end in range(len(key)) if key[:end] in layers]
    cell_keys = [key_of_layer for key_of_layer in ancestors if layers[key_of_layer].what in CELLS]
    return cell_keys[0] if cell_keys else ancestors[-1] if ancestors else None


def _context(
    layers: Mapping[Key, Layer], owned: Mapping[Key, Mapping[Key, Leaf]], layer_key: Key
) -> dict[str, Any]:
    """Return the facts that an attention layer gives its projection at a path; {} elsewhere."""
    parent = layers.get(layer_key[:-1]) if layer_key else None
    if parent is None or parent.what != "attention" or layer_key[-1] not in PROJECTIONS:
        return {}
    widths = {}
    for name in PROJECTIONS[:3]:
        kernel = owned.get((*layer_key[:-1], name), {}).get(("params", "kernel"))
        widths[name] = kernel.layer_shape(3)[0] if kernel is not None else None
    other_widths = [width for width in (widths["key"], widths["value"]) if width != widths["query"]]
    features = other_widths[0] or 0 if other_widths and layer_key[-1] != "out" else 0
    return {"kind": "attention", "place": f"attention.{layer_key[-1]}", "features": features}


def _record(
    layer: Layer, context: dict[str, Any], key: Key, leaf: Leaf, tensors: Mapping[Key, Leaf]
) -> Record | None:
    """Return the record of one tensor of a layer; None if no recipe writes it."""
    collection, name = key[0], "/".join(key[1:])
    layer_shape = leaf.layer_shape(_rank(layer, name))
    kernel = tensors.get(("params", "kernel"))
    kernel_layer_shape = None if kernel is None else kernel.layer_shape(_rank(layer, "kernel"))
    facts = _facts(layer, collection, name, layer_shape, kernel_layer_shape)
    if facts is None:
        return None
    facts |= context if facts["kind"] == "linear" else {}
    if "parts" in facts:  # of a norm: all of the tensor, to which the forward pass adds a number
        facts["parts"] = tuple(
            dataclasses.replace(part, path=leaf.path, length=leaf.shape[0]) for part in facts["parts"]
        )
    facts["layout"] = leaf.layout(facts["layout"], layer_shape)
    if facts["layout"] is None:
        facts.pop("sizes", None)
    return Record(
        name=leaf.path,
        path=leaf.path,
        shape=leaf.shape,
        dtype=leaf.dtype,
        native=layer.native,
        trainable=leaf.collection == "params",
        **{"doubt": leaf.doubt} | facts,
    )


def _rank(layer: Layer, name: str) -> int | None:  # noqa: PLR0911  # one return per tensor
    """Return how many axes a tensor of a layer has, where the layer says."""
    match layer.what, name:
        case "dense", "kernel":
            return None if layer.outs is None else layer.lead + layer.inputs + layer.outs
        case "dense", "bias":
            return None if layer.outs is None else layer.lead + layer.outs
        case "einsum", "kernel":
            return len(layer.roles)
        case "einsum", "bias":
            return len(layer.bias_roles)
        case (("conv" | "conv_transpose"), "kernel"):
            return len(layer.window) + 2
        case (("conv" | "conv_transpose"), "bias"):
            return 1
        case ("embed", "embedding") | ("lora", _):
            return 2
        case "prelu", _:
            return 0
    return None


def _facts(  # noqa: C901, PLR0911  # one return per layer
    layer: Layer, collection: str, name: str, layer_shape: tuple[int, ...], kernel: tuple[int, ...] | None
) -> dict[str, Any] | None:
    if layer.what in NORMS and name in NORM_ROLES:
        return {
            "kind": layer.what, "role": NORM_ROLES[name], "layout": "O" * len(layer_shape) or None,
            "outputs": math.prod(layer_shape),
        }  # fmt: skip
    if collection != "params" or layer.what == "wrapper":
        return None
    if layer.what == "norm":
        facts = norm_facts(layer.native, name, name, layer_shape, dict(layer.factors).get(name))
        if facts is not None:
            return facts
    if kernel is not None and name in {"kernel", "bias"}:
        if layer.what == "dense":
            return _dense(layer, name, layer_shape, kernel)
        if layer.what == "einsum":
            return _einsum(layer, name, kernel)
        if layer.what in {"conv", "conv_transpose"}:
            return _conv(layer, name, kernel)
    if layer.what == "embed" and name == "embedding":
        return {"kind": "embedding", "role": "embedding", "layout": "BO", "outputs": layer_shape[-1]}
    if layer.what == "prelu" and name == "negative_slope":
        return {"kind": "prelu", "role": "slope", "layout": None}
    if layer.what == "lora" and name in {"lora_a", "lora_b"}:
        role = "adapter_a" if name == "lora_a" else "adapter_b"
        return {
            "kind": "lora",
            "role": role,
            "layout": "IO",
            "inputs": layer_shape[0],
            "outputs": layer_shape[1],
        }
    return loose(name.rpartition("/")[2], layer_shape)


def _dense(layer: Layer, name: str, layer_shape: tuple[int, ...], kernel: tuple[int, ...]) -> dict[str, Any]:
    ends = layer.lead, layer.lead + layer.inputs
    facts: dict[str, Any] = {
        "kind": "linear",
        "inputs": math.prod(kernel[ends[0] : ends[1]]),
        "outputs": math.prod(kernel[ends[1] :]),
        "groups": math.prod(kernel[: ends[0]]),
    }
    if name == "bias":
        return facts | {"role": "bias", "layout": "B" * layer.lead + "O" * (len(layer_shape) - layer.lead)}
    layout = "B" * layer.lead + "I" * layer.inputs + "O" * (len(kernel) - ends[1])
    return facts | {"role": "kernel", "layout": layout}


def _einsum(layer: Layer, name: str, kernel: tuple[int, ...]) -> dict[str, Any]:
    sizes = {
        role: math.prod(size for letter, size in zip(layer.roles, kernel, strict=True) if letter == role)
        for role in "IOB"
    }
    facts = {"kind": "linear", "inputs": sizes["I"], "outputs": sizes["O"], "groups": sizes["B"]}
    if name == "bias":
        return facts | {"role": "bias", "layout": layer.bias_roles or None}
    return facts | {"role": "kernel", "layout": layer.roles}


def _conv(layer: Layer, name: str, kernel: tuple[int, ...]) -> dict[str, Any]:
    groups = layer.groups
    inputs, outputs = (kernel[-1], kernel[-2]) if layer.swapped else kernel[-2:]
    facts: dict[str, Any] = {
        "kind": layer.what, "inputs": inputs, "outputs": outputs // groups, "space": math.prod(layer.window),
        "groups": groups,
    }  # fmt: skip
    if name == "bias":
        return facts | {"role": "bias", "layout": "O"}
    facts["flipped"] = layer.what == "conv_transpose" and not layer.swapped
    space = SPACE.get(len(layer.window))
    if space is None:  # more axes than a layout has letters for: the fans above still hold
        return facts | {"role": "kernel", "layout": None}
    if groups == 1:
        return facts | {"role": "kernel", "layout": space + ("OI" if layer.swapped else "IO")}
    return facts | {"role": "kernel", "layout": f"{space}I(BO)", "sizes": (("B", groups),)}


def einsum_roles(equation: str) -> tuple[str, str]:
    """Return the roles of the axes of an einsum's kernel, and of its bias.

    An axis of both operands and the result has independent groups; an axis that the result lacks is
    contracted.

    Example:
        >>> einsum_roles("nta,hab->nthb")
        ('OIO', 'OO')
    """
    operands, _, result = equation.replace(" ", "").replace("...", "").partition("->")
    data, _, kernel = operands.partition(",")
    roles = {axis: "I" if axis not in result else "B" if axis in data else "O" for axis in kernel}
    return "".join(roles[axis] for axis in kernel), "".join(roles[axis] for axis in result if axis in roles)
