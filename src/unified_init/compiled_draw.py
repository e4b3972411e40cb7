"""The front door inside ``torch.compile``: what Dynamo traces instead of a draw."""

from __future__ import annotations

from typing import Any

import torch

from unified_init import frozen_call
from unified_init.backends._torch import opaque_draw
from unified_init.errors import ArgumentTypeError

__all__ = ["compiled_draw"]

# ruff: noqa: ANN401  # what Dynamo traces

# An integer that is no seed: a law without randomness needs none, and a random one refuses it when
# the graph runs.
NO_SEED = -1

freeze = torch.compiler.assume_constant_result(frozen_call.freeze)


def compiled_draw(spec: Any, shape: Any, seed: Any, options: tuple[tuple[str, Any], ...]) -> torch.Tensor:
    """Return the node that draws when the compiled graph runs."""
    if seed is None:
        seed = NO_SEED
    if isinstance(seed, bool) or not isinstance(seed, int):
        msg = (
            "`seed` inside torch.compile must be an int from 0 to 2**64 - 1: "
            "draw one from a generator outside of it."
        )
        raise ArgumentTypeError(msg)
    call = freeze(frozen_call.parts(spec), options)
    return opaque_draw(call, list(shape), seed >> 32, seed & 0xFFFFFFFF)
