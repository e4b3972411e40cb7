"""The front door: draw a tensor in any framework, or fill one in place."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, cast

from unified_init.backends import registry
from unified_init.core import checks
from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.layout import bind, size_items
from unified_init.spec.initializer import Initializer
from unified_init.stream import run
from unified_init.stream.dtypes import DTYPES, dtype_of
from unified_init.stream.program import Program, make_program, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from unified_init.backends.protocol import Fillable, Key
    from unified_init.law.law import Fans

__all__ = ["draw", "fill"]

# ruff: noqa: ANN401  # tensors, seeds and devices of any framework


def draw(
    spec: Initializer,
    shape: Sequence[int] | int,
    *,
    seed: Any = None,
    name: str = "",
    layout: str | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: Fans | None = None,
    index: Any = None,
    dtype: Any = "float32",
    backend: str | None = None,
    device: Any = None,
) -> Any:
    """Return a new tensor of a framework: the same bits in each, for one seed and name.

    A value depends on the seed, the name and its logical index alone: not on the layout, the
    slice, the device, the number of threads or what was drawn before. Inside ``jax.jit``,
    ``tf.function`` and ``torch.compile`` it is the same value again.

    Args:
        spec: the initializer.
        shape: the stored shape of the whole tensor.
        seed: an int in [0, 2**64), a JAX key (traced too), or a ``numpy.random.Generator``,
            ``torch.Generator`` or ``tf.random.Generator``, which is advanced. Required for a
            random law; ignored otherwise.
        name: the parameter's name; each name has its own stream. "" is the stream of the seed
            itself, the one of ``jax.random.bits``.
        layout: one letter an axis, such as "OIHW"; needed by specs that scale with a fan. None
            takes the storage order for the logical order.
        sizes: how merged axes split, such as ``{"B": groups}`` for "(BO)IHW".
        fans: (fan_in, fan_out) instead of the layout's.
        index: a tuple of slices and ints: draw that part alone. None draws all.
        dtype: float32, float64, bfloat16, float16, float8_e4m3fn, float8_e5m2, complex64 or
            complex128, by name or as a framework's own dtype. Narrow types are the rounding of the
            float32 tensor.
        backend: "numpy", "torch", "tensorflow" or "jax"; None takes the device's, else JAX if the
            seed is a JAX key, else NumPy.
        device: where to put it, in the framework's own terms; for JAX a Sharding too. None is the
            host, for JAX wherever it puts uncommitted arrays.

    Returns:
        An array or tensor of the backend.

    Raises:
        UnifiedInitError: any argument is wrong; the message says which and what to do.

    Example:
        >>> import unified_init as ui
        >>> w = ui.draw(ui.he_normal(), (64, 3, 7, 7), layout="OIHW", seed=0, name="conv1/kernel")
        >>> w.shape, w.dtype.name
        ((64, 3, 7, 7), 'float32')
        >>> part = ui.draw(ui.he_normal(), (64, 3, 7, 7), layout="OIHW", seed=0,
        ...                name="conv1/kernel", index=(slice(0, 8),))
        >>> bool((part == w[:8]).all())
        True

    Differs from:
        PyTorch, Keras and JAX: it never reproduces their own streams, and no state is kept.
    """
    options = {
        "name": name, "layout": layout, "sizes": sizes, "fans": fans, "index": index, "dtype": dtype,
        "device": device,
    }  # fmt: skip
    if _torch_compiles() and _is_one_node(spec, shape, seed, _backend(backend, device, seed)):
        from unified_init.compiled_draw import compiled_draw  # noqa: PLC0415  # it imports torch

        return compiled_draw(spec, shape, seed, options)
    return _eager("draw_eagerly", draw_eagerly)(spec, shape, seed=seed, backend=backend, **options)


def fill(
    tensor: Any,
    spec: Initializer,
    *,
    seed: Any = None,
    name: str = "",
    layout: str | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: Fans | None = None,
) -> Any:
    """Overwrite a tensor with what ``draw`` would return for its shape and type.

    Args:
        tensor: a writable NumPy array or a torch tensor, of any strides and device.
        spec: the initializer.
        seed: as for ``draw``.
        name: as for ``draw``.
        layout: as for ``draw``.
        sizes: as for ``draw``.
        fans: as for ``draw``.

    Returns:
        The tensor, written; on any error in the arguments it is left as it was.

    Raises:
        UnifiedInitError: any argument is wrong, or the tensor cannot be written.

    Example:
        >>> import numpy as np
        >>> import unified_init as ui
        >>> w = np.empty((300, 100), dtype=np.float32)
        >>> ui.fill(w, ui.xavier_uniform(), layout="OI", seed=0, name="fc.weight") is w
        True

    Differs from:
        ``torch.nn.init``: the values depend on seed and name, never on what was drawn before.
    """
    return _eager("fill_eagerly", fill_eagerly)(
        tensor, spec, seed=seed, name=name, layout=layout, sizes=sizes, fans=fans
    )


def draw_eagerly(
    spec: Initializer,
    shape: Sequence[int] | int,
    *,
    seed: Any,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: Fans | None,
    index: Any,
    dtype: Any,
    backend: str | None,
    device: Any,
) -> Any:
    """Draw outside of ``torch.compile``; the arguments are those of ``draw``."""
    program = _program(
        spec, shape, name=name, layout=layout, sizes=sizes, fans=fans, index=index, dtype=dtype
    )
    if program.law.random:
        check_seed(seed, spec)
    chosen = _backend(backend, device, seed)
    adapter = registry.get(chosen)
    place = adapter.place(device, program.dtype.name)
    # The buffer first: what fails must fail before a generator is advanced.
    out = None if adapter.wants_graph(place) else run.buffer(program)
    key = key_of(seed) if program.law.random else None
    _check_trace(key, seed, chosen)
    if out is None or is_traced(key):
        return adapter.trace(program, key, place)
    run.into(out, program, key)
    return adapter.adopt(out, place)


def fill_eagerly(
    tensor: Any,
    spec: Initializer,
    *,
    seed: Any,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: Fans | None,
) -> Any:
    """Fill outside of ``torch.compile``; the arguments are those of ``fill``."""
    owner = registry.backend_of(tensor)
    if owner not in {"numpy", "torch"}:
        msg = (
            "`tensor` must be a NumPy array or a torch tensor, which can be written in place; "
            f"got {type(tensor).__name__}: use draw() and assign its result."
        )
        raise ArgumentTypeError(msg)
    adapter = cast("Fillable", registry.get(owner))
    adapter.check_target(tensor)
    program = _program(
        spec, tuple(tensor.shape), name=name, layout=layout, sizes=sizes, fans=fans, index=None,
        dtype=tensor.dtype,
    )  # fmt: skip
    if program.law.random:
        check_seed(seed, spec)
    view = adapter.writable(tensor)
    out = run.buffer(program) if view is None else view
    key = key_of(seed) if program.law.random else None
    _check_trace(key, seed, owner)
    run.into(out, program, key)
    adapter.overwrite(tensor, None if view is not None else adapter.adopt(out, None))
    return tensor


def _torch_compiles() -> bool:
    """Whether Dynamo is tracing this call."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


def _is_one_node(spec: object, shape: object, seed: object, backend: str) -> bool:
    """Whether one node of a compiled graph can stand for a draw; its ints may be symbolic."""
    return (
        backend == "torch"
        and isinstance(spec, Initializer)
        and isinstance(shape, (tuple, list))
        and (seed is None or type(seed) is int)
    )


def _eager(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that Dynamo does not follow: it would trace NumPy's integers as torch's."""
    if "torch._dynamo" not in sys.modules:
        return function
    from unified_init import compiled_draw  # noqa: PLC0415  # it imports torch

    disabled: Callable[..., Any] = getattr(compiled_draw, name)
    return disabled


def _program(
    spec: object,
    shape: Sequence[int] | int,
    *,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: Fans | None,
    index: object,
    dtype: object,
) -> Program:
    if callable(spec) and not isinstance(spec, Initializer):
        msg = f"`spec` must be an Initializer, got the function {spec!r}: call it, as in he_normal()."
        raise ArgumentTypeError(msg)
    if not isinstance(spec, Initializer):
        msg = (
            f"`spec` must be an Initializer, such as unified_init.he_normal(), got {spec!r}: "
            "from_native() reads those of other libraries."
        )
        raise ArgumentTypeError(msg)
    checks.text("name", name)
    lengths, dtype_ = checks.shape_of(shape), dtype_of(dtype)
    if layout is not None:
        checks.text("layout", layout)
    # A 64-bit table is one or two megabytes, which are not kept.
    if index is None and fans is None and dtype_.bits == 32:  # noqa: PLR2004
        return named(_planned(spec, lengths, layout, size_items(sizes), dtype_.name), name)
    geometry = bind(lengths, layout, sizes)
    return make_program(spec.law(geometry, fans), geometry, index=index, name=name, dtype=dtype_)


# By value: a spec, a shape and a layout are resolved once. Slices and fans are of many types, some equal
# to others that are refused, so that what they give is not kept. Each holds a table, half a megabyte at most.
@functools.lru_cache(maxsize=64)
def _planned(
    spec: Initializer,
    shape: tuple[int, ...],
    layout: str | None,
    sizes: tuple[tuple[str, int], ...],
    dtype: str,
) -> Program:
    geometry = bind(shape, layout, dict(sizes) or None)
    return make_program(spec.law(geometry, None), geometry, index=None, name="", dtype=DTYPES[dtype])


def _backend(backend: str | None, device: object, seed: object) -> str:
    if backend is not None:
        checks.choice("backend", backend, registry.NAMES)
    owner = None if device is None else registry.backend_of(device)
    if backend is not None and owner is not None and owner != backend:
        msg = f"`backend` {backend!r} and `device` {device!r}, which is of {owner}, disagree."
        raise ArgumentValueError(msg)
    chosen = backend or owner
    if chosen is not None:
        return chosen
    return "jax" if seed is not None and registry.backend_of(seed) == "jax" else "numpy"


def _check_trace(key: Key | None, seed: object, chosen: str) -> None:
    if is_traced(key) and registry.backend_of(seed) != chosen:
        msg = (
            f"`seed` is traced by {registry.backend_of(seed)} and has no value that {chosen} could "
            "use: draw with the framework that traces, or outside the trace."
        )
        raise ArgumentValueError(msg)


# AutoGraph rewrites Python it meets in a tf.function; this mark, which its own outputs carry, says
# that there is nothing to rewrite (tf.autograph.experimental.do_not_convert would need TensorFlow).
vars(draw)["autograph_info__"] = {}
