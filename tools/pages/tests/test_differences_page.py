"""The page of differences: generated, and its numbers are those of the laws."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import runpy

import pytest
from tools.pages import differences_page as differences_page_room
from tools.pages.difference_rows import CHECKED, FactRow, LawRow
from tools.pages.differences import DIFFERENCES
from tools.pages.differences_page import differences_page

import unified_init as ui
from unified_init.law.unit_values import OrthogonalMatrices

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "differences.md"
ROWS = [row for topic in DIFFERENCES for row in topic.rows]
LAW_ROWS = [row for row in ROWS if isinstance(row, LawRow)]
FACTS = {row.key: row for row in ROWS if isinstance(row, FactRow)}
EACH_LAW = pytest.mark.parametrize("row", LAW_ROWS, ids=lambda row: row.key)


def spec(expression: str) -> object:
    """Return what an expression of the table stands for."""
    return eval(expression, {name: getattr(ui, name) for name in ui.__all__})  # noqa: S307  # our own data


def test_the_page_is_the_generated_one(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/differences.md is what its generator writes."""
    with pytest.warns(RuntimeWarning, match="differences_page"):
        runpy.run_module("tools.pages.differences_page", run_name="__main__")
    assert PAGE.read_text(encoding="utf-8") == differences_page() == capsys.readouterr().out


def test_every_row_is_on_the_page_in_four_cells() -> None:
    """No text has a character that would open a cell of its own; every topic has rows."""
    lines = [line for line in differences_page().splitlines() if line.startswith("| `")]
    assert len(lines) == len(ROWS)
    for line, row in zip(lines, ROWS, strict=True):
        assert line.count("|") == 5
        assert line.startswith(f"| `{row.call}` | {row.draws} | `{row.ours}`")
    assert all(topic.rows and topic.intro for topic in DIFFERENCES)


def test_every_row_has_a_release_that_it_was_checked_with() -> None:
    """The first word of a key is a peer, and every peer has a row."""
    assert {row.key.partition(".")[0] for row in ROWS} == set(CHECKED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_our_expressions_evaluate(row: LawRow | FactRow) -> None:
    """They are specs, or for a gain a number, and what is compared is not the same."""
    value = spec(row.ours)
    assert isinstance(value, (ui.Initializer, float))
    assert row.value != row.without


@EACH_LAW
def test_the_number_of_a_row_is_that_of_both_laws(row: LawRow) -> None:
    """The ratio of the stds of the two laws, each computed by SciPy, or the share beyond the bounds."""
    from scipy.stats import norm

    ours, against = spec(row.ours), spec(row.against)
    assert isinstance(ours, ui.Initializer)
    assert isinstance(against, ui.Initializer)
    law, other = row.at.law(ours), row.against_at.law(against)
    if row.quantity == "std":
        assert row.value == pytest.approx(scipy_std(law) / scipy_std(other), rel=1e-12)
        assert row.without == 1.0
        return
    assert row.quantity == "beyond"
    assert law.std == pytest.approx(other.std, rel=1e-15)
    bounds = [one.high for one in (law, other) if math.isfinite(one.high)]
    (bound,) = bounds
    for number, one in ((row.value, law), (row.without, other)):
        free = 2 * norm.sf(bound / one.std)
        assert number == pytest.approx(free if math.isinf(one.high) else 0.0, rel=1e-12)


def scipy_std(law: ui.Law) -> float:
    """Return the std of a law by SciPy, from its parent's size and its bounds alone."""
    from scipy import stats

    if law.kind == "truncated_normal":
        ends = ((law.low - law.loc) / law.scale, (law.high - law.loc) / law.scale)
        return float(law.scale * stats.truncnorm(*ends).std())
    if law.kind == "uniform":
        return float(stats.uniform(law.low, law.high - law.low).std())
    if law.kind == "normal":
        return float(stats.norm(law.mean, law.scale).std())
    assert law.kind == "orthogonal"  # k orthonormal vectors of length n have k unit squares in k n entries
    assert isinstance(law.unit, OrthogonalMatrices)
    rows, columns = law.unit.rows, law.unit.columns
    return float(law.scale / math.sqrt(max(rows, columns)))


def test_the_numbers_in_the_introductions_are_those_of_the_rows() -> None:
    """The widest ratios among layers, and the bound of a truncated law in its own stds."""
    from scipy.stats import truncnorm

    (layers,) = (topic for topic in DIFFERENCES if topic.title == "Default weights of layers")
    ratios = {row.key: float(row.value) for row in layers.rows}
    dense = min(ratio for key, ratio in ratios.items() if "Embed" not in key)
    embedding = min(ratio for key, ratio in ratios.items() if "Embed" in key)
    assert f"up to {1 / dense:.2f} in a dense layer" in layers.intro
    assert f"up to {1 / embedding:.0f} in an embedding" in layers.intro
    cut = truncnorm(-2, 2).std()
    assert f"{cut:.4f}" in DIFFERENCES[0].intro
    assert f"{2 / cut:.4f}" in DIFFERENCES[1].intro
    assert f"beyond ±{2 / cut:.3f} std" in differences_page()


def test_the_exact_numbers_of_other_rows_are_integrals() -> None:
    """What JAX's complex law has, what Keras leaves beyond two sigmas, and the gain of gelu."""
    from scipy import integrate, stats

    modulus, _ = integrate.quad(lambda r: r**2 * 2 * r * math.exp(-(r**2)), 0, 2)
    mass, _ = integrate.quad(lambda r: 2 * r * math.exp(-(r**2)), 0, 2)
    mean_square = modulus / mass
    row = FACTS["jax.lecun_normal complex"]
    assert row.value == pytest.approx(mean_square / 0.95311164380491208**2, rel=1e-12)
    assert f"not by {math.sqrt(mean_square):.4f}" in row.draws
    outside = 2 * stats.norm.sf(2)
    assert FACTS["keras.TruncatedNormal leak"].value == pytest.approx(outside**4, rel=1e-12)
    square, _ = integrate.quad(lambda z: (z * stats.norm.cdf(z)) ** 2 * stats.norm.pdf(z), -12, 12)
    assert FACTS["torch.calculate_gain"].without == pytest.approx(square**-0.5, rel=1e-9)
    # Parts on U(0, 2 a) and U(-a, a): 4 / 3 and 1 / 3 of a squared, where 1 / 3 is asked for.
    imaginary, real = stats.uniform(0, 2), stats.uniform(-1, 2)
    asked = real.var()
    assert FACTS["keras.GlorotUniform complex"].value == pytest.approx(
        (imaginary.moment(2) + real.moment(2)) / asked, rel=1e-12
    )
    assert FACTS["torch.xavier_uniform_ complex"].value == pytest.approx(
        2 * real.moment(2) / asked, rel=1e-12
    )


def test_two_calls_in_two_places_are_shown_with_two_expressions() -> None:
    """A row that compares another call elsewhere says where each of them stands."""
    row = next(row for row in LAW_ROWS if row.at != row.against_at and row.against == row.ours)
    here, there = differences_page_room._two_expressions(row)
    other = dataclasses.replace(row, against="ui.normal(0, 1)")
    place = differences_page_room._arguments(row.against_at)
    assert differences_page_room._two_expressions(other) == (here, f"`ui.normal(0, 1)` with `{place}`")
    assert "ui.normal" not in there
