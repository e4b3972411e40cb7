"""Finds parameters with the same values, or values in one proportion: two layers on one stream.

One may begin with the other. Two draws of one distribution from the same seed differ in their scale only.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from unified_init.drawing.digests import as_bits
from unified_init.stream.dtypes import DTYPES, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.auditing.expectations import Expectation
    from unified_init.auditing.report import AuditRow

__all__ = ["duplicates_of", "mark_duplicates", "proportional_of"]

EQUAL = "holds the same values as {}"
PROPORTIONAL = "holds the values of {} times a constant, as one generator seed for both gives"
HEAD = 8  # first values that are compared at once: those of independent draws differ
PREFIX = 4096  # values whose proportion is compared
LIKELY = 1e-4  # what the correlation of two heads in proportion may lack to 1, in any type
PRODUCTS = 1 << 17  # at a time: of more, BLAS starts threads, which wait busily for the next ones
NARROWEST = 2  # bytes
ROUNDED = 1e-11  # what the correlation of proportional float32 values may lack to 1


def duplicates_of(values: Mapping[int, NDArray[Any]]) -> dict[int, tuple[int, ...]]:
    """Return, for each tensor, the others with the same bits, as far as the smaller of the two goes.

    Constant tensors and tensors of fewer than eight values are left out.
    """
    keys_by_head: dict[tuple[str, bytes], list[int]] = {}
    for key, array in values.items():
        head = array.reshape(-1)[:HEAD]
        keys_by_head.setdefault((name_of(array.dtype), head.tobytes()), []).append(key)
    duplicates: dict[int, set[int]] = {}
    for group in keys_by_head.values():
        if len(group) == 1 or not _varies(values[group[0]]):
            continue
        # The largest first: tensors that it begins with also begin each other.
        classes: list[list[int]] = []
        for key in sorted(group, key=lambda key: -values[key].size):
            equal_keys = next((keys for keys in classes if _begin_equal(values[keys[0]], values[key])), None)
            if equal_keys is None:
                classes.append([key])
            else:
                equal_keys.append(key)
        for keys in classes:
            for key in keys:
                duplicates[key] = set(keys) - {key}
    return {key: tuple(sorted(others)) for key, others in duplicates.items() if others}


def proportional_of(values: Mapping[int, NDArray[Any]]) -> dict[int, tuple[int, ...]]:
    """Return, for each tensor of draws, the others of which it is a multiple, as far as the smaller goes.

    The sign and an offset do not count. Tensors of fewer than eight different values are left out, and
    types of 8 bits, in which independent draws are often in proportion.
    """
    suspects = _suspects(values)
    heads = np.zeros((len(suspects), HEAD))  # of the first, and largest, tensor of each class
    classes: list[list[int]] = []
    for key, head in sorted(suspects.items(), key=lambda item: -values[item[0]].size):
        near = np.flatnonzero(np.abs(heads[: len(classes)] @ head) > 1.0 - LIKELY)
        keys = next(
            (classes[index] for index in near if _in_proportion(values[classes[index][0]], values[key])), None
        )
        if keys is None:
            heads[len(classes)] = head
            classes.append([key])
        else:
            keys.append(key)
    return {key: tuple(sorted({*keys} - {key})) for keys in classes if len(keys) > 1 for key in keys}


def _varies(array: NDArray[Any]) -> bool:
    """Whether the first values of a tensor are as many as are compared, and not all the same."""
    head = as_bits(array.reshape(-1)[:HEAD])
    return len(head) == HEAD and bool((head != head[0]).any())


def _suspects(values: Mapping[int, NDArray[Any]]) -> dict[int, NDArray[np.float64]]:
    """Return the standardized first values of those tensors for which another one's are in proportion."""
    keys: list[int] = []
    rows = np.empty((len(values), HEAD))
    for key, array in values.items():
        flat = _first_reals(array, HEAD)
        if flat is not None and flat.size == HEAD:
            rows[len(keys)] = flat
            keys.append(key)
    with np.errstate(all="ignore"):  # infinities and NaN, which are left out
        rows = rows[: len(keys)]
        usable = np.isfinite(rows).all(axis=1) & (np.diff(np.sort(rows, axis=1), axis=1) != 0.0).all(axis=1)
        centered = rows - rows.mean(axis=1, keepdims=True)
        units = centered / np.sqrt((centered * centered).sum(axis=1, keepdims=True))
    numbers = np.flatnonzero(usable)
    units = units[numbers]
    suspects: dict[int, NDArray[np.float64]] = {}
    step = max(1, PRODUCTS // (HEAD * max(len(units), 1)))
    for start in range(0, len(units), step):
        near = np.abs(units[start : start + step] @ units.T) > 1.0 - LIKELY
        for row in np.flatnonzero(np.count_nonzero(near, axis=1) > 1):
            suspects[keys[numbers[start + row]]] = units[start + row]
    return suspects


def _standardized(values: NDArray[Any], count: int) -> NDArray[np.float64] | None:
    """Return the first values less their mean, as a vector of length 1; None where they say nothing."""
    flat = _first_reals(values, count)
    if flat is None:
        return None
    reals = flat.astype(np.float64)
    if not np.isfinite(reals).all():
        return None
    if len(set(reals[:HEAD].tolist())) < HEAD and np.unique(reals).size < HEAD:
        return None
    centered = reals - np.add.reduce(reals) / reals.size
    unit: NDArray[np.float64] = centered / math.sqrt(centered @ centered)
    return unit


def _first_reals(values: NDArray[Any], count: int) -> NDArray[Any] | None:
    """Return the first numbers of a tensor, real ones; None of a type in which they say nothing."""
    if name_of(values.dtype) not in DTYPES or values.dtype.itemsize < NARROWEST:
        return None
    flat = values.reshape(-1)[:count]
    return flat.view(flat.real.dtype)[:count] if flat.dtype.kind == "c" else flat


def _in_proportion(a: NDArray[Any], b: NDArray[Any]) -> bool:
    count = min(a.size, b.size, PREFIX)
    first, second = _standardized(a, count), _standardized(b, count)
    if first is None or second is None or first.size != second.size:
        return False
    tolerance = max(_tolerance(array.dtype.name) for array in (a, b))
    return abs(float(first @ second)) > 1.0 - tolerance


def _tolerance(dtype: str) -> float:
    """Return what two roundings to a type may take from the correlation of proportional values."""
    return max(ROUNDED, float(ml_dtypes.finfo(DTYPES[dtype].numpy).eps) ** 2 / 4.0)


def _begin_equal(a: NDArray[Any], b: NDArray[Any]) -> bool:
    shorter = min(a.size, b.size)
    return bool(np.array_equal(as_bits(a.reshape(-1)[:shorter]), as_bits(b.reshape(-1)[:shorter])))


def mark_duplicates(
    rows: list[AuditRow], unique: Mapping[int, NDArray[Any]], expectations: Sequence[Expectation]
) -> None:
    """Replace the rows of tensors with the same values, or with draws that are proportional."""
    drawn = {index: values for index, values in unique.items() if expectations[index].piece is not None}
    seen: set[tuple[int, int]] = set()
    for note, groups in ((EQUAL, duplicates_of(unique)), (PROPORTIONAL, proportional_of(drawn))):
        for index, indices in groups.items():
            others = [other for other in indices if (index, other) not in seen]
            seen |= {(index, other) for other in others}
            if others:
                paths = tuple(expectations[other].path for other in others)
                rows[index] = _with_duplicates(rows[index], paths, note)


def _with_duplicates(row: AuditRow, others: tuple[str, ...], note: str) -> AuditRow:
    listing = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")  # noqa: PLR2004
    verdict = "faulty" if row.verdict in {"ok", "differs"} else row.verdict
    return dataclasses.replace(
        row,
        verdict=verdict,
        duplicates=(*row.duplicates, *others),
        notes=(*row.notes, note.format(listing)),
    )
