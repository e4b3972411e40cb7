"""What each tensor of a Flax layer is: the same for Linen and NNX, from what a layer says of itself.

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
from unified_init.walkers.layer_facts import loose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from unified_init.walkers.flax.leaves import Key, Leaf

__all__ = ["Layer", "einsum_roles", "records_of"]

SPACE = {1: "W", 2: "HW", 3: "DHW"}
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
NORM_ROLES = {"scale": "scale", "bias": "offset", "mean": "mean", "var": "variance"}
PROJECTIONS = ("query", "key", "value", "out")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What a layer says of itself.

    Args:
        what: "dense", "einsum", "conv", "conv_transpose", "embed", a normalisation, "prelu", "lora",
            "attention", a cell of ``CELLS``, or "other".
        native: its class.
        lead: batch axes of a dense kernel, which come first; each index has a matrix of its own.
        inputs: axes of a dense kernel that it contracts.
        outs: the other axes; None where the shape alone says.
        window: a convolution's kernel size.
        groups: groups of a convolution.
        swapped: whether the kernel of a transposed convolution has its outputs before its inputs.
        roles: of an einsum, the roles of the axes of its kernel.
        bias_roles: the same of its bias.
    """

    what: str
    native: str = ""
    lead: int = 0
    inputs: int = 1
    outs: int | None = 1
    window: tuple[int, ...] = ()
    groups: int = 1
    swapped: bool = False
    roles: str = ""
    bias_roles: str = ""


def records_of(
    layers: Mapping[Key, Layer], leaves: Iterable[Leaf]
) -> tuple[tuple[Record, ...], tuple[str, ...], tuple[Leaf, ...]]:
    """Return the records, the paths of what no recipe writes, and the leaves of unknown layers.

    A leaf belongs to the nearest layer above it.
    """
    owned: dict[Key, dict[Key, Leaf]] = {}
    lost = []
    for leaf in leaves:
        owner = _owner(leaf.key, layers)
        if owner is None:
            lost.append(leaf)
        else:
            owned.setdefault(owner, {})[(leaf.collection, *leaf.key[len(owner) :])] = leaf
    records: list[Record] = []
    left: list[str] = []
    for at, tensors in owned.items():
        layer = layers[at]
        if layer.what in CELLS:
            cell = {key[1:]: leaf for key, leaf in tensors.items() if key[0] == "params"}
            records += cell_records(layer, at, cell)
            left += [leaf.path for key, leaf in tensors.items() if key[0] != "params"]
            continue
        context = _context(layers, owned, at)
        for key, leaf in tensors.items():
            record = _record(layer, context, key, leaf, tensors)
            if record is None:
                left.append(leaf.path)
            else:
                records.append(record)
    return placed(records), tuple(left), tuple(lost)


def _owner(key: Key, layers: Mapping[Key, Layer]) -> Key | None:
    """Return the path of the layer that a tensor belongs to: the nearest, or the cell around it."""
    above = [key[:end] for end in range(len(key)) if key[:end] in layers]
    cells = [at for at in above if layers[at].what in CELLS]
    return cells[0] if cells else above[-1] if above else None


def _context(layers: Mapping[Key, Layer], owned: Mapping[Key, Mapping[Key, Leaf]], at: Key) -> dict[str, Any]:
    """Return what an attention says of the projection at a path; {} elsewhere."""
    above = layers.get(at[:-1]) if at else None
    if above is None or above.what != "attention" or at[-1] not in PROJECTIONS:
        return {}
    widths = {}
    for name in PROJECTIONS[:3]:
        kernel = owned.get((*at[:-1], name), {}).get(("params", "kernel"))
        widths[name] = kernel.seen(3)[0] if kernel is not None else None
    apart = [width for width in (widths["key"], widths["value"]) if width != widths["query"]]
    features = apart[0] or 0 if apart and at[-1] != "out" else 0
    return {"kind": "attention", "place": f"attention.{at[-1]}", "features": features}


def _record(
    layer: Layer, context: dict[str, Any], key: Key, leaf: Leaf, tensors: Mapping[Key, Leaf]
) -> Record | None:
    """Return the record of one tensor of a layer; None for one that no recipe writes."""
    collection, name = key[0], "/".join(key[1:])
    seen = leaf.seen(_rank(layer, name))
    kernel = tensors.get(("params", "kernel"))
    kernel_seen = None if kernel is None else kernel.seen(_rank(layer, "kernel"))
    facts = _facts(layer, collection, name, seen, kernel_seen)
    if facts is None:
        return None
    facts |= context if facts["kind"] == "linear" else {}
    facts["layout"] = leaf.layout(facts["layout"], seen)
    if facts["layout"] is None:
        facts.pop("sizes", None)
    return Record(
        name=leaf.path, path=leaf.path, shape=leaf.shape, dtype=leaf.dtype, native=layer.native, **facts
    )


def _rank(layer: Layer, name: str) -> int | None:  # noqa: PLR0911  # one return a tensor
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


def _facts(  # noqa: PLR0911  # one return a layer
    layer: Layer, collection: str, name: str, seen: tuple[int, ...], kernel: tuple[int, ...] | None
) -> dict[str, Any] | None:
    if layer.what in NORMS and name in NORM_ROLES:
        return {
            "kind": layer.what, "role": NORM_ROLES[name], "layout": "O" * len(seen) or None,
            "outputs": math.prod(seen),
        }  # fmt: skip
    if collection != "params" or layer.what == "wrapper":
        return None
    if kernel is not None and name in {"kernel", "bias"}:
        if layer.what == "dense":
            return _dense(layer, name, seen, kernel)
        if layer.what == "einsum":
            return _einsum(layer, name, kernel)
        if layer.what in {"conv", "conv_transpose"}:
            return _conv(layer, name, kernel)
    if layer.what == "embed" and name == "embedding":
        return {"kind": "embedding", "role": "embedding", "layout": "BO", "outputs": seen[-1]}
    if layer.what == "prelu" and name == "negative_slope":
        return {"kind": "prelu", "role": "slope", "layout": None}
    if layer.what == "lora" and name in {"lora_a", "lora_b"}:
        role = "adapter_a" if name == "lora_a" else "adapter_b"
        return {"kind": "lora", "role": role, "layout": "IO", "inputs": seen[0], "outputs": seen[1]}
    return loose(name.rpartition("/")[2], seen)


def _dense(layer: Layer, name: str, seen: tuple[int, ...], kernel: tuple[int, ...]) -> dict[str, Any]:
    ends = layer.lead, layer.lead + layer.inputs
    found: dict[str, Any] = {
        "kind": "linear",
        "inputs": math.prod(kernel[ends[0] : ends[1]]),
        "outputs": math.prod(kernel[ends[1] :]),
        "groups": math.prod(kernel[: ends[0]]),
    }
    if name == "bias":
        return found | {"role": "bias", "layout": "B" * layer.lead + "O" * (len(seen) - layer.lead)}
    layout = "B" * layer.lead + "I" * layer.inputs + "O" * (len(kernel) - ends[1])
    return found | {"role": "kernel", "layout": layout}


def _einsum(layer: Layer, name: str, kernel: tuple[int, ...]) -> dict[str, Any]:
    sizes = {
        role: math.prod(size for letter, size in zip(layer.roles, kernel, strict=True) if letter == role)
        for role in "IOB"
    }
    found = {"kind": "linear", "inputs": sizes["I"], "outputs": sizes["O"], "groups": sizes["B"]}
    if name == "bias":
        return found | {"role": "bias", "layout": layer.bias_roles or None}
    return found | {"role": "kernel", "layout": layer.roles}


def _conv(layer: Layer, name: str, kernel: tuple[int, ...]) -> dict[str, Any]:
    groups = layer.groups
    inputs, outputs = (kernel[-1], kernel[-2]) if layer.swapped else kernel[-2:]
    found: dict[str, Any] = {
        "kind": layer.what, "inputs": inputs, "outputs": outputs // groups, "space": math.prod(layer.window),
        "groups": groups,
    }  # fmt: skip
    if name == "bias":
        return found | {"role": "bias", "layout": "O"}
    space = SPACE.get(len(layer.window))
    if space is None:  # more axes than a layout has letters for: the fans above still hold
        return found | {"role": "kernel", "layout": None}
    if groups == 1:
        return found | {"role": "kernel", "layout": space + ("OI" if layer.swapped else "IO")}
    return found | {"role": "kernel", "layout": f"{space}I(BO)", "sizes": (("B", groups),)}


def einsum_roles(equation: str) -> tuple[str, str]:
    """Return the roles of the axes of an einsum's kernel, and of its bias.

    What both operands and the result have are copies; what the result lacks is contracted.

    Example:
        >>> einsum_roles("nta,hab->nthb")
        ('OIO', 'OO')
    """
    operands, _, result = equation.replace(" ", "").replace("...", "").partition("->")
    data, _, kernel = operands.partition(",")
    roles = {axis: "I" if axis not in result else "B" if axis in data else "O" for axis in kernel}
    return "".join(roles[axis] for axis in kernel), "".join(roles[axis] for axis in result if axis in roles)
