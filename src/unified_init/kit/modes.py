"""Modes: a backend, and how it runs a function: eagerly, or compiled by its own compiler."""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any

import unified_init as ui
from unified_init.backends import registry
from unified_init.core import checks
from unified_init.parity import variants
from unified_init.parity.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Mode", "mode_names", "mode_of"]

# ruff: noqa: ANN401  # tensors of any framework


@dataclasses.dataclass(frozen=True, slots=True)
class Mode:
    """A backend and the way in which it runs a function.

    Args:
        variant: which one.

    Example:
        >>> mode = mode_of("numpy", ["numpy"])
        >>> mode.name, mode.backend, mode.compiled
        ('numpy', 'numpy', False)
        >>> mode.run(lambda: ui.draw(ui.ones(), (2,), backend=mode.backend)).tolist()
        [1.0, 1.0]
    """

    variant: Variant

    @property
    def name(self) -> str:
        """The backend, and the mode behind a colon unless it is eager: "torch", "torch:compile"."""
        return self.variant.value

    @property
    def backend(self) -> str:
        """The name of the backend."""
        return self.variant.backend

    @property
    def compiled(self) -> bool:
        """Whether functions are compiled."""
        return self.variant.mode != ""

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function in this mode, and return its result with NumPy arrays in place of tensors.

        A compiled mode compiles the function by ``torch.compile(fullgraph=True)``, ``tf.function`` (with XLA
        or without) or ``jax.jit``; ``args`` are what the framework accepts as arguments.

        Args:
            function: returns a tensor of the backend, or dicts, lists and tuples of them.
            *args: what it is called with.
        """
        return _as_numpy(variants.compiled(self.variant, function)(*args))

    def draw(self, spec: ui.Initializer, shape: Sequence[int], **options: Any) -> NDArray[Any]:
        """Draw in this mode: ``ui.draw`` with this backend, compiled where the mode is."""
        drawn: NDArray[Any] = self.run(lambda: ui.draw(spec, shape, backend=self.backend, **options))
        return drawn


def mode_names(
    backends: Sequence[str], names: Sequence[str] = (), *, compiled: bool | None = None
) -> list[str]:
    """Return the names of the modes of some backends.

    Args:
        backends: those that are tested.
        names: keep these backends and modes; none keeps all.
        compiled: keep compiled modes, or eager ones; None keeps both.

    Raises:
        ArgumentValueError: an unknown name.
    """
    known = [*registry.NAMES, *(variant.value for variant in variants.MODES if variant.mode)]
    wanted = {checks.choice("names", name, known) for name in names}
    modes = [Mode(variant) for variant in variants.MODES if variant.backend in backends]
    return [
        mode.name
        for mode in modes
        if (not wanted or wanted & {mode.name, mode.backend}) and compiled in {None, mode.compiled}
    ]


def mode_of(name: str, backends: Sequence[str]) -> Mode:
    """Return a mode by its name, with its framework imported.

    Where torch is tested too, it is imported before TensorFlow: in the other order they clash in one process.
    """
    variant = Variant(name)
    first = ["torch"] if variant.backend == "tensorflow" and "torch" in backends else []
    for framework in (*first, variant.backend):
        importlib.import_module(framework)
    return Mode(variant)


def _as_numpy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_numpy(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        entries = [_as_numpy(entry) for entry in value]
        return type(value)(*entries) if hasattr(value, "_fields") else type(value)(entries)  # a namedtuple
    owner = registry.backend_of(value)
    return value if owner is None else registry.get(owner).to_numpy(value)
