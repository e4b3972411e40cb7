"""Hypothesis strategies for specs and shapes, shared by the tests."""

from __future__ import annotations

import functools
import math

from hypothesis import strategies as st

import unified_init as ui

MODES = st.sampled_from(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
# Whole numbers too, which a constructor must turn into floats.
positives = st.floats(1e-6, 1e6) | st.integers(1, 1000)
numbers = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)


@functools.cache
def triangular() -> ui.Initializer:
    """Return the spec of a symmetric law given by its quantile function."""
    return ui.from_quantile(lambda p: (2 * p) ** 0.5 - 1, lambda p: 1 - (2 * p) ** 0.5, low=-1.0, high=1.0)


@functools.cache
def skewed() -> ui.Initializer:
    """Return the spec of an asymmetric law given by its quantile function: density 2x on (0, 1)."""
    return ui.from_quantile(lambda p: p**0.5, lambda p: (1 - p) ** 0.5, low=0.0, high=1.0)


@st.composite
def bounds(draw: st.DrawFn) -> tuple[float, float]:
    """Two bounds in sigmas that enclose enough of the normal; sometimes infinite ones."""
    lower = draw(st.floats(-6, 5) | st.integers(-6, 5))
    if draw(st.booleans()):
        return draw(st.sampled_from([(lower, math.inf), (-math.inf, -lower), (-math.inf, math.inf)]))
    return lower, lower + draw(st.floats(0.01, 8))


fan_scales = st.builds(ui.VarianceScaling, positives, MODES) | st.builds(ui.InverseFan, positives, MODES)
fixed = st.builds(ui.Fixed, positives, numbers)
normals = st.builds(ui.Initializer, st.just(ui.Normal()), fan_scales | fixed)
truncated = st.builds(
    lambda ends, scale: ui.Initializer(ui.TruncatedNormal(*ends), scale), bounds(), fan_scales | fixed
)
intervals = st.builds(lambda low, width: ui.Interval(low, low + width), numbers, st.floats(1, 1e6))
uniforms = st.builds(ui.Initializer, st.just(ui.Uniform()), fan_scales | intervals)
quantiles = st.builds(
    lambda base, scale: ui.Initializer(base().distribution, scale),
    st.sampled_from([triangular, skewed]),
    fan_scales | st.builds(ui.Gain, positives),
)
transforms = st.builds(
    lambda name, first, width, gain: ui.Initializer(
        ui.Transform(name, (first, first + width)), ui.Gain(gain)
    ),
    st.sampled_from(["log_of_uniform", "inverse_softplus_of_log_uniform", "lru_nu_log"]),
    st.floats(0.001, 0.5),
    st.floats(0.001, 0.5),
    positives,
)
moments = st.builds(ui.FanMoments, positives, numbers, MODES)
moving = st.builds(
    ui.Initializer, st.sampled_from([ui.Normal(), ui.Uniform(), ui.TruncatedNormal(-1, 3)]), moments
)
# Sizes that a law of heavy tails reaches in float32 too.
sizes = st.floats(1e-3, 1e3) | st.integers(1, 100)
named = st.one_of(
    st.builds(ui.Laplace, numbers, sizes),
    st.builds(ui.Logistic, numbers, sizes),
    st.builds(ui.StudentT, st.floats(2.1, 1000) | st.integers(3, 1000), numbers, sizes),
    st.builds(ui.LogNormal, st.floats(-5, 5) | st.integers(-5, 5), st.floats(0.1, 2)),
    st.builds(lambda loc, scale: ui.Cauchy(loc, scale, loc - 9 * scale, loc + 50 * scale), numbers, sizes),
    st.builds(lambda p: ui.Discrete((0, 1, 2.5), (p / 2, p / 2, 1 - p)), st.floats(0.01, 0.99)),
)
nameds = st.builds(ui.Initializer, named, fan_scales | st.builds(ui.Gain, positives))
elementwise = normals | truncated | uniforms | quantiles | transforms | moving | nameds
structured = st.one_of(
    st.builds(ui.orthogonal, positives),
    st.builds(ui.delta_orthogonal, positives),
    st.builds(ui.identity, positives),
    st.builds(ui.dirac, st.integers(1, 64)),
    st.builds(ui.sparse, st.floats(0, 1) | st.sampled_from([0, 1]), positives),
    st.just(ui.hadamard()),
    st.just(ui.bilinear_upsampling()),
    st.sampled_from([ui.hippo_legs(), ui.hippo_b(), ui.s4d_inv(), ui.rwkv_time_first()]),
    st.builds(
        lambda start, span, exponent, excluded: ui.Initializer(
            ui.Formula("power_ramp", (start, span, exponent, excluded))
        ),
        numbers,
        numbers,
        st.floats(0, 4),
        st.sampled_from([0, 1]),
    ),
    st.just(ui.fcn_upsampling()),
    st.builds(ui.convolutional_orthogonal, positives),
    st.builds(ui.glorot_orthogonal, positives),
    st.builds(
        ui.Initializer, st.sampled_from([ui.Sparse(0.5), ui.Orthogonal(), ui.Constant(2.0)]), fan_scales
    ),
    st.builds(
        ui.stft,
        st.sampled_from(["real", "imag"]),
        st.sampled_from(["hann", "hamming", "blackman", "taylor", (0.5, 1.0), None]),
        st.sampled_from(["density", "spectrum", None]),
        st.booleans(),
    ),
    st.builds(ui.constant, numbers),
    st.builds(ui.constant, st.lists(st.lists(numbers, min_size=2, max_size=2), max_size=3)),
)
presets = st.one_of(
    st.sampled_from(
        [
            ui.zeros(),
            ui.ones(),
            ui.glorot_uniform(),
            ui.glorot_normal(),
            ui.he_uniform(),
            ui.he_normal(),
            ui.lecun_uniform(),
            ui.lecun_normal(),
            ui.siren(),
            ui.siren(first=True),
        ]
    ),
    st.builds(ui.xavier_uniform, positives),
    st.builds(ui.xavier_normal, positives),
    st.builds(ui.kaiming_uniform, numbers, MODES),
    st.builds(ui.kaiming_normal, numbers, MODES),
    st.builds(ui.uniform_unit_scaling, positives),
)
normed = st.builds(
    ui.with_norm, elementwise | st.builds(ui.sparse, st.floats(0, 1)),
    st.sampled_from(["frobenius", "spectral", "spectral_radius"]), positives,
)  # fmt: skip
icnrs = st.builds(ui.icnr, elementwise, st.integers(1, 4))
mixed = st.one_of(
    st.builds(
        lambda weight, parts: ui.mixture((weight, 1 - weight), parts), st.floats(0.01, 0.99), st.tuples(nameds, normals)
    ),
    st.builds(
        lambda part, sparsity, along, keep: ui.sparse_of(part, sparsity, along, at_least_one=keep),
        elementwise, st.floats(0, 1), st.sampled_from(["column", "row", "all"]), st.booleans(),
    ),
)  # fmt: skip
# Every kind of spec, scaled or not.
specs = st.builds(
    lambda spec, factor: spec if factor is None else spec * factor,
    elementwise | structured | mixed | presets | icnrs | normed,
    st.none() | positives,
)
# Sums, negatives and products with arrays by named axes.
factors = positives | positives.map(lambda number: -number)
arrays = st.builds(ui.along, st.sampled_from(["O", "I", "B"]), st.lists(st.just(0) | factors, max_size=4)) | (
    st.builds(
        ui.along, st.just("IO"), st.lists(st.lists(factors, min_size=2, max_size=2), max_size=2, min_size=1)
    )
)
algebraic = st.recursive(
    specs,
    lambda terms: st.one_of(
        st.builds(lambda first, second: first + second, terms, terms),
        st.builds(lambda spec, number: spec - number, terms, numbers),
        st.builds(lambda spec, factor: spec * factor, terms, factors | arrays),
    ),
    max_leaves=4,
)


@st.composite
def geometries(draw: st.DrawFn, *, most: int = 5) -> tuple[tuple[int, ...], str, dict[str, int]]:
    """Draw a shape, a layout that fits it and the sizes of its merged axes.

    ``most`` is the largest size of one role. Letters repeat, merge, and stand in any order; a
    letter that is merged somewhere has one size everywhere, so that ``sizes`` holds.
    """
    spatial = draw(st.lists(st.sampled_from("DHW"), unique=True, max_size=2))
    letters = draw(st.permutations([*draw(st.lists(st.sampled_from("BOI"), max_size=4)), *spatial]))
    size = {role: draw(st.integers(1, most)) for role in "BOIDHW"}
    groups: list[str] = []
    for letter in letters:
        if groups and letter not in groups[-1] and draw(st.integers(0, 3)) == 0:
            groups[-1] += letter
        else:
            groups.append(letter)
    shape = tuple(math.prod(size[role] for role in group) for group in groups)
    layout = "".join(f"({group})" if len(group) > 1 else group for group in groups)
    merged = {role for group in groups if len(group) > 1 for role in group}
    return shape, layout, {role: size[role] for role in sorted(merged)}


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int | slice | list[slice], ...]:
    """Draw an index into a shape: ints, slices, lists of slices, negatives, steps, perhaps fewer than the axes."""
    entries: list[int | slice | list[slice]] = []
    for length in shape[: draw(st.integers(0, len(shape)))]:
        if length and draw(st.booleans()):
            entries.append(draw(st.integers(-length, length - 1)))
        else:
            ends = st.none() | st.integers(-length, length)
            slices = st.builds(slice, ends, ends, st.none() | st.integers(1, 4))
            entries.append(draw(slices | st.lists(slices, max_size=3)))
    return tuple(entries)
