"""The registry of backends: which are installed, and how to get one."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, cast

from unified_init.core import checks
from unified_init.errors import BackendError

if TYPE_CHECKING:
    from unified_init.backends.protocol import Backend

__all__ = ["NAMES", "backend_of", "backends", "get"]

NAMES = ("numpy", "torch", "tensorflow", "jax")
# Whose a type is, by the name of the package that defines it, which is public. No class would do instead: the
# question is asked of tensors, seeds, devices and whatever else a caller passes by mistake.
OWNERS = {"numpy": "numpy", "torch": "torch", "tensorflow": "tensorflow", "jax": "jax",
          "jaxlib": "jax", "ml_dtypes": "numpy"}  # fmt: skip


def backends() -> tuple[str, ...]:
    """Return the names of the installed backends; nothing is imported.

    Returns:
        Some of ``("numpy", "torch", "tensorflow", "jax")``, in this order.

    Example:
        >>> import unified_init as ui
        >>> "numpy" in ui.backends()
        True
    """
    return tuple(name for name in NAMES if importlib.util.find_spec(name) is not None)


def get(name: object) -> Backend:
    """Return a backend by name, importing its framework."""
    return _load(checks.choice("backend", name, NAMES))


@functools.cache
def _load(name: str) -> Backend:
    try:
        module = importlib.import_module(f"unified_init.backends._{name}")
    except ImportError as error:
        msg = (
            f"backend {name!r} needs {name}, which cannot be imported ({error}): "
            f'install it with `pip install "unified-init[{name}]"`.'
        )
        raise BackendError(msg) from error
    return cast("Backend", module)


def backend_of(value: object) -> str | None:
    """Return the name of the framework that an object's type belongs to, if any."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.device):
        return "torch"  # asked inside torch.compile, where older releases cannot look at a type's module
    for cls in type(value).__mro__:
        owner = OWNERS.get(cls.__module__.partition(".")[0])
        if owner is not None:
            return owner
    return None
