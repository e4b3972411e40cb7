"""Compare bits and times of draws on a GPU with the host's, in every framework that sees one.

``nox -s gpu`` runs it, within ten minutes. It prints a line a comparison, and fails if one bit differs or if
no framework sees a GPU. ``--device cpu`` tries the script itself where there is none.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import importlib.util
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GPU", "main"]

# ruff: noqa: ANN401  # tensors and options of any framework

# One launch covers 40,960 values on some GPUs of today; 2**31 is where flat positions need 64 bits.
SIZES = (1, 40_959, 40_961, (1 << 20) + 3, (1 << 31) + 5)
SMALL = SIZES[:-1]
SPECS = {
    "normal": ui.normal(0.0, 0.02),
    "uniform": ui.uniform(-1.0, 1.0),
    "cut": ui.truncated_normal(0.0, 1.0),
}
DTYPES = ("float32", "bfloat16", "float16")
SQUARE = (4096, 4096)
REPEATS = 21
EDGE = 5000  # values that are compared at each end and in the middle of the largest tensors


@dataclasses.dataclass(frozen=True, slots=True)
class GPU:
    """A framework's GPU: how to draw there, wait for it, and draw with the framework's own generator."""

    backend: str
    device: Any
    wait: Callable[[Any], object]
    native: Callable[[tuple[int, int]], Any]


def torch_gpu(name: str) -> GPU | None:
    """Return torch's GPU, if it sees one."""
    import torch

    if name == "gpu" and not torch.cuda.is_available():
        return None
    device = torch.device("cuda" if name == "gpu" else "cpu")
    wait = (lambda _: torch.cuda.synchronize()) if name == "gpu" else (lambda _: None)
    return GPU("torch", device, wait, lambda shape: torch.randn(shape, device=device))


def jax_gpu(name: str) -> GPU | None:
    """Return JAX's GPU, if it sees one."""
    import jax

    try:
        device = jax.devices(name)[0]
    except RuntimeError:
        return None
    normal = jax.jit(jax.random.normal, static_argnums=1, device=device)
    return GPU("jax", device, jax.block_until_ready, lambda shape: normal(jax.random.key(0), shape))


def tensorflow_gpu(name: str) -> GPU | None:
    """Return TensorFlow's GPU, if it sees one."""
    import tensorflow as tf

    if not tf.config.list_physical_devices(name.upper()):
        return None
    device = f"/{name}:0"

    def native(shape: tuple[int, int]) -> Any:
        with tf.device(device):
            return tf.random.stateless_normal(shape, seed=(0, 1))

    return GPU("tensorflow", device, lambda tensor: tf.reduce_sum(tensor[:1, :1]).numpy(), native)


def compared(gpu: GPU, name: str, shape: tuple[int, ...], **options: Any) -> bool:
    """Print whether a draw has the host's bits; of a large tensor at both ends and in the middle."""
    spec, host_options = SPECS[name], {"seed": 7, "name": "w", **options}
    drawn = ui.draw(spec, shape, backend=gpu.backend, device=gpu.device, **host_options)
    length = shape[0]
    parts = [slice(0, length)]
    if length > SMALL[-1]:
        parts = [slice(at, at + EDGE) for at in (0, length // 2, length - EDGE)]
    equal = all(
        ui.digest(drawn[part]) == ui.digest(ui.draw(spec, shape, index=(part,), **host_options))
        for part in parts
    )
    print(f"{gpu.backend}: {name} {shape} {options}: {'equal' if equal else 'DIFFERENT'}", flush=True)
    return equal


def timed(gpu: GPU) -> None:
    """Print the median time of ours over the native generator's, in turns."""
    pairs = []
    for number in range(REPEATS + 2):
        started = time.perf_counter()
        gpu.wait(ui.draw(SPECS["normal"], SQUARE, seed=number, backend=gpu.backend, device=gpu.device))
        between = time.perf_counter()
        gpu.wait(gpu.native(SQUARE))
        pairs.append((between - started, time.perf_counter() - between))
    ours, native = (statistics.median(column) for column in zip(*pairs[2:], strict=True))
    print(f"{gpu.backend}: normal {SQUARE}: {ours * 1e3:.3f} ms, native {native * 1e3:.3f} ms, "
          f"ratio {ours / native:.2f}", flush=True)  # fmt: skip


def main() -> int:
    """Compare and time; return 1 if a bit differs, 2 if there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    asked = parser.parse_args()
    finders = {"torch": torch_gpu, "jax": jax_gpu, "tensorflow": tensorflow_gpu}
    gpus = [find(asked.device) for name, find in finders.items() if importlib.util.find_spec(name)]
    there = [gpu for gpu in gpus if gpu is not None]
    if not there:
        sys.stderr.write("no framework sees a GPU\n")
        return 2
    sizes = SIZES if asked.device == "gpu" else SMALL
    results = []
    for gpu in there:
        timed(gpu)
        for name in SPECS:
            results += [compared(gpu, name, (size,), dtype=dtype) for dtype in DTYPES for size in SMALL]
            results.append(compared(gpu, name, (300, 70, 3), layout="IOH"))
        results += [compared(gpu, "normal", (size,), dtype="bfloat16") for size in sizes if size not in SMALL]
        gc.collect()
    print(f"{sum(results)} of {len(results)} equal")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
