"""Edges of the frameworks: long merged axes, wrapped tensors, absent devices, settings of a process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.parity.variants import EAGER, Variant, draw, reference
from unified_init.testing.bits import differing

NORMAL = ui.normal(0.0, 1.0)


@pytest.mark.parametrize(
    "variant", [*EAGER, Variant.JAX_JIT, Variant.TENSORFLOW_XLA], ids=lambda variant: variant.value
)
def test_merged_axes_longer_than_int32_agree(variant: Variant) -> None:
    """Positions past 2**31 of an axis that roles are merged in."""
    length = 3 * 2**30
    for index in (slice(2**31 - 2, 2**31 + 2), slice(length - 5, length), slice(0, length, 2**30)):
        options: dict[str, Any] = {"layout": "(BO)", "sizes": {"B": 3}, "index": (index,)}
        expected = reference(NORMAL, (length,), seed=7, **options)
        assert differing(expected, draw(variant, NORMAL, (length,), seed=7, **options)) == 0


@pytest.mark.parametrize(
    "variant",
    [Variant.NUMPY, Variant.TORCH, Variant.TENSORFLOW_FUNCTION],
    ids=lambda variant: variant.value,
)
def test_complex_counters_past_int64_agree(variant: Variant) -> None:
    """A complex128 takes two counters, which double the stride of an axis."""
    shape, index = (3, 2**61), (slice(0, 3), slice(2**61 - 4, 2**61))
    expected = reference(NORMAL, shape, seed=7, dtype="complex128", index=index)
    assert differing(expected, draw(variant, NORMAL, shape, seed=7, dtype="complex128", index=index)) == 0


@pytest.mark.needs("torch")
def test_functional_torch_tensors_are_filled() -> None:
    """Under torch.func the wrapper is written, not the memory behind it."""
    import torch
    from torch.func import functionalize, vmap

    expected = reference(NORMAL, (6, 4), seed=7, name="w")
    filled = functionalize(lambda x: ui.fill(x.clone(), NORMAL, seed=7, name="w"))(torch.ones(6, 4))
    assert differing(filled.numpy(), expected) == 0
    for row in vmap(lambda x: ui.fill(x.clone(), NORMAL, seed=7, name="w"))(torch.ones(3, 6, 4)):
        assert differing(row.numpy(), expected) == 0


@pytest.mark.needs("torch")
def test_torch_targets_that_cannot_be_written_are_refused() -> None:
    """Expanded, sparse, lazy and inference tensors: a sentence each."""
    import torch

    with refused(ui.UnifiedInitError):
        ui.fill(torch.zeros(4).expand(6, 4), NORMAL, seed=0, name="w")
    with refused(ui.UnifiedInitError):
        ui.fill(torch.zeros(2, 2).to_sparse(), NORMAL, seed=0, name="w")
    with refused(ui.UnifiedInitError):
        ui.fill(torch.nn.LazyLinear(3).weight, NORMAL, seed=0, name="w")
    with refused(ui.UnifiedInitError):
        ui.fill(torch._efficientzerotensor((6, 4)), NORMAL, seed=0, name="w")
    with torch.inference_mode():
        made = torch.zeros(3)
        assert ui.fill(made, NORMAL, seed=0, name="w") is made
    with refused(ui.UnifiedInitError):
        ui.fill(made, NORMAL, seed=0, name="w")


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_absent_devices_are_refused_and_leave_a_generator_alone() -> None:
    """No backend falls back to another device without a word."""
    import torch

    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    if not torch.cuda.is_available():
        with pytest.raises(ui.UnifiedInitError, match="must be a device that torch has, got 'cuda': "):
            ui.draw(NORMAL, 3, seed=generator, backend="torch", device="cuda")
    with refused(ui.UnifiedInitError, hidden="(?<='nowhere': ).*"):
        ui.draw(NORMAL, 3, seed=generator, backend="torch", device="nowhere")
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=generator, backend="tensorflow", device="/device:TPU:7")
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=generator, backend="tensorflow", device="/cpu:-1")
    with refused(ui.UnifiedInitError, hidden="(?s)(?<='nonsense': ).*"):
        ui.draw(NORMAL, 3, seed=generator, backend="tensorflow", device="nonsense")
    with refused(ui.UnifiedInitError, hidden="(?s)(?<=JAX's: ).*"):
        ui.draw(NORMAL, 3, seed=generator, backend="jax", device="tpu:99")
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=generator, backend="jax", device="cpu:-1")
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=generator, backend="jax", dtype="float64")
    assert torch.equal(generator.get_state(), state)


@pytest.mark.needs("tensorflow")
def test_tensorflows_own_name_of_the_host_is_the_host() -> None:
    """A tensor's device, given back, is understood."""
    import tensorflow as tf

    device = tf.zeros(1).device
    drawn = ui.draw(NORMAL, (5,), seed=1, backend="tensorflow", device=device)
    assert differing(drawn.numpy(), reference(NORMAL, (5,), seed=1)) == 0


@pytest.mark.needs("torch", "jax")
def test_backend_device_and_seed_must_not_disagree() -> None:
    """A conflict is an error that names both sides."""
    import jax
    import torch

    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=0, backend="jax", device=torch.device("cpu"))

    def traced(key: Any) -> Any:
        return ui.draw(NORMAL, 3, seed=key, backend="torch")

    with refused(ui.UnifiedInitError):
        jax.jit(traced)(jax.random.key(0))
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=jax.random.split(jax.random.key(0)))
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=jax.numpy.zeros(3))


@pytest.mark.needs("jax")
def test_strict_settings_of_jax_change_nothing() -> None:
    """Transfer guards and strict promotion of ranks are met."""
    import jax

    with jax.transfer_guard("disallow"):
        drawn = ui.draw(NORMAL, (5,), seed=1, backend="jax")
    assert differing(np.asarray(drawn), reference(NORMAL, (5,), seed=1)) == 0
    with jax.numpy_rank_promotion("raise"):
        matrix = jax.jit(lambda key: ui.draw(ui.orthogonal(), (9, 5), seed=key))(jax.random.key(1))
    assert np.abs(np.asarray(matrix) - ui.draw(ui.orthogonal(), (9, 5), seed=1)).max() <= 1e-5


@pytest.mark.needs("torch")
def test_calls_that_no_node_stands_for_break_the_graph_and_are_right() -> None:
    """Inside torch.compile: fill, symbolic shapes and seeds, generators, other backends."""
    import torch

    expected = reference(NORMAL, (6, 4), seed=7, name="w")
    filled = torch.compile(lambda x: ui.fill(x.clone(), NORMAL, seed=7, name="w"))(torch.ones(6, 4))
    assert differing(filled.numpy(), expected) == 0

    grown = torch.compile(
        lambda x: ui.draw(ui.he_normal(), (x.shape[0] * 2, 3), seed=7, layout="OI", backend="torch"),
        dynamic=True,
    )
    for n in (3, 4, 5):
        wanted = reference(ui.he_normal(), (2 * n, 3), seed=7, layout="OI")
        assert differing(grown(torch.ones(n)).numpy(), wanted) == 0

    seeded = torch.compile(lambda seed: ui.draw(NORMAL, (4,), seed=seed, backend="torch"))
    for seed in (7, 8, 2**40):
        assert differing(seeded(seed).numpy(), reference(NORMAL, (4,), seed=seed)) == 0

    other = torch.compile(lambda: ui.draw(NORMAL, 4, seed=7, backend="numpy"))
    assert differing(np.asarray(other()), reference(NORMAL, (4,), seed=7)) == 0
    generator = torch.Generator().manual_seed(3)
    drawn = torch.compile(lambda: ui.draw(NORMAL, (4,), seed=generator, backend="torch"))()
    again = ui.draw(NORMAL, (4,), seed=torch.Generator().manual_seed(3), backend="torch")
    assert torch.equal(drawn, again)


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_traced_tensors_have_no_digest() -> None:
    """A digest inside a program is refused in words."""
    import jax
    import tensorflow as tf
    import torch

    with refused(ui.UnifiedInitError):
        jax.jit(ui.digest)(np.zeros(3, dtype=np.float32))
    with refused(ui.UnifiedInitError):
        tf.function(lambda x: tf.constant(ui.digest(x)), autograph=False)(tf.zeros(3))
    with refused(ui.UnifiedInitError, hidden="(?<=got Generator: ).*"):
        ui.digest(torch.Generator())


@pytest.mark.needs("jax")
def test_bfloat16_normals_of_jax_are_coarse_and_biased_where_ours_are_not() -> None:
    """What the README says: 128 values and a mean 10 standard errors off, against 3,000 and 5."""
    import jax
    import jax.numpy as jnp

    n = 2**20  # a mean beyond 5 standard errors has the probability 6e-7
    theirs = jax.nn.initializers.normal(1.0)(jax.random.key(0), (n,), jnp.bfloat16)
    ours = ui.draw(ui.normal(0.0, 1.0), (n,), seed=0, backend="jax", dtype="bfloat16")
    distinct = [len(np.unique(np.asarray(w).view(np.uint16))) for w in (theirs, ours)]
    errors = [abs(np.asarray(w).astype(np.float64).mean()) * n**0.5 for w in (theirs, ours)]
    assert distinct[0] == 128
    assert distinct[1] > 3000
    assert errors[0] > 10
    assert errors[1] < 5


@pytest.mark.needs("torch")
def test_what_is_of_torch_and_no_tensor_is_refused() -> None:
    """As a seed and as a target."""
    import torch

    from unified_init.backends import _torch

    seed = torch.tensor(3)
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, 3, seed=seed)
    target: Any = torch.Generator()
    with refused(ui.UnifiedInitError):
        ui.fill(target, NORMAL, seed=0, name="w")
    # Off the host there is no memory to share; the tensor is then drawn where it lies, and copied.
    assert _torch.writable(torch.empty(2, device="meta")) is None


@pytest.mark.needs("torch")
def test_truth_values_of_torch_are_no_lengths() -> None:
    """``operator.index`` takes them for 0 and 1."""
    import torch

    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, (3, torch.tensor(data=True)), seed=0)
    with refused(ui.UnifiedInitError):
        ui.draw(NORMAL, (3, True), seed=0)


@pytest.mark.needs("tensorflow")
def test_a_tensor_of_tensorflow_is_no_seed() -> None:
    """Only its generators are."""
    import tensorflow as tf

    seed = tf.constant([1, 2])
    with refused(ui.UnifiedInitError, hidden=re.escape(repr(seed))):
        ui.draw(NORMAL, 3, seed=seed)


@pytest.mark.needs("jax")
def test_a_device_of_jax_is_no_seed() -> None:
    """An object of JAX that is no array."""
    import jax

    device = jax.devices()[0]
    with refused(ui.UnifiedInitError, hidden=re.escape(repr(device))):
        ui.draw(NORMAL, 3, seed=device)


@pytest.mark.needs("jax")
def test_a_jitted_draw_may_name_its_device() -> None:
    """In a trace the graph program runs there."""
    import jax

    drawn = jax.jit(lambda key: ui.draw(NORMAL, (6, 4), seed=key, device=jax.devices()[0]))(jax.random.key(7))
    assert differing(np.asarray(drawn), reference(NORMAL, (6, 4), seed=7)) == 0


TWO_DEVICES = """
import tensorflow as tf
host = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(host, [tf.config.LogicalDeviceConfiguration()] * 2)
import unified_init as ui
drawn = ui.draw(ui.normal(0.0, 1.0), (6, 4), seed=7, backend="tensorflow", device="CPU:1")
print(drawn.device.rpartition("/")[2], ui.digest(drawn))
"""


@pytest.mark.needs("tensorflow")
def test_tensorflow_draws_on_a_second_device() -> None:
    """Not on the host: the compiled graph program, on the device that was named."""
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.split() == ["device:CPU:1", ui.digest(reference(NORMAL, (6, 4), seed=7))]


@pytest.mark.needs("keras")
def test_a_backend_of_keras_that_is_not_ours_gets_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO takes NumPy's arrays."""
    import keras

    init = ui.as_keras(NORMAL, seed=7, name="w")
    monkeypatch.setattr(keras.config, "backend", lambda: "openvino")
    drawn = init((6, 4), dtype="float32")
    monkeypatch.undo()
    assert isinstance(drawn, np.ndarray)
    assert differing(drawn, reference(NORMAL, (6, 4), seed=7, name="w")) == 0


# In a process whose processor flushes subnormal numbers, as operands too, after a draw of each and before.
FLUSHED = """
import json
import torch
import unified_init as ui
from unified_init.stream import host, c_runner, numpy_runner, table, threefry
specs = [
    ui.normal(0.0, 1.0), ui.normal(0.0, 2.0**-90), ui.uniform(-(2.0**-89), 2.0**-89), ui.normal(0.0, 1e-6),
    ui.truncated_normal(0.0, 2.0**-88, -2.0, 2.0), ui.sparse(0.5, 2.0**-89), ui.orthogonal(2.0**-89),
    ui.truncated_normal(0.0, 1.0, 35.0, float("inf")), ui.truncated_normal(0.0, 1.0, -35.00001, -35.0),
]
def drawn(spec):
    host._prepare_cached.cache_clear()
    table._compile.cache_clear()
    lines = []
    compiled = [c_runner.runner_of(name) for name in c_runner.INSTRUCTION_SETS]
    for runner in (numpy_runner.prepare, *compiled):
        host.default_runner = lambda: host.HostRunner("", runner, threefry.named_key)
        for dtype in ("float32", "bfloat16", "float16", "float8_e5m2", "float64"):
            for backend in ("numpy", "torch"):
                tensor = ui.draw(spec, (40, 30), seed=1, layout="OI", dtype=dtype, backend=backend)
                lines.append(ui.digest(tensor))
    return lines
before = [drawn(spec) for spec in specs]
constants = [ui.draw(ui.constant(value), ()).tobytes().hex() for value in (1e-40, 2.0**-126)]
assert torch.set_flush_denormal(True)
differing = [spec.label for spec, lines in zip(specs, before) if drawn(spec) != lines]
flushed = [ui.draw(ui.constant(value), ()).tobytes().hex() for value in (1e-40, 2.0**-126)]
print(json.dumps([differing, constants, flushed]))
"""


@pytest.mark.needs("torch", "c")
def test_flushed_subnormals_change_constants_and_no_draw() -> None:
    """As the pages say: a subnormal constant is 0 then, and the smallest normal number is itself."""
    import torch

    if not torch.set_flush_denormal(False):
        pytest.skip("the processor cannot flush subnormals")
    done = subprocess.run([sys.executable, "-c", FLUSHED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    differing_specs, constants, flushed = json.loads(done.stdout)
    assert differing_specs == []
    assert constants == [np.float32(1e-40).tobytes().hex(), np.float32(2.0**-126).tobytes().hex()]
    assert flushed == ["00000000", constants[1]]


@pytest.mark.needs("torch")
def test_a_generator_has_no_number_inside_of_vmap() -> None:
    """It is refused before it is advanced, whatever vmap says of randomness; a seed is drawn, and so under grad."""
    import torch

    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()

    def drawn(x: Any, seed: Any) -> Any:
        return x * ui.draw(NORMAL, (3,), seed=seed, backend="torch")

    for transform in (
        torch.func.vmap(lambda x: drawn(x, generator)),
        torch.func.vmap(lambda x: drawn(x, generator), randomness="different"),
        torch.func.vmap(torch.func.grad(lambda x: drawn(x, generator).sum())),
    ):
        with refused(ui.ArgumentValueError):
            transform(torch.ones(2, 3))
    assert torch.equal(generator.get_state(), state)
    expected = torch.from_numpy(reference(NORMAL, (3,), seed=7))
    assert torch.equal(torch.func.vmap(lambda x: drawn(x, 7))(torch.ones(2, 3)), expected.expand(2, 3))
    torch.func.grad(lambda x: drawn(x, generator).sum())(torch.ones(3))
    assert not torch.equal(generator.get_state(), state)


CONVERTING = """
import sys
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
tnp.experimental_enable_numpy_behavior(dtype_conversion_mode=sys.argv[1])
import unified_init as ui
for dtype in ("float32", "bfloat16", "float64", "complex64", "complex128"):
    def drawn():
        return ui.draw(ui.normal(0.0, 1.0), (6, 4), seed=7, backend="tensorflow", dtype=dtype)
    print(ui.digest(drawn()) == ui.digest(tf.function(drawn)()))
"""


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize(
    "mode", ["all", *(pytest.param(mode, marks=pytest.mark.more) for mode in ("safe", "legacy"))]
)
def test_numpy_behavior_of_tensorflow_changes_nothing(mode: str) -> None:
    """Under which a Python int is an int32, in every type."""
    done = subprocess.run(
        [sys.executable, "-c", CONVERTING, mode], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True"] * 5, done.stderr[-2000:]
