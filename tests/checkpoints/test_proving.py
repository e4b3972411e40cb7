"""Weights drawn again: what differs is found and named, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.checkpoints.test_saving import RECIPE, inventory
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.checkpoints.safetensors_files import read_header

if TYPE_CHECKING:
    import pathlib


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder of weights in two files."""
    ui.save(inventory(), RECIPE, tmp_path, seed=7, max_shard_size=9000)
    return tmp_path


def flipped(folder: pathlib.Path, tensor: str, value: int) -> None:
    """Flip the lowest bit of one value of a tensor."""
    for path in folder.glob("*.safetensors"):
        _, entries, begin = read_header(path)
        for entry in entries:
            if entry.path == tensor:
                data = bytearray(path.read_bytes())
                data[begin + entry.start + 4 * value] ^= 1
                path.write_bytes(data)


def test_a_flipped_bit_is_found_and_named(folder: pathlib.Path) -> None:
    """By the whole; samples see the first and the last of each tensor in any case."""
    assert ui.verify(folder).summary == "all 3,633 values compared, bit for bit: equal"
    flipped(folder, "head.weight", 16 * 40 + 5)
    result = ui.verify(folder)
    assert result.wrong == (ui.WrongBox("head.weight", (40, 5), (41, 6), 1),)
    assert str(result).splitlines()[-1] == "head.weight[40:41, 5:6]: 1 of 1 values differs"
    assert "<p>all 3,633" in result._repr_html_()
    assert not ui.verify(folder, samples=1).ok  # the tensor is one sample


def test_samples_are_a_part_and_find_what_is_wrong_often(tmp_path: pathlib.Path) -> None:
    """Of 2**20 values, 30 samples compare fewer than 13 %; a block of 5 % that is wrong is seen, one value not."""
    record = ui.Record(name="w", path="w", shape=(1024, 1024), kind="linear", role="kernel", layout="OI")
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    ui.save(ui.Inventory("torch", (record,)), recipe, tmp_path, seed=0)
    result = ui.verify(tmp_path, samples=30)
    assert result.ok
    assert 100_000 < result.values < 0.13 * result.total
    assert result.summary.startswith(f"{result.values:,} of 1,048,576 values compared")
    path = tmp_path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + len(data) // 20] = bytes(len(data) // 20)
    path.write_bytes(data)
    assert not ui.verify(tmp_path, samples=100).ok


def test_another_seed_or_recipe_is_seen(folder: pathlib.Path) -> None:
    """And a tensor or a file that is missing, a file that is cut, a folder that is not finished."""
    assert not ui.verify(folder, seed=8).ok
    assert not ui.verify(folder, ui.Recipe("x", (ui.Rule(spec=ui.normal(0.0, 1.0)),))).ok
    first, second = sorted(folder.glob("*.safetensors"))
    data = first.read_bytes()
    first.write_bytes(data[:-8])
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'"):
        ui.verify(folder)
    first.unlink()
    result = ui.verify(folder)
    assert not result.ok
    assert "embed.weight" in result.missing
    assert "embed.weight: not here" in str(result)
    second.write_bytes(b"\xff" * 100)
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'"):
        ui.verify(folder)
    origin = folder / "unified_init.json"
    origin.write_text(origin.read_text().replace('"threefry-1"', '"threefry-9"', 1))
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'"):
        ui.verify(folder)
    second.write_bytes((1 << 40).to_bytes(8, "little"))
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'"):
        read_header(second)
    origin.unlink()
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'|(?<=directory: ).*?(?=. A folder)"):
        ui.verify(folder)


@pytest.mark.needs("torch")
def test_a_model_is_proven_in_memory() -> None:
    """A later change, another seed, and memory that to_empty() made anew are found, with their place."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 3))
    recipe = ui.recipes.torch_default()
    model, _ = ui.apply(model, recipe, seed=0)
    result = ui.verify(model, recipe, seed=0)
    assert result.ok
    assert result.values == sum(value.numel() for value in model.state_dict().values())
    assert not ui.verify(model, recipe, seed=1).ok
    model[1].running_var.data[2] = 3.0
    assert [box.path for box in ui.verify(model, recipe, seed=0).wrong] == ["1.running_var"]
    with torch.no_grad():
        for value in model.to_empty(device="cpu").state_dict().values():
            value.fill_(0)
    assert len(ui.verify(model, recipe, seed=0).wrong) >= 6


def test_what_cannot_be_proven_is_refused(tmp_path: pathlib.Path) -> None:
    """Values of an inventory, a model without a recipe, a wrong number of samples."""
    with refused(ui.ArgumentTypeError):
        ui.verify(inventory(), RECIPE, seed=0)
    with refused(ui.UnifiedInitError):
        ui.verify(tmp_path, samples=0)
    wrong: Any = np.zeros(3)
    with pytest.raises(ui.UnifiedInitError):
        ui.verify(wrong, RECIPE)
