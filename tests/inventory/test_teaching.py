"""Layers that a user describes: the records of any framework are rewritten, and recipes then know them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui


def loose(path: str, shape: tuple[int, ...], native: str = "Block", **fields: Any) -> ui.Record:
    """Return a record as a walker gives it for a parameter that it does not know."""
    return ui.Record(
        name=path, path=path, shape=shape, kind="parameter", role="parameter", native=native, **fields
    )


MODEL = ui.Inventory(
    "torch",
    (
        loose("blocks.0.attn.w_q", (4, 32, 8), "Attention"),
        loose("blocks.0.attn.b_q", (4, 8), "Attention"),
        loose("blocks.0.attn.sink", (4,), "Attention"),
        loose("blocks.0.qkv.weight", (48, 16), "MyLinear"),
        loose("blocks.0.qkv.bias", (48,), "MyLinear"),
        loose("blocks.0.experts.gate_up_proj", (4, 32, 16), "Experts"),
        loose("blocks.0.experts.down_proj", (4, 16, 16), "Experts"),
        loose("conv.weight", (8, 2, 3, 3), "MyConv"),
        loose("fused/query_key_value", (72, 24)),
        loose("norm.weight", (16,), "Norm", doubt="it is not known whether it adds 1"),
    ),
)
HEADS = ui.Layer(kind="linear", tensors={"w_q": ("kernel", "BIO"), "b_q": ("bias", "BO")})
LINEAR = ui.Layer(kind="linear", tensors={"weight": ("kernel", "OI"), "bias": ("bias", "O")})


class Attention:
    """A class that stands for its name."""


def test_an_axis_of_heads_holds_separate_matrices() -> None:
    """The fans are those of one head, and the bias has those of its kernel."""
    inventory = ui.inspect(MODEL, layers={Attention: HEADS})
    kernel, bias = (inventory[f"blocks.0.attn.{name}"] for name in ("w_q", "b_q"))
    assert (kernel.kind, kernel.role, kernel.layout, kernel.fans) == ("linear", "kernel", "BIO", (32, 8))
    assert (bias.kind, bias.role, bias.layout, bias.fans) == ("linear", "bias", "BO", (32, 8))
    assert inventory["blocks.0.attn.sink"] == MODEL["blocks.0.attn.sink"]
    law = ui.plan(inventory, ui.Recipe("x", (ui.Rule(spec=ui.he_normal()),)), only="*w_q")[
        "blocks.0.attn.w_q"
    ]
    assert law.pieces[0].law.fan_in == 32


def test_a_described_projection_has_the_parts_that_its_name_says() -> None:
    """As a linear layer of the framework has them; the bias too."""
    inventory = ui.inspect(MODEL, layers={"MyLinear": LINEAR})
    for name in ("weight", "bias"):
        record = inventory[f"blocks.0.qkv.{name}"]
        assert [part.label for part in record.parts] == ["q", "k", "v"]
        assert (record.place, record.fans) == ("attention.qkv", (16, 16))


@pytest.mark.parametrize("key", ["Experts", "*.experts", "blocks.*.experts.*", r"re:blocks\.\d+\.experts"])
def test_experts_are_described_by_class_or_by_path(key: str) -> None:
    """Of the layer or of its tensors; gate and up are parts of one tensor."""
    experts = ui.Layer(
        kind="linear",
        tensors={"gate_up_proj": ("kernel", "BOI"), "down_proj": ("kernel", "BOI")},
        parts={"gate_up_proj": ("gate", "up")},
    )
    inventory = ui.inspect(MODEL, layers={key: experts})
    fused = inventory["blocks.0.experts.gate_up_proj"]
    assert [(part.label, part.length, part.box) for part in fused.parts] == [
        ("gate", 16, ((0, 4), (0, 16), (0, 16))), ("up", 16, ((0, 4), (16, 32), (0, 16))),
    ]  # fmt: skip
    assert (fused.fans, inventory["blocks.0.experts.down_proj"].fans) == ((16, 16), (16, 16))


def test_parts_head_by_head() -> None:
    """Three heads of 8: the rows of q are 0-7, 24-31, 48-55."""
    by_head = ui.Layer(
        kind="linear",
        tensors={"query_key_value": ("kernel", "OI")},
        parts={"query_key_value": ui.Split(("q", "k", "v"), blocks=3)},
    )
    record = ui.inspect(MODEL, layers={"fused*": by_head})["fused/query_key_value"]
    import numpy as np

    rows = np.repeat(np.arange(72)[:, None], 24, axis=1)
    assert record.parts[0].region(rows)[..., 0].ravel().tolist() == [
        *range(8),
        *range(24, 32),
        *range(48, 56),
    ]
    assert record.fans == (24, 24)


def test_parts_of_other_lengths() -> None:
    """Grouped queries: the fans of a record with unequal parts are of all outputs, those of a piece its own."""
    grouped = ui.Layer(
        kind="linear",
        tensors={"query_key_value": ("kernel", "OI")},
        parts={"query_key_value": ui.Split(("q", "k", "v"), (48, 12, 12))},
    )
    plan = ui.plan(
        MODEL, ui.Recipe("x", (ui.Rule(spec=ui.glorot_uniform()),)), layers={"fused*": grouped}, only="fused*"
    )
    assert [piece.law.fan_out for piece in plan["fused/query_key_value"].pieces] == [48, 12, 12]


def test_fans_sizes_and_groups() -> None:
    """A grouped convolution by its layout; fans that are given are those of kernels and biases."""
    conv = ui.Layer(kind="conv", tensors={"weight": ("kernel", "(BO)IHW")}, sizes={"B": 4})
    record = ui.inspect(MODEL, layers={"MyConv": conv})["conv.weight"]
    assert (record.fans, record.groups, record.sizes) == ((18, 18), 4, (("B", 4),))
    given = dataclasses.replace(HEADS, fans=(7, 5))
    inventory = ui.inspect(MODEL, layers={"Attention": given})
    assert {inventory[f"blocks.0.attn.{name}"].fans for name in ("w_q", "b_q")} == {(7, 5)}


@pytest.mark.parametrize(("centred", "shifts"), [(True, [1.0]), (False, [])])
def test_what_a_norm_adds_can_be_said(*, centred: bool, shifts: list[float]) -> None:
    """It settles the doubt, which a layout does not."""
    layer = ui.Layer(kind="rms_norm", tensors={"weight": ("scale", "O")}, centred=centred)
    record = ui.inspect(MODEL, layers={"Norm": layer})["norm.weight"]
    assert (record.kind, record.role, record.doubt) == ("rms_norm", "scale", "")
    assert [part.shift for part in record.parts] == shifts
    unsaid = ui.inspect(MODEL, layers={"Norm": dataclasses.replace(layer, centred=None)})["norm.weight"]
    assert unsaid.doubt


def test_places_of_layers_and_of_tensors() -> None:
    """By globs of either."""
    inventory = ui.inspect(MODEL, places={"*.attn": "attention.query", "conv.weight": "stem"})
    places = {record.path: record.place for record in inventory if record.place}
    expected = dict.fromkeys([f"blocks.0.attn.{name}" for name in ("w_q", "b_q", "sink")], "attention.query")
    assert places.items() >= (expected | {"conv.weight": "stem"}).items()


def test_descriptions_are_part_of_a_recipe_and_of_its_file() -> None:
    """A description that is given with the model comes after the recipe's."""
    recipe = ui.Recipe(
        "mine",
        (ui.Rule(spec=ui.glorot_uniform(), place="attention.out", kind="linear"), ui.Rule(spec=None)),
        layers={
            Attention: HEADS,
            "Experts": ui.Layer(parts={"gate_up_proj": ("gate", "up")}, kind="linear",
                                tensors={"gate_up_proj": ("kernel", "BOI")}, fans=(3, 4)),
            "MyConv": ui.Layer(kind="conv", tensors={"weight": ("kernel", "(BO)IHW")}, sizes={"B": 4}),
            "Norm": ui.Layer(tensors={"weight": "scale"}, centred=True),
        },
        places={"*.attn": "attention.out"},
    )  # fmt: skip
    assert ui.recipe_from_json(ui.recipe_to_json(recipe)) == recipe
    assert hash(recipe) == hash(ui.recipe_from_json(ui.recipe_to_json(recipe)))
    assert recipe.before(ui.Rule(spec=ui.zeros(), optional=True)).layers == recipe.layers
    plan = ui.plan(MODEL, recipe)
    assert plan["blocks.0.attn.w_q"].pieces[0].law.fan_in == 32
    other = dataclasses.replace(HEADS, fans=(5, 5))
    assert ui.plan(MODEL, recipe, layers={Attention: other})["blocks.0.attn.w_q"].pieces[0].law.fan_in == 5


def test_the_schema_admits_descriptions() -> None:
    """And refuses unknown fields of them."""
    jsonschema = pytest.importorskip("jsonschema")
    import json

    recipe = ui.Recipe(
        "x",
        (ui.Rule(spec=ui.ones(), layout="(BO)I", sizes={"B": 2}, index=slice(1, None)),),
        layers={"A": HEADS, "B": ui.Layer(parts={"w": ("q", "k")}, fans=(1, 2), centred=False)},
        places={"*": "head"},
    )
    tree = json.loads(ui.recipe_to_json(recipe))
    jsonschema.validate(tree, ui.recipe_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree | {"layers": {"A": {"kinds": "linear"}}}, ui.recipe_schema())
    assert ui.recipe_from_json(json.dumps(tree)) == recipe


def test_two_kernels_of_a_layer_and_their_biases() -> None:
    """A bias has the fans of the kernel with as many outputs; where that does not decide, it has none."""
    records = tuple(
        loose(name, shape, "Two")
        for name, shape in (("w1", (4, 2)), ("w2", (5, 3)), ("b1", (4,)), ("b2", (5,)), ("b3", (6,)))
    )
    tensors = {"w1": ("kernel", "OI"), "w2": ("kernel", "OI")} | {f"b{i}": ("bias", "O") for i in (1, 2, 3)}
    inventory = ui.inspect(
        ui.Inventory("torch", records), layers={"Two": ui.Layer(kind="linear", tensors=tensors)}
    )
    assert [inventory[f"b{i}"].fans for i in (1, 2, 3)] == [(2, 4), (3, 5), (None, 6)]


def test_a_rule_may_give_a_layout() -> None:
    """Of a tensor of which nothing else is known; parts stay where their axis has outputs."""
    rule = ui.Rule(spec=ui.glorot_uniform(), path="*w_q", layout="BIO")
    law = ui.plan(MODEL, ui.Recipe("x", (rule, ui.Rule(spec=None))))["blocks.0.attn.w_q"].pieces[0].law
    assert (law.fan_in, law.fan_out) == (32, 8)
    grouped = ui.Rule(spec=ui.glorot_uniform(), path="conv*", layout="(BO)IHW", sizes={"B": 4})
    law = ui.plan(MODEL, ui.Recipe("x", (grouped, ui.Rule(spec=None))))["conv.weight"].pieces[0].law
    assert (law.fan_in, law.fan_out) == (18, 18)
    taught = ui.inspect(MODEL, layers={"MyLinear": LINEAR})
    for layout, labels in (("OI", ["q", "k", "v"]), ("IO", [""])):
        rules = (ui.Rule(spec=ui.glorot_uniform(), path="*qkv.weight", layout=layout), ui.Rule(spec=None))
        pieces = ui.plan(taught, ui.Recipe("x", rules))["blocks.0.qkv.weight"].pieces
        assert [piece.label for piece in pieces] == labels
        assert {piece.law.fan_in for piece in pieces} == {16 if layout == "OI" else 48}


RULES = (ui.Rule(spec=ui.he_normal()),)
REFUSED = [
    lambda: ui.inspect(MODEL, layers={"MyLinaer": LINEAR}),
    lambda: ui.inspect(MODEL, layers={"MyLinear": ui.Layer(tensors={"wieght": ("kernel", "OI")})}),
    lambda: ui.inspect(MODEL, layers={"MyLinear": ui.Layer(tensors={"weight": ("kernel", "OIW")})}),
    lambda: ui.inspect(MODEL, layers={"MyLinear": ui.Layer(parts={"weight": ("q", "k")})}),
    lambda: ui.inspect(
        MODEL,
        layers={"MyLinear": ui.Layer(tensors={"weight": ("kernel", "OI")}, parts={"weight": tuple("abcde")})},
    ),
    lambda: ui.inspect(
        MODEL, layers={"Norm": ui.Layer(tensors={"weight": "kernel"}, parts={"weight": ("q",)})}
    ),
    lambda: ui.inspect(MODEL, places={"*.attm": "head"}),
    lambda: ui.inspect(MODEL, layers=[LINEAR]),  # type: ignore[arg-type]
    lambda: ui.inspect(MODEL, layers={"MyLinear": "linear"}),  # type: ignore[dict-item]
    lambda: ui.inspect(MODEL, places="head"),  # type: ignore[arg-type]
    lambda: ui.inspect(MODEL, places={"*": "haed"}),
    lambda: ui.inspect(
        ui.Inventory("torch", (loose("s", ()),)),
        layers={"Block": ui.Layer(tensors={"s": "scale"}, centred=True)},
    ),
    lambda: ui.Layer(kind="linaer"),  # type: ignore[arg-type]
    lambda: ui.Layer(tensors=["weight"]),  # type: ignore[arg-type]
    lambda: ui.Layer(tensors={"weight": ("krenel", "OI")}),
    lambda: ui.Layer(tensors={"weight": ("kernel", "OX")}),
    lambda: ui.Layer(centred="yes"),  # type: ignore[arg-type]
    lambda: ui.Layer(fans=3),  # type: ignore[arg-type]
    lambda: ui.Layer(fans=(3, 0)),
    lambda: ui.Layer(parts={"weight": "qkv"}),
    lambda: ui.Layer(tensors={"weight": 3}),
    lambda: ui.Split(("q", "k")).parts("w", (4, 3), 2),
    lambda: ui.Split("qkv"),  # type: ignore[arg-type]
    lambda: ui.Split(()),
    lambda: ui.Split(("q", "q")),
    lambda: ui.Split(("q", "k"), 3),  # type: ignore[arg-type]
    lambda: ui.Split(("q", "k"), (3,)),
    lambda: ui.Rule(spec=None, sizes={"B": 2}),
    lambda: ui.Rule(spec=None, layout="OI", sizes=3),  # type: ignore[arg-type]
    lambda: ui.Rule(spec=None, index=slice(0, 4, 2)),
    lambda: ui.Rule(spec=None, index=(("a", None),)),  # type: ignore[arg-type]
    lambda: ui.recipe_from_json(
        '{"schema": 1, "stream": "threefry-1", "name": "x", "rules": [], "layers": []}'
    ),
    lambda: ui.recipe_from_json(
        '{"schema": 1, "stream": "threefry-1", "name": "x", "rules": [], "layers": {"A": {"knd": 1}}}'
    ),
    lambda: ui.recipe_from_json(
        '{"schema": 1, "stream": "threefry-1", "name": "x", "rules": [], "layers": {"A": {"parts": {"w": {}}}}}'
    ),
    lambda: ui.plan(MODEL, ui.Recipe("x", RULES), only="*w_q"),
    lambda: ui.plan(MODEL, ui.Recipe("x", RULES), layers={"Attention": HEADS}, only="*sink"),
    lambda: ui.plan(
        MODEL,
        ui.Recipe("x", RULES),
        layers={"Attention": ui.Layer(kind="linear", tensors={"b_q": ("bias", "BO")})},
        only="*b_q",
    ),
    lambda: ui.plan(MODEL, ui.Recipe("x", (ui.Rule(spec=ui.zeros(), index=slice(4, 9)),)), only="*sink"),
    lambda: ui.plan(MODEL, ui.Recipe("x", (ui.Rule(spec=ui.zeros(), index=(slice(2),) * 2),)), only="*sink"),
    lambda: ui.plan(
        MODEL,
        ui.Recipe("x", (ui.Rule(spec=ui.zeros(), index=slice(2)),)),
        layers={"MyLinear": LINEAR},
        only="*qkv*",
    ),
]


@pytest.mark.parametrize("call", REFUSED, ids=source_of)
def test_what_does_not_fit_is_refused(call: Any) -> None:
    """Descriptions that are about nothing, contradict the shape, or have fields of the wrong type."""
    with refused(ui.UnifiedInitError):
        call()
