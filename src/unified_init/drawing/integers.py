"""Integer and bool types: which they are, and which values fit them. Random laws have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import registry
from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.drawing.programs import program_of
from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.spec.initializer import Initializer

__all__ = ["draw_integers", "integer_type"]

# ruff: noqa: ANN401  # shapes, types and devices of any framework

INTEGERS = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
})  # fmt: skip
OF_NUMPY = (np.integer, np.bool_, int)
LARGEST = 1 << 24  # up to here a float32, which is drawn first, holds every whole number
ROUNDING = 1e-9  # of float64: a value so near to a whole number is one


def integer_type(dtype: Any) -> str | None:
    """Return the name of an integer type or of bool, for a name or a framework's own dtype; None for others.

    Example:
        >>> integer_type("int32"), integer_type(np.dtype(bool)), integer_type(np.float32)
        ('int32', 'bool', None)
    """
    module = type(dtype).__module__.partition(".")[0]
    if isinstance(dtype, str):
        name = checks.plain(dtype)
    elif isinstance(dtype, np.dtype) or (isinstance(dtype, type) and issubclass(dtype, OF_NUMPY)):
        name = np.dtype(dtype).name
    elif module == "torch":
        name = shown(dtype).removeprefix("torch.")
    elif module == "tensorflow":
        name = str(attribute(dtype, "name"))
    else:
        inner = attribute(dtype, "dtype")  # of jnp.int32
        name = inner.name if isinstance(inner, np.dtype) and attribute(dtype, "shape") is None else None
    return name if name in INTEGERS else None


def draw_integers(
    draw: Callable[..., Any],
    spec: Initializer,
    shape: Any,
    integer: str,
    argument: str,
    backend: str,
    device: Any,
    **options: Any,
) -> Any:
    """Draw whole numbers in float32 and convert them, in the framework, where a trace may be under way.

    Args:
        draw: the draw of any type.
        spec: as for ``draw``, and not random.
        shape: as for ``draw``.
        integer: the type's name.
        argument: which argument has the type.
        backend: the backend's name.
        device: as for ``draw``.
        options: the other arguments of ``draw``.
    """
    fixed = {key: value for key, value in options.items() if key != "seed"}
    if program_of(spec, shape, dtype="float32", **fixed).law.random:
        msg = (
            f"`{argument}` of the type {integer} holds whole numbers, and {spec.label} is random: draw "
            "zeros(), ones(), constant() or identity(), or choose a floating type."
        )
        raise ArgumentValueError(msg)
    values = draw(spec, shape, dtype="float32", backend="numpy", device=None, **options)
    exact = draw(spec, shape, dtype="float64", backend="numpy", device=None, **options)
    _check_values(values, exact, spec, integer, argument)
    adapter = registry.get(backend)
    target = adapter.resolve_device(device, integer)
    drawn = draw(spec, shape, dtype="float32", backend=backend, device=device, **options)
    return adapter.ops(target).cast(drawn, integer)


def _check_values(
    values: NDArray[np.float32], exact: NDArray[np.float64], spec: Initializer, name: str, argument: str
) -> None:
    """Refuse values that are not whole, that the type does not hold, or that are others in float32."""
    low, high = (0, 1) if name == "bool" else (np.iinfo(name).min, np.iinfo(name).max)
    low, high = max(low, -LARGEST), min(high, LARGEST)
    whole = np.rint(exact)
    off = np.abs(exact - whole) > ROUNDING * np.maximum(np.abs(exact), 1.0)
    wrong = off | (values != whole) | (whole < low) | (whole > high)
    if wrong.any():
        first, rounded = exact[wrong][0], values[wrong][0]
        became = first != rounded == np.rint(rounded)
        msg = (
            f"`{argument}` of the type {name} takes whole numbers from {low} to {high} here, and "
            f"{spec.label} has {float(first)}{f', in float32 {float(rounded)}' if became else ''}."
        )
        raise ArgumentValueError(msg)
