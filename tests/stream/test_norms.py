"""Matrices that are scaled to a norm."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.law.unit_values import NormedValues
from unified_init.stream.norms import norm_of, scaled_to_norm
from unified_init.testing import assert_follows, examine, family_p

NILPOTENT = NormedValues(ui.normal(0, 1).resolve((3, 3)), "spectral_radius", 1, 3, 3)
NORMS = {
    "frobenius": lambda w: float(np.sqrt((w * w).sum())),
    "spectral": lambda w: float(np.linalg.norm(w, 2)),
    "spectral_radius": lambda w: float(np.abs(np.linalg.eigvals(w)).max()),
}
BASES = {
    "normal": ui.normal(0.0, 1.0),
    "uniform": ui.uniform(0.0, 1.0),
    "sparse": ui.sparse(0.9),
    "orthogonal": ui.orthogonal(),
    "by a fan": ui.he_normal(),
}
SUMS = {
    "sum": ui.identity(-0.7) + ui.normal(0.0, 0.01),
    "of numbers": ui.sparse(0.5) + 0.1,
    "product": ui.along("I", [1.0 / k for k in range(1, 21)]) * ui.he_normal(),
    "product of a matrix": ui.along("I", [1.0 / k for k in range(1, 21)]) * (ui.orthogonal()),
    "mixture": ui.mixture([0.5, 0.5], [ui.normal(0.0, 1.0), ui.rademacher()]) - ui.uniform(0.0, 1.0),
    "of norms": ui.with_norm(ui.he_normal(), "frobenius") + ui.with_norm(ui.orthogonal(), "spectral", 0.5),
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("base", BASES)
def test_a_matrix_has_its_norm(base: str, norm: str) -> None:
    """The norm is the value to float32's rounding, and the matrix a multiple of what the base draws."""
    spec = ui.with_norm(BASES[base], norm, 0.95)
    matrix = ui.draw(spec, (60, 60), layout="OI", seed=0, name="w")
    assert NORMS[norm](matrix.astype(np.float64)) == pytest.approx(0.95, rel=3e-6)
    drawn = ui.draw(BASES[base], (60, 60), layout="OI", seed=0, name="w").astype(np.float64)
    np.testing.assert_allclose(matrix, drawn * (0.95 / NORMS[norm](drawn)), rtol=2e-6, atol=0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("base", SUMS)
def test_a_sum_or_a_product_has_its_norm(base: str, norm: str) -> None:
    """The terms keep their own streams, under the name that the base would have."""
    options: dict[str, Any] = {"layout": "OI", "seed": 0, "name": "w"}
    matrix = ui.draw(ui.with_norm(SUMS[base], norm, 0.95), (20, 20), **options)
    drawn = ui.draw(SUMS[base], (20, 20), **options).astype(np.float64)
    np.testing.assert_allclose(matrix, drawn * (0.95 / NORMS[norm](drawn)), rtol=2e-6, atol=0)
    part = ui.draw(ui.with_norm(SUMS[base], norm, 0.95), (20, 20), index=(slice(3, 9), 2), **options)
    assert (part == matrix[3:9, 2]).all()


@pytest.mark.parametrize("norm", NORMS)
def test_in_float64_the_norm_is_exact_to_40_bits(norm: str) -> None:
    """The rounding of the norm that makes it independent of threads is far below what anybody measures."""
    matrix = ui.draw(ui.with_norm(ui.normal(0, 1), norm), (40, 40), seed=0, name="w", dtype="float64")
    assert NORMS[norm](matrix) == pytest.approx(1.0, rel=1e-11)


@pytest.mark.parametrize("norm", NORMS)
def test_every_group_has_its_own_norm(norm: str) -> None:
    """Independent groups are scaled apart, in any layout, to the bit."""
    spec = ui.with_norm(ui.normal(0, 1), norm, 2.0)
    kernel = ui.draw(spec, (30, 10), layout="(BO)I", sizes={"B": 3}, seed=0, name="w")
    for matrix in kernel.astype(np.float64).reshape(3, 10, 10):
        assert NORMS[norm](matrix) == pytest.approx(2.0, rel=3e-6)
    stacked = ui.draw(spec, (10, 3, 10), layout="IBO", seed=0, name="w")
    assert (stacked.transpose(1, 2, 0).reshape(30, 10) == kernel).all()


def test_a_kernel_is_a_matrix_of_outputs() -> None:
    """Rows are outputs, columns are inputs and kernel positions."""
    kernel = ui.draw(ui.with_norm(ui.normal(0, 1), "spectral"), (3, 3, 5, 7), layout="HWIO", seed=0, name="w")
    matrix = kernel.astype(np.float64).reshape(45, 7)
    assert np.linalg.norm(matrix, 2) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_slices_and_narrow_types_are_of_the_whole(norm: str) -> None:
    """A slice has the whole's bits, and bfloat16 the rounding of float32."""
    spec = ui.with_norm(ui.sparse(0.5), norm)
    whole = ui.draw(spec, (20, 20), seed=0, name="w")
    assert (ui.draw(spec, (20, 20), seed=0, name="w", index=(slice(3, 9), 4)) == whole[3:9, 4]).all()
    narrow = ui.draw(spec, (20, 20), seed=0, name="w", dtype="bfloat16")
    assert (narrow == whole.astype(narrow.dtype)).all()


@pytest.mark.parametrize("factor", [2.0**-100, 2.0**100])
def test_a_frobenius_norm_neither_overflows_nor_underflows(factor: float) -> None:
    """Squares are taken of numbers near 1."""
    matrix = np.array([[3.0, 0.0], [0.0, 4.0]])
    assert norm_of(matrix * factor**4, "frobenius") == 5.0 * factor**4


def test_the_size_of_the_base_cancels() -> None:
    """Bases that differ by a power of two give the same bits; a factor multiplies the norm."""
    spec = ui.with_norm(ui.normal(0, 1), "frobenius")
    matrix = ui.draw(spec, (20, 20), seed=0, name="w")
    assert (
        ui.draw(ui.with_norm(ui.normal(0, 0.25), "frobenius"), (20, 20), seed=0, name="w") == matrix
    ).all()
    assert (ui.draw(spec * 0.5, (20, 20), seed=0, name="w") == matrix / 2).all()
    assert (
        ui.draw(ui.with_norm(ui.normal(0, 1), "frobenius", 0.5), (20, 20), seed=0, name="w") == matrix / 2
    ).all()


def test_what_is_known_of_the_law() -> None:
    """A Frobenius norm gives the mean square of an entry, and every norm except the radius an end."""
    law = ui.with_norm(ui.he_normal(), "frobenius", 3.0).resolve((20, 5), layout="OI")
    assert (law.mean, law.std, law.low, law.high) == (0.0, 0.3, -3.0, 3.0)
    assert (law.fan_in, law.fan_out, law.random, law.independent) == (5, 20, True, False)
    assert law.kind == "truncated_normal by Frobenius norm"
    matrix = ui.draw(ui.with_norm(ui.he_normal(), "frobenius", 3.0), (20, 5), layout="OI", seed=0, name="w")
    assert math.sqrt(np.mean(matrix.astype(np.float64) ** 2)) == pytest.approx(law.std, rel=1e-6)
    spectral = ui.with_norm(ui.normal(0, 1), "spectral").resolve((20, 5))
    assert math.isnan(spectral.std)
    assert spectral.high == 1.0
    assert ui.with_norm(ui.normal(0, 1), "spectral_radius").resolve((5, 5)).high == math.inf
    assert math.isnan(ui.with_norm(ui.uniform(0, 1), "frobenius").resolve((20, 5)).std)  # its mean is unknown


def test_a_norm_needs_the_fans_of_its_base() -> None:
    """A base that scales with a fan asks for it, though the fan cancels."""
    spec = ui.with_norm(ui.he_normal(), "spectral")
    assert spec.needs == ("fan_in",)
    assert spec.is_random
    assert spec.label == "he_normal by spectral norm"
    with refused(ui.ArgumentValueError):
        spec.resolve((4, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.with_norm(ui.normal(0, 1), "nuclear"),
        lambda: ui.with_norm(ui.normal(0, 1), "spectral", 0),
        lambda: ui.with_norm(ui.ones(), "spectral"),
        lambda: ui.with_norm(ui.with_norm(ui.normal(0, 1), "spectral"), "frobenius"),
        lambda: ui.with_norm(ui.normal(0, 1), "spectral").resolve((4, 4, 4)),
        lambda: ui.with_norm(ui.normal(0, 1), "spectral_radius").resolve((4, 5)),
        lambda: ui.with_norm(ui.sparse(1.0), "spectral").resolve((4, 5)),
        lambda: ui.draw(ui.with_norm(ui.normal(0, 1), "spectral"), (4, 4), seed=0, dtype="complex64"),
        lambda: ui.draw(ui.with_norm(ui.normal(0, 1), "spectral", 1e5), (4, 4), seed=0, dtype="float16"),
        lambda: ui.draw(
            ui.with_norm(ui.normal(0, 1), "spectral_radius", 6e4), (3, 3), seed=1, dtype="float16"
        ),
        lambda: ui.with_norm(ui.sparse(0.5), "spectral_radius").resolve((1, 1)),
        lambda: scaled_to_norm(np.eye(3, k=1)[None], NILPOTENT, 0.9, 1e9),
    ],
    ids=range(12),
)
def test_norms_that_cannot_be_are_refused(make: Any) -> None:
    """Unknown norms, what is not random, shapes without matrices, entries beyond the type, a norm of 0."""
    with refused(ui.ArgumentValueError):
        make()


def test_a_base_is_a_spec() -> None:
    """A distribution is none."""
    with refused(ui.ArgumentTypeError):
        ui.with_norm(cast("ui.Initializer", ui.Normal()), "spectral")


def test_an_empty_matrix_has_no_norm_to_reach() -> None:
    """There is nothing to scale, and nothing is refused."""
    for norm in NORMS:
        spec = ui.with_norm(ui.normal(0, 1), norm)
        assert ui.draw(spec, (0, 0), seed=0, name="w").shape == (0, 0)


@pytest.mark.parametrize("norm", NORMS)
def test_specs_of_a_norm_are_values(norm: str) -> None:
    """JSON, repr and hash; a bad field of the base is named by its path."""
    spec = ui.with_norm(ui.icnr(ui.he_normal() * 0.5, 2), norm, 0.9)
    assert ui.from_json(ui.to_json(spec)) == spec
    assert eval(repr(spec), vars(ui) | {"Initializer": ui.Initializer}) == spec  # noqa: S307
    assert hash(spec) == hash(ui.from_dict(ui.to_dict(spec)))
    tree = ui.to_dict(spec)
    tree["distribution"]["base"]["scale"]["mode"] = "fan"
    with refused(ui.ArgumentValueError):
        ui.from_dict(tree)
    del tree["distribution"]["base"]["factor"]
    with refused(ui.ArgumentValueError):
        ui.from_dict(tree)


# --- the tests of samples ---------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("base", ["normal", "uniform", "sparse"])
def test_a_norm_that_is_off_by_a_thousandth_is_refused(base: str, norm: str) -> None:
    """The norm is compared, whatever the base; what was drawn passes, transposed too."""
    law = ui.with_norm(BASES[base], norm, 0.9).resolve((70, 70))
    matrix = ui.draw(ui.with_norm(BASES[base], norm, 0.9), (70, 70), seed=1, name="w")
    assert_follows(matrix, law)
    assert_follows(matrix.T, law)
    for factor in (1.001, 0.999):
        with pytest.raises(AssertionError, match=r"FAILED (Frob|spec)"):
            assert_follows((matrix * factor).astype(np.float32), law)


def test_another_base_of_the_right_norm_is_refused() -> None:
    """A uniform matrix for a normal one, and one whose zeros are elsewhere."""
    normal = ui.with_norm(ui.normal(0, 1), "spectral").resolve((120, 120))
    uniform = ui.draw(ui.with_norm(ui.uniform(-1, 1), "spectral"), (120, 120), seed=0, name="w")
    with pytest.raises(AssertionError, match="FAILED Kolmogorov"):
        assert_follows(uniform, normal)
    sparse = ui.with_norm(ui.sparse(0.5), "frobenius")
    matrix = ui.draw(sparse, (60, 40), seed=0, name="w")
    moved = matrix.copy()
    moved[:, 0] = np.roll(matrix[:, 0], 1)
    assert_follows(moved, sparse.resolve((60, 40)))
    rows, column = np.flatnonzero(matrix[:, 0] == 0.0), np.flatnonzero(matrix[:, 1])
    moved[rows[0], 0], moved[column[0], 1] = matrix[column[0], 1], 0.0
    with pytest.raises(AssertionError, match="FAILED zeros of a column"):
        assert_follows(moved, sparse.resolve((60, 40)))


UNEVEN = {
    "sparse uniform": ui.sparse_of(ui.uniform(0.0, 1.0), 0.5),
    "sparse by row": ui.sparse_of(ui.laplace(0.0, 1.0), 0.5, "row"),
    "sparse in all": ui.sparse_of(ui.normal(0.5, 1.0), 0.5, "all"),
    "signs": ui.rademacher() * 0.5,
    "no fourth moment": ui.student_t(2.1, 0.0, 1.0),
    "no variance": ui.student_t(1.5, 0.5, 1.0),
    "far to one side": -ui.lognormal(0.0, 2.0),
}


@pytest.mark.parametrize("base", UNEVEN)
def test_any_sparse_or_heavy_base_is_tested(base: str) -> None:
    """What was drawn passes at every seed; zeros elsewhere, or other values beside them, do not."""
    spec = ui.with_norm(UNEVEN[base], "frobenius", 3.0)
    law = spec.resolve((80, 100), layout="OI")
    for seed in range(5):
        matrix = ui.draw(spec, (80, 100), layout="OI", seed=seed, name="w")
        assert_follows(matrix, law)
    other = ui.with_norm(ui.sparse(0.3) if "sparse" in base else ui.normal(0.0, 1.0), "frobenius", 3.0)
    with pytest.raises(AssertionError, match="FAILED"):
        assert_follows(ui.draw(other, (80, 100), layout="OI", seed=0, name="w"), law)


@pytest.mark.parametrize("values", [ui.discrete([-1.0, 0.5, 2.0], [0.2, 0.3, 0.5]), ui.bernoulli(0.3)])
def test_few_values_scaled_to_a_norm_are_not_tested(values: ui.Initializer) -> None:
    """The factor of a sample is not known, nor which values are due: right samples would differ."""
    for base in (values, ui.mixture([0.5, 0.5], [values, ui.normal(0.0, 1.0)])):
        spec = ui.with_norm(base, "spectral")
        with refused(ui.ArgumentValueError):
            assert_follows(ui.draw(spec, (40, 40), seed=0, name="w"), spec.resolve((40, 40)))


def test_a_sample_that_is_not_finite_is_refused() -> None:
    """One NaN is enough."""
    spec = ui.with_norm(ui.normal(0, 1), "frobenius")
    matrix = ui.draw(spec, (20, 20), seed=0, name="w")
    matrix[3, 3] = np.nan
    with pytest.raises(AssertionError, match="FAILED finite values"):
        assert_follows(matrix, spec.resolve((20, 20)))


def test_groups_are_tested_apart() -> None:
    """A sample has the shape (groups, rows, columns); one wrong group is enough."""
    spec = ui.with_norm(ui.normal(0, 1), "spectral")
    law = spec.resolve((3, 20, 20), layout="BOI")
    groups = ui.draw(spec, (3, 20, 20), layout="BOI", seed=0, name="w")
    assert family_p(examine(groups, law)) > 1e-4
    groups[1] *= 1.01
    with pytest.raises(AssertionError, match="FAILED spectral norm"):
        assert_follows(groups, law)


@pytest.mark.parametrize(
    ("spec", "shape", "sample"),
    [
        (ui.with_norm(ui.normal(0, 1), "spectral"), (3, 3, 5, 7), (3, 3, 5, 7)),
        (ui.with_norm(ui.orthogonal(), "spectral"), (7, 3, 3, 5), (7, 45)),
        (ui.with_norm(ui.normal(0, 1), "spectral"), (7, 1, 1, 5), (7, 5)),
    ],
)
def test_samples_that_cannot_be_tested_are_refused(
    spec: ui.Initializer, shape: tuple[int, ...], sample: tuple[int, ...]
) -> None:
    """A shape that hides its matrices, a base without independent draws, too few values."""
    layout = "HWIO" if shape == sample else "OHWI"
    values = ui.draw(spec, shape, layout=layout, seed=0, name="w").reshape(sample)
    with refused(ui.ArgumentValueError):
        assert_follows(values, spec.resolve(shape, layout=layout))


def test_a_frobenius_norm_needs_no_matrix() -> None:
    """A kernel of any shape has one."""
    spec = ui.with_norm(ui.uniform(-1, 1), "frobenius")
    assert_follows(ui.draw(spec, (3, 3, 5, 7), seed=0, name="w"), spec.resolve((3, 3, 5, 7)))


DIGESTS = """
import unified_init as ui
for norm in ("frobenius", "spectral", "spectral_radius"):
    print(ui.digest(ui.draw(ui.with_norm(ui.normal(0.0, 1.0), norm), (130, 130), seed=0, name="w")))
"""


def test_norms_do_not_depend_on_threads() -> None:
    """Those of the draw, and those of LAPACK, whose last bits are rounded away."""
    texts = [
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "UNIFIED_INIT_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in ("1", "3")
    ]
    assert texts[0] == texts[1] != ""
