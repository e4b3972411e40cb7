"""Pictures of weights against their law: what the picture holds is looked at, not its pixels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui


@pytest.fixture
def axes() -> Any:
    """Axes of a figure that no window shows."""
    from matplotlib.figure import Figure

    return Figure().subplots()


LAW = ui.uniform(-1.0, 3.0).resolve((100,))


def test_the_curve_is_the_density_of_the_law(axes: Any) -> None:
    """A uniform law has 1 / width inside and 0 outside; the histogram has the area 1."""
    sample = ui.draw(ui.uniform(-1.0, 3.0), (5000,), seed=0, name="w", dtype="bfloat16")
    assert ui.plot(sample, LAW, axes=axes) is axes
    line: Any = axes.lines[0]
    points, density = line.get_xdata(), line.get_ydata()
    inside = (points > -0.9) & (points < 2.9)
    np.testing.assert_allclose(density[inside], 0.25, rtol=1e-9)
    assert not density[(points < -1.1) | (points > 3.1)].any()
    bars: Any = axes.patches
    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1.0)


def test_a_normal_law_has_its_own_curve(axes: Any) -> None:
    """By SciPy's density at the points of the curve, to the length of an interval."""
    from scipy import stats

    sample = ui.draw(ui.normal(2.0, 0.5), (5000,), seed=0, name="w")
    line: Any = ui.plot(sample, ui.normal(2.0, 0.5).resolve((5000,)), axes=axes).lines[0]
    np.testing.assert_allclose(line.get_ydata(), stats.norm(2.0, 0.5).pdf(line.get_xdata()), atol=1e-3)


def test_a_law_without_a_density_is_marked_by_its_mean(axes: Any) -> None:
    """Entries of an orthogonal matrix depend on each other."""
    sample = ui.draw(ui.orthogonal(), (16, 16), layout="OI", seed=0, name="w")
    ui.plot(sample, ui.orthogonal().resolve((16, 16), layout="OI"), axes=axes)
    line: Any = axes.lines[0]
    assert list(line.get_xdata()) == [0.0, 0.0]


def test_values_that_are_not_finite_are_counted(axes: Any) -> None:
    """They have no place in a histogram, and are not passed over in silence."""
    ui.plot(np.array([0.0, np.nan, np.inf, 1.0]), LAW, axes=axes)
    assert axes.get_title() == "2 values are not finite"


@pytest.mark.parametrize("value", [0.0, 1e-30, -3e38, 7.0])
def test_equal_values_have_a_picture(axes: Any, value: float) -> None:
    """A range without a width is widened."""
    ui.plot(np.full(9, value), ui.constant(value).resolve((9,)), axes=axes)
    assert axes.lines[0].get_xdata()[0] == value


def test_without_axes_it_draws_on_those_of_pyplot() -> None:
    """As other plotting libraries do."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, expected = plt.subplots()
    assert ui.plot(np.zeros(3), LAW) is expected
    plt.close(figure)


def test_what_cannot_be_drawn_is_refused(axes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complex values, none at all, other objects; and where matplotlib is not installed."""
    with refused(ui.ArgumentValueError):
        ui.plot(np.zeros(3, np.complex64), LAW, axes=axes)
    with refused(ui.ArgumentValueError):
        ui.plot(np.array([np.nan]), LAW, axes=axes)
    with refused(ui.ArgumentTypeError):
        ui.plot(np.zeros(3, int), LAW, axes=axes)
    with refused(ui.ArgumentTypeError):
        ui.plot(np.zeros(3), ui.zeros(), axes=axes)  # type: ignore[arg-type]
    with refused(ui.ArgumentTypeError):
        ui.plot(np.zeros(3), LAW, axes=3)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with refused(ui.BackendError, hidden="(?<=SciPy \\().*(?=\\):)"):
        ui.plot(np.zeros(3), LAW, axes=axes)
