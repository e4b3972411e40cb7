"""The first promise: the same bits in every variant, whatever the preset, type and layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parity.gaps import with_gaps

import unified_init as ui
from unified_init.backends import registry
from unified_init.parity.variants import COMPILED, EAGER, Variant, draw, reference
from unified_init.stream import host
from unified_init.testing.bits import differing
from unified_init.testing.cases import CASES, ELEMENTWISE, ICNR, ORTHOGONAL, STRUCTURED, Case

DTYPES = ("float32", "bfloat16", "float16")
ALL = EAGER + COMPILED
by_variant = pytest.mark.parametrize("variant", ALL, ids=lambda variant: variant.value)
# That programs round to the narrow types as the host does, test_promises says of each preset, on one shape.
by_variant_and_type = pytest.mark.parametrize(
    ("variant", "dtype"),
    [
        pytest.param(
            variant, dtype, id=f"{dtype}-{variant.value}",
            marks=[pytest.mark.more] if variant in COMPILED and dtype != "float32" else [],
        )
        for dtype in DTYPES for variant in ALL
    ],
)  # fmt: skip


def test_every_chosen_backend_is_there(chosen_backends: tuple[str, ...]) -> None:
    """A chosen backend that cannot be imported is a failure, never a skip."""
    for name in chosen_backends:
        registry.get(name)


@pytest.mark.needs("c")
def test_the_chosen_c_runner_is_there() -> None:
    """So is a chosen C runner, without which all draws would be NumPy's."""
    from unified_init.stream import c_runner

    assert host.default_runner().prepare is c_runner.prepare


@by_variant_and_type
@pytest.mark.parametrize("case", CASES, ids=str)
def test_elementwise_presets_have_the_same_bits(variant: Variant, dtype: str, case: Case) -> None:
    """Every preset of independent draws: not one bit differs from the reference."""
    wrong = {}
    for name, spec in ELEMENTWISE.items():
        options: dict[str, Any] = {**case.options, "name": name, "dtype": dtype}
        expected = reference(spec, case.shape, seed=11, **options)
        count = differing(expected, draw(variant, spec, case.shape, seed=11, **options))
        if count:
            wrong[name] = count
    assert wrong == {}


@by_variant
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2)], ids=str)
def test_scalars_and_empty_tensors_keep_their_shape(variant: Variant, shape: tuple[int, ...]) -> None:
    """Every preset that has a meaning without axes, constants too: a scalar is no tensor of one value."""
    constants = {name: STRUCTURED[name][0] for name in ("zeros", "ones", "constant")}
    wrong = {}
    for name, spec in (ELEMENTWISE | constants).items():
        options: dict[str, Any] = {"fans": (64.0, 128.0), "name": name}
        expected = reference(spec, shape, seed=11, **options)
        drawn = draw(variant, spec, shape, seed=11, **options)
        if (drawn.shape, expected.shape) != (shape, shape) or differing(expected, drawn):
            wrong[name] = (drawn.shape, expected.shape)
    assert wrong == {}


@pytest.mark.needs("jax")
def test_a_sharded_scalar_is_a_scalar() -> None:
    """With a sharding, under jit, and both: a scalar parameter keeps its shape."""
    import jax

    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    for spec in (ui.ones(), ui.constant(0.1), ui.normal(0.0, 1.0)):
        expected = reference(spec, (), seed=11, name="w")
        for where in (None, sharding):
            drawn = ui.draw(spec, (), seed=11, name="w", backend="jax", device=where)
            assert differing(expected, np.asarray(drawn)) == 0
        jitted = jax.jit(lambda key, spec=spec: ui.as_jax(spec, name="w")(key, ()))(jax.random.key(11))
        assert differing(expected, np.asarray(jitted)) == 0


@by_variant_and_type
@pytest.mark.parametrize("case", ICNR[1], ids=str)
def test_icnr_has_the_same_bits(variant: Variant, dtype: str, case: Case) -> None:
    """Shared draws of sub-pixel kernels, too."""
    options: dict[str, Any] = {**case.options, "name": "up", "dtype": dtype}
    expected = reference(ICNR[0], case.shape, seed=11, **options)
    assert differing(expected, draw(variant, ICNR[0], case.shape, seed=11, **options)) == 0


@by_variant_and_type
@pytest.mark.parametrize("name", STRUCTURED)
def test_structured_presets_have_the_same_bits(variant: Variant, name: str, dtype: str) -> None:
    """Presets that are no independent draws: not one bit differs from the reference."""
    spec, cases = STRUCTURED[name]
    if variant in COMPILED:
        cases = cases[:2]  # each would compile anew
    for case in cases:
        options: dict[str, Any] = {**case.options, "name": name, "dtype": dtype}
        expected = reference(spec, case.shape, seed=11, **options)
        assert differing(expected, draw(variant, spec, case.shape, seed=11, **options)) == 0


@by_variant_and_type
@pytest.mark.parametrize("name", ORTHOGONAL)
def test_orthogonal_presets_agree(variant: Variant, name: str, dtype: str) -> None:
    """Orthogonal draws: equal to the bit on the host, to 1e-5 inside a program (one step of bfloat16)."""
    spec, cases = ORTHOGONAL[name]
    for case in cases if variant in EAGER else cases[:2]:
        options: dict[str, Any] = {**case.options, "name": name, "dtype": dtype}
        expected = reference(spec, case.shape, seed=11, **options)
        actual = draw(variant, spec, case.shape, seed=11, **options)
        if variant.mode in {"", "c"}:
            assert differing(expected, actual) == 0
        else:
            step = {"float32": 0.0, "bfloat16": 2.0**-7, "float16": 2.0**-10}[dtype]
            gap = np.abs(expected.astype(np.float64) - actual.astype(np.float64))
            assert (gap <= 1e-5 + step * np.abs(expected.astype(np.float64))).all()


@pytest.mark.parametrize(
    ("variant", "dtype"),
    [with_gaps(variant, dtype) for variant in ALL for dtype in ("float8_e4m3fn", "float8_e5m2", "complex64")],
)
def test_rarer_types_have_the_same_bits(variant: Variant, dtype: str) -> None:
    """8-bit floats and complex numbers."""
    spec = ui.normal(0.0, 0.5)
    expected = reference(spec, (40, 9), seed=5, name="w", dtype=dtype)
    assert differing(expected, draw(variant, spec, (40, 9), seed=5, name="w", dtype=dtype)) == 0


# Of every kind that complex numbers have: a disk, a truncated modulus, parts with ends, constants.
COMPLEX = {
    "disk": ui.he_uniform(),
    "truncated": ui.he_normal(),
    "parent": ui.truncated_normal(0.0, 0.3, -1.5, 1.5) * 2,
    "ends": ui.uniform(-0.3, 1.7),
    "normal": ui.kaiming_normal(),
    "icnr": ui.icnr(ui.he_uniform(), 2),
    "constant": ui.constant(0.1 - 2j),
    "constants": ui.constant([[[[1j]], [[0.3]], [[2 - 1j]]]]),
}

by_complex_type = pytest.mark.parametrize(
    ("variant", "dtype"),
    [
        with_gaps(variant, dtype)
        for variant in ALL
        for dtype in ("complex64", "complex128")
        if (variant.backend, dtype) != ("jax", "complex128")  # see test_jax_with_64_bit_types_...
    ],
)


@by_complex_type
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_laws_have_the_same_bits(variant: Variant, name: str, dtype: str) -> None:
    """Three layouts and a slice; JAX's wide types are tested in a process of their own."""
    cases: list[tuple[tuple[int, ...], str, Any]] = [((8, 3, 5, 4), "OIHW", None)]
    if name != "constants":
        cases += [((5, 4, 3, 8), "HWIO", None), ((3, 8, 5, 4), "IOHW", None)]
        cases += [((8, 3, 5, 4), "OIHW", (slice(1, 8, 3), 2))]
    for shape, layout, index in cases[:2] if variant in COMPILED else cases:
        options: dict[str, Any] = {"layout": layout, "index": index, "name": "w", "dtype": dtype}
        expected = reference(COMPLEX[name], shape, seed=5, **options)
        assert differing(expected, draw(variant, COMPLEX[name], shape, seed=5, **options)) == 0


@by_complex_type
@pytest.mark.parametrize("name", [name for name in ORTHOGONAL if name in {"orthogonal", "delta_orthogonal"}])
def test_unitary_draws_agree(variant: Variant, name: str, dtype: str) -> None:
    """As orthogonal ones: equal to the bit on the host, to 1e-5 inside a program."""
    spec, cases = ORTHOGONAL[name]
    for case in cases if variant in EAGER else cases[:1]:
        options: dict[str, Any] = {**case.options, "name": name, "dtype": dtype}
        expected = reference(spec, case.shape, seed=11, **options)
        actual = draw(variant, spec, case.shape, seed=11, **options)
        if variant.mode in {"", "c"}:
            assert differing(expected, actual) == 0
        else:
            assert np.abs(expected - actual).max() <= 1e-5


WIDE = tuple(variant for variant in ALL if variant.backend != "jax")


@pytest.mark.parametrize("variant", WIDE, ids=lambda variant: variant.value)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_wide_types_have_the_same_bits(variant: Variant, dtype: str) -> None:
    """64-bit draws; JAX's stand in test_jax_x64, in a process of their own."""
    specs = [ui.normal(0.0, 0.5)] if dtype == "complex128" else list(ELEMENTWISE.values())
    for spec in specs:
        if isinstance(spec.distribution, ui.Quantile):
            continue
        case = CASES[0]
        options: dict[str, Any] = {**case.options, "name": "w", "dtype": dtype}
        expected = reference(spec, case.shape, seed=5, **options)
        assert differing(expected, draw(variant, spec, case.shape, seed=5, **options)) == 0


SEEDS = (0, 1, 2**32 + 5, 2**63 + 1, 2**64 - 1)


@by_variant
def test_all_seeds_agree(variant: Variant) -> None:
    """Seeds past 2**32 and 2**63 are the same on all backends."""
    for seed in SEEDS:
        expected = reference(ui.normal(0.0, 1.0), (33,), seed=seed, name="w")
        assert differing(expected, draw(variant, ui.normal(0.0, 1.0), (33,), seed=seed, name="w")) == 0


@by_variant
def test_far_slices_agree(variant: Variant) -> None:
    """Logical indices past 2**32, drawn without the rest of the tensor."""
    shape = (2**20, 2**20)
    options = {"name": "huge", "layout": "OI", "index": (slice(2**20 - 3, None), slice(5, 2**20, 2**17))}
    spec = ui.normal(0.0, 1.0)
    expected = reference(spec, shape, seed=3, **options)
    assert expected.shape == (3, 8)
    assert differing(expected, draw(variant, spec, shape, seed=3, **options)) == 0


# --- at random --------------------------------------------------------------------------------

LAYOUTS = ("OI", "IO", "OIHW", "HWIO", "IOO", "BOI", "(BO)I", "O(BI)W", "W", "")


@st.composite
def requests(test: st.DrawFn) -> tuple[str, tuple[int, ...], dict[str, Any], int]:
    """Return a preset's name, a shape, options and a seed."""
    layout = test(st.sampled_from(LAYOUTS))
    axes = layout.replace("(BO)", "M").replace("(BI)", "M")
    parts = test(st.integers(1, 3))
    shape = tuple(test(st.integers(0, 7)) * (parts if axis == "M" else 1) for axis in axes)
    index = tuple(
        test(
            st.one_of(
                st.integers(-n, n - 1) if n else st.just(slice(None)),
                st.builds(slice, st.integers(0, n), st.integers(0, n), st.integers(1, 3)),
            )
        )
        for n in shape[: test(st.integers(0, len(shape)))]
    )
    options = {
        "name": test(st.text(max_size=5)),
        "layout": layout,
        "sizes": {"B": parts} if "M" in axes else None,
        "fans": (6.0, 10.0),
        "index": index,
        "dtype": test(st.sampled_from(("float32", "bfloat16", "float16", "float8_e5m2"))),
    }
    return test(st.sampled_from(sorted(ELEMENTWISE))), shape, options, test(st.integers(0, 2**64 - 1))


@pytest.mark.parametrize("variant", EAGER, ids=lambda variant: variant.value)
@given(wanted=requests())
def test_anything_has_the_same_bits(
    variant: Variant, wanted: tuple[str, tuple[int, ...], dict[str, Any], int]
) -> None:
    """Random shape, layout, type, preset, seed and slice: not one bit differs in any eager variant."""
    name, shape, options, seed = wanted
    expected = reference(ELEMENTWISE[name], shape, seed=seed, **options)
    assert differing(expected, draw(variant, ELEMENTWISE[name], shape, seed=seed, **options)) == 0
