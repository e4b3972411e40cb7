"""The short names of element types."""

from __future__ import annotations

__all__ = ["full_name"]

# Each means one type wherever it is used. "float" is none of them: it has 32 bits in torch and 64 in NumPy.
ALIASES = {
    "bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32", "single": "float32",
    "fp64": "float64", "double": "float64", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


def full_name(name: str) -> str:
    """Return the name of a type for a short one; any other as it is."""
    return ALIASES.get(name, name)
