"""The walker of PyTorch modules: lists their parameters and buffers, and writes them in place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from unified_init.backends import _torch as adapter
from unified_init.core.peers import public
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.places import placed, unwrapped
from unified_init.inventory.quantized import quantized_reason
from unified_init.walkers.layer_facts import ComputedError, PackedError
from unified_init.walkers.lora import with_adapters
from unified_init.walkers.torch.layers import described
from unified_init.walkers.torch.memory import check_apart, identity
from unified_init.walkers.torch.parametrized import Effective, effective_of, effective_weights
from unified_init.walkers.torch.shards import assign_shard, held_pieces
from unified_init.walkers.torch.ties import check_tied, untied

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping

    from numpy.typing import NDArray

    from unified_init.inventory.records import Record
    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.writes import Write

__all__ = [
    "check", "commit", "inspect", "kept", "loaded", "pieces", "read", "shape_and_dtype", "state", "untied",
]  # fmt: skip


def inspect(model: torch.nn.Module) -> Inventory:
    """Return the records of a module: its parameters, saved buffers and effective weights."""
    modules = dict(model.named_modules(remove_duplicate=False))
    _check_eager(modules)
    _check_unflattened(modules)
    leading = _leading(model)
    sharing: dict[Hashable, list[Record]] = {}
    unwritten = []
    for path, native in _natives(model).items():
        record = described(modules, path, native)
        if record is None:
            unwritten.append(path)
            continue
        stream = unwrapped(path.removeprefix(leading))
        if stream != path:
            record = dataclasses.replace(record, name=stream)
        key = native.identity if isinstance(native, Effective) else identity(native)
        sharing.setdefault(key, []).append(record)
    owners = with_adapters((_owner(records) for records in sharing.values()), "OI")
    unwritten += _packed(modules)
    return Inventory("torch", placed(owners), tuple(unwritten))


def _packed(modules: Mapping[str, torch.nn.Module]) -> list[str]:
    """Return the paths of weights that are in no tensor, as those of quantized layers."""
    return [
        f"{path}.{name}" if path else name
        for path, module in modules.items()
        for name, value in vars(module).items()
        if isinstance(value, torch.ScriptObject)
    ]


def _check_eager(modules: Mapping[str, torch.nn.Module]) -> None:
    """Refuse modules of TorchScript, which do not say what layers they are."""
    for path, module in modules.items():
        if isinstance(module, torch.jit.ScriptModule):
            location = f" at {path!r}" if path else ""
            msg = (
                f"`model` must be eager, got a {type(module).__name__}{location}, which does not say what "
                "its layers are: apply before torch.jit.script or torch.jit.trace."
            )
            raise ArgumentTypeError(msg)


def _check_unflattened(modules: Mapping[str, torch.nn.Module]) -> None:
    """Refuse modules of FSDP1, which cut the parameters of several layers as one flat tensor."""
    cls = public("torch.distributed.fsdp.FullyShardedDataParallel")
    for path, module in modules.items():
        if cls is not None and isinstance(module, cls) and getattr(module, "_handle", None) is not None:
            location = f" at {path!r}" if path else ""
            msg = (
                f"`model` has flat parameters, which FullyShardedDataParallel{location} (FSDP1) makes of "
                "several tensors: apply before it wraps the model, or shard with fully_shard (FSDP2), whose "
                "parameters keep their shapes."
            )
            raise ArgumentTypeError(msg)


def _leading(model: torch.nn.Module) -> str:
    """Return the words before every path of a model that is itself a wrapper of parallel training."""
    leading, module = "", model
    while True:
        if isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            word = "module"
        elif "_orig_mod" in module._modules:  # noqa: SLF001  # the wrapper passes on other questions
            word = "_orig_mod"
        else:
            return leading
        leading, module = f"{leading}{word}.", module.get_submodule(word)


def _owner(records: list[Record]) -> Record:
    """Return the record for memory that several paths share: an embedding's, to which heads are tied."""
    if len(records) == 1:
        return records[0]
    first = min(records, key=lambda record: (record.kind != "embedding", record.path))
    ties = sorted(record.path for record in records if record is not first)
    return dataclasses.replace(first, ties=tuple(ties))


def _natives(model: torch.nn.Module) -> dict[str, torch.Tensor | Effective]:
    """Return every tensor by path: parameters, buffers, and weights that are computed from others."""
    # By the methods of the base class: wrappers for checkpoints and shards override them with other names.
    base = torch.nn.Module
    natives: dict[str, torch.Tensor | Effective] = dict(base.named_parameters(model, remove_duplicate=False))
    natives |= dict(base.named_buffers(model, remove_duplicate=False))
    for effective in effective_weights(model):
        natives = {path: native for path, native in natives.items() if path not in effective.originals}
        natives[effective.path] = effective
    return natives


def read(model: torch.nn.Module, path: str) -> NDArray[Any]:
    """Return a tensor's values, or those of an effective weight."""
    owner, _, name = path.rpartition(".")
    if isinstance(vars(_submodule(model, owner)).get(name), torch.ScriptObject):
        msg = f"{path!r} holds weights that a quantized layer has packed, which no tensor shows."
        raise PackedError(msg)
    native = _native(model, path)
    _check_not_quantized(path, native)
    return adapter.to_numpy(native.value() if isinstance(native, Effective) else native)


def pieces(model: torch.nn.Module, path: str) -> Iterator[Piece]:
    """Yield the boxes of a tensor that this rank holds, each once, and what reads each."""
    native = _native(model, path)
    axes = None if isinstance(native, Effective) else adapter.spans(native)
    if axes is None or isinstance(native, Effective):
        shape, _ = shape_and_dtype(model, path)
        yield (0,) * len(shape), shape, lambda: read(model, path)
        return
    yield from held_pieces(native, axes)


def _check_not_quantized(path: str, native: torch.Tensor | Effective) -> None:
    """Refuse a tensor that keeps its scale to itself: a subclass, or a weight of bitsandbytes."""
    is_own = isinstance(native, torch.Tensor) and type(native).dequantize is not torch.Tensor.dequantize
    if is_own or any(getattr(native, field, None) is not None for field in ("SCB", "quant_state")):
        msg = f"{path!r}: {quantized_reason(type(native).__name__ if is_own else str(native.dtype))}."
        raise PackedError(msg)


def kept(model: torch.nn.Module) -> frozenset[str]:
    """Return the buffers that a checkpoint of the model has."""
    return frozenset(
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules(remove_duplicate=False)
        for name in module._buffers  # noqa: SLF001  # named_buffers does not say which are persistent
        if name not in module._non_persistent_buffers_set  # noqa: SLF001  # as above
    )


def state(model: torch.nn.Module, paths: Collection[str]) -> dict[str, str]:
    """Return the stream names of saved buffers."""
    saved, leading = kept(model), _leading(model)
    shared: dict[Hashable, str] = {}
    return {
        path: shared.setdefault(identity(model.get_buffer(path)), unwrapped(path.removeprefix(leading)))
        for path in paths
        if path in saved
    }


def shape_and_dtype(model: torch.nn.Module, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    native = _native(model, path)
    return tuple(native.shape), str(native.dtype).removeprefix("torch.")


def _submodule(model: torch.nn.Module, path: str) -> torch.nn.Module:
    """Return a module of the model, as ``get_submodule`` does in five times as long."""
    owner = model
    for word in path.split(".") if path else ():
        owner = owner._modules[word]  # noqa: SLF001  # where getattr looks last
    return owner


def _native(model: torch.nn.Module, path: str) -> torch.Tensor | Effective:
    """Return one tensor by path; most are attributes."""
    prefix, _, name = path.rpartition(".")
    owner = _submodule(model, prefix)
    for table in (owner._parameters, owner._buffers):  # noqa: SLF001  # getattr would compute effective ones
        if table.get(name) is not None:
            tensor: torch.Tensor = table[name]
            return tensor
    return next(effective for effective in effective_of(owner, prefix) if effective.name == name)


def loaded(model: torch.nn.Module) -> frozenset[str]:
    """Return the paths of the parameters that transformers marks as loaded."""
    paths = (path for path, tensor in _natives(model).items() if getattr(tensor, "_is_hf_initialized", False))
    return frozenset(paths)


def check(model: torch.nn.Module, paths: Collection[str]) -> None:
    """Refuse tensors that are on ``meta`` or empty placeholders, cannot be written, or share memory."""
    stored = []
    for path in paths:
        native = _native(model, path)
        if isinstance(native, Effective):
            _check_whole(path, native)
            native.check()
        _check_not_quantized(path, native)
        for tensor in native.stored if isinstance(native, Effective) else [native]:
            try:
                adapter.check_target(tensor)
            except UnifiedInitError as error:
                msg = f"{path!r}: {error}"
                raise ArgumentValueError(msg) from None
            stored.append((path, tensor))
    check_tied(model, paths)
    check_apart(stored)


def _check_whole(path: str, effective: Effective) -> None:
    """Refuse a weight that is computed from tensors of which this rank has a part."""
    if any(adapter.spans(tensor) is not None for tensor in effective.stored):
        msg = (
            f"{path!r} is computed from DTensors, and its inverse needs all of them: apply before the model "
            f"is sharded, or skip={path!r}."
        )
        raise ComputedError(msg)


def commit(model: torch.nn.Module, writes: Mapping[str, Write]) -> torch.nn.Module:
    """Write in place, on the host without a copy."""
    written_count = 0
    try:
        for path, write in writes.items():
            _assign(_native(model, path), write)
            written_count += 1
    except BaseException as error:  # out of memory, an interrupt: what can be refused was refused before
        error.add_note(
            f"apply() had written {written_count} of {len(writes)} tensors: calling it again writes all."
        )
        raise
    return model


def _assign(native: torch.Tensor | Effective, write: Write) -> None:
    if isinstance(native, Effective):
        current = None if write.covers else adapter.to_numpy(native.value())
        native.assign(adapter.adopt(write.array(current), None))
        return
    spans = adapter.spans(native)
    if spans is not None:
        assign_shard(native, write, spans)
        return
    view = adapter.writable(native) if write.covers else None
    if view is not None:
        try:
            write.into(view)
        finally:  # also where Ctrl-C leaves a part of it written
            adapter.overwrite(native, None)
        return
    program, target = write.direct, adapter.resolve_device(native.device, write.dtype)
    if program is not None and adapter.wants_graph(target):
        adapter.overwrite(native, adapter.trace(program, write.root, target))
        return
    adapter.overwrite(
        native, adapter.adopt(write.array(None if write.covers else adapter.to_numpy(native)), None)
    )
