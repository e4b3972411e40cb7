"""Memory that cannot be allocated, in every framework: our error, and its generator is where it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.parity.variants import reference
from unified_init.testing.bits import differing

# In a process of its own, with a quarter of a gigabyte to spend: a second device of the host, where there is one.
LIMITED = """
import json, resource, sys
import numpy as np
import unified_init as ui
backend = sys.argv[1]
kinds = {"numpy": (lambda: np.random.default_rng(0), lambda g: str(g.bit_generator.state))}
devices = [None]
if backend == "torch":
    import torch
    kinds["torch"] = (lambda: torch.Generator().manual_seed(0), lambda g: g.get_state().tolist())
elif backend == "tensorflow":
    import tensorflow as tf
    host = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(host, [tf.config.LogicalDeviceConfiguration()] * 2)
    kinds["tensorflow"] = (lambda: tf.random.Generator.from_seed(0), lambda g: g.state.numpy().tolist())
    devices.append("CPU:1")
else:
    import jax
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("x",))
    devices += [jax.devices()[1], jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())]
NORMAL = ui.normal(0.0, 1.0)
for device in devices:
    for spec in (NORMAL, ui.zeros(), ui.orthogonal(), ui.sparse(0.5)):
        ui.draw(spec, (9, 9), seed=0, backend=backend, device=device)
for kind, (make, _) in kinds.items():
    ui.draw(NORMAL, (3,), seed=make(), backend=backend)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 28)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
matrices = [((2**14, 2**14), None), ((2**20, 2**20), (0, 0)), ((2**31, 2**31), (0, 0))]
tensors = [((1,) * 65, None), ((1,) * 255, None), ((2**62,), None), ((2**40,), None), ((2**31,), None),
           ((2**33,), None), ((2**16, 2**16, 2**16), None)]
requests = [(NORMAL, *request) for request in tensors + matrices[:1]]
requests += [(ui.zeros(), *request) for request in tensors + matrices[:1]]
requests += [(spec, *request) for spec in (ui.orthogonal(), ui.sparse(0.5)) for request in matrices]
requests.append((ui.identity(), *matrices[0]))  # a slice of it is drawn alone
lines, refusals = [], 0
for device in devices:
    for dtype in ("float32", "bfloat16"):
        for spec, shape, index in requests:
            for kind, (make, state) in kinds.items():
                request = f"{spec.label} {shape} {index} {dtype} {device} {kind}"
                generator = make()
                before = state(generator)
                try:
                    ui.draw(spec, shape, seed=generator, index=index, dtype=dtype, backend=backend, device=device)
                except ui.UnifiedInitError:
                    refusals += 1
                except Exception as error:
                    lines.append(f"{request}: {type(error).__name__}: {error}")
                else:
                    lines.append(f"{request}: drawn")
                if state(generator) != before:
                    lines.append(f"{request}: the generator was advanced")
if backend == "torch":
    target = torch.full((2**23,), 7.0)
    hoard = []
    try:
        while True:
            hoard.append(bytearray(1 << 20))
    except MemoryError:
        hoard = hoard[2:]
    for part in (target, target[::2]):
        generator = make()
        try:
            ui.fill(part, NORMAL, seed=generator)
            lines.append(f"filled {len(part)}")
        except ui.UnifiedInitError:
            refusals += 1
        if state(generator) != state(make()):
            lines.append("the fill advanced its generator")
    del hoard
    if not (target == 7).all():
        lines.append("the fill left a trace")
print(json.dumps([lines, refusals]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space and reads /proc")
@pytest.mark.parametrize(
    "backend", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("torch", "tensorflow", "jax")]
)
def test_what_cannot_be_had_is_refused_before_a_generator_is_advanced(backend: str) -> None:
    """On the host and on other devices, sharded too, by the framework's generators and NumPy's."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, backend], capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | flags,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines, refusals = json.loads(done.stdout)
    assert lines == []
    assert refusals > 40


@pytest.mark.needs("jax")
def test_a_trace_that_cannot_be_made_leaves_a_generator_alone() -> None:
    """Its counters are arrays of the host, though the tensor is none; what can be traced is not refused."""
    import jax

    generator = np.random.default_rng(0)
    state = generator.bit_generator.state

    def abstract(shape: tuple[int, ...], spec: ui.Initializer, **options: Any) -> Any:
        return jax.eval_shape(lambda: ui.draw(spec, shape, seed=generator, backend="jax", **options))

    for spec, shape in ((ui.normal(0.0, 1.0), (2**45,)), (ui.orthogonal(), (2**24, 2**24))):
        with refused(ui.ArgumentValueError, hidden="(?<=cannot be allocated: ).*"):
            abstract(shape, spec)
    with refused(ui.ArgumentValueError, hidden="(?<=1\\)): .*"):
        abstract((1,) * 65, ui.normal(0.0, 1.0))
    with refused(ui.ArgumentValueError, hidden="(?<=1\\)): .*"):
        abstract((1,) * 65, ui.ones())
    assert generator.bit_generator.state == state
    assert abstract((2**20, 2**20), ui.normal(0.0, 1.0)).shape == (2**20, 2**20)


@pytest.mark.needs("jax")
@pytest.mark.parametrize(
    "spec",
    [
        ui.mixture((0.5, 0.5), (ui.normal(0.0, 0.1), ui.uniform(0.0, 1.0))),
        ui.with_norm(ui.he_normal(), "spectral"),
    ],
    ids=["a mixture", "a norm"],
)
def test_a_trace_of_more_values_than_memory_has(spec: ui.Initializer) -> None:
    """What is made of independent draws takes as little to trace as they do."""
    import jax

    def draw(key: Any) -> Any:
        return ui.draw(spec, (2**20, 2**21), layout="OI", seed=key, name="w", backend="jax")

    assert jax.eval_shape(draw, jax.random.key(0)).shape == (2**20, 2**21)


@pytest.mark.needs("torch")
def test_a_tensor_of_more_axes_than_numpys_is_not_filled() -> None:
    """PyTorch has no limit of its own."""
    import torch

    target = torch.ones((1,) * 70)
    with refused(ui.ArgumentValueError, hidden="(?<=1\\)): .*"):
        ui.fill(target, ui.normal(0.0, 1.0), seed=0, name="w")
    assert target.item() == 1.0


@pytest.mark.needs("tensorflow")
def test_a_generator_on_another_device_draws_what_it_draws_on_the_host() -> None:
    """Memory is asked for there first, which changes no value; that of accelerators is TensorFlow's own affair."""
    import tensorflow as tf

    from unified_init.backends import _tensorflow

    _tensorflow.reserve((2**60,), "float32", "/device:GPU:0")
    _tensorflow.reserve((5, 3), "complex128", "/device:CPU:1")
    seed = int(tf.random.Generator.from_seed(3).uniform_full_int([], dtype=tf.uint64))
    drawn = ui.draw(
        ui.normal(0.0, 1.0),
        (5, 3),
        seed=tf.random.Generator.from_seed(3),
        backend="tensorflow",
        device="CPU:0",
    )
    assert differing(drawn.numpy(), reference(ui.normal(0.0, 1.0), (5, 3), seed=seed)) == 0
