"""Presets that give other initializers a size: a variance, a norm."""

from __future__ import annotations

from unified_init.core import checks
from unified_init.spec.distributions import Normed, Orthogonal
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain, VarianceScaling

__all__ = ["glorot_orthogonal", "with_norm"]


def glorot_orthogonal(scale: float = 2.0) -> Initializer:
    """Draw an orthogonal matrix whose entries have Glorot's variance.

    E[w^2] = scale / (fan_in + fan_out)

    Args:
        scale: twice the scale of ``VarianceScaling``, as in the implementations; 2 by default.

    Returns:
        The spec ``Initializer(Orthogonal(), VarianceScaling(scale / 2, "fan_avg"))``. Any other variance of
        an orthogonal matrix is such a spec with another mode or scale.

    Raises:
        ArgumentValueError: ``scale`` is not positive.
        ArgumentTypeError: ``scale`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> round(ui.glorot_orthogonal().resolve((40, 10), layout="OI").std, 6)
        0.2

    Reference:
        Gasteiger, Groß, Günnemann, "Directional Message Passing for Molecular Graphs", 2020, in its code.

    Differs from:
        DimeNet ``GlorotOrthogonal`` and PyTorch Geometric ``glorot_orthogonal``: the same scale, whose
        default is DimeNet's. They divide by the variance of the drawn entries about their mean, we by 1 /
        max(rows, columns), which their mean square is: a matrix here is orthogonal times a fixed number,
        there times one that varies by about 1 / (rows columns). PyTorch, Keras and JAX have none.
    """
    return Initializer(Orthogonal(), VarianceScaling(checks.positive("scale", scale) / 2.0, "fan_avg"))


def with_norm(base: Initializer, norm: str, value: float = 1.0) -> Initializer:
    """Scale what another initializer draws so that its matrix has a given norm.

    W = value V / norm(V), V drawn by ``base``

    Args:
        base: a random spec, sparse or orthogonal too. Its size cancels.
        norm: "frobenius" (the root of the sum of squares), "spectral" (the largest singular value) or
            "spectral_radius" (the largest modulus of an eigenvalue, of square matrices).
        value: the norm, positive; 1 by default.

    Returns:
        The spec. Rows are outputs, columns are inputs and kernel positions together; every ``B`` axis holds
        separate matrices, each with the norm. V has the values that ``base`` has under the same name. The
        norm is that of the float32 values, computed in float64 on the host, so a slice costs the whole, and a
        spectral radius the eigenvalues. A compiled function computes the first two norms itself, to 1e-5, and
        refuses the radius.

    Raises:
        ArgumentTypeError: ``base`` is not a spec, or ``value`` not a number.
        ArgumentValueError: a norm that is not listed, a ``value`` that is not positive, or a base that is
            not random or is scaled to a norm itself.

    Example:
        >>> import numpy as np
        >>> import unified_init as ui
        >>> reservoir = ui.with_norm(ui.sparse(0.9), "spectral_radius", 0.95)
        >>> w = ui.draw(reservoir, (100, 100), seed=0, name="reservoir")
        >>> round(float(np.abs(np.linalg.eigvals(w)).max()), 4)
        0.95

    Reference:
        Jaeger, "The echo state approach to analysing and training recurrent neural networks", 2001, for the
        spectral radius.

    Differs from:
        ReservoirPy and other echo state libraries: the same scaling, of a radius found by an iteration there.
        PyTorch ``spectral_norm`` and Keras ``SpectralNormalization`` divide at every step of training.
        PyTorch, Keras and JAX have no such initializer.
    """
    return Initializer(Normed(base, norm), Gain(checks.positive("value", value)))
