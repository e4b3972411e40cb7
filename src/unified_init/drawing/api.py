"""The front door: draw a tensor in any framework, or fill one in place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from unified_init.drawing.eager import draw_eagerly, fill_eagerly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.law.law import GivenFans
    from unified_init.spec.initializer import Initializer

__all__ = ["draw", "fill"]

# Once it is loaded it sees every frame, in a trace or behind a break of the graph: see ``torch_compile``.
DYNAMO = "torch._dynamo"

# ruff: noqa: ANN401  # tensors, seeds and devices of any framework


def draw(
    spec: Initializer,
    shape: Sequence[int] | int,
    *,
    seed: Any = None,
    name: str = "",
    layout: str | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: GivenFans | None = None,
    index: Any = None,
    dtype: Any = "float32",
    backend: str | None = None,
    device: Any = None,
) -> Any:
    """Return a new tensor of a framework: the same bits in each, for one seed and name.

    A value depends only on the seed, the name and its logical index: not on the layout, the
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
        layout: one letter per axis, such as "OIHW"; needed by specs that scale with a fan. None
            takes the storage order as the logical order.
        sizes: how merged axes split, such as ``{"B": groups}`` for "(BO)IHW".
        fans: (fan_in, fan_out) instead of the layout's.
        index: a tuple with an int, a slice or a list of slices per axis, shorter than the rank allowed: draw
            only that part, with the slices of a list joined along their axis. None draws all.
        dtype: float32, float64, bfloat16, float16, float8_e4m3fn, float8_e5m2, complex64 or
            complex128, by name ("bf16" and "half" too) or as a framework's own dtype; None is float32.
            Narrow types are the rounding of the float32 tensor. Integer types and bool are for the laws that
            are not random: zeros, ones, whole constants, identities.
        backend: "numpy", "torch", "tensorflow" or "jax"; None takes the device's, else JAX if the
            seed is a JAX key, else that of a dtype of torch or TensorFlow, else NumPy.
        device: where to put it, in the framework's own terms; for JAX a Sharding too, or a PartitionSpec
            for the mesh of ``jax.set_mesh``. None is the host, for JAX wherever it puts its own arrays.

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
    if dtype is None:
        dtype = "float32"
    if _sees_frames():
        from unified_init.drawing import torch_compile  # noqa: PLC0415  # it imports torch

        options = {
            "name": name, "layout": layout, "sizes": sizes, "fans": fans, "index": index, "dtype": dtype,
            "device": device,
        }  # fmt: skip
        return torch_compile.draw(spec, shape, seed, backend, options)
    return draw_eagerly(
        spec, shape, seed=seed, name=name, layout=layout, sizes=sizes, fans=fans, index=index, dtype=dtype,
        backend=backend, device=device,
    )  # fmt: skip


def fill(
    tensor: Any,
    spec: Initializer,
    *,
    seed: Any = None,
    name: str = "",
    layout: str | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: GivenFans | None = None,
    shape: Sequence[int] | int | None = None,
    index: Any = None,
) -> Any:
    """Overwrite a tensor with what ``draw`` would return for its shape and type.

    A DTensor gets this rank's part of the values of the whole: without communication, in any placement but
    ``Partial``. Scales and fans are those of the whole.

    Args:
        tensor: a writable NumPy array or a torch tensor, of any strides and device; a DTensor.
        spec: the initializer.
        seed: as for ``draw``.
        name: the parameter's name; required for a random law, since one name on two layers would give them
            the same values.
        layout: as for ``draw``.
        sizes: as for ``draw``.
        fans: as for ``draw``.
        shape: of the whole tensor, where ``tensor`` is a part of it that does not know so: a plain slice that
            a rank holds. None is the tensor's own shape.
        index: the part, as for ``draw``; what it selects of ``shape`` must have the tensor's shape.

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
        >>> half = np.empty((150, 100), dtype=np.float32)
        >>> part = {"shape": (300, 100), "index": (slice(150, 300),)}
        >>> half = ui.fill(half, ui.xavier_uniform(), layout="OI", seed=0, name="fc.weight", **part)
        >>> bool((half == w[150:]).all())
        True

    Differs from:
        ``torch.nn.init``: the values depend on seed and name, never on what was drawn before.
    """
    if _sees_frames():
        from unified_init.drawing import torch_compile  # noqa: PLC0415  # it imports torch

        run = torch_compile.fill_eagerly
    else:
        run = fill_eagerly
    return run(
        tensor, spec, seed=seed, name=name, layout=layout, sizes=sizes, fans=fans, shape=shape, index=index
    )


def _sees_frames() -> bool:
    """Whether Dynamo is loaded, and whole: another thread may be importing torch."""
    dynamo = sys.modules.get(DYNAMO)
    return dynamo is not None and not getattr(getattr(dynamo, "__spec__", None), "_initializing", False)


# AutoGraph rewrites the Python functions that a tf.function calls. This mark, which its own results have,
# says that there is nothing to rewrite (tf.autograph.experimental.do_not_convert would need TensorFlow).
vars(draw)["autograph_info__"] = {}
