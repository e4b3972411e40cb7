"""A context that hands back the random state which native initializers use up."""

from __future__ import annotations

import contextlib
import random
import sys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Restore Python's, NumPy's and PyTorch's global random state on leaving."""
    torch = sys.modules.get("torch")
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the global one
    native = torch.random.get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if torch:
            torch.random.set_rng_state(native)
