"""Triton's kernels: their bits by its interpreter, and their size as compiled for GPUs that are not here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.drawing.eager import program_of
from unified_init.law.indexmap import index_map
from unified_init.law.layout import bind
from unified_init.parity.variants import DEFAULTS
from unified_init.stream.walk import pairs_of

ROOT = Path(__file__).parents[2]
THREAD_VALUES = 8  # 1024 positions of a block by 4 warps of 32 threads; 4 by those of 64
INTS = ("k0", "k1", "tail_shift", "tail_or", "bias", "upper_rows", "upper_xor", "upper_add", "slope_shift")
LONGS = ("size", "offset", *(f"n{i}" for i in range(3)), *(f"s{i}" for i in range(4)))


@pytest.mark.needs("torch", "triton")
def test_a_launch_has_the_bits_of_every_other_draw() -> None:
    """Six types, four laws, eight places (layouts, slices, past 2**32), new tensors and in place."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.triton_launches"], capture_output=True, text=True, check=False,
        cwd=ROOT, env=os.environ | {"TRITON_INTERPRET": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    count, wrong = json.loads(done.stdout.splitlines()[-1])
    assert wrong == []
    assert count == (2 * 6 + 2 * 4) * 8


def machine_code(target: Any, place: dict[str, Any]) -> str:
    """Return the assembly of the float32 kernel for a target."""
    import triton
    from triton.compiler import ASTSource

    from unified_init.backends import triton_kernels

    signature = {"out": "*fp32", "table": "*i32", "unit": "fp32", **dict.fromkeys(INTS, "i32")}
    signature |= dict.fromkeys(LONGS, "i64")
    constants = {"form": "float32", "block": 1024, **place}
    signature |= dict.fromkeys(constants, "constexpr")
    source = ASTSource(triton_kernels.fill32, signature=signature, constexprs=constants)
    built = triton.compile(source, target=target, options={"num_warps": 4, "enable_fp_fusion": False})
    return str(built.asm["ptx" if "ptx" in built.asm else "amdgcn"])


def count_instructions(code: str) -> int:
    """Return the number of instructions of an assembly text: lines that are no label, directive or comment."""
    lines = (line.strip() for line in code.splitlines())
    return sum(bool(line) and not line.startswith((".", ";", "//", "{", "}", "$", "@!")) and not line.endswith(":")
               for line in lines)  # fmt: skip


@pytest.mark.needs("torch")
def test_triton_is_not_imported_beside_a_tensorflow_that_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end the process; the graph program draws then."""
    from unified_init.backends import triton_fill

    kernels: Any = object()
    monkeypatch.setattr(triton_fill, "_loaded", lambda: kernels)
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    assert triton_fill._kernels() is None
    monkeypatch.setitem(sys.modules, "triton", sys)
    assert triton_fill._kernels() is kernels
    monkeypatch.delitem(sys.modules, "triton")
    monkeypatch.delitem(sys.modules, "tensorflow")
    assert triton_fill._kernels() is kernels


@pytest.mark.needs("torch", "triton")
@pytest.mark.parametrize(
    ("backend", "arch", "warp", "limit"),
    [("cuda", 80, 32, 125), ("cuda", 90, 32, 125), ("hip", "gfx942", 64, 125)],
    ids=["sm_80", "sm_90", "gfx942"],
)
def test_a_value_costs_so_many_instructions(backend: str, arch: Any, warp: int, limit: int) -> None:
    """Twenty rounds of three instructions, the key schedule, a look-up and a store: held for three GPUs."""
    from triton.backends.compiler import GPUTarget

    code = machine_code(GPUTarget(backend, arch, warp), {"rank": 1, "wide": False})
    per_value = count_instructions(code) / (THREAD_VALUES * 32 / warp)
    assert 75 < per_value < limit


@pytest.mark.parametrize(
    ("shape", "layout", "index"),
    [
        ((70, 110), "OI", None),
        ((70, 110), "IO", (slice(3, 60, 2), slice(-90, None))),
        ((5, 7, 30, 20), "HWIO", (slice(None), slice(1, 6, 3))),
        ((12, 5), "(BO)I", None),
        ((6,), None, None),
        ((), None, None),
    ],
)
@pytest.mark.parametrize("parts", [1, 2])
def test_pairs_list_the_indices_of_the_walk(
    shape: tuple[int, ...], layout: str | None, index: Any, parts: int
) -> None:
    """Offset and strides give each flat position its logical index."""
    mapping = index_map(bind(shape, layout, {"B": 3} if layout == "(BO)I" else None), index)
    found = pairs_of(mapping, parts=parts)
    assert found is not None
    offset, pairs = found
    logical = np.asarray([offset])
    for length, stride in pairs:
        logical = (logical[:, None] + np.arange(length) * stride).reshape(-1)
    from unified_init.stream.walk import walk

    np.testing.assert_array_equal(logical, walk(mapping, parts=parts).logical(0, mapping.size * parts))


def test_a_slice_of_merged_axes_has_no_pairs() -> None:
    """Its indices are an array; the graph program draws it."""
    options = {**DEFAULTS, "layout": "(BO)I", "sizes": {"B": 3}, "index": (slice(1, 9),)}
    assert pairs_of(program_of(ui.normal(0.0, 1.0), (12, 5), **options).index) is None
