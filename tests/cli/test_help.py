"""The command line as a whole: every example of its help runs, ``--json`` is JSON, errors are one line."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unified_init as ui
from unified_init import cli

EXAMPLES = (
    "explain he_normal 64,3,7,7 OIHW",
    "draw he_normal 64,3,7,7 OIHW --seed 0 --name conv1 --out w.npy",
    "names kaiming_normal_",
    "inspect weights --json",
    "audit weights",
    "recipes",
    "recipes gpt2",
    "recipes gpt2 --set n_layer=12 --json",
    "save model.json --recipe torch_default --seed 0 --out weights",
    "verify weights",
    "diff weights weights",
    "demo --backend numpy --seed 1",
    "parity --preset he_normal --variant numpy --variant numpy:graph",
)
OF_MODELS = (
    "inspect model:Net",
    "plan model:Net --recipe torch_default",
    "audit model:Net --recipe torch_default",
)
MODEL = """
import torch

print("a module may print")

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(30, 50)

NET = Net()

def broken():
    raise RuntimeError("no data here")
"""


@pytest.fixture(scope="module", autouse=True)
def _rich_is_imported() -> None:
    """Import rich before any test: that alone advances Python's random generator, which tests watch."""
    with contextlib.suppress(ImportError):
        importlib.import_module("rich.progress")
        importlib.import_module("rich.table")


def records() -> ui.Inventory:
    """Return the inventory of a linear layer."""
    facts: dict[str, Any] = {"kind": "linear", "inputs": 30, "outputs": 50}
    return ui.Inventory(
        "torch",
        (
            ui.Record(
                name="fc.weight", path="fc.weight", shape=(50, 30), layout="OI", role="kernel", **facts
            ),
            ui.Record(name="fc.bias", path="fc.bias", shape=(50,), layout="O", role="bias", **facts),
        ),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current directory: a model's module, its inventory, and its weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "model", raising=False)
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "model.json").write_text(ui.inventory_to_json(records()), encoding="utf-8")
    ui.save(records(), ui.recipes.torch_default(), tmp_path / "weights", seed=0)
    return tmp_path


def invoke(*arguments: object) -> Any:
    """Run ``unified-init`` in this process."""
    testing = pytest.importorskip("typer.testing", reason="needs the extra `cli`")
    runner = testing.CliRunner()
    if hasattr(runner, "mix_stderr"):  # before click 8.2 an option, and on
        runner.mix_stderr = False
    return runner.invoke(cli.application(), list(map(str, arguments)))


def test_every_command_has_an_example_and_the_tests_run_it() -> None:
    """What the help shows is what runs below."""
    typer = pytest.importorskip("typer", reason="needs the extra `cli`")
    commands = typer.main.get_command(cli.application()).commands
    lines = [
        line.strip().removeprefix("unified-init ")
        for command in commands.values()
        if not command.hidden
        for line in str(command.epilog).splitlines()[2:]
    ]
    assert sorted(lines) == sorted([*EXAMPLES, *OF_MODELS])
    assert {line.split()[0] for line in lines} == {name for name, one in commands.items() if not one.hidden}
    assert {name for name, command in commands.items() if command.hidden} == {"inventory", "init"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_runs(line: str) -> None:
    """It ends with status 0, and says something."""
    if line.startswith(("audit", "parity")):
        pytest.importorskip("scipy")
    result = invoke(*shlex.split(line))
    assert result.exit_code == 0, result.output
    assert result.stdout


@pytest.mark.needs("torch")
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", OF_MODELS)
def test_an_example_with_a_model_runs(line: str) -> None:
    """The module is imported from the current directory."""
    result = invoke(*shlex.split(line))
    assert result.exit_code == 0, result.output
    assert "fc.weight" in result.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", [line for line in EXAMPLES if line != "recipes gpt2"])  # needs an argument
def test_json_is_all_of_standard_output(line: str) -> None:
    """One document, which parses, from every command that has a result."""
    words = [word for word in shlex.split(line) if word != "--json"]
    result = invoke(*words, "--json")
    assert result.exit_code == 0, result.output
    json.loads(result.stdout)


@pytest.mark.needs("torch")
@pytest.mark.usefixtures("folder")
def test_a_module_that_prints_does_not_spoil_json() -> None:
    """What it says goes to standard error; a model that exists already is taken as it is."""
    result = invoke("inspect", "model:NET", "--json")
    assert ui.inventory_from_json(result.stdout)["fc.weight"].shape == (50, 30)
    assert result.stderr == "a module may print\n"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("explain he_norml 3,4 OI", "did you mean 'he_normal'?"),
        ('explain {"name":"sum"} 3,4 OI', "`SPEC` 'sum' is not the name of a preset"),
        ("explain he_normal 3,four OI", "`SHAPE` must be integers"),
        ("explain he_normal 3,4 (BO)I --sizes B", "`--sizes` must be such as B=2"),
        ("explain he_normal( 3,4 OI", "`SPEC` must be such as"),
        ("explain 3 3,4 OI", "`SPEC` must be such as"),
        ("explain normal(open) 3,4 OI", "`SPEC` must be such as"),
        ("explain normal(1,2,3,4) 3,4 OI", "positional arguments"),
        ("explain torch.nn.init.kaiming 3,4 OI", "kaiming"),
        ("names kaimin", "did you mean 'kaiming_normal'?"),
        ("draw zeros 3 --out w.png", "`--out` must end in"),
        ("draw zeros 3 --dtype bfloat16 --out w.npy", "must end in .safetensors for bfloat16"),
        ("draw zeros 3 --dtype complex128 --out w.safetensors", "complex128"),
        ("draw zeros 3 --out nowhere/w.npy", "No such file"),
        ("inspect nowhere", "`SOURCE` must be MODULE:FACTORY"),
        ("inspect nowhere:f", "gave no model: ModuleNotFoundError: No module named 'nowhere'\n"),
        ("inspect json:dumps.nothing", "gave no model: AttributeError"),
        ("inspect collections:OrderedDict", "OrderedDict"),
        ("inspect sys:exit", "gave no model: SystemExit"),
        ("inspect latin.json", "must be a text in UTF-8"),
        ("plan model.json --recipe latin.json", "must be a text in UTF-8"),
        ("inspect model.json --inventory model.json", "`--inventory` describes"),
        ("inspect empty", "`--inventory` must say"),
        ("inspect empty --inventory model.json", "has no safetensors files"),
        ("inspect weights --inventory other.json", "must have 'fc.more' with shape (2,), which is not there"),
        ("audit model.json --recipe torch_default", "`SOURCE` must have values"),
        ("audit weights/model.safetensors --inventory model.json", "`--recipe` must say"),
        ("plan model.json --recipe lama", "Did you mean 'llama'?"),
        ("recipes lama", "Did you mean 'llama'?"),
        ("recipes gpt2 --json", "the recipe gpt2 needs n_layer: add --set n_layer=..."),
        ("recipes wang_init --json", "needs n_layer, d_model: add --set n_layer=... --set d_model=..."),
        ("recipes gpt2 --json --set n_layers=3", "has no argument 'n_layers'; it takes n_layer, std."),
        ("recipes gpt2 --json --set n_layer=3 --set n_layer=4", "`--set` must give n_layer once"),
        ("recipes gpt2 --json --set n_layer", "`--set` must be such as n_layer=32"),
        ("recipes gpt2 --set n_layer=3", "`--set` changes what `recipes NAME --json` prints"),
        ("recipes --json --set n_layer=3", "`--set` changes what `recipes NAME --json` prints"),
        ("recipes recipe.json --json --set n_layer=3", "'recipe.json' is a file; got n_layer=3"),
        ("plan model.json --recipe recipe.json --set n_layer=3", "'recipe.json' is a file; got n_layer=3"),
        ("audit weights --set n_layer=3", "`--recipe` names none; got n_layer=3"),
        ("explain he_uniform(**{'x':1}) 3,4 OI", "`SPEC` must be such as"),
        ("explain normal(0,std=1,std=2) 3,4 OI", "`SPEC` must give std once"),
        ("explain normal(0,1,std=2) 3,4 OI", "`SPEC` must give std once"),
        ("explain torch.nn.init.normal_(std=1,std=2) 3,4 OI", "`SPEC` must give std once"),
        ("explain normal(0) 3,4 OI", "`SPEC`: normal needs std: write normal(mean=..., std=...)"),
        ("explain normal(0,1,2) 3,4 OI", "has 3 positional arguments; normal takes 2"),
        ("explain he_normal 3,4 (BO)I --sizes B=2 --sizes B=3", "`--sizes` must give B once"),
        ("explain he_normal 3,,4 OI", "`SHAPE` must be integers"),
        ("inspect model.json --places fc", "`--places` must be such as *.proj=attention.out, got fc."),
        ("inspect model.json --places fc=head --places fc=stem", "`--places` must give fc once"),
        ("inspect model.json --places fc=hed", "`--places` must be"),
        ("inspect model.json --places fd=head", "`--places`: 'fd' matches nothing"),
        ("plan model.json --recipe torch_default --places fd=head", "`--places`: 'fd' matches nothing"),
        ("explain he_normal 3,4", "pass LAYOUT, 'OI' for torch.nn.Linear"),
        ("explain orthogonal 3,4,5", "needs LAYOUT, such as 'OIHW',"),
        ("explain he_normal 3,4 XY", "`LAYOUT` has one letter"),
        ("draw he_normal 4,4 (BO)I --out w.npy", "`--sizes` must give"),
        ("draw zeros 3 --dtype int8 --out w.npy", "`--dtype` must be one of"),
        ("save model.json --recipe torch_default --seed 9 --out weights", "or pass --overwrite."),
        ("save model.json --recipe torch_default --seed 9 --out weights", "`--out` has 'model.safetensors'"),
        ("save model.json --recipe torch_default --out w --max-shard-size x", "`--max-shard-size` must"),
        ("save model.json --recipe torch_default --out w --format zip", "`--format` must"),
        ("plan model.json --recipe gpt2 --set n_layer=1", "say so: --places 'fc.weight=attention.out'."),
        ("audit weights --alpha 2", "`--alpha` must"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(line: str, words: str, folder: Path) -> None:
    """On standard error; nothing on standard output, and no traceback."""
    (folder / "empty").mkdir()
    more = ui.Record(name="fc.more", path="fc.more", shape=(2,), kind="parameter", role="parameter")
    other = ui.Inventory("torch", (*records(), more))
    (folder / "other.json").write_text(ui.inventory_to_json(other), encoding="utf-8")
    recipe = ui.recipe_to_json(ui.recipes.torch_default())
    (folder / "recipe.json").write_text(recipe, encoding="utf-8")
    (folder / "latin.json").write_bytes(b"\xff\xfe")
    result = invoke(*line.split())
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("glob", ["fc", "re:(?=fc)fc"])
def test_places_say_what_layers_are(glob: str) -> None:
    """In every command that takes a model; a folder of ``save`` keeps them, and its audit has them too."""
    pytest.importorskip("scipy")
    told = ("--places", f"{glob}=attention.out")
    by_place = ui.Rule(spec=ui.normal(0.0, 0.5), role="kernel", place="attention.out")
    recipe = ui.Recipe("mine", (by_place, ui.Rule(spec=ui.zeros(), role="bias")))
    Path("mine.json").write_text(ui.recipe_to_json(recipe), encoding="utf-8")
    inventory = ui.inventory_from_json(invoke("inspect", "model.json", "--json", *told).stdout)
    assert inventory["fc.weight"].place == "attention.out"
    assert invoke("plan", "model.json", "--recipe", "mine.json").exit_code == 2
    assert invoke("plan", "model.json", "--recipe", "mine.json", *told).exit_code == 0
    saved = invoke("save", "model.json", "--recipe", "mine.json", "--out", "placed", *told)
    assert saved.exit_code == 0, saved.output
    assert invoke("verify", "placed").exit_code == 0
    assert invoke("audit", "placed").exit_code == 0
    audit = invoke("audit", "placed", "--recipe", "mine.json", *told)
    assert audit.exit_code == 0, audit.output


@pytest.mark.needs("torch")
@pytest.mark.usefixtures("folder")
def test_what_a_factory_raises_is_said_with_its_line() -> None:
    """One line, which leads to the code at fault."""
    result = invoke("plan", "model:broken", "--recipe", "torch_default")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "`SOURCE` 'model:broken' gave no model: RuntimeError: no data here (model.py, line 14)"
    )


@pytest.mark.parametrize("code", ["os.chdir('weights')", "sys.path.clear()", "sys.path.insert(0, 'other')"])
def test_a_factory_may_change_the_directory_and_the_path(
    code: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own error is said; what it did to sys.path stays, and ours is gone from it."""
    (folder / "mover.py").write_text(
        f"import os, sys\n\ndef make():\n    {code}\n    raise RuntimeError('no data')\n", encoding="utf-8"
    )
    monkeypatch.delitem(sys.modules, "mover", raising=False)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    result = invoke("inspect", "mover:make")
    assert result.exit_code == 2
    assert result.stderr == (
        "`SOURCE` 'mover:make' gave no model: RuntimeError: no data (mover.py, line 5)\n"
    )
    assert str(folder) not in sys.path
    assert ("other" in sys.path) == ("other" in code)


def test_python_m_is_the_command() -> None:
    """``python -m unified_init`` runs the same application; an import of the module runs nothing."""
    importlib.import_module("unified_init.__main__")
    pytest.importorskip("typer", reason="needs the extra `cli`")
    command = [sys.executable, "-m", "unified_init", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == invoke("--version").output


def test_a_shell_completes_commands_presets_and_recipes() -> None:
    """Typer's completion, with the words of this library."""
    pytest.importorskip("typer", reason="needs the extra `cli`")

    def completed(words: str) -> list[str]:
        facts = {
            "_UNIFIED_INIT_COMPLETE": "complete_bash", "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }  # fmt: skip
        code = "from unified_init.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ | facts
        )
        return done.stdout.split()

    assert completed("unified-init ex") == ["explain"]
    assert "he_normal" in completed("unified-init explain he_n")
    assert completed("unified-init recipes lla") == ["llama"]
    assert completed("unified-init demo --backend ja") == ["jax"]
