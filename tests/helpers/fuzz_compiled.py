"""Requests at random inside compiled programs: several draws of one program, with other arithmetic around them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.helpers import direct, fuzz

import unified_init as ui
from unified_init.backends import registry
from unified_init.testing.bits import differing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PROGRAM", "WAYS", "faults"]

WAYS = ("jax:jit", "tensorflow:function", "tensorflow:xla", "torch:compile")
PROGRAM = 10  # draws of one program

# tensors of any framework


def _compiled(way: str, program: Callable[[], Any]) -> Any:
    """Return what a program gives, compiled."""
    match way:
        case "jax:jit":
            import jax

            return jax.jit(program)()
        case "torch:compile":
            import torch

            torch.compiler.reset()
            return torch.compile(program, fullgraph=True)()
        case _:
            import tensorflow as tf

            return tf.function(program, jit_compile=way.endswith("xla"), autograph=False)()


def _program(items: Sequence[fuzz.Request], backend: str) -> Callable[[], Any]:
    def program() -> Any:
        drawn = [
            ui.draw(item.spec, item.shape, seed=item.seed, backend=backend, **item.options) for item in items
        ]
        scaled = [tensor * 2 for tensor in drawn if "float32" in str(tensor.dtype)]
        return drawn, scaled

    return program


def _fault(item: fuzz.Request, tensor: Any, scaled: Any) -> str | None:
    root = item.seed >> 32, item.seed & 0xFFFFFFFF
    expected = direct.draw(item.spec, item.shape, root=root, **item.options)
    backend: Any = registry.get(item.way.partition(":")[0])
    drawn = np.ascontiguousarray(backend.to_numpy(tensor))
    if isinstance(item.spec.distribution, ui.Orthogonal | ui.DeltaOrthogonal) and "torch" not in item.way:
        same = drawn.shape == expected.shape and drawn.dtype == expected.dtype
        return (
            None
            if same and fuzz.is_close(drawn, expected)
            else "an orthogonal draw differs by more than 1e-5"
        )
    count = differing(np.ascontiguousarray(expected), drawn)
    if count:
        return f"{count} of {expected.size} values differ"
    if scaled is not None and differing(drawn * 2, np.ascontiguousarray(backend.to_numpy(scaled))):
        return "what is computed from the draw is not computed from its values"
    return None


def _requests(seed: int, first: int, way: str) -> list[fuzz.Request]:
    """Return the requests of one program that both sides accept; those refused belong to the eager fuzzer."""
    eager = "jax" if way.startswith("jax") else "numpy"  # without 64-bit types where JAX has none
    items = []
    for number in range(first, first + PROGRAM):
        item = dataclasses.replace(fuzz.request(seed, number * fuzz.SHARED, (eager,)), way=way, kind="int")
        try:
            direct.draw(item.spec, item.shape, root=(0, 0), **item.options)
        except ui.UnifiedInitError:
            continue
        items.append(item)
    return items


def faults(seed: int, count: int, ways: Sequence[str] = WAYS, *, most: int = 10) -> tuple[list[str], int]:
    """Return a line for each of ``count`` requests that goes wrong in a program, and how many were drawn."""
    lines: list[str] = []
    drawn_in_all = 0
    for turn, first in enumerate(range(0, count, PROGRAM)):
        way = ways[turn % len(ways)]
        items = _requests(seed, first, way)
        again = f"tests.helpers.fuzz_compiled.faults({seed}, {count}, {tuple(ways)}), program {turn}"
        try:
            drawn, scaled = _compiled(way, _program(items, way.partition(":")[0]))
        except Exception as error:  # noqa: BLE001  # any error is what the fuzzer looks for
            lines.append(
                f"{type(error).__name__}: {str(error)[:200]}: {again}: {' | '.join(map(str, items))}"
            )
        else:
            drawn_in_all += len(items)
            rest = iter(scaled)
            for item, tensor in zip(items, drawn, strict=True):
                text = _fault(item, tensor, next(rest) if "float32" in str(tensor.dtype) else None)
                if text:
                    lines.append(f"{text}: {again}: {item}")
        if len(lines) >= most:
            break
    return lines, drawn_in_all
