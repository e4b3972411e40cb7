"""Complex values that have a modulus and an angle: their laws, their accuracy, their bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.law.complex_law import complex_law, modulus_std
from unified_init.law.unit_values import UnitDisk, UnitTruncatedModulus
from unified_init.stream import polar
from unified_init.stream.numpy_runner import words
from unified_init.stream.threefry import named_key, root_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

DTYPES = ("complex64", "complex128")
SPECS = {
    "disk": ui.he_uniform(),
    "truncated": ui.he_normal(),
    "parent": ui.truncated_normal(0.0, 0.3, -1.5, 1.5),
    "narrow": ui.truncated_normal(0.0, 0.3, -1e-3, 1e-3),
    "far": ui.truncated_normal(0.0, 0.3, -9.0, 9.0),
}
# SHA-256 of draws of seed 7 and name "w", as ``ui.digest`` gives it.
GOLDEN: dict[tuple[str, str], str] = {
    ("disk", "complex64"): "92503211a593fb1f3620c7493cdc0b2d05898be3bb1ea3760f18b9ef0419eb70",
    ("disk", "complex128"): "9731b129b61cf542dff36916e180adc1cadbeae8d48dc581d080ac47fba71057",
    ("truncated", "complex64"): "a410cd9778a61695d24f7378873949ce7ff321e4188d1057a1562fb9b942dfcf",
    ("truncated", "complex128"): "1c6a386d2bd77c5d5e76b2137185e20b1adea42f497fd7c01254ffff4bf67672",
    ("parent", "complex64"): "aec44113b0ccb1fb9b66febe41ed7910f258daaf8533385280af92e2c9842d41",
    ("parent", "complex128"): "ba936340cf38c6f5c2b84f9b36a38b2e7482a56910698d9395eed39d53641665",
    ("narrow", "complex64"): "7fd8bcaa05bba3b7eea67fe19611e7a405734df0a65e3e5c2822875fd9590d52",
    ("narrow", "complex128"): "48cf891a9f29cd4b4459de9d2208ecdd910e232a335c33a87e7e5882a177e99b",
    ("far", "complex64"): "e7af91f7a44e3b873a5ccce6c03cc189a924a31d953cd09555254535890e141e",
    ("far", "complex128"): "b3706fb1617f0c06dc5ab6bab04bceaaf99ee6990ed459c7937f984ae93b22b6",
}


def draw(name: str, dtype: str, shape: tuple[int, int] = (300, 200), **options: Any) -> NDArray[Any]:
    """Draw one of the specs."""
    drawn: NDArray[Any] = ui.draw(SPECS[name], shape, seed=7, name="w", layout="OI", dtype=dtype, **options)
    return drawn


def test_a_scale_rule_asks_for_the_mean_square_of_the_modulus() -> None:
    """E|w|^2 is the variance that the rule has; of a parent's std, less what the truncation takes."""
    law = ui.he_normal().resolve((30, 8), layout="OI")
    assert complex_law(law, "complex64").std == pytest.approx(0.5)
    # exp(-4) of the mass is outside, and 5 exp(-4) of the square.
    assert modulus_std(2.0) == pytest.approx(
        math.sqrt((1 - 5 * math.exp(-4)) / (1 - math.exp(-4))), rel=1e-15
    )
    disk = complex_law(ui.he_uniform().resolve((30, 8), layout="OI"), "complex64")
    assert disk.unit == UnitDisk()
    assert disk.std == pytest.approx(0.5)
    assert disk.scale == pytest.approx(0.5 * math.sqrt(2))
    parent = complex_law(SPECS["parent"].resolve(4), "complex64")
    assert parent.unit == UnitTruncatedModulus(1.5)
    assert parent.scale == pytest.approx(0.3)
    assert parent.high == pytest.approx(0.45)


@pytest.mark.parametrize("upper", [1e-5, 0.3, 1.0, 2.0, 5.0, 30.0])
def test_the_std_of_a_truncated_modulus_is_its_integral(upper: float) -> None:
    """Against the integral of r^2 under the density 2 r exp(-r^2), by Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    reach = min(upper, 7.0)
    r = (nodes + 1) * reach / 2
    density = weights * r * np.exp(-(r**2))
    assert modulus_std(upper) == pytest.approx(math.sqrt((density * r**2).sum() / density.sum()), rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECS)
def test_values_are_the_exact_quantiles(name: str, dtype: str) -> None:
    """Every value is within 2e-7 (1e-12) stds of the modulus and the angle of its words."""
    spec, size = SPECS[name], 4000
    law = complex_law(spec.resolve((100, 40), layout="OI"), dtype)
    drawn = draw(name, dtype, (100, 40)).astype(np.complex128).reshape(-1)
    key = named_key(root_key(7), "w")
    index = np.arange(size)
    if dtype == "complex64":
        first, second = (word / 2.0**32 for word in words(key, index))
        half = 2.0**-33
    else:
        high, low = words(key, 2 * index)
        first = high / 2.0**32 + low / 2.0**64
        high, low = words(key, 2 * index + 1)
        second = high / 2.0**32 + low / 2.0**64
        half = 2.0**-65
    # The top bit is set in the lower half, and the other bits count from the far end of a half.
    p = np.where(first >= 0.5, first - 0.5 + half, 1.0 - first - half)
    if isinstance(law.unit, UnitDisk):
        modulus = np.sqrt(p)
    else:
        assert isinstance(law.unit, UnitTruncatedModulus)
        modulus = np.sqrt(-np.log1p(p * np.expm1(-(law.unit.upper**2))))
    exact = law.scale * modulus * np.exp(2j * np.pi * second)
    allowed = 2e-7 + 2.0**-24 if dtype == "complex64" else 1e-12
    assert np.abs(drawn - exact).max() <= allowed * max(law.std, law.scale * min(law.high / law.scale, 2.0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECS)
def test_no_modulus_is_beyond_the_end(name: str, dtype: str) -> None:
    """But for the rounding of its two parts."""
    law = complex_law(SPECS[name].resolve((300, 200), layout="OI"), dtype)
    largest = np.abs(draw(name, dtype).astype(np.complex128)).max()
    assert 0.5 * law.high < largest <= law.high * (1 + 2.0**-24) or name == "far"


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_axes_of_the_plane_are_equal(dtype: str) -> None:
    """Both words are used, and cosine and sine of one table: four words a quarter apart are four rotations."""
    law = complex_law(SPECS["disk"].resolve((30, 8), layout="OI"), dtype)
    bits = 32 if dtype == "complex64" else 64
    table = polar.polar_table(law, bits)
    quarters = np.array([0, 1, 2, 3], np.uint32) << np.uint32(30)
    modulus, low = np.full(4, 12345, np.uint32), np.full(4, 777, np.uint32)
    real: NDArray[Any]
    imaginary: NDArray[Any]
    if bits == 32:
        real, imaginary = polar.values32(table, modulus, quarters + np.uint32(777 << 6))
    else:
        real, imaginary = polar.values64(table, (modulus, low), (quarters, low))
    unit = table.unit
    rotated = (real + 1j * imaginary) * np.array([1, -1j, -1, 1j])
    assert np.abs(rotated - rotated[0]).max() <= 3 * unit + 2.0**-23 * abs(rotated[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["disk", "truncated"])
def test_a_value_depends_on_its_logical_index_alone(name: str, dtype: str) -> None:
    """Slices, layouts and blocks of a large tensor change nothing."""
    whole = draw(name, dtype)
    np.testing.assert_array_equal(whole[5:90:7, -3], draw(name, dtype, index=(slice(5, 90, 7), -3)))
    other = ui.draw(SPECS[name], (200, 300), seed=7, name="w", layout="IO", dtype=dtype)
    np.testing.assert_array_equal(whole, other.T)
    large = draw(name, dtype, (1300, 1000))  # several threads and blocks
    np.testing.assert_array_equal(large[1111], draw(name, dtype, (1300, 1000), index=1111))


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_with_ends_has_them_in_both_parts(dtype: str) -> None:
    """As torch's uniform_ on a complex tensor: the parts are independent, each with the law."""
    drawn = ui.draw(ui.uniform(-1.0, 3.0), (400, 100), seed=1, dtype=dtype)
    for part in (drawn.real, drawn.imag):
        assert -1.0 < part.min() < -0.99
        assert 2.99 < part.max() < 3.0
        assert abs(part.mean() - 1.0) < 5 * (4 / math.sqrt(12)) / 200
    assert abs(np.corrcoef(drawn.real.ravel(), drawn.imag.ravel())[0, 1]) < 5 / 200


def test_filled_arrays_have_the_drawn_values() -> None:
    """fill() and draw() agree, in place too."""
    array = np.empty((30, 20), np.complex64)
    ui.fill(array, SPECS["truncated"], seed=7, name="w", layout="OI")
    np.testing.assert_array_equal(array, draw("truncated", "complex64", (30, 20)))


@pytest.mark.parametrize("key", GOLDEN)
def test_golden_digests(key: tuple[str, str]) -> None:
    """The bits of a release stay."""
    assert ui.digest(draw(*key, (30, 20)), layout="OI") == GOLDEN[key]


def test_a_real_type_cannot_hold_complex_constants() -> None:
    """Nor may an imaginary part be lost."""
    with refused(ui.ArgumentValueError):
        ui.draw(ui.constant(1 + 2j), (2, 2))
    np.testing.assert_array_equal(
        ui.draw(ui.constant([1, 2j]), (2, 2), dtype="complex64"), np.array([[1, 2j]] * 2, np.complex64)
    )
    assert ui.constant(2 + 0j) == ui.constant(2.0)
    assert ui.draw(ui.constant(1 + 2j) * 2, 1, dtype="complex128")[0] == 2 + 4j


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(90, 130), (130, 40), (1, 1), (5, 0)])
def test_orthogonal_is_unitary_in_complex_types(dtype: str, shape: tuple[int, int]) -> None:
    """The shorter side is orthonormal under the inner product of complex vectors."""
    matrix = ui.draw(ui.orthogonal(2.0), shape, seed=3, layout="OI", dtype=dtype).astype(np.complex128) / 2
    gram = matrix @ matrix.conj().T if shape[0] <= shape[1] else matrix.conj().T @ matrix
    assert np.abs(gram - np.eye(len(gram))).max(initial=0) <= (1e-6 if dtype == "complex64" else 1e-14)


def test_unitary_matrices_are_haar_distributed() -> None:
    """E|tr U|^2 = 1, E|tr U|^4 = 2 (of n >= 2), and the phase of a trace has no direction."""
    count = 6000
    drawn = ui.draw(ui.orthogonal(), (count, 3, 3), seed=11, layout="BOI", dtype="complex128")
    traces = np.trace(drawn, axis1=1, axis2=2)
    squares = np.abs(traces) ** 2
    assert abs(squares.mean() - 1) < 5 * squares.std() / math.sqrt(count)
    assert abs((squares**2).mean() - 2) < 5 * (squares**2).std() / math.sqrt(count)
    for power in (1, 2, 3):
        assert abs((traces**power).mean()) < 5 * math.sqrt((squares**power).mean() / count)


def test_the_draw_of_a_unitary_matrix_is_that_of_complex_normals() -> None:
    """It is the Q of the QR of the normals with a positive diagonal of R, transformed column by column."""
    first = ui.draw(ui.normal(0.0, 1.0), (40, 1), seed=3, name="u", dtype="complex128")[:, 0]
    column = ui.draw(ui.orthogonal(), (40, 1), seed=3, name="u", layout="OI", dtype="complex128")[:, 0]
    np.testing.assert_allclose(column, first / np.linalg.norm(first), rtol=0, atol=1e-14)


def test_a_complex_delta_orthogonal_kernel_is_unitary_at_the_middle() -> None:
    """And zero elsewhere."""
    kernel = ui.draw(ui.delta_orthogonal(), (3, 3, 8, 12), seed=0, layout="HWIO", dtype="complex64")
    middle = kernel[1, 1].astype(np.complex128)
    assert np.count_nonzero(kernel) == 96
    assert np.abs(middle @ middle.conj().T - np.eye(8)).max() <= 1e-6


def test_the_largest_number_bounds_the_modulus() -> None:
    """A law that complex64 cannot hold is refused, as in real types."""
    with refused(ui.ArgumentValueError):
        ui.draw(ui.truncated_normal(0.0, 1e39), 3, seed=0, dtype="complex64")


def test_float32_matrices_are_as_orthogonal_as_torch_makes_them() -> None:
    """The largest |Q^T Q - I| is at most 6e-7 at 1024 squared, which torch's QR has."""
    matrix = ui.draw(ui.orthogonal(), (1024, 1024), seed=0, layout="OI").astype(np.float64)
    assert np.abs(matrix.T @ matrix - np.eye(1024)).max() <= 6e-7


def test_cosines_are_those_of_the_angles() -> None:
    """Of 2**16 angles, within 3e-8 and 2e-14."""
    angles = np.random.default_rng(0).integers(2**32, size=2**16, dtype=np.uint32)
    exact = np.cos(angles.astype(np.float64) / 2**32 * 2 * np.pi)
    law = complex_law(SPECS["disk"].resolve((30, 8), layout="OI"), "complex64")
    table32, table64 = polar.polar_table(law, 32), polar.polar_table(law, 64)
    short = polar._cosine32(table32.cosines, angles) / 2.0**30
    assert np.abs(short - np.cos(((angles >> 6) + 0.5) / 2**26 * 2 * np.pi)).max() <= 3e-8
    assert np.abs(short - exact).max() <= 1.3e-7
    long = polar._cosine64(table64.cosines, angles.astype(np.uint64) << np.uint64(32)) / 2.0**60
    assert np.abs(long - exact).max() <= 2e-14
