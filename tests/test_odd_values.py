"""Bad input of any kind gets one of our errors: each odd value in each argument of each public function."""

from __future__ import annotations

import importlib
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers import odd_cases
from tests.helpers.messages import refused, source_of
from tests.helpers.odd_calls import CALLS, RESULTS, Call, lacking, public_callables
from tests.helpers.odd_values import CORE, HUGE

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALONE = sorted(path for path, call in CALLS.items() if not call.needs and call.valid())


def test_every_public_callable_and_every_parameter_has_a_call() -> None:
    """Whoever adds a public function, method or parameter adds it to the table of calls."""
    assert [path for path in public_callables() if path not in CALLS and path not in RESULTS] == []
    assert lacking(path for path, call in CALLS.items() if not call.needs) == {}
    assert len(CORE) >= 120


@pytest.mark.parametrize("path", ALONE)
def test_an_odd_value_is_refused_by_our_error_or_taken(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """In each place it is one of our errors, with a message and within seconds; what is taken is listed."""
    monkeypatch.chdir(tmp_path)
    odd_cases.check(path, CALLS[path], CORE, "core", request.config)


# --- by name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: ui.VarianceScaling(2.0, "fan_in").std_of(0, None),
        lambda: ui.InverseFan(2.0, "fan_avg").std_of(-1.0, 3),
        lambda: ui.VarianceScaling(2.0, "fan_out").std_of(None, anything("3")),
    ],
    ids=source_of,
)
def test_a_fan_of_std_of_is_positive(call: Any) -> None:
    """It is a divisor, or under a root."""
    with refused(ui.UnifiedInitError):
        call()


def test_names_are_words() -> None:
    """A map of numbers is refused before it is compared with paths."""
    model = ui.Inventory("torch", ())
    recipe = ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), optional=True),))
    for names in ({3: 4}, {"w": None}):
        with refused(ui.ArgumentTypeError):
            ui.plan(model, recipe, names=anything(names))
    with refused(ui.ArgumentTypeError):
        ui.match(model, model, given=anything({3: "w"}))
    with refused(KeyError):
        ui.NameMap((("a", "b"),))[anything(3)]


@pytest.mark.parametrize(
    "indent", [-1, 101, HUGE, True, 1.5, "  "], ids=["-1", "101", "huge", "True", "1.5", "spaces"]
)
def test_an_indent_is_a_small_count(indent: Any) -> None:
    """Of spaces per level, or None."""
    with refused(ui.UnifiedInitError):
        ui.inventory_to_json(ui.Inventory("torch", ()), indent=indent)


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Constant", "config": 3},
        {"class_name": "Constant", "config": {3: 4}},
        {"class_name": 3, "config": {}},
        {"class_name": "Constant", "config": {"value": {"class_name": "__numpy__", "config": {}}}},
        {"class_name": "Constant", "config": {"value": {"class_name": "__tensor__", "config": None}}},
        {"class_name": "unified_init>UnifiedInitializer", "config": {}},
        {"class_name": "unified_init>UnifiedInitializer", "config": {"spec": {3: 4}}},
    ],
    ids=str,
)
def test_a_malformed_configuration_is_refused(config: Any) -> None:
    """Of Keras, whatever entries it lacks."""
    with refused(ui.UnifiedInitError):
        ui.from_native(config)


def test_an_integer_too_long_to_print_is_described() -> None:
    """By its bits: Python prints no more than 4,300 digits."""
    for call in (
        lambda: ui.normal(0.0, anything([HUGE])),
        lambda: ui.draw(ui.zeros(), (HUGE, HUGE), seed=0),
        lambda: ui.draw(ui.zeros(), (3,), seed=0, index=slice(HUGE, None)),
        lambda: ui.Part(label="q", length=2, path="w", box=anything((HUGE, 3))),
    ):
        with refused(ui.UnifiedInitError):
            call()


def test_times_and_masked_arrays_are_no_numbers() -> None:
    """NumPy counts timedelta64 among the signed integers, and a masked entry has a value behind its mask."""
    calls: tuple[Callable[[Any], Any], ...] = (
        lambda value: ui.normal(0.0, value),
        lambda value: ui.draw(ui.zeros(), (value,), seed=0),
        lambda value: ui.draw(ui.normal(0.0, 1.0), (3,), seed=value),
        ui.constant,
        ui.dirac,
    )
    times = (np.timedelta64(3, "s"), np.timedelta64(3), np.datetime64("2020-01-01"))
    for value, call in itertools.product((*times, np.ma.array(3, mask=True)), calls):
        with pytest.raises(ui.ArgumentTypeError):
            call(value)


def test_a_shape_that_does_not_end_is_refused() -> None:
    """Arrays have 64 axes at most; nothing reads further."""
    for shape in (itertools.count(1), range(10**12), (1,) * 65):
        with refused(ui.ArgumentValueError):
            ui.draw(ui.zeros(), anything(shape), seed=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ui.normal(0.0, odd("Real whose __float__ raises")),
        lambda: ui.normal(0.0, odd("unprintable")),
        lambda: ui.constant(odd("list whose methods raise")),
        lambda: ui.constant(odd("long range")),
        lambda: ui.constant(odd("recursive list")),
        lambda: ui.from_quantile(odd("failing function")),
        lambda: ui.from_quantile(Distribution()),
        lambda: ui.Rule(spec=ui.zeros()).matches(anything(None)),
        lambda: ui.Record(name="w", path="w", shape=(3,), kind="linear", role="bias").part_shape(
            anything(None)
        ),
        lambda: ui.zeros().law(anything((3,))),
        lambda: ui.Linen(None, {"params": {}}, anything(3)),
        lambda: importlib.import_module("unified_init.testing").family_p(anything([3])),
    ],
    ids=source_of,
)
def test_an_object_of_any_class_is_described(call: Any) -> None:
    """Also where its methods raise, where it has no repr, or is endless."""
    with refused(ui.UnifiedInitError):
        call()


class Distribution:
    """A distribution whose support is none."""

    def ppf(self, probability: Any) -> Any:
        """Return the quantiles."""
        return probability

    isf = ppf

    def support(self) -> Any:
        """Return no pair."""
        return 3


def odd(name: str) -> Any:
    """Return an odd value."""
    return CORE[name]()


def anything(value: Any) -> Any:
    """Return a value that no type checker objects to."""
    return value


def test_the_list_of_accepted_values_is_read_as_it_is_written() -> None:
    """Places that take the same values stand together."""
    listing = {"core": {"draw | seed": ("0", "1"), "fill | seed": ("0", "1"), "draw | name": ("str",)}}
    text = odd_cases.written(listing)
    assert odd_cases.read(text) == listing
    assert text.splitlines()[3:] == [
        "== core",
        "",
        "str",
        "    draw | name",
        "",
        "0, 1",
        "    draw | seed",
        "    fill | seed",
    ]


def test_a_fault_is_seen() -> None:
    """An error that is not ours or has no message, one about another argument, and a target that was written."""

    def failing(value: Any, target: Any) -> None:
        if value is None:
            target[:] = 1.0
            raise ui.ArgumentTypeError
        raise KeyError(value)

    call = Call(lambda: {"value": 3, "target": np.zeros(2)}, watched=("target",))

    def misnaming(value: Any, target: Any) -> None:
        del value, target
        msg = "`dtype` must be a name."
        raise ui.ArgumentTypeError(msg)

    assert odd_cases.result_of(misnaming, call, {}).startswith("names an argument that the function has not")
    assert odd_cases.result_of(misnaming, call, {}, {"dtype"}) == odd_cases.REFUSED
    assert odd_cases.result_of(failing, call, {}) == "KeyError at nowhere: 3"
    assert odd_cases.result_of(failing, call, {"value": None}).startswith(
        "changed what it refused to write: an error"
    )
