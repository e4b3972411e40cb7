"""Golden digests: a JSON file beside each test file, from the name of a tensor to its digest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Golden", "GoldenFiles"]

# ruff: noqa: ANN401  # tensors of any framework, and pytest's own items

FLAG = "--ui-write-golden"


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
        self._digests: dict[Path, dict[str, str]] = {}  # by test file: what was compared, or will be written
        self._notes: list[tuple[str, Path, tuple[str, ...]]] = []

    def compare(self, test_file: Path, test: str, entry: str, digest: str) -> str | None:
        """Note a digest; return what is wrong with it, or None."""
        drawn = self._digests.setdefault(test_file, {})
        expected = drawn.get(entry) if self.write else _read(test_file).get(entry)
        drawn.setdefault(entry, digest)
        if expected == digest or (expected is None and self.write):
            return None
        file = golden_file(test_file).name
        if expected is None:
            return (
                f"{file} has no digest of {entry!r}. If {digest} is right, write it with\n"
                f"    pytest {FLAG} {test_file.name}::{test.partition('[')[0]}\n"
                "and review the change of the file."
            )
        if self.write:
            return f"{entry!r} has several digests in this run, and {file} holds one: {expected} and {digest}"
        return (
            f"{entry!r} has another digest than in {file}: {digest}, not {expected}. If the change is meant, "
            f"run pytest {FLAG}."
        )

    def finish(self, session: pytest.Session) -> None:
        """Find what no test compares; write, if that is asked for."""
        if session.testsfailed or session.shouldstop or session.shouldfail:
            return
        self.incomplete |= {
            (session.config.invocation_params.dir / arg.partition("::")[0]).resolve()
            for arg in session.config.args
            if "::" in arg
        }
        for test_file in sorted({item.path for item in session.items}):
            if test_file in self._digests or golden_file(test_file).exists():
                self._finish_file(test_file, session)

    def _finish_file(self, test_file: Path, session: pytest.Session) -> None:
        entries, drawn = _read(test_file), self._digests.get(test_file, {})
        owners = {
            test_of(item): "ui_golden" in getattr(item, "fixturenames", ())
            for item in session.items
            if item.path == test_file
        }
        compared = {entry.partition("/")[0] for entry in drawn}
        whole = test_file not in self.incomplete
        unused = tuple(
            entry
            for entry in entries
            if entry not in drawn
            and ((owner := entry.partition("/")[0]) in compared or (whole and not owners.get(owner)))
        )
        if self.write:
            kept = {entry: digest for entry, digest in entries.items() if entry not in unused}
            _write(test_file, kept | drawn)
            self._notes.append(("wrote", test_file, tuple(drawn)))
        if unused:
            self._notes.append(("removed" if self.write else "unused", test_file, unused))

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
        test = test_of(self._item)
        entry = f"{test}/{name}" if name else test
        digest = ui.digest(tensor, layout=layout, sizes=sizes)
        fault = self._files.compare(self._item.path, test, entry, digest)
        if fault is not None:
            pytest.fail(fault, pytrace=False)


def golden_file(test_file: Path) -> Path:
    """Return the file of a test file's digests."""
    return test_file.with_suffix(".golden.json")


def test_of(item: pytest.Item) -> str:
    """Return the name of a test in its file, without its mode: all modes have one digest."""
    names = item.nodeid.partition("::")[2].partition("[")[0]
    call = getattr(item, "callspec", None)
    if call is None:
        return names
    words = call.id.split("-")
    if call.params.get("ui_mode") in words:
        words.remove(call.params["ui_mode"])
    return f"{names}[{'-'.join(words)}]" if words else names


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it where it is imported


def _read(test_file: Path) -> dict[str, str]:
    path = golden_file(test_file)
    if not path.exists():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        digests: dict[str, str] = dict(tree["digests"])
    except (ValueError, KeyError, TypeError) as error:
        pytest.fail(f"{path.name} is no file of golden digests: {error!r}", pytrace=False)
    return digests


def _write(test_file: Path, digests: Mapping[str, str]) -> None:
    tree = {"stream": ui.STREAM, "digests": dict(sorted(digests.items()))}
    golden_file(test_file).write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")
