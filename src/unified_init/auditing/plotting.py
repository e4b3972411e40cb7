"""A picture of weights against their law: a histogram, and the density that the law gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core.peers import is_a
from unified_init.core.reprs import shown
from unified_init.drawing.digests import values_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError
from unified_init.law.law import Law
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["plot"]

BINS = 60
POINTS = 400  # of the curve
SHOWN = 0.05  # of the range, beyond each end of the values
NARROW = 1e-9  # of the values: a smaller range has no room for the bins
LARGEST = 1e300  # a float64 beyond counts as not finite: the range of two such is not


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
    dtype = DTYPES.get(values.dtype.name)
    if dtype is None:
        msg = f"`sample` must have a floating type that can be drawn, got {values.dtype.name}."
        raise ArgumentTypeError(msg)
    if dtype.is_complex:
        msg = "`sample` must be real: plot its real and its imaginary part."
        raise ArgumentValueError(msg)
    flat = values.astype(np.float64).reshape(-1)
    finite = flat[np.abs(flat) < LARGEST]
    if not finite.size:
        msg = f"`sample` must have a finite value, got shape {values.shape} without one."
        raise ArgumentValueError(msg)
    axes = _axes(axes)
    ends = _ends(finite)
    axes.hist(
        finite,
        bins=BINS,
        range=ends,
        density=True,
        color="tab:blue",
        alpha=0.5,
        label=f"{finite.size:,} values",
    )
    if law.independent:
        points, density = _density(law, ends)
        axes.plot(points, density, color="tab:orange", label=f"the law: {law.kind}, std {law.std:.4g}")
    elif np.isfinite(law.mean):
        axes.axvline(law.mean, color="tab:orange", label=f"the law: {law.kind}, mean {law.mean:.4g}")
    missing = flat.size - finite.size
    axes.set_title(f"{missing:,} values are not finite" if missing else "")
    axes.set_xlabel("value")
    axes.set_ylabel("density")
    axes.legend(fontsize="small")
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


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the range of values, or a wider one around values that are all but equal."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    if high - low > NARROW * size:
        return low, high
    half = size / 2 or 0.5
    return low - half, high + half


def _density(law: Law, ends: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points between the ends and a little beyond, and the law's mean density at each."""
    from unified_init.testing.populations import population_of  # noqa: PLC0415  # it needs SciPy

    low, high = ends
    margin = SHOWN * (high - low)
    edges = np.linspace(low - margin, high + margin, POINTS + 1)
    below = population_of(law, "float64").below(edges)
    return (edges[1:] + edges[:-1]) / 2, np.diff(below) / np.diff(edges)
