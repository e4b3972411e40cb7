"""Filling in place: any memory order, and on any error the tensor is left as it was."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.parts import part_of
from tests.helpers.strategies import skewed

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SPECS = [
    ui.he_normal(),
    ui.uniform(-1, 2),
    ui.orthogonal(),
    ui.sparse(0.25),
    ui.constant([1, 2, 3, 4]),
    ui.zeros(),
]
OPTIONS: dict[str, Any] = {"seed": 11, "name": "fc/kernel", "layout": "IO"}
SHAPE = (6, 4)
PARTS = ([slice(4, 6), slice(0, 1)], [slice(1, 2), slice(3, 4)])


def contiguous() -> NDArray[Any]:
    """Return an array in row-major order."""
    return np.full(SHAPE, 7, dtype=np.float32)


TARGETS: dict[str, Callable[[], NDArray[Any]]] = {
    "contiguous": contiguous,
    "transposed": lambda: np.full(SHAPE[::-1], 7, dtype=np.float32).T,
    "fortran": lambda: np.asfortranarray(contiguous()),
    "strided": lambda: np.full((12, 12), 7, dtype=np.float32)[::2, ::3],
    "reversed": lambda: np.full(SHAPE, 7, dtype=np.float32)[::-1, ::-1],
    "big-endian": lambda: np.full(SHAPE, 7, dtype=">f4"),
    "unaligned": lambda: np.frombuffer(bytearray(4 * 24 + 1), dtype=np.uint8)[1:].view("<f4").reshape(SHAPE),
    "float64": lambda: np.full(SHAPE, 7, dtype=np.float64),
    "float16": lambda: np.full(SHAPE, 7, dtype=np.float16),
    "bfloat16": lambda: np.full(SHAPE, 7, dtype=ml_dtypes.bfloat16),
    "float8": lambda: np.full(SHAPE, 7, dtype=ml_dtypes.float8_e4m3fn),
    "strided bfloat16": lambda: np.full((6, 8), 7, dtype=ml_dtypes.bfloat16)[:, ::2],
    "subclass": lambda: contiguous().view(np.ma.MaskedArray),
}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: repr(spec.distribution))
@pytest.mark.parametrize("target", TARGETS)
def test_fill_writes_what_draw_returns(spec: ui.Initializer, target: str) -> None:
    """The array itself comes back, and holds the values of its shape and type in any memory order."""
    array = TARGETS[target]()
    expected = ui.draw(spec, SHAPE, dtype=array.dtype.newbyteorder("="), **OPTIONS)
    assert ui.fill(array, spec, **OPTIONS) is array
    assert np.asarray(array).astype(expected.dtype).tobytes() == expected.tobytes()


def test_what_lies_between_the_strides_is_left_alone() -> None:
    """Only the elements of the view are written."""
    base = np.full((12, 12), 7, dtype=np.float32)
    ui.fill(base[::2, ::3], ui.zeros())
    assert (base[::2, ::3] == 0).all()
    assert base.sum() == 7 * (144 - 24)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,)])
def test_scalars_and_empty_arrays_are_filled(shape: tuple[int, ...]) -> None:
    """Rank 0 has one value, an empty array none."""
    array = np.full(shape, 7, dtype=np.float32)
    assert ui.fill(array, ui.normal(0, 1), seed=1, name="w") is array
    assert array.tobytes() == ui.draw(ui.normal(0, 1), shape, seed=1, name="w").tobytes()


def test_complex_arrays_are_filled() -> None:
    """Both widths, contiguous and strided."""
    for dtype in (np.complex64, np.complex128):
        for array in (np.zeros(SHAPE, dtype), np.zeros((6, 8), dtype)[:, ::2]):
            ui.fill(array, ui.normal(0, 1), seed=1, name="w")
            np.testing.assert_array_equal(
                array, ui.draw(ui.normal(0, 1), SHAPE, seed=1, name="w", dtype=dtype)
            )


def test_a_memory_map_is_filled(tmp_path: Any) -> None:
    """A file on disk is an array like any other."""
    mapped = np.memmap(tmp_path / "w", dtype=np.float32, mode="w+", shape=SHAPE)
    ui.fill(mapped, ui.he_normal(), **OPTIONS)
    mapped.flush()
    stored = np.fromfile(tmp_path / "w", dtype=np.float32).reshape(SHAPE)
    np.testing.assert_array_equal(stored, ui.draw(ui.he_normal(), SHAPE, **OPTIONS))


class Strange:
    """An object of no library."""

    def __repr__(self) -> str:
        """Return a text that a message can be compared with."""
        return "<strange>"


WRONG: dict[str, dict[str, Any]] = {
    "no spec": {"spec": "he_normal"},
    "no seed": {"seed": None},
    "float seed": {"seed": 1.0},
    "bool seed": {"seed": True},
    "text seed": {"seed": "1"},
    "strange seed": {"seed": Strange()},
    "array seed": {"seed": np.zeros(2)},
    "NumPy bool seed": {"seed": np.True_},
    "negative seed": {"seed": -1},
    "long seed": {"seed": 2**64},
    "name": {"name": 5},
    "surrogate": {"name": "\ud800"},
    "no layout": {"layout": None},
    "layout": {"layout": "OIHW"},
    "sizes": {"sizes": 3},
    "fans": {"fans": 3},
    "narrow interval": {"spec": ui.uniform(1, 1 + 2.0**-24)},
    "broadcast": {"spec": ui.constant([1, 2, 3])},
}


@pytest.mark.parametrize(("target", "wrong"), list(itertools.product(["contiguous", "transposed"], WRONG)))
def test_a_failing_call_leaves_the_array_as_it_was(target: str, wrong: str) -> None:
    """For every kind of bad argument: our error, its whole sentence, and not one byte written."""
    array = TARGETS[target]()
    before = array.tobytes()
    options = {"spec": ui.he_normal(), **OPTIONS} | WRONG[wrong]
    with refused(ui.UnifiedInitError):
        ui.fill(array, **options)
    assert array.tobytes() == before


def test_a_law_that_the_type_cannot_hold_leaves_the_array_as_it_was() -> None:
    """Too large for float16, without a table for float64, complex without a meaning."""
    for dtype, spec in (
        (np.float16, ui.constant(1e5)),
        (np.float64, skewed()),
        (np.complex64, ui.normal(1, 1)),
        (np.complex64, ui.sparse(0.5)),
    ):
        array = np.full(SHAPE, 7, dtype=dtype)
        with pytest.raises(ui.ArgumentValueError):
            ui.fill(array, spec, seed=0, name="w")
        assert (array == 7).all()


def test_a_failing_call_does_not_advance_a_generator() -> None:
    """A generator is asked last, once everything else is right."""
    generator = np.random.default_rng(3)
    state = generator.bit_generator.state
    for changes in ({"layout": "OIHW"}, {"fans": 3}, {"name": 5}, {"spec": None}):
        with pytest.raises(ui.UnifiedInitError):
            ui.fill(contiguous(), **({"spec": ui.he_normal(), **OPTIONS, "seed": generator} | changes))
    ui.fill(contiguous(), ui.zeros(), seed=generator)
    assert generator.bit_generator.state == state


@pytest.mark.parametrize(
    ("tensor", "error"),
    [
        ([0.0], ui.ArgumentTypeError),
        (None, ui.ArgumentTypeError),
        (np.float32(1), ui.ArgumentTypeError),
        (np.zeros(3, "m8[s]"), ui.ArgumentValueError),
        (np.array([None]), ui.ArgumentValueError),
    ],
    ids=["list", "None", "scalar", "time", "object"],
)
def test_what_cannot_be_written_is_refused(tensor: Any, error: type[Exception]) -> None:
    """Lists, scalars and times: the message says what to do instead."""
    with refused(error):
        ui.fill(tensor, ui.zeros())


@pytest.mark.parametrize("target", ["contiguous", "transposed", "strided"])
def test_a_read_only_array_is_refused(target: str) -> None:
    """The flag is respected, also where a copy could be made."""
    array = TARGETS[target]()
    array.setflags(write=False)
    with refused(ui.ArgumentValueError):
        ui.fill(array, ui.zeros())
    assert (array == 7).all()


def test_drawn_arrays_are_writable_and_aligned() -> None:
    """A draw owns its memory: 64-byte aligned, which frameworks can alias, and free to change."""
    for shape in ((), (3,), (33, 17)):
        for dtype in ("float32", "bfloat16", "complex128"):
            drawn = ui.draw(ui.normal(0, 1), shape, seed=0, dtype=dtype)
            assert drawn.flags.writeable
            assert drawn.flags.c_contiguous
            assert drawn.ctypes.data % 64 == 0
    stored = ui.draw(ui.constant([math.pi]), (3,))
    stored[0] = 0.0
    assert ui.draw(ui.constant([math.pi]), (3,))[0] == np.float32(math.pi)


@pytest.mark.parametrize("layout", [["O", "I"], {"O": 1}, bytearray(b"OI"), 7])
def test_a_layout_that_is_no_string_is_refused(layout: Any) -> None:
    """Before anything is looked up by it, in draw and in fill."""
    with refused(ui.ArgumentTypeError):
        ui.draw(ui.he_normal(), (8, 8), seed=0, layout=layout)
    with refused(ui.ArgumentTypeError):
        ui.fill(np.empty((8, 8), dtype=np.float32), ui.he_normal(), seed=0, name="w", layout=layout)


@pytest.mark.parametrize("items", [[("B", 1, 2)], [3], 5])
def test_sizes_that_are_no_mapping_are_refused(items: Any) -> None:
    """Whatever it has in place of pairs."""

    class Sizes:
        def items(self) -> Any:
            return items

        def __repr__(self) -> str:
            return "<sizes>"

    with refused(ui.ArgumentTypeError):
        ui.draw(ui.he_normal(), (8, 8), seed=0, layout="(BO)I", sizes=Sizes())  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: repr(spec.distribution))
@pytest.mark.parametrize("backend", ["numpy", pytest.param("torch", marks=pytest.mark.needs("torch"))])
def test_a_plain_slice_gets_its_part_of_the_whole(spec: ui.Initializer, backend: str) -> None:
    """With ``shape`` and ``index``, as for ``draw``: fans and values are those of the whole."""
    whole = ui.draw(spec, SHAPE, **OPTIONS)
    for index in ((slice(2, 5),), (slice(0, 6, 3), slice(1, 3)), (4,), (slice(6, 6),), PARTS):
        expected = part_of(whole, index)
        local = ui.draw(ui.constant(7), expected.shape, backend=backend)
        assert ui.fill(local, spec, shape=SHAPE, index=index, **OPTIONS) is local
        assert np.asarray(local).tobytes() == expected.tobytes()


@pytest.mark.parametrize("backend", ["numpy", pytest.param("torch", marks=pytest.mark.needs("torch"))])
def test_a_slice_of_another_shape_is_refused(backend: str) -> None:
    """What ``index`` selects has the shape of the tensor; without ``index`` the whole has."""
    array = ui.draw(ui.constant(7), SHAPE, backend=backend)
    for options in (
        {"shape": (12, 4)},
        {"shape": SHAPE, "index": (slice(0, 3),)},
        {"shape": SHAPE, "index": ([slice(0, 3), slice(4, 6)],)},
        {"index": (slice(0, 9),)},
        {"shape": SHAPE, "index": ([slice(0, 3), slice(4, 9)],)},
        {"shape": (6, 8), "index": (slice(None), slice(4, 9))},  # the next rank's, past the end
        {"shape": (6,), "index": (slice(None), slice(4))},
        {"shape": (6, 4, 1), "index": (slice(None),)},
    ):
        with refused(ui.ArgumentValueError):
            ui.fill(array, ui.zeros(), **OPTIONS, **options)
    assert (array == 7).all()
