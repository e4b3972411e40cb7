"""Specs by name and by configuration."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.spec import presets

# A value for each parameter that has no default.
REQUIRED: dict[str, Any] = {
    "value": 2.0,
    "base": "he_normal",
    "factor": 2,
    "mean": 0.5,
    "std": 0.02,
    "low": -0.1,
    "high": 0.2,
    "sparsity": 0.5,
    "norm": "spectral",
    "scale": 2.0,
    "mode": "fan_avg",
    "distribution": "uniform",
    "layer": 1,
    "n_layer": 4,
    "p": 0.25,
    "loc": 0.0,
    "df": 4.0,
    "mu": -1.0,
    "sigma": 0.5,
}
# Parameters that mean something else in some presets, and the initializers inside of others.
OWN: dict[str, dict[str, Any]] = {
    "cauchy": {"low": -2.0, "high": 3.0},
    "discrete": {"values": [0.0, 1.0], "probabilities": [0.25, 0.75]},
    "mixture": {"weights": [0.25, 0.75], "components": ["he_normal", {"name": "normal", "mean": 0, "std": 1}]},
    "sparse_of": {"values": "he_normal"},
}  # fmt: skip


@pytest.mark.parametrize("name", presets.__all__)
def test_every_preset_is_had_by_its_name(name: str) -> None:
    """With the arguments that it needs, it is what the call returns."""
    preset = getattr(presets, name)
    needed = [
        parameter.name
        for parameter in inspect.signature(preset).parameters.values()
        if parameter.default is parameter.empty
    ]
    known = {**REQUIRED, **OWN.get(name, {})}
    arguments = {argument: known[argument] for argument in needed}
    called = dict(arguments)
    if name == "mixture":
        called["components"] = [ui.he_normal(), ui.normal(0.0, 1.0)]
    elif name in {"icnr", "with_norm", "sparse_of"}:
        called |= {key: ui.he_normal() for key in ("base", "values") if key in arguments}
    assert ui.get({"name": name, **arguments}) == preset(**called)
    if not needed:
        assert ui.get(name) == preset()


def test_optional_arguments_may_be_given() -> None:
    """By name, beside the preset's name."""
    source = {"name": "kaiming_normal", "mode": "fan_out", "nonlinearity": "relu"}
    assert ui.get(source) == ui.kaiming_normal(mode="fan_out", nonlinearity="relu")
    assert source == {"name": "kaiming_normal", "mode": "fan_out", "nonlinearity": "relu"}


def test_a_spec_and_its_mapping_are_taken() -> None:
    """A spec is itself; a mapping of ``to_dict`` is read by ``from_dict``."""
    spec = ui.truncated_normal(0.0, 0.02) * 0.5
    assert ui.get(spec) is spec
    assert ui.get(ui.to_dict(spec)) == ui.from_dict(ui.to_dict(spec)) == spec


@pytest.mark.parametrize(
    ("distribution", "spec"),
    [
        (
            {"kind": "Sum", "terms": [{"name": "identity", "gain": -0.7}, {"name": "normal", "mean": 0, "std": 1}]},
            ui.identity(-0.7) + ui.normal(0.0, 1.0),
        ),
        (
            {"kind": "Scaled", "base": "he_normal", "by": {"axes": "O", "values": [1.0, 2.0]}},
            ui.along("O", [1.0, 2.0]) * ui.he_normal(),
        ),
    ],
    ids=["Sum", "Scaled"],
)  # fmt: skip
def test_a_sum_of_presets_is_had_by_its_terms(distribution: Any, spec: ui.Initializer) -> None:
    """Without the version that ``to_dict`` writes, in a configuration and on the command line."""
    assert ui.get({"distribution": distribution}) == spec
    assert ui.get({"distribution": distribution, "factor": 0.5}) == spec * 0.5


@pytest.mark.parametrize(
    ("distribution", "spec"),
    [
        (
            {"kind": "SparseOf", "values": "he_normal", "sparsity": 0.5, "along": "row", "at_least_one": True},
            ui.sparse_of(ui.he_normal(), 0.5, "row", at_least_one=True),
        ),
        ({"kind": "Normed", "base": "he_normal", "norm": "spectral"}, ui.with_norm(ui.he_normal(), "spectral")),
        (
            {"kind": "Mixture", "weights": [0.5, 0.5], "components": ["he_normal", "lecun_normal"]},
            ui.mixture([0.5, 0.5], [ui.he_normal(), ui.lecun_normal()]),
        ),
    ],
    ids=["SparseOf", "Normed", "Mixture"],
)  # fmt: skip
def test_presets_inside_of_a_distribution_are_had_by_name(distribution: Any, spec: ui.Initializer) -> None:
    """Of each distribution that is made of other specs."""
    assert ui.get({"distribution": distribution, "scale": {"kind": "Gain", "gain": 1.0}}) == spec


@pytest.mark.parametrize(
    "source",
    [
        "he_norml", "torch.nn.init.kaiming_normal_", "normal", {"name": "normal"}, {"name": "qqq"}, {"std": 1.0},
        {"name": "normal", "mean": 0.0, "sdt": 1.0}, {"name": "zeros", "value": 1.0},
        {"name": "normal", "mean": 0.0, "std": -1.0}, {"name": "icnr", "base": "zeroes", "factor": 2},
        {"distribution": {"kind": "Normal"}},
    ],
    ids=str,
)  # fmt: skip
def test_what_stands_for_no_spec_is_refused(source: Any) -> None:
    """A name that is near is suggested; what is missing or not taken is named."""
    with refused(ui.ArgumentValueError):
        ui.get(source)


@pytest.mark.parametrize(
    "source", [3, None, ["he_normal"], ui.he_normal], ids=["int", "None", "list", "function"]
)
def test_another_kind_of_object_is_refused(source: Any) -> None:
    """Numbers, lists, and the preset that was not called."""
    with refused(ui.ArgumentTypeError, hidden="(?<=got ).*"):
        ui.get(source)


def test_a_number_that_yaml_reads_as_a_text_is_named() -> None:
    """``2e-2`` has no dot, without which YAML takes it for a text."""
    with refused(ui.ArgumentTypeError):
        ui.get({"name": "normal", "mean": 0, "std": "2e-2"})


def test_a_base_without_an_end_is_refused() -> None:
    """A mapping that is its own base, or a base that has one."""
    source: dict[str, Any] = {"name": "icnr", "factor": 2}
    source["base"] = source
    with refused(ui.ArgumentValueError, hidden="(?<=got ).*"):
        ui.get(source)


def test_the_path_of_a_yaml_file_is_no_recipe() -> None:
    """A path is a word of YAML: the refusal says that the text is wanted."""
    with refused(ui.ArgumentValueError):
        ui.recipe_from_yaml("recipes/mine.yaml")


def test_a_spec_is_not_called() -> None:
    """A framework that is handed a spec calls it, and hears what to hand it."""
    for arguments in ((), ((3, 4),), ("key", (3, 4), "float32")):
        with refused(ui.ArgumentTypeError):
            ui.he_normal()(*arguments)  # type: ignore[operator]


def test_a_recipe_in_yaml_says_presets_by_name() -> None:
    """A word, or a mapping with arguments; in ``parts`` too."""
    recipe = ui.recipe_from_yaml("""
        schema: 1
        stream: threefry-1
        name: short
        rules:
          - {role: bias, spec: zeros}
          - {kind: embedding, spec: {name: normal, mean: 0, std: 0.02}}
          - {place: attention.qkv, spec: xavier_uniform, parts: {q: zeros}}
    """)
    assert recipe.rules == (
        ui.Rule(spec=ui.zeros(), role="bias"),
        ui.Rule(spec=ui.normal(0, 0.02), kind="embedding"),
        ui.Rule(spec=ui.xavier_uniform(), place="attention.qkv", parts=(("q", ui.zeros()),)),
    )
    assert ui.recipe_from_json(ui.recipe_to_json(recipe)) == recipe


@pytest.mark.parametrize("spec", ['"he_norml"', '{"name": "normal"}', "3"])
def test_a_recipe_names_the_rule_whose_spec_is_wrong(spec: str) -> None:
    """By its path."""
    text = f'{{"schema": 1, "stream": "threefry-1", "name": "x", "rules": [{{"spec": {spec}}}]}}'
    with refused(ui.ArgumentValueError):
        ui.recipe_from_json(text)


def test_the_schema_admits_what_is_read() -> None:
    """The JSON Schema knows presets by name, and no other names."""
    import jsonschema

    def tree(spec: Any) -> Any:
        return {"schema": 1, "stream": "threefry-1", "name": "x", "rules": [{"spec": spec}]}

    jsonschema.validate(tree("he_normal"), ui.recipe_schema())
    jsonschema.validate(tree({"name": "normal", "mean": 0, "std": 0.02}), ui.recipe_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree("he_norml"), ui.recipe_schema())


def test_the_terms_of_a_sum_may_be_presets() -> None:
    """As people write them in a YAML file: names, mappings with arguments, and whole specs."""
    tree = {
        "schema": 2, "stream": ui.STREAM, "factor": 2.0, "upscale": 1, "scale": {"kind": "Gain", "gain": 1.0},
        "distribution": {
            "kind": "Sum",
            "terms": [
                "he_normal",
                {"name": "normal", "mean": 0, "std": 0.01},
                {"distribution": {"kind": "Scaled", "base": "ones", "by": {"axes": "O", "values": [1, 2]}}},
            ],
        },
    }  # fmt: skip
    sum_ = ui.he_normal() + ui.normal(0, 0.01) + ui.along("O", [1, 2])
    assert ui.get(tree) == 2 * sum_
