"""What running two models with the same weights showed."""

from __future__ import annotations

import dataclasses
import math

from unified_init.core.public import public
from unified_init.core.text_table import aligned, as_html

__all__ = ["LayerDifference", "Verification"]

SHOWN = 12
Shapes = tuple[tuple[int, ...], tuple[int, ...]] | tuple[()]


@dataclasses.dataclass(frozen=True, slots=True)
class LayerDifference:
    """How far the outputs of two paired layers are apart.

    Args:
        first: the layer's path in the first model.
        second: its counterpart's path in the second.
        difference: the largest absolute difference of their outputs; infinite where one is not finite.
        scale: how far other weights move the outputs of the first; the spread of its outputs, where they
            do not move.
        shapes: the shapes of both outputs, where they cannot be those of the same values; else ().
    """

    first: str
    second: str
    difference: float
    scale: float
    shapes: Shapes = ()


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Verification:
    """What running two models with the same weights showed.

    Args:
        difference: the largest absolute difference of their outputs, in the output array where it is largest
            beside the scale; infinite where one is not finite, or where the outputs have other shapes.
        scale: how far other weights move the outputs of the first model: the median of those that move. A
            mask of -1e9 or an offset does not count. 0 if no output depends on the weights, which proves
            nothing.
        tolerance: the difference that is allowed, as a share of ``scale``.
        layers: the pairs of layers whose outputs could be compared, in order of execution; where the outputs
            of the models have other shapes, those of other shapes too.
        shapes: the shapes of both outputs, where they cannot be those of the same values; else ().

        unmatched: the keys of outputs that only one of the models has, which are not compared.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import unified_init as ui
        >>> ui.Verification(difference=1e-6, scale=2.0, tolerance=1e-3).ok
        True
    """

    difference: float
    scale: float
    tolerance: float
    layers: tuple[LayerDifference, ...] = ()
    shapes: Shapes = ()
    unmatched: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the outputs depend on the weights, and are equal up to the tolerance."""
        allowed = self.tolerance * self.scale
        return self.scale > 0.0 and math.isfinite(self.difference) and self.difference <= allowed

    @property
    def first(self) -> LayerDifference | None:
        """The first pair of layers, in order of execution, that differs; None if the outputs are equal."""
        if self.ok:
            return None
        return next(filter(self._differs, self.layers), None)

    def _differs(self, layer: LayerDifference) -> bool:
        return not layer.difference <= self.tolerance * layer.scale

    @property
    def is_void(self) -> bool:
        """Whether the outputs show nothing: no weight moves them, or they hold no numbers to compare."""
        return self.scale == 0.0 and not self.shapes and self.difference in {0.0, math.inf}

    @property
    def summary(self) -> str:
        """The result in one line."""
        return self._result + (
            f"; only one of the models has the outputs {', '.join(map(repr, self.unmatched))}"
            if self.unmatched
            else ""
        )

    @property
    def _result(self) -> str:
        if self.is_void and self.difference == 0.0:
            return "the outputs are the same whatever the weights, which proves nothing"
        if self.is_void:
            return "the outputs hold no finite floating-point numbers to compare, which proves nothing"
        apart = f"{self.difference:.2g} at most, where other weights move them by {self.scale:.2g}"
        if self.ok:
            return f"proven by running both: their outputs differ by {apart}"
        first = self.first
        layer = (
            "no layer that both have differs"
            if first is None
            else f"the first layer that differs is {first.second!r}, paired with {first.first!r}"
        )
        if first is not None and first.shapes:
            layer += f", whose outputs are {first.shapes[1]} and {first.shapes[0]}"
        if self.shapes:
            return (
                f"run with equal weights, the outputs have other shapes: {self.shapes[0]} of the first model "
                f"and {self.shapes[1]} of the second; {layer}"
            )
        return f"run with equal weights, the outputs differ by {apart}; {layer}"

    def __str__(self) -> str:
        """Return the result in one line, then a table of the layers up to the first that differs."""
        rows = self._rows()
        return "\n".join([self.summary, *(aligned(rows) if len(rows) > 1 else [])])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return as_html(self.summary, self._rows(), [])

    def _rows(self) -> list[tuple[str, ...]]:
        stop = self.layers.index(self.first) + 1 if self.first is not None else len(self.layers)
        last = self.layers[max(0, stop - SHOWN) : stop]
        rows = [
            (layer.second, layer.first, f"{layer.difference:.2g}", f"{layer.scale:.2g}",
             "differs" if self._differs(layer) else "")
            for layer in last
        ]  # fmt: skip
        head = ("second model", "first model", "difference", "moved by", "")
        return [head, *rows]
