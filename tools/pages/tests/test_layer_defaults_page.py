"""The page of layer defaults and the table of recipes: generated, complete, and true of real layers."""

from __future__ import annotations

import functools
import inspect
import math
import pathlib
import re
import runpy
from typing import TYPE_CHECKING, Any

import pytest
from tools.pages import layer_defaults_page as recipes_page
from tools.pages.layer_defaults_page import DEFAULTS, layer_defaults_page
from tools.pages.standard_layers import LAYERS, StandardLayer

import unified_init as ui
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.records import Record

if TYPE_CHECKING:
    from unified_init.inventory.vocabulary import Kind, Role

DOCS = pathlib.Path(__file__).parents[3] / "docs"
TITLES = {layer.title: layer for layer in LAYERS}
FACTS = (
    "shape", "layout", "sizes", "kind", "role", "inputs", "outputs", "space", "groups", "hidden", "features",
    "padding",
)  # fmt: skip


def facts(record: Record) -> dict[str, Any]:
    """Return what recipes ask about a record, its path and place aside."""
    return {field: getattr(record, field) for field in FACTS} | {
        "labels": [part.label for part in record.parts]
    }


@functools.cache
def page() -> str:
    """Return the page that the generator makes."""
    return layer_defaults_page()


def row(title: str, tensor: str, name: str) -> list[str]:
    """Return law, std and ratio of the row that a recipe is in."""
    section = page().split(f"## {title}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        who = [one for cell in cells[1:2] for word in cell.split(", ") for one in _both(word)]
        if cells[0] == f"`{tensor}`" and name in who:
            return cells[2:]
    raise KeyError(name)


def _both(word: str) -> list[str]:
    alone = word.removesuffix(" + corrected")
    return [alone] if alone == word else [alone, f"{alone} corrected"]


def test_the_page_is_the_generated_one(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/layer_defaults.md is what its generator writes."""
    with pytest.warns(RuntimeWarning, match="layer_defaults_page"):
        runpy.run_module("tools.pages.layer_defaults_page", run_name="__main__")
    text = (DOCS / "layer_defaults.md").read_text(encoding="utf-8")
    assert text == layer_defaults_page() == capsys.readouterr().out


def test_every_default_of_a_framework_is_a_column() -> None:
    """No recipe that is called a default is missing."""
    shown = {make.__name__ for makers in DEFAULTS.values() for make in makers if make is not None}
    assert shown == {name for name in ui.recipes.__all__ if "_default" in name}


def test_every_tensor_has_one_row_a_recipe() -> None:
    """Each recipe has one row for each tensor of each layer, in five cells."""
    names = {
        name
        for word, (_, other) in DEFAULTS.items()
        for name in (word, *([f"{word} corrected"] if other else []))
    }
    lines = [line for line in page().splitlines() if line.startswith("| `")]
    assert all(line.count("|") == 6 for line in lines)
    for layer in LAYERS:
        for record in layer.records:
            for name in names:
                assert len(row(layer.title, record.path, name)) == 3


@pytest.mark.parametrize(
    ("title", "tensor", "name", "expected"),
    [
        ("Linear", "weight", "keras", ["U(√(6/(I + O)))", f"{math.sqrt(2 / 1280):.4g}", f"{math.sqrt(6 * 256 / 1280):.4g}"]),
        ("Linear", "bias", "torch", ["U(1/√I)", f"{1 / math.sqrt(3 * 256):.4g}", "1"]),
        ("Linear", "weight", "linen", ["TN(std 1/√I)", "0.0625", f"{math.sqrt(3):.4g}"]),
        ("Embedding", "weight", "keras", ["U(0.05)", f"{0.05 / math.sqrt(3):.4g}", f"{0.05 / math.sqrt(3):.4g}"]),
        ("Depthwise convolution 3 x 3", "weight", "keras",
         ["U(√(6/(g k + O k)))", f"{math.sqrt(2 / (9 * 98)):.4g}", f"{math.sqrt(6 * 9 / (9 * 98)):.4g}"]),
        ("LSTM", "weight_hh", "keras", ["orthogonal, all gates at once", "0.0625", f"{math.sqrt(3) / 2:.4g}"]),
        ("LSTM", "bias_ih", "keras", ["i, g, o: 0, f: 1", "0", "0"]),
        ("Attention, fused", "in_proj_weight", "torch corrected",
         ["U(√(6/(I + I)))", f"{1 / math.sqrt(128):.4g}", f"{math.sqrt(2):.4g}"]),
        ("PReLU", "weight", "haiku", ["no rule", "", ""]),
    ],
)  # fmt: skip
def test_a_row_is_the_formula(title: str, tensor: str, name: str, expected: list[str]) -> None:
    """The std and the ratio of a row are those of the law that it shows, computed by hand."""
    assert row(title, tensor, name) == expected


def test_a_fan_that_no_symbol_explains_is_an_error() -> None:
    """A layer whose sizes do not make up its fans cannot be shown."""
    layer = StandardLayer("odd", (("I", 5),), ())
    with pytest.raises(AssertionError, match="no product"):
        recipes_page._fan(layer, 7)


def test_the_other_normalisations_have_the_same_laws() -> None:
    """Scale and offset of the four kinds are 1 and 0 by every recipe."""
    kinds: tuple[Kind, ...] = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
    values: dict[Role, float] = {"scale": 1.0, "offset": 0.0}
    for kind in kinds:
        for role, value in values.items():
            record = Record(name="w", path="w", shape=(8,), layout="O", kind=kind, role=role, outputs=8)
            for makers in DEFAULTS.values():
                for make in filter(None, makers):
                    piece = ui.plan(Inventory("standard", (record,)), make())["w"].pieces[0]
                    assert (piece.law.kind, piece.law.mean) == ("constant", value)


@pytest.mark.needs("torch")
def test_the_standard_layers_are_those_of_pytorch() -> None:
    """What the page's records say is what the walker reads from the real layers."""
    from torch import nn

    pairs: dict[str, Any] = {
        "Linear": nn.Linear(256, 1024),
        "Convolution 3 x 3": nn.Conv2d(64, 160, 3),
        "Grouped convolution 3 x 3": nn.Conv2d(80, 200, 3, groups=5),
        "Depthwise convolution 3 x 3": nn.Conv2d(96, 192, 3, groups=96),
        "Transposed convolution 4 x 4": nn.ConvTranspose2d(64, 24, 4),
        "Bilinear": nn.Bilinear(20, 30, 7),
        "Embedding": nn.Embedding(1000, 64, padding_idx=0),
        "Normalization": nn.BatchNorm2d(64),
        "LSTM": nn.LSTM(100, 64),
        "GRU": nn.GRU(100, 64),
        "Simple RNN": nn.RNN(100, 64),
        "Attention, fused": nn.MultiheadAttention(128, 4),
        "PReLU": nn.PReLU(),
    }
    for title, module in pairs.items():
        real = {record.path.removesuffix("_l0"): record for record in ui.inspect(module)}
        for record in TITLES[title].records:
            assert facts(record) == facts(real[record.path]), (title, record.path)
            assert record.place == real[record.path].place
    real_apart = {
        record.place: record for record in ui.inspect(nn.MultiheadAttention(128, 4, kdim=80, vdim=80))
    }
    for record in TITLES["Attention, keys of another width"].records:
        assert facts(record) == facts(real_apart[record.place])


@pytest.mark.needs("flax")
def test_kernels_stored_outputs_first_are_those_of_flax() -> None:
    """What the page calls a transposed convolution with outputs first is NNX' with ``transpose_kernel``."""
    from flax import nnx

    layer = nnx.ConvTranspose(64, 24, (4, 4), transpose_kernel=True, rngs=nnx.Rngs(0))
    (ours,) = TITLES["Transposed convolution 4 x 4, outputs first"].records
    assert facts(ours) == facts(ui.inspect(layer)["kernel"])


# --- the table of recipes in docs/recipes.md --------------------------------------------------------

TRIAL = {
    "n_layer": 2, "d_model": 64, "n_blocks": 4, "n_encoder": 2, "n_decoder": 2, "d_kv": 8, "n_heads": 8,
    "d_ff": 128, "num_classes": 10, "first": "0.*", "n_text": 2, "n_vision": 2, "vocab_size": 101,
}  # fmt: skip


def listed() -> dict[str, list[str]]:
    """Return the cells behind the name of each row of the table."""
    text = (
        (DOCS / "recipes.md").read_text(encoding="utf-8").split("## Published recipes")[1].split("\n## ")[0]
    )
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \| (.*?) \| (.*?) \|$", text, flags=re.MULTILINE)
    return {name: cells for name, *cells in rows}


def test_every_recipe_is_listed() -> None:
    """The table has each function of ``ui.recipes`` that returns a recipe, and no other."""
    assert set(listed()) == set(ui.recipes.__all__) - {"MuP"}


@pytest.mark.parametrize("name", sorted(set(ui.recipes.__all__) - {"MuP"}))
def test_a_row_has_the_arguments_and_the_source_of_its_recipe(name: str) -> None:
    """Arguments and defaults are the signature's; the source is the recipe's own."""
    function = getattr(ui.recipes, name)
    parameters = inspect.signature(function).parameters
    arguments, _, source = listed()[name]
    assert arguments == ", ".join(
        key if one.default is one.empty else f"{key}={one.default!r}" for key, one in parameters.items()
    )
    if name == "mup":
        return
    made = function(**{key: TRIAL[key] for key, one in parameters.items() if one.default is one.empty})
    assert source == made.source.rpartition("https://github.com/")[2]


def test_a_fan_is_a_product_or_a_sum_of_sizes() -> None:
    """The shortest text that has its value; none is an error of the page."""
    layer = StandardLayer("x", (("I", 2), ("O", 3), ("H", 7)), ())
    assert [recipes_page._fan(layer, value) for value in (6, 9, 10)] == ["I O", "3 O", "O + H"]
    with pytest.raises(AssertionError, match="x: the fan 100 is no product of "):
        recipes_page._fan(layer, 100)
