"""Mixtures of experts of transformers: routers, and experts whose matrices are stacked in one tensor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from unified_init.walkers.fused import GATED, Split
from unified_init.walkers.torch.classes import class_of

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mixture_facts"]

# Each model has router and experts of its own, which share neither a base nor a public name.
ROUTER = re.compile(r"Router$")
EXPERTS = re.compile(r"Experts$")
STACKED = re.compile(r"(gate_up|gate|up|down)_proj(_bias)?")
PLACES = {"gate_up": "mlp.in", "up": "mlp.in", "gate": "mlp.gate", "down": "mlp.out"}
# Classes that do not use transformers' decorator, which makes all others say how they store: whether inputs
# come before outputs. In their forward passes all gates come before all ups.
UNDECORATED = {
    "Llama4TextExperts": True, "LongcatFlashExperts": False, "Step3p7Experts": False,
    "InklingSharedExperts": False,
}  # fmt: skip


def mixture_facts(module: nn.Module, name: str, shape: tuple[int, ...], path: str) -> dict[str, Any] | None:
    """Return the facts of a tensor of a router or of stacked experts; None for any other tensor."""
    label = class_of(module).__name__
    if ROUTER.search(label) and (name, len(shape)) in {("weight", 2), ("bias", 1)}:
        return _router(module, name)
    if label.endswith("ParallelExperts") and name == "weight":  # JetMoe's: outputs before inputs
        return {"kind": "linear", "role": "kernel", "layout": "BOI", "inputs": shape[2], "outputs": shape[1]}
    stacked = STACKED.fullmatch(name)
    if stacked is None or not EXPERTS.search(label) or len(shape) != (2 if stacked[2] else 3):
        return None
    return _experts(module, stacked[1], shape, path, is_bias=bool(stacked[2]))


def _router(module: Any, name: str) -> dict[str, Any]:
    """Return the facts of scores that are a linear function of the inputs: one row per expert."""
    experts, inputs = map(int, module.weight.shape)
    own = {"role": "kernel", "layout": "OI"} if name == "weight" else {"role": "bias", "layout": "O"}
    return {"kind": "linear", "place": "router", "inputs": inputs, "outputs": experts} | own


def _experts(
    module: Any,
    projection: str,
    shape: tuple[int, ...],
    path: str,
    *,
    is_bias: bool,
) -> dict[str, Any]:
    """Return the facts of one projection of all experts, each drawn by itself with its own fans.

    Of a class that does not say whether it stores inputs before outputs, no fan is known.
    """
    facts: dict[str, Any] = {
        "kind": "linear", "role": "bias" if is_bias else "kernel", "place": PLACES[projection],
    }  # fmt: skip
    matrices = tuple(map(int, getattr(module, f"{projection}_proj").shape))
    is_transposed = _is_transposed(module, projection, matrices)
    if is_transposed is None:
        return facts
    inputs, outputs = matrices[1:] if is_transposed else matrices[:0:-1]
    layout = "BO" if is_bias else "BIO" if is_transposed else "BOI"
    if projection == "gate_up":
        outputs //= len(GATED)
    facts |= {"layout": layout, "inputs": inputs, "outputs": outputs}
    is_known = class_of(module).__name__ in UNDECORATED
    is_concatenated: bool | None = getattr(module, "is_concatenated", True if is_known else None)
    if projection == "gate_up" and is_concatenated is not None:  # a class that does not say it is drawn whole
        split = Split(GATED, (outputs,) * 2) if is_concatenated else Split(GATED, (1, 1), blocks=outputs)
        axis = layout.index("O")
        facts |= {"axis": axis, "parts": split.parts(path, shape, axis)}
    return facts


def _is_transposed(module: Any, projection: str, matrices: tuple[int, ...]) -> bool | None:
    """Whether inputs are stored before outputs: as the class says, or by the width of the model."""
    told: bool | None = getattr(module, "is_transposed", UNDECORATED.get(class_of(module).__name__))
    is_width = [size == getattr(module, "hidden_size", None) for size in matrices[1:]]
    if told is not None or is_width[0] == is_width[1]:
        return told
    return is_width[0] != (projection == "down")
