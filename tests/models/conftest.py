"""Layers draw their own first values from the frameworks' global generators: put those back."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


# Their layers, and the laws of those, are what recipes name: the newest releases'.
LIBRARIES = frozenset({
    "keras", "flax", "haiku", "equinox", "transformers", "torchvision", "timm", "mup",
})  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of models of another library as ``current``."""
    here = Path(__file__).parent
    for item in items:
        needed = {name for mark in item.iter_markers("needs") for name in mark.args}
        if item.path.is_relative_to(here) and needed & LIBRARIES:
            item.add_marker(pytest.mark.current)


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
