"""The backend variants: every way in which this library draws a tensor, behind one function."""

from __future__ import annotations

import enum
import functools
from typing import Any, assert_never

import numpy as np

import unified_init as ui
from unified_init.api import _request
from unified_init.backends import graph, registry, trace
from unified_init.stream import host, numpy_runner, program, threefry


class Variant(enum.Enum):
    """A backend and a mode of it; the value is its id in test names."""

    NUMPY = "numpy"
    NUMBA = "numpy:numba"
    NUMPY_GRAPH = "numpy:graph"
    TORCH = "torch"
    TORCH_GRAPH = "torch:graph"
    TORCH_COMPILE = "torch:compile"
    TENSORFLOW = "tensorflow"
    TENSORFLOW_GRAPH = "tensorflow:graph"
    TENSORFLOW_FUNCTION = "tensorflow:function"
    TENSORFLOW_XLA = "tensorflow:xla"
    JAX = "jax"
    JAX_JIT = "jax:jit"

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self.value.partition(":")[0]

    @property
    def mode(self) -> str:
        """How it runs: "" is eager."""
        return self.value.partition(":")[2]


EAGER = (
    Variant.NUMPY, Variant.NUMBA, Variant.NUMPY_GRAPH, Variant.TORCH, Variant.TORCH_GRAPH,
    Variant.TENSORFLOW, Variant.TENSORFLOW_GRAPH, Variant.JAX,
)  # fmt: skip
COMPILED = (Variant.TENSORFLOW_FUNCTION, Variant.TENSORFLOW_XLA, Variant.JAX_JIT)


def reference(
    spec: ui.Initializer, shape: tuple[int, ...], *, seed: int, **options: Any
) -> np.ndarray[Any, Any]:
    """Draw with the reference runner, whatever else is installed."""
    request = _request(spec, shape, **{**DEFAULTS, **options})
    if request.table is None:
        return program.on_host(request, threefry.root_key(seed))
    return _on_runner(request, seed, numpy_runner.fill)


DEFAULTS: dict[str, Any] = {
    "name": "", "layout": None, "sizes": None, "fans": None, "index": None, "dtype": "float32",
}  # fmt: skip


def _on_runner(request: Any, seed: int, runner: Any) -> np.ndarray[Any, Any]:
    out = host.aligned_empty(request.index.shape, request.dtype.numpy)
    key = threefry.named_key(threefry.root_key(seed), request.name)
    host.fill(out, index=request.index, key=key, table=request.table, runner=runner)
    return out


def draw(
    variant: Variant, spec: ui.Initializer, shape: tuple[int, ...], *, seed: int, **options: Any
) -> np.ndarray[Any, Any]:
    """Draw in a variant and return the values as NumPy's."""
    adapter: Any = registry.get(variant.backend)
    request = _request(spec, shape, **{**DEFAULTS, **options})
    key = threefry.root_key(seed)
    match variant:
        case Variant.NUMPY | Variant.TORCH | Variant.TENSORFLOW | Variant.JAX:
            tensor = ui.draw(spec, shape, seed=seed, backend=variant.backend, **options)
        case Variant.NUMBA if request.table is None:
            tensor = program.on_host(request, key)
        case Variant.NUMBA:
            from unified_init.stream import numba_runner

            tensor = _on_runner(request, seed, numba_runner.fill)
        case Variant.TORCH_COMPILE:
            tensor = _torch_compiled(spec, shape, seed, options)
        case Variant.TENSORFLOW_GRAPH:
            tensor = trace.draw(adapter.OPS, request, key, adapter._inline)
        case Variant.TENSORFLOW_FUNCTION | Variant.TENSORFLOW_XLA:
            xla = variant is Variant.TENSORFLOW_XLA
            tensor = _tensorflow_compiled(adapter, request, key, spec, shape, seed, options, xla=xla)
        case Variant.JAX_JIT | Variant.NUMPY_GRAPH | Variant.TORCH_GRAPH:
            tensor = adapter.trace(request, key, None)
        case _:
            assert_never(variant)
    return np.asarray(adapter.to_numpy(tensor))


def _torch_compiled(spec: Any, shape: Any, seed: int, options: Any) -> Any:
    import torch

    def program_() -> Any:
        return ui.draw(spec, shape, seed=seed, backend="torch", **options)

    return torch.compile(program_, fullgraph=True)()


def _tensorflow_compiled(
    adapter: Any, request: Any, key: Any, spec: Any, shape: Any, seed: int, options: Any, *, xla: bool
) -> Any:
    import tensorflow as tf

    if request.table is None:  # nothing to share a compilation with
        call = functools.partial(ui.draw, spec, shape, seed=seed, backend="tensorflow", **options)
        return tf.function(call, jit_compile=xla, autograph=False)()
    named = graph.named_key(adapter.OPS, key, request.name)
    args = adapter._placed(graph.arguments(request.table))
    return adapter.compiled(request.index, request.dtype.name, xla=xla)(named, args)


def as_bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bytes of an array's elements, so that arrays are compared as integers."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, flat.dtype.itemsize)


def differing(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> int:
    """Number of elements whose bits differ; types and shapes must be equal."""
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    return int((as_bits(a) != as_bits(b)).any(axis=1).sum())
