"""Models with layers that a user describes, rows of tensors, edited inventories and frozen tables."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui


def own_linear(inputs: int, outputs: int) -> Any:
    """Return a linear layer that does not derive from ``torch.nn.Linear``."""
    import torch

    class MyLinear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(outputs, inputs))
            self.bias = torch.nn.Parameter(torch.zeros(outputs))

    return MyLinear()


LINEAR = ui.Layer(kind="linear", tensors={"weight": ("kernel", "OI"), "bias": ("bias", "O")})


@pytest.mark.needs("torch")
def test_a_described_layer_equals_the_frameworks_own() -> None:
    """The same values under PyTorch's defaults, an audit that says so, and a match."""
    import torch

    recipe = ui.recipes.torch_default()
    known, _ = ui.apply(torch.nn.Linear(30, 20), recipe, seed=0)
    layer = own_linear(30, 20)
    ui.apply(layer, recipe, seed=0, layers={type(layer): LINEAR})
    assert torch.equal(layer.weight, known.weight)
    assert torch.equal(layer.bias, known.bias)
    assert ui.audit(layer, recipe, layers={"MyLinear": LINEAR}).ok
    assert (
        dict(ui.match(torch.nn.Sequential(known), layer, layers={"MyLinear": LINEAR}))["weight"] == "0.weight"
    )
    with refused(ui.ArgumentValueError):
        ui.apply(layer, recipe, seed=0)


@pytest.mark.needs("torch")
def test_an_orthogonal_matrix_for_each_head() -> None:
    """Of a raw parameter (heads, inputs, head size)."""
    import torch

    class Heads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w_q = torch.nn.Parameter(torch.zeros(4, 32, 8))

    heads = ui.Layer(kind="linear", tensors={"w_q": ("kernel", "BIO")})
    recipe = ui.Recipe("orthogonal", (ui.Rule(spec=ui.orthogonal()),), layers={Heads: heads})
    model, _ = ui.apply(Heads(), recipe, seed=0)
    with torch.no_grad():
        squares = model.w_q.transpose(1, 2) @ model.w_q
    assert torch.allclose(squares, torch.eye(8).expand(4, 8, 8), atol=1e-5)
    assert not torch.allclose(model.w_q[0], model.w_q[1])


@pytest.mark.needs("flax")
def test_a_raw_parameter_of_nnx_is_described() -> None:
    """Experts (E, 2F, H): each is its own matrix, and gate and up are parts of it."""
    import jax.numpy as jnp
    from flax import nnx

    class Experts(nnx.Module):
        def __init__(self) -> None:
            self.gate_up = nnx.Param(jnp.zeros((4, 64, 16)))

    layer = ui.Layer(kind="linear", tensors={"gate_up": ("kernel", "BOI")}, parts={"gate_up": ("gate", "up")})
    recipe = ui.Recipe("glorot", (ui.Rule(spec=ui.glorot_uniform()),))
    model, _ = ui.apply(Experts(), recipe, seed=0, layers={Experts: layer})
    values = np.asarray(model.gate_up[...])
    up = ui.draw(ui.glorot_uniform(), (4, 32, 16), layout="BOI", seed=0, name="gate_up/up")
    assert np.array_equal(values[:, 32:], up)


@pytest.mark.needs("keras")
def test_a_weight_of_a_keras_layer_is_described() -> None:
    """``add_weight`` of a layer of one's own."""
    import keras

    class Projection(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(name="w", shape=(shape[-1], 8))
            self.built = True

    layer = Projection()
    layer.build((None, 16))
    described = ui.Layer(kind="linear", tensors={"w": ("kernel", "IO")})
    law = ui.plan(layer, ui.recipes.keras_default(), layers={Projection: described})["w"].pieces[0].law
    assert (law.fan_in, law.fan_out) == (16, 8)


NEW_ROWS = ui.Rule(spec=ui.normal(0.0, 0.5), path="weight", index=slice(100, None))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("padding", [None, 3, 101])
def test_the_new_rows_of_an_embedding(padding: int | None) -> None:
    """They have the values of the whole table's rows; the old rows stay, the padding row if it is an old one."""
    import torch

    table = torch.nn.Embedding(200, 4, padding_idx=padding)
    before = table.weight.detach().clone()
    recipe = ui.Recipe("new rows", (dataclasses.replace(NEW_ROWS, padding="zero"),))
    plan = ui.plan(table, recipe)
    assert "weight[100:200, 0:4]" in str(plan)
    ui.apply(table, recipe, seed=0)
    whole = ui.draw(ui.normal(0.0, 0.5), (200, 4), layout="BO", seed=0, name="weight")
    if padding is not None:
        whole[padding] = 0
    assert torch.equal(table.weight[:100], before[:100])
    assert np.array_equal(table.weight[100:].detach().numpy(), whole[100:])
    assert ui.audit(table, recipe).ok
    table.weight.data[100:] *= 2.0
    assert not ui.audit(table, recipe).ok


@pytest.mark.needs("torch")
@pytest.mark.parametrize("spec", [ui.constant(2.0), ui.orthogonal()])
def test_a_region_of_any_law(spec: ui.Initializer) -> None:
    """Of an orthogonal matrix, whose region says nothing of it, and of an integer, which holds constants."""
    import torch

    layer = torch.nn.Linear(4, 6, bias=False)
    recipe = ui.Recipe("region", (ui.Rule(spec=spec, index=(slice(-2, None), slice(1, 3))),))
    before = layer.weight.detach().clone()
    ui.apply(layer, recipe, seed=0)
    whole = ui.draw(spec, (6, 4), layout="OI", seed=0, name="weight")
    assert np.array_equal(layer.weight[4:, 1:3].detach().numpy(), whole[4:, 1:3])
    assert torch.equal(layer.weight[:4], before[:4])
    assert ui.audit(layer, recipe)["weight"].verdict == ("ok" if spec == ui.constant(2.0) else "unexamined")
    count = torch.nn.BatchNorm1d(3)
    rules = (ui.Rule(spec=ui.constant(2.0), role="mean", index=slice(1)), ui.Rule(spec=None))
    ui.apply(count, ui.Recipe("x", rules), seed=0)
    assert count.running_mean.tolist() == [2.0, 0.0, 0.0]


@pytest.mark.needs("torch")
def test_a_region_of_a_computed_weight() -> None:
    """The rest is what the layer saw before."""
    import torch

    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 4))
    before = layer.weight.detach().clone()
    rules = (ui.Rule(spec=ui.constant(2.0), role="kernel", index=slice(2)), ui.Rule(spec=None))
    ui.apply(layer, ui.Recipe("x", rules), seed=0)
    assert torch.allclose(layer.weight[2:], before[2:])
    assert torch.allclose(layer.weight[:2], torch.full((2, 3), 2.0))


@pytest.mark.needs("torch")
def test_a_region_of_a_norm_that_adds_1() -> None:
    """What is stored there is 1 less."""
    import torch

    layer = torch.nn.LayerNorm(4)
    recipe = ui.Recipe(
        "x", (ui.Rule(spec=ui.ones(), role="scale", index=slice(2)), ui.Rule(spec=None)),
        layers={"LayerNorm": ui.Layer(centred=True)},
    )  # fmt: skip
    ui.apply(layer, recipe, seed=0)
    assert layer.weight.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert ui.audit(layer, recipe)["weight"].verdict == "ok"


@pytest.mark.needs("torch")
def test_an_edited_inventory_is_applied() -> None:
    """Records are replaced, and the model gets their laws."""
    layer = own_linear(30, 20)
    own = ui.inspect(layer)
    kernel = dataclasses.replace(
        own["weight"], kind="linear", role="kernel", layout="OI", inputs=30, outputs=20
    )
    inventory = ui.inventory_from_json(
        ui.inventory_to_json(dataclasses.replace(own, records=(kernel, own["bias"])))
    )
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.he_normal(), role="kernel"), ui.Rule(spec=ui.zeros())))
    ui.apply(layer, recipe, seed=0, inventory=inventory)
    expected = ui.draw(ui.he_normal(), (20, 30), layout="OI", seed=0, name="weight")
    assert np.array_equal(layer.weight.detach().numpy(), expected)
    assert ui.audit(layer, recipe, inventory=inventory).ok


def edits() -> Any:
    """Return a model, and what replaces a record of it."""
    layer = own_linear(4, 6)
    return layer, ui.inspect(layer)


def spoiled(**fields: Any) -> Any:
    """Return a call that applies an inventory with another record."""
    layer, own = edits()
    record = dataclasses.replace(own["weight"], **fields)
    inventory = dataclasses.replace(own, records=(record, own["bias"]))
    return ui.apply(layer, ui.Recipe("x", (ui.Rule(spec=ui.zeros()),)), inventory=inventory)


def part(path: str = "weight", stop: int = 6, **fields: Any) -> dict[str, Any]:
    """Return the fields of a record with one part of all rows."""
    box = ((0, stop), (0, 4))
    return {"axis": 0, "parts": (ui.Part(label="q", length=6, path=path, box=box, **fields),)}


SPOILED = [
    lambda: spoiled(path="wieght"),
    lambda: spoiled(shape=(6, 5)),
    lambda: spoiled(**part("bias")),
    lambda: spoiled(**part(stop=7)),
    lambda: spoiled(**part(stop=5)),
    lambda: spoiled(**part(view=(3, 4))),
    lambda: ui.apply(edits()[0], ui.Recipe("x", (ui.Rule(spec=ui.zeros()),)), inventory={}),  # type: ignore[arg-type]
    lambda: ui.apply(
        edits()[0],
        ui.Recipe("x", (ui.Rule(spec=ui.zeros()),)),
        inventory=ui.Inventory("torch", edits()[1].records[:1]),
    ),
]


@pytest.mark.needs("torch")
@pytest.mark.parametrize("call", SPOILED, ids=source_of)
def test_an_inventory_of_another_model_is_refused(call: Any) -> None:
    """Before anything is written: paths, shapes and parts are those of the model."""
    with refused(ui.UnifiedInitError):
        call()


@pytest.mark.needs("torch")
def test_a_region_that_is_part_of_the_record_is_admitted() -> None:
    """All rows as one part, in the tensor's own shape or in another."""
    spoiled(**part())
    box = ((0, 2), (0, 3), (0, 4))
    spoiled(axis=0, parts=(ui.Part(label="q", length=6, path="weight", box=box, view=(2, 3, 4)),))


def frozen_model() -> Any:
    """Return a model with two frozen tables and a layer to train."""
    import torch

    model = torch.nn.Module()
    model.table = torch.nn.Embedding.from_pretrained(torch.ones(5, 4))
    model.pos_embed = torch.nn.Parameter(torch.full((3, 4), 2.0), requires_grad=False)
    model.fc = torch.nn.Linear(4, 4)
    return model


@pytest.mark.needs("torch")
def test_frozen_tables_stay_unless_a_rule_names_them() -> None:
    """The plan and the report say so; a rule for all of their kind is no error."""
    recipe = ui.recipes.torch_default().before(
        ui.Rule(spec=ui.zeros(), role="position"), ui.Rule(spec=ui.zeros(), role="embedding", optional=True)
    )
    model = frozen_model()
    assert [record.path for record in ui.inspect(model) if not record.trainable] == [
        "pos_embed",
        "table.weight",
    ]
    plan = ui.plan(model, recipe)
    assert plan.frozen == ("pos_embed", "table.weight")
    assert "frozen and no rule names them: pos_embed, table.weight" in str(plan)
    _, report = ui.apply(model, recipe, seed=0)
    assert report.frozen == plan.frozen
    assert (model.pos_embed == 2.0).all()
    assert (model.table.weight == 1.0).all()
    audit = ui.audit(model, recipe)
    assert {row.path: row.verdict for row in audit if row.path in plan.frozen} == dict.fromkeys(
        plan.frozen, "left"
    )
    assert not audit.unused
    left = ui.plan(model, ui.recipes.torch_default().before(ui.Rule(spec=None, role="position")))
    assert (left.frozen, left["pos_embed"].rule) == (("table.weight",), 0)  # a rule that leaves it decides it
    named = recipe.before(ui.Rule(spec=ui.constant(3.0), name="table.*"))
    _, report = ui.apply(model, named, seed=0)
    assert report.frozen == ("pos_embed",)
    assert (model.table.weight == 3.0).all()


@pytest.mark.needs("torch")
def test_a_model_that_is_frozen_as_a_whole_has_no_frozen_tables() -> None:
    """That nothing is trained does not say that anything was computed."""
    model = frozen_model().requires_grad_(requires_grad=False)
    assert not ui.inspect(model).frozen


@pytest.mark.needs("keras")
def test_keras_says_what_is_trained() -> None:
    """An embedding that is not, and the statistics of a norm."""
    import keras

    model = keras.Sequential([
        keras.layers.Embedding(5, 4, trainable=False), keras.layers.Dense(4), keras.layers.BatchNormalization(),
    ])  # fmt: skip
    model.build((None, 3))
    inventory = ui.inspect(model)
    assert {record.role for record in inventory if not record.trainable} == {"embedding", "mean", "variance"}
    assert [inventory[path].role for path in inventory.frozen] == ["embedding"]


@pytest.mark.needs("flax")
def test_nnx_says_what_is_trained() -> None:
    """By the type of the variable."""
    from flax import nnx

    inventory = ui.inspect(nnx.BatchNorm(3, rngs=nnx.Rngs(0)))
    assert {record.role for record in inventory if not record.trainable} == {"mean", "variance"}


def test_trainable_is_a_truth_value() -> None:
    """A record may come from a file."""
    with refused(ui.ArgumentTypeError):
        ui.Record(name="w", path="w", shape=(2,), kind="parameter", role="parameter", trainable=1)  # type: ignore[arg-type]
