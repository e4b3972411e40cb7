"""Regions of a write: each is what the whole has there, at its own cost."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.inventory.parts import Part
from unified_init.law.layout import bind
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.program import Program, make_program
from unified_init.walkers.writes import Drawn, Target, Write

NORMAL, ROOT = ui.normal(0.0, 1.0), (3, 5)


def part_of(label: str, length: int, box: Any, **more: Any) -> Part:
    """Return a part of the tensor "w"."""
    return Part(label=label, length=length, path="w", box=box, **more)


def program_of(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None, dtype: str, name: str
) -> Program:
    """Return the program of a tensor."""
    geometry = bind(shape, layout, {"B": 2} if layout and "(" in layout else None)
    return make_program(spec.law(geometry, None), geometry, index=None, name=name, dtype=DTYPES[dtype])


def parted(shape: tuple[int, ...], parts: list[Part], layout: str, dtype: str, **more: Any) -> Write:
    """Return a write of parts, each drawn under its label."""
    drawn = []
    for part in parts:
        lengths = tuple(np.zeros(part.view or shape)[tuple(slice(*ends) for ends in part.box or ())].shape)
        if part.view is not None:  # (heads, parts, head size, inputs): rows of one part, and inputs
            lengths = (int(np.prod(lengths[:-1])), lengths[-1])
        drawn.append(Drawn(program_of(NORMAL, lengths, layout, dtype, part.label), (Target((), part),)))
    return Write("w", shape, dtype, ROOT, tuple(drawn), **more)


def joint(shape: tuple[int, ...], spec: ui.Initializer, dtype: str) -> Write:
    """Return a write of two parts that are drawn as one, in the other order, one of them shifted."""
    half = shape[0] // 2
    parts = [
        part_of("f", half, ((half, shape[0]), (0, shape[1])), shift=1.0),
        part_of("i", half, ((0, half), (0, shape[1]))),
    ]
    targets = (Target((slice(0, half),), parts[0]), Target((slice(half, shape[0]),), parts[1]))
    return Write("w", shape, dtype, ROOT, (Drawn(program_of(spec, shape, "OI", dtype, "w"), targets),))


def writes() -> dict[str, Write]:
    """Return a write of every kind."""
    by_head = [part_of(label, 6, ((0, 3), (index, index + 1), (0, 2), (0, 10)), view=(3, 3, 2, 10))
               for index, label in enumerate("qkv")]  # fmt: skip
    interleaved = [part_of(label, 9, ((0, 9), (index, index + 1), (0, 10)), view=(9, 2, 10))
                   for index, label in enumerate(("gate", "up"))]  # fmt: skip
    whole = (Target(()),)

    def plain(
        spec: ui.Initializer, shape: tuple[int, ...], layout: str | None, dtype: str = "float32", **more: Any
    ) -> Write:
        return Write(
            "w", shape, dtype, ROOT, (Drawn(program_of(spec, shape, layout, dtype, "w"), whole),), **more
        )

    return {
        "plain": plain(NORMAL, (18, 10), "OI"),
        "narrow": plain(NORMAL, (18, 10), "IO", "bfloat16"),
        "merged": plain(ui.he_normal(), (18, 10), "(BO)I"),
        "convolution": plain(ui.he_normal(), (6, 5, 3, 4), "OIHW", "float64"),
        "padding": plain(NORMAL, (18, 10), "OI", zero_row=7),
        "constant": plain(ui.constant(0.25), (18, 10), "OI"),
        "array": plain(ui.constant([float(value) for value in range(10)]), (18, 10), "OI"),
        "identity": plain(ui.identity(), (18, 10), "OI"),
        "dirac": plain(ui.dirac(), (6, 5, 3, 4), "OIHW"),
        "hadamard": plain(ui.hadamard(), (18, 10), "IO"),
        "bilinear": plain(ui.bilinear_upsampling(), (6, 5, 3, 4), "OIHW"),
        "orthogonal": plain(ui.orthogonal(), (18, 10), "OI"),
        "sparse": plain(ui.sparse(0.3), (18, 10), "OI"),
        "scalar": plain(NORMAL, (), None),
        "by head": parted((18, 10), by_head, "OI", "float32"),
        "interleaved": parted((18, 10), interleaved, "OI", "float16"),
        "not covered": parted((18, 10), by_head[:2], "OI", "float32", covers=False),
        "joint": joint((18, 10), NORMAL, "bfloat16"),
        "joint orthogonal": joint((18, 10), ui.orthogonal(), "float32"),
        "another shape": Write("w", (5, 4, 9), "float32", ROOT, (Drawn(program_of(NORMAL, (20, 9), "IO", "float32", "w"), whole),)),
        "whole numbers": Write("w", (18, 10), "int32", None, (Drawn(None, whole, 3.0),)),
        "values": Write("w", (18, 10), "float32", None, (Drawn(None, whole, np.arange(180.0).reshape(18, 10)),)),
    }  # fmt: skip


@pytest.mark.parametrize("kind", writes())
def test_a_region_is_what_the_whole_has_there(kind: str) -> None:
    """200 boxes of a write of every kind, empty ones too; what is not covered stays."""
    write, rng = writes()[kind], np.random.default_rng(0)
    current = np.full(
        write.shape, 9, np.dtype(DTYPES[write.dtype].numpy if write.dtype in DTYPES else write.dtype)
    )
    whole = write.array(current)
    wrong = []
    for _ in range(200):
        ends = [sorted(rng.integers(0, length + 1, 2).tolist()) for length in write.shape]
        start, stop = tuple(low for low, _ in ends), tuple(high for _, high in ends)
        expected = whole[tuple(slice(*pair) for pair in ends)]
        out = np.full(expected.shape, 9, whole.dtype)
        write.region(start, stop, out)
        strided = np.full((*expected.shape, 2), 9, whole.dtype)[..., 0]
        write.region(start, stop, strided)
        if out.tobytes() != expected.tobytes() or strided.tobytes() != expected.tobytes():
            wrong.append((start, stop))
    assert wrong == []
    assert (
        kind in {"constant", "whole numbers"}
        or whole.size == 1
        or len(np.unique(whole.astype(np.float64))) > 1
    )


def test_a_region_costs_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corner of 2**62 values, of any law but an orthogonal or sparse one; none is drawn twice."""
    shape = (2**31, 2**31)
    for spec in (NORMAL, ui.zeros(), ui.identity(), ui.dirac(), ui.hadamard()):
        layout = "OW" if spec == ui.dirac() else "OI"
        write = Write(
            "w",
            shape,
            "float32",
            ROOT,
            (Drawn(program_of(spec, shape, layout, "float32", "w"), (Target(()),)),),
        )
        assert write.region((2**31 - 3, 2**31 - 4), shape).shape == (3, 4)
    drawn: list[int] = []
    original = Write._alone

    def counted(write: Write, *args: Any) -> Any:
        values = original(write, *args)
        drawn.append(-1 if values is None else values.size)
        return values

    monkeypatch.setattr(Write, "_alone", counted)
    write = writes()["by head"]
    for first, row in itertools.product(range(0, 18, 5), range(0, 10, 3)):
        write.region((first, row), (min(first + 5, 18), min(row + 3, 10)))
    assert sum(drawn) == 180
