"""Known gaps of the frameworks: strict expected failures, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from unified_init.parity.variants import Variant

GAPS: dict[tuple[Variant, str], str] = {}  # none at present


def with_gaps(variant: Variant, dtype: str) -> object:
    """Return the pytest parameter of a variant and a type, marked where a gap is known."""
    reason = GAPS.get((variant, dtype))
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(variant, dtype, marks=marks, id=f"{variant.value}-{dtype}")


def missing(reason: str) -> NoReturn:
    """Expect the failure of a test whose peer the installed release does not have."""
    pytest.xfail(reason)
