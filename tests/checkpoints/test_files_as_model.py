"""Safetensors files as a model: what is read from them, and what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.checkpoints import safetensors_files
from unified_init.checkpoints.files_as_model import stored_of
from unified_init.walkers import registry, stored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPES = {"wte": (60, 50), "head": (60, 50), "fc": (40, 50)}
RECIPE = ui.Recipe("all", (ui.Rule(spec=ui.normal(0.0, 0.02)),))


def write(path: Path, tensors: dict[str, NDArray[Any]]) -> None:
    """Write a safetensors file."""
    entries = safetensors_files.ordered({name: (a.shape, a.dtype.name) for name, a in tensors.items()})
    data = b"".join(tensors[entry.path].tobytes() for entry in entries)
    path.write_bytes(safetensors_files.header_of(entries, {}) + data)


def values(name: str, dtype: str = "float32") -> NDArray[Any]:
    """Return a tensor as the recipe draws it."""
    drawn: NDArray[Any] = ui.draw(ui.normal(0.0, 0.02), SHAPES[name], seed=0, name=name, dtype=dtype)
    return drawn


def inventory(dtype: str = "float32", **ties: tuple[str, ...]) -> ui.Inventory:
    """Return an inventory of two matrices."""
    facts: dict[str, Any] = {"kind": "parameter", "role": "parameter", "dtype": dtype}
    return ui.Inventory(
        "torch",
        tuple(
            ui.Record(name=name, path=name, shape=SHAPES[name], ties=ties.get(name, ()), **facts)
            for name in ("wte", "fc")
        ),
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_values_of_all_files_are_read(tmp_path: Path, dtype: str) -> None:
    """Of a folder with several files, in any type, bit for bit; an audit agrees with the recipe."""
    pytest.importorskip("scipy")
    write(tmp_path / "a.safetensors", {"wte": values("wte", dtype)})
    write(tmp_path / "b.safetensors", {"fc": values("fc", dtype)})
    model = stored_of(tmp_path, inventory(dtype))
    read = stored.read(model, "fc")
    assert read.dtype == (ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float32)
    assert read.tobytes() == values("fc", dtype).tobytes()
    assert stored.shape_and_dtype(model, "fc") == ((40, 50), dtype)
    assert ui.audit(model, RECIPE).ok


def test_a_wrong_std_in_a_file_is_seen(tmp_path: Path) -> None:
    """25 % off, which 3,000 values show."""
    pytest.importorskip("scipy")
    path = tmp_path / "model.safetensors"
    write(path, {"wte": values("wte") * np.float32(1.25), "fc": values("fc")})
    audit = ui.audit(stored_of(path, inventory()), RECIPE)
    assert [row.path for row in audit.failed] == ["wte"]


def test_a_tied_tensor_may_have_any_of_its_names(tmp_path: Path) -> None:
    """Which of them a file has is its writer's choice."""
    path = tmp_path / "model.safetensors"
    write(path, {"head": values("wte"), "fc": values("fc")})
    model = stored_of(path, inventory(wte=("head",)))
    assert stored.read(model, "wte").tobytes() == values("wte").tobytes()
    assert model.inventory.left == ()


def test_what_the_inventory_does_not_know_is_left(tmp_path: Path) -> None:
    """It is listed and can be read; empty tensors too."""
    path = tmp_path / "model.safetensors"
    write(path, {"wte": values("wte"), "fc": values("fc"), "more": np.zeros((0, 3), np.float32)})
    model = stored_of(path, inventory())
    assert stored.inspect(model).left == ("more",)
    assert stored.read(model, "more").shape == (0, 3)
    assert stored.state(model, ["more"]) == {}
    assert stored.loaded(model) == frozenset()


def test_tensors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """A tensor that is missing or of another shape, and a folder without files."""
    hidden = "(?<=^)'.*?'"
    path = tmp_path / "model.safetensors"
    with refused(ui.ArgumentValueError, hidden=hidden):
        stored_of(tmp_path, inventory())
    write(path, {"wte": values("wte")})
    with refused(ui.ArgumentValueError, hidden=hidden):
        stored_of(path, inventory())
    write(path, {"wte": values("wte"), "fc": values("fc").T.copy()})
    with refused(ui.ArgumentValueError, hidden=hidden):
        stored_of(path, inventory())


def test_files_are_read_only(tmp_path: Path) -> None:
    """Nothing writes through a model of files."""
    path = tmp_path / "model.safetensors"
    write(path, {"wte": values("wte"), "fc": values("fc")})
    model = stored_of(path, inventory())
    assert registry.walker_of(model).__name__ == "unified_init.walkers.stored"  # type: ignore[attr-defined]
    for name in ("check", "commit"):
        with refused(ui.ArgumentTypeError):
            getattr(stored, name)(model, {})
