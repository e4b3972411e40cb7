"""Parts: regions of a native tensor, also of one whose axes are read as several."""

from __future__ import annotations

import numpy as np
from tests.helpers.messages import refused

import unified_init as ui


def test_a_part_of_a_factored_axis_is_a_region() -> None:
    """Queries of two heads of three: rows 0 to 2 and 9 to 11, as a view that writes go through."""
    part = ui.Part(label="q", length=6, path="w", box=((0, 2), (0, 3), (0, 5)), view=(2, 9, 5))
    values = np.zeros((18, 5), np.float32)
    part.region(values)[...] = 1
    assert np.flatnonzero(values[:, 0]).tolist() == [0, 1, 2, 9, 10, 11]
    strided = np.zeros((5, 18), np.float32).T
    part.region(strided)[...] = 1
    assert (strided == values).all()


def test_a_view_has_the_axes_of_its_box() -> None:
    """And is refused without one."""
    for box in (((0, 2), (0, 5)), None):
        with refused(ui.ArgumentValueError):
            ui.Part(label="q", length=6, path="w", box=box, view=(2, 9, 5))


def test_a_region_is_of_an_array_that_has_the_view() -> None:
    """Other values are refused, whatever their class raises."""
    part = ui.Part(label="q", length=6, path="w", box=((0, 2), (0, 3), (0, 5)), view=(2, 9, 5))
    for values in (np.zeros((4, 5), np.float32), [[1.0]]):
        with refused(ui.ArgumentTypeError):
            part.region(values)


def test_parts_of_a_factored_axis_survive_json() -> None:
    """Their views are fields like others."""
    parts = tuple(
        ui.Part(label=label, length=6, path="w", box=((0, 2), (start, start + 3), (0, 5)), view=(2, 9, 5))
        for start, label in enumerate("qkv")
    )
    record = ui.Record(
        name="w", path="w", shape=(18, 5), kind="linear", role="kernel", layout="OI", axis=0, parts=parts
    )
    inventory = ui.Inventory("torch", (record,))
    assert ui.inventory_from_json(ui.inventory_to_json(inventory)) == inventory


def test_a_record_has_the_whole_name_of_its_type() -> None:
    """Written by hand with a short one, it is equal to the record that a walker makes."""
    records = [
        ui.Record(name="w", path="w", shape=(3, 2), kind="linear", role="kernel", dtype=dtype)
        for dtype in ("bf16", "bfloat16")
    ]
    assert records[0] == records[1]
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.normal(0, 1)),))
    assert ui.plan(ui.Inventory("torch", (records[0],)), recipe)["w"].record.dtype == "bfloat16"
