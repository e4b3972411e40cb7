"""The arrays of a Flax model, and which of their axes hold copies of what their layers see."""

from __future__ import annotations

import dataclasses
import itertools

from unified_init.errors import ArgumentValueError
from unified_init.law.layout import parse

__all__ = ["Key", "Leaf", "axes_of_copies"]

Key = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One array of a model.

    ``inner`` is the shape that the layer itself sees, where a transformation stacks its parameters
    (``nn.scan``, ``nn.vmap``), and ``stacked`` are the axes that it adds; None where nobody said.
    """

    key: Key
    shape: tuple[int, ...]
    dtype: str
    collection: str = "params"
    inner: tuple[int, ...] | None = None
    stacked: tuple[int, ...] | None = None

    @property
    def path(self) -> str:
        """The native path: the collection comes first if it is not that of the parameters."""
        return "/".join(self.key if self.collection == "params" else (self.collection, *self.key))

    def seen(self, rank: int | None) -> tuple[int, ...]:
        """Return the shape that the layer sees, if its tensors have ``rank`` axes and nobody said more."""
        if self.inner is not None:
            return self.inner
        return self.shape if rank is None else self.shape[max(0, len(self.shape) - rank) :]

    def layout(self, layout: str | None, seen: tuple[int, ...]) -> str | None:
        """Return a layout of the shape that the layer sees with a ``B`` for each axis that is stacked.

        None if that does not make the stored shape (``nn.map_variables``): no axis then has a known role.
        """
        if layout is None or self.shape == seen:
            return layout
        choices = axes_of_copies(self.shape, seen)
        if self.inner is None:
            choices = choices[:1]  # nobody saw the layer: copies are in front
        if self.stacked is not None:
            choices = [axes for axes in choices if axes == self.stacked]
        if not choices:
            return None
        if len(choices) > 1:
            msg = (
                f"{self.path!r} of shape {self.shape} holds copies of what its layer sees, {seen}, and they "
                f"may lie along {' or '.join(map(str, choices))}: call the layers in nn.scan or nn.vmap, "
                "which say along which axes, or with another number of copies."
            )
            raise ArgumentValueError(msg)
        axes = [f"({axis})" if len(axis) > 1 else axis for axis in parse(layout)]
        for at in choices[0]:
            axes.insert(at, "B")
        return "".join(axes)


def axes_of_copies(shape: tuple[int, ...], seen: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the axes of a shape that may be copies of another: those without which it is the other.

    Example:
        >>> axes_of_copies((4, 4, 8), (4, 8))
        [(0,), (1,)]
    """
    extra = max(0, len(shape) - len(seen))
    return [
        axes
        for axes in itertools.combinations(range(len(shape)), extra)
        if tuple(size for at, size in enumerate(shape) if at not in axes) == seen
    ]
