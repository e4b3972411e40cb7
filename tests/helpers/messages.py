"""What the library says when it refuses, in one file: ``tests/messages.txt``.

A test names the error that it expects, and not the words::

    with refused(ui.ArgumentValueError):
        ui.draw(spec, (3, -1), seed=0)

The words are in ``tests/messages.txt`` below the file and the name of the test, one line per refusal, in the order in
which they are raised. The test fails where the file has another text, none, or one more. To improve a message, edit
the source, run ``nox -s messages`` (or ``pytest --write-messages`` on some tests) and review the diff of that file.

Writing merges: a test that passed has its messages replaced, a test that no longer exists loses them, and a test that
did not run, failed or was left out by ``--backends`` keeps them.

Where a message quotes what varies (a path, an address, another library's error), ``hidden`` is a pattern of it, and
the file has ``<...>`` in its place.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator

Messages = Mapping[str, tuple[str, ...]]  # by the id of a test: "tests/law/test_layout.py::test_a_name[case]"

FILE = "tests/messages.txt"
HEAD = "# What each test is refused with. Written by `nox -s messages`; tests/helpers/messages.py says how to use it."
INDENT = "    "

_raised: list[str] = []  # what the test that runs now was refused with


@contextlib.contextmanager
def refused(
    error: type[BaseException], *, hidden: str | None = None
) -> Iterator[pytest.ExceptionInfo[BaseException]]:
    """Check that the body raises this error; its message is compared with the file when the test has run."""
    with pytest.raises(error) as caught:
        yield caught
    message = str(caught.value)
    _raised.append(message if hidden is None else re.sub(hidden, "<...>", message))


def source_of(case: Any) -> str | None:
    """Return the text of a lambda, as the id of a case: it stays the same when other cases come and go."""
    if getattr(case, "__name__", "") != "<lambda>":
        return None
    return _lambdas(case.__code__.co_filename)[case.__code__.co_firstlineno]


@functools.cache
def _lambdas(file: str) -> dict[int, str]:
    """Return the text of the first lambda of each line of a file."""
    source = Path(file).read_text(encoding="utf-8")
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Lambda)]
    nodes.sort(key=lambda node: node.col_offset, reverse=True)  # the first comes last, and stays
    bodies = {node.lineno: ast.get_source_segment(source, node.body) or "" for node in nodes}
    return {line: " ".join(body.split()) for line, body in bodies.items()}


# --- the file -----------------------------------------------------------------------------------


def read(text: str) -> Messages:
    """Return the messages that a text of the file's format holds."""
    entries: dict[str, list[str]] = {}
    file = test = ""
    for line in text.split("\n"):
        if line.startswith(INDENT):
            entries.setdefault(f"{file}::{test}", []).append(
                line.removeprefix(INDENT).encode().decode("unicode_escape")
            )
        elif line.startswith("== "):
            file = line.removeprefix("== ")
        else:
            test = line
    return {test: tuple(messages) for test, messages in entries.items()}


def written(entries: Messages) -> str:
    """Return the text of the file, sorted by file and test."""
    lines, last = [HEAD], ""
    for key in sorted(entries, key=_order):
        file, _, test = key.partition("::")
        if file != last:
            lines += ["", "", f"== {file}"]
        lines += ["", test]
        lines += [INDENT + message.encode("unicode_escape").decode() for message in entries[key]]
        last = file
    return "\n".join(lines) + "\n"


def _order(key: str) -> tuple[str, list[str | int]]:
    """Sort numbers in the names of tests as numbers, so that case 10 comes after case 9."""
    file, _, test = key.partition("::")
    return file, [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", test)]


def merged(before: Messages, passed: Messages, gone: Collection[str]) -> Messages:
    """Return the entries of the file after a run."""
    kept = {test: messages for test, messages in before.items() if test not in gone}
    return {test: messages for test, messages in {**kept, **passed}.items() if messages}


def without_a_test(entries: Iterable[str], collected: Collection[str], root: Path) -> set[str]:
    """Return the entries whose test is gone: of a file that was collected whole, or that refuses nothing now."""
    files = {test.partition("::")[0] for test in collected}
    return {
        test
        for test in set(entries) - set(collected)
        if (file := test.partition("::")[0]) in files or not _refuses(root / file)
    }


def _refuses(file: Path) -> bool:
    return file.exists() and "refused(" in file.read_text(encoding="utf-8")


def difference(recorded: Iterable[str], raised: Iterable[str]) -> str:
    """Return how two lists of messages differ, or an empty text."""
    lines = list(difflib.ndiff(list(recorded), list(raised)))
    return "" if all(line.startswith("  ") for line in lines) else "\n".join(lines)


# --- what pytest calls --------------------------------------------------------------------------

RECORDED = pytest.StashKey[Messages]()  # what the file has
PASSED = pytest.StashKey[dict[str, tuple[str, ...]]]()  # what the tests that passed were refused with
COLLECTED = pytest.StashKey[frozenset[str]]()  # all tests of the files that were collected whole


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run write the file in place of comparing with it."""
    parser.addoption("--write-messages", action="store_true", help=f"write {FILE} from what tests raise")


def pytest_configure(config: pytest.Config) -> None:
    """Read the file, which only one process can write."""
    if config.getoption("--write-messages") and config.getoption("numprocesses", None):
        text = "--write-messages needs one process: leave -n out"
        raise pytest.UsageError(text)
    path = config.rootpath / FILE
    config.stash[RECORDED] = read(path.read_text(encoding="utf-8")) if path.exists() else {}
    config.stash[PASSED] = {}
    config.stash[COLLECTED] = frozenset()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which tests there are, before any are deselected."""
    narrowed = config.getoption("lf", default=False) or any("::" in argument for argument in config.args)
    if not narrowed:
        config.stash[COLLECTED] = frozenset(item.nodeid for item in items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Compare what a test that passes was refused with."""
    try:
        yield
    finally:
        raised = tuple(_raised)
        _raised.clear()
    item.config.stash[PASSED][item.nodeid] = raised
    if item.config.getoption("--write-messages"):
        return
    differs = difference(item.config.stash[RECORDED].get(item.nodeid, ()), raised)
    if differs:
        text = f"{FILE} (-) and what was raised (+) differ; `nox -s messages` writes the file:\n{differs}"
        pytest.fail(text, pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file, if asked to."""
    config = session.config
    if not config.getoption("--write-messages"):
        return
    recorded, passed, collected = config.stash[RECORDED], config.stash[PASSED], config.stash[COLLECTED]
    text = written(merged(recorded, passed, without_a_test(recorded, collected, config.rootpath)))
    (config.rootpath / FILE).write_text(text, encoding="utf-8", newline="\n")
