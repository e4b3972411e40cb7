"""A draw inside ``torch.compile``: one opaque node, or a break of the graph where one node is not enough.

Imported on demand, where Dynamo is loaded. If Dynamo traced the rounds of the stream, Inductor would take
minutes to compile them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from unified_init.drawing import eager, frozen_call
from unified_init.errors import ArgumentValueError
from unified_init.spec.initializer import Initializer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw", "fill_eagerly", "opaque_draw"]

# ruff: noqa: ANN401  # what Dynamo traces

# Stands for a seed of None. A law without randomness needs no seed; a random one refuses None when it runs.
NO_SEED = -1

freeze = torch.compiler.assume_constant_result(frozen_call.freeze)
# These run as they would without Dynamo, which would trace NumPy integers as tensors of torch; in a trace they
# break the graph. Dynamo sees the node's body too, when a compiled graph runs.
draw_eagerly = torch.compiler.disable(eager.draw_eagerly)
fill_eagerly = torch.compiler.disable(eager.fill_eagerly)
run = torch.compiler.disable(frozen_call.run)


def draw(
    spec: Initializer, shape: Sequence[int] | int, seed: Any, backend: str | None, options: dict[str, Any]
) -> Any:
    """Return the tensor, or inside a trace the node that draws it when the compiled graph runs."""
    in_trace = torch.compiler.is_compiling()
    if not in_trace or not _is_one_node(spec, shape, seed, backend, options["device"]):
        return draw_eagerly(spec, shape, seed=seed, backend=backend, **options)
    seed = NO_SEED if seed is None else seed
    call = freeze(frozen_call.parts(spec), tuple(options.items()))
    if call.startswith(frozen_call.REFUSED):
        raise ArgumentValueError(call.removeprefix(frozen_call.REFUSED))
    return opaque_draw(call, list(shape), seed >> 32, seed & 0xFFFFFFFF)  # type: ignore[arg-type]


def _is_one_node(spec: object, shape: object, seed: object, backend: str | None, device: object) -> bool:
    """Whether a draw can be one node of a compiled graph; its ints may be symbolic."""
    return (
        eager.backend_name(backend, device, seed) == "torch"
        and isinstance(spec, Initializer)
        and isinstance(shape, (tuple, list))
        and (seed is None or type(seed) is int)
    )


@torch.library.custom_op(
    "unified_init::draw",
    mutates_args=(),
    # Written out, because older releases cannot read it from annotations that are strings.
    schema="(str call, SymInt[] shape, SymInt high, SymInt low) -> Tensor",
)
def opaque_draw(call: str, shape: list[int], high: int, low: int) -> torch.Tensor:
    """Draw, as one node of a compiled graph."""
    drawn: torch.Tensor = run(call, tuple(shape), None if high < 0 else high << 32 | low)
    return drawn


@opaque_draw.register_fake
def _(call: str, shape: list[int], high: int, low: int) -> torch.Tensor:
    del high, low
    out_shape, dtype, device = frozen_call.result(call, tuple(shape))
    return torch.empty(out_shape, dtype=getattr(torch, dtype), device=device)
