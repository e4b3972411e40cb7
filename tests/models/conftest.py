"""Layers draw their own first values from the frameworks' global generators: put those back."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _native_draws_leave_no_trace() -> Iterator[None]:
    """Restore the global generators that a constructor of a layer may have advanced."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the global one
    torch = sys.modules.get("torch")
    state = None if torch is None else torch.random.get_rng_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002  # the global one
    if torch is not None:
        torch.random.set_rng_state(state)
