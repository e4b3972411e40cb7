"""Folders of weights: the bytes of the applied model, in little memory, whatever interrupts the writing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.checkpoints import file_jobs
from unified_init.checkpoints.folder_lock import locked
from unified_init.checkpoints.safetensors_files import boxes_of, read_header
from unified_init.walkers.registry import inventory_of_config

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = {
    "embed.weight": (97, 16), "layers.0.attention.weight": (16, 16), "layers.0.bias": (16,),
    "layers.1.attention.weight": (16, 16), "scale": (), "head.weight": (97, 16),
}  # fmt: skip
RECIPE = ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), name="*bias"), ui.Rule(spec=ui.normal(0.0, 0.02))))


def inventory(dtype: str = "float32") -> ui.Inventory:
    """Return the inventory of a small model."""
    records = [
        ui.Record(name=name, path=name, shape=shape, kind="parameter", role="parameter", dtype=dtype)
        for name, shape in SHAPES.items()
    ]
    return ui.Inventory("torch", tuple(records))


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.needs("torch")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float8_e5m2", "float64"])
@pytest.mark.parametrize("size", ["5GB", 3000])
def test_the_files_are_those_of_safetensors(tmp_path: Path, dtype: str, size: int | str) -> None:
    """Byte for byte, but for the order of the metadata, which safetensors leaves to chance; values are draw's."""
    import safetensors.numpy

    files = ui.save(inventory(), RECIPE, tmp_path, seed=7, dtype=dtype, max_shard_size=size)
    drawn: dict[str, str] = {}
    for name in files:
        metadata, entries, _ = read_header(tmp_path / name)
        tensors = {
            entry.path: ui.draw(
                ui.zeros() if "bias" in entry.path else ui.normal(0.0, 0.02), entry.shape, seed=7,
                name=entry.path, dtype=dtype,
            )
            for entry in entries
        }  # fmt: skip
        written, theirs = (tmp_path / name).read_bytes(), safetensors.numpy.save(tensors, metadata=metadata)
        length = int.from_bytes(written[:8], "little")
        assert len(written) == len(theirs)
        assert written[length + 8 :] == theirs[length + 8 :]
        assert (
            list(json.loads(written[8 : length + 8]).items())[1:]
            == list(json.loads(theirs[8 : length + 8]).items())[1:]
        )
        drawn |= dict.fromkeys(tensors, name)
    assert drawn.keys() == SHAPES.keys()
    index = tmp_path / file_jobs.INDEX
    assert index.exists() == (len(files) > 1)
    if index.exists():
        assert json.loads(index.read_text())["weight_map"] == drawn
    assert ui.verify(tmp_path).ok
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".part") == []


def test_boxes_follow_each_other_in_memory() -> None:
    """They are the whole tensor, in its order, and none is larger than it may be unless one value is."""
    for shape in ((), (0, 3), (5,), (7, 5), (3, 4, 5), (2, 3, 1, 4)):
        array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        for most in (1, 8, 24, 100, 10_000):
            boxes = list(boxes_of(shape, 8, most))
            parts = [
                array[tuple(slice(*ends) for ends in zip(*box, strict=True))].reshape(-1) for box in boxes
            ]
            assert np.array_equal(np.concatenate([*parts, np.zeros(0, int)]), array.reshape(-1))
            assert all(part.nbytes <= max(most, 8) for part in parts)


KILLED = """
import os, sys
import unified_init as ui
from tests.checkpoints.test_saving import RECIPE, inventory
from unified_init.checkpoints import file_jobs
file_jobs.CHUNK, file_jobs.SUSPECT = 256, 2
left = int(sys.argv[2])
def progress(count):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
ui.save(inventory(), RECIPE, sys.argv[1], seed=7, max_shard_size=3000, progress=progress)
"""


def test_what_was_killed_goes_on(tmp_path: Path) -> None:
    """Killed at seven points, one of them the end: a reader never sees a part of a file, and all are the same."""
    ui.save(inventory(), RECIPE, tmp_path / "whole", seed=7, max_shard_size=3000)
    folder = tmp_path / "killed"
    codes = []
    for left in (1, 2, 5, 9, 14, 3, 10_000):
        run = [sys.executable, "-c", KILLED, str(folder), str(left)]
        codes.append(subprocess.run(run, check=False, env=os.environ).returncode)
        for path in folder.glob("*.safetensors"):
            assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
        assert (folder / "unified_init.json").exists() == (codes[-1] == 0)
    assert codes[:3] == [9, 9, 9]
    assert codes[-1] == 0
    assert digests(folder) == digests(tmp_path / "whole")


def test_the_end_of_an_interrupted_file_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that lost power may have it as zeros; what is before it is kept as it is."""
    monkeypatch.setattr(file_jobs, "CHUNK", 256)
    monkeypatch.setattr(file_jobs, "SUSPECT", 2)
    ui.save(inventory(), RECIPE, tmp_path / "whole", seed=7)
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    folder = tmp_path / "interrupted"
    folder.mkdir()
    half = len(whole) // 2
    (folder / "model.safetensors.part").write_bytes(whole[: half - 300] + bytes(300))
    ui.save(inventory(), RECIPE, folder, seed=7)
    assert (folder / "model.safetensors").read_bytes() == whole


def test_other_weights_are_not_overwritten(tmp_path: Path) -> None:
    """Of another seed, recipe, type or model, finished or not, unless it is asked for; equal ones are found."""
    ui.save(inventory(), RECIPE, tmp_path, seed=7)
    before, written = digests(tmp_path), list[int]()
    with refused(ui.ArgumentValueError):
        ui.save(inventory(), RECIPE, tmp_path, seed=8)
    with pytest.raises(ui.ArgumentValueError, match="of another model, seed"):
        ui.save(inventory(), RECIPE, tmp_path, seed=7, dtype="bfloat16")
    ui.save(inventory(), RECIPE, tmp_path, seed=7, progress=written.append)
    assert digests(tmp_path) == before
    assert sum(written) == (tmp_path / "model.safetensors").stat().st_size
    ui.save(inventory(), RECIPE, tmp_path, seed=8, overwrite=True)
    assert digests(tmp_path) != before
    assert ui.verify(tmp_path).ok


def test_a_progress_bar_is_shown_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, up to all bytes; without rich there is an error, and nothing is written."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "rich.console", None)
        with refused(ui.BackendError, hidden=r"(?<=imported \().*?(?=\):)"):
            ui.save(inventory(), RECIPE, tmp_path / "bar", seed=7, progress=True)
    assert not (tmp_path / "bar").exists()
    ui.save(inventory(), RECIPE, tmp_path / "plain", seed=7, progress=False)
    assert capsys.readouterr() == ("", "")
    pytest.importorskip("rich", reason="needs the extra `cli`")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("COLUMNS", "120")
    state = random.getstate()
    ui.save(inventory(), RECIPE, tmp_path / "bar", seed=7, max_shard_size=3000, progress=True)
    assert random.getstate() == state
    shown = capsys.readouterr()
    size = sum(path.stat().st_size for path in (tmp_path / "bar").glob("*.safetensors"))
    assert f"{size / 1000:.1f}/{size / 1000:.1f} kB" in shown.err
    assert shown.out == ""


def test_files_of_other_sizes_do_not_stay_beside(tmp_path: Path) -> None:
    """A reader would take both for the model: they are refused, and overwriting removes them, with the index."""
    ui.save(inventory(), RECIPE, tmp_path, seed=7)
    with refused(ui.ArgumentValueError):
        ui.save(inventory(), RECIPE, tmp_path, seed=8, max_shard_size=3000)
    files = ui.save(inventory(), RECIPE, tmp_path, seed=8, max_shard_size=3000, overwrite=True)
    assert digests(tmp_path).keys() == {*files, file_jobs.INDEX, "unified_init.json"}
    assert ui.verify(tmp_path).ok
    ui.save(inventory(), RECIPE, tmp_path, seed=9, overwrite=True)
    assert digests(tmp_path).keys() == {"model.safetensors", "unified_init.json"}
    assert ui.verify(tmp_path).ok


def test_a_disk_that_is_full_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And an error of the system while it writes keeps what is written."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("", (), {"free": 5})())  # noqa: ARG005
    with refused(ui.ArgumentValueError, hidden=r"(?<=`folder` )'.*?'"):
        ui.save(inventory(), RECIPE, tmp_path / "new", seed=7)
    assert not (tmp_path / "new").exists()
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    with refused(ui.ArgumentValueError, hidden=r"(?<=`folder` )'.*?'|(?<=written: ).*(?=\. What)"):
        ui.save(inventory(), RECIPE, tmp_path / "file" / "folder", seed=7)


LIMITED = """
import resource, sys
import unified_init as ui
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
records = [ui.Record(name=f"w{i}", path=f"w{i}", shape=(4096, 1024), kind="linear", role="kernel", layout="OI")
           for i in range(24)]
recipe = ui.Recipe("x", (ui.Rule(spec=ui.normal(0.0, 0.02)),))
ui.draw(ui.normal(0.0, 0.02), (1 << 24,), seed=0)
before = peak()
ui.save(ui.Inventory("torch", tuple(records)), recipe, sys.argv[1], seed=0, dtype="bfloat16")
print(peak() - before)
"""


@pytest.mark.long
def test_a_folder_takes_little_memory(tmp_path: Path) -> None:
    """100 million values, 201 MB: at most 150 MB above what a draw has taken, of which chunks are 64."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert int(done.stdout) < 150 << 20
    assert ui.verify(tmp_path, samples=50).ok


@pytest.mark.needs("torch", "transformers")
@pytest.mark.parametrize("tied", [True, False])
def test_transformers_loads_a_folder(tmp_path: Path, tied: bool) -> None:  # noqa: FBT001  # pytest's
    """A Llama that was on meta: nothing missing or unexpected, the values of apply, and ties kept."""
    import torch
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        tie_word_embeddings=tied,
    )  # fmt: skip
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    ui.save(model, ui.recipes.llama(), tmp_path, seed=3, max_shard_size=4000)
    config.save_pretrained(tmp_path)
    loaded, found = transformers.LlamaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    expected, _ = ui.apply(transformers.LlamaForCausalLM(config), ui.recipes.llama(), seed=3)
    for name, value in expected.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) is tied


@pytest.mark.needs("torch")
def test_what_no_rule_gives_is_read_from_the_model(tmp_path: Path) -> None:
    """A buffer, and a table that is left; an inventory has no values for it, nor has a model on meta."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 3)
            self.norm = torch.nn.BatchNorm1d(3)
            self.register_buffer("table", torch.arange(5.0))
            self.register_buffer("scratch", torch.arange(7.0), persistent=False)

    model = Model()
    recipe = ui.Recipe("x", (ui.Rule(spec=None, name="fc.bias"), *ui.recipes.torch_default().rules))
    ui.save(model, recipe, tmp_path, seed=0)
    _, entries, _ = read_header(tmp_path / "model.safetensors")
    assert {entry.path for entry in entries} == model.state_dict().keys()
    assert ui.verify(tmp_path).ok
    with refused(ui.ArgumentValueError):
        ui.save(ui.inspect(model), recipe, tmp_path / "other", seed=0)


@pytest.mark.needs("flax")
def test_parts_of_fused_tensors_are_drawn_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recurrent cell and attention of Flax: each file tensor is the one of the applied model."""
    from flax import nnx

    monkeypatch.setattr(file_jobs, "CHUNK", 128)
    model = nnx.Dict(
        cell=nnx.OptimizedLSTMCell(6, 5, rngs=nnx.Rngs(0)),
        attention=nnx.MultiHeadAttention(2, 8, decode=False, rngs=nnx.Rngs(0)),
    )
    recipe = ui.recipes.flax_nnx_default()
    ui.save(model, recipe, tmp_path, seed=5)
    model, _ = ui.apply(model, recipe, seed=5)
    assert ui.verify(model, recipe, seed=5).ok
    assert ui.verify(tmp_path).ok
    metadata, entries, begin = read_header(tmp_path / "model.safetensors")
    assert metadata["format"] == "pt"
    data = (tmp_path / "model.safetensors").read_bytes()[begin:]
    for entry in entries:
        held = np.frombuffer(data[entry.start : entry.start + entry.size], entry.dtype).reshape(entry.shape)
        assert np.array_equal(held, ui.read(model, entry.path)) or "/" in entry.path


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    model: Any = inventory()
    wrong: tuple[dict[str, Any], ...] = (
        {"max_shard_size": "5 parsecs"}, {"max_shard_size": 0}, {"dtype": "complex64"}, {"seed": None},
    )  # fmt: skip
    for options in wrong:
        with refused(ui.UnifiedInitError):
            ui.save(model, RECIPE, tmp_path / "new", **{"seed": 0, **options})
    with refused(ui.ArgumentTypeError):
        ui.save(model, RECIPE, 5, seed=0)  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentTypeError):
        ui.save(model, RECIPE, tmp_path / "new", seed=0, progress="bar")  # type: ignore[arg-type]  # as above
    with refused(ui.ArgumentValueError):
        ui.save(model, RECIPE, "a\0b", seed=0)
    with refused(ui.ArgumentValueError):
        ui.save(model, RECIPE, tmp_path / "interrupted", seed=0, progress=lambda count: 1 // (count - count))  # type: ignore[arg-type]
    region = ui.Recipe("x", (ui.Rule(spec=ui.zeros(), name="head*", index=(slice(0, 3),)), *RECIPE.rules))
    with refused(ui.ArgumentValueError):
        ui.save(model, region, tmp_path / "new", seed=0)
    record = ui.Record(name="z", path="z", shape=(2,), kind="parameter", role="parameter", dtype="complex128")
    with refused(ui.ArgumentValueError):
        ui.save(ui.Inventory("torch", (record,)), ui.Recipe("x", RECIPE.rules[1:]), tmp_path / "new", seed=0)
    assert not (tmp_path / "new").exists()


@pytest.mark.needs("torch")
def test_a_checkpoint_of_torch_is_drawn_too(tmp_path: Path) -> None:
    """Torch reads it into its own tensors; it is proven, and neither begun over nor overwritten unasked."""
    import torch
    import torch.distributed.checkpoint as dcp

    model, recipe = torch.nn.Linear(30, 20, device="meta"), ui.recipes.torch_default()
    files = ui.save(model, recipe, tmp_path / "dcp", seed=0, dtype="bfloat16", format="dcp")
    assert files == tuple(sorted(path.name for path in (tmp_path / "dcp").glob("*.distcp")))
    assert ui.verify(tmp_path / "dcp").summary == "all 620 values compared, bit for bit: equal"
    assert not ui.verify(tmp_path / "dcp", seed=1).ok
    held = {
        name: torch.empty_like(value, device="cpu", dtype=torch.bfloat16)
        for name, value in model.state_dict().items()
    }
    with pytest.warns(UserWarning, match="torch.distributed is disabled"):
        dcp.load(held, storage_reader=dcp.FileSystemReader(str(tmp_path / "dcp")), no_dist=True)
    drawn, _ = ui.apply(torch.nn.Linear(30, 20, dtype=torch.bfloat16), recipe, seed=0)
    assert all(torch.equal(held[name], value) for name, value in drawn.state_dict().items())
    with refused(ui.ArgumentValueError, hidden=r"(?<=`folder` )'.*?'"):
        ui.save(model, recipe, tmp_path / "dcp", seed=0, format="dcp")
    ui.save(model, recipe, tmp_path / "dcp", seed=1, format="dcp", overwrite=True)
    assert ui.verify(tmp_path / "dcp", seed=1).ok
    (tmp_path / "file").write_text("")
    with refused(ui.ArgumentValueError, hidden=r"(?<=`folder` )'.*?'|(?<=written: ).*(?=\. Other)"):
        ui.save(model, recipe, tmp_path / "file" / "folder", seed=0, format="dcp")


@pytest.mark.needs("torch")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
@pytest.mark.parametrize("layout", ["dcp", "safetensors"])
def test_a_second_writer_of_a_folder_waits(tmp_path: Path, layout: str) -> None:
    """It writes nothing before the first is done."""
    folder = tmp_path / "shared"
    ui.save(inventory(), RECIPE, tmp_path / "warm", seed=0, format=layout)  # what it needs is imported
    folder.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with locked(folder):
            writing = pool.submit(ui.save, inventory(), RECIPE, folder, seed=0, format=layout)
            with pytest.raises(TimeoutError):
                writing.result(timeout=1.0)
            assert not list(folder.iterdir())
        assert writing.result(timeout=60.0)
    assert ui.verify(folder).ok


@pytest.mark.needs("jax")
def test_a_traced_key_saves_and_proves_nothing(tmp_path: Path) -> None:
    """Its value is not known."""
    import jax

    def traced(key: Any) -> Any:
        with refused(ui.ArgumentTypeError):
            ui.save(inventory(), RECIPE, tmp_path / "new", seed=key)
        with refused(ui.ArgumentTypeError):
            ui.verify(tmp_path / "done", seed=key)
        return key

    ui.save(inventory(), RECIPE, tmp_path / "done", seed=0)
    jax.make_jaxpr(traced)(jax.random.key(0))


def test_what_needs_torch_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of torch.distributed, and a config.json."""
    for name in ("dcp", "configured"):
        monkeypatch.delitem(sys.modules, f"unified_init.walkers.torch.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with refused(ui.BackendError):
        ui.save(inventory(), RECIPE, tmp_path / "new", seed=0, format="dcp")
    with refused(ui.BackendError):
        inventory_of_config(tmp_path / "config.json")
