"""Lists of constants, which TensorFlow fills into a shape in another way than ``ui.constant``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

SHAPES = [(2, 2), (4,), (2, 3), (3, 2, 2)]
V1, V2 = "tf.compat.v1.constant_initializer", "tf.constant_initializer"


def test_a_list_fills_a_shape_row_by_row() -> None:
    """Whatever the shape of the values; one value is that of every entry."""
    for values in ([1.0, 2.0, 3.0, 4.0], [[1.0, 2.0], [3.0, 4.0]], np.arange(1.0, 5.0)):
        spec = ui.from_native(V2, values)
        assert ui.draw(spec, (2, 2)).tolist() == [[1, 2], [3, 4]]
        assert ui.draw(spec, (4, 1)).tolist() == [[1], [2], [3], [4]]
    assert ui.draw(ui.from_native(V2, [3.0]), (2, 2)).tolist() == [[3, 3], [3, 3]]
    assert ui.from_native(V2, 3.0) == ui.constant(3.0)
    assert ui.draw(ui.constant([1.0, 2.0]), (2, 2)).tolist() == [[1, 2], [1, 2]]


def test_the_last_value_of_a_shorter_list_repeats_in_version_1() -> None:
    """In version 2 such a list is refused."""
    spec = ui.from_native(V1, [1.0, 2.0])
    assert ui.draw(spec, (2, 2)).tolist() == [[1, 2], [2, 2]]
    assert ui.draw(spec, (2, 2), index=(1,)).tolist() == [2, 2]
    assert ui.draw(spec * 2, (3,)).tolist() == [2, 4, 4]
    for name, shape in ((V2, (2, 2)), (V1, (1,)), (V2, (0,))):
        with refused(ui.ArgumentValueError):
            ui.from_native(name, [1.0, 2.0]).resolve(shape)


def test_a_list_of_constants_is_a_spec() -> None:
    """Its repr, its JSON and its hash are those of any other; a layout changes nothing."""
    spec = ui.Initializer(ui.Listed(((1, 2), (3, 4j)), pads=True))  # type: ignore[arg-type]  # nested
    assert spec.distribution == ui.Listed((1.0, 2.0, 3.0, 4j), pads=True)
    assert eval(repr(spec), {"Initializer": ui.Initializer, "Listed": ui.Listed}) == spec  # noqa: S307
    assert ui.from_json(ui.to_json(spec)) == spec
    assert hash(spec) == hash(ui.from_json(ui.to_json(spec)))
    drawn = ui.draw(spec, (3, 2), layout="IO", dtype="complex64")
    np.testing.assert_array_equal(drawn, np.array([[1, 2], [3, 4j], [4j, 4j]], np.complex64))


@pytest.mark.parametrize("values", [[], "ab", [1.0, None], [float("nan")]])
def test_what_is_no_list_of_numbers_is_refused(values: Any) -> None:
    """At least one finite number is needed."""
    with refused(ui.UnifiedInitError):
        ui.Listed(values)


def test_a_list_that_holds_itself_is_refused() -> None:
    """As a constant is."""
    values: Any = [1.0]
    values.append(values)
    with refused(ui.ArgumentValueError):
        ui.Listed(values)


def _theirs(make: Any, shape: tuple[int, ...]) -> Any:
    try:
        return np.asarray(make(shape)).tolist()
    except (TypeError, ValueError):
        return "refused"


def _ours(spec: ui.Initializer, shape: tuple[int, ...]) -> Any:
    try:
        return ui.draw(spec, shape).tolist()
    except ui.ArgumentValueError:
        return "refused"


VALUES = [
    3.0,
    [3.0],
    [1.0, 2.0],
    [1.0, 2.0, 3.0, 4.0],
    [[1.0, 2.0], [3.0, 4.0]],
    [[1.0], [2.0]],
    list(range(6)),
    np.arange(12.0).reshape(4, 3),
]


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_tensorflow_fills_the_same(value: Any, shape: tuple[int, ...]) -> None:
    """Version 2 eagerly; version 1 in a graph, whose eager mode refuses a list that is too short."""
    import tensorflow as tf

    def in_graph(shape: tuple[int, ...]) -> Any:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            make = tf.compat.v1.constant_initializer(value, dtype=tf.float32)
            return session.run(make(shape))

    second = tf.constant_initializer(value)
    theirs = _theirs(lambda shape: second(shape, tf.float32), shape)
    assert _ours(ui.from_native(V2, value), shape) == theirs
    assert _ours(ui.from_native(second), shape) == theirs
    graph = _theirs(in_graph, shape)
    first = tf.compat.v1.constant_initializer(value)
    assert _ours(ui.from_native(V1, value), shape) == graph
    assert _ours(ui.from_native(first), shape) == graph
    assert _theirs(lambda shape: first(shape, tf.float32), shape) in (graph, "refused")
