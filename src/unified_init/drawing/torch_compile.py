"""A draw inside ``torch.compile``: one opaque node, or a break of the graph where one node is not enough.

Imported on demand, where Dynamo is loaded. If Dynamo traced the rounds of the stream, Inductor would take
minutes to compile them.

The node runs the eager draw, so there is one set of checks. What is refused breaks the graph, and the eager
draw raises. Where breaks are not allowed (``fullgraph=True``), the node raises when the compiled graph runs.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unified_init.drawing import eager, frozen_call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unified_init.spec.initializer import Initializer

__all__ = ["draw", "fill_eagerly", "opaque_draw"]

# ruff: noqa: ANN401  # what Dynamo traces

REFUSED = torch.bool  # the type of a fake that says so; nothing that is drawn has it


def _outside(function: Callable[..., Any], reason: str) -> Callable[..., Any]:
    """Return a function that runs as it would without Dynamo; inside a trace it breaks the graph."""
    takes_reason = "reason" in inspect.signature(torch.compiler.disable).parameters  # since torch 2.7
    options = {"reason": reason} if takes_reason else {}
    disabled: Callable[..., Any] = torch.compiler.disable(function, **options)
    return disabled


freeze = torch.compiler.assume_constant_result(frozen_call.freeze)
refusal = torch.compiler.assume_constant_result(frozen_call.refusal)
draw_eagerly = _outside(
    eager.draw_eagerly,
    "unified_init: this draw cannot be a node of a graph. Its backend must be torch, and its arguments plain "
    "Python values: no generator, tensor, array or NumPy scalar. Draw outside, or without fullgraph=True.",
)
fill_eagerly = _outside(
    eager.fill_eagerly,
    "unified_init: fill() writes to the memory of a tensor, which a traced tensor has not. Fill outside, use "
    "draw(), or compile without fullgraph=True.",
)
run = _outside(frozen_call.run, "unified_init: the body of a node")  # Dynamo sees it when a graph runs


def draw(
    spec: Initializer, shape: Sequence[int] | int, seed: Any, backend: str | None, options: dict[str, Any]
) -> Any:
    """Return the tensor, or inside a trace the node that draws it when the compiled graph runs."""
    arguments = {"spec": spec, "shape": shape, "seed": seed, "backend": backend, **options}
    if torch.compiler.is_compiling():
        ints: list[int] = []
        call = _call(arguments, ints)
        # torch.export may run these lines: then they can ask.
        if call and (torch.compiler.is_dynamo_compiling() or frozen_call.result(call, tuple(ints))):
            drawn = opaque_draw(call, ints)
            if drawn.dtype is not REFUSED:
                return drawn
    return draw_eagerly(**arguments)


def _call(arguments: dict[str, Any], ints: list[int]) -> str:
    """Return a draw as text, or what refuses it; "" if it is right and can be no node."""
    strangers: list[Any] = []
    backend, device = arguments["backend"], arguments["device"]
    is_torch = isinstance(device, torch.device) or isinstance(arguments["dtype"], torch.dtype)
    if backend == "torch" or (backend is None and is_torch):
        # An index needs the values of all lengths for the shape of its result.
        symbolic = ("shape", "seed", "fans") if arguments["index"] is None else ("seed", "fans")
        frozen = {
            name: frozen_call.plain(value, strangers, ints if name in symbolic else None)
            for name, value in arguments.items()
        }
        if not strangers:
            return freeze(frozen)
    strangers = []
    frozen = {name: frozen_call.plain(value, strangers) for name, value in arguments.items()}
    # Dynamo would take the values of tensors and arrays for constants, which they are not.
    if any(isinstance(value, (torch.Tensor, np.ndarray, np.generic)) for value in strangers):
        return ""
    return refusal(frozen, *strangers)


@torch.library.custom_op(
    "unified_init::draw",
    mutates_args=(),
    # Written out, because older releases cannot read it from annotations that are strings.
    schema="(str call, SymInt[] ints) -> Tensor",
)
def opaque_draw(call: str, ints: list[int]) -> torch.Tensor:
    """Draw, as one node of a compiled graph."""
    drawn: torch.Tensor = run(call, tuple(ints))
    return drawn


@opaque_draw.register_fake
def _(call: str, ints: list[int]) -> torch.Tensor:
    result = frozen_call.result(call, tuple(ints))
    if result is None and _can_break():
        return torch.empty(0, dtype=REFUSED)
    shape, dtype, device = result or frozen_call.stand_in(call, tuple(ints))
    return torch.empty(shape, dtype=getattr(torch, dtype), device=device)


def _can_break() -> bool:
    """Whether Dynamo is tracing and may leave the graph."""
    from torch._dynamo.symbolic_convert import InstructionTranslator  # noqa: PLC0415  # no public way to ask

    try:
        tracer = InstructionTranslator.current_tx()
    except AttributeError:  # none: its graph is being compiled
        return False
    return not (tracer.one_graph or getattr(tracer, "error_on_graph_break", False))
