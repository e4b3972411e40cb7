"""Layers, the units of matching: the tensors of one layer stay together, in whatever order they are."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from unified_init.inventory.places import WRAPPERS, unwrapped
from unified_init.inventory.stacks import STATISTICS, base_of, in_turn
from unified_init.models.match_units import GATED, units_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.models.match_units import Unit

__all__ = ["Layer", "holder_of", "layers_of", "owner_of", "shared_words", "tensor_of", "without_wrappers"]

# Kinds that match each other: a projection of attention is a linear layer.
KIN = {"attention": "linear", "rms_norm": "layer_norm"}
NORMS = frozenset({"batch_norm", "layer_norm", "group_norm"})
KERNELS = frozenset({"kernel", "recurrent_kernel", "projection", "embedding", "adapter_a", "adapter_b"})
LABELS = {"attention.query": "q", "attention.key": "k", "attention.value": "v"}
SIDES = {
    "encoder": "encoder", "enc": "encoder", "decoder": "decoder", "dec": "decoder",
    "reverse": "backward", "backward": "backward", "bwd": "backward", "forward": "forward", "fwd": "forward",
}  # fmt: skip
AVERAGES = re.compile(r"/~/(?:mean|var)_ema$")
# The layers inside a recurrent cell, and the suffixes of PyTorch's tensors: one layer per direction.
CELL = re.compile(r"[./](?:i|h|dense_i|dense_h|ih|hh)$")
DIRECTION = re.compile(r"_l\d+(?:_reverse)?$")


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Layer:
    """The tensors of one layer, and what is compared of it.

    Args:
        path: its native path; that of a projection that is fused with others has its label.
        module: the native path of the module that holds its tensors.
        units: its tensors.
        order: its position in the model, by execution if that is known.
        words: its name without wrappers and common prefixes; () if a framework made the name from the class.
        kind: equal for kinds that match each other.
        look: the kind, and the extents of the kernels or of a norm.
        setting: its place in the architecture, and its side: encoder or decoder, forward or backward.
    """

    path: str
    module: str
    units: tuple[Unit, ...]
    order: int
    words: tuple[str, ...]
    kind: str
    look: tuple[Any, ...]
    setting: tuple[str, str]

    @property
    def has_kernel(self) -> bool:
        """Whether it multiplies its input by a kernel or looks it up in a table."""
        return any(unit.record.role in KERNELS for unit in self.units)

    @property
    def place(self) -> str:
        """Its place in the architecture."""
        return self.setting[0]

    @property
    def block(self) -> int | None:
        """The index of the repeated block that it is in."""
        return self.units[0].record.block

    @property
    def shown(self) -> str:
        """What it is, in a message."""
        sizes = [unit.look[2] for unit in self.units if unit.record.role in KERNELS and not unit.gate]
        record = self.units[0].record
        extents = sizes[0] if sizes else (record.hidden,) if record.hidden else self.units[0].look[2][:1]
        return f"{record.kind} of extents {extents}"


def _layer(key: tuple[str, str], units: Sequence[Unit], order: int, words: tuple[str, ...]) -> Layer:
    is_linear = any(unit.is_pointwise for unit in units)
    native = units[0].record.kind
    kind = "linear" if is_linear else KIN.get(native, native)
    place = next((unit.place for unit in units if unit.place), "")
    return Layer(
        path=_shown_path(key, units[0].record), module=key[0], units=tuple(units), order=order, words=words,
        kind=kind, look=_look(kind, units), setting=(place, _side(units[0].record.path)),
    )  # fmt: skip


def _look(kind: str, units: Sequence[Unit]) -> tuple[Any, ...]:
    kernels = sorted({unit.look for unit in units if unit.record.role in KERNELS})
    looks = kernels or sorted({unit.look for unit in units})
    if not kernels and kind in NORMS:
        return kind, looks[0][2][0]
    return kind, tuple(looks)


def _side(path: str) -> str:
    """Return the side that a path names; "" for none or several. A feed-forward layer has no direction."""
    words = re.split(r"[^a-z]+", re.sub(r"feed[^a-z]?forward", "", path.lower()))
    sides = {SIDES[word] for word in words if word in SIDES}
    return sides.pop() if len(sides) == 1 else ""


def owner_of(record: Record) -> str:
    """Return the path of the layer that holds a tensor; of one layer of a stack with its index behind it."""
    return _in_stack(holder_of(record), record)


def holder_of(record: Record) -> str:
    """Return the path of the layer that holds a tensor; of one layer of a stack, that of the stack."""
    bare = STATISTICS.sub("", base_of(record))
    return AVERAGES.sub("", bare.rpartition("." if "." in bare else "/")[0])


def _in_stack(path: str, record: Record) -> str:
    return f"{path}/{record.stack[2]}" if record.stack else path


def tensor_of(record: Record) -> str:
    """Return what a tensor is called in its layer."""
    return re.split(r"[./]", base_of(record))[-1]


def _key(unit: Unit) -> tuple[str, str]:
    """Return the path of a unit's layer, and what distinguishes it from other layers of that path."""
    record = unit.record
    owner, tensor = owner_of(record), tensor_of(record)
    if record.kind in GATED:
        direction = DIRECTION.search(tensor)
        return _in_stack(CELL.sub("", holder_of(record)), record), direction[0] if direction else ""
    if record.kind == "parameter" or unit.place == "attention.extra":
        return owner, tensor
    return owner, unit.label or (LABELS.get(unit.place, "") if record.kind == "attention" else "")


def _grouped(units: Sequence[Unit]) -> dict[tuple[str, str], list[Unit]]:
    """Return the tensors of each layer. A module with several kernels has a layer for each of its tensors."""
    modules: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        modules.setdefault(_key(unit), []).append(unit)
    grouped: dict[tuple[str, str], list[Unit]] = {}
    for key, members in modules.items():
        roles = [(unit.record.role, unit.gate) for unit in members]
        for unit in members:
            tensor = tensor_of(_kernel_of(unit, members).record)
            own_key = key if len(set(roles)) == len(roles) else (key[0], tensor + key[1])
            grouped.setdefault(own_key, []).append(unit)
    return grouped


def _kernel_of(unit: Unit, members: Sequence[Unit]) -> Unit:
    """Return the kernel that a bias belongs to in a module with several: as long, or the pointwise one."""
    if unit.record.role != "bias":
        return unit
    kernels = [
        other for other in members if other.record.role == "kernel" and other.look[2][0] == unit.look[2][0]
    ]
    pointwise = [kernel for kernel in kernels if "pointwise" in kernel.record.path]
    chosen = pointwise if len(kernels) > 1 else kernels
    return chosen[0] if len(chosen) == 1 else unit


def layers_of(inventory: Inventory, calls: Sequence[str] = ()) -> list[Layer]:
    """Return the layers of an inventory, in the order of their calls if there are any, else in its own.

    Args:
        inventory: of the model.
        calls: the paths of modules in the order in which their calls began.
    """
    grouped = _grouped(units_of(inventory))
    ranks = {path: rank for rank, path in reversed(list(enumerate(calls)))}
    keys = sorted(grouped, key=lambda key: _rank(key[0], ranks)) if ranks else list(grouped)
    keys = in_turn(keys, lambda key: grouped[key][0].record)
    names = _names({key: grouped[key][0].record for key in keys}, inventory.framework)
    return [_layer(key, grouped[key], order, names[key]) for order, key in enumerate(keys)]


def _shown_path(key: tuple[str, str], record: Record) -> str:
    owner, tensor = key
    if not owner or tensor_of(record) == tensor:
        return record.path
    direction = record.kind in GATED or not tensor
    return owner + tensor if direction else f"{owner}/{tensor}"


def _rank(path: str, ranks: Mapping[str, int]) -> int:
    """Return the position of a module's first call, or of the nearest one around it."""
    while path not in ranks and path:
        path = path.rpartition("." if "." in path else "/")[0]
        path = path.removesuffix("/~")
    return ranks.get(path, len(ranks))


def _names(
    records: Mapping[tuple[str, str], Record], framework: str
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the names of layers, without the words of wrappers and those that all layers share."""
    words = _with_indices({key: _words(key, record) for key, record in records.items()}, records)
    shared = shared_words(words.values())
    stripped = {key: without_wrappers(name[shared:]) for key, name in words.items()}
    unique = len(set(stripped.values())) == len(stripped)
    names = stripped if unique else words
    return {
        key: () if _is_made(name, records[key].native, framework) else name for key, name in names.items()
    }


def _words(key: tuple[str, str], record: Record) -> tuple[str, ...]:
    """Return the words of a layer, without the index of one in a stack."""
    owner = key[0].removesuffix(f"/{record.stack[2]}") if record.stack else key[0]
    return tuple(word for word in re.split(r"[./~#]+", f"{unwrapped(owner)}/{key[1]}".lower()) if word)


def _with_indices(
    names: Mapping[tuple[str, str], tuple[str, ...]], records: Mapping[tuple[str, str], Record]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return names in which the index of a stacked layer is where that of a listed block would be."""
    stacked = {name for key, name in names.items() if records[key].stack}
    position = shared_words(stacked) if len(stacked) > 1 else None
    return {
        key: (*name[:position], str(records[key].stack[2]), *name[len(name[:position]) :])
        if records[key].stack
        else name
        for key, name in names.items()
    }


def shared_words(names: Iterable[tuple[str, ...]]) -> int:
    """Return how many leading words all names share; the last word of a name is its own."""
    count = 0
    for words in zip(*(name[:-1] for name in names), strict=False):
        if len(set(words)) > 1:
            break
        count += 1
    return count


def without_wrappers(name: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name without the words of wrappers that it begins with."""
    while len(name) > 1 and WRAPPERS.fullmatch(name[0]):
        name = name[1:]
    return name


def _is_made(name: tuple[str, ...], native: str, framework: str) -> bool:
    """Whether a framework made the last word of a name: from the layer's class and a number."""
    if not name or framework == "torch":
        return False
    bare = re.sub(r"_\d+$", "", name[-1])
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", native).lower()
    return bare.replace("_", "") in {native.lower(), snake.replace("_", "")}
