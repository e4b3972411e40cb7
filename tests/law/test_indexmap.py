"""Index maps: a slice is drawn at the cost of the slice, and is the slice of the whole."""

from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.messages import refused
from tests.helpers.parts import part_of
from tests.helpers.runners import COMPILED, prepare_of
from tests.helpers.strategies import geometries, indices

import unified_init as ui
from unified_init.law.indexmap import index_map
from unified_init.law.layout import bind, parse
from unified_init.stream import host, numpy_runner, threefry
from unified_init.stream.table import compile_table
from unified_init.stream.walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

Geometry = tuple[tuple[int, ...], str, dict[str, int]]
NORMAL = ui.normal(0.25, 2.0)
LAW = NORMAL.resolve(1)


def brute_force(shape: tuple[int, ...], layout: str, sizes: dict[str, int]) -> NDArray[np.int64]:
    """Return the logical index of every stored position: number the logical tensor, then store it."""
    digits: list[tuple[str, int]] = []
    for length, group in zip(shape, parse(layout), strict=True):
        digits += [(role, length if len(group) == 1 else sizes[role]) for role in group]
    order = sorted(range(len(digits)), key=lambda i: "BOIDHW".index(digits[i][0]))
    logical = np.arange(math.prod(shape)).reshape([digits[i][1] for i in order])
    return logical.transpose([order.index(i) for i in range(len(digits))]).reshape(shape)


def direct(logical: list[int], *, seed: int, name: str) -> NDArray[np.float32]:
    """Return the values at logical indices, from the block function on Python's integers."""
    key = threefry.named_key((seed >> 32, seed % 2**32), name)
    blocks = [threefry.block_of_ints(key, (i >> 32, i % 2**32)) for i in logical]
    words = np.array([x0 ^ x1 for x0, x1 in blocks], dtype=np.uint32)
    return numpy_runner.values32(compile_table(LAW, 32), words)


@given(geometries(), st.data())
def test_the_walk_goes_through_the_logical_indices(geometry: Geometry, data: st.DataObject) -> None:
    """Every position of every slice has the index that numbering the logical tensor gives it."""
    index = data.draw(indices(geometry[0]))
    placed = index_map(bind(*geometry), index)
    expected = part_of(brute_force(*geometry), index)
    assert placed.shape == expected.shape
    assert placed.size == expected.size
    assert placed.logical_size == math.prod(geometry[0])
    np.testing.assert_array_equal(walk(placed).logical(0, expected.size), expected.reshape(-1))


@pytest.mark.parametrize(
    ("shape", "layout", "sizes"),
    [
        ((50, 1500), "IO", {}),
        ((1500, 50), "IO", {}),
        ((3, 5, 40, 30), "HWIO", {}),
        ((60, 40, 3), "(BO)IW", {"B": 4, "O": 15}),
        ((40, 60, 3), "I(BO)W", {"B": 4, "O": 15}),
        ((7, 2400), "I(OB)", {"B": 4, "O": 600}),
        ((2400, 7), "(OI)O", {"I": 4, "O": 600}),
        ((4, 5, 6, 7, 8), "BHWIO", {}),
    ],
)
def test_any_block_of_the_walk_is_that_part_of_it(
    shape: tuple[int, ...], layout: str, sizes: dict[str, int]
) -> None:
    """Where a block starts and stops never matters; neither do the parts of a complex number."""
    size = math.prod(shape)
    expected = brute_force(shape, layout, sizes).reshape(-1)
    placed = index_map(bind(shape, layout, sizes))
    for start, stop in ((0, size), (0, 1), (size - 1, size), (1023, 1025), (777, 777 + 1700), (5, size - 3)):
        np.testing.assert_array_equal(walk(placed).logical(start, stop), expected[start:stop])
    pairs = np.stack([2 * expected, 2 * expected + 1], axis=1).reshape(-1)
    np.testing.assert_array_equal(walk(placed, parts=2).logical(3, size), pairs[3:size])


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((2000, 500), "OI"), ((2000, 500), "IO"), ((300_000, 3), "IO"), ((3, 3, 256, 500), "HWIO")],
)
def test_the_walk_is_small_beside_the_tensor(shape: tuple[int, ...], layout: str) -> None:
    """No array of the tensor's size is made to find its logical indices."""
    placed = index_map(bind(shape, layout))
    tracemalloc.start()
    walk(placed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * 4 * math.prod(shape)


@settings(deadline=None)
@given(
    geometries(), st.data(), st.sampled_from(["float32", "float64", "bfloat16", "complex64", "complex128"])
)
def test_a_drawn_slice_is_the_slice_of_the_whole(geometry: Geometry, data: st.DataObject, dtype: str) -> None:
    """``draw(index=...)`` equals ``draw()[index]`` bit for bit."""
    shape, layout, sizes = geometry
    index = data.draw(indices(shape))
    options: dict[str, Any] = {"seed": 5, "name": "w", "layout": layout, "sizes": sizes, "dtype": dtype}
    spec = ui.normal(0.0, 0.5)
    whole = ui.draw(spec, shape, **options)
    part = ui.draw(spec, shape, index=index, **options)
    expected = part_of(whole, index)
    assert part.shape == expected.shape
    assert part.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("spec", "shape", "layout", "sizes"),
    [
        (ui.he_uniform(), (24, 6, 3, 5), "(BO)IHW", {"B": 4}),
        (ui.icnr(ui.he_normal(), 2), (24, 6, 3, 5), "OIHW", None),
        (ui.icnr(ui.he_normal(), 2), (48, 6, 3, 5), "(BO)IHW", {"B": 2}),
        (ui.icnr(ui.he_normal(), 3), (3, 6, 18), "WIO", None),
        (ui.orthogonal(), (24, 6, 3, 5), "OIHW", None),
        (ui.orthogonal(), (24, 10, 2, 3), "(BO)IHW", {"B": 2}),
        (ui.delta_orthogonal(), (3, 5, 6, 24), "HWIO", None),
        (ui.sparse(0.3), (24, 10, 2, 3), "IOHW", None),
        (ui.dirac(), (24, 6, 3, 5), "OIHW", None),
        (ui.constant(range(5)), (24, 6, 3, 5), "OIHW", None),
        (ui.zeros(), (24, 6, 3, 5), None, None),
    ],
)
def test_every_kind_of_law_draws_slices(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None, sizes: dict[str, int] | None
) -> None:
    """Steps, ints, negatives and missing entries mean what they mean in NumPy, for each law."""
    options: dict[str, Any] = {"seed": 2**63, "name": "w", "layout": layout, "sizes": sizes}
    whole = ui.draw(spec, shape, **options)
    for index in every_kind_of_index(shape):
        part = ui.draw(spec, shape, index=index, **options)
        expected = part_of(whole, index)
        assert part.shape == expected.shape
        assert part.tobytes() == expected.tobytes()


def every_kind_of_index(shape: tuple[int, ...]) -> list[Any]:
    """Return indices into a shape of three axes or more."""
    return [
        (),
        -1,
        slice(1, None, 2),
        (slice(-3, None), 0),
        (slice(None), slice(1, -1), -1),
        (0, 1, slice(2, 2)),
        tuple(length - 1 for length in shape),
        (np.int64(1), slice(np.int64(0), np.int64(2))),
        ([slice(-2, None), slice(0, 1), slice(0, 1)],),
        ([slice(1, None, 2), slice(0, 2)], [slice(2, 3), slice(0, 1)], 1),
        (0, [], slice(0, 2)),
        ([slice(1, 2), slice(2, 3)], slice(1, None), [slice(0, 1)]),
    ]


def test_parts_of_a_long_axis_take_no_list_of_its_positions() -> None:
    """Parts that have a common length are walked part by part, in 64 bits too."""
    side = 2**20
    index = ([slice(side - 8192, side), slice(4096, 8192)],)
    placed = index_map(bind((side,)), index)
    assert walk(placed).rows.size == 3
    assert walk(placed).pattern is None
    whole = ui.draw(NORMAL, (side, side), seed=9, index=(slice(side - 1, side),))
    parts = ui.draw(NORMAL, (side, side), seed=9, index=(slice(side - 1, side), *index))
    assert parts.tobytes() == part_of(whole, (slice(1), *index)).tobytes()


def test_boxes_of_one_shape_differ_by_their_offset_only() -> None:
    """So that what is made for one shard serves the others."""
    geometry = bind((60, 40), "OI")
    maps = [index_map(geometry, (slice(i, i + 20), slice(j, j + 10))) for i in (0, 20, 40) for j in (0, 30)]
    assert len({placed.axes for placed in maps}) == 1
    assert len({placed.offset for placed in maps}) == len(maps)


def test_logical_indices_pass_32_bits() -> None:
    """The last values of 2**40 are drawn without the others, from the words at their indices."""
    side = 2**20
    logical = [(side - 1) * side + j for j in range(side - 5, side)]
    index = (side - 1, slice(side - 5, side))
    part = ui.draw(NORMAL, (side, side), seed=9, name="w", index=index)
    np.testing.assert_array_equal(part, direct(logical, seed=9, name="w"))
    swapped = ui.draw(NORMAL, (side, side), seed=9, name="w", layout="IO", index=(index[1], index[0]))
    np.testing.assert_array_equal(swapped, part)


def test_logical_indices_pass_32_bits_on_merged_axes() -> None:
    """Mixed radices are computed in 64 bits, also where a slice starts far in."""
    copies, outputs, inputs = 2**20, 2**15, 2**10
    shape = (inputs, outputs * copies)  # outputs outside, copies inside
    start = 12345 * copies + 2**19
    part = ui.draw(
        NORMAL, shape, seed=9, layout="I(OB)", sizes={"B": copies},
        index=(slice(3, 1024, 500), slice(start, start + 2)),
    )  # fmt: skip
    logical = [(2**19 + b) * outputs * inputs + 12345 * inputs + i for i in (3, 503, 1003) for b in (0, 1)]
    np.testing.assert_array_equal(part.reshape(-1), direct(logical, seed=9, name=""))


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "complex64", "complex128"])
def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """One thread, three threads and more threads than blocks write the same tensor."""
    spec, drawn = ui.normal(0.0, 1.0), []
    for threads in ("1", "3", "64"):
        monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", threads)
        drawn.append(ui.draw(spec, (333, 1001), layout="IO", seed=3, dtype=dtype).tobytes())
    assert drawn[0] == drawn[1] == drawn[2]


def test_the_thread_count_is_the_setting_or_what_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A setting that is no positive number is none."""
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "7")
    assert host.thread_count() == 7
    monkeypatch.delenv("UNIFIED_INIT_NUM_THREADS")
    usable = host.thread_count()
    assert usable >= 1
    for wrong in ("0", "-2", "many", ""):
        monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", wrong)
        assert host.thread_count() == usable


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize(
    "dtype", ["float32", "bfloat16", "float16", "float8_e5m2", "float64", "complex64", "complex128"]
)
@pytest.mark.parametrize(
    "spec", [NORMAL, ui.truncated_normal(1, 2, -1, 3), ui.uniform(-1, 2)], ids=["normal", "cut", "uniform"]
)
def test_both_runners_draw_the_same_bits(name: str, spec: ui.Initializer, dtype: str) -> None:
    """The C runner writes what the reference writes, with each instruction set."""
    if dtype.startswith("complex"):
        spec = ui.normal(0.0, 0.5)
    law = spec.resolve(1)
    table = compile_table(law, 64 if dtype in {"float64", "complex128"} else 32)
    dtype_ = ui.draw(ui.zeros(), 1, dtype=dtype).dtype
    for shape, layout, index in (
        ((70, 1100), "OI", None),
        ((70, 1100), "IO", (slice(3, 60, 2), slice(-900, None))),
        ((5, 7, 30, 20), "HWIO", None),
        ((2**20, 2**20), "OI", (slice(2**20 - 2, None), slice(5, 2000, 3))),
        ((2**33,), None, (slice(2**32 - 700, 2**32 + 900),)),  # the high word changes in a block
    ):
        placed = index_map(bind(shape, layout), index)
        pair = [np.empty(placed.shape, dtype=dtype_) for _ in range(2)]
        for out, runner in zip(pair, (numpy_runner.prepare, prepare_of(name)), strict=True):
            host.fill(out, index=placed, key=(1, 2**32 - 1), table=table, runner=runner)
        assert pair[0].tobytes() == pair[1].tobytes()


@pytest.mark.parametrize(
    "index",
    [
        (0, 0, 0),
        3,
        -4,
        (0, 4),
        slice(0, 4),
        (0, slice(-5, None)),
        ([slice(0, 2), slice(0, 4)],),
        ([slice(0, 2, 0)],),
        slice(None, None, -1),
        slice(None, None, 0),
    ],
)
def test_an_index_out_of_range_is_refused(index: Any) -> None:
    """Nothing is clipped: a slice past the end is an error too."""
    with refused(ui.ArgumentValueError):
        ui.draw(NORMAL, (3, 4), seed=0, index=index)


@pytest.mark.parametrize(
    "index",
    [
        (0, "a"),
        1.0,
        True,
        ...,
        [0, 1],
        [slice(0, 2)],
        ([slice(0, 2), 1],),
        ([[slice(0, 2)]],),
        ((slice(0, 2), slice(2, 3)),),
        ([slice(0.0, 1)],),
        np.arange(2),
        slice(1.5, None),
        (0, slice(None, "b")),
        slice(None, None, np.bool_(1)),
    ],
    ids=str,
)
def test_an_index_of_the_wrong_type_is_refused(index: Any) -> None:
    """Only ints, slices and lists of slices are indices: no arrays, no booleans, no ellipsis."""
    with refused(ui.ArgumentTypeError):
        ui.draw(NORMAL, (3, 4), seed=0, index=index)


def test_a_walk_of_another_length_never_reaches_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would read and write past its arrays."""
    placed = index_map(bind((30, 20), "OI"))
    monkeypatch.setattr(host, "walk", lambda index, parts: walk(index_map(bind((30, 21), "OI")), parts=parts))  # noqa: ARG005
    with refused(AssertionError):
        host.fill(np.empty((30, 20), np.float32), index=placed, key=(0, 1), table=compile_table(LAW, 32))
