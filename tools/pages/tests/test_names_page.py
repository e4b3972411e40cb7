"""The page of foreign names: generated, complete, and true."""

from __future__ import annotations

import inspect
import pathlib
import re
import runpy
from typing import Any

import pytest
from tools.pages.names_page import names_page

import unified_init as ui
from unified_init.interop.catalogue import EXCLUDED, FRAMEWORKS
from unified_init.interop.catalogue_entry import AXES, DROPPED, FANS, Entry
from unified_init.interop.from_native import BY_NAME

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "names.md"
ENTRIES = [entry for _, entries in FRAMEWORKS for entry in entries]
EACH_ENTRY = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.names[0])
# Values for the arguments that have no default, and others that select each branch of an expression.
REQUIRED = {
    "val": 0.5,
    "value": 0.5,
    "constant": 0.5,
    "sparsity": 0.25,
    "scale": 3.0,
    "mode": "fan_out",
    "distribution": "uniform",
}
BRANCHES: list[dict[str, Any]] = [
    {"uniform": True},
    {"uniform": False},
    {"maxval": 4.0},
    {"rnd_type": "gaussian", "factor_type": "in", "magnitude": 2},
    {"factor_type": "out"},
    {"rnd_type": "uniform", "magnitude": 6},
    {"distribution": "truncated_normal"},
]


def test_the_page_is_the_generated_one(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/names.md is what its generator writes."""
    with pytest.warns(RuntimeWarning, match="names_page"):
        runpy.run_module("tools.pages.names_page", run_name="__main__")
    assert PAGE.read_text(encoding="utf-8") == names_page() == capsys.readouterr().out


def test_no_name_means_two_things() -> None:
    """Every dotted name stands once in the tables, or once among those that stand for no law."""
    listed = [name for entry in ENTRIES for name in entry.names]
    assert sorted(listed) == sorted(BY_NAME)
    assert not set(listed) & set(EXCLUDED)


@EACH_ENTRY
def test_the_expression_on_the_page_is_what_from_native_returns(entry: Entry) -> None:
    """Our side of a row, evaluated with the row's own defaults, is the spec of the name on its left."""
    required = {
        one.name: REQUIRED[one.name] for one in entry.parameters if one.default is inspect.Parameter.empty
    }
    for branch in [{}, *BRANCHES]:
        if not set(branch) <= set(entry.kept):
            continue
        arguments = required | branch
        defaults = {one.name: one.default for one in entry.parameters} | arguments
        # Haiku's constant(constant): the function and its argument have one name.
        text = re.sub(r"(?<![.\w])(\w+)\(", r"ui.\1(", entry.expression)
        expected = eval(text, {"ui": ui, **defaults})  # noqa: S307  # the repository's data
        for name in entry.names:
            assert ui.from_native(name, **arguments) == expected


# --- against the installed packages ---------------------------------------------------------------


def _public(module: Any) -> dict[str, Any]:
    return {word: getattr(module, word) for word in dir(module) if not word.startswith("_")}


def _places() -> dict[str, dict[str, Any]]:
    """Every public name of every installed framework's initializers, by the place it is under."""
    import torch

    found = {
        "torch.nn.init.": {
            word: thing
            for word, thing in _public(torch.nn.init).items()
            if getattr(thing, "__module__", "") == "torch.nn.init" and callable(thing)
        }
    }
    import flax.linen
    import flax.nnx
    import haiku
    import jax
    import keras
    import tensorflow as tf

    found["jax.nn.initializers."] = _public(jax.nn.initializers)
    found["haiku.initializers."] = _public(haiku.initializers)
    found["keras.initializers."] = _public(keras.initializers)
    found["tf.initializers."] = _public(tf.initializers)
    found["tf.keras.initializers."] = _public(tf.keras.initializers)
    found["tf.compat.v1.initializers."] = _public(tf.compat.v1.initializers)
    for place, module in (("tf.compat.v1.", tf.compat.v1), ("tf.", tf)):
        found[place] = {
            word: thing for word, thing in _public(module).items() if word.endswith("_initializer")
        }
    for place, module in (
        ("flax.linen.initializers.", flax.linen.initializers),
        ("flax.nnx.initializers.", flax.nnx.initializers),
    ):
        found[place] = {
            word: thing
            for word, thing in _public(module).items()
            if callable(thing) and word in {*_public(jax.nn.initializers), "zeros_init", "ones_init"}
        }
    return found


@pytest.mark.needs("torch", "tensorflow", "jax", "keras", "flax", "haiku")
def test_every_public_name_is_mapped_or_excluded_with_a_reason() -> None:
    """No initializer of an installed framework is missing."""
    for place, things in _places().items():
        assert things
        missing = {place + word for word in things} - set(BY_NAME) - set(EXCLUDED)
        assert not missing


@pytest.mark.needs("torch", "tensorflow", "jax", "keras", "flax", "haiku")
def test_signatures_are_those_of_the_installed_packages() -> None:
    """Names, order and defaults of the parameters are the framework's own."""
    deprecated = "(*args: "  # PyTorch's old spellings
    for place, things in _places().items():
        for word, thing in things.items():
            entry = BY_NAME.get(place + word)
            if entry is None or deprecated in str(inspect.signature(thing)):
                continue
            calls = {"tensor", "key", "shape", "out_sharding"}  # of the call that draws
            theirs = [one for one in inspect.signature(thing).parameters.values() if one.name not in calls]
            if word in {"zeros", "ones"} and place[:3] in {"jax", "fla"}:
                theirs = []  # initializers already, not makers of one
            assert [one.name for one in theirs] == [one.name for one in entry.parameters], place + word
            for one, ours in zip(theirs, entry.parameters, strict=True):
                if one.name != "dtype":
                    assert one.default == ours.default, (place + word, one.name)


@pytest.mark.needs("torch", "tensorflow", "jax", "keras", "flax", "haiku")
def test_functions_and_classes_are_recognised() -> None:
    """The thing itself and its dotted name are the same spec."""
    for place, things in _places().items():
        for word, thing in things.items():
            entry = BY_NAME.get(place + word)
            if entry is None:
                continue
            arguments = {
                one.name: REQUIRED[one.name]
                for one in entry.parameters
                if one.default is inspect.Parameter.empty
            }
            assert ui.from_native(thing, **arguments) == ui.from_native(place + word, **arguments)


def test_silent_parameters_are_three_kinds() -> None:
    """What says nothing of the law is dropped; what says axes or fans is refused: never both."""
    assert not (DROPPED & AXES) | (DROPPED & FANS) | (AXES & FANS)
