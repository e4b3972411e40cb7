"""Layouts: what each axis is for, the fans that follow, and the logical order."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.messages import refused
from tests.helpers.strategies import geometries

import unified_init as ui
from unified_init.law.layout import bind, parse

PROBE = ui.variance_scaling(1.0, "fan_in", "uniform")


def fans(shape: tuple[int, ...], layout: str, sizes: dict[str, int] | None) -> tuple[Any, Any]:
    """Return the fans that a law reports, without a need for either."""
    law = ui.zeros().resolve(shape, layout=layout, sizes=sizes)
    return law.fan_in, law.fan_out


@pytest.mark.parametrize(
    ("layout", "shape", "sizes", "fan_in", "fan_out", "logical"),
    [
        pytest.param("OI", (300, 100), None, 100, 300, (300, 100), id="torch Linear"),
        pytest.param("IO", (100, 300), None, 100, 300, (300, 100), id="Dense"),
        pytest.param("OIW", (64, 3, 7), None, 21, 448, (64, 3, 7), id="torch Conv1d"),
        pytest.param("OIHW", (64, 3, 7, 5), None, 105, 2240, (64, 3, 7, 5), id="torch Conv2d"),
        pytest.param("HWIO", (7, 5, 3, 64), None, 105, 2240, (64, 3, 7, 5), id="Keras Conv2D"),
        pytest.param("OIDHW", (8, 4, 2, 3, 5), None, 120, 240, (8, 4, 2, 3, 5), id="torch Conv3d"),
        pytest.param("WHIO", (5, 7, 3, 64), None, 105, 2240, (64, 3, 7, 5), id="W before H"),
        pytest.param("IOHW", (3, 64, 7, 5), None, 105, 2240, (64, 3, 7, 5), id="torch transposed"),
        pytest.param("HWOI", (7, 5, 64, 3), None, 105, 2240, (64, 3, 7, 5), id="Keras transposed"),
        pytest.param("(BO)IHW", (64, 2, 3, 5), {"B": 4}, 30, 240, (4, 16, 2, 3, 5), id="torch grouped"),
        pytest.param("(BO)IHW", (64, 2, 3, 5), {"O": 16}, 30, 240, (4, 16, 2, 3, 5), id="by outputs"),
        pytest.param("HWBO", (3, 5, 32, 2), None, None, 30, (32, 2, 3, 5), id="Keras depthwise"),
        pytest.param("(BO)I", (768, 256), {"B": 3}, 256, 256, (3, 256, 256), id="fused QKV"),
        pytest.param("I(BO)", (256, 768), {"B": 3}, 256, 256, (3, 256, 256), id="fused QKV of Flax"),
        pytest.param("BIO", (8, 16, 32), None, 16, 32, (8, 32, 16), id="experts"),
        pytest.param("IOO", (64, 4, 16), None, 64, 64, (4, 16, 64), id="Keras attention"),
        pytest.param("OOI", (4, 16, 64), None, 64, 64, (4, 16, 64), id="heads first"),
        pytest.param("IIO", (4, 16, 64), None, 64, 64, (64, 4, 16), id="Keras attention output"),
        pytest.param("BHWIO", (2, 3, 5, 8, 16), None, 120, 240, (2, 16, 8, 3, 5), id="scanned"),
        pytest.param("B(BO)I", (2, 12, 5), {"B": 2}, 5, 6, (2, 2, 6, 5), id="scanned and fused"),
        pytest.param("O", (10,), None, None, 10, (10,), id="bias"),
        pytest.param("B", (10,), None, None, None, (10,), id="scale"),
        pytest.param("W", (10,), None, None, None, (10,), id="window"),
        pytest.param("", (), None, None, None, (), id="scalar"),
    ],
)
def test_fans_and_logical_shape_follow_the_letters(  # parameters of the test
    layout: str,
    shape: tuple[int, ...],
    sizes: dict[str, int] | None,
    fan_in: int | None,
    fan_out: int | None,
    logical: tuple[int, ...],
) -> None:
    """Fans are products of I or O with the spatial axes, computed by hand for each layout."""
    assert fans(shape, layout, sizes) == (fan_in, fan_out)
    assert bind(shape, layout, sizes).logical_shape == logical


def test_without_a_layout_no_axis_has_a_role() -> None:
    """No fan is guessed from a shape, and the logical order is the storage order."""
    law = ui.zeros().resolve((300, 100))
    assert (law.fan_in, law.fan_out) == (None, None)
    geometry = bind((3, 4, 5))
    assert geometry.logical_shape == (3, 4, 5)
    assert [digit.stride for digit in geometry.digits] == [20, 5, 1]
    assert geometry.spatial() == ()


def test_parse_splits_a_layout_into_stored_axes() -> None:
    """One entry an axis, merged letters together."""
    assert parse("(BO)IHW") == ("BO", "I", "H", "W")
    assert parse("HW(IO)") == ("H", "W", "IO")
    assert parse("(O)I") == ("O", "I")
    assert parse("") == ()


def test_digits_of_a_merged_axis_divide_it_from_the_left() -> None:
    """In ``(BO)`` the copies are the outer digit, as einops reads it."""
    digits = bind((12, 5), "(BO)I", {"B": 3}).digits
    assert [(d.role, d.axis, d.size, d.divisor, d.stride) for d in digits] == [
        ("B", 0, 3, 4, 20),
        ("O", 0, 4, 1, 5),
        ("I", 1, 5, 1, 1),
    ]


@given(geometries(), st.data())
def test_permuting_shape_and_layout_together_keeps_the_law(
    geometry: tuple[tuple[int, ...], str, dict[str, int]], data: st.DataObject
) -> None:
    """A law knows roles, not the order in which axes are stored."""
    shape, layout, sizes = geometry
    axes = parse(layout)
    order = data.draw(st.permutations(range(len(axes))))
    groups = [f"({axes[i]})" if len(axes[i]) > 1 else axes[i] for i in order]
    permuted = tuple(shape[i] for i in order)
    fan = (7.0, 5.0)
    for spec, given_fans in ((ui.zeros(), None), (PROBE, fan)):
        one = spec.resolve(shape, layout=layout, sizes=sizes, fans=given_fans)
        two = spec.resolve(permuted, layout="".join(groups), sizes=sizes, fans=given_fans)
        assert one == two


@given(geometries(), st.integers(2, 9))
def test_copies_never_enter_a_fan(geometry: tuple[tuple[int, ...], str, dict[str, int]], copies: int) -> None:
    """One more ``B`` axis changes the logical size and no fan."""
    shape, layout, sizes = geometry
    assert fans((copies, *shape), f"B{layout}", sizes) == fans(shape, layout, sizes)
    more = bind((copies, *shape), f"B{layout}", sizes)
    assert math.prod(more.logical_shape) == copies * math.prod(shape)


@given(geometries())
def test_logical_strides_are_row_major_in_the_order_b_o_i_spatial(
    geometry: tuple[tuple[int, ...], str, dict[str, int]],
) -> None:
    """Digits are sorted by role, and each stride is the product of the sizes behind it."""
    bound = bind(*geometry)
    assert [d.role for d in bound.digits] == sorted((d.role for d in bound.digits), key="BOIDHW".index)
    sizes = bound.logical_shape
    assert [d.stride for d in bound.digits] == [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    assert dataclasses.replace(bound) == bound


@pytest.mark.parametrize(
    ("layout", "shape", "sizes"),
    [
        ("OX", (2, 3), None),
        ("oi", (2, 3), None),
        ("O I", (2, 3), None),
        ("(OX)", (2,), None),
        ("(O", (3,), None),
        ("O)", (3,), None),
        (")O(", (3,), None),
        ("((O)I)", (3,), None),
        ("(OI))", (3,), None),
        ("()", (), None),
        ("O()", (3,), None),
        ("()OI", (), None),
        ("O)I(B", (3,), None),
        ("(O(I)H)", (), None),
        ("OI", (2, 3, 4), None),
        ("(BO)IHW", (2, 3), None),
        (None, (2, 3), {"B": 2}),
        ("OI", (2, 3), {"O": 2}),
        ("(BO)I", (4, 3), {"B": 2, "I": 3}),
        ("(BO)I", (4, 3), {"Q": 2}),
        ("(OO)I", (4, 3), {"O": 2}),
        ("(BO)I", (4, 3), None),
        ("(BOI)", (8,), {"O": 2}),
        ("(BO)I", (10, 3), {"B": 4}),
        ("(BO)I", (10, 3), {"B": 2, "O": 4}),
        ("(BO)I", (16, 3), {"B": 2, "O": 4}),
        ("(BO)I", (4, 3), {"B": 0}),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(
    layout: str | None, shape: tuple[int, ...], sizes: dict[str, int] | None
) -> None:
    """The message says which argument, the rule, what was received and what to do."""
    with refused(ui.ArgumentValueError):
        ui.zeros().resolve(shape, layout=layout, sizes=sizes)


@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        (5, None),
        (["O", "I"], None),
        ("OI", 4),
        ("OI", [("B", 2)]),
        ("(BO)I", {"B": 2.0}),
        ("(BO)I", {"B": True}),
    ],
)
def test_a_layout_of_the_wrong_type_is_refused(layout: Any, sizes: Any) -> None:
    """A wrong type is a TypeError with the same grammar."""
    with refused(ui.ArgumentTypeError):
        ui.zeros().resolve((4, 3), layout=layout, sizes=sizes)


def test_an_empty_merged_axis_binds() -> None:
    """A length of 0 splits into the given size and 0."""
    assert bind((0, 3), "(BO)I", {"B": 4}).logical_shape == (4, 0, 3)


def test_a_spatial_letter_may_repeat() -> None:
    """As O and I may: the repeated axes keep their order, and all are positions of the kernel."""
    fans = ui.he_normal().resolve((3, 5, 16, 8), layout="WWIO")
    assert (fans.fan_in, fans.fan_out) == (3 * 5 * 16, 3 * 5 * 8)
    kernel = ui.draw(ui.he_normal(), (3, 5, 16, 8), layout="WWIO", seed=0)
    other = ui.draw(ui.he_normal(), (8, 16, 3, 5), layout="OIHW", seed=0)
    np.testing.assert_array_equal(kernel, other.transpose(2, 3, 1, 0))
