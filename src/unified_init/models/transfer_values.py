"""The values of a transfer: those of counterparts, in the direction, the sum and the type of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_init.models.tensors import LogicalTensor, Read

__all__ = ["check_range", "oriented", "summed"]


def oriented(tensor: LogicalTensor, other: LogicalTensor, native: Read) -> NDArray[Any]:
    """Return the values of a counterpart, flipped in space where only one of the two layers does that."""
    values = other.logical(native)
    if tensor.record.kind != "conv_transpose" or other.record.kind != "conv_transpose":
        return values
    return values if tensor.record.flipped == other.record.flipped else other.mirrored(values)


def check_range(tensor: LogicalTensor, values: NDArray[Any], dtype: str) -> None:
    """Refuse numbers beyond the largest of the target's type. Infinities and NaN of the source may pass."""
    numpy = DTYPES[dtype].numpy if dtype in DTYPES else np.dtype(dtype)
    if np.can_cast(values.dtype, numpy, "safe") or numpy.kind == "b":
        return
    stored = values - tensor.part.shift if tensor.part is not None and tensor.part.shift else values
    if numpy.kind in "iu":
        largest = float(np.iinfo(numpy).max)
        is_lost = ~((stored >= np.iinfo(numpy).min) & (stored <= np.iinfo(numpy).max))
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            narrow = stored.astype(numpy)
        largest = float(ml_dtypes.finfo(numpy).max)
        is_lost = (np.isfinite(stored) & ~np.isfinite(narrow)) | (np.isinf(stored) & np.isnan(narrow))
    if is_lost.any():
        peak = np.abs(stored[is_lost]).max()
        msg = (
            f"{tensor.path!r} is of {dtype}, which ends at {largest:.6g}, and `source` has {float(peak):.6g} "
            "there: use a target of a wider type."
        )
        raise ArgumentValueError(msg)


def summed(tensor: LogicalTensor, summands: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the sum of the values that a tensor gets, of which there may be none."""
    if not summands:
        return np.zeros(tensor.extents, np.float32)
    if any(np.iscomplexobj(summand) for summand in summands) and "complex" not in tensor.record.dtype:
        msg = f"{tensor.path!r} is of {tensor.record.dtype}, and `source` holds complex numbers for it."
        raise ArgumentValueError(msg)
    total = summands[0]
    for summand in summands[1:]:
        # Rounded once, when it is written: no sum of narrow numbers is beyond the range of float64.
        wide = np.promote_types(np.result_type(total, summand), np.float64)
        total = total.astype(wide) + summand.astype(wide)
    return total.reshape(tensor.extents)
