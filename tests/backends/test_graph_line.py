"""What makes compiled draws short: uniform laws by a line, and parts of the program that are traced once."""

from __future__ import annotations

import numpy as np
import pytest

import unified_init as ui
from unified_init.backends import _numpy, graph, graph_line
from unified_init.stream import numpy_runner
from unified_init.stream.table import Table, compile_table

SHAPE = (300, 257)
# One half of rows and two, steps of one size and of two, and a law that is no line.
LINES = {
    "one half": (-1.0, 1.0),
    "two halves": (0.0, 1.0),
    "two steps": (-0.05, 0.05),
    "off center": (2.0, 5.0),
}


def table_of(low: float, high: float) -> Table:
    """Return the 32-bit table of a uniform law."""
    return compile_table(ui.uniform(low, high).resolve(SHAPE), 32)


@pytest.mark.parametrize("ends", LINES.values(), ids=LINES)
def test_a_line_gives_the_values_of_its_table(ends: tuple[float, float]) -> None:
    """At the words about each end of a row of each half, and at others."""
    edges = np.arange(1 << 11, dtype=np.uint32) << 21  # where rows begin
    random = np.random.default_rng(0).integers(2**32, size=1 << 16, dtype=np.uint32)
    words = np.concatenate([edges, edges - np.uint32(1), edges + np.uint32(256), random])
    table = table_of(*ends)
    args = graph.line_arguments(table)
    assert args[0] == ()
    values = graph_line.line_values(_numpy.OPS, args, words.view(np.int32))
    assert values.tobytes() == numpy_runner.values32(table, words).tobytes()


def test_a_law_that_is_no_line_keeps_its_table() -> None:
    """Of which there are uniform ones, too: many floats to a step."""
    narrow = table_of(1.0, 1.0001)
    assert graph_line.line_numbers(narrow) == ()
    assert len(graph.line_arguments(narrow)[0]) == 2  # base and slope


@pytest.mark.needs("jax")
def test_a_uniform_law_looks_nothing_up_in_a_program_of_jax() -> None:
    """On CPUs; on accelerators one compilation is for every law of a shape."""
    from unittest import mock

    import jax

    def text(spec: ui.Initializer) -> str:
        return jax.jit(lambda key: ui.draw(spec, SHAPE, seed=key)).lower(jax.random.key(0)).as_text()

    assert "gather" in text(ui.normal(0.0, 1.0))
    assert "gather" not in text(ui.uniform(-1.0, 1.0))
    with mock.patch.object(jax, "default_backend", return_value="gpu"):
        assert "gather" in text(ui.uniform(-1.0, 1.0))


@pytest.mark.needs("tensorflow")
def test_rounds_and_reflections_are_traced_once_in_tensorflow() -> None:
    """A program of many draws has a few operations for each, and the shapes are known."""
    import tensorflow as tf

    def operations(spec: ui.Initializer, count: int) -> int:
        def program() -> list[tf.Tensor]:
            tensors = [
                ui.draw(spec, (64 + i, 64), seed=0, name=f"w{i % 2}", backend="tensorflow")
                for i in range(count)
            ]
            assert [tensor.shape[0] for tensor in tensors] == [64 + i for i in range(count)]
            return tensors

        traced = tf.function(program, autograph=False).get_concrete_function()
        return len(traced.graph.get_operations())

    for spec in (ui.normal(0.0, 1.0), ui.orthogonal()):
        assert operations(spec, 9) - operations(spec, 8) < 20
