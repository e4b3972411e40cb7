"""A draw outside of any ``torch.compile``: checks, the choice of a backend and of a runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from unified_init.backends import memory, registry, trace
from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.decided import decided
from unified_init.drawing.integers import draw_integers, integer_type
from unified_init.drawing.programs import program_of
from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.drawing.spec_call import check_name
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.shards import lengths
from unified_init.stream import host, run, shard, structured
from unified_init.stream.dtypes import dtype_of_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from unified_init.backends.protocol import (
        Abstracting,
        Backend,
        Fillable,
        Key,
        Launching,
        Reserving,
        Spreading,
    )
    from unified_init.law.law import GivenFans
    from unified_init.law.shards import Spans
    from unified_init.spec.initializer import Initializer
    from unified_init.stream.program import Program

__all__ = ["backend_name", "checked", "draw_eagerly", "fill_eagerly", "program_of"]

# ruff: noqa: ANN401  # tensors, seeds and devices of any framework


def draw_eagerly(
    spec: Initializer,
    shape: Sequence[int] | int,
    *,
    seed: Any,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: GivenFans | None,
    index: Any,
    dtype: Any,
    backend: str | None,
    device: Any,
) -> Any:
    """Draw outside of ``torch.compile``; the arguments are those of ``draw``."""
    if sizes is None and fans is None and index is None and device is None:
        drawn = _draw_decided(spec, shape, layout, dtype, backend, seed, name)
        if drawn is not None:
            return drawn
    integer = integer_type(dtype)
    if integer is not None:
        return draw_integers(
            draw_eagerly, spec, shape, integer, "dtype", backend_name(backend, device, dtype, seed), device,
            seed=seed, name=name, layout=layout, sizes=sizes, fans=fans, index=index,
        )  # fmt: skip
    program, framework = checked(
        spec, shape, seed=seed, name=name, layout=layout, sizes=sizes, fans=fans, index=index, dtype=dtype,
        backend=backend, device=device,
    )  # fmt: skip
    adapter = registry.get(framework)
    target = adapter.resolve_device(device, program.dtype.name)
    if hasattr(adapter, "is_abstract") and cast("Abstracting", adapter).is_abstract(target):
        return _without_values(program, cast("Abstracting", adapter), seed, framework, target)
    try:
        # All memory first: an error must come before a generator is advanced.
        on_host = not adapter.wants_graph(target)
        if on_host:
            out = run.buffer(program)
            into = run.ready(out, program)
        else:
            trace.prepare(program)
        if type(seed) is not int:
            _reserve(program, adapter, target)
        key = key_of(seed) if program.law.random else None
        _check_trace(key, seed, framework)
        if not on_host or is_traced(key):
            return adapter.trace(program, key, target)
        into(key)
        return adapter.adopt(out, target)
    except Exception as error:
        if not memory.is_exhausted(error):
            raise
        raise ArgumentValueError(_no_memory(program.index.shape, error)) from None


def _draw_decided(
    spec: Initializer, shape: Any, layout: str | None, dtype: Any, backend: str | None, seed: Any, name: str
) -> Any:
    """Return a small tensor on the host, of a kind that was decided before; None where more is to be done."""
    if type(shape) is not tuple or type(dtype) is not str or not checks.is_plain_shape(shape):
        return None
    decision = decided(spec, shape, layout, dtype, seed=seed, name=name)
    if decision is None:
        return None
    adapter = registry.get(backend_name(backend, None, dtype, seed))
    target = adapter.resolve_device(None, decision.dtype.name)
    if hasattr(adapter, "is_abstract") and cast("Abstracting", adapter).is_abstract(target):
        return None
    if adapter.wants_graph(target):
        return None
    try:
        out, address = host.aligned(shape, decision.dtype.numpy)
        decision.draw(address, seed, name)
        return adapter.adopt(out, target)
    except Exception as error:
        if not memory.is_exhausted(error):
            raise
        raise ArgumentValueError(_no_memory(shape, error)) from None


def _without_values(program: Program, adapter: Abstracting, seed: Any, framework: str, target: Any) -> Any:
    """Return a tensor of a shape and a type; a generator is advanced as it is for values."""
    tensor = adapter.empty(program.index.shape, program.dtype.name, target)
    if program.law.random:
        _check_trace(key_of(seed), seed, framework)
    return tensor


def _reserve(program: Program, adapter: Backend, target: Any) -> None:
    """Refuse a draw that a device cannot take, or whose law needs more memory than the host has."""
    if program.table is None and target is not None:  # with None it is asked already
        structured.prepare(program)
    if hasattr(adapter, "reserve"):
        cast("Reserving", adapter).reserve(program.index.shape, program.dtype.name, target)


def checked(
    spec: Initializer,
    shape: Sequence[int] | int,
    *,
    seed: Any,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: GivenFans | None,
    index: Any,
    dtype: Any,
    backend: str | None,
    device: Any,
) -> tuple[Program, str]:
    """Return the program and the backend of a draw; all is refused that no framework has to look at."""
    program = program_of(
        spec, shape, name=name, layout=layout, sizes=sizes, fans=fans, index=index, dtype=dtype
    )
    if program.law.random:
        check_seed(seed, spec)
    return program, backend_name(backend, device, dtype, seed)


def fill_eagerly(
    tensor: Any,
    spec: Initializer,
    *,
    seed: Any,
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: GivenFans | None,
    shape: Sequence[int] | int | None,
    index: Any,
) -> Any:
    """Fill outside of ``torch.compile``; the arguments are those of ``fill``."""
    if sizes is None and fans is None and shape is None and index is None:
        is_filled = _fill_decided(tensor, spec, layout, seed, name)
        if is_filled:
            return tensor
    owner, adapter = _fillable(tensor)
    try:
        adapter.check_target(tensor)
        axes = cast("Spreading", adapter).spans(tensor) if hasattr(adapter, "spans") else None
        _check_part(axes, shape, index)
        whole = tuple(tensor.shape) if shape is None else shape
        integer = integer_type(tensor.dtype) if axes is None else None
        if integer is not None:
            drawn = draw_integers(
                draw_eagerly, spec, whole, integer, "tensor", owner, None, seed=seed, name=name,
                layout=layout, sizes=sizes, fans=fans, index=index,
            )  # fmt: skip
            _check_same_shape(tuple(tensor.shape), tuple(drawn.shape), whole)
            adapter.overwrite(tensor, drawn)
            return tensor
        program = program_of(
            spec, whole, name=name, layout=layout, sizes=sizes, fans=fans, index=index,
            dtype=dtype_of_tensor(tensor.dtype).name,
        )  # fmt: skip
        _check_same_shape(tuple(tensor.shape), program.index.shape, program.geometry.shape)
        _check_stream(program, spec, seed)
        held = program.index.shape if axes is None else lengths(axes)
        host.check_axes(held)
        view = adapter.writable(tensor)
        out = view
        launch = None
        if view is None and axes is None and hasattr(adapter, "launcher"):
            launch = cast("Launching", adapter).launcher(tensor, program)
        if out is None and launch is None:
            out = host.aligned_empty(held, program.dtype.numpy)
        into = launch or _ready(out, program, axes)
        in_place = out is view  # both are None where a device writes
        key = key_of(seed) if program.law.random else None
        _check_trace(key, seed, owner)
        try:
            into(key)
        finally:
            if in_place:  # also where Ctrl-C leaves a part of it written
                adapter.overwrite(tensor, None)
        if out is not None and not in_place:
            adapter.overwrite(tensor, adapter.adopt(out, None))
    except Exception as error:
        if not memory.is_exhausted(error):
            raise
        raise ArgumentValueError(_no_memory(tuple(tensor.shape), error)) from None
    return tensor


def _check_stream(program: Program, spec: Initializer, seed: Any) -> None:
    """Refuse a random law without a name or a seed."""
    if program.law.random:
        check_name(program.name, spec)
        check_seed(seed, spec)


def _fill_decided(tensor: Any, spec: Initializer, layout: str | None, seed: Any, name: str) -> bool:
    """Fill a small tensor of a kind that was decided before; return False where more is to be done."""
    adapter = registry.owner_of_plain(tensor)
    place = None if adapter is None else adapter.plain_memory(tensor)
    if adapter is None or place is None:
        return False
    decision = decided(spec, tensor.shape, layout, tensor.dtype, seed=seed, name=name)
    if decision is None or not name:  # a random law without one is refused
        return False
    try:
        decision.draw(place[1], seed, name)
    except Exception as error:
        if not memory.is_exhausted(error):
            raise
        raise ArgumentValueError(_no_memory(tuple(tensor.shape), error)) from None
    finally:  # also where Ctrl-C comes meanwhile
        adapter.overwrite(tensor, None)
    return True


def _ready(out: Any, program: Program, axes: tuple[Spans, ...] | None) -> Callable[[Any], None]:
    """Return the function of a root key that draws into host memory: all of the program, or a rank's part."""
    return run.ready(out, program) if axes is None else shard.ready(out, program, axes)


def _check_part(axes: object, shape: object, index: object) -> None:
    """Refuse to say which part of the whole a tensor is that knows it."""
    if axes is not None and (shape is not None or index is not None):
        msg = "`shape` and `index` of a DTensor are its own: leave them out."
        raise ArgumentValueError(msg)


def _check_same_shape(shape: tuple[int, ...], part: tuple[int, ...], whole: Any) -> None:
    """Refuse a tensor that has another shape than the part that it is to hold."""
    if part != shape:
        of = f"the part that `index` selects of `shape` {whole}"
        msg = f"`tensor` has the shape {shape}, and {of} has {part}."
        raise ArgumentValueError(msg)


def _no_memory(shape: tuple[int, ...], error: Exception) -> str:
    return f"the memory to draw a tensor of shape {shape} cannot be allocated: {error}"


def _fillable(tensor: object) -> tuple[str, Fillable]:
    """Return the backend that a tensor belongs to, if its tensors can be written in place."""
    owner = registry.backend_of(tensor)
    adapter = None if owner is None else registry.get(owner)
    if owner is None or not hasattr(adapter, "overwrite"):
        msg = (
            "`tensor` must be a NumPy array or a torch tensor, which can be written in place; "
            f"got {type(tensor).__name__}: use draw() and assign its result."
        )
        raise ArgumentTypeError(msg)
    return owner, cast("Fillable", adapter)


def backend_name(backend: str | None, device: object, dtype: object, seed: object) -> str:
    """Return the backend that is given, else the device's, else a JAX key's, else the dtype's, else NumPy."""
    if backend is not None and checks.plain(backend) not in registry.NAMES:
        checks.choice("backend", backend, registry.names())
    # A text is no device of a framework; Dynamo cannot look at the type of one.
    owner = None if device is None or isinstance(device, str) else registry.backend_of(device)
    if backend is not None and owner is not None and owner != backend:
        msg = f"`backend` {shown(backend)} and `device` {shown(device)}, which is of {owner}, disagree."
        raise ArgumentValueError(msg)
    name = backend or owner
    if name is not None:
        return name
    if type(seed) is not int and registry.backend_of(seed) == "jax":
        return "jax"
    owner = None if isinstance(dtype, str) else registry.backend_of(dtype)
    return "numpy" if owner is None or owner == "jax" else owner  # JAX's dtypes stand for NumPy's


def _check_trace(key: Key | None, seed: object, backend: str) -> None:
    if is_traced(key) and registry.backend_of(seed) != backend:
        msg = (
            f"`seed` is traced by {registry.backend_of(seed)} and has no value that {backend} could "
            "use: draw with the framework that traces, or outside the trace."
        )
        raise ArgumentValueError(msg)
