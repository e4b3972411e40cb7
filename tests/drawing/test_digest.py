"""Digests: one line that is equal exactly when two logical tensors are."""

from __future__ import annotations

import hashlib
import math
import os
import struct
import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.messages import refused
from tests.helpers.strategies import geometries

import unified_init as ui
from unified_init.law.layout import bind, parse


def test_the_format_is_what_the_docstring_says() -> None:
    """dtype|logical shape| in ASCII, then little-endian values in row-major order."""
    values = np.array([[1.5, -2.0, 0.0], [3.25, 1e-30, -0.0]], dtype=np.float32)
    body = b"".join(struct.pack("<f", value) for value in values.reshape(-1).tolist())
    assert ui.digest(values) == hashlib.sha256(b"float32|2,3|" + body).hexdigest()
    swapped = b"".join(struct.pack("<f", value) for value in values.T.reshape(-1).tolist())
    assert ui.digest(values, layout="IO") == hashlib.sha256(b"float32|3,2|" + swapped).hexdigest()


@pytest.mark.parametrize(
    ("dtype", "name", "code"),
    [(np.float64, "float64", "<d"), (np.float16, "float16", "<e"), (np.float32, "float32", "<f")],
)
def test_each_type_is_hashed_under_its_name(dtype: Any, name: str, code: str) -> None:
    """The values are packed by Python's struct, independently of NumPy."""
    values = ui.draw(ui.normal(0, 1), (5, 7), seed=1, dtype=dtype)
    body = b"".join(struct.pack(code, value) for value in values.reshape(-1).tolist())
    assert ui.digest(values) == hashlib.sha256(f"{name}|5,7|".encode() + body).hexdigest()


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128"])
def test_types_without_a_struct_code_are_hashed_by_their_bits(name: str) -> None:
    """The bytes of the buffer, on a little-endian machine."""
    values = ui.draw(ui.normal(0, 1), (5, 7), seed=1, dtype=name)
    assert ui.digest(values) == hashlib.sha256(f"{name}|5,7|".encode() + values.tobytes()).hexdigest()


def test_scalars_vectors_and_empty_arrays_have_digests() -> None:
    """Rank 0 has an empty shape; nothing to hash is the head alone."""
    assert ui.digest(np.float32(2.0)) == hashlib.sha256(b"float32||" + struct.pack("<f", 2.0)).hexdigest()
    assert ui.digest(np.array(2.0)) == hashlib.sha256(b"float64||" + struct.pack("<d", 2.0)).hexdigest()
    assert ui.digest(np.zeros((3, 0), np.float32)) == hashlib.sha256(b"float32|3,0|").hexdigest()
    assert ui.digest(np.zeros((3, 0), np.float32), layout="IO") == hashlib.sha256(b"float32|0,3|").hexdigest()


@given(geometries(), st.data())
@settings(deadline=None)
def test_layouts_agree(geometry: tuple[tuple[int, ...], str, dict[str, int]], data: st.DataObject) -> None:
    """The same spec drawn in two orders of the axes has one digest; the storage order has others."""
    shape, layout, sizes = geometry
    axes = parse(layout)
    # Repeated letters keep their order: which of two is first is part of the layout.
    order = data.draw(st.permutations(range(len(axes))))
    single = [axis for group in axes for axis in group]
    if len(set(single)) < len(single):
        order = list(range(len(axes)))
    permuted = "".join(f"({axes[i]})" if len(axes[i]) > 1 else axes[i] for i in order)
    options: dict[str, Any] = {"seed": 3, "name": "w", "sizes": sizes}
    one = ui.draw(ui.normal(0, 1), shape, layout=layout, **options)
    two = ui.draw(ui.normal(0, 1), tuple(shape[i] for i in order), layout=permuted, **options)
    np.testing.assert_array_equal(one.transpose(order), two)
    assert ui.digest(one, layout=layout, sizes=sizes) == ui.digest(two, layout=permuted, sizes=sizes)
    logical = ui.draw(ui.normal(0, 1), bind(shape, layout, sizes).logical_shape, seed=3, name="w")
    assert ui.digest(logical) == ui.digest(one, layout=layout, sizes=sizes)


def test_a_digest_sees_every_bit_and_the_shape() -> None:
    """One ulp, the sign of a zero, a reshape and a change of type each give another digest."""
    values = ui.draw(ui.normal(0, 1), (4, 6), seed=1)
    seen = {ui.digest(values)}
    nudged = values.copy()
    nudged[3, 5] = np.nextafter(nudged[3, 5], np.float32(9))
    variants = [nudged, values.reshape(6, 4), values.reshape(24), values.astype(np.float64), values.T]
    zero = np.zeros((4, 6), np.float32)
    for variant in [*variants, zero, -zero]:
        seen.add(ui.digest(variant))
    assert len(seen) == 8


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 5])
def test_large_tensors_are_hashed_in_parts(size: int) -> None:
    """Where one part ends and the next begins does not show."""
    values = np.arange(size, dtype=np.float32)
    assert ui.digest(values) == hashlib.sha256(f"float32|{size}|".encode() + values.tobytes()).hexdigest()


def test_strides_and_byte_order_do_not_matter() -> None:
    """A view, a copy in Fortran order and a big-endian array of the same values agree."""
    values = ui.draw(ui.normal(0, 1), (6, 8), seed=1)
    expected = ui.digest(values)
    assert ui.digest(np.asfortranarray(values)) == expected
    assert ui.digest(values.astype(">f4")) == expected
    assert ui.digest(np.repeat(values, 2, axis=1)[:, ::2]) == expected
    assert ui.digest(values[::-1][::-1]) == expected


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.complex64]
)
@pytest.mark.parametrize("place", [0, 1_048_580])
def test_nan_is_refused(dtype: Any, place: int) -> None:
    """Equal values would have unequal digests."""
    values = np.zeros(1_048_600, dtype=dtype)
    values[place] = math.nan
    with refused(ui.ArgumentValueError):
        ui.digest(values)


def test_infinities_have_digests() -> None:
    """Only NaN has many patterns."""
    values = np.array([math.inf, -math.inf], dtype=np.float32)
    assert ui.digest(values) == hashlib.sha256(b"float32|2|" + values.tobytes()).hexdigest()


@pytest.mark.parametrize(
    "tensor",
    [[1.0], None, 2.0],
)
def test_only_arrays_have_digests(tensor: Any) -> None:
    """A list has no element type."""
    with refused(ui.ArgumentTypeError):
        ui.digest(tensor)


def test_types_that_cannot_be_drawn_and_layouts_that_do_not_fit_are_refused() -> None:
    """Integers have no digest here, and a layout is checked as everywhere."""
    with refused(ui.ArgumentValueError):
        ui.digest(np.arange(3))
    with refused(ui.ArgumentValueError):
        ui.digest(np.zeros(3), layout="OI")


def test_a_masked_array_has_no_digest() -> None:
    """What lies under a mask is no value."""
    with refused(ui.ArgumentTypeError):
        ui.digest(np.ma.masked_array(np.ones(3, dtype=np.float32), [True, False, False]))


@pytest.mark.needs("torch")
def test_a_torch_tensor_without_values_has_no_digest() -> None:
    """On meta, or with its memory given back; integers cannot be drawn. The argument is named."""
    import torch

    freed = torch.ones(3)
    freed.untyped_storage().resize_(0)
    for tensor in (torch.empty(3, device="meta"), freed, torch.ones(3, dtype=torch.int32)):
        with refused(ui.ArgumentValueError):
            ui.digest(tensor)


@pytest.mark.needs("tensorflow")
def test_a_tensor_of_tensorflow_that_is_not_dense_is_not_called_traced() -> None:
    """Sparse tensors and slices have values, which are no array; a traced tensor has none."""
    import tensorflow as tf

    dense = tf.constant([[1.0]])
    for tensor in (tf.sparse.from_dense(dense), tf.IndexedSlices(dense, tf.constant([0]))):
        with refused(ui.ArgumentTypeError):
            ui.digest(tensor)

    @tf.function(autograph=False)
    def traced(x: Any) -> Any:
        with refused(ui.ArgumentTypeError):
            ui.digest(x)
        return x

    traced(dense)


@pytest.mark.needs("jax")
def test_a_traced_array_of_jax_has_no_digest() -> None:
    """The message names the argument."""
    import jax

    def traced(x: Any) -> Any:
        with refused(ui.ArgumentTypeError):
            ui.digest(x)
        return x

    jax.jit(traced)(1.0)


@pytest.mark.needs("keras", "torch")
def test_a_variable_of_keras_says_how_it_gives_its_array() -> None:
    """On backends where it is no array of its framework."""
    code = (
        "import keras, unified_init as ui; variable = keras.Variable([1.0]); ui.digest(variable.value); "
        "ui.digest(variable)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {"KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].startswith(
        "unified_init.ArgumentTypeError: `tensor` must be an array"
    )
    assert done.stderr.endswith(": pass its .value.\n")


@pytest.mark.needs("flax")
def test_a_variable_of_flax_says_how_it_gives_its_array() -> None:
    """The same."""
    from flax import nnx

    variable = nnx.Param(np.array([1.0, 2.0], dtype=np.float32))
    with refused(ui.ArgumentTypeError, hidden=r"(?s)(?<=got ).*(?=: pass)"):
        ui.digest(variable)
    assert ui.digest(variable[...]) == ui.digest(np.array([1.0, 2.0], dtype=np.float32))
