"""The layers of a Flax model as facts, its arrays, and which of their axes stack independent layers."""

from __future__ import annotations

import dataclasses
import itertools

from unified_init.errors import ArgumentValueError
from unified_init.law.layout import parse

__all__ = ["Key", "Layer", "Leaf", "axes_of_groups"]

Key = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The facts that a module's class and fields give about its layer.

    Args:
        what: "dense", "einsum", "conv", "conv_transpose", "embed", a normalization, "norm" (of a class that
            Flax does not have), "prelu", "lora", "attention", a cell of ``CELLS``, or "other".
        native: its class.
        lead: number of batch axes of a dense kernel, which come first; each index has its own matrix.
        inputs: number of axes of a dense kernel that are contracted.
        outs: number of its other axes; None where only the shape says it.
        window: a convolution's kernel size.
        groups: groups of a convolution.
        swapped: whether the kernel of a transposed convolution has its outputs before its inputs.
        roles: the roles of the axes of an einsum's kernel.
        bias_roles: the roles of the axes of its bias.
        factors: what a "norm" multiplies by, by the name of the parameter; see ``walkers.norms.multiplier``.
    """

    what: str
    native: str = ""
    lead: int = 0
    inputs: int = 1
    outs: int | None = 1
    window: tuple[int, ...] = ()
    groups: int = 1
    swapped: bool = False
    roles: str = ""
    bias_roles: str = ""
    factors: tuple[tuple[str, float | str | None], ...] = ()


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
                f"which may be along {' or '.join(map(str, choices))}: call the layers in nn.scan or "
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
