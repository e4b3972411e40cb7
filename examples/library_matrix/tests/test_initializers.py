"""The library's own initializer: the same bits everywhere, the right law, two streams."""

from __future__ import annotations

from typing import Any

from library_matrix.initializers import GATE, LAYOUT, VALUE, gated_kernels

LARGE = (700, 600)


def test_the_bits_are_the_same_in_every_mode(ui_mode: Any, ui_golden: Any) -> None:
    """Eager and compiled, in every framework: one digest, in the file beside this one."""
    kernels = ui_mode.run(lambda: gated_kernels(6, 5, seed=0, name="block", backend=ui_mode.backend))
    for part, kernel in kernels.items():
        ui_golden(kernel, part, layout=LAYOUT)


def test_each_kernel_follows_its_law(ui_statistics: Any) -> None:
    """A std that is 1 % off, or fans that are swapped, would fail in 999 of 1,000 cases."""
    kernels = gated_kernels(*LARGE, seed=0, name="block", backend="numpy")
    for part, spec in (("value", VALUE), ("gate", GATE)):
        ui_statistics.follows(kernels[part], spec.resolve(LARGE, layout=LAYOUT), sees=0.01)


def test_the_kernels_are_independent(ui_statistics: Any) -> None:
    """They have names of their own, so that the gate is not half the value."""
    ui_statistics.independent(*gated_kernels(60, 50, seed=0, name="block", backend="numpy").values())
