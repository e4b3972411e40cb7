"""Specs are values: equal, hashable, picklable, and the same again from their repr and their JSON."""

from __future__ import annotations

import copy
import enum
import itertools
import json
import math
import pickle
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.helpers.messages import refused
from tests.helpers.strategies import algebraic, skewed, specs, triangular

import unified_init as ui

if TYPE_CHECKING:
    from pathlib import Path

HE_NORMAL = (
    '{"schema": 1, "stream": "threefry-1", '
    '"distribution": {"kind": "TruncatedNormal", "lower": -2.0, "upper": 2.0}, '
    '"scale": {"kind": "VarianceScaling", "scale": 2.0, "mode": "fan_in"}, "factor": 1.0, "upscale": 1}'
)


def anything(value: Any) -> Any:
    """Return a value that no type checker objects to."""
    return value


def edited(**changes: Any) -> str:
    """Return the JSON of he_normal with some fields changed; ``None`` removes one."""
    data = json.loads(HE_NORMAL) | changes
    return json.dumps({key: value for key, value in data.items() if value is not None})


@given(specs | algebraic)
@settings(deadline=None)
def test_a_spec_is_the_same_again_from_every_form(spec: ui.Initializer) -> None:
    """Copy, pickle, repr and JSON give an equal spec with an equal hash."""
    text = ui.to_json(spec)
    for again in (
        copy.deepcopy(spec),
        pickle.loads(pickle.dumps(spec)),  # noqa: S301  # our own pickle
        eval(repr(spec), dict(vars(ui))),  # noqa: S307  # our own repr
        ui.from_json(text),
    ):
        assert again == spec
        assert hash(again) == hash(spec)
        assert repr(again) == repr(spec)
    assert ui.to_json(ui.from_json(text)) == text
    assert "\n" not in text
    assert json.loads(text)["stream"] == ui.STREAM


@given(specs | algebraic, specs | algebraic)
@settings(deadline=None)
def test_different_specs_have_different_forms(one: ui.Initializer, two: ui.Initializer) -> None:
    """Specs are equal exactly when their texts are."""
    assert (one == two) == (ui.to_json(one) == ui.to_json(two)) == (repr(one) == repr(two))


def test_zeros_of_either_sign_are_one_value() -> None:
    """Equal specs have one text and draw one tensor; minus zero equals zero."""
    one, two = ui.constant(0.0), ui.constant(-0.0)
    assert one == two
    assert ui.to_json(one) == ui.to_json(two)
    assert ui.digest(ui.draw(one, 3)) == ui.digest(ui.draw(two, 3))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (ui.normal(0, 1), ui.normal(0.0, 1.0)),
        (ui.uniform(-1, 2), ui.uniform(-1.0, 2.0)),
        (ui.truncated_normal(0, 1, -2, 2), ui.truncated_normal(0.0, 1.0)),
        (ui.constant(3), ui.constant(3.0)),
        (ui.constant([1, 2]), ui.constant(anything(np.array([1.0, 2.0])))),
        (ui.constant(anything(np.float32(0.5))), ui.constant(0.5)),
        (ui.normal(anything(np.int64(0)), np.float64(1)), ui.normal(0, 1)),
        (ui.orthogonal(1), ui.orthogonal()),
        (ui.dirac(anything(np.int32(2))), ui.dirac(2)),
        (ui.icnr(ui.he_normal(), anything(np.int8(2))), ui.icnr(ui.he_normal(), 2)),
        (ui.sparse(0), ui.sparse(0.0)),
        (ui.he_normal() * 2, ui.he_normal() * 2.0),
        (ui.variance_scaling(2, "fan_in", "uniform"), ui.he_uniform()),
    ],
)
def test_whole_numbers_are_stored_as_floats(one: ui.Initializer, two: ui.Initializer) -> None:
    """An int, a float and NumPy's scalars give the same spec, the same text and the same repr."""
    assert one == two
    assert hash(one) == hash(two)
    assert ui.to_json(one) == ui.to_json(two)
    assert repr(one) == repr(two)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (ui.he_normal(), HE_NORMAL),
        (
            ui.icnr(ui.trunc_normal(1, 2, b=math.inf), 2) * 0.5,
            (
                '{"schema": 1, "stream": "threefry-1", '
                '"distribution": {"kind": "TruncatedNormal", "lower": -1.5, "upper": "inf"}, '
                '"scale": {"kind": "Fixed", "std": 2.0, "mean": 1.0}, "factor": 0.5, "upscale": 2}'
            ),
        ),
        (
            ui.constant([[1, 2], [3, 4]]),
            (
                '{"schema": 1, "stream": "threefry-1", '
                '"distribution": {"kind": "Constant", "value": [[1.0, 2.0], [3.0, 4.0]]}, '
                '"scale": {"kind": "Gain", "gain": 1.0}, "factor": 1.0, "upscale": 1}'
            ),
        ),
        (
            ui.stft("imag", None),
            (
                '{"schema": 1, "stream": "threefry-1", '
                '"distribution": {"kind": "Stft", "side": "imag", "window": null, "scaling": "density", '
                '"periodic": false}, "scale": {"kind": "Gain", "gain": 1.0}, "factor": 1.0, "upscale": 1}'
            ),
        ),
    ],
)
def test_the_text_never_changes(spec: ui.Initializer, text: str) -> None:
    """Golden texts: a file of this release is read by every later one."""
    assert ui.to_json(spec) == text
    assert ui.from_json(text) == spec


SUM = (
    '{"schema": 2, "stream": "threefry-1", "distribution": {"kind": "Sum", "terms": ['
    '{"distribution": {"kind": "Identity"}, "scale": {"kind": "Gain", "gain": -0.7}, "factor": 1.0, "upscale": 1}, '
    '{"distribution": {"kind": "Scaled", "base": {"distribution": {"kind": "Normal"}, '
    '"scale": {"kind": "Fixed", "std": 0.01, "mean": 0.0}, "factor": 1.0, "upscale": 1}, '
    '"by": {"axes": "I", "values": [1.0, 0.5]}}, "scale": {"kind": "Gain", "gain": 1.0}, "factor": 1.0, '
    '"upscale": 1}]}, "scale": {"kind": "Gain", "gain": 1.0}, "factor": 1.0, "upscale": 1}'
)


def test_a_sum_is_written_in_schema_2() -> None:
    """A golden text, and what is needed of it by hand: terms without scale, factor and upscale of their own."""
    spec = ui.identity(-0.7) + ui.along("I", [1.0, 0.5]) * ui.normal(0.0, 0.01)
    assert ui.to_json(spec) == SUM
    assert ui.from_json(SUM) == spec
    short = json.loads(SUM)
    short["distribution"]["terms"][1] = {"distribution": short["distribution"]["terms"][1]["distribution"]}
    assert ui.from_dict(short) == spec


@pytest.mark.parametrize(
    ("spec", "schema"),
    [
        (ui.he_normal() * 0.5, 1),
        (ui.icnr(ui.he_normal(), 2), 1),
        (-ui.he_normal(), 2),
        (ui.orthogonal(-1.0), 2),
        (ui.ones() + 1.0, 2),
        (ui.along("O", [1, 2]) * ui.ones(), 2),
    ],
)
def test_a_spec_is_written_in_the_oldest_schema_that_can_say_it(spec: ui.Initializer, schema: int) -> None:
    """Files of specs that older releases know stay readable by them; both schemas are read."""
    tree = ui.to_dict(spec)
    assert tree["schema"] == schema
    assert ui.from_dict({**tree, "schema": 2}) == spec


@pytest.mark.parametrize(
    "distribution",
    [
        {"kind": "Sum", "terms": 3},
        {"kind": "Sum", "terms": [3]},
        {"kind": "Sum", "terms": []},
        {"kind": "Sum", "terms": [{"distribution": {"kind": "Identity"}}]},
        {
            "kind": "Sum",
            "terms": [{"distribution": {"kind": "Identity"}, "scale": {"kind": "Gain", "gain": 0}}],
        },
        {
            "kind": "Sum",
            "terms": [{"distribution": {"kind": "Normal"}, "scale": {"kind": "Gain", "gain": 1}}],
        },
        {"kind": "Scaled", "base": "ones", "by": {"axes": "O", "values": [1]}},
        {"kind": "Scaled", "base": json.loads(HE_NORMAL), "by": {"axes": "O", "values": [1]}},
        {"kind": "Scaled", "base": {"distribution": {"kind": "Sum"}}, "by": [1, 2]},
    ],
    ids=itertools.count(),
)
def test_a_sum_that_is_none_is_refused_with_the_path_of_the_field(distribution: dict[str, Any]) -> None:
    """The whole sentence."""
    with refused(ui.ArgumentValueError):
        ui.from_json(edited(distribution=distribution, scale={"kind": "Gain", "gain": 1.0}))


@pytest.mark.parametrize("by", [[1, 2], {"axes": "Q", "values": [1]}, {"axes": "O"}], ids=itertools.count())
def test_an_array_that_is_none_is_refused_with_the_path_of_the_field(by: Any) -> None:
    """The whole sentence."""
    base = {"distribution": {"kind": "Identity"}, "scale": {"kind": "Gain", "gain": 1.0}}
    with refused(ui.ArgumentValueError):
        ui.from_json(edited(distribution={"kind": "Scaled", "base": base, "by": by}))


def test_a_quantile_table_serialises_whole() -> None:
    """The callable is gone; the table is the spec, and draws the same bits."""
    for spec in (triangular(), skewed()):
        again = ui.from_json(ui.to_json(spec))
        one, two = (ui.draw(each, 1000, seed=1) for each in (spec, again))
        assert one.tobytes() == two.tobytes()


def test_a_quantile_exponent_of_numpy_serialises() -> None:
    """The exponent is stored as an int, whatever integer it was."""
    part = triangular().distribution
    assert isinstance(part, ui.Quantile)
    same = ui.Quantile(part.knots, np.int64(part.exponent), part.mean, part.std, part.low, part.high)  # type: ignore[arg-type]
    assert ui.to_json(ui.Initializer(same)) == ui.to_json(triangular())


@pytest.mark.parametrize(
    "spec", [ui.he_normal(), ui.truncated_normal(0, 1, -math.inf, 2), ui.constant([1, 2]), ui.sparse(0.1)]
)
def test_a_repr_leaves_out_defaults_alone(spec: ui.Initializer) -> None:
    """The repr is a constructor call with no `nan`, no `inf` and no name of another module."""
    assert eval(repr(spec), {"__builtins__": {"float": float}} | vars(ui)) == spec  # noqa: S307  # our own repr


def test_reprs_are_short() -> None:
    """What a user reads: positional where it can be, defaults left out."""
    assert repr(ui.he_normal()) == "Initializer(TruncatedNormal(-2.0, 2.0), VarianceScaling(2.0, 'fan_in'))"
    assert repr(ui.icnr(ui.normal(0, 1), 2)) == "Initializer(Normal(), Fixed(1.0), upscale=2)"
    assert repr(ui.normal(0, 1) * 2) == "Initializer(Normal(), Fixed(1.0), 2.0)"
    assert repr(ui.constant([1])) == "Initializer(Constant((1.0,)))"
    assert repr(ui.TruncatedNormal(-math.inf, 1)) == "TruncatedNormal(float('-inf'), 1.0)"


def test_specs_do_not_change() -> None:
    """No field can be set, and no attribute added."""
    spec: Any = ui.he_normal()
    for name in ("factor", "upscale", "distribution", "other"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(spec, name, 2.0)
    assert spec == ui.he_normal()


NORMAL = {"kind": "Normal"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2",
        "[]",
        "null",
        "{}",
        edited(factor=None),
        edited(gain=2),
        edited(schema=3),
        edited(schema=True),
        edited(schema="1"),
        edited(stream="threefry-2"),
        edited(distribution="Normal"),
        edited(distribution={"std": 1}),
        edited(scale=[1]),
        edited(distribution={"kind": "normal"}),
        edited(distribution={"kind": "os.system"}),
        edited(distribution={"kind": ["Normal"]}),
        edited(scale={"kind": "Normal"}),
        edited(distribution={"kind": "Normal", "std": 1}),
        edited(scale={"kind": "Fixed", "std": 1.0}),
        edited(distribution=NORMAL, scale={"kind": "Fixed", "std": "1", "mean": 0}),
        edited(distribution=NORMAL, scale={"kind": "Fixed", "std": "inf", "mean": 0}),
        edited(distribution={"kind": "TruncatedNormal", "lower": "infinity", "upper": 2}),
        edited(distribution={"kind": "TruncatedNormal", "lower": 2, "upper": 1}),
        edited(scale={"kind": "VarianceScaling", "scale": 2.0, "mode": "fan"}),
        edited(factor=0),
        HE_NORMAL.replace('"factor": 1.0', '"factor": NaN'),
        edited(upscale=1.5),
        edited(distribution=NORMAL, scale={"kind": "Gain", "gain": 1.0}),
    ],
    ids=itertools.count(),
)
def test_a_text_that_is_no_spec_is_refused(text: str) -> None:
    """The message has the path of the field and the rule that it breaks."""
    with refused(ui.ArgumentValueError):
        ui.from_json(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, '{"schema": 1' + "0" * 5000 + "}"], ids=len)
def test_hostile_text_is_refused_with_our_error(text: str) -> None:
    """Neither depth nor length brings out an error of the parser."""
    with pytest.raises(ui.ArgumentValueError):
        ui.from_json(text)


def test_only_specs_and_text_are_taken() -> None:
    """Both functions check what they are given."""
    with refused(ui.ArgumentTypeError):
        ui.to_json(ui.Normal())  # type: ignore[arg-type]
    with refused(ui.ArgumentTypeError):
        ui.from_json({"schema": 1})  # type: ignore[arg-type]


def test_loading_imports_nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind is looked up in a closed vocabulary; no text names a module or a callable."""
    module = tmp_path / "user_module_of_specs.py"
    module.write_text("raise SystemExit('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for kind in ("user_module_of_specs.Spec", "user_module_of_specs:Spec", "user_module_of_specs"):
        for part in ("distribution", "scale"):
            with pytest.raises(ui.ArgumentValueError):
                ui.from_json(edited(**{part: {"kind": kind}}))
    before = set(sys.modules)
    ui.from_json(HE_NORMAL)
    assert set(sys.modules) == before
    assert "user_module_of_specs" not in sys.modules


class Word(enum.StrEnum):
    """Words as a program may keep them."""

    FAN_OUT = "fan_out"
    BLACKMAN = "blackman"
    CONV = "conv"


@pytest.mark.parametrize("kind", [np.str_, lambda word: Word(word)], ids=["NumPy", "StrEnum"])  # noqa: PLW0108
def test_words_of_any_kind_are_plain_in_a_spec(kind: Any) -> None:
    """Their repr evaluates, their JSON is the same, and their pickle needs neither NumPy nor the enum."""
    values = [
        (ui.VarianceScaling(2.0, kind("fan_out")), ui.VarianceScaling(2.0, "fan_out")),
        (ui.InverseFan(2.0, kind("fan_out")), ui.InverseFan(2.0, "fan_out")),
        (ui.Stft("imag", kind("blackman")), ui.Stft("imag", "blackman")),
        (ui.Rule(spec=ui.zeros(), kind=kind("conv")), ui.Rule(spec=ui.zeros(), kind="conv")),
    ]
    for value, plain in values:
        assert repr(value) == repr(plain)
        assert eval(repr(value), vars(ui)) == value == plain  # noqa: S307  # our own repr
        assert pickle.dumps(value) == pickle.dumps(plain)
