"""Outside oracles: SciPy's quantiles of the words, orthogonality, and Haar's measure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

import unified_init as ui
from unified_init import testing
from unified_init.parity.variants import COMPILED, EAGER, Variant, draw
from unified_init.stream import numpy_runner, threefry
from unified_init.testing.cases import ELEMENTWISE, SAMPLE, Case

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

by_variant = pytest.mark.parametrize("variant", EAGER + COMPILED, ids=lambda variant: variant.value)


# --- laws and values ------------------------------------------------------------------------------

CUT = [name for name, spec in ELEMENTWISE.items() if isinstance(spec.distribution, ui.TruncatedNormal)]


@pytest.mark.parametrize("name", CUT)
def test_truncated_presets_have_the_moments_of_scipy(name: str) -> None:
    """The law's mean and std are those of SciPy's truncnorm between its ends, to 1e-12 of a std."""
    law = ELEMENTWISE[name].resolve(SAMPLE.shape, **SAMPLE.options)
    ends = ((law.low - law.loc) / law.scale, (law.high - law.loc) / law.scale)
    exact = stats.truncnorm(*ends, loc=law.loc, scale=law.scale)
    assert law.mean == pytest.approx(exact.mean(), abs=1e-12 * law.std)
    assert law.std == pytest.approx(exact.std(), rel=1e-12)


@pytest.mark.parametrize(("name", "gain"), [("he_normal", 2.0), ("lecun_normal", 1.0)])
def test_the_scale_of_a_cut_preset_is_corrected(name: str, gain: float) -> None:
    """Its std after the cut is sqrt(gain / fan_in): the parent normal's is wider by SciPy's factor."""
    law = ELEMENTWISE[name].resolve(SAMPLE.shape, **SAMPLE.options)
    std = math.sqrt(gain / (16 * 16 * 16))
    assert law.std == pytest.approx(std, rel=1e-12)
    assert law.scale == pytest.approx(std / stats.truncnorm(-2.0, 2.0).std(), rel=1e-12)


QUANTILES = {
    "normal": (ui.normal(0.25, 0.02), stats.norm(0.25, 0.02)),
    "uniform": (ui.uniform(-0.3, 1.7), stats.uniform(-0.3, 2.0)),
    "truncated_normal": (ui.truncated_normal(0.0, 1.0, -2.0, 2.0), stats.truncnorm(-2.0, 2.0)),
    "one-sided": (ui.truncated_normal(0.5, 0.1, -1.0, 3.0), stats.truncnorm(-1.0, 3.0, loc=0.5, scale=0.1)),
}
COUNT = 1 << 14


def tails(name: str, seed: int) -> tuple[Array, NDArray[np.bool_]]:
    """Return the tail probability of each word of a stream, and whether it is of the lower half."""
    x0, x1 = numpy_runner.words(threefry.named_key(threefry.root_key(seed), name), np.arange(COUNT))
    words = (x0 ^ x1).astype(np.uint64)
    tail = ((words & np.uint64(0x7FFFFFFF)).astype(np.float64) + 0.5) / 2.0**32
    return tail, np.asarray(words >= np.uint64(1 << 31))


def distance(name: str, drawn: Any) -> float:
    """Return the largest distance of drawn values from SciPy's quantiles of their words, in stds.

    Less half a step of float32, which is the last rounding's.
    """
    exact = QUANTILES[name][1]
    tail, lower = tails(name, 5)
    expected = np.where(lower, exact.ppf(tail), exact.isf(tail))
    rounding = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64) / 2.0
    return float((np.abs(drawn.astype(np.float64) - expected) - rounding).max() / exact.std())


@by_variant
def test_values_are_the_quantiles_of_their_words(variant: Variant) -> None:
    """In every variant, within 2e-7 std of SciPy's; the stream of the next seed is not.

    test_tables looks at all tails of a table; this looks at what a draw returns for its words.
    """
    for name, (spec, _) in QUANTILES.items():
        assert distance(name, draw(variant, spec, (COUNT,), seed=5, name=name)) <= 2e-7
        assert distance(name, draw(variant, spec, (COUNT,), seed=6, name=name)) > 1.0


# --- orthogonality --------------------------------------------------------------------------------

MATRICES = (
    Case((96, 40), "OI"),
    Case((40, 96), "OI"),
    Case((64, 64), "OI"),
    Case((300, 1), "OI"),
    Case((24, 3, 5, 7), "OIHW"),
    Case((3, 3, 8, 100), "HWIO"),
    Case((24, 4, 3, 3), "(BO)IHW", (("B", 3),)),
)


def skewness(drawn: Any, case: Case) -> float:
    """Return max |Q^T Q - I| over a case's matrices of outputs by the rest, over sqrt(n)."""
    logical = drawn.astype(np.float64)
    if case.layout == "HWIO":
        logical = logical.transpose(3, 2, 0, 1)
    copies = dict(case.sizes).get("B", 1)
    matrices = logical.reshape(copies, logical.shape[0] // copies, -1)
    if matrices.shape[1] < matrices.shape[2]:
        matrices = matrices.swapaxes(1, 2)
    gram = matrices.swapaxes(1, 2) @ matrices
    return float(np.abs(gram - np.eye(gram.shape[1])).max()) / math.sqrt(matrices.shape[1])


@by_variant
def test_orthogonal_draws_are_orthogonal(variant: Variant) -> None:
    """Tall, wide, square, one column, and kernels: within 1e-6 sqrt(n); compiled, one kernel alone."""
    for case in MATRICES if variant in EAGER else MATRICES[4:5]:
        drawn = draw(variant, ui.orthogonal(), case.shape, seed=3, name="w", **case.options)
        assert skewness(drawn, case) <= 1e-6, case


@pytest.mark.parametrize("case", MATRICES, ids=str)
def test_independent_draws_are_not_orthogonal(case: Case) -> None:
    """Normals with an orthogonal matrix's std, and a matrix of which one entry is 1e-4 off, are refused."""
    law = ui.orthogonal().resolve(case.shape, **case.options)
    normals = ui.draw(ui.normal(0.0, law.std), case.shape, seed=3, name="w")
    assert skewness(normals, case) > 1e-3
    drawn = np.array(ui.draw(ui.orthogonal(), case.shape, seed=3, name="w", **case.options))
    drawn.reshape(-1)[np.abs(drawn).argmax()] += np.float32(1e-4)
    assert skewness(drawn, case) > 1e-6


# --- Haar's measure -------------------------------------------------------------------------------

ORDER, COPIES = 8, 4000
Z = 4.9  # standard errors: exceeded by chance once in a million times
P = 1e-6


def ours(rows: int = ORDER, columns: int = ORDER) -> Array:
    """Return matrices as the library draws them."""
    drawn = ui.draw(ui.orthogonal(), (COPIES, rows, columns), layout="BOI", seed=20261124, name="w")
    return np.asarray(drawn, dtype=np.float64)


def scipys(seed: int = 1) -> Array:
    """Return SciPy's own draws of Haar's measure."""
    generator = np.random.default_rng(seed)
    return np.asarray(stats.ortho_group(ORDER).rvs(COPIES, random_state=generator))


def unfixed() -> Array:
    """Return what a QR factorisation of normals gives as it is: orthogonal, but not uniform."""
    return np.linalg.qr(np.random.default_rng(2).standard_normal((COPIES, ORDER, ORDER))).Q


def signs(matrices: Array) -> float:
    """Return by how many standard errors the signs of the determinants are out of balance."""
    return abs(float(np.sign(np.linalg.det(matrices)).sum())) / math.sqrt(COPIES)


def traces(matrices: Array) -> float:
    """Return the largest distance of a moment of traces from Haar's, in standard errors.

    For O(8): E tr Q = 0, E (tr Q)^2 = 1, E (tr Q)^4 = 3, E tr Q^2 = 1, E (tr Q^2 - 1)^2 = 2.
    P. Diaconis and M. Shahshahani, "On the eigenvalues of random matrices", 1994.
    """
    one = np.trace(matrices, axis1=1, axis2=2)
    two = np.trace(matrices @ matrices, axis1=1, axis2=2)
    worst = 0.0
    for values, expected in ((one, 0.0), (one**2, 1.0), (one**4, 3.0), (two, 1.0), ((two - 1.0) ** 2, 2.0)):
        error = float(values.std()) / math.sqrt(COPIES)
        worst = max(worst, abs(float(values.mean()) - expected) / error)
    return worst


def entries(matrices: Array) -> float:
    """Return the least p-value of an entry, of nine: (q + 1) / 2 is Beta((n - 1) / 2, (n - 1) / 2).

    A column is uniform on the sphere in n dimensions, n being the longer side.
    """
    n = max(matrices.shape[1:])
    law = stats.beta((n - 1) / 2.0, (n - 1) / 2.0)
    rows, columns = ((0, size // 2, size - 1) for size in matrices.shape[1:])
    p = [stats.kstest((matrices[:, i, j] + 1.0) / 2.0, law.cdf).pvalue for i in rows for j in columns]
    return 9.0 * float(min(p))


def angles(matrices: Array) -> Array:
    """Return one angle a matrix: the smallest of the complex eigenvalues of those of determinant 1."""
    turned = np.linalg.eigvals(matrices[np.linalg.det(matrices) > 0.0])
    found: Array = np.abs(np.angle(turned)).min(axis=1)
    return found


def test_orthogonal_draws_have_haars_moments_and_entries() -> None:
    """Determinants balance; moments of traces and the law of entries are Haar's.

    A right generator fails for one seed in 100,000: six statistics with a rate of one in a million each,
    and an entry's.
    """
    matrices = ours()
    assert signs(matrices) < Z
    assert traces(matrices) < Z
    assert entries(matrices) > P


@pytest.mark.parametrize("shape", [(12, 4), (4, 12), (30, 29)])
def test_rectangular_draws_have_columns_on_the_sphere(shape: tuple[int, int]) -> None:
    """Tall and wide: each entry of the matrices is a coordinate of a point on the sphere."""
    assert entries(ours(*shape)) > P


def test_orthogonal_draws_are_as_scipys() -> None:
    """Traces, traces of squares and smallest angles have the same law as those of SciPy's ortho_group."""
    for statistic in (
        lambda q: np.trace(q, axis1=1, axis2=2),
        lambda q: np.trace(q @ q, axis1=1, axis2=2),
        angles,
    ):
        testing.assert_same_law(statistic(ours()), statistic(scipys()), alpha=P)


def test_the_haar_statistics_pass_scipys_draws() -> None:
    """So it is Haar's measure that they hold a draw to."""
    for seed in (1, 2):
        matrices = scipys(seed)
        assert signs(matrices) < Z
        assert traces(matrices) < Z
        assert entries(matrices) > P


def test_the_haar_statistics_see_a_missing_sign() -> None:
    """A QR factorisation whose signs are not fixed fails every one of them (F. Mezzadri, 2007)."""
    matrices = unfixed()
    assert np.abs(matrices.swapaxes(1, 2) @ matrices - np.eye(ORDER)).max() < 1e-12
    assert signs(matrices) > 2.0 * Z
    assert traces(matrices) > 2.0 * Z
    assert entries(matrices) < P**2
    with pytest.raises(AssertionError, match=r"^the samples do not have the same law"):
        testing.assert_same_law(np.trace(matrices, axis1=1, axis2=2), np.trace(scipys(), axis1=1, axis2=2))


def test_the_angles_see_another_measure() -> None:
    """The squares of uniform matrices are not uniform, and their smallest angles show it."""
    with pytest.raises(AssertionError, match=r"^the samples do not have the same law"):
        testing.assert_same_law(angles(scipys(1) @ scipys(1)), angles(scipys(2)))
