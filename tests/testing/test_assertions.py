"""The assertions: whole messages, and input of every kind that they can be handed."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing
from unified_init.testing import findings

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (20, 30)
SPEC = ui.normal(0.0, 1.0)
LAW = SPEC.resolve(SHAPE)


def drawn(shape: tuple[int, ...] = SHAPE, name: str = "w", dtype: str = "float32") -> Any:
    """Return one draw of unit normals."""
    return ui.draw(SPEC, shape, seed=0, name=name, dtype=dtype)


def raised(error: type[Exception], call: Callable[[], object]) -> str:
    """Return the message of the error that a call raises."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    return str(caught.value)


# --- messages of failed assertions ----------------------------------------------------------------


def test_a_failed_law_is_reported_whole() -> None:
    """The law, n, the rate, then each finding on a line: those that failed first, with all their numbers."""
    law = ui.uniform(-1.0, 1.0).resolve(SHAPE)
    sample = ui.draw(ui.uniform(-2.0, 2.0), SHAPE, seed=0, name="w")
    message = raised(AssertionError, lambda: testing.assert_follows(sample, law, alpha=1e-6))
    first, *rest = message.split("\n")
    assert first == (
        "the sample does not follow the law (uniform, mean 0, std 0.57735, in [-1, 1]): "
        "n 600, false-alarm rate 1e-06"
    )
    examined = testing.examine(sample, law)
    failed = findings.verdict(examined, 1e-6)
    assert {"bounds", "variance"} <= {one.name for one in failed}
    expected = [f"  FAILED {one}" for one in failed]
    assert rest == [*expected, *(f"  passed {one}" for one in examined if one not in failed)]


def test_a_law_without_ends_is_reported_without() -> None:
    """An untruncated normal has none."""
    message = raised(AssertionError, lambda: testing.assert_follows(drawn() * np.float32(3), LAW))
    assert message.startswith("the sample does not follow the law (normal, mean 0, std 1): n 600,")


def test_values_that_are_not_finite_are_all_that_is_reported() -> None:
    """Nothing can be said of the rest."""
    sample = drawn()
    sample[3, 4:6] = np.nan, np.inf
    with refused(AssertionError):
        testing.assert_follows(sample, LAW)
    (found,) = testing.examine(sample, LAW)
    assert (found.name, found.observed, found.expected, found.p) == ("finite values", 598, 600, 0.0)


def test_two_laws_are_reported_with_both_sizes() -> None:
    """The first line counts both, the findings follow."""
    one, other = drawn(), drawn(shape=(900,), name="v") * np.float32(2.0)
    message = raised(AssertionError, lambda: testing.assert_same_law(one, other))
    compared = testing.compare(one, other)
    failed = findings.verdict(compared, 1e-9)
    rest = [one for one in compared if one not in failed]
    lines = [*(f"  FAILED {one}" for one in failed), *(f"  passed {one}" for one in rest)]
    assert failed
    assert message == "\n".join(
        ["the samples do not have the same law: n 600 and 900, false-alarm rate 1e-09", *lines]
    )


def test_different_types_are_reported() -> None:
    """Before anything else."""
    with refused(AssertionError):
        testing.assert_identical(drawn(), drawn(dtype="float64", shape=(3,)))


def test_different_logical_shapes_are_reported() -> None:
    """Those of the logical tensors, not of the stored ones."""
    a, b = drawn(shape=(3, 4, 5)), drawn(shape=(3, 5, 4))
    with refused(AssertionError):
        testing.assert_identical(a, b, "IOW", "OWI")


def test_different_bits_are_reported_with_the_first() -> None:
    """How many, where in the logical tensor, the values, and their bytes."""
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    b = a.T.copy()
    b[2, 0], b[1, 1] = 2.5, -4.0
    with refused(AssertionError):
        testing.assert_identical(a, b, "OI", "IO")


def test_one_bit_is_a_difference() -> None:
    """The sign of zero, the last bit, and the payload of NaN; a scalar has the index ()."""
    with refused(AssertionError):
        testing.assert_identical(np.float32(0.0), np.float32(-0.0))
    a = drawn()
    b = a.copy()
    b.view(np.uint32)[19, 29] ^= np.uint32(1)
    with refused(AssertionError):
        testing.assert_identical(a, b)
    nan = np.array([0x7FC00000, 0x7FC00001], dtype=np.uint32).view(np.float32)
    with refused(AssertionError):
        testing.assert_identical(nan[:1], nan[1:])
    testing.assert_identical(nan, nan.copy())
    wide = drawn(dtype="complex64")
    with refused(AssertionError):
        testing.assert_identical(wide, wide.conj())


def test_shared_draws_are_reported_with_the_worst_pair() -> None:
    """Which two, the correlation, z, p, n, how many comparisons, the rate."""
    samples = [drawn(name=name) for name in "wv"] + [-2 * drawn(name="w")]
    with refused(AssertionError):
        testing.assert_independent(*samples)


# --- refused arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sample",
    [
        [1.0, 2.0],
        None,
        np.arange(200),
        np.ones(200, dtype=bool),
        np.ones(200, dtype=object),
        np.zeros(200, dtype=[("a", "f4")]),
        np.array(["a"] * 200),
    ],
    ids=["list", "None", "int", "bool", "object", "record", "text"],
)
def test_a_sample_must_be_a_floating_array(sample: Any) -> None:
    """Each with the argument's name; two samples, and pairs of several, are named as they are called."""
    with refused(ui.ArgumentTypeError):
        testing.examine(sample, LAW)
    with refused(ui.ArgumentTypeError):
        testing.assert_follows(sample, LAW)
    for call in (
        lambda: testing.compare(drawn(), sample),
        lambda: testing.assert_same_law(sample, drawn()),
        lambda: testing.assert_independent(drawn(), sample),
    ):
        with refused(ui.ArgumentTypeError):
            call()


@pytest.mark.parametrize("sample", [np.zeros(0, dtype="f4"), np.array(1.0), np.zeros((3, 33), dtype="f4")])
def test_a_sample_must_be_large_enough(sample: Any) -> None:
    """99 are too few, 100 pass, and so are 50 complex ones."""
    with refused(ui.ArgumentValueError):
        testing.examine(sample, LAW)
    with refused(ui.ArgumentValueError):
        testing.compare(sample, drawn())
    with refused(ui.ArgumentValueError):
        testing.assert_independent(drawn(), sample)
    testing.assert_follows(drawn(shape=(100,)), LAW)
    testing.assert_follows(drawn(shape=(50,), dtype="complex64"), LAW)


def test_a_sample_may_not_be_too_large() -> None:
    """Refused before anything is computed."""
    huge = np.broadcast_to(np.float32(0.0), (2**13 + 1, 2**13))
    with refused(ui.ArgumentValueError):
        testing.examine(huge, LAW)


@pytest.mark.parametrize("law", [None, SPEC, "normal"])
def test_a_law_must_be_a_law(law: Any) -> None:
    """A spec is none: it has no numbers yet."""
    with refused(ui.ArgumentTypeError):
        testing.examine(drawn(), law)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (ui.zeros(), "constant"),
        (ui.orthogonal(), "orthogonal"),
        (ui.sparse(0.1), "sparse"),
        (ui.identity(), "identity"),
    ],
    ids=str,
)
def test_a_law_must_be_of_independent_draws(spec: ui.Initializer, kind: str) -> None:
    """The others have one tensor, or dependent entries."""
    law = spec.resolve(SHAPE)
    assert law.kind == kind
    with refused(ui.ArgumentValueError):
        testing.examine(drawn(), law)


def test_a_law_of_shared_draws_is_refused() -> None:
    """Sub-pixel kernels: one output of each group follows the law inside."""
    law = ui.icnr(SPEC, 2).resolve((20, 5, 3, 3), layout="OIHW")
    with refused(ui.ArgumentValueError):
        testing.examine(drawn(), law)


def test_a_complex_sample_needs_a_complex_law() -> None:
    """Neither a mean beside 0 nor unequal bounds have a modulus."""
    sample = drawn(dtype="complex64")
    for spec in (ui.truncated_normal(0, 1, -1, 2), ui.normal(1, 1)):
        law = spec.resolve(SHAPE)
        with refused(ui.ArgumentValueError):
            testing.examine(sample, law)


def test_a_law_of_one_value_in_a_type_is_refused() -> None:
    """A std of 1e-9 is zero in float16, and every sample of it right."""
    with refused(ui.ArgumentValueError):
        testing.examine(np.zeros(200, dtype=np.float16), ui.normal(0.0, 1e-9).resolve(SHAPE))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_two_samples_must_be_finite(bad: float) -> None:
    """Ranks of NaN would be equal to anything."""
    sample = drawn()
    sample[3, 4:6] = bad
    for call in (
        lambda: testing.compare(sample, drawn()),
        lambda: testing.assert_same_law(drawn(), sample),
        lambda: testing.assert_independent(drawn(), sample),
    ):
        with refused(ui.ArgumentValueError):
            call()


@pytest.mark.parametrize(
    ("alpha", "error"),
    [
        ("a", ui.ArgumentTypeError),
        (None, ui.ArgumentTypeError),
        (True, ui.ArgumentTypeError),
        (np.bool_(1), ui.ArgumentTypeError),
        (1j, ui.ArgumentTypeError),
        (float("nan"), ui.ArgumentValueError),
        (0, ui.ArgumentValueError),
        (1, ui.ArgumentValueError),
        (-0.5, ui.ArgumentValueError),
        (float("inf"), ui.ArgumentValueError),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_rate_lies_between_0_and_1(alpha: Any, error: type[Exception]) -> None:
    """In every assertion that has one, and whatever the samples; NumPy's floats are numbers."""
    with refused(error):
        testing.assert_follows(drawn(), LAW, alpha=alpha)
    with refused(error):
        testing.assert_same_law(drawn(), drawn(), alpha=alpha)
    with refused(error):
        testing.assert_independent(drawn(), drawn(name="v"), alpha=alpha)
    testing.assert_follows(drawn(), LAW, alpha=np.float64(1e-6))


@pytest.mark.parametrize("count", [0, 1])
def test_independence_is_of_two_at_least(count: int) -> None:
    """One sample has no pair."""
    with refused(ui.ArgumentValueError):
        testing.assert_independent(*[drawn()] * count)


def test_identical_needs_arrays_of_numbers() -> None:
    """And layouts that fit; each tensor is named."""
    for bad in (np.array([1], dtype=object), np.array(["a"])):
        with refused(ui.ArgumentTypeError):
            testing.assert_identical(bad, drawn())
        with refused(ui.ArgumentTypeError):
            testing.assert_identical(drawn(), bad)
    with refused(ui.ArgumentTypeError):
        testing.assert_identical(drawn(), [1.0])
    with refused(ui.ArgumentValueError):
        testing.assert_identical(drawn(), drawn(), "OIH")
    with refused(ui.ArgumentValueError):
        testing.assert_identical(drawn(), drawn(), sizes_b={"B": 2})


# --- accepted arguments ---------------------------------------------------------------------------


def locked(values: Any) -> Any:
    """Return an array that may not be written to."""
    values.setflags(write=False)
    return values


STORED: dict[str, Callable[[Any], Any]] = {
    "read-only": locked,
    "strided": lambda values: np.repeat(values, 2, axis=1)[:, ::2],
    "Fortran": np.asfortranarray,
    "reversed": lambda values: values[::-1, ::-1].copy()[::-1, ::-1],
    "big-endian": lambda values: values.astype(">f4"),
    "matrix": lambda values: values.view(np.matrix),
}


@pytest.mark.parametrize("how", STORED)
def test_how_an_array_is_stored_makes_no_difference(how: str) -> None:
    """Every finding is equal, the bits are identical, and the array is as it was."""
    sample = STORED[how](drawn())
    before = sample.tobytes()
    assert testing.examine(sample, LAW) == testing.examine(drawn(), LAW)
    assert testing.compare(sample, drawn(name="v")) == testing.compare(drawn(), drawn(name="v"))
    testing.assert_independent(sample, drawn(name="v"))
    testing.assert_identical(sample, drawn())
    testing.assert_identical(sample, drawn().T, "OI", "IO")
    with pytest.raises(AssertionError, match=r"^samples 0 and 1 "):
        testing.assert_independent(sample, drawn())
    assert sample.tobytes() == before


def test_identical_reads_layouts_and_sizes() -> None:
    """Merged axes, scalars and empty tensors; integers and truth values as well."""
    fused = ui.draw(SPEC, (12, 5), layout="(BO)I", sizes={"B": 3}, seed=0)
    apart = ui.draw(SPEC, (3, 4, 5), layout="BOI", seed=0)
    testing.assert_identical(fused, apart, "(BO)I", "BOI", sizes_a={"B": 3})
    testing.assert_identical(apart, fused, "BOI", "(BO)I", sizes_b={"B": 3})
    testing.assert_identical(np.float32(1.0), np.array(1.0, dtype=np.float32))
    testing.assert_identical(np.zeros((0, 3)), np.zeros((0, 3)))
    testing.assert_identical(np.arange(5), np.arange(5))
    with pytest.raises(AssertionError, match=r"^1 of 2 values differ"):
        testing.assert_identical(np.array([True, False]), np.array([True, True]))


def test_narrow_types_are_read_as_they_are() -> None:
    """bfloat16 against itself in every assertion, and not against float32 in bits."""
    sample = drawn(dtype="bfloat16")
    testing.assert_follows(sample, LAW)
    testing.assert_same_law(sample, drawn(name="v", dtype="bfloat16"))
    testing.assert_identical(sample, drawn().astype(ml_dtypes.bfloat16))
    message = raised(AssertionError, lambda: testing.assert_identical(sample, drawn()))
    assert message == "the tensors have different types: bfloat16 and float32"


def test_two_complex_samples_are_compared_by_their_parts() -> None:
    """Twice as many numbers, of any law."""
    sample, other = drawn(dtype="complex64"), drawn(name="v", dtype="complex64")
    testing.assert_same_law(sample, other)
    testing.assert_independent(sample, other)
    parts = np.stack([sample.real, sample.imag], axis=-1)
    assert testing.compare(sample, other) == testing.compare(parts, other)
    with pytest.raises(AssertionError, match=r"^samples 0 and 1 .* n 1200; "):
        testing.assert_independent(sample, parts)


def test_nothing_global_is_touched() -> None:
    """Random state, and how floating-point errors are treated: even where all of them raise."""
    state = repr(np.random.get_state())  # noqa: NPY002  # the legacy state is the global one
    specs = (SPEC, ui.uniform(-1, 1), ui.truncated_normal(0, 1, -2, 2))
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        inside = np.geterr()
        for spec in specs:
            for dtype in ("float32", "bfloat16", "float16", "float8_e5m2"):
                sample = ui.draw(spec, SHAPE, seed=0, name=dtype, dtype=dtype)
                testing.assert_follows(sample, spec.resolve(SHAPE))
                testing.assert_same_law(sample, sample)
        testing.assert_independent(drawn(), drawn(name="v"))
        testing.assert_identical(drawn(), drawn())
        assert np.geterr() == inside
    assert repr(np.random.get_state()) == state  # noqa: NPY002


def test_without_scipy_the_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On import, with the command."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    with refused(ui.BackendError):
        importlib.reload(testing)


@pytest.mark.parametrize(("low", "high"), [(1000.0, 1000.1), (1e4, 1e4 + 1), (1.0, 1.01)])
def test_open_ends_of_coarse_intervals_are_met(low: float, high: float) -> None:
    """Where floats are far apart beside the interval, the float next to an open end is drawn more often."""
    spec = ui.uniform(low, high)
    sample = ui.draw(spec, (1 << 18,), seed=3, name="w")
    testing.assert_follows(sample, spec.resolve((1 << 18,)))
    with pytest.raises(AssertionError, match=r"FAILED (largest value|bounds)"):
        testing.assert_follows(sample, ui.uniform(low, high - (high - low) / 20).resolve((1 << 18,)))


def test_settings_of_floating_point_errors_are_no_business_of_a_test() -> None:
    """A wrong sample is an AssertionError, whatever NumPy is asked to raise."""
    law = ui.normal(0.0, 1.0).resolve((500,))
    with np.errstate(all="raise"):
        with pytest.raises(AssertionError):
            testing.assert_follows(np.full(500, 1e308), law)
        with pytest.raises(AssertionError):
            testing.assert_same_law(np.full(500, 1e308), np.full(500, 1.2e308))
        testing.assert_follows(ui.draw(ui.normal(0.0, 1.0), (500,), seed=0, name="w"), law)
