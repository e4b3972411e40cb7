"""The initializer of this library: the two kernels of a gated linear unit, the gate with half the std."""

from __future__ import annotations

from typing import Any

import unified_init as ui

LAYOUT = "IO"
VALUE = ui.lecun_normal()
GATE = VALUE.scaled(0.5)


def gated_kernels(inputs: int, outputs: int, *, seed: int, name: str, backend: str) -> dict[str, Any]:
    """Return the kernels of a gated linear unit as tensors of a backend."""
    return {
        part: ui.draw(
            spec, (inputs, outputs), layout=LAYOUT, seed=seed, name=f"{name}/{part}", backend=backend
        )
        for part, spec in (("value", VALUE), ("gate", GATE))
    }
