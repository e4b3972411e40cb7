"""A process that draws by Triton's interpreter, on the CPU, and prints which draws differ from the reference.

``TRITON_INTERPRET=1`` must be set before Triton is imported, hence a process of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import torch

import unified_init as ui
from unified_init.backends import _torch, triton_fill
from unified_init.drawing.eager import program_of
from unified_init.parity.variants import DEFAULTS, reference
from unified_init.testing.bits import differing

LAWS = {
    "normal": ui.normal(0.0, 1.0),
    "small normal": ui.normal(0.0, 1e-6),
    "asymmetric": ui.truncated_normal(1.0, 2.0, -1.0, 3.0),
    "uniform": ui.uniform(-1.0, 2.0),
}
DTYPES = ("float32", "float16", "bfloat16", "float64", "complex64", "complex128")
PLACES: tuple[tuple[tuple[int, ...], str | None, Any], ...] = (
    ((70, 110), "OI", None),
    ((70, 110), "IO", (slice(3, 60, 2), slice(-90, None))),
    ((5, 7, 30, 20), "HWIO", None),
    ((30, 20, 3, 5), "IOHW", (slice(2, 29, 3),)),
    ((2**20, 2**20), "OI", (slice(2**20 - 2, None), slice(5, 2000, 3))),
    ((2**33,), None, (slice(2**32 - 700, 2**32 + 900),)),
    ((), None, None),
    ((0, 3), None, None),
)


def main() -> None:
    """Draw into tensors of the CPU as into those of a GPU."""
    triton_fill._device_of = lambda tensor: contextlib.nullcontext()  # noqa: ARG005  # the CPU is no CUDA device
    _torch.GPU = "cpu"
    wrong, count = [], 0
    for (name, spec), dtype, (shape, layout, index) in itertools.product(LAWS.items(), DTYPES, PLACES):
        if dtype.startswith("complex") and "normal" not in name:
            continue
        options: dict[str, Any] = {"layout": layout, "index": index, "dtype": dtype, "name": "w"}
        program = program_of(spec, shape, **{**DEFAULTS, **options})
        expected = reference(spec, shape, seed=11, **options)
        tensor = triton_fill.drawn(program, (0, 11), torch.device("cpu"))
        filled = torch.empty(program.index.shape, dtype=getattr(torch, dtype))
        launch = _torch.launcher(filled, program)
        if tensor is None or launch is None:
            wrong.append([name, dtype, shape, "no launch"])
            continue
        launch((0, 11))
        count += 1
        if differing(expected, _torch.to_numpy(tensor)) or differing(expected, _torch.to_numpy(filled)):
            wrong.append([name, dtype, shape, "other bits"])
    print(json.dumps([count, wrong]))  # noqa: T201  # the parent reads it


if __name__ == "__main__":
    main()
