"""Compares two folders of weights, tensor by tensor, a chunk at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unified_init.checkpoints.folder import FILE, read_origin
from unified_init.checkpoints.safetensors_files import bit_patterns, read_header
from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from pathlib import Path

    from unified_init.checkpoints.safetensors_files import Entry

    Place = tuple[Path, Entry, int]

__all__ = ["differences"]

CHUNK = 1 << 24


def differences(first: Path, second: Path) -> list[str]:
    """Return a line for each tensor that only one folder has, or that differs; none if all are equal."""
    sides = _tensors(first), _tensors(second)
    lines = [line for line in (_origins(first, second),) if line]
    for path in sorted(sides[0].keys() | sides[1].keys()):
        places = [side.get(path) for side in sides]
        if places[0] is None or places[1] is None:
            lines.append(f"{path}: only in {second if places[0] is None else first}")
            continue
        line = _difference(places[0], places[1])
        if line:
            lines.append(f"{path}: {line}")
    return lines


def _tensors(folder: Path) -> dict[str, Place]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        msg = f"{str(folder)!r} has no safetensors files."
        raise ArgumentValueError(msg)
    return {
        entry.path: (file, entry, begin)
        for file, (_, entries, begin) in ((file, read_header(file)) for file in files) for entry in entries
    }  # fmt: skip


def _origins(first: Path, second: Path) -> str:
    """Say how the origins of two folders differ, if both say what it is."""
    if not all((folder / FILE).exists() for folder in (first, second)):
        return ""
    a, b = read_origin(first), read_origin(second)
    facts = [
        f"seed {a.seed} and {b.seed}" if a.seed != b.seed else "",
        "other recipes" if a.recipe != b.recipe else "",
        f"dtype {a.dtype} and {b.dtype}" if a.dtype != b.dtype else "",
    ]
    return ", ".join(filter(None, facts))


def _difference(a: Place, b: Place) -> str:
    facts = [(entry.shape, entry.dtype) for _, entry, _ in (a, b)]
    if facts[0] != facts[1]:
        return " and ".join(f"{dtype} {shape}" for shape, dtype in facts)
    size, count = a[1].size, 0
    width = size // max(int(np.prod(a[1].shape)), 1)
    with a[0].open("rb") as one, b[0].open("rb") as other:
        one.seek(a[2] + a[1].start)
        other.seek(b[2] + b[1].start)
        for start in range(0, size, CHUNK):
            length = min(CHUNK, size - start)
            left, right = (np.frombuffer(file.read(length), bit_patterns(width)) for file in (one, other))
            count += int((left != right).sum())
    return f"{count:,} of {size // width:,} values differ" if count else ""
