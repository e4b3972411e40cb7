"""Presets made of other initializers: mixtures, and sparse matrices with any values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.spec.distributions import Mixture, SparseOf
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["mixture", "sparse_of"]


def mixture(weights: Sequence[float], components: Sequence[Initializer]) -> Initializer:
    """Draw each value from one of several initializers, chosen at random.

    p(w) = sum over k of weights[k] p_k(w)

    Args:
        weights: probabilities of the components, positive; they sum to 1. Each is met to within 2**-32.
        components: 2 to 16 initializers of independent values, with or without fans.

    Returns:
        The spec; it needs a layout where a component does. Component k is drawn under ``name/k``, and the
        choice under ``name/component``: the law is exact, and a draw costs that of all components and one
        more.

    Raises:
        ArgumentValueError: weights that are no distribution on the components.
        ArgumentTypeError: a component that is no initializer of independent values.

    Example:
        >>> import unified_init as ui
        >>> slab = ui.mixture([0.9, 0.1], [ui.normal(0.0, 0.01), ui.normal(0.0, 0.1)])
        >>> round(slab.resolve((300, 100)).std, 6)
        0.033015

    Reference:
        C. Blundell et al., "Weight Uncertainty in Neural Networks", 2015: a scale mixture of two normals.

    Differs from:
        ``torch.distributions.MixtureSameFamily`` and SciPy ``Mixture``: the same law, also of several
        families. No framework has such an initializer.
    """
    return Initializer(Mixture(weights, components), Gain())  # type: ignore[arg-type]  # any sequences


def sparse_of(
    values: Initializer, sparsity: float, along: str = "column", *, at_least_one: bool = False
) -> Initializer:
    """Set a fraction of any initializer's values to zero, exactly in number.

    ceil(sparsity n) of the n entries of each column, of each row or of the matrix are 0

    Args:
        values: an initializer of independent values.
        sparsity: fraction of zeros, from 0 to 1.
        along: "column" (all weights of one input), "row" (all weights of one output), or "all".
        at_least_one: keep an entry of each column, or of each row ("row" and "all"), whatever the fraction.

    Returns:
        The spec; a matrix needs no layout, unless ``values`` does. The values are drawn as those of
        ``values`` alone, and the places under ``name/mask``.

    Raises:
        ArgumentValueError: ``sparsity`` outside [0, 1], or another word for ``along``.
        ArgumentTypeError: ``values`` is no initializer of independent values.

    Example:
        >>> import unified_init as ui
        >>> reservoir = ui.sparse_of(ui.uniform(-1.0, 1.0), 0.9, "all", at_least_one=True)
        >>> int((ui.draw(reservoir, (100, 100), seed=0, name="w") == 0).sum())
        9000

    Reference:
        Martens, "Deep learning via Hessian-free optimization", 2010; of reservoirs: Jaeger, "The echo state
        approach to analysing and training recurrent neural networks", 2001.

    Differs from:
        PyTorch ``sparse_(sparsity, std)``: normal values and columns only; that is ``sparse``.
    """
    return Initializer(SparseOf(values, sparsity, along, at_least_one), Gain())
