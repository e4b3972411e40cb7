"""The command line: what it prints, and the exit code by which a machine reads it."""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import importlib
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import cli
from unified_init.backends.registry import NAMES
from unified_init.cli import demo as demo_command
from unified_init.parity.demo import (
    DemoModel,
    DemoTensor,
    Outcome,
    load,
    measure,
    missing_message,
    select,
    verdict,
)
from unified_init.stream import host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIVE = (
    ("wte", (11, 4), "OI", ui.normal(0.0, 0.02)),
    ("kernel", (4, 12), "IO", ui.normal(0.0, 0.02)),
    ("bias", (12,), "O", ui.zeros()),
    ("scale", (4,), "O", ui.ones()),
    ("residual", (4, 4), "IO", ui.normal(0.0, 0.02).scaled(ui.depth_factor(12))),
)


def tree() -> dict[str, Any]:
    """Return a model of five tensors, 124 values, as the JSON file holds it."""
    parameters = [
        {"name": name, "shape": list(shape), "layout": layout, "spec": json.loads(ui.to_json(spec))}
        for name, shape, layout, spec in FIVE
    ]
    return {"model": "tiny", "stream": ui.STREAM, "parameters": parameters}


@pytest.fixture(scope="module", autouse=True)
def _rich_is_imported() -> None:
    """Import rich before any test: that alone advances Python's random generator, which tests watch."""
    with contextlib.suppress(ImportError):
        importlib.import_module("rich.progress")
        importlib.import_module("rich.table")


@pytest.fixture
def five(tmp_path: Path) -> Path:
    """Return the path of a model file of five tensors."""
    path = tmp_path / "five.json"
    path.write_text(json.dumps(tree()), encoding="utf-8")
    return path


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that NumPy and torch alone are installed, and let NumPy draw for both."""
    draw = ui.draw
    monkeypatch.setattr(ui, "backends", lambda: ("numpy", "torch"))
    monkeypatch.setattr(ui, "draw", lambda *args, **kw: draw(*args, **kw | {"backend": "numpy"}))


def invoke(*arguments: object) -> Any:
    """Run ``unified-init`` in this process."""
    testing = pytest.importorskip("typer.testing", reason="needs the extra `cli`")
    return testing.CliRunner().invoke(cli.application(), list(map(str, arguments)))


def demo(*arguments: object) -> Any:
    """Run ``unified-init demo`` in this process."""
    return invoke("demo", *arguments)


def test_load_reads_names_shapes_layouts_and_specs(five: Path) -> None:
    """A model read from JSON has equal specs, not similar ones."""
    model = load(five)
    assert model == DemoModel("tiny", tuple(DemoTensor(*row) for row in FIVE))
    assert model.size == 124


@pytest.mark.usefixtures("twins")
def test_agreement_is_said_in_one_line_and_exits_zero(five: Path) -> None:
    """Two backends with the same bits: one line with tensors, values and backends, and the digest."""
    result = demo("--model", five, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "All agree, bit for bit: 5 tensors, 124 values, the same in 2 backends (numpy, torch)" in (
        result.output.splitlines()
    )
    expected = measure(load(five), "numpy", seed=3).digest
    assert f"SHA-256 over the digests of all tensors: {expected}" in result.output


@pytest.mark.usefixtures("twins")
def test_disagreement_names_the_tensor_and_exits_one(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong tensor in one backend is found, named, and makes the exit code 1."""

    def wrong(model: DemoModel, backend: str, **options: Any) -> Outcome:
        outcome = measure(model, backend, **options)
        if backend == "numpy":
            return outcome
        return dataclasses.replace(outcome, digests=(outcome.digests[0], "0" * 64, *outcome.digests[2:]))

    monkeypatch.setattr(demo_command, "measure", wrong)
    result = demo("--model", five)
    assert result.exit_code == 1
    assert "DISAGREE: 1 of 5 tensors, 124 values differ between numpy, torch: kernel" in result.output
    assert "SHA-256 over" not in result.output


@pytest.mark.usefixtures("twins")
def test_a_wrong_bit_in_a_drawn_value_is_a_disagreement(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees the values: one flipped bit in one value of the last tensor is enough."""
    draw = ui.draw
    calls: list[str] = []

    def flip(*args: Any, **options: Any) -> Any:
        array = draw(*args, **options)
        calls.append(options["name"])
        if calls.count("residual") == 2:
            array.view("uint32")[-1, -1] ^= 1
        return array

    monkeypatch.setattr(ui, "draw", flip)
    result = demo("--model", five)
    assert result.exit_code == 1
    assert "1 of 5 tensors" in result.output
    assert "residual" in result.output


def test_many_differences_are_counted_and_the_first_named() -> None:
    """More than three differing tensors: three names and a count."""
    model = DemoModel("tiny", tuple(DemoTensor(*row) for row in FIVE))
    outcomes = [Outcome(name, 1.0, (name,) * 5) for name in ("numpy", "jax")]
    line, agree = verdict(model, outcomes)
    assert not agree
    assert line == (
        "DISAGREE: 5 of 5 tensors, 124 values differ between numpy, jax: wte, kernel, bias and 2 more"
    )


def test_one_backend_has_nothing_to_compare_and_is_no_failure(
    five: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With NumPy alone the demo runs, says so, and says how to add the others."""
    monkeypatch.setattr(ui, "backends", lambda: ("numpy",))
    result = demo("--model", five)
    assert result.exit_code == 0, result.output
    assert "Nothing to compare: 5 tensors, 124 values in 1 backend (numpy)" in result.output
    assert (
        'Not installed: torch, tensorflow, jax. To add: pip install "unified-init[torch,tensorflow,jax]"'
        in result.output
    )


def test_nothing_is_missing_when_all_are_installed() -> None:
    """No advice where none is needed."""
    assert missing_message(NAMES) is None


@pytest.mark.usefixtures("twins")
def test_backend_selects(five: Path) -> None:
    """``--backend`` runs that one alone; repeated, the order is the usual one."""
    assert "in 1 backend (torch)" in demo("--model", five, "--backend", "torch").output
    both = demo("--model", five, "--backend", "torch", "--backend", "numpy")
    assert "in 2 backends (numpy, torch)" in both.output


@pytest.mark.usefixtures("twins")
def test_a_requested_backend_that_is_missing_fails(five: Path) -> None:
    """Asked for and not there: the command to install it, and exit code 2."""
    with refused(ui.ArgumentValueError) as caught:
        select(["jax"], ["numpy", "torch"])
    result = demo("--model", five, "--backend", "jax")
    assert result.exit_code == 2
    assert str(caught.value) in result.output


def test_an_unknown_backend_fails(five: Path) -> None:
    """A name that is none of the four is refused, with the four."""
    with refused(ui.ArgumentValueError) as caught:
        select(["cupy"], ["numpy"])
    result = demo("--model", five, "--backend", "cupy")
    assert result.exit_code == 2
    assert str(caught.value) in result.output


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree | {"stream": "threefry-0"},
        lambda tree: tree | {"parameters": []},
        lambda tree: tree | {"parameters": [{"name": "x"}]},
        lambda tree: [tree],
    ],
    ids=["stream", "empty", "incomplete", "list"],
)
def test_a_file_that_is_no_model_is_refused(five: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A wrong file gets a message of ours, before anything is drawn."""
    five.write_text(json.dumps(change(tree())), encoding="utf-8")
    with refused(ui.ArgumentValueError, hidden=re.escape(str(five))):
        load(five)


def test_a_file_that_is_no_json_is_refused(five: Path) -> None:
    """Neither is text that does not parse; the command prints the message and exits with 2."""
    five.write_text("{", encoding="utf-8")
    varying = rf"{re.escape(str(five))}|(?<=JSONDecodeError: ).*"
    with refused(ui.ArgumentValueError, hidden=varying) as caught:
        load(five)
    result = demo("--model", five)
    assert result.exit_code == 2
    assert result.output == f"{caught.value}\n"


def test_the_default_file_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message about the file of the package names it, not the path that nobody gave."""
    empty = json.dumps(tree() | {"parameters": []})
    monkeypatch.setattr(importlib.import_module("unified_init.parity.demo"), "_default_text", lambda: empty)
    with refused(ui.ArgumentValueError):
        load()


def test_version_is_that_of_the_package() -> None:
    """``--version`` prints name, version and the runner that draws."""
    result = invoke("--version")
    assert result.exit_code == 0, result.output
    assert result.output == f"unified-init {ui.__version__} ({host.runner_name()})\n"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_typer_or_rich_the_command_says_how_to_install_them(
    missing: str, five: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback where the extra, or half of it, is missing: one line with the command to run."""
    pytest.importorskip("typer", reason="needs the extra `cli`")
    real = builtins.__import__

    def absent(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(name=missing)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.setattr(sys, "argv", ["unified-init", "demo", "--model", str(five)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    expected = 'unified-init needs typer and rich to run: pip install "unified-init[cli]"\n'
    assert capsys.readouterr().err == expected


def test_another_missing_module_is_not_hidden(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the extra has is explained so."""
    pytest.importorskip("typer", reason="needs the extra `cli`")

    def broken(*_: object) -> None:
        raise ModuleNotFoundError(name="elsewhere")

    monkeypatch.setattr(cli, "application", broken)
    monkeypatch.setattr(sys, "argv", ["unified-init", "demo", "--model", str(five)])
    with pytest.raises(ModuleNotFoundError) as caught:
        cli.main()
    assert caught.value.name == "elsewhere"


def test_importing_the_command_line_imports_no_extra() -> None:
    """``unified_init.cli``, and the demo in it, need neither typer nor rich."""
    code = "import sys, unified_init.cli; print([m for m in ('typer', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_all_four_backends_agree(five: Path) -> None:
    """The real thing on five tensors, nothing pretended."""
    result = demo("--model", five)
    assert result.exit_code == 0, result.output
    assert "the same in 4 backends (numpy, torch, tensorflow, jax)" in result.output
    assert "Not installed" not in result.output
