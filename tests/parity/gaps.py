"""Known gaps of the frameworks: strict expected failures, each with its reason."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.parity.variants import Variant

GAPS: dict[tuple[Variant, str], str] = {}  # none at present


def with_gaps(variant: Variant, dtype: str) -> object:
    """Return the pytest parameter of a variant and a type, marked where a gap is known."""
    reason = GAPS.get((variant, dtype))
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(variant, dtype, marks=marks, id=f"{variant.value}-{dtype}")


def without_geo_avg(arguments: Mapping[str, object]) -> None:
    """Expect the failure of a test of JAX's geometric mean of the fans before 0.6, which brought it."""
    release = tuple(map(int, importlib.metadata.version("jax").split(".")[:2]))
    if arguments.get("mode") == "fan_geo_avg" and release < (0, 6):
        pytest.xfail("JAX before 0.6 has no fan_geo_avg")


# Facts of the page that a newer release has changed: the release, and what it does.
CHANGED = {
    "jax.orthogonal bfloat16": ("jax", (0, 12), "JAX 0.12 raises TypeError"),
    "jax.he_normal empty": ("jax", (0, 12), "JAX 0.12 divides by no fan there"),
}


def unchanged(key: str) -> None:
    """Expect the failure of a test of a fact that the installed release has changed."""
    library, changed, reason = CHANGED[key]
    if tuple(map(int, importlib.metadata.version(library).split(".")[:2])) >= changed:
        pytest.xfail(reason)


def without_stft(key: str) -> None:
    """Expect the failure of a test of Keras' STFT before 3.7, which brought it, and in no other release."""
    if key.startswith("STFT(") and not has_stft():
        pytest.xfail("Keras before 3.7 has no STFT")


def has_stft() -> bool:
    """Whether the installed Keras has STFT."""
    return tuple(map(int, importlib.metadata.version("keras").split(".")[:2])) >= (3, 7)
