"""The front door beside ``torch.compile``: what Dynamo traces instead of a draw, or leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from unified_init.backends._torch import opaque_draw
from unified_init.drawing import api, frozen_call
from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from unified_init.spec.initializer import Initializer

__all__ = ["compiled_draw", "draw_eagerly", "fill_eagerly"]

# ruff: noqa: ANN401  # what Dynamo traces

# A seed of None: a law without randomness needs none, and a random one refuses it as it runs.
NO_SEED = -1

freeze = torch.compiler.assume_constant_result(frozen_call.freeze)


# These break the graph and run as they would outside of ``torch.compile``.
draw_eagerly = torch.compiler.disable(api.draw_eagerly)
fill_eagerly = torch.compiler.disable(api.fill_eagerly)


def compiled_draw(spec: Initializer, shape: Any, seed: Any, options: dict[str, Any]) -> Any:
    """Return the node that draws when the compiled graph runs.

    The seed must be None or an int and the shape ints; they may be symbolic.
    """
    seed = NO_SEED if seed is None else seed
    call = freeze(frozen_call.parts(spec), tuple(options.items()))
    if call.startswith(frozen_call.REFUSED):
        raise ArgumentValueError(call.removeprefix(frozen_call.REFUSED))
    return opaque_draw(call, list(shape), seed >> 32, seed & 0xFFFFFFFF)
