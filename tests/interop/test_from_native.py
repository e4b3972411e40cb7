"""Reading the initializers of other frameworks."""

from __future__ import annotations

import functools
import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.contained import contained
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.interop.from_native import BY_NAME, _full_name

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (("torch.nn.init.kaiming_uniform_", math.sqrt(5)), {}, ui.kaiming_uniform(math.sqrt(5))),
        (("torch.nn.init.normal_",), {"std": 0.02, "generator": object()}, ui.normal(0.0, 0.02)),
        (("torch.nn.init.trunc_normal_",), {"std": 0.02}, ui.trunc_normal(0.0, 0.02, -2.0, 2.0)),
        (("keras.initializers.he_normal",), {"seed": 3}, ui.he_normal()),
        (("keras.he_normal",), {}, ui.he_normal()),
        (("tensorflow.random_normal_initializer",), {}, ui.normal(0.0, 0.05)),
        (("tf.compat.v1.random_normal_initializer",), {}, ui.normal(0.0, 1.0)),
        (("tf.compat.v1.random_uniform_initializer",), {}, ui.uniform(0.0, 1.0)),
        (("tf.truncated_normal_initializer",), {"stddev": 0.02}, ui.truncated_normal(0.0, 0.02)),
        (("jax.nn.initializers.uniform",), {}, ui.uniform(0.0, 0.01)),
        (("jax.nn.initializers.he_normal", -2, -1), {"batch_axis": ()}, ui.he_normal()),
        (("flax.linen.initializers.zeros_init",), {}, ui.zeros()),
        (("hk.initializers.RandomNormal", 0.1), {}, ui.normal(0.0, 0.1)),
        (("haiku.initializers.VarianceScaling",), {}, ui.lecun_normal()),
        (("tf.contrib.layers.xavier_initializer",), {}, ui.glorot_uniform()),
        (("paddle.nn.initializer.KaimingNormal",), {}, ui.kaiming_normal()),
        (("paddle.nn.initializer.Uniform",), {}, ui.uniform(-1.0, 1.0)),
        (("mx.init.Xavier",), {}, ui.glorot_uniform()),
        (("mx.init.Xavier", "gaussian", "in", 2), {}, ui.kaiming_normal()),
        (("mxnet.initializer.MSRAPrelu",), {}, ui.kaiming_normal(0.25, "fan_avg")),
        (({"class_name": "HeNormal", "config": {"seed": 1, "dtype": "float32"}},), {}, ui.he_normal()),
        (({"class_name": "Zeros"},), {}, ui.zeros()),
        ((ui.he_normal(),), {}, ui.he_normal()),
    ],
)  # fmt: skip
def test_names_and_configurations(
    args: tuple[Any, ...], kwargs: dict[str, Any], expected: ui.Initializer
) -> None:
    """A name with its arguments, or a configuration, is our spec of the same law."""
    assert ui.from_native(*args, **kwargs) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("keras.initializers.VarianceScaling", ui.he_normal()),
        ("tf.compat.v1.variance_scaling_initializer", ui.he_normal()),
        ("jax.nn.initializers.variance_scaling", ui.kaiming_normal()),
        ("haiku.initializers.VarianceScaling", ui.kaiming_normal()),
    ],
)
def test_the_word_normal_is_read_as_its_framework_means_it(name: str, expected: ui.Initializer) -> None:
    """distribution="normal" is truncated in Keras and TensorFlow, untruncated in JAX and Haiku."""
    assert ui.from_native(name, 2.0, "fan_in", "normal") == expected


@given(st.floats(0.01, 100), st.sampled_from(["FAN_IN", "FAN_OUT", "FAN_AVG"]))
def test_contrib_is_truncated_and_a_little_wider_than_it_says(factor: float, mode: str) -> None:
    """The normal has a parent std of sqrt(1.3 factor / n), the uniform a bound of sqrt(3 factor / n)."""
    name = "tf.contrib.layers.variance_scaling_initializer"
    n = {"FAN_IN": 100, "FAN_OUT": 300, "FAN_AVG": 200}[mode]
    law = ui.from_native(name, factor, mode).resolve((300, 100), layout="OI")
    assert law.high == pytest.approx(2 * math.sqrt(1.3 * factor / n), rel=1e-15)
    assert law.scale == pytest.approx(math.sqrt(1.3 * factor / n), rel=1e-15)
    law = ui.from_native(name, factor, mode, uniform=True).resolve((300, 100), layout="OI")
    assert law.high == pytest.approx(math.sqrt(3 * factor / n), rel=1e-15)


def test_partial_functions_carry_their_arguments() -> None:
    """functools.partial is the function with its arguments; those of the call come on top."""
    source = functools.partial(ui.from_native, "torch.nn.init.normal_")
    assert source(std=2.0) == ui.normal(0.0, 2.0)

    def normal_(mean: float, std: float) -> None:
        """Stand for PyTorch's."""

    normal_.__module__, normal_.__qualname__ = "torch.nn.init", "normal_"
    assert ui.from_native(functools.partial(normal_, 1.0, std=3.0), std=2.0) == ui.normal(1.0, 2.0)


@pytest.mark.parametrize("spec", [ui.he_normal(), ui.trunc_normal(std=0.02, a=-0.03) * 0.5])
def test_our_own_keras_configuration_gives_the_spec_back(spec: ui.Initializer) -> None:
    """A registered configuration of this library holds the spec, as JSON or as its dict."""
    text = ui.to_json(spec)
    for held in (text, json.loads(text)):
        config = {
            "module": None,
            "class_name": "UnifiedInitializer",
            "registered_name": "unified_init>UnifiedInitializer",
            "config": {"spec": held, "seed": 0},
        }
        assert ui.from_native(config) == spec
        assert ui.from_native({**config, "class_name": "unified_init>UnifiedInitializer"}) == spec


def _foreign(module: str, qualname: str) -> Any:
    def stand_in() -> None:
        """Stand for a framework's function."""

    stand_in.__module__, stand_in.__qualname__ = module, qualname
    stand_in.__name__ = qualname.rpartition(".")[2]
    return stand_in


CLOSURE = _foreign("jax._src.nn.initializers", "variance_scaling.<locals>.init")
STRANGER = _foreign("elsewhere", "he_normal")
IMPOSTOR = _foreign("tensorflow.python.ops.init_ops_v2", "Zeros")


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: ui.from_native("mx.init.Load"), ui.ArgumentValueError),
        (lambda: ui.from_native("torch.nn.init.kaimng_normal_"), ui.ArgumentValueError),
        (lambda: ui.from_native("a.b"), ui.ArgumentValueError),
        (lambda: ui.from_native("xavier_normal_"), ui.ArgumentValueError),
        (lambda: ui.from_native("lecun_normal"), ui.ArgumentValueError),
        (lambda: ui.from_native("glorot"), ui.ArgumentValueError),
        (lambda: ui.from_native("jax.nn.initializers.he_normal", in_axis=1), ui.ArgumentValueError),
        (lambda: ui.from_native("keras.initializers.HeNormal", input_axes=(0,)), ui.ArgumentValueError),
        (lambda: ui.from_native("paddle.nn.initializer.XavierNormal", 7), ui.ArgumentValueError),
        (lambda: ui.from_native("torch.nn.init.normal_", sigma=1), ui.ArgumentTypeError),
        (lambda: ui.from_native("jax.nn.initializers.constant"), ui.ArgumentTypeError),
        (lambda: ui.from_native(CLOSURE), ui.ArgumentTypeError),
        (lambda: ui.from_native(STRANGER), ui.ArgumentTypeError),
        (lambda: ui.from_native(IMPOSTOR), ui.ArgumentTypeError),
        (lambda: ui.from_native(3), ui.ArgumentTypeError),
        (lambda: ui.from_native({"name": "HeNormal"}), ui.ArgumentTypeError),
        (lambda: ui.from_native({"class_name": "HeNormall"}), ui.ArgumentValueError),
        (lambda: ui.from_native(ui.zeros(), 1), ui.ArgumentTypeError),
    ],
    ids=source_of,
)
def test_refusals(call: Callable[[], object], kind: type[Exception]) -> None:
    """What cannot be read is refused in a sentence that says what to pass."""
    with refused(kind, hidden=r"0x\w+"):
        call()


@given(st.text())
def test_any_text_is_read_or_refused_by_us(name: str) -> None:
    """No string ends in another error than ours."""
    try:
        ui.from_native(name)
    except ui.UnifiedInitError:
        return
    assert _full_name(name) in BY_NAME  # "keras.RandomNormal" too


def test_no_framework_is_imported() -> None:
    """Reading a name imports nothing of the framework it names."""
    code = (
        "import sys, unified_init as ui; ui.from_native('torch.nn.init.ones_'); "
        "ui.from_native('keras.initializers.ones'); ui.he_normal().explain((3, 2), layout='OI'); "
        "sys.exit(bool({'torch', 'tensorflow', 'keras', 'jax', 'flax', 'haiku'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- the frameworks' own objects ------------------------------------------------------------------


@pytest.mark.needs("keras")
def test_keras_objects_and_their_configurations() -> None:
    """A Keras initializer and its serialized form are both read, arrays too."""
    import keras
    import numpy as np

    with contained():
        init = keras.initializers
        expected = {
            init.HeNormal(seed=1): ui.he_normal(),
            init.GlorotUniform(): ui.glorot_uniform(),
            init.RandomNormal(): ui.normal(0.0, 0.05),
            init.TruncatedNormal(stddev=0.02): ui.truncated_normal(0.0, 0.02),
            init.VarianceScaling(2.0, "fan_out", "normal"): ui.variance_scaling(
                2.0, "fan_out", "truncated_normal"
            ),
            init.Constant(0.5): ui.constant(0.5),
            init.Constant(np.array([1.0, 2.0])): ui.constant([1.0, 2.0]),
            init.Orthogonal(2.0): ui.orthogonal(2.0),
            init.Identity(): ui.identity(),
        }
        if hasattr(init, "STFT"):  # Keras has it since 3.8
            expected[init.STFT("imag", window=None)] = ui.stft("imag", window=None)
        for theirs, ours in expected.items():
            assert ui.from_native(theirs) == ours
            assert ui.from_native(keras.initializers.serialize(theirs)) == ours
        # Its configuration leaves the gain out, so that only the object can be read.
        assert ui.from_native(init.Identity(0.5)) == ui.identity(0.5)


@pytest.mark.needs("keras")
def test_our_initializer_in_keras_gives_its_spec_back() -> None:
    """as_keras and from_native are inverse, by object and by configuration."""
    import keras

    with contained():
        spec = ui.trunc_normal(std=0.02) * 0.5
        theirs = ui.as_keras(spec, seed=0, name="dense/kernel")
        assert ui.from_native(theirs) == spec
        assert ui.from_native(keras.initializers.serialize(theirs)) == spec


@pytest.mark.needs("tensorflow")
def test_tensorflow_objects() -> None:
    """Objects of TensorFlow 1 and TensorFlow 2 are read with their own defaults."""
    import tensorflow as tf

    with contained():
        v1 = tf.compat.v1
        expected = {
            v1.random_uniform_initializer(): ui.uniform(0.0, 1.0),
            v1.random_normal_initializer(): ui.normal(0.0, 1.0),
            v1.initializers.he_normal(): ui.he_normal(),
            v1.glorot_uniform_initializer(): ui.glorot_uniform(),
            v1.uniform_unit_scaling_initializer(2.0): ui.uniform_unit_scaling(2.0),
            tf.random_normal_initializer(): ui.normal(0.0, 0.05),
            tf.random_uniform_initializer(): ui.uniform(-0.05, 0.05),
        }
        for theirs, ours in expected.items():
            assert ui.from_native(theirs) == ours


@pytest.mark.needs("haiku")
def test_haiku_objects() -> None:
    """Objects of Haiku are read with their own defaults."""
    from haiku import initializers

    expected = {
        initializers.TruncatedNormal(0.1): ui.truncated_normal(0.0, 0.1),
        initializers.VarianceScaling(2.0, "fan_in", "normal"): ui.kaiming_normal(),
        initializers.Orthogonal(2.0): ui.orthogonal(2.0),
    }
    for theirs, ours in expected.items():
        assert ui.from_native(theirs) == ours


@pytest.mark.needs("jax")
def test_closures_of_jax_are_refused_by_the_name_of_their_maker() -> None:
    """An initializer that JAX has built already is opaque, and the message names its factory."""
    import jax

    with refused(ui.ArgumentTypeError):
        ui.from_native(jax.nn.initializers.he_normal())
    partial = functools.partial(jax.nn.initializers.truncated_normal, stddev=0.02)
    assert ui.from_native(partial) == ui.truncated_normal(0.0, 0.02)
