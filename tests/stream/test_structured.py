"""Tensors whose entries are not independent draws: orthogonal, sparse, and those without chance."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
from scipy import linalg, signal, stats
from tests.helpers.runners import RUNNERS, prepare_of, use

import unified_init as ui
from unified_init.law.layout import bind
from unified_init.stream import numpy_runner, threefry
from unified_init.stream.arrange import to_logical
from unified_init.stream.householder import Arithmetic, orthogonal, unitary

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None = None, **options: Any
) -> NDArray[Any]:
    """Draw with one seed and name."""
    defaults: dict[str, Any] = {"seed": 8, "name": "w"}
    drawn: NDArray[Any] = ui.draw(spec, shape, layout=layout, **(defaults | options))
    return drawn


def deviation(matrix: NDArray[Any]) -> float:
    """Return how far the shorter side of a matrix is from orthonormal."""
    wide = matrix.astype(np.complex128 if np.iscomplexobj(matrix) else np.float64)
    gram = wide.conj().T @ wide if wide.shape[0] >= wide.shape[1] else wide @ wide.conj().T
    return float(np.abs(gram - np.eye(len(gram))).max())


# --- orthogonal ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (2, 2),
        (7, 7),
        (64, 64),
        (65, 65),
        (200, 130),
        (130, 200),
        (300, 1),
        (1, 300),
        (500, 3),
        (129, 128),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
def test_rows_or_columns_are_orthonormal(shape: tuple[int, int], dtype: str, tolerance: float) -> None:
    """The Gram matrix of the shorter side is the identity to 1e-6 sqrt(n), in float64 to 1e-14 sqrt(n)."""
    matrix = draw(ui.orthogonal(), shape, dtype=dtype)
    assert matrix.dtype.name == dtype
    assert deviation(matrix) <= tolerance * math.sqrt(max(shape))


def test_the_gain_multiplies_an_orthogonal_matrix() -> None:
    """A gain of 2 doubles every entry exactly."""
    np.testing.assert_array_equal(draw(ui.orthogonal(2.0), (30, 20)), 2 * draw(ui.orthogonal(), (30, 20)))
    np.testing.assert_array_equal(
        draw(ui.orthogonal() * 0.5, (30, 20)), 0.5 * draw(ui.orthogonal(), (30, 20))
    )


@pytest.mark.parametrize(
    ("layout", "shape"), [("OIHW", (32, 3, 5, 2)), ("HWIO", (5, 2, 3, 32)), ("IOHW", (3, 32, 5, 2))]
)
def test_a_kernel_is_a_matrix_of_outputs_by_the_rest(layout: str, shape: tuple[int, ...]) -> None:
    """A convolution kernel is orthogonal as outputs by inputs and taps, in every layout the same one."""
    kernel = draw(ui.orthogonal(), shape, layout)
    logical = kernel.transpose([layout.index(axis) for axis in "OIHW"])
    assert deviation(logical.reshape(32, 30)) <= 1e-6 * math.sqrt(32)
    np.testing.assert_array_equal(logical, draw(ui.orthogonal(), (32, 3, 5, 2), "OIHW"))


def test_copies_are_separate_matrices() -> None:
    """A fused parameter holds one orthogonal matrix a copy, the first of which is the unfused one."""
    fused = draw(ui.orthogonal(), (3 * 16, 16), "(BO)I", sizes={"B": 3}).reshape(3, 16, 16)
    for matrix in fused:
        assert deviation(matrix) <= 4e-6
    assert not np.allclose(fused[0], fused[1], atol=0.1)
    np.testing.assert_array_equal(fused, draw(ui.orthogonal(), (3, 16, 16), "BOI"))
    np.testing.assert_array_equal(fused[0], draw(ui.orthogonal(), (16, 16)))


def test_an_orthogonal_draw_has_one_set_of_bits_on_one_machine() -> None:
    """Again the same, alone or sliced, and with other numbers of threads."""
    whole = draw(ui.orthogonal(), (150, 90))
    assert whole.tobytes() == draw(ui.orthogonal(), (150, 90)).tobytes()
    np.testing.assert_array_equal(
        whole[3:80:2, -5], draw(ui.orthogonal(), (150, 90), index=(slice(3, 80, 2), -5))
    )
    assert whole.tobytes() != draw(ui.orthogonal(), (150, 90), seed=9).tobytes()
    assert whole.tobytes() != draw(ui.orthogonal(), (150, 90), name="v").tobytes()


def test_a_vector_of_zeros_gives_an_orthogonal_matrix_too() -> None:
    """The stream may draw exact zeros; the reflection is then none."""
    for normals in (
        np.zeros((1, 1, 1), np.float32),
        np.zeros((1, 3, 3), np.float32),
        np.eye(3, dtype=np.float32)[None],
    ):
        assert deviation(orthogonal(Arithmetic(xp), normals)[0]) <= 1e-6
        assert deviation(unitary(Arithmetic(xp, lambda a, b: a + 1j * b), normals, 0 * normals)[0]) <= 1e-6


CUBES = 2000


def small_matrices() -> NDArray[np.float64]:
    """Return 2000 matrices of 3 by 3."""
    return draw(ui.orthogonal(), (CUBES, 3, 3), "BOI", seed=20261124).astype(np.float64)


def unfixed() -> NDArray[np.float64]:
    """Return the same matrices without the signs that make the law uniform (Mezzadri 2007)."""
    normals = draw(ui.normal(0, 1), (CUBES, 3, 3), seed=20261124).astype(np.float64)
    pivots = np.diagonal(normals, axis1=1, axis2=2)
    return small_matrices() * np.where(pivots < 0, 1.0, -1.0)[:, None, :]


def sign_score(matrices: NDArray[np.float64]) -> float:
    """Return by how many standard errors the signs of the determinants are out of balance."""
    return abs(float(np.sign(np.linalg.det(matrices)).sum())) / math.sqrt(len(matrices))


def angle_p(matrices: NDArray[np.float64]) -> float:
    """Return the p value of the angle of rotation: under Haar its CDF is (x - sin x) / pi."""
    rotations = matrices * np.sign(np.linalg.det(matrices))[:, None, None]
    cosine = np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1)
    return float(stats.kstest(np.arccos(cosine), lambda x: (x - np.sin(x)) / np.pi).pvalue)


def entry_p(matrices: NDArray[np.float64]) -> float:
    """Return the least p value of an entry: under Haar each is uniform on (-1, 1), as on any sphere in 3D."""
    uniform = stats.uniform(-1, 2).cdf
    return min(float(stats.kstest(matrices[:, i, j], uniform).pvalue) for i in range(3) for j in range(3))


def test_orthogonal_matrices_are_haar_distributed() -> None:
    """Determinants balance, angles of rotation and entries follow their laws.

    A right generator fails for one seed in 150,000 (4.5 standard errors), 10,000 (p of the angle)
    and 1,100 (p of nine entries); the seed is fixed.
    """
    matrices = small_matrices()
    assert sign_score(matrices) < 4.5
    assert angle_p(matrices) > 1e-4
    assert entry_p(matrices) > 1e-4


def test_the_haar_tests_see_a_missing_sign() -> None:
    """The same matrices without the signs of their pivots fail the tests above."""
    matrices = unfixed()
    assert max(deviation(matrix) for matrix in matrices[:50]) < 1e-5  # orthogonal all the same
    assert sign_score(matrices) > 4.5
    assert angle_p(matrices) < 1e-4
    assert entry_p(matrices) < 1e-4


def test_delta_orthogonal_is_a_matrix_at_the_earlier_middle_tap() -> None:
    """Tap (k - 1) // 2 holds an orthogonal matrix, the others zeros; odd and even sizes alike."""
    for taps in ((3, 4), (1, 2), (5, 1), (2, 2)):
        kernel = draw(ui.delta_orthogonal(), (24, 16, *taps), "OIHW")
        middle = tuple((size - 1) // 2 for size in taps)
        matrix = kernel[:, :, middle[0], middle[1]].copy()
        np.testing.assert_array_equal(matrix, draw(ui.orthogonal(), (24, 16)))
        kernel[:, :, middle[0], middle[1]] = 0
        assert not kernel.any()
    np.testing.assert_array_equal(
        draw(ui.delta_orthogonal(2.0), (3, 5, 6, 9), "HWIO").transpose(3, 2, 0, 1),
        draw(ui.delta_orthogonal(2.0), (9, 6, 3, 5), "OIHW"),
    )


# --- sparse -------------------------------------------------------------------------------------


def mask_words(count: int, *, seed: int, name: str) -> NDArray[np.uint32]:
    """Return the words of the stream name/mask, from the block function on Python's integers."""
    key = threefry.named_key((seed >> 32, seed % 2**32), f"{name}/mask")
    blocks = [threefry.block_of_ints(key, (0, i)) for i in range(count)]
    return np.array([x0 ^ x1 for x0, x1 in blocks], dtype=np.uint32)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.99, 1.0])
@pytest.mark.parametrize(
    ("shape", "layout", "sizes"),
    [((20, 7), None, None), ((7, 20), "IO", None), ((20, 3, 2), "OIW", None), ((40, 7), "(BO)I", {"B": 2})],
)
def test_the_smallest_words_of_each_column_are_zero(
    sparsity: float, shape: tuple[int, ...], layout: str | None, sizes: dict[str, int] | None
) -> None:
    """Exactly ceil(s rows) zeros a column, where the stream name/mask says; the rest is the normal draw."""
    seed = 2**40 + 3
    stored = draw(ui.sparse(sparsity, std=2.0), shape, layout, sizes=sizes, seed=seed)
    logical = stored.T if layout == "IO" else stored
    copies = 2 if sizes else 1
    drawn = logical.reshape(copies, 20, -1)
    words = mask_words(drawn.size, seed=seed, name="w").reshape(drawn.shape)
    zeros = math.ceil(sparsity * 20)
    expected = draw(ui.normal(0.0, 2.0), drawn.shape, seed=seed)
    for copy, column in itertools.product(range(copies), range(drawn.shape[2])):
        smallest = sorted(range(20), key=lambda i: (int(words[copy, i, column]), i))[:zeros]
        expected[copy, smallest, column] = 0.0
    np.testing.assert_array_equal(drawn, expected)
    assert ((drawn == 0).sum(axis=1) == zeros).all()


def test_ties_between_words_go_to_the_earlier_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """With equal words the first rows are zero."""

    def equal(
        key: tuple[int, int], logical: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        del key
        return np.full(logical.shape, 5, np.uint32), np.full(logical.shape, 9, np.uint32)

    monkeypatch.setattr(numpy_runner, "words", equal)
    zero = draw(ui.sparse(0.3), (10, 4)) == 0
    np.testing.assert_array_equal(zero, np.arange(10)[:, None] < np.full((1, 4), 3))


# --- without chance -----------------------------------------------------------------------------


def test_identity_is_the_identity() -> None:
    """Square, tall, wide, in each copy, with a gain; no seed is needed."""
    np.testing.assert_array_equal(ui.draw(ui.identity(), (3, 5)), np.eye(3, 5, dtype=np.float32))
    np.testing.assert_array_equal(ui.draw(ui.identity(0.5), (5, 3), layout="IO"), 0.5 * np.eye(5, 3))
    fused = ui.draw(ui.identity(), (12, 4), layout="(BO)I", sizes={"B": 3})
    np.testing.assert_array_equal(fused, np.concatenate([np.eye(4)] * 3))


@pytest.mark.parametrize("taps", [(3,), (4,), (3, 3), (2, 5), (1, 4, 3)])
@pytest.mark.parametrize(("outputs", "inputs"), [(4, 4), (6, 4), (4, 6)])
def test_dirac_copies_inputs_at_the_later_middle_tap(
    taps: tuple[int, ...], outputs: int, inputs: int
) -> None:
    """One at tap k // 2 of each pair of equal channels, zero elsewhere."""
    kernel = ui.draw(ui.dirac(), (outputs, inputs, *taps), layout="OI" + "DHW"[-len(taps) :])
    expected = np.zeros(kernel.shape)
    for channel in range(min(outputs, inputs)):
        expected[(channel, channel, *(size // 2 for size in taps))] = 1
    np.testing.assert_array_equal(kernel, expected)


def test_dirac_of_groups_is_one_dirac_a_group() -> None:
    """Outputs are split into groups, each of which copies the inputs."""
    whole = ui.draw(ui.dirac(3), (12, 4, 3, 3), layout="OIHW")
    one = ui.draw(ui.dirac(), (4, 4, 3, 3), layout="OIHW")
    np.testing.assert_array_equal(whole, np.concatenate([one] * 3))
    copies = ui.draw(ui.dirac(), (12, 4, 3, 3), layout="(BO)IHW", sizes={"B": 3})
    np.testing.assert_array_equal(copies, whole)


@pytest.mark.parametrize(("outputs", "inputs"), [(8, 4), (8, 7), (6, 4), (5, 1), (16, 16), (4, 9), (2, 1)])
def test_hadamard_is_zero_initialization(outputs: int, inputs: int) -> None:
    """A slice of SciPy's matrix over the root of its order where outputs are more, else the identity."""
    matrix = ui.draw(ui.hadamard(), (outputs, inputs), dtype="float64")
    if outputs <= inputs:
        np.testing.assert_array_equal(matrix, np.eye(outputs, inputs))
        return
    order = 1 << (outputs - 1).bit_length()
    np.testing.assert_allclose(
        matrix, linalg.hadamard(order)[:outputs, :inputs] / math.sqrt(order), rtol=1e-15
    )
    if order == outputs:
        assert deviation(matrix) < 1e-14


def test_hadamard_kernels_hold_the_matrix_at_the_middle_tap() -> None:
    """A convolution has it at k // 2, and zeros around it."""
    kernel = ui.draw(ui.hadamard(), (8, 4, 3, 2), layout="OIHW")
    np.testing.assert_array_equal(kernel[:, :, 1, 1], ui.draw(ui.hadamard(), (8, 4)))
    kernel[:, :, 1, 1] = 0
    assert not kernel.any()


def transposed_convolution(
    image: NDArray[np.float64], kernel: NDArray[np.float64], stride: int
) -> NDArray[np.float64]:
    """Return the full transposed convolution of one channel."""
    size = kernel.shape[0]
    out = np.zeros([(length - 1) * stride + size for length in image.shape])
    for y, x in np.ndindex(*image.shape):
        out[y * stride : y * stride + size, x * stride : x * stride + size] += image[y, x] * kernel
    return out


@pytest.mark.parametrize(("size", "factor"), [(1, 1), (4, 2), (5, 3), (8, 4), (9, 5)])
def test_bilinear_upsampling_interpolates_a_ramp(size: int, factor: int) -> None:
    """In the interior, a plane comes out as the plane of 1 / factor the slope, exactly."""
    kernel = ui.draw(ui.bilinear_upsampling(), (3, 3, size, size), layout="IOHW", dtype="float64")
    ramp = 3.0 * np.arange(7)[:, None] - 2.0 * np.arange(7)[None, :] + 1.0
    out = transposed_convolution(ramp, kernel[1, 1], factor)[size:-size, size:-size]
    np.testing.assert_allclose(np.diff(out, axis=0), 3.0 / factor, rtol=1e-12)
    np.testing.assert_allclose(np.diff(out, axis=1), -2.0 / factor, rtol=1e-12)
    flat = transposed_convolution(np.ones((7, 7)), kernel[1, 1], factor)[size:-size, size:-size]
    np.testing.assert_allclose(flat, 1.0, rtol=1e-12)


def test_bilinear_upsampling_keeps_channels_apart() -> None:
    """Every pair of different channels is zero; the axis of one dimension works too."""
    kernel = ui.draw(ui.bilinear_upsampling(), (4, 4, 2, 3), layout="HWIO")
    for i, o in itertools.product(range(2), range(3)):
        np.testing.assert_array_equal(kernel[:, :, i, o], kernel[:, :, 0, 0] if i == o else np.zeros((4, 4)))
    line = ui.draw(ui.bilinear_upsampling(), (4, 1, 1), layout="WIO")
    np.testing.assert_array_equal(line[:, 0, 0], [0.25, 0.75, 0.75, 0.25])


WINDOWS = ["hann", "hamming", "blackman", "boxcar", None]


@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("periodic", [False, True])
def test_stft_is_a_windowed_fourier_transform(
    side: str, window: str | None, scaling: str | None, *, periodic: bool
) -> None:
    """window[t] cos(2 pi t f / F) over the norm, minus sin on the imaginary side, as SciPy has it."""
    length, frequencies = 20, 9
    kernel = ui.draw(ui.stft(side, window, scaling, periodic), (length, 1, frequencies), dtype="float64")
    angle = 2 * np.pi * np.arange(length)[:, None] * np.arange(frequencies)[None, :] / (2 * (frequencies - 1))
    expected = np.cos(angle) if side == "real" else -np.sin(angle)
    if window is not None:
        taper = signal.get_window(window, length, fftbins=periodic)
        norm = {"density": math.sqrt((taper**2).sum()), "spectrum": np.abs(taper).sum(), None: 1.0}[scaling]
        expected = expected * (taper / norm)[:, None]
    np.testing.assert_allclose(kernel[:, 0, :], expected, atol=1e-14)
    single = ui.draw(ui.stft(side, window, scaling, periodic), (length, 1, frequencies), layout="WIO")
    np.testing.assert_array_equal(single, kernel.astype(np.float32))


@pytest.mark.parametrize("window", WINDOWS)
def test_stft_of_one_sample_is_finite(window: str | None) -> None:
    """A window of length 1 is 1; one that is zero everywhere is not divided by zero."""
    assert ui.draw(ui.stft(window=window), (1, 1, 3)).reshape(-1).tolist() == [1.0, 1.0, 1.0]
    assert np.isfinite(ui.draw(ui.stft(window=window), (2, 1, 3))).all()


# --- made from others ---------------------------------------------------------------------------


def test_icnr_repeats_the_base_draw() -> None:
    """Each group of r**2 outputs is one output of the base, drawn with a r**2 fewer outputs."""
    spec, base = ui.icnr(ui.he_normal(), 2), ui.he_normal()
    kernel = draw(spec, (16, 3, 5, 4), "OIHW")
    np.testing.assert_array_equal(kernel, np.repeat(draw(base, (4, 3, 5, 4), "OIHW"), 4, axis=0))
    np.testing.assert_array_equal(draw(spec, (5, 4, 3, 16), "HWIO").transpose(3, 2, 0, 1), kernel)
    line = draw(ui.icnr(ui.uniform(0, 1), 3), (6, 2, 5), "OIW")
    np.testing.assert_array_equal(line, np.repeat(draw(ui.uniform(0, 1), (2, 2, 5), "OIW"), 3, axis=0))
    fused = draw(spec, (16, 3, 5, 4), "(BO)IHW", sizes={"B": 2})
    copies = draw(base, (4, 3, 5, 4), "(BO)IHW", sizes={"B": 2})
    np.testing.assert_array_equal(fused, np.repeat(copies, 4, axis=0))


@pytest.mark.parametrize(
    ("shape", "layout", "sizes"),
    [
        ((32, 6, 3, 5), "(OB)IHW", {"B": 2}),
        ((96, 3, 5), "(OI)HW", {"I": 6}),
        ((3, 5, 96), "HW(OI)", {"I": 6}),
        ((3, 96, 5), "H(IO)W", {"O": 16}),
        ((8192, 3, 1), "(OB)HW", {"B": 2}),
        ((40, 3, 6), "(BOI)WI", {"B": 2, "O": 5 * 4}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "complex64"])
@pytest.mark.parametrize("name", RUNNERS)
def test_icnr_is_the_same_kernel_wherever_its_outputs_are_merged(
    name: str,
    shape: tuple[int, ...],
    layout: str,
    sizes: dict[str, int],
    dtype: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outside of another role too, by every runner: equal to the kernel whose axes are apart."""
    use(monkeypatch, prepare_of(name))
    spec = ui.icnr(ui.normal(0.0, 1.0), 2)
    geometry = bind(shape, layout, sizes)
    apart = "".join(digit.role for digit in geometry.digits)
    whole = draw(spec, shape, layout, sizes=sizes, dtype=dtype)
    expected = draw(spec, geometry.logical_shape, apart, dtype=dtype)
    assert np.ascontiguousarray(to_logical(np, whole, geometry)).tobytes() == expected.tobytes()


def test_icnr_of_factor_1_is_the_base() -> None:
    """Nothing is repeated, and no layout is asked for."""
    assert ui.icnr(ui.he_normal(), 1) == ui.he_normal()
    np.testing.assert_array_equal(draw(ui.icnr(ui.normal(0, 1), 1), (3, 4)), draw(ui.normal(0, 1), (3, 4)))


def test_icnr_scales_with_the_fan_of_the_base() -> None:
    """fan_out counts the outputs before they are repeated."""
    fan_out = ui.variance_scaling(1.0, "fan_out", "untruncated_normal")
    kernel = draw(ui.icnr(fan_out, 2), (16, 3, 5, 4), "OIHW")
    np.testing.assert_array_equal(kernel, np.repeat(draw(fan_out, (4, 3, 5, 4), "OIHW"), 4, axis=0))


@pytest.mark.parametrize("value", [2.5, [1, 2, 3], [[1], [2]], [[1, 2, 3], [4, 5, 6]], [[[7]]]])
def test_constants_broadcast_as_in_numpy(value: Any) -> None:
    """In storage order, whatever the layout."""
    expected = np.broadcast_to(np.asarray(value, np.float32), (4, 2, 3))
    for layout in (None, "BOI", "IOB"):
        np.testing.assert_array_equal(ui.draw(ui.constant(value), (4, 2, 3), layout=layout), expected)
    np.testing.assert_array_equal(ui.draw(ui.constant(value) * 2, (4, 2, 3)), 2 * expected)
    np.testing.assert_array_equal(ui.draw(ui.zeros(), (4, 2)), np.zeros((4, 2)))
    np.testing.assert_array_equal(ui.draw(ui.ones(), ()), np.ones(()))


def test_a_law_without_chance_ignores_the_seed() -> None:
    """No seed is needed, and any is taken."""
    for spec in (ui.zeros(), ui.identity(), ui.hadamard()):
        np.testing.assert_array_equal(ui.draw(spec, (3, 3)), ui.draw(spec, (3, 3), seed=1, name="x"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_no_entry_of_an_orthogonal_matrix_is_beyond_its_ends(dtype: str) -> None:
    """Where one is 1 or nearly so, rounding might leave it larger."""
    for shape in ((1, 1), (1, 2), (2, 2)):
        drawn = [ui.draw(ui.orthogonal(), shape, layout="OI", seed=seed, dtype=dtype) for seed in range(200)]
        assert max(float(np.abs(matrix.astype(np.float64)).max()) for matrix in drawn) <= 1.0
