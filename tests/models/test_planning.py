"""Plans: first match wins, nothing is silently missed, and errors name the nearest miss."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui


def record(path: str = "fc.weight", **fields: Any) -> ui.Record:
    """Return a linear kernel, or what ``fields`` make of it."""
    kernel: dict[str, Any] = {
        "shape": (10, 20),
        "layout": "OI",
        "kind": "linear",
        "role": "kernel",
        "inputs": 20,
        "outputs": 10,
    }
    return ui.Record(name=path, path=path, **(kernel | fields))


def model(*records: ui.Record) -> ui.Inventory:
    """Return an inventory, by default of one kernel and its bias."""
    bias = record("fc.bias", role="bias", shape=(10,), layout="O")
    return ui.Inventory("torch", records or (record(), bias))


def recipe(*rules: ui.Rule) -> ui.Recipe:
    """Return a recipe of some rules."""
    return ui.Recipe("mine", rules)


ANY = ui.Rule(spec=ui.normal(0, 1))


def test_the_first_rule_that_matches_decides() -> None:
    """A later one is for what is left."""
    found = ui.plan(model(), recipe(ui.Rule(spec=ui.zeros(), role="bias"), ANY))
    assert [(one.record.path, one.rule) for one in found] == [("fc.weight", 1), ("fc.bias", 0)]


def test_a_bias_has_the_fans_of_its_kernel() -> None:
    """So that a bias can have PyTorch's bound."""
    rule = ui.Rule(spec=ui.lecun_uniform())
    law = ui.plan(model(), recipe(rule))["fc.bias"].pieces[0].law
    assert (law.fan_in, law.fan_out, law.high) == (20, 10, (3 / 20) ** 0.5)


@pytest.mark.parametrize(
    ("condition", "hit"),
    [
        ({"kind": "linear"}, True),
        ({"kind": ("conv", "lstm")}, False),
        ({"role": "kernel"}, True),
        ({"name": "*.weight"}, True),
        ({"name": "weight"}, False),
        ({"path": r"re:fc\.\w+"}, True),
        ({"path": "re:fc"}, False),
        ({"shape": (10, 20)}, True),
        ({"shape": (20, 10)}, False),
        ({"block": 1}, False),
        ({"depthwise": False}, True),
        ({"fused": True}, False),
        ({"predicate": lambda one: one.inputs == 20}, True),
        ({"kind": "linear", "role": "bias"}, False),
        ({"place": "head"}, False),
    ],
)
def test_a_rule_matches_if_all_its_conditions_hold(condition: dict[str, Any], *, hit: bool) -> None:
    """Words, patterns, shape, block and a predicate."""
    assert ui.Rule(spec=ui.ones(), **condition).matches(record()) is hit


def test_a_pattern_that_matches_nothing_suggests_one_that_does() -> None:
    """GPT-2's residual projections were once missed this way."""
    names = [record(f"h.{i}.attn.c_proj.weight") for i in range(2)]
    wrong = ui.Rule(spec=ui.normal(0, 0.002), name="c_proj.weight")
    with refused(ui.UnifiedInitError):
        ui.plan(model(*names), recipe(wrong, ANY))


def test_a_rule_for_a_word_that_the_model_lacks_says_what_it_has() -> None:
    """The kinds that are there are listed."""
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ui.Rule(spec=ui.zeros(), kind="lstm"), ANY))


def test_a_rule_behind_another_is_refused() -> None:
    """It would never decide anything."""
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ANY, ui.Rule(spec=ui.zeros(), role="bias")))


def test_a_parameter_without_a_rule_is_refused() -> None:
    """With its kind, role and the nearest rule."""
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ui.Rule(spec=ui.ones(), kind="linear", role="kernel")))


def test_an_optional_rule_may_match_nothing() -> None:
    """Catalogues of defaults hold layers that a model has not."""
    assert len(list(ui.plan(model(), recipe(ui.Rule(spec=ui.zeros(), kind="lstm", optional=True), ANY)))) == 2


def test_a_rule_without_a_spec_leaves_a_parameter() -> None:
    """It counts as matched."""
    found = ui.plan(model(), recipe(ui.Rule(spec=None, role="bias"), ANY))
    assert found["fc.bias"].pieces == ()


def test_a_law_that_does_not_fit_names_parameter_and_rule() -> None:
    """A spec that needs what the layout does not say."""
    odd = record("w", layout=None, inputs=None, outputs=None, kind="parameter", role="parameter")
    with refused(ui.UnifiedInitError):
        ui.plan(model(odd), recipe(ui.Rule(spec=ui.he_normal())))


def test_blocks_scale_by_their_depth() -> None:
    """The factor is (block + 1) ** by_block, and needs a block."""
    deep = record("h.3.fc.weight", block=3)
    law = (
        ui.plan(model(deep), recipe(ui.Rule(spec=ui.normal(0, 1), by_block=-0.5)))["h.3.fc.weight"]
        .pieces[0]
        .law
    )
    assert law.std == 0.5
    with refused(ui.UnifiedInitError):
        ui.plan(model(record()), recipe(ui.Rule(spec=ui.normal(0, 1), by_block=-0.5)))


def test_names_give_streams_and_must_name_something() -> None:
    """A map's key that no parameter has is an error; so is one stream for two parameters."""
    found = ui.plan(model(), recipe(ANY), names={"fc.weight": "twin/kernel"})
    assert [one.pieces[0].name for one in found] == ["twin/kernel", "fc.bias"]
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ANY), names={"weight": "x"})
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ANY), names={"fc.weight": "x", "fc.bias": "x"})


def test_only_and_skip_must_match() -> None:
    """A pattern that selects nothing is a mistake."""
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ANY), only="fc.wieght")


def test_parts_are_drawn_apart_or_as_one() -> None:
    """unit='part' gives each part a stream of its own, 'whole' one stream in canonical order."""
    gates = tuple(ui.Part(label=label, length=5, path="w", box=((0, 5), (0, 20))) for label in "gi")
    fused = record("w", parts=gates, axis=0)
    apart = ui.plan(model(fused), recipe(ANY))["w"].pieces
    whole = ui.plan(model(fused), recipe(ui.Rule(spec=ui.orthogonal(), unit="whole")))["w"].pieces
    assert [(piece.name, piece.shape) for piece in apart] == [("w/g", (5, 20)), ("w/i", (5, 20))]
    assert [(piece.name, piece.shape) for piece in whole] == [("w", (10, 20))]
    assert [part.label for part in whole[0].parts] == ["i", "g"]


def test_the_plan_is_json() -> None:
    """Paths, streams, specs and laws, without infinities that JSON lacks."""
    tree = json.loads(ui.plan(model(), recipe(ANY)).to_json())
    assert tree["assignments"][0]["pieces"][0]["law"]["high"] == "inf"
    assert tree["assignments"][0]["pieces"][0]["stream"] == "fc.weight"


def test_a_recipe_that_was_not_called_is_refused() -> None:
    """The message says to call it."""
    with refused(ui.UnifiedInitError, hidden=r"0x\w+"):
        ui.plan(model(), ui.recipes.torch_default)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    "options",
    [{"only": 3}, {"skip": [3]}, {"names": ["a"]}, {"names": {"fc.weight": 3}}],
)
def test_options_of_a_wrong_type_are_refused(options: dict[str, Any]) -> None:
    """By name, with what was received."""
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ANY), **options)


@pytest.mark.parametrize(
    "fields",
    [
        {"spec": 3},
        {"name": 3},
        {"path": []},
        {"kind": ()},
        {"optional": "false"},
        {"fused": []},
        {"fans": (-1, None)},
        {"path": "re:a{99999999999999999999}"},
        {"block": "x"},
        {"block": -1},
        {"depthwise": "yes"},
        {"predicate": 3},
        {"fans": (1,)},
        {"unit": "half"},
        {"padding": "ones"},
        {"parts": 3},
        {"parts": {"f": 1}},
        {"parts": {"f": ui.ones()}, "unit": "whole"},
    ],
)
def test_fields_of_a_rule_are_checked_where_they_are_given(fields: dict[str, Any]) -> None:
    """The whole sentence."""
    with refused(ui.UnifiedInitError):
        ui.Rule(**({"spec": ui.zeros()} | fields))


@pytest.mark.parametrize(
    "rules",
    [3, (3,), ()],
)
def test_rules_of_a_recipe_are_checked(rules: Any) -> None:
    """The whole sentence."""
    with refused(ui.UnifiedInitError):
        ui.Recipe("x", rules)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "dense"},
        {"layout": "OIH"},
        {"axis": 0},
        {"padding": -1},
        {"ties": (3,)},
        {"ties": None},
        {"parts": None},
        {"parts": (3,)},
        {"sizes": 3},
        {"axis": 2, "parts": (ui.Part(label="q", length=10, path="w"),)},
    ],
)
def test_fields_of_a_record_are_checked(fields: dict[str, Any]) -> None:
    """A record may come from a file."""
    with refused(ui.UnifiedInitError):
        record(**fields)


@pytest.mark.parametrize("box", ["x", ((0,),), ((0, "1"),), ((3, 1),)])
def test_a_box_is_pairs_of_integers(box: Any) -> None:
    """A start and a stop behind it, for each axis."""
    with refused(ui.ArgumentTypeError):
        ui.Part(label="q", length=1, path="w", box=box)


def test_an_inventory_holds_records_and_each_path_once() -> None:
    """Whatever else is refused."""
    for records in ((3,), 3, (record(), record())):
        with refused(ui.UnifiedInitError):
            ui.Inventory("torch", records)  # type: ignore[arg-type]  # one of them is wrong


def test_what_is_not_there_is_a_key_error() -> None:
    """In inventories, in plans and in maps of names."""
    inventory = model()
    for holder in (inventory, ui.plan(inventory, recipe(ANY)), ui.match(inventory, inventory)):
        with refused(KeyError):
            holder["nothing"]


def test_rules_say_what_they_ask_for() -> None:
    """In the order of the fields."""
    rule = ui.Rule(spec=None, kind="conv", block=(0, 1), shape=(3,), depthwise=True, predicate=bool)
    assert str(rule) == "kind 'conv', block 0 or 1, shape (3,), depthwise True, predicate bool"
    assert recipe(rule, ANY).rule_for(record()) is ANY


def test_a_plan_is_a_table() -> None:
    """Parts have rows of their own; what is left is said to be."""
    gates = tuple(ui.Part(label=label, length=5, path="w", box=((0, 5), (0, 20))) for label in "ab")
    fused = record("w", parts=gates, axis=0)
    text = str(ui.plan(model(fused, record("b", role="bias")), recipe(ui.Rule(spec=None, role="bias"), ANY)))
    assert text.splitlines() == [
        "recipe 'mine': 1 of 2 parameters, 200 values",
        "path  shape     kind    role    place  rule  law     fan_in  fan_out  mean  std  low   high",
        "w/a   (5, 20)   linear  kernel         1     normal  20      5        0     1    -inf  inf",
        "w/b   (5, 20)   linear  kernel         1     normal  20      5        0     1    -inf  inf",
        "b     (10, 20)  linear  bias           0     left",
    ]


def test_a_plan_marks_where_the_frameworks_own_fans_differ() -> None:
    """He by fan_out of a depthwise convolution of 64 groups: PyTorch's fan_out gives 1/8 of the std."""
    depthwise = record(
        "dw", kind="conv", shape=(64, 1, 5, 5), layout="(BO)IHW", sizes=(("B", 64),), groups=64, space=25,
        inputs=1, outputs=1,
    )  # fmt: skip
    he = ui.Rule(spec=ui.Initializer(ui.Normal(), ui.VarianceScaling(2.0, "fan_out")))
    head, *rows = str(ui.plan(model(depthwise, record("fc")), recipe(he))).splitlines()[1:]
    assert head.endswith("framework fans")
    assert [row.split("  ")[-1].strip() for row in rows] == ["std x0.125", "inf"]
    for other in (dataclasses.replace(he, spec=ui.normal(0, 1)), dataclasses.replace(he, spec=ui.zeros())):
        assert "framework" not in str(ui.plan(model(depthwise), recipe(other)))
    assert "framework" not in str(ui.plan(ui.Inventory("none", (depthwise,)), recipe(he)))
    unknown = record("e", kind="embedding", role="embedding", inputs=None, outputs=None, layout="IO")
    assert "framework" not in str(ui.plan(model(unknown), recipe(dataclasses.replace(he, fans=(3.0, 4.0)))))


def placed(*places: str, block: int = 0) -> list[ui.Record]:
    """Return kernels of a block at these places."""
    return [record(f"h.{block}.{place}", place=place, block=block) for place in places]


@pytest.mark.parametrize(
    ("places", "half"),
    [
        (("mlp.in",), "mlp.in without mlp.out"),
        (("mlp.gate",), "mlp.gate without mlp.out"),
        (("mlp.out",), "mlp.out without mlp.in"),
        (("attention.query", "attention.key", "attention.out"), "attention.query without attention.value"),
        (("attention.qkv",), "attention.qkv without attention.out"),
        (("attention.out",), "attention.out without attention.query"),
    ],
)
def test_a_block_of_which_half_is_recognized_is_warned_of(places: tuple[str, ...], half: str) -> None:
    """The place that is there, and the one that is missing; a whole block and loose layers are silent."""
    whole = placed("attention.qkv", "attention.out", "mlp.in", "mlp.out", block=1)
    loose = record("loose", place="mlp.in")
    plan = ui.plan(model(*placed(*places), *whole, loose), recipe(ANY))
    (note,) = plan.notes
    assert note == f"a block has {half}, so that a rule by place may miss a layer: h.0.{places[0]}"
    assert str(plan).endswith(f"\n! {note}")
    assert ui.plan(model(*whole, loose), recipe(ANY)).notes == ()
    separate = placed("attention.query", "attention.key", "attention.value", "attention.out")
    keys = placed("attention.query", "attention.qkv", "attention.out")  # keys and values in one
    for complete in (separate, keys):
        assert ui.plan(model(*complete), recipe(ANY)).notes == ()


def test_many_half_blocks_are_one_line() -> None:
    """With three of them, and the number of the others; two stacks with equal numbers are apart."""
    many = [kernel for block in range(5) for kernel in placed("mlp.in", block=block)]
    (note,) = ui.plan(model(*many), recipe(ANY)).notes
    assert note.startswith("5 blocks have mlp.in without mlp.out, so")
    assert note.endswith("h.0.mlp.in, h.1.mlp.in, h.2.mlp.in and 2 more")
    encoder = record("encoder.0.fc1", place="mlp.in", block=0)
    decoder = record("decoder.0.fc2", place="mlp.out", block=0)
    assert len(ui.plan(model(encoder, decoder), recipe(ANY)).notes) == 2
    unnumbered = record("first.fc1", place="mlp.in", block=0)
    assert len(ui.plan(model(unnumbered), recipe(ANY)).notes) == 1


@pytest.mark.parametrize("layer", ["query_key_value", "in_proj", "Wqkv", "attn.qkv", "to_kv", "gate_up_proj"])
def test_a_fused_matrix_without_parts_is_said_to_be_whole(layer: str) -> None:
    """Where the law needs a fan or is of the whole matrix; not where parts are known or shapes speak against."""
    fused = record(f"{layer}.weight", shape=(60, 20), outputs=60)
    he = recipe(ui.Rule(spec=ui.he_normal()))
    (note,) = ui.plan(model(fused), he).notes
    assert note.startswith(f"{layer}.weight: looks like several projections in one matrix")
    assert note.endswith("its fans are those of the whole")
    assert len(ui.plan(model(fused), recipe(ui.Rule(spec=ui.orthogonal()))).notes) == 1
    assert ui.plan(model(fused), recipe(ANY)).notes == ()
    other = record(f"{layer}.weight", shape=(50, 20), outputs=50)
    assert ui.plan(model(other), he).notes == ()
    assert ui.plan(model(dataclasses.replace(fused, path="fc.weight")), he).notes == ()


def test_results_are_tables_in_a_notebook() -> None:
    """An inventory, a plan, a law and an explanation, as text and as HTML, in which no name is markup."""
    odd = record("<b>.weight", ties=("x&y",))
    inventory = ui.Inventory("torch", (odd,), ("freq",))
    plan = ui.plan(inventory, recipe(ANY))
    law = ui.he_normal().resolve((3, 4), layout="OI")
    explanation = ui.he_normal().explain((3, 4), layout="OI")
    assert str(inventory).splitlines() == [
        "torch model: 1 parameters, 200 values",
        "path        shape     layout  type     kind    role    place  block  fan_in  fan_out  parts",
        "<b>.weight  (10, 20)  OI      float32  linear  kernel                20      10",
        "- <b>.weight: the same memory as x&y",
        "- freq: no recipe writes it",
    ]
    for result, words in (
        (inventory, ("200 values", "&lt;b&gt;.weight", "x&amp;y")),
        (plan, ("recipe &#x27;mine&#x27;", "&lt;b&gt;.weight")),
        (law, ("law: truncated_normal", "0.707106781")),
        (explanation, ("he_normal on (3, 4)", "torch.nn.init.trunc_normal_")),
    ):
        html = result._repr_html_()  # type: ignore[union-attr]  # what notebooks call
        assert html.startswith("<p>")
        assert "<b>" not in html
        assert all(word in html for word in words)
    assert copy.deepcopy(explanation) == explanation == pickle.loads(pickle.dumps(explanation))  # noqa: S301  # ours


def test_a_path_that_matches_nothing_suggests_the_nearest() -> None:
    """Native paths as well as stream names."""
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(ui.Rule(spec=ui.ones(), path="fc.wieght"), ANY))


def test_conditions_that_hold_apart_and_never_together_have_no_hint() -> None:
    """The rule itself is shown."""
    never = ui.Rule(spec=ui.ones(), path="*.weight", role="bias")
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(never, ANY))


def test_rules_go_before_those_of_a_recipe() -> None:
    """The first that matches decides."""
    zero = ui.Rule(spec=ui.zeros(), role="bias")
    found = ui.plan(model(), recipe(ANY).before(zero))
    assert [one.rule for one in found] == [1, 0]


def test_a_label_that_no_part_has_is_refused() -> None:
    """Unless the rule is one of a catalogue."""
    gates = tuple(ui.Part(label=label, length=5, path="w", box=((0, 5), (0, 20))) for label in "if")
    fused = record("w", kind="lstm", parts=gates, axis=0)
    rule = ui.Rule(spec=ui.zeros(), kind="lstm", parts=(("forget", ui.ones()),))
    with refused(ui.UnifiedInitError):
        ui.plan(model(fused), recipe(rule))
    assert ui.plan(model(fused), recipe(dataclasses.replace(rule, optional=True)))["w"].rule == 0


def test_a_predicate_that_fails_is_named() -> None:
    """With its error."""
    rule = ui.Rule(spec=ui.zeros(), predicate=lambda one: one.nothing)  # type: ignore[attr-defined]  # the mistake
    with refused(ui.UnifiedInitError):
        ui.plan(model(), recipe(rule))


def test_a_tie_has_one_stream() -> None:
    """Two names for one memory contradict each other."""
    tied = record("a", ties=("b",))
    assert ui.plan(model(tied), recipe(ANY), names={"b": "x"})["a"].pieces[0].name == "x"
    with refused(ui.UnifiedInitError):
        ui.plan(model(tied), recipe(ANY), names={"a": "x", "b": "y"})


def test_nothing_is_drawn_for_a_tensor_without_values() -> None:
    """A law that has no fan there is not asked for one."""
    empty = record("w", shape=(10, 0), inputs=0)
    assert ui.plan(model(empty), recipe(ui.Rule(spec=ui.he_normal())))["w"].pieces == ()


def test_a_part_without_a_label_has_the_name_of_its_record() -> None:
    """So that a twin without parts has the same stream."""
    alone = (ui.Part(label="", length=10, path="w", shift=1.0),)
    pieces = ui.plan(model(record("w", parts=alone, axis=0)), recipe(ANY))["w"].pieces
    assert [piece.name for piece in pieces] == ["w"]
