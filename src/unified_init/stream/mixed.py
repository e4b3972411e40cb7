"""Mixtures on the host: each component under a name of its own, and one more draw that chooses among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.law import Law
from unified_init.law.unit_laws import UnitSteps
from unified_init.stream import host, threefry
from unified_init.stream.program import compile_law
from unified_init.stream.steps import Steps, compile_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.unit_values import UnitMixture
    from unified_init.stream.program import Program

__all__ = ["choice", "component_name", "mixture"]


def component_name(name: str, number: int | None) -> str:
    """Return the name of the stream of one component, or of the choice among them."""
    return f"{name}/component" if number is None else f"{name}/{number}"


def choice(unit: UnitMixture) -> Steps:
    """Return the law of the component's number."""
    numbers = UnitSteps(tuple(map(float, range(len(unit.components)))), unit.ends)
    return compile_steps(Law(unit=numbers, mean=0.0, std=1.0), 32)


def mixture(program: Program, unit: UnitMixture, root: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the values of a mixture, in the order of the program's index map."""
    index = program.index

    def drawn(number: int | None, table: Any, element: np.dtype[Any]) -> NDArray[Any]:  # noqa: ANN401  # a law's
        out = np.empty(index.shape, dtype=element)
        key = threefry.named_key(root, component_name(program.name, number))
        host.fill(out, index=index, key=key, table=table)
        return out

    chosen = drawn(None, choice(unit), np.dtype(np.float32))
    result = drawn(0, compile_law(unit.components[0], 8 * dtype.itemsize), dtype)
    for number, law in enumerate(unit.components[1:], start=1):
        values = drawn(number, compile_law(law, 8 * dtype.itemsize), dtype)
        np.copyto(result, values, where=chosen == number)
    return result
