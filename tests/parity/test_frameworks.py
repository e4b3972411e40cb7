"""Tensors as citizens of their frameworks: devices, buffers, filling in place, initializer objects."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.backends import registry
from unified_init.parity.variants import reference
from unified_init.testing.bits import differing

if TYPE_CHECKING:
    import pathlib

SPEC = ui.he_normal()
OPTIONS: dict[str, Any] = {"layout": "OI", "name": "fc/kernel"}


def test_host_buffers_are_aliased(chosen_backends: tuple[str, ...]) -> None:
    """A large draw is not copied into torch, TensorFlow or JAX."""
    from unified_init.stream import host

    for backend in chosen_backends:
        for dtype in ("float32", "float16"):
            buffer = host.aligned_empty((64, 64), np.dtype(dtype))
            buffer[:] = 1
            tensor = registry.get(backend).adopt(buffer, None)
            values = registry.get(backend).to_numpy(tensor)
            assert np.shares_memory(values, buffer), (backend, dtype)


@pytest.mark.needs("torch", "jax")
def test_bfloat16_is_aliased_in_torch_and_jax() -> None:
    """The 16-bit type that NumPy lacks crosses without a copy, too."""
    import ml_dtypes

    from unified_init.stream import host

    for backend in ("torch", "jax"):
        buffer = host.aligned_empty((64, 64), np.dtype(ml_dtypes.bfloat16))
        buffer[:] = 1
        values = registry.get(backend).to_numpy(registry.get(backend).adopt(buffer, None))
        assert np.shares_memory(values, buffer), backend


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_results_have_the_frameworks_own_types() -> None:
    """Shape, element type and device are those asked for, by name or as the framework's object."""
    import jax
    import jax.numpy as jnp
    import tensorflow as tf
    import torch

    t = ui.draw(SPEC, (6, 4), seed=0, backend="torch", dtype=torch.bfloat16, **OPTIONS)
    assert (t.dtype, t.shape, t.device.type, t.requires_grad) == (torch.bfloat16, (6, 4), "cpu", False)
    f = ui.draw(SPEC, (6, 4), seed=0, backend="tensorflow", dtype=tf.bfloat16, **OPTIONS)
    assert (f.dtype, f.shape.as_list()) == (tf.bfloat16, [6, 4])
    j = ui.draw(SPEC, (6, 4), seed=0, backend="jax", dtype=jnp.bfloat16, device="cpu:0", **OPTIONS)
    assert (j.dtype, j.shape, j.devices()) == (jnp.bfloat16, (6, 4), {jax.devices("cpu")[0]})
    assert isinstance(ui.draw(SPEC, (6, 4), seed=0, device=torch.device("cpu"), **OPTIONS), torch.Tensor)
    assert isinstance(ui.draw(SPEC, (6, 4), seed=0, device=jax.devices()[0], **OPTIONS), jax.Array)


@pytest.mark.needs("torch")
def test_the_meta_device_has_no_values() -> None:
    """A draw on meta costs nothing and has shape and type alone."""
    import torch

    tensor = ui.draw(SPEC, (6, 4), seed=0, backend="torch", device="meta", dtype="float16", **OPTIONS)
    assert (tensor.device.type, tensor.shape, tensor.dtype) == ("meta", (6, 4), torch.float16)
    with refused(ui.UnifiedInitError):
        ui.digest(tensor)


def test_empty_and_scalar_tensors_exist_everywhere(chosen_backends: tuple[str, ...]) -> None:
    """0-d and empty tensors are drawn on every backend."""
    for backend in chosen_backends:
        for shape in ((), (0,), (3, 0, 2)):
            for dtype in ("float32", "bfloat16"):
                tensor = ui.draw(ui.normal(0.0, 1.0), shape, seed=1, backend=backend, dtype=dtype)
                values = registry.get(backend).to_numpy(tensor)
                assert differing(values, reference(ui.normal(0.0, 1.0), shape, seed=1, dtype=dtype)) == 0


@pytest.mark.needs("torch")
def test_a_torch_tensor_is_filled_in_place_whatever_its_strides() -> None:
    """Contiguous, transposed, strided and narrow tensors and parameters get the drawn values."""
    import torch

    expected = reference(SPEC, (6, 4), seed=3, **OPTIONS)
    whole = torch.zeros(12, 8)
    targets = [torch.empty(6, 4), torch.empty(4, 6).T, whole[::2, ::2], torch.nn.Parameter(torch.empty(6, 4))]
    for target in targets:
        assert ui.fill(target, SPEC, seed=3, **OPTIONS) is target
        assert differing(target.detach().numpy(), expected) == 0
    assert not whole[1::2].any()
    narrow = ui.fill(torch.empty(6, 4, dtype=torch.bfloat16), SPEC, seed=3, **OPTIONS)
    wide = ui.draw(SPEC, (6, 4), seed=3, backend="torch", dtype="bfloat16", **OPTIONS)
    assert torch.equal(narrow, wide)


@pytest.mark.needs("torch")
def test_filling_is_seen_by_autograd() -> None:
    """A tensor saved for backward and then filled is an error of autograd, as with torch.nn.init."""
    import torch

    w = torch.ones(3, requires_grad=True)
    y = (w * w).sum()
    ui.fill(w, ui.uniform(0, 1), seed=0, name="w")
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_what_cannot_be_filled_is_refused() -> None:
    """Meta tensors and immutable arrays: one of our errors each."""
    import jax.numpy as jnp
    import tensorflow as tf
    import torch

    with refused(ui.UnifiedInitError):
        ui.fill(torch.empty(3, device="meta"), ui.zeros())
    for tensor in (jnp.zeros(3), tf.zeros(3)):
        with refused(ui.UnifiedInitError):
            ui.fill(tensor, ui.zeros())


def test_digests_are_equal_across_backends_and_layouts(chosen_backends: tuple[str, ...]) -> None:
    """One digest for a logical tensor, wherever and however it is stored."""
    for dtype in ("float32", "bfloat16", "float16"):
        digests = {
            ui.digest(
                ui.draw(SPEC, shape, seed=1, name="w", layout=layout, backend=backend, dtype=dtype), layout
            )
            for backend in chosen_backends
            for shape, layout in (((8, 3, 5, 5), "OIHW"), ((5, 5, 3, 8), "HWIO"))
        }
        assert len(digests) == 1


# --- as the frameworks' own initializers --------------------------------------------------------


@pytest.mark.needs("jax", "flax")
def test_as_jax_initialises_flax_layers() -> None:
    """A Linen Dense and an NNX Linear draw under the keys that Flax gives them, jitted too."""
    import jax
    import jax.numpy as jnp
    from flax import linen, nnx

    init = ui.as_jax(ui.lecun_normal(), layout="IO")
    seen: list[Any] = []

    def spy(key: Any, shape: Any, dtype: Any = jnp.float32, *rest: Any, **more: Any) -> Any:
        seen.append(key)
        return init(key, shape, dtype, *rest, **more)

    dense = linen.Dense(5, kernel_init=spy)
    kernel = dense.init(jax.random.key(0), jnp.ones((1, 7)))["params"]["kernel"]
    assert differing(np.asarray(kernel), np.asarray(init(seen[0], (7, 5)))) == 0
    jitted = jax.jit(dense.init)(jax.random.key(0), jnp.ones((1, 7)))["params"]["kernel"]
    assert differing(np.asarray(kernel), np.asarray(jitted)) == 0
    layer = nnx.Linear(7, 5, kernel_init=init, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert (layer.kernel[...].dtype, layer.kernel[...].shape) == (jnp.bfloat16, (7, 5))
    assert float(jnp.std(init(jax.random.key(1), (700, 500)))) == pytest.approx(700**-0.5, rel=0.01)


@pytest.mark.needs("jax")
def test_as_jax_is_a_value() -> None:
    """Equal, hashable and picklable; a spec with a fan and no layout raises on its first call."""
    import jax

    init = ui.as_jax(ui.he_normal(), layout="IO")
    assert init == ui.as_jax(ui.he_normal(), layout="IO")
    assert hash(init) == hash(ui.as_jax(ui.he_normal(), layout="IO"))
    assert pickle.loads(pickle.dumps(init)) == init  # noqa: S301  # our own pickle
    with refused(ui.UnifiedInitError):
        ui.as_jax(ui.he_normal())(jax.random.key(0), (300, 100))


@pytest.mark.needs("torch")
def test_as_torch_is_used_as_torch_nn_init_is() -> None:
    """It fills a tensor and returns it; the name is required."""
    import torch

    weight = torch.nn.Parameter(torch.empty(300, 100))
    init_ = ui.as_torch(ui.he_normal(), seed=0, name="fc.weight", layout="OI")
    assert init_(weight) is weight
    expected = reference(ui.he_normal(), (300, 100), seed=0, name="fc.weight", layout="OI")
    assert differing(weight.detach().numpy(), expected) == 0
    with pytest.raises(ValueError, match="name"):
        ui.as_torch(ui.he_normal(), seed=0)


KERAS = """
import os, sys
path, mode = sys.argv[1:]
if os.environ["KERAS_BACKEND"] != "jax":
    import torch
if mode == "read, with ours imported first":
    import unified_init
import keras, numpy as np
import unified_init as ui
if mode == "write":
    init = ui.as_keras(ui.he_normal(), seed=5, name="dense/kernel", layout="IO")
    assert type(init).from_config(init.get_config()) == init
    assert keras.initializers.deserialize(keras.initializers.serialize(init)) == init
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(7, kernel_initializer=init)])
    model.save(path)
model = keras.saving.load_model(path)
kernel = keras.ops.convert_to_numpy(model.layers[0].kernel)
again = model.layers[0].kernel_initializer((30, 7), dtype="float32")
expected = ui.draw(ui.he_normal(), (30, 7), layout="IO", seed=5, name="dense/kernel")
assert kernel.tobytes() == expected.tobytes()
assert keras.ops.convert_to_numpy(again).tobytes() == expected.tobytes()
print(keras.config.backend(), type(again).__module__.partition(".")[0])
"""


@pytest.mark.needs("torch", "tensorflow", "jax", "keras")
def test_as_keras_is_saved_and_read_on_any_backend(tmp_path: pathlib.Path) -> None:
    """A .keras file written under one backend of Keras gives the same weights under the others.

    It is read in new processes, which import this library before Keras or after it.
    """
    path = str(tmp_path / "model.keras")
    seen = []
    for backend, mode in (
        ("tensorflow", "write"),
        ("jax", "read"),
        ("torch", "read, with ours imported first"),
    ):
        run = subprocess.run(
            [sys.executable, "-c", KERAS, path, mode], capture_output=True, text=True, check=False,
            env={**os.environ, "KERAS_BACKEND": backend},
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-2000:]
        seen.append(run.stdout.split()[-2:])
    assert seen == [["tensorflow", "tensorflow"], ["jax", "jaxlib"], ["torch", "torch"]]


@pytest.mark.needs("tensorflow")
def test_autograph_raises_our_errors_as_ours() -> None:
    """It rewrites what a ``tf.function`` raises, and would make a StagingError of a class that it cannot build."""
    import tensorflow as tf

    @tf.function
    def seeded() -> Any:
        return ui.draw(ui.normal(0.0, 1.0), (3,), seed=-1, backend="tensorflow")

    @tf.function
    def specified() -> Any:
        return ui.draw(ui.normal("a", 1.0), (3,), seed=0, backend="tensorflow")  # type: ignore[arg-type]

    with pytest.raises(ui.ArgumentValueError, match="`seed` must be from 0 to "):
        seeded()
    with pytest.raises(ui.ArgumentTypeError, match="`mean` must be a real number, got 'a'"):
        specified()
