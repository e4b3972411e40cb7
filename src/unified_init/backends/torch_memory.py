"""What the memory of a torch tensor is: where the host may write it, and what cannot be filled, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import torch

from unified_init.backends import torch_placement as shards
from unified_init.backends.memory import overlaps_itself
from unified_init.core.peers import public
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.memory import Place

__all__ = [
    "AS_INTEGERS", "PLAIN", "check_target", "has_proxies", "is_batched", "is_dtensor", "is_faked",
    "is_wrapped", "overwrite", "plain_memory", "to_numpy", "wraps_others", "writable",
]  # fmt: skip

# NumPy has no such types of its own: their buffers are handed over as integers of the same width.
AS_INTEGERS = {
    "bfloat16": (np.int16, torch.bfloat16),
    "float8_e4m3fn": (np.uint8, torch.float8_e4m3fn),
    "float8_e5m2": (np.uint8, torch.float8_e5m2),
}
# Types that can be filled: ours, and integers. Quantized types, and floats that NumPy lacks, cannot.
INTEGERS = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
WRITABLE = {getattr(torch, name) for name in (*DTYPES, *INTEGERS) if hasattr(torch, name)}
PLAIN = {torch.Tensor, torch.nn.Parameter}  # a subclass may use its memory in another way


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """Return the values, sharing memory where the tensor is on the host."""
    if tensor.device.type == "meta":
        msg = f"a tensor on the meta device has no values, got shape {tuple(tensor.shape)}."
        raise ArgumentValueError(msg)
    if is_dtensor(tensor):
        return to_numpy(shards.whole_of(tensor))
    if tensor.layout is torch.strided and not tensor.is_nested:
        _check_storage(tensor, "a tensor")
    host = tensor.detach().cpu().resolve_conj().resolve_neg()
    name = str(host.dtype).removeprefix("torch.")
    if name in AS_INTEGERS:
        integer = torch.int16 if host.element_size() == 2 else torch.uint8  # noqa: PLR2004
        return host.contiguous().view(integer).numpy().view(getattr(ml_dtypes, name))
    return host.numpy()


def is_dtensor(tensor: torch.Tensor) -> bool:
    """Whether a tensor is this rank's part of one that is spread over a mesh."""
    return type(tensor) not in PLAIN and shards.is_dtensor(tensor)  # the first is nearly always enough


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is dense memory on the host in row-major order, as nearly all are."""
    return (
        type(tensor) in PLAIN
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and not tensor.is_nested
        and tensor.is_contiguous()
    )


def writable(tensor: torch.Tensor) -> NDArray[Any] | None:
    """Return a NumPy array that shares a tensor's memory in row-major order, if there is one.

    Of a DTensor it is the memory of this rank's part.
    """
    if is_dtensor(tensor):
        return writable(shards.local_of(tensor))
    if not _is_plain(tensor) or tensor.is_conj() or tensor.is_neg() or is_wrapped(tensor):
        return None
    if tensor.dtype is not torch.float32:
        return to_numpy(tensor)
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def plain_memory(tensor: torch.Tensor) -> Place | None:
    """Return where the host may write a tensor in row-major order; None if anything is unusual about it."""
    if torch._C._len_torch_dispatch_stack() or _is_recorded() or not _is_plain(tensor):  # noqa: SLF001  # as below
        return None
    if tensor.is_inference() or tensor.is_conj() or tensor.is_neg() or is_wrapped(tensor):
        return None
    storage, address = tensor.untyped_storage(), tensor.data_ptr()
    needed = (tensor.storage_offset() + tensor.numel()) * tensor.element_size()
    return None if storage.nbytes() < needed or not address else (storage, address)  # 0: zeros without memory


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Whether torch.func wraps a tensor: its values are then not in its own memory."""
    # torch has no public function for either question.
    functorch = torch._C._functorch  # noqa: SLF001
    functional = torch._is_functional_tensor(tensor)  # noqa: SLF001
    return bool(functional or functorch.is_functorch_wrapped_tensor(tensor))


def overwrite(tensor: torch.Tensor, values: torch.Tensor | None) -> None:
    """Copy ``values`` into a tensor; None says that its memory was written already."""
    if is_dtensor(tensor):
        overwrite(shards.local_of(tensor), values)
        values = None
    if values is None:
        if not tensor.is_inference():  # inference tensors have no version
            torch.autograd.graph.increment_version(tensor)
        return
    with torch.no_grad():
        tensor.copy_(values)


def check_target(tensor: object) -> None:
    """Refuse a tensor that cannot be filled."""
    if not isinstance(tensor, torch.Tensor):
        msg = f"`tensor` must be a torch.Tensor, got {type(tensor).__name__}."
        raise ArgumentTypeError(msg)
    if tensor.dtype not in WRITABLE:
        name = str(tensor.dtype).removeprefix("torch.")
        msg = f"`tensor` must have a type that can be written, got {name}: fill it before it is converted."
        raise ArgumentTypeError(msg)
    if _is_recorded():
        msg = (
            "`tensor` must not be filled while torch.jit.trace or make_fx records: the recorded program "
            "would return what was there before. Fill it outside, or use draw()."
        )
        raise ArgumentValueError(msg)
    if is_faked() and not wraps_others(tensor):
        msg = "`tensor` must not be filled under FakeTensorMode, where no memory is written: fill it outside."
        raise ArgumentValueError(msg)
    if _is_plain(tensor) and not tensor.is_inference():
        _check_storage(tensor)
        return
    if is_dtensor(tensor):
        shards.check(tensor)
        check_target(shards.local_of(tensor))
        return
    if tensor.device.type == "meta":
        msg = (
            "`tensor` is on the meta device and has no values to fill: "
            "give it memory first, a whole model with ui.materialize(model, recipe, seed=...); got shape "
            f"{tuple(tensor.shape)}."
        )
        raise ArgumentValueError(msg)
    if torch.nn.parameter.is_lazy(tensor):
        msg = "`tensor` is a lazy parameter without a shape: run the module once first."
        raise ArgumentValueError(msg)
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        msg = "`tensor` was made in inference mode and can be written only in that mode: clone() it."
        raise ArgumentValueError(msg)
    _check_memory(tensor)


def _check_storage(tensor: torch.Tensor, subject: str = "`tensor`") -> None:
    """Refuse a tensor whose memory has been given back, or that never had any."""
    if tensor._is_zerotensor():  # noqa: SLF001  # torch has no public name for it
        msg = f"{subject} must have memory, got zeros that torch keeps without any: clone() it."
        raise ArgumentValueError(msg)
    if _is_freed(tensor):
        msg = (
            f"{subject} of shape {tuple(tensor.shape)} has a storage of {tensor.untyped_storage().nbytes()} "
            "bytes, too few for it: gather or resize it first."
        )
        raise ArgumentValueError(msg)


def _check_memory(tensor: torch.Tensor) -> None:
    """Refuse a tensor whose values do not each have an element of its memory."""
    if tensor.layout is not torch.strided or tensor.is_nested:
        msg = f"`tensor` must be dense, got the layout {tensor.layout}."
        raise ArgumentValueError(msg)
    strides = zip(tensor.stride(), tensor.shape, strict=True)
    if any(stride == 0 and length > 1 for stride, length in strides):
        msg = (
            "`tensor` must have memory of its own for every element, got an expanded tensor of "
            f"shape {tuple(tensor.shape)} and strides {tensor.stride()}: clone() it."
        )
        raise ArgumentValueError(msg)
    if wraps_others(tensor):
        msg = (
            f"`tensor` must be plain memory, got {type(tensor).__name__}: fill it before it is wrapped "
            "(sharded, quantized or faked)."
        )
        raise ArgumentTypeError(msg)
    if _overlaps_itself(tensor):
        msg = (
            "`tensor` must have memory of its own for every element, got a tensor that overlaps itself, of "
            f"shape {tuple(tensor.shape)} and strides {tensor.stride()}: clone() it."
        )
        raise ArgumentValueError(msg)
    _check_storage(tensor)


def wraps_others(tensor: torch.Tensor) -> bool:
    """Whether a subclass wraps other tensors (sharded, quantized, faked), which have its values."""
    return type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__


def _overlaps_itself(tensor: torch.Tensor) -> bool:
    """Whether two elements of a dense tensor share memory."""
    itemsize = tensor.element_size()
    return overlaps_itself(tensor.shape, [stride * itemsize for stride in tensor.stride()], itemsize)


def _is_freed(tensor: torch.Tensor) -> bool:
    """Whether the storage is shorter than the tensor, as after ``untyped_storage().resize_(0)``."""
    if is_wrapped(tensor):  # it has none to look at
        return False
    if tensor.is_contiguous():  # nearly always, and what follows takes microseconds
        needed = (tensor.storage_offset() + tensor.numel()) * tensor.element_size()
        return tensor.numel() > 0 and tensor.untyped_storage().nbytes() < needed
    last = sum(stride * (length - 1) for stride, length in zip(tensor.stride(), tensor.shape, strict=True))
    needed = (tensor.storage_offset() + last + 1) * tensor.element_size() if tensor.numel() else 0
    return tensor.untyped_storage().nbytes() < needed


def _is_recorded() -> bool:
    """Whether a tracer records what happens to tensors: it would not see that their memory is written."""
    return bool(torch._C._is_tracing()) or has_proxies()  # noqa: SLF001  # torch.jit's, five times as fast


def has_proxies() -> bool:
    """Whether torch.export or make_fx records, by proxies that have no values."""
    # Loaded where make_fx, or anything that uses it, is; before, nothing can be recording, nor while another
    # thread imports it, when it lacks the function.
    get_proxy_mode = public("torch.fx.experimental.proxy_tensor.get_proxy_mode")
    return get_proxy_mode is not None and get_proxy_mode() is not None


def is_batched() -> bool:
    """Whether torch.func.vmap is under way, at any level."""
    functorch = torch._C._functorch  # noqa: SLF001  # as for is_wrapped
    levels = functorch.get_interpreter_stack() or ()
    return any(level.key() == functorch.TransformType.Vmap for level in levels)


def is_faked() -> bool:
    """Whether torch computes shapes and types only, and no values."""
    fake_mode = public("torch._subclasses.fake_tensor.FakeTensorMode")
    if fake_mode is None or not torch._C._len_torch_dispatch_stack():  # noqa: SLF001  # no public one
        return False
    modes = torch.utils._python_dispatch._get_current_dispatch_mode_stack()  # noqa: SLF001  # no public one
    return any(isinstance(mode, fake_mode) for mode in modes)
