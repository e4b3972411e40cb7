"""The file of messages: it has the words of every error, and nothing that no test is refused with."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.helpers import messages
from tests.helpers.messages import FILE, read, written

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).parent.parent
SOURCE = Path(ui.__file__).parent
WITHOUT_WORDS = {
    # typer.Exit carries a status; what is printed is another error's message.
    *(f"cli/{name}.py" for name in ("demo", "models", "output", "parity", "weights")),
    "kit/plugin.py",  # usage errors of pytest, which end its own run; tests/kit/test_plugin.py reads them
    "drawing/frozen_call.py",  # hands on the message that the eager draw has
    "testing/conformity.py",  # raises its whole report
    "stream/c_runner.py",  # host catches what it raises, and warns with its words
    "testing/c_survey.py",  # compiled catches what it raises
}


# --- every error has its words in the file -------------------------------------------------------


def sources() -> dict[str, str]:
    """Return the text of each module by its path."""
    paths = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
    return {
        name: path.read_text(encoding="utf-8") for name, path in paths.items() if name not in WITHOUT_WORDS
    }


def pattern(node: ast.expr | None) -> str:
    """Return a regular expression of a string: its fixed text, and anything where a value is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=values):
            return "".join(map(pattern, values))
        case ast.BinOp(left=left, right=right):
            return pattern(left) + pattern(right)
    return ".*"


def raised(tree: ast.Module) -> Iterator[tuple[int, list[str]]]:
    """Yield the line of every raise of a module, and the patterns of what it may say.

    A message is assigned to ``msg`` above the raise, or returned by the function that the raise calls.
    """
    nodes = list(ast.walk(tree))
    returned = {
        function.name: [pattern(node.value) for node in ast.walk(function) if isinstance(node, ast.Return)]
        for function in nodes
        if isinstance(function, ast.FunctionDef)
    }
    assigned = {
        node.lineno: pattern(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"msg", "_msg"}
    }
    for node in nodes:
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        (argument,) = node.exc.args
        if isinstance(argument, ast.Name) and argument.id in {"msg", "_msg"}:
            yield node.lineno, [assigned[max(line for line in assigned if line < node.lineno)]]
        elif isinstance(argument, ast.Call):
            yield node.lineno, returned.get(ast.unparse(argument.func), [pattern(argument)])
        else:
            yield node.lineno, [pattern(argument)]


def untested(source: str, texts: Collection[str]) -> list[str]:
    """Return the messages of a module that no text has."""
    missing = []
    for line, patterns in raised(ast.parse(source)):
        for expression in patterns:
            if not expression.replace(".*", ""):
                missing.append(f"line {line}: no text found")
            elif not any(re.search(expression, text, re.DOTALL) for text in texts):
                missing.append(f"line {line}: {expression}")
    return missing


@functools.cache
def texts_of_the_file() -> frozenset[str]:
    """Return every message of the file."""
    entries = read((ROOT / FILE).read_text(encoding="utf-8"))
    return frozenset(text for texts in entries.values() for text in texts)


def test_every_message_is_in_some_test() -> None:
    """The fixed text of each raise of the package is in the file, letter by letter and in one message."""
    texts = texts_of_the_file()
    assert {name: missing for name, source in sources().items() if (missing := untested(source, texts))} == {}


def test_the_search_for_untested_messages_finds_one() -> None:
    """A changed word, words of two messages, a message without text and a returned message are each noticed."""
    changed = "def f(x):\n    msg = f'`x` must be a {x} number, rather.'\n    raise ValueError(msg)\n"
    assert untested(changed, ["`x` must be a whole number, rather."]) == []
    assert untested(changed, ["`x` must be a whole number."]) == [
        "line 3: `x`\\ must\\ be\\ a\\ .*\\ number,\\ rather\\."
    ]
    assert untested(changed, ["`x` must be a number, rather.", "`x` must be a"]) != []
    assert untested("def f(x):\n    raise ValueError(x)\n", ["a"]) == ["line 2: no text found"]
    returned = "def f(x):\n    raise ValueError(g(x))\ndef g(x):\n    return f'wrong {x}'\n"
    assert untested(returned, ["right"]) == ["line 2: wrong\\ .*"]
    assert untested(returned, ["quite wrong indeed"]) == []


def test_every_module_is_searched() -> None:
    """All of them but the three without words, and more than three hundred raises."""
    modules = sources()
    assert {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")} - set(
        modules
    ) == WITHOUT_WORDS
    assert sum(len(list(raised(ast.parse(source)))) for source in modules.values()) > 300


# --- every entry has its test --------------------------------------------------------------------


def test_every_entry_has_its_test(pytestconfig: pytest.Config) -> None:
    """Of the files that this run collected whole, and of files that are gone or refuse nothing."""
    recorded, collected = pytestconfig.stash[messages.RECORDED], pytestconfig.stash[messages.COLLECTED]
    assert messages.without_a_test(recorded, collected, pytestconfig.rootpath) == set()


def test_an_entry_without_a_test_is_found() -> None:
    """A test that is gone from a file that was collected, and files that are gone or have no refusal."""
    here, other = "tests/test_messages.py", "tests/test_errors.py"
    entries = [f"{here}::test_kept", f"{here}::test_gone", f"{other}::test_b"]
    assert messages.without_a_test(entries, {entries[0]}, ROOT) == {f"{here}::test_gone"}
    gone = {"tests/gone.py::test_a", "tests/test_import.py::test_a"}
    assert messages.without_a_test({*gone, *entries}, set(), ROOT) == gone


# --- the file ------------------------------------------------------------------------------------


def test_the_file_is_as_it_is_written() -> None:
    """Sorted, and nothing was edited by hand."""
    text = (ROOT / FILE).read_text(encoding="utf-8")
    assert written(read(text)) == text


def test_what_is_written_can_be_read() -> None:
    """Line breaks, backslashes, spaces at the ends and other scripts; cases in the order of their numbers."""
    entries = {
        "tests/b.py::test_one[case10]": ("ten",),
        "tests/b.py::test_one[case9-a::b [c]]": ("two\nlines", "a \\ and '\\udfff' "),
        "tests/a.py::test_two": ("  µ\r\u2028",),
    }
    text = written(entries)
    assert read(text) == entries
    assert [line for line in text.split("\n") if line.startswith("test_")] == [
        "test_two",
        "test_one[case9-a::b [c]]",
        "test_one[case10]",
    ]


def test_writing_merges() -> None:
    """What passed is replaced, what is gone or raises no more is dropped, all else is kept."""
    before = {"a": ("old",), "b": ("old",), "c": ("old",), "d": ("old",)}
    after = messages.merged(before, {"a": ("new", "new"), "b": (), "e": ()}, gone={"c"})
    assert after == {"a": ("new", "new"), "d": ("old",)}


# --- a run of pytest -----------------------------------------------------------------------------

REFUSING = """
from tests.helpers.messages import refused

def test_one():
    with refused(ValueError):
        raise ValueError("`x` must be {word}.")
    with refused(KeyError, hidden="0x\\\\w+"):
        raise KeyError("at 0x7f")
"""


def run(folder: Path, *options: str) -> str:
    """Return what pytest, without other plugins, prints of the tests of a folder."""
    arguments = [
        "-p",
        "tests.helpers.messages",
        "--rootdir",
        str(folder),
        "-q",
        *options,
        str(folder / "tests"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_changed_message_fails_until_it_is_written(tmp_path: Path) -> None:
    """A missing, a changed and a superfluous message fail with both texts; writing settles all of them."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.toml").write_text("[pytest]\n", encoding="utf-8")
    test = tmp_path / "tests" / "test_a.py"
    test.write_text(REFUSING.format(word="small"), encoding="utf-8")
    assert "+ `x` must be small." in run(tmp_path)
    assert "1 passed" in run(tmp_path, "--write-messages")
    assert read((tmp_path / FILE).read_text(encoding="utf-8")) == {
        "tests/test_a.py::test_one": ("`x` must be small.", "'at <...>'")
    }
    assert "1 passed" in run(tmp_path)
    test.write_text(REFUSING.format(word="large"), encoding="utf-8")
    failed = run(tmp_path)
    assert "- `x` must be small." in failed
    assert "+ `x` must be large." in failed
    test.write_text("def test_one():\n    pass\n", encoding="utf-8")
    assert "- 'at <...>'" in run(tmp_path)


def test_several_processes_write_nothing(tmp_path: Path) -> None:
    """Each would know a part of the tests; what they raise is compared as ever."""
    pytest.importorskip("xdist", reason="needs pytest-xdist")
    (tmp_path / "tests").mkdir()
    assert "--write-messages needs one process" in run(tmp_path, "-p", "xdist", "-n", "2", "--write-messages")
