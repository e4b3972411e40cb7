"""The compiled statistics against NumPy's, in every instruction set of this processor."""

from __future__ import annotations

import functools
import math
import os
import shutil
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.runners import COMPILED

import unified_init as ui
from unified_init.stream.dtypes import DTYPES
from unified_init.testing.cells import Cells, cell_count, equal_cells, lattice
from unified_init.testing.compiled import in_threads
from unified_init.testing.dependence import repeated
from unified_init.testing.figures import numpy_figures
from unified_init.testing.populations import population_of
from unified_init.testing.power_sums import power_sums_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.testing.c_survey import Kernels

pytestmark = pytest.mark.needs("c")

SHAPES = [(100,), (4097,), (1, 130), (64, 64), (33, 257), (12, 7, 3, 5), (2, 1, 70, 1), (300, 220)]
DTYPE_NAMES = ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn"]


@pytest.fixture(params=COMPILED)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """Return the functions of one instruction set."""
    from unified_init.testing.c_survey import KERNELS, kernels_of

    return KERNELS if request.param == "best" else kernels_of(request.param)


def drawn(shape: tuple[int, ...], dtype: str) -> tuple[NDArray[Any], Cells, Law]:
    """Return normal values with the cells of their law."""
    spec = ui.normal(0.1, 0.02)
    sample, law = (
        np.asarray(ui.draw(spec, shape, seed=len(shape), name="w", dtype=dtype)),
        spec.resolve(shape),
    )
    population = population_of(law, dtype)
    cells = lattice(population) if population.dtype.narrow else equal_cells(law.unit, cell_count(sample.size))
    assert cells is not None
    return sample, cells, law


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_numbers_are_those_of_numpy(kernels: Kernels, shape: tuple[int, ...], dtype: str) -> None:
    """Distances, correlations and spreads; a shift of the law's mean shows in both alike."""
    sample, cells, law = drawn(shape, dtype)
    figures, expected = kernels.figures(sample, cells, law), numpy_figures(sample, cells, law)
    assert figures.distance == pytest.approx(expected.distance, rel=1e-9)
    assert figures.integral == pytest.approx(expected.integral, rel=1e-9)
    assert figures.serial == pytest.approx(expected.serial, abs=1e-3)
    assert figures.neighbors == pytest.approx(expected.neighbors, abs=1e-3)
    assert [entry[:2] for entry in figures.spreads] == [entry[:2] for entry in expected.spreads]
    totals = [entry[2] for entry in expected.spreads]
    assert [entry[2] for entry in figures.spreads] == pytest.approx(totals, rel=1e-5)


def with_repeats(shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """Yield values without repeats, with a block and columns twice, with a constant part, and of zeros."""
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    yield values
    copied = values.copy().reshape(-1)
    copied[-30:] = copied[:30]
    yield copied.reshape(shape)
    yield np.concatenate([values, values[..., :1]], axis=-1)
    constant = values.copy()
    constant.reshape(-1)[10:70] = 0.5
    yield constant
    yield np.copysign(np.float32(0.0), values)


def bits(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Return integers that are equal where values are: 0.0 and -0.0 too."""
    return (values + np.float32(0.0)).view(np.uint32)


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("most", [None, 1 << 12])
@pytest.mark.parametrize("length", [2, 4, 9])
@pytest.mark.parametrize("shape", [(100,), (70, 90), (12, 7, 3, 5), (200, 200)], ids=str)
def test_runs_that_occur_twice_are_those_of_numpy(
    kernels: Kernels, shape: tuple[int, ...], length: int, most: int | None, *, is_reversed: bool
) -> None:
    """The same number, whether chosen by content, or all found by the values that are there twice."""
    for values in with_repeats(shape):
        words = bits(values).T.reshape(-1) if is_reversed else bits(values).reshape(-1)
        expected = repeated(words, length, most)
        assert kernels.repeated(values, length, most, is_reversed=is_reversed) == expected
        if most is None:
            different, twice = kernels.twice(values.reshape(-1), values.size)
            assert different == np.unique(words).size
            assert kernels.repeated_at(values, length, twice, is_reversed=is_reversed) == expected


def test_different_values_of_the_first_ones(kernels: Kernels) -> None:
    """Values that only later ones repeat count as one; narrow types are counted by their bits."""
    values = np.random.default_rng(0).integers(-500, 500, 3000).astype(np.float32)
    values[::3] *= 0.0
    for first in (1, 100, 2999, 3000):
        assert kernels.twice(values, first)[0] == np.unique(values[:first]).size
    for dtype in ("bfloat16", "float16"):
        narrow = (values / 7).astype(DTYPES[dtype].numpy)
        assert kernels.different(narrow) == np.unique(narrow.astype(np.float32)).size


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("size", [1, 15, 16, 4095, 100_000])
def test_moments_are_those_of_float64(kernels: Kernels, size: int, dtype: str) -> None:
    """Ends exactly, of subnormal values too, and the sums within the rounding of float32."""
    values = (np.random.default_rng(size).standard_normal(size) * 3.0).astype(DTYPES[dtype].numpy)
    values[-1:] = 2.0**-24
    exact = values.astype(np.float64)
    low, high, *sums = kernels.moments(values, 0.25, 0.5)
    assert (low, high) == (exact.min(), exact.max())
    standard = (exact - 0.25) * 0.5
    powers = [(standard**power).sum() for power in range(1, 5)]
    scales = [(np.abs(standard) ** power).sum() for power in range(1, 5)]
    for total, power, scale in zip(sums, powers, scales, strict=True):
        assert total == pytest.approx(power, abs=1e-5 * scale)
    mean, std = kernels.head(values)
    assert (mean, std) == pytest.approx((exact.mean(), exact.std()), rel=1e-12, abs=1e-15)
    for odd in (math.nan, math.inf):
        values[size // 2] = odd
        assert not math.isfinite(kernels.moments(values, 0.25, 0.5)[3])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("size", [1000, 70_000])
def test_values_of_nearly_no_spread_are_summed_without_a_warning(dtype: str, size: int) -> None:
    """Their reciprocal is no float: the sums say that nothing can be told, and no warning is an error."""
    tiny = np.finfo(dtype).smallest_subnormal
    values = np.where(np.arange(size) % 2, tiny, 0).astype(dtype)
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        sums = power_sums_of(values)
    assert (sums.low, sums.high) == (0.0, float(tiny))


def test_jobs_in_threads_keep_their_order_and_raise() -> None:
    """The results are in the order of the jobs; an error in any thread is raised here."""
    jobs = [functools.partial(pow, number, 2) for number in range(50)]
    assert in_threads(jobs) == [number * number for number in range(50)]

    def fails() -> int:
        raise KeyError

    with pytest.raises(KeyError):
        in_threads([lambda: 1, fails, lambda: 2])


def test_a_library_of_another_source_is_not_used(tmp_path: Path) -> None:
    """An audit computes in NumPy then, with the same verdict."""
    import pathlib

    package = pathlib.Path(ui.__file__).parent
    copy = tmp_path / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "testing" / "c_survey.c").open("a", encoding="utf-8") as file:
        file.write("/* changed */")
    code = (
        "import numpy as np, unified_init as ui\n"
        "from unified_init.testing.compiled import compiled\n"
        "from unified_init.testing.power_sums import power_sums_of\n"
        "print(compiled(), power_sums_of(np.arange(5.0)).mean)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["None", "2.0"]
