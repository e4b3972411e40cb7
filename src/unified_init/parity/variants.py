"""The backend variants: every way in which this library draws a tensor, behind one function."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

import unified_init as ui
from unified_init.backends import graph, graph_words, registry, trace
from unified_init.drawing.eager import program_of
from unified_init.stream import host, run, threefry
from unified_init.testing.conformity import reference_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.stream.program import Program
    from unified_init.stream.runner import Runner

__all__ = ["COMPILED", "DEFAULTS", "EAGER", "MODES", "Variant", "compiled", "draw", "reference"]

# ruff: noqa: ANN401  # options of ``draw``, and tensors of any framework


class Variant(enum.Enum):
    """A backend and a mode of it; the value is its name on the command line and in tests."""

    NUMPY = "numpy"
    C = "numpy:c"
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

    @property
    def on_host(self) -> bool:
        """Whether a host runner draws: then an orthogonal draw too has the reference's bits."""
        return self.mode in {"", "c"}


EAGER = (
    Variant.NUMPY, Variant.C, Variant.NUMPY_GRAPH, Variant.TORCH, Variant.TORCH_GRAPH,
    Variant.TENSORFLOW, Variant.TENSORFLOW_GRAPH, Variant.JAX,
)  # fmt: skip
# Without torch.compile, which takes seconds to compile each draw.
COMPILED = (Variant.TENSORFLOW_FUNCTION, Variant.TENSORFLOW_XLA, Variant.JAX_JIT)

# How users run their own functions; the others are ways inside this library.
MODES = (
    Variant.NUMPY, Variant.TORCH, Variant.TORCH_COMPILE, Variant.TENSORFLOW, *COMPILED[:2], Variant.JAX,
    Variant.JAX_JIT,
)  # fmt: skip

# The defaults of the arguments of ``draw``.
DEFAULTS: dict[str, Any] = {
    "name": "", "layout": None, "sizes": None, "fans": None, "index": None, "dtype": "float32",
}  # fmt: skip


def reference(spec: ui.Initializer, shape: tuple[int, ...], *, seed: int, **options: Any) -> NDArray[Any]:
    """Draw with the reference runner, whatever else is installed."""
    return reference_of(program_of(spec, shape, **{**DEFAULTS, **options}), seed)


def _on_runner(program: Program, seed: int, runner: Runner) -> NDArray[Any]:
    assert program.table is not None  # noqa: S101  # both callers have checked
    out = host.aligned_empty(program.index.shape, program.dtype.numpy)
    key = threefry.named_key(threefry.root_key(seed), program.name)
    host.fill(out, index=program.index, key=key, table=program.table, runner=runner)
    return out


def draw(
    variant: Variant, spec: ui.Initializer, shape: tuple[int, ...], *, seed: int, **options: Any
) -> NDArray[Any]:
    """Draw in a variant and return the values as NumPy's."""
    adapter: Any = registry.get(variant.backend)
    program = program_of(spec, shape, **{**DEFAULTS, **options})
    key = threefry.root_key(seed)
    tensor: Any

    def public() -> Any:  # not a partial, whose arguments tf.function would treat as its own
        return ui.draw(spec, shape, seed=seed, backend=variant.backend, **options)

    match variant:
        case Variant.NUMPY | Variant.TORCH | Variant.TENSORFLOW | Variant.JAX:
            tensor = public()
        case Variant.C if program.table is None:
            tensor = run.on_host(program, key)
        case Variant.C:
            from unified_init.stream import c_runner  # noqa: PLC0415  # it need not be there

            tensor = _on_runner(program, seed, c_runner.prepare)
        case Variant.TORCH_COMPILE:
            tensor = compiled(variant, public)()
        case Variant.TENSORFLOW_GRAPH:
            tensor = trace.draw(adapter.OPS, program, key, trace.inline(adapter.OPS))  # not compiled
        case Variant.TENSORFLOW_FUNCTION | Variant.TENSORFLOW_XLA:
            tensor = _tensorflow_compiled(variant, adapter, program, key, public)
        case Variant.JAX_JIT | Variant.NUMPY_GRAPH | Variant.TORCH_GRAPH:
            tensor = adapter.trace(program, key, None)
        case _:
            assert_never(variant)
    return np.asarray(adapter.to_numpy(tensor))


def compiled(variant: Variant, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as a mode of ``MODES`` runs it: itself where the mode is eager."""
    result: Callable[..., Any] = function
    match variant:
        case Variant.TORCH_COMPILE:
            import torch

            # Dynamo compiles the same lines anew for each spec, and stops after eight times.
            torch.compiler.reset()
            result = torch.compile(function, fullgraph=True)
        case Variant.TENSORFLOW_FUNCTION | Variant.TENSORFLOW_XLA:
            import tensorflow as tf

            xla = variant is Variant.TENSORFLOW_XLA
            result = tf.function(function, jit_compile=xla, autograph=False)
        case Variant.JAX_JIT:
            import jax

            result = jax.jit(function)
    return result


def _tensorflow_compiled(
    variant: Variant, adapter: Any, program: Program, key: tuple[int, int], public: Callable[[], Any]
) -> Any:
    if program.table is None:  # nothing to share a compilation with
        return compiled(variant, public)()
    xla = variant is Variant.TENSORFLOW_XLA
    stream_key = graph_words.named_key(adapter.OPS, key, program.name)
    args = adapter._as_tensors(graph.arguments(program.table))  # noqa: SLF001  # as the adapter calls it
    return adapter.compiled(program.index, program.dtype.name, xla=xla)(stream_key, args)
