"""Golden digests: a JSON file beside each test file, from a test and the name of a tensor to its digest."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

import unified_init as ui
from unified_init.kit.plugin import WRITE_GOLDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Entry", "Golden", "GoldenFiles", "read_digests"]

# ruff: noqa: ANN401  # tensors of any framework, and pytest's own items


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Entry:
    """What a digest belongs to.

    Args:
        test: the name of a test in its file, without its mode.
        name: which of the test's tensors; "" where it has one. Both may contain any character.
    """

    test: str
    name: str = ""

    def __str__(self) -> str:
        """Return both, for people."""
        return f"{self.test}/{self.name}" if self.name else self.test


class GoldenFiles:
    """The files of a run: what they hold, what tests compared, and what is written at the end.

    Attributes:
        write: whether digests are written instead of compared.
        incomplete: test files that did not run all of their tests.
    """

    def __init__(self, *, write: bool) -> None:
        """Start without any file."""
        self.write = write
        self.incomplete: set[Path] = set()
        self._digests: dict[
            Path, dict[Entry, str]
        ] = {}  # by test file: what was compared, or will be written
        self._notes: list[tuple[str, Path, tuple[str, ...]]] = []

    def compare(self, test_file: Path, entry: Entry, digest: str) -> str | None:
        """Note a digest; return what is wrong with it, or None."""
        try:
            stored = read_digests(test_file)
        except ValueError as error:
            return str(error)
        drawn = self._digests.setdefault(test_file, {})
        expected = (drawn if self.write else stored).get(entry)
        drawn.setdefault(entry, digest)
        if expected == digest or (expected is None and self.write):
            return None
        file = golden_file(test_file).name
        if expected is None:
            return (
                f"{file} has no digest of {str(entry)!r}. If {digest} is right, write it with\n"
                f"    pytest {WRITE_GOLDEN} {test_file.name}::{entry.test.partition('[')[0]}\n"
                "and review the change of the file."
            )
        if self.write:
            return (
                f"{str(entry)!r} has several digests in this run, and {file} holds one: "
                f"{expected} and {digest}"
            )
        return (
            f"{str(entry)!r} has another digest than in {file}: {digest}, not {expected}. If the change is "
            f"meant, run pytest {WRITE_GOLDEN}."
        )

    def finish(self, session: pytest.Session) -> None:
        """Find what no test compares; write, if that is asked for.

        A file is opened only if a test that was collected uses ``ui_golden``: another may be anybody's. One
        that cannot be read or written is named at the end of the run.
        """
        if session.testsfailed or session.shouldstop or session.shouldfail:
            return
        self.incomplete |= {
            (session.config.invocation_params.dir / arg.partition("::")[0]).resolve()
            for arg in session.config.args
            if "::" in arg
        }
        for test_file in sorted({item.path for item in session.items if _compares(item)} | {*self._digests}):
            try:
                self._finish_file(test_file, session)
            except (OSError, ValueError) as error:
                self._notes.append(("in error", test_file, (str(error),)))
                if self.write:  # and what was asked for is not done
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _finish_file(self, test_file: Path, session: pytest.Session) -> None:
        entries, drawn = read_digests(test_file), self._digests.get(test_file, {})
        owners = {test_of(item): _compares(item) for item in session.items if item.path == test_file}
        compared = {entry.test for entry in drawn}
        whole = test_file not in self.incomplete
        unused = sorted(
            entry
            for entry in entries
            if entry not in drawn and (entry.test in compared or (whole and not owners.get(entry.test)))
        )
        if self.write and (drawn or unused):
            kept = {entry: digest for entry, digest in entries.items() if entry not in unused}
            _write(test_file, kept | drawn)
            self._notes.append(("written to", test_file, tuple(map(str, drawn))))
        if unused:
            self._notes.append(("removed" if self.write else "unused", test_file, tuple(map(str, unused))))

    def lines(self, root: Path) -> Iterator[str]:
        """Yield a line for each file that was written, or has digests that no test compares."""
        for word, test_file, entries in self._notes:
            file = golden_file(test_file)
            name = file.relative_to(root) if file.is_relative_to(root) else file
            yield f"golden digests {word}: {name}: {', '.join(entries) or 'none'}"


class Golden:
    """What the fixture ``ui_golden`` gives to one test."""

    def __init__(self, item: Any, files: GoldenFiles) -> None:
        """Belong to a test."""
        self._item, self._files = item, files

    def __call__(
        self,
        tensor: Any,
        name: str = "",
        *,
        layout: str | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        """Compare the digest of a tensor with the file's; with ``--ui-write-golden``, write it.

        Args:
            tensor: an array of any framework.
            name: tells several tensors of a test apart.
            layout: as for ``ui.digest``: with it, twins in two layouts have one digest.
            sizes: as for ``ui.digest``.
        """
        __tracebackhide__ = True
        digest = ui.digest(tensor, layout=layout, sizes=sizes)
        fault = self._files.compare(self._item.path, Entry(test_of(self._item), name), digest)
        if fault is not None:
            pytest.fail(fault, pytrace=False)


def golden_file(test_file: Path) -> Path:
    """Return the file of a test file's digests."""
    return test_file.with_suffix(".golden.json")


def test_of(item: pytest.Item) -> str:
    """Return the name of a test in its file, without its mode: all modes have one digest.

    The mode is the first word of the id, as the plugin parametrizes before all others do. Other words may be
    equal to it.
    """
    names = item.nodeid.partition("::")[2].partition("[")[0]
    call = getattr(item, "callspec", None)
    if call is None:
        return names
    mode, words = call.params.get("ui_mode"), call.id
    if words == mode:
        return names
    return f"{names}[{words if mode is None else words.removeprefix(f'{mode}-')}]"


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it where it is imported


def _compares(item: pytest.Item) -> bool:
    return "ui_golden" in getattr(item, "fixturenames", ())


def read_digests(test_file: Path) -> dict[Entry, str]:
    """Return what the file of a test file holds; a ValueError names a file that is no such file."""
    path = golden_file(test_file)
    if not path.exists():
        return {}
    try:
        tests: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))["digests"]
        digests = {
            Entry(test, name): digest for test, names in tests.items() for name, digest in names.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path.name} is not a file of golden digests: {error!r}"
        raise ValueError(msg) from error
    return digests


def _write(test_file: Path, digests: Mapping[Entry, str]) -> None:
    tests: dict[str, dict[str, str]] = {}
    for entry, digest in sorted(digests.items()):
        tests.setdefault(entry.test, {})[entry.name] = digest
    tree = {"stream": ui.STREAM, "digests": tests}
    golden_file(test_file).write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")
