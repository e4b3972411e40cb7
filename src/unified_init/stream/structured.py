"""Tensors whose entries are not independent draws, on the host.

Each function returns the logical tensor in float32 (float64 where asked), before any narrowing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.indexmap import AxisMap, IndexMap
from unified_init.law.law import Law
from unified_init.stream import elementary, host, numpy_runner, threefry
from unified_init.stream.arrange import to_storage
from unified_init.stream.householder import orthogonal
from unified_init.stream.table import compile_table
from unified_init.stream.walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.layout import Geometry

__all__ = ["UNIT_NORMAL", "earlier_middle", "later_middle", "mask_name", "sequence", "structured"]

UNIT_NORMAL = Law(kind="normal", mean=0.0, std=1.0)


def sequence(size: int) -> IndexMap:
    """Return the index map of a plain sequence: position i draws the logical index i."""
    return IndexMap((AxisMap(size, 0, 1, ((1, max(size, 1), 1),)),), 0, size)


def mask_name(name: str) -> str:
    """Name of the stream that says which entries of a sparse tensor are zero."""
    return f"{name}/mask"


def structured(
    law: Law, geometry: Geometry, *, root: tuple[int, int] | None, name: str, bits: int
) -> NDArray[Any]:
    """Return the stored tensor of a structured law: float32, or float64 where ``bits`` is 64.

    ``root`` is the root key; laws that draw nothing take None.
    """
    dtype = np.dtype(np.float64 if bits == 64 else np.float32)  # noqa: PLR2004
    if law.kind == "constant" and isinstance(law.parameters[0], tuple):
        stored = np.broadcast_to(np.asarray(law.parameters[0], dtype=np.float64), geometry.shape)
        return (stored * law.scale).astype(dtype)
    if law.kind in FIXED:
        logical = FIXED[law.kind](law, geometry) * law.scale
        return np.ascontiguousarray(to_storage(np, logical.astype(dtype), geometry))
    assert root is not None  # noqa: S101  # the front door asks a random law for a seed
    key = threefry.named_key(root, name)
    if law.kind == "sparse":
        mask = threefry.named_key(root, mask_name(name))
        logical = _sparse(law, key, mask, dtype)
    else:
        logical = _matrices(law, key, dtype)
    return np.ascontiguousarray(to_storage(np, logical, geometry))


def _normals(
    key: tuple[int, int], shape: tuple[int, ...], dtype: np.dtype[Any], law: Law = UNIT_NORMAL
) -> NDArray[Any]:
    out = np.empty(shape, dtype=dtype)
    table = compile_table(law, 8 * dtype.itemsize)
    host.fill(out, index=sequence(out.size), key=key, table=table)
    return out


def _matrices(law: Law, key: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Orthogonal matrices, or convolution kernels with one at the centre tap."""
    copies, rows, columns = law.parameters[:3]
    normals = _normals(key, (copies, rows, columns), dtype)
    # One matrix after another: a product of many would depend on how they are batched.
    matrix = np.concatenate([orthogonal(np, part[None]) for part in normals]) if copies else normals
    matrix = matrix * dtype.type(law.scale)
    if law.kind == "orthogonal":
        return matrix
    taps = law.parameters[3]
    kernel = np.zeros((copies, rows, columns, *taps), dtype=dtype)
    middle: tuple[Any, ...] = (..., *(earlier_middle(size) for size in taps))
    kernel[middle] = matrix
    return kernel


def _sparse(law: Law, key: tuple[int, int], mask: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    zeros, copies, rows, columns = law.parameters
    shape = (copies, rows, columns)
    scaled = Law(kind="normal", mean=0.0, std=law.scale, scale=law.scale)
    values = _normals(key, shape, dtype, scaled)
    size = math.prod(shape)
    x0, x1 = numpy_runner.words(mask, walk(sequence(size)).logical(0, size))
    order = np.argsort((x0 ^ x1).reshape(shape), axis=1, kind="stable")
    np.put_along_axis(values, order[:, :zeros], dtype.type(0), axis=1)
    return values


# --- tensors without randomness, as float64 of the logical shape or size ------------------------


def later_middle(size: int) -> int:
    """Index of the middle tap; of the two of an even size the later, as PyTorch's dirac_ has it."""
    return size // 2


def earlier_middle(size: int) -> int:
    """Index of the middle tap; of the two of an even size the earlier, as JAX's delta_orthogonal has it."""
    return (size - 1) // 2


def _constant(law: Law, geometry: Geometry) -> NDArray[Any]:
    return np.full(geometry.logical_shape, law.parameters[0], dtype=np.float64)


def _identity(law: Law, geometry: Geometry) -> NDArray[Any]:
    del geometry
    copies, rows, columns = law.parameters
    return np.broadcast_to(np.eye(rows, columns), (copies, rows, columns))


def _dirac(law: Law, geometry: Geometry) -> NDArray[Any]:
    del geometry
    copies, outputs, inputs, taps, groups = law.parameters
    kernel = np.zeros((copies, outputs, inputs, *taps))
    each = outputs // groups
    same = np.arange(min(each, inputs))
    for group in range(groups):
        kernel[(slice(None), group * each + same, same, *map(later_middle, taps))] = 1.0
    return kernel


def _hadamard(law: Law, geometry: Geometry) -> NDArray[Any]:
    del geometry
    copies, outputs, inputs, taps = law.parameters
    if outputs <= inputs:
        matrix = np.eye(outputs, inputs)
    else:
        order = 1 << (outputs - 1).bit_length()
        common = np.arange(outputs)[:, None] & np.arange(inputs)[None, :]
        matrix = (1.0 - 2.0 * (np.bitwise_count(common) % 2)) / np.sqrt(float(order))
    kernel = np.zeros((copies, outputs, inputs, *taps))
    middle: tuple[Any, ...] = (..., *map(later_middle, taps))
    kernel[middle] = matrix
    return kernel


def _bilinear(law: Law, geometry: Geometry) -> NDArray[Any]:
    del geometry
    copies, outputs, inputs, taps = law.parameters
    tap = np.ones(())
    for size in taps:
        factor = (size + 1) // 2
        middle = (2.0 * factor - 1.0 - factor % 2) / (2.0 * factor)
        tap = tap[..., None] * (1.0 - np.abs(np.arange(size) / factor - middle))
    kernel = np.zeros((copies, outputs, inputs, *taps))
    same = np.arange(min(outputs, inputs))
    kernel[:, same, same] = tap
    return kernel


def _stft(law: Law, geometry: Geometry) -> NDArray[Any]:
    side, window, scaling, periodic = law.parameters
    length, _, frequencies = geometry.shape
    period = max(2 * (frequencies - 1), 1)
    # Whole turns are dropped in integers, so that no precision goes with them.
    turns = (np.arange(length)[:, None] * np.arange(frequencies)[None, :] % period) / period
    wave = elementary.cos_turns(turns) if side == "real" else elementary.sin_turns(-turns)
    if window is not None:
        taper = _window(str(window), length, periodic=bool(periodic))
        if scaling == "density":
            taper /= math.sqrt(math.fsum(taper * taper)) or 1.0
        elif scaling == "spectrum":
            taper /= math.fsum(np.abs(taper)) or 1.0
        wave *= taper[:, None]
    return wave[:, None, :] if geometry.layout is None else wave.T[:, None, :]


# Cosine series of the windows: a0 - a1 cos + a2 cos(2 .).
WINDOWS = {
    "boxcar": (1.0, 0.0, 0.0),
    "hann": (0.5, 0.5, 0.0),
    "hamming": (0.54, 0.46, 0.0),
    "blackman": (0.42, 0.5, 0.08),
}


def _window(name: str, length: int, *, periodic: bool) -> NDArray[np.float64]:
    if length <= 1:
        return np.ones(length)
    turns = np.arange(length) / (length if periodic else length - 1)
    a0, a1, a2 = WINDOWS[name]
    return a0 - a1 * elementary.cos_turns(turns) + a2 * elementary.cos_turns(2.0 * turns)


FIXED = {
    "constant": _constant,
    "identity": _identity,
    "dirac": _dirac,
    "hadamard": _hadamard,
    "bilinear": _bilinear,
    "stft": _stft,
}
