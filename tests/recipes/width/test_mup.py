"""muP: the numbers of the package ``mup``, parameter by parameter, on the same models."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from unified_init.inventory.vocabulary import Kind

pytestmark = pytest.mark.needs("torch")

BASE, DELTA, WIDTH = 16, 32, 64


def mlp(width: int, readout: Any = None) -> Any:
    """Return three layers: an input, a hidden and an output one, the last as ``readout`` makes it."""
    import torch

    last = torch.nn.Linear if readout is None else readout
    return torch.nn.Sequential(
        torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, 2 * width), torch.nn.ReLU(),
        last(2 * width, 4),
    )  # fmt: skip


def scaled(recipe: ui.Recipe, make: Any = mlp) -> Any:
    """Return a recipe under muP, for models that ``make`` makes."""
    return ui.recipes.mup(recipe, base=ui.inspect(make(BASE)), delta=ui.inspect(make(DELTA)))


def laws(recipe: ui.Recipe, model: Any) -> dict[str, ui.Law]:
    """Return the law of every parameter that a recipe writes."""
    return {assignment.record.path: assignment.pieces[0].law for assignment in ui.plan(model, recipe)}


def only_weights(spec: ui.Initializer) -> ui.Recipe:
    """Return a recipe that draws the weights and leaves the biases 0."""
    return ui.Recipe("weights", (ui.Rule(spec=ui.zeros(), role="bias"), ui.Rule(spec=spec)))


@pytest.mark.needs("mup")
def test_the_defaults_are_those_of_set_base_shapes() -> None:
    """PyTorch's defaults after mup.set_base_shapes: bounds of weights and biases, output included."""
    import mup
    import torch

    torch.manual_seed(0)
    theirs = mup.set_base_shapes(
        mlp(WIDTH, mup.MuReadout), mlp(BASE, mup.MuReadout), delta=mlp(DELTA, mup.MuReadout)
    )
    recipe = scaled(ui.recipes.torch_default()).recipe_for(ui.inspect(mlp(WIDTH)))
    ours = laws(recipe, mlp(WIDTH))
    expected = {
        "0.weight": 8**-0.5, "0.bias": 8**-0.5, "2.weight": WIDTH**-0.5, "2.bias": BASE**-0.5,
        "4.weight": (2 * BASE) ** -0.5, "4.bias": (2 * BASE) ** -0.5,
    }  # fmt: skip
    for path, tensor in theirs.named_parameters():
        assert ours[path].high == pytest.approx(expected[path], rel=1e-12)
        largest = float(tensor.detach().abs().max())
        count = tensor.numel()
        assert largest <= ours[path].high * (1 + 1e-6)
        assert largest >= ours[path].high * 1e-7 ** (1 / count)  # once in ten million it is smaller


@pytest.mark.needs("mup")
@pytest.mark.parametrize(
    ("spec", "name", "options"),
    [
        (ui.normal(0.0, 0.3), "normal_", {"mean": 0.0, "std": 0.3}),
        (ui.uniform(-0.3, 0.3), "uniform_", {"a": -0.3, "b": 0.3}),
        (ui.kaiming_normal(), "kaiming_normal_", {}),
        (ui.kaiming_uniform(mode="fan_out"), "kaiming_uniform_", {"mode": "fan_out"}),
        (ui.xavier_normal(), "xavier_normal_", {}),
        (ui.xavier_uniform(2.0), "xavier_uniform_", {"gain": 2.0}),
    ],
)
def test_initializers_are_those_of_mup_init(
    spec: ui.Initializer, name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The std that mup.init hands to torch for each weight equals our law's, to twelve digits."""
    import mup
    import torch

    theirs = mup.set_base_shapes(
        mlp(WIDTH, mup.MuReadout), mlp(BASE, mup.MuReadout), delta=mlp(DELTA, mup.MuReadout)
    )
    recipe = scaled(only_weights(spec)).recipe_for(ui.inspect(mlp(WIDTH)))
    ours = laws(recipe, mlp(WIDTH))
    asked: list[float] = []

    def normal(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
        del mean, generator
        asked.append(std)
        return tensor

    def uniform(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
        del a, generator
        asked.append(b / math.sqrt(3))
        return tensor

    for module in ("_no_grad_normal_", "_no_grad_uniform_"):
        monkeypatch.setattr(mup.init, module, normal if "normal" in module else uniform)
    monkeypatch.setattr(torch.nn.Parameter, "normal_", normal, raising=False)
    monkeypatch.setattr(torch.nn.Parameter, "uniform_", uniform, raising=False)
    weights = {path: tensor for path, tensor in theirs.named_parameters() if path.endswith("weight")}
    for tensor in weights.values():
        getattr(mup.init, name)(tensor, **options)
    assert len(asked) == len(weights)
    for path, std in zip(weights, asked, strict=True):
        assert ours[path].std == pytest.approx(std, rel=1e-12), path


@pytest.mark.needs("mup")
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_learning_rates_are_those_of_mup_optimizers(kind: str) -> None:
    """MuAdam and MuSGD have our multiplier for every parameter; MuReadout divides by ours."""
    import mup

    theirs = mup.set_base_shapes(
        mlp(WIDTH, mup.MuReadout), mlp(BASE, mup.MuReadout), delta=mlp(DELTA, mup.MuReadout)
    )
    optimizer = (mup.MuAdam if kind == "adam" else mup.MuSGD)(theirs.parameters(), lr=1.0)
    rates = {id(tensor): group["lr"] for group in optimizer.param_groups for tensor in group["params"]}
    table = scaled(ui.recipes.torch_default()).table(ui.inspect(mlp(WIDTH)))
    for path, tensor in theirs.named_parameters():
        assert getattr(table[path], kind) == pytest.approx(rates[id(tensor)], rel=1e-12), path
    assert table["4.weight"].multiplier == 1 / theirs[4].width_mult()
    assert [table[path].multiplier for path in ("0.weight", "2.weight", "4.bias")] == [1.0, 1.0, 1.0]


def test_parameters_are_classed_by_what_grows() -> None:
    """Inputs, hidden matrices, outputs, vectors and what does not grow, in one attention block."""
    import torch

    def block(width: int) -> Any:
        return torch.nn.ModuleDict({
            "table": torch.nn.Embedding(50, width), "attn": torch.nn.MultiheadAttention(width, 4),
            "norm": torch.nn.LayerNorm(width), "deep": torch.nn.Conv2d(width, width, 3, groups=width),
            "conv": torch.nn.Conv2d(3, width, 3), "head": torch.nn.Linear(width, 50),
            "slope": torch.nn.PReLU(), "up": torch.nn.ConvTranspose2d(width, 2 * width, 2, groups=2),
        })  # fmt: skip

    table = scaled(ui.recipes.torch_default(), block).table(ui.inspect(block(WIDTH)))
    kinds = {row.path: row.kind for row in table}
    assert kinds["table.weight"] == "vector"
    assert kinds["attn.in_proj_weight"] == "hidden"
    assert kinds["norm.weight"] == "vector"
    assert kinds["deep.weight"] == "input"
    assert kinds["conv.weight"] == "input"
    assert kinds["up.weight"] == "hidden"
    assert kinds["head.weight"] == "output"
    assert kinds["head.bias"] == kinds["slope.weight"] == "fixed"
    assert table["attn.in_proj_weight"].adam == BASE / WIDTH
    assert table["norm.weight"].std == 0.0
    assert "attn.in_proj_weight" in str(table)
    assert json.loads(table.to_json())["rows"][0]["path"] == table.rows[0].path
    with refused(KeyError):
        table["none"]


def test_parts_of_a_fused_matrix_keep_their_own_laws() -> None:
    """A rule with a spec for one part scales that and the others by their own factors."""
    import torch

    def attention(width: int) -> Any:
        return torch.nn.MultiheadAttention(width, 4, bias=False)

    value = ui.normal(0.0, 0.5)
    mine = ui.Recipe(
        "mine",
        (ui.Rule(spec=ui.xavier_uniform(), fused=True, parts=(("v", value),)), ui.Rule(spec=None)),
    )
    recipe = scaled(mine, attention).recipe_for(ui.inspect(attention(WIDTH)))
    pieces = ui.plan(attention(WIDTH), recipe)["in_proj_weight"].pieces
    stds = {piece.label: piece.law.std for piece in pieces}
    assert stds["v"] == pytest.approx(0.25, rel=1e-12)
    assert stds["q"] == stds["k"] == pytest.approx(WIDTH**-0.5, rel=1e-12)
    row = scaled(mine, attention).table(ui.inspect(attention(WIDTH)))["out_proj.weight"]
    assert math.isnan(row.base_std)


def test_a_whole_matrix_is_scaled_as_one() -> None:
    """unit="whole", factors by block and a model at the base's width, where nothing changes."""

    def fused(width: int) -> ui.Inventory:
        parts = tuple(
            ui.Part(label=label, length=2 * width, path="w", box=((start, start + 2 * width), (0, width)))
            for label, start in (("q", 0), ("k", 2 * width))
        )
        record = ui.Record(
            name="w", path="w", shape=(4 * width, width), layout="OI", kind="attention", role="kernel",
            block=1, axis=0, parts=parts,
        )  # fmt: skip
        return ui.Inventory("torch", (record,))

    rule = ui.Rule(spec=ui.orthogonal(), unit="whole", by_block=-0.5)
    mine = ui.Recipe("mine", (rule,))
    for width in (BASE, WIDTH):
        recipe = scaled(mine, fused).recipe_for(fused(width))
        law = ui.plan(fused(width), recipe)["w"].pieces[0].law
        assert law.std == pytest.approx((2 * 4 * width) ** -0.5, rel=1e-12)


def test_at_the_width_of_the_base_nothing_changes() -> None:
    """A part with a spec of its own is not scaled by the block, the others are: as the recipe says."""

    def fused(width: int) -> ui.Inventory:
        parts = tuple(
            ui.Part(label=label, length=width, path="w", box=((start, start + width), (0, width)))
            for label, start in (("v", 0), ("q", width), ("k", 2 * width))
        )
        record = ui.Record(
            name="w", path="w", shape=(3 * width, width), layout="OI", kind="attention", role="kernel",
            block=3, axis=0, parts=parts,
        )  # fmt: skip
        return ui.Inventory("torch", (record,))

    rule = ui.Rule(spec=ui.normal(0.0, 1.0), by_block=-0.5, parts=(("v", ui.normal(0.0, 3.0)),))
    mine = ui.Recipe("mine", (rule,))
    growing = scaled(mine, fused)
    ours, base = (
        [piece.law for piece in ui.plan(fused(BASE), wanted)["w"].pieces]
        for wanted in (growing.recipe_for(fused(BASE)), mine)
    )
    assert ours == base
    assert [law.std for law in base] == [3.0, 0.5, 0.5]
    assert growing.table(fused(BASE))["w"].base_std == 3.0
    wide = ui.plan(fused(WIDTH), growing.recipe_for(fused(WIDTH)))["w"].pieces
    assert [piece.law.std for piece in wide] == [1.5, 0.25, 0.25]


def test_a_law_that_does_not_fit_names_parameter_and_rule() -> None:
    """As a plan of the base does."""
    deep = ui.Recipe("mine", (ui.Rule(spec=ui.normal(0.0, 1.0), by_block=-0.5),))
    with refused(ui.ArgumentValueError):
        ui.recipes.mup(deep, base=inventory(4, 4), delta=inventory(8, 8)).table(inventory(4, 4))


@pytest.mark.needs("transformers")
@pytest.mark.parametrize(
    "spec",
    [ui.with_norm(ui.he_normal(), "spectral"), ui.along("I", [1.0, 2.0, 3.0, 4.0]) * ui.he_normal()],
    ids=["a norm", "several scales"],
)
def test_a_law_without_a_std_cannot_be_scaled(spec: ui.Initializer) -> None:
    """The message names the parameter, and no argument that nobody passed."""
    import torch

    base, delta, wide = (ui.inspect(torch.nn.Linear(4, width, bias=False)) for width in (8, 16, 32))
    recipe = ui.Recipe("r", (ui.Rule(spec=spec, role="kernel"),))
    with refused(ui.ArgumentValueError):
        ui.recipes.mup(recipe, base=base, delta=delta).recipe_for(wide)


def test_a_tied_head_has_the_multiplier() -> None:
    """An embedding that is the head too is a vector, whose output is multiplied."""
    from transformers import GPT2Config, GPT2LMHeadModel

    def gpt(width: int) -> Any:
        config = GPT2Config(n_layer=1, n_head=2, n_embd=width, vocab_size=300, n_positions=8)
        return GPT2LMHeadModel(config)

    row = scaled(ui.recipes.gpt2(n_layer=1), gpt).table(ui.inspect(gpt(WIDTH)))["transformer.wte.weight"]
    assert (row.kind, row.adam, row.multiplier) == ("vector", 1.0, BASE / WIDTH)


def inventory(*shape: int, layout: str | None = "OI", kind: Kind = "linear") -> ui.Inventory:
    """Return an inventory of one parameter."""
    record = ui.Record(name="w", path="w", shape=shape, layout=layout, kind=kind, role="kernel")
    return ui.Inventory("torch", (record,))


@pytest.mark.parametrize(
    ("base", "delta", "here"),
    [
        (inventory(4, 4), inventory(4, 4), None),
        (inventory(4, 4), inventory(4, 4, 1, layout="OIW"), None),
        (inventory(4, 4), ui.Inventory("torch", ()), None),
        (inventory(4, 4), inventory(8, 4), inventory(8, 5)),
        (
            inventory(4, 4, 3, layout="OIW"),
            inventory(4, 4, 5, layout="OIW"),
            inventory(4, 4, 3, layout="OIW"),
        ),
        (inventory(4, 4, layout=None), inventory(8, 8, layout=None), inventory(8, 8, layout=None)),
    ],
)
def test_models_that_do_not_match_are_refused(
    base: ui.Inventory, delta: ui.Inventory, here: ui.Inventory | None
) -> None:
    """Each with the parameter and both shapes."""
    recipe = ui.Recipe("mine", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    with refused(ui.ArgumentValueError):
        ui.recipes.mup(recipe, base=base, delta=delta).table(here or base)


def test_bad_arguments_are_refused() -> None:
    """No recipe, no inventory, and a parameter without a rule."""
    recipe = ui.Recipe("mine", (ui.Rule(spec=ui.normal(0.0, 1.0), role="bias"),))
    with refused(ui.ArgumentTypeError):
        ui.recipes.mup("gpt2", base=inventory(4, 4), delta=inventory(8, 8))  # type: ignore[arg-type]
    with refused(ui.ArgumentTypeError, hidden="(?s)(?<=got ).*"):
        ui.recipes.mup(recipe, base=inventory(4, 4), delta=mlp(8))
    growing = ui.recipes.mup(recipe, base=inventory(4, 4), delta=inventory(8, 8))
    with refused(ui.ArgumentTypeError, hidden="(?s)(?<=got ).*"):
        growing.table(mlp(8))
    with refused(ui.ArgumentValueError):
        growing.recipe_for(inventory(4, 4))
