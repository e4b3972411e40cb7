"""A picture of weights against their law: a histogram, and the density that the law gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core.peers import is_a
from unified_init.core.reprs import shown
from unified_init.drawing.digests import values_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError
from unified_init.law.law import Law

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["plot"]

BINS = 60
POINTS = 400  # of the curve
SHOWN = 0.05  # of the range, beyond each end of the values


def plot(sample: Any, law: Law, *, axes: Axes | None = None) -> Axes:  # noqa: ANN401  # of any framework
    """Draw a histogram of weights and the density of their law.

    A law of independent draws is a curve. Any other (orthogonal, sparse, constants) has no density that one
    curve could show, and only its mean is marked.

    Args:
        sample: an array of any framework with real values; NaN and infinities are left out and counted in the
            title.
        law: what ``Initializer.resolve`` returns, or the law of a row of a plan.
        axes: of matplotlib, to draw on. None takes pyplot's current ones.

    Returns:
        The axes.

    Raises:
        BackendError: matplotlib or SciPy is not installed: the extra ``plot`` has both.
        ArgumentTypeError: no array, no law or no axes.
        ArgumentValueError: complex values, or no finite one.

    Example:
        >>> import unified_init as ui
        >>> w = ui.draw(ui.he_normal(), (512, 256), layout="OI", seed=0, name="fc.weight")
        >>> axes = ui.plot(w, ui.he_normal().resolve((512, 256), layout="OI"))  # doctest: +SKIP
        >>> axes.figure.savefig("fc.png")                                       # doctest: +SKIP

    Differs from:
        No framework has one.
    """
    if not isinstance(law, Law):
        msg = f"`law` must be a Law, which spec.resolve(shape, layout=...) returns, got {shown(law)}."
        raise ArgumentTypeError(msg)
    values = values_of(sample, "sample")
    if values.dtype.kind == "c":
        msg = "`sample` must be real: plot its real and its imaginary part."
        raise ArgumentValueError(msg)
    flat = values.astype(np.float64).reshape(-1)
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        msg = f"`sample` must have a finite value, got shape {values.shape} without one."
        raise ArgumentValueError(msg)
    axes = _axes(axes)
    axes.hist(finite, bins=BINS, density=True, color="tab:blue", alpha=0.5, label=f"{finite.size:,} values")
    if law.independent:
        points, density = _density(law, finite)
        axes.plot(points, density, color="tab:orange", label=f"the law: {law.kind}, std {law.std:.4g}")
    elif np.isfinite(law.mean):
        axes.axvline(law.mean, color="tab:orange", label=f"the law: {law.kind}, mean {law.mean:.4g}")
    missing = flat.size - finite.size
    axes.set_title(f"{missing:,} values are not finite" if missing else "")
    axes.set_xlabel("value")
    axes.set_ylabel("density")
    axes.legend()
    return axes


def _axes(axes: Any) -> Axes:  # noqa: ANN401  # what a user passes
    """Return the axes that are given, or pyplot's."""
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415  # the extra `plot`
        import scipy.special  # noqa: F401  # the density of a law needs it
    except ImportError as error:
        msg = f'plot() needs matplotlib and SciPy ({error}): `pip install "unified-init[plot]"` has both.'
        raise BackendError(msg) from error
    if axes is None:
        return plt.gca()
    if not is_a(axes, "matplotlib.axes.Axes"):
        msg = f"`axes` must be matplotlib Axes, such as plt.subplots()[1], got {shown(axes)}."
        raise ArgumentTypeError(msg)
    return axes  # type: ignore[no-any-return]


def _density(law: Law, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points over the range of values, and the law's density there: its exact means over intervals."""
    from unified_init.testing.populations import population_of  # noqa: PLC0415  # it needs SciPy

    low, high = float(values.min()), float(values.max())
    margin = SHOWN * (high - low) or 1.0
    edges = np.linspace(low - margin, high + margin, POINTS + 1)
    below = population_of(law, "float64").below(edges)
    return (edges[1:] + edges[:-1]) / 2, np.diff(below) / np.diff(edges)
