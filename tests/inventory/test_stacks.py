"""Tensors that stack layers, as one record for each layer: what is cut, where each layer is, and in which order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.inventory.stacks import apart, embedded, layers_of_stack, native_shape, stack_axis
from unified_init.models.planning import plan_inventory
from unified_init.models.preparing import writes_of

KERNEL: dict[str, Any] = {"kind": "linear", "role": "kernel", "inputs": 4, "outputs": 6}


def record(path: str, shape: tuple[int, ...], layout: str | None, **facts: Any) -> ui.Record:
    """Return a record of a linear layer, unless told otherwise."""
    return ui.Record(name=path, path=path, shape=shape, layout=layout, **{**KERNEL, **facts})


def fused(layers: int, blocks: int = 1) -> ui.Record:
    """Return the stacked kernel of queries, keys and values, with their axis of outputs last."""
    shape = (layers, 4, 12)
    parts = ui.Split(("q", "k", "v"), blocks=blocks).parts("qkv/kernel", shape, 2)
    return record("qkv/kernel", shape, "BIO", axis=2, parts=parts)


@pytest.mark.parametrize(
    ("stacked", "axis"),
    [
        (record("w", (3, 4, 6), "BIO"), 0),
        (record("w", (4, 3, 6), "IBO"), 1),
        (record("w", (3, 2, 4, 6), "BBIO"), 0),
        (record("w", (4, 6), "IO"), None),
        (record("w", (3, 4, 6), None), None),
        (record("b", (3,), "B", role="bias"), None),
        (record("e", (9, 6), "BO", kind="embedding", role="embedding"), None),
        (record("e", (3, 9, 6), "BBO", kind="embedding", role="embedding"), 0),
        (record("c", (3, 3, 4, 1), "HWBO", kind="conv", groups=4, inputs=1), None),
        (record("c", (2, 3, 3, 4, 1), "BHWBO", kind="conv", groups=4, inputs=1), 0),
        (record("c", (2, 3, 3, 1, 4), "BHWI(BO)", kind="conv", groups=4, inputs=1, sizes=(("B", 4),)), 0),
        (fused(3), 0),
        (fused(3, blocks=2), 0),
    ],
)
def test_the_axis_that_stacks(stacked: ui.Record, axis: int | None) -> None:
    """It is the first with only independent groups that are not the layer's own: rows of a table, groups."""
    assert stack_axis(stacked) == axis
    assert len(layers_of_stack(stacked)) == (0 if axis is None else stacked.shape[axis])


@pytest.mark.parametrize("shape", [(3, 4, 6), (4, 3, 6), (4, 6, 3)])
def test_a_layer_is_a_region_of_the_stack(shape: tuple[int, ...]) -> None:
    """Wherever the axis is; together they cover all of it, and each is drawn as a tensor of its own would be."""
    axis = shape.index(3)
    stack = record("blocks/up/kernel", shape, "".join(("IO"[:axis], "B", "IO"[axis:])))
    values = np.arange(72).reshape(shape)
    inventory = apart(ui.Inventory("flax_nnx", (stack,)), ["blocks/up/kernel/1"])
    assert [layer.path for layer in inventory] == [f"blocks/up/kernel/{index}" for index in range(3)]
    for index, layer in enumerate(inventory):
        (part,) = layer.parts
        assert (part.path, native_shape(layer, part)) == (stack.path, shape)
        assert np.array_equal(part.region(values).reshape(4, 6), values.take(index, axis))
        assert (layer.layout, layer.block, layer.stack) == ("IO", index, (axis, 3, index))
    recipe = ui.Recipe("he", (ui.Rule(spec=ui.he_normal()),))
    plan = plan_inventory(inventory, recipe, names={"blocks/up/kernel/2": "h.2.fc"})
    writes = writes_of(lambda _: (shape, "float32"), list(plan))
    write = dataclasses.replace(writes[stack.path], root=(0, 0))
    drawn = ui.draw(ui.he_normal(), (4, 6), layout="IO", seed=0, name="h.2.fc")
    assert write.covers
    assert np.array_equal(write.array().take(2, axis), drawn)


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_parts_of_a_stacked_fused_matrix(blocks: int) -> None:
    """Queries of one layer, one after another and head by head, are those of the layer's own matrix."""
    stack = fused(3, blocks)
    values = np.arange(144).reshape(stack.shape)
    own = ui.Split(("q", "k", "v"), blocks=blocks).parts("w", (4, 12), 1)
    for index, layer in enumerate(apart(ui.Inventory("flax_nnx", (stack,)), ["qkv/kernel/2/q"])):
        for part, expected in zip(layer.parts, own, strict=True):
            region = part.region(values).reshape(layer.part_shape(part))
            assert np.array_equal(region, expected.region(values[index]).reshape(4, 4))
            assert (part.label, part.path) == (expected.label, stack.path)
            assert native_shape(layer, part) == stack.shape


def test_gates_in_tensors_of_their_own() -> None:
    """A layer of a cell has a region of each gate's tensor."""
    parts = tuple(ui.Part(label=label, length=5, path=f"cell/i{label}/kernel") for label in "ifgo")
    cell = record("cell/kernel", (3, 4, 20), "BIO", kind="lstm", axis=2, parts=parts)
    layer = embedded(layers_of_stack(cell)[1])
    assert [(part.path, part.box) for part in layer.parts] == [
        (f"cell/i{label}/kernel", ((1, 2), (0, 4), (0, 5))) for label in "ifgo"
    ]
    assert native_shape(layer, layer.parts[0]) == (3, 4, 5)


def test_the_shift_of_a_stacked_norm() -> None:
    """The 1 that a norm adds to its scale is added in every layer."""
    part = ui.Part(label="", length=3, path="norm/scale", shift=1.0)
    scale = record("norm/scale", (3, 6), "BO", kind="rms_norm", role="scale", axis=0, parts=(part,))
    layer = embedded(layers_of_stack(scale)[2])
    assert (layer.shape, layer.parts[0].shift, layer.parts[0].box) == ((6,), 1.0, ((2, 3), (0, 6)))


def test_layers_follow_each_other() -> None:
    """All tensors of the first layer come before those of the second; what is not asked for stays whole."""
    up, down = record("b/up/kernel", (2, 4, 6), "BIO"), record("b/down/kernel", (2, 6, 4), "BIO")
    experts, head = record("x/kernel", (2, 4, 6), "BIO"), record("head/kernel", (4, 6), "IO")
    inventory = apart(
        ui.Inventory("flax_nnx", (up, down, experts, head)), ["b/up/kernel/0", "b/down/kernel/1"]
    )
    assert [layer.path for layer in inventory] == [
        "b/up/kernel/0", "b/down/kernel/0", "b/up/kernel/1", "b/down/kernel/1", "x/kernel", "head/kernel",
    ]  # fmt: skip
    assert ui.inventory_from_json(ui.inventory_to_json(inventory)) == inventory


def test_a_rule_draws_a_region_of_one_layer() -> None:
    """Its index is that of the layer."""
    stack = record("w", (2, 4, 6), "BIO")
    rules = (
        ui.Rule(spec=ui.ones(), path="w/1", index=(slice(1, 3), slice(0, 2))), ui.Rule(spec=None, path="w/0"),
    )  # fmt: skip
    inventory = apart(ui.Inventory("flax_nnx", (stack,)), ["w/1"])
    (write,) = writes_of(
        lambda _: ((2, 4, 6), "float32"), list(plan_inventory(inventory, ui.Recipe("r", rules)))
    ).values()
    values = write.array(np.zeros((2, 4, 6), np.float32))
    assert values.sum() == values[1, 1:3, 0:2].sum() == 4


@pytest.mark.parametrize("stack", [(0, 3), (0, 3, 3)])
def test_a_stack_has_an_axis_a_number_and_an_index(stack: tuple[int, ...]) -> None:
    """Three numbers, the last below the second."""
    with refused(ui.ArgumentValueError):
        record("w/0", (4, 6), "IO", stack=stack)
