"""``unified-init inventory | init | verify | diff``: from a config.json to a folder that is proven."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.checkpoints.test_saving import RECIPE, inventory
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import cli
from unified_init.checkpoints.comparing import differences
from unified_init.walkers.registry import inventory_of_config

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 50, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _rich_is_imported() -> None:
    """Import rich before any test: that alone advances Python's random generator, which tests watch."""
    with contextlib.suppress(ImportError):
        importlib.import_module("rich.progress")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> int:
    """Return the exit status of the command line."""
    for library in ("typer", "rich"):
        pytest.importorskip(library, reason="needs the extra `cli`")
    monkeypatch.setattr(sys, "argv", ["unified-init", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code or 0))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return an inventory in a file."""
    path = tmp_path / "model.json"
    path.write_text(ui.inventory_to_json(inventory()), encoding="utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe in a file."""
    path = tmp_path / "recipe.json"
    path.write_text(ui.recipe_to_json(RECIPE), encoding="utf-8")
    return path


@pytest.mark.needs("torch", "transformers")
def test_a_config_becomes_a_proven_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing but the command line; the folder is the one that save() writes."""
    import transformers

    config, out = tmp_path / "config.json", tmp_path / "weights"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    assert run(monkeypatch, "inventory", config, "--out", tmp_path / "model.json") == 0  # the earlier form
    assert "21 parameters" in capsys.readouterr().out
    options = ("--recipe", "llama", "--set", "std=0.03", "--seed", 3, "--out", out, "--dtype", "bfloat16")
    assert run(monkeypatch, "save", config, *options) == 0
    assert run(monkeypatch, "verify", out) == 0
    assert run(monkeypatch, "verify", out, "--all") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "all 6,032 values compared, bit for bit: equal"
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG))
    ui.save(model, ui.recipes.llama(0.03), tmp_path / "again", seed=3, dtype="bfloat16")
    assert run(monkeypatch, "diff", out, tmp_path / "again") == 0
    assert capsys.readouterr().out == "equal\n"
    config.write_text("{}", encoding="utf-8")
    assert run(monkeypatch, "inventory", config, "--out", tmp_path / "model.json") == 2
    assert "describes no model of transformers" in capsys.readouterr().err
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'|(?<=Error: ).*"):
        inventory_of_config(config)


def test_a_difference_is_named(
    tmp_path: Path,
    model: Path,
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The tensors of another seed, another type, and one that is missing; verify ends with status 1 as diff does."""
    common = ("init", model, "--recipe", recipe)
    assert run(monkeypatch, *common, "--out", tmp_path / "a") == 0
    assert run(monkeypatch, *common, "--out", tmp_path / "b", "--seed", 1) == 0
    assert run(monkeypatch, *common, "--out", tmp_path / "c", "--dtype", "float16") == 0
    capsys.readouterr()
    assert run(monkeypatch, "diff", tmp_path / "a", tmp_path / "b") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "seed 0 and 1"
    assert len(lines) == 6  # the bias is 0 in both
    assert run(monkeypatch, "diff", tmp_path / "a", tmp_path / "c") == 1
    assert "layers.0.bias: float32 (16,) and float16 (16,)" in capsys.readouterr().out
    path = tmp_path / "b" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\1\2\3")
    assert run(monkeypatch, "verify", tmp_path / "b") == 1
    assert "wrong in 1 places" in capsys.readouterr().out


def test_wrong_arguments_end_with_status_2(
    tmp_path: Path,
    model: Path,
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And a message of ours; nothing is written."""
    out = tmp_path / "out"
    for arguments, words in (
        (("--recipe", "lama"), "Did you mean 'llama'"),
        (("--recipe", "llama", "--set", "depth=3"), "has no argument 'depth'"),
        (("--recipe", "llama", "--set", "std=wide"), "`std` must be a real number"),
        (("--recipe", "Recipe"), "--recipe"),
        (("--recipe", recipe, "--dtype", "int8"), "`--dtype` must be one of"),
        (("--recipe", tmp_path / "none.json"), "No such file"),
    ):
        assert run(monkeypatch, "save", model, *arguments, "--out", out) == 2
        assert words in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / "empty").mkdir()
    assert run(monkeypatch, "diff", tmp_path / "empty", tmp_path / "empty") == 2
    with refused(ui.ArgumentValueError, hidden="(?<=^)'.*?'"):
        differences(tmp_path / "empty", tmp_path / "empty")
    assert run(monkeypatch, "verify", tmp_path / "empty") == 2
