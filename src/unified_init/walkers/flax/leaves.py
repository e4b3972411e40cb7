"""The arrays of a Flax model, and which of their axes stack independent layers."""

from __future__ import annotations

import dataclasses
import itertools

from unified_init.errors import ArgumentValueError
from unified_init.law.layout import parse

__all__ = ["Key", "Leaf", "axes_of_groups"]

Key = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One array of a model.

    ``inner`` is the shape that the layer itself sees, where a transformation stacks its parameters
    (``nn.scan``, ``nn.vmap``), and ``stacked`` are the axes that it adds; None where they are not known.
    ``doubt`` says why they are not, where the model does not tell.
    """

    key: Key
    shape: tuple[int, ...]
    dtype: str
    collection: str = "params"
    inner: tuple[int, ...] | None = None
    stacked: tuple[int, ...] | None = None
    doubt: str = ""

    @property
    def path(self) -> str:
        """The native path: the collection comes first if it is not that of the parameters."""
        return "/".join(self.key if self.collection == "params" else (self.collection, *self.key))

    def layer_shape(self, rank: int | None) -> tuple[int, ...]:
        """Return the shape that the layer itself sees: the last ``rank`` axes, where no more is known."""
        if self.inner is not None:
            return self.inner
        return self.shape if rank is None else self.shape[max(0, len(self.shape) - rank) :]

    def layout(self, layout: str | None, layer_shape: tuple[int, ...]) -> str | None:
        """Return a layout of the shape that the layer sees with a ``B`` for each axis that is stacked.

        None if that does not make the stored shape (``nn.map_variables``): no axis then has a known role.
        """
        if self.doubt or layout is None or self.shape == layer_shape:
            return None if self.doubt else layout
        choices = axes_of_groups(self.shape, layer_shape)
        if self.inner is None:
            choices = choices[:1]  # the layer was not called: its stacked axes come first, by convention
        if self.stacked is not None:
            choices = [axes for axes in choices if axes == self.stacked]
        if not choices:
            return None
        if len(choices) > 1:
            msg = (
                f"{self.path!r} of shape {self.shape} holds copies of what its layer sees, {layer_shape}, "
                f"and they may lie along {' or '.join(map(str, choices))}: call the layers in nn.scan or "
                "nn.vmap, which say along which axes, or with another number of copies."
            )
            raise ArgumentValueError(msg)
        axes = [f"({axis})" if len(axis) > 1 else axis for axis in parse(layout)]
        for position in choices[0]:
            axes.insert(position, "B")
        return "".join(axes)


def axes_of_groups(shape: tuple[int, ...], layer_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the axes that may stack layers of another shape: those without which the shape is the other.

    Example:
        >>> axes_of_groups((4, 4, 8), (4, 8))
        [(0,), (1,)]
    """
    extra = max(0, len(shape) - len(layer_shape))
    return [
        axes
        for axes in itertools.combinations(range(len(shape)), extra)
        if tuple(size for axis, size in enumerate(shape) if axis not in axes) == layer_shape
    ]
