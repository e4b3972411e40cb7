"""Our side of every case: specs, and the two calls that draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.cases import Case

__all__ = ["SPECS", "drawn", "filled"]

SPECS = {
    "uniform": ui.uniform(0.0, 1.0),
    "normal": ui.normal(0.0, 1.0),
    "truncated_normal": ui.trunc_normal(0.0, 1.0, -2.0, 2.0),
    "he_normal": ui.he_normal(),
    "kaiming_normal": ui.kaiming_normal(),
    "glorot_uniform": ui.glorot_uniform(),
    "orthogonal": ui.orthogonal(),
}


def drawn(case: Case) -> Callable[[int], Any]:
    """Return a call that draws a new tensor under a name of its own each time."""
    spec, layout = SPECS[case.law], case.layout()

    def call(i: int) -> Any:  # noqa: ANN401  # a tensor of any framework
        return ui.draw(
            spec, case.shape, seed=0, name=f"w{i}", layout=layout, dtype=case.dtype, backend=case.framework
        )

    return call


def filled(case: Case, tensor: Any) -> Callable[[int], Any]:  # noqa: ANN401  # as above
    """Return a call that overwrites one tensor, under a name of its own each time."""
    spec, layout = SPECS[case.law], case.layout()

    def call(i: int) -> Any:  # noqa: ANN401
        return ui.fill(tensor, spec, seed=0, name=f"w{i}", layout=layout)

    return call
