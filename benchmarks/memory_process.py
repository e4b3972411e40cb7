"""A process that draws one large tensor and prints how much memory it took beyond the tensor itself.

``python -m benchmarks.memory_process jax normal float32 26 ours`` prints MiB.
"""

from __future__ import annotations

import gc
import importlib
import math
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["beyond", "resident"]

# ruff: noqa: T201  # the parent reads what is printed

WARM = (4096, 4096)  # so large that every runner is loaded
KIB = 1024


def beyond(framework: str, law: str, dtype: str, power: int, side: str) -> float:
    """Return MiB of peak resident memory beyond the output, with imports and first calls made before."""
    module = importlib.import_module(f"benchmarks.{framework}_cases")
    shape = (2 ** (power // 2), 2 ** (power - power // 2))

    def call_of(shape: tuple[int, ...]) -> Callable[[int], Any]:
        pair = module.pair(Case("memory", framework, law, "returned", shape, dtype))
        call: Callable[[int], Any] = getattr(pair, side)
        return call

    call_of(WARM)(0)
    call = call_of(shape)
    gc.collect()
    before = resident()
    kept = call(0)
    most = _peak()
    wide = 2 if dtype == "bfloat16" else 4
    if math.prod(kept.shape) != 1 << power:
        msg = f"the tensor has the shape {tuple(kept.shape)}, not {shape}"
        raise RuntimeError(msg)
    return (most - before - (wide << power)) / KIB**2


def resident() -> int:
    """Return what the process holds now; where that cannot be asked, the most that it held."""
    return _status("VmRSS") or _peak()


def _peak() -> int:
    """Return the most that the process held since it began."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in that what the parent held when it started this process; not so in VmHWM.
    return _status("VmHWM") or (most if sys.platform == "darwin" else most * KIB)


def _status(field: str) -> int:
    """Return bytes from Linux's account of this process, or 0."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return sum(int(line.split()[1]) * KIB for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    name, law_, dtype_, power_, side_ = sys.argv[1:]
    print(beyond(name, law_, dtype_, int(power_), side_))
