"""The promises P2 to P6 of docs/stream.md, for every preset and in every variant (P1 is in test_bits)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.parity.variants import COMPILED, EAGER, Variant, draw
from unified_init.testing.bits import differing
from unified_init.testing.cases import CASES, ELEMENTWISE, ICNR, ORTHOGONAL, STRUCTURED, Case

by_variant = pytest.mark.parametrize("variant", EAGER + COMPILED, ids=lambda variant: variant.value)
OIHW, HWIO = CASES[:2]
# Every preset with a case that it has a meaning on.
ON_ONE_CASE: dict[str, tuple[ui.Initializer, Case]] = {
    **{name: (spec, OIHW) for name, spec in ELEMENTWISE.items()},
    "icnr": (ICNR[0], OIHW),
    **{name: (spec, cases[0]) for name, (spec, cases) in {**STRUCTURED, **ORTHOGONAL}.items()},
}
# Those that both layouts of one kernel have a meaning for.
ON_TWINS = [name for name, (_, case) in ON_ONE_CASE.items() if case is OIHW]
# What draws as a whole, and by the host: slices are those of the whole, at the whole's cost.
WHOLE = {*ORTHOGONAL}


def drawn(variant: Variant, name: str, case: Case, **options: Any) -> Any:
    """Draw a preset under its name."""
    spec, _ = ON_ONE_CASE[name]
    return draw(variant, spec, case.shape, seed=23, **{**case.options, "name": name, **options})


def presets_of(variant: Variant, names: Any) -> list[str]:
    """Return those whose bits a variant promises: orthogonal draws, on the host alone."""
    return [name for name in names if variant.on_host or name not in WHOLE]


@by_variant
def test_the_layout_moves_values_and_changes_none(variant: Variant) -> None:
    """P2: a kernel stored as OIHW, transposed, is the one stored as HWIO."""
    wrong = {}
    for name in presets_of(variant, ON_TWINS):
        torch_like, keras_like = drawn(variant, name, OIHW), drawn(variant, name, HWIO)
        if count := differing(np.ascontiguousarray(torch_like.transpose(2, 3, 1, 0)), keras_like):
            wrong[name] = count
    assert wrong == {}


# Tiles that meet in the middle of each axis: as shards do, and with another step.
PARTS = ((slice(0, 10),), (slice(10, None),), (slice(None), slice(1, 3), 2, slice(None, None, 3)))


@by_variant
def test_a_part_is_that_part_of_the_whole(variant: Variant) -> None:
    """P2: what is drawn with an index equals the whole there."""
    wrong = {}
    for name in presets_of(variant, ON_TWINS):
        whole = drawn(variant, name, OIHW)
        for part in PARTS:
            expected = np.ascontiguousarray(whole[part])
            if count := differing(expected, drawn(variant, name, OIHW, index=part)):
                wrong[name, part] = count
    assert wrong == {}


# The same part, in NumPy's integers, and with steps that end where an axis does.
INTEGERS = (
    (np.uint8(3), slice(np.int16(1), None, 2**70)),
    (slice(np.uint64(0), np.int8(-1), np.uint32(2)), np.int64(-1), slice(None, None, 2**31)),
)


@by_variant
def test_any_integer_is_an_index(variant: Variant) -> None:
    """P2: NumPy's of any width, and steps of any size, also where a framework slices the whole."""
    wrong = {}
    for name in presets_of(variant, ON_TWINS):
        whole = drawn(variant, name, OIHW)
        for part in INTEGERS:
            plain = tuple(entry if isinstance(entry, slice) else int(entry) for entry in part)
            ends = [
                slice(*(None if end is None else min(int(end), 2**31) for end in (at.start, at.stop, at.step)))
                if isinstance(at, slice) else at for at in plain
            ]  # fmt: skip
            expected = np.ascontiguousarray(whole[tuple(ends)])
            if count := differing(expected, drawn(variant, name, OIHW, index=part)):
                wrong[name, str(part)] = count
    assert wrong == {}


@by_variant
def test_what_was_drawn_before_changes_nothing(variant: Variant) -> None:
    """P2: forwards, backwards and between other draws, a name has the same values."""
    names = presets_of(variant, ELEMENTWISE)
    forwards = {name: drawn(variant, name, OIHW) for name in names}
    backwards = {name: drawn(variant, name, OIHW) for name in reversed(names)}
    assert [name for name in names if differing(forwards[name], backwards[name])] == []


@by_variant
def test_another_name_or_seed_is_another_tensor(variant: Variant) -> None:
    """P2: the values do depend on name and seed, which a constant tensor's would not."""
    spec, case = ON_ONE_CASE["normal"]
    first = draw(variant, spec, case.shape, seed=23, **case.options, name="a")
    for seed, name in ((23, "b"), (24, "a"), (23 + 2**32, "a")):
        other = draw(variant, spec, case.shape, seed=seed, **case.options, name=name)
        assert differing(first, other) > 0.99 * first.size


@by_variant
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e5m2"])
def test_narrow_draws_are_the_float32_draw_rounded_once(variant: Variant, dtype: str) -> None:
    """P3: for every preset, within its ends rounded to the type."""
    from ml_dtypes import bfloat16, float8_e5m2

    to = {"bfloat16": bfloat16, "float16": np.float16, "float8_e5m2": float8_e5m2}[dtype]
    wrong = {}
    for name in presets_of(variant, ON_ONE_CASE):
        spec, case = ON_ONE_CASE[name]
        narrow, wide = drawn(variant, name, case, dtype=dtype), drawn(variant, name, case)
        law = spec.resolve(case.shape, layout=case.layout, fans=case.fans)
        low, high = (float(np.float32(end).astype(to)) for end in (law.low, law.high))
        values = narrow.astype(np.float64)
        if differing(wide.astype(to), narrow) or not ((low <= values) & (values <= high)).all():
            wrong[name] = (low, values.min(), values.max(), high)
    assert wrong == {}


NEEDS_A_FAN = [
    name
    for name, spec in ELEMENTWISE.items()
    if isinstance(spec.scale, (ui.VarianceScaling, ui.InverseFan)) and name != "uniform_unit_scaling"
]


@pytest.mark.parametrize("name", NEEDS_A_FAN)
def test_a_fan_is_asked_for_and_never_guessed(chosen_backends: tuple[str, ...], name: str) -> None:
    """P4: without a layout or fans, every preset that scales with one is refused on every backend."""
    for backend in chosen_backends:
        with pytest.raises(ui.ArgumentValueError, match="pass layout="):
            ui.draw(ELEMENTWISE[name], (24, 3, 5, 7), seed=0, backend=backend)


@by_variant
def test_every_draw_leaves_global_state_alone(variant: Variant) -> None:
    """P5: every preset; the fixture of conftest.py compares what a process shares."""
    for name in presets_of(variant, ON_ONE_CASE):
        assert drawn(variant, name, ON_ONE_CASE[name][1]).size > 0


@pytest.mark.parametrize("name", ON_ONE_CASE)
def test_a_serialised_spec_names_its_stream(name: str) -> None:
    """P6: and a spec of another stream is refused; the golden digests are in test_golden."""
    text = ui.to_json(ON_ONE_CASE[name][0])
    tree = json.loads(text)
    assert tree["stream"] == "threefry-1"
    with pytest.raises(ui.ArgumentValueError, match="threefry-2"):
        ui.from_json(json.dumps({**tree, "stream": "threefry-2"}))
