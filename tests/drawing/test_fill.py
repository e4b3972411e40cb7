"""Filling in place: any memory order, and on any error the tensor is left as it was."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
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
    assert ui.fill(array, ui.normal(0, 1), seed=1) is array
    assert array.tobytes() == ui.draw(ui.normal(0, 1), shape, seed=1).tobytes()


def test_complex_arrays_are_filled() -> None:
    """Both widths, contiguous and strided."""
    for dtype in (np.complex64, np.complex128):
        for array in (np.zeros(SHAPE, dtype), np.zeros((6, 8), dtype)[:, ::2]):
            ui.fill(array, ui.normal(0, 1), seed=1)
            np.testing.assert_array_equal(array, ui.draw(ui.normal(0, 1), SHAPE, seed=1, dtype=dtype))


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


SEED = "`seed` must be an int from 0 to 2**64 - 1, a JAX key or a framework's generator object, got {!r}."
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no spec": (
        {"spec": "he_normal"},
        (
            "`spec` must be an Initializer, such as unified_init.he_normal(), got 'he_normal': "
            "from_native() reads those of other libraries."
        ),
    ),
    "no seed": (
        {"seed": None},
        (
            "he_normal is random and needs `seed`: an int from 0 to 2**64 - 1, a JAX key or a framework's "
            "generator object; got None."
        ),
    ),
    "float seed": ({"seed": 1.0}, SEED.format(1.0)),
    "bool seed": ({"seed": True}, SEED.replace("{!r}", "True")),
    "text seed": ({"seed": "1"}, SEED.format("1")),
    "strange seed": ({"seed": Strange()}, SEED.format(Strange())),
    "array seed": ({"seed": np.zeros(2)}, SEED.format(np.zeros(2))),
    "NumPy bool seed": ({"seed": np.True_}, SEED.format(np.True_)),
    "negative seed": ({"seed": -1}, "`seed` must be from 0 to 2**64 - 1, got -1."),
    "long seed": ({"seed": 2**64}, f"`seed` must be from 0 to 2**64 - 1, got {2**64}."),
    "name": ({"name": 5}, "`name` must be a string, got 5."),
    "surrogate": (
        {"name": "\ud800"},
        "`name` must be valid Unicode, got '\\ud800', which UTF-8 cannot encode.",
    ),
    "no layout": (
        {"layout": None},
        (
            "he_normal needs fan_in, and a shape alone does not say which axis is the input: pass layout=, "
            "'OI' for torch.nn.Linear or 'IO' for a Keras or Flax Dense; got shape (6, 4)."
        ),
    ),
    "layout": (
        {"layout": "OIHW"},
        (
            "`layout` 'OIHW' has 4 axes and the shape (6, 4) has 2: "
            "give one letter, or one pair of parentheses, an axis."
        ),
    ),
    "sizes": ({"sizes": 3}, "`sizes` must be a mapping of layout letters to integers, got 3."),
    "fans": ({"fans": 3}, "`fans` must be a pair (fan_in, fan_out), got 3."),
    "narrow interval": (
        {"spec": ui.uniform(1, 1 + 2.0**-24)},
        (
            "the interval from 1.0 to 1.0000000596046448 holds no float32 strictly inside it: "
            "widen it, or draw a wider dtype."
        ),
    ),
    "broadcast": (
        {"spec": ui.constant([1, 2, 3])},
        "`value` of a constant must broadcast to the shape, got (3,) for (6, 4).",
    ),
}


@pytest.mark.parametrize(("target", "wrong"), list(itertools.product(["contiguous", "transposed"], WRONG)))
def test_a_failing_call_leaves_the_array_as_it_was(target: str, wrong: str) -> None:
    """For every kind of bad argument: our error, its whole sentence, and not one byte written."""
    array = TARGETS[target]()
    before = array.tobytes()
    changes, message = WRONG[wrong]
    options = {"spec": ui.he_normal(), **OPTIONS} | changes
    with pytest.raises(ui.UnifiedInitError) as caught:
        ui.fill(array, **options)
    assert str(caught.value) == message
    assert array.tobytes() == before


def test_a_law_that_the_type_cannot_hold_leaves_the_array_as_it_was() -> None:
    """Too large for float16, without a table for float64, complex without a meaning."""
    for dtype, spec in (
        (np.float16, ui.constant(1e5)),
        (np.float64, skewed()),
        (np.complex64, ui.uniform(0, 1)),
        (np.complex64, ui.orthogonal()),
    ):
        array = np.full(SHAPE, 7, dtype=dtype)
        with pytest.raises(ui.ArgumentValueError):
            ui.fill(array, spec, seed=0)
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
    ("tensor", "error", "message"),
    [
        (
            [0.0],
            ui.ArgumentTypeError,
            (
                "`tensor` must be a NumPy array or a torch tensor, which can be written in "
                "place; got list: use draw() and assign its result."
            ),
        ),
        (
            None,
            ui.ArgumentTypeError,
            (
                "`tensor` must be a NumPy array or a torch tensor, which can be written in "
                "place; got NoneType: use draw() and assign its result."
            ),
        ),
        (np.float32(1), ui.ArgumentTypeError, "`tensor` must be a NumPy array, got float32."),
        (
            np.zeros(3, np.int32),
            ui.ArgumentValueError,
            (
                "`dtype` must be one of float32, float64, bfloat16, float16, "
                "float8_e4m3fn, float8_e5m2, complex64 or complex128, by name or as a framework's own dtype; "
                "got dtype('int32')."
            ),
        ),
        (
            np.array([None]),
            ui.ArgumentValueError,
            (
                "`dtype` must be one of float32, float64, bfloat16, float16, "
                "float8_e4m3fn, float8_e5m2, complex64 or complex128, by name or as a framework's own dtype; "
                "got dtype('O')."
            ),
        ),
    ],
    ids=["list", "None", "scalar", "int", "object"],
)
def test_what_cannot_be_written_is_refused(tensor: Any, error: type[Exception], message: str) -> None:
    """Lists, scalars and integers: the message says what to do instead."""
    with pytest.raises(error) as caught:
        ui.fill(tensor, ui.zeros())
    assert str(caught.value) == message


@pytest.mark.parametrize("target", ["contiguous", "transposed", "strided"])
def test_a_read_only_array_is_refused(target: str) -> None:
    """The flag is respected, also where a copy could be made."""
    array = TARGETS[target]()
    array.setflags(write=False)
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.fill(array, ui.zeros())
    assert str(caught.value) == "`tensor` must be writable, got a read-only NumPy array."
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
    message = f"`layout` must be a string, got {layout!r}."
    with pytest.raises(ui.ArgumentTypeError) as error:
        ui.draw(ui.he_normal(), (8, 8), seed=0, layout=layout)
    assert str(error.value) == message
    with pytest.raises(ui.ArgumentTypeError) as error:
        ui.fill(np.empty((8, 8), dtype=np.float32), ui.he_normal(), seed=0, layout=layout)
    assert str(error.value) == message


@pytest.mark.parametrize("items", [[("B", 1, 2)], [3], 5])
def test_sizes_that_are_no_mapping_are_refused(items: Any) -> None:
    """Whatever it has in place of pairs."""

    class Sizes:
        def items(self) -> Any:
            return items

        def __repr__(self) -> str:
            return "<sizes>"

    with pytest.raises(ui.ArgumentTypeError) as error:
        ui.draw(ui.he_normal(), (8, 8), seed=0, layout="(BO)I", sizes=Sizes())  # type: ignore[arg-type]
    assert str(error.value) == "`sizes` must be a mapping of layout letters to integers, got <sizes>."
