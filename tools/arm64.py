"""Compare the C runner's arm64 code with the reference, on a machine of any kind: by zig and qemu-user.

``nox -s arm64`` runs it. It needs ``qemu-aarch64-static`` (Debian's qemu-user-static) on the path, or in
``QEMU_AARCH64``.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import unified_init as ui
from unified_init.law.indexmap import index_map
from unified_init.law.layout import bind
from unified_init.stream import c_runner, host, numpy_runner
from unified_init.stream.table import compile_table

__all__ = ["cases", "main", "packed"]

SOURCE = Path(__file__).with_name("arm64_runner.c")
OPTIONS = ("-std=c11", "-O3", "-ffp-contract=off", "-static")
KEY = (1, 2**32 - 1)
LAWS = {
    "normal": ui.normal(0.0, 1.0),
    "small normal": ui.normal(0.0, 1e-6),
    "asymmetric": ui.truncated_normal(1.0, 2.0, -1.0, 3.0),
    "uniform": ui.uniform(-1.0, 2.0),
    "far uniform": ui.uniform(1e4, 1e4 + 1.0),
}
DTYPES = ("float32", "float16", "bfloat16", "float64", "complex64")
# Rows, columns, a pattern, a slice past 2**32, and a high word that changes inside a block.
PLACES: tuple[tuple[tuple[int, ...], str | None, Any], ...] = (
    ((70, 1100), "OI", None),
    ((70, 1100), "IO", (slice(3, 60, 2), slice(-900, None))),
    ((5, 7, 30, 20), "HWIO", None),
    ((2**20, 2**20), "OI", (slice(2**20 - 2, None), slice(5, 2000, 3))),
    ((2**33,), None, (slice(2**32 - 700, 2**32 + 900),)),
)


def cases() -> list[tuple[ui.Initializer, str, tuple[Any, ...]]]:
    """Return a law, a type and a place for each comparison."""
    every = [
        (law, dtype, place) for (name, law), dtype, place in itertools.product(LAWS.items(), DTYPES, PLACES)
        if dtype != "complex64" or "normal" in name
    ]  # fmt: skip
    return [*every, (LAWS["normal"], "float32", ((1 << 22,), None, None))]


def packed(law: ui.Initializer, dtype: str, place: tuple[Any, ...]) -> bytes:
    """Return a case as ``arm64_runner.c`` reads it, with the reference's values."""
    shape, layout, index = place
    element = ui.draw(ui.zeros(), 1, dtype=dtype).dtype
    table = compile_table(law.resolve(1), 64 if dtype == "float64" else 32)
    mapping = index_map(bind(shape, layout), index)
    way = host._walk(mapping, 1)  # noqa: SLF001  # the seam that is compared
    plan = c_runner._plan(way, table, element)  # noqa: SLF001
    values = np.empty(mapping.shape, element)
    host.fill(values, index=mapping, key=KEY, table=table, runner=numpy_runner.prepare)
    pattern = b"" if way.pattern is None else way.pattern.tobytes()
    rows = np.ascontiguousarray(table.rows)
    blocks = (way.rows.tobytes(), pattern, rows.tobytes())
    head = (0, values.size, *KEY, element.itemsize, *map(len, blocks))
    return b"".join((
        ctypes.string_at(ctypes.addressof(plan), ctypes.sizeof(plan)),
        np.asarray(head, np.int64).tobytes(), *blocks, values.tobytes(),
    ))  # fmt: skip


def main() -> int:
    """Compile, emulate, and return the program's status: 0 where not one bit differs."""
    emulator = os.environ.get("QEMU_AARCH64") or shutil.which("qemu-aarch64-static")
    if not emulator:
        sys.stderr.write("qemu-aarch64-static is not there: apt-get install qemu-user-static\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        data, program = Path(folder) / "cases", Path(folder) / "arm64_runner"
        data.write_bytes(b"".join(packed(*case) for case in cases()))
        compiler = (sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl")
        subprocess.run([*compiler, *OPTIONS, str(SOURCE), "-o", str(program)], check=True)  # noqa: S603
        return subprocess.run([emulator, str(program), str(data)], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
