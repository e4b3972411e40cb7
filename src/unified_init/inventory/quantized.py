"""Tensors that are stored quantized: narrow numbers that are values only together with a scale beside them.

The scale is what tells them from ordinary integers, such as counters and indices, and from weights in a
narrow type of floats.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from unified_init.inventory.records import Record

__all__ = ["has_scale", "is_calibration", "is_quantized", "quantized_reason", "quantized_reasons"]

NARROW = re.compile(r"u?int(?:2|4|8|32)|float[468]_\w+")
ALWAYS = re.compile(r"qu?int\w+")  # types of PyTorch whose tensors have scales inside
STEM = re.compile(r"_(?:blocks|packed|quantized|codes)$")
SCALE = r"(?:scales?|absmax|SCB)(?:_inv)?"
WEIGHT = re.compile(r"(?:q|quantized_)?(?:weight|kernel|embeddings?)|W_q")
ANY_SCALE = re.compile(rf"(?:(?:weight|kernel|embeddings?)_)?{SCALE}")
# What quantization-aware training observes: modules of PyTorch, and variables beside a float8 kernel.
CALIBRATION = re.compile(
    r"(?:.*[./])?(?:(?:activation_post_process|weight_fake_quant)\w*[./].*|"
    r"(?:\w+_)?(?:amax_history|(?:inputs?|kernel|outputs?_grad)_scale))"
)


def quantized_reason(dtype: str) -> str:
    """Return why the numbers of a quantized tensor are not read, compared or written."""
    return (
        f"it is stored quantized, as {dtype} with a scale of its own, and these numbers are not the values "
        "that its layer uses: take the model before it is quantized"
    )


def is_quantized(path: str, dtype: str, paths: Collection[str]) -> bool:
    """Whether a tensor is stored quantized.

    Args:
        path: of the tensor.
        dtype: its element type by name.
        paths: of all tensors of the model, or keys of a file.
    """
    return bool(ALWAYS.fullmatch(dtype)) or (NARROW.fullmatch(dtype) is not None and has_scale(path, paths))


def is_calibration(path: str) -> bool:
    """Whether a tensor is a range or a scale that quantization-aware training observes, and no weight."""
    return CALIBRATION.fullmatch(path) is not None


def has_scale(path: str, paths: Collection[str]) -> bool:
    """Whether one of the tensors beside a tensor is called its scale."""
    start = max(path.rfind("."), path.rfind("/")) + 1
    name = path[start:]
    own = re.compile(rf"{re.escape(STEM.sub('', name))}_{SCALE}")
    siblings = {other[start:] for other in paths if other != path and other[:start] == path[:start]}
    return any(
        own.fullmatch(word) or (WEIGHT.fullmatch(name) and ANY_SCALE.fullmatch(word)) for word in siblings
    )


def quantized_reasons(records: Sequence[Record], others: Collection[str]) -> dict[str, str]:
    """Return why the records that are stored quantized have no values, by native path.

    Args:
        records: of a model.
        others: paths of the model's other tensors.
    """
    narrow = [
        (path, record.dtype)
        for record in records
        if NARROW.fullmatch(record.dtype) or ALWAYS.fullmatch(record.dtype)
        for path in (record.path, *(path for path, _ in record.stored))
    ]
    if not narrow:
        return {}
    paths = {*others, *(path for record in records for path, _ in record.stored)}
    return {path: quantized_reason(dtype) for path, dtype in narrow if is_quantized(path, dtype, paths)}
