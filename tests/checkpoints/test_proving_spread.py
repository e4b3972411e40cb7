"""Sharded models are proven where they are: each process compares what it holds, and nothing is gathered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

JAX = """
import json
import jax
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec as P
import unified_init as ui
mesh = jax.make_mesh((4, 2), ("x", "y"))
model = nnx.Linear(32, 16, rngs=nnx.Rngs(0))
model.kernel.set_value(jax.device_put(model.kernel.get_value(), NamedSharding(mesh, P("x", None))))
recipe = ui.recipes.flax_nnx_default()
model, _ = ui.apply(model, recipe, seed=0)
right, other = ui.verify(model, recipe, seed=0), ui.verify(model, recipe, seed=1)
kernel = np.array(model.kernel.get_value())
kernel[9, 3] += 1.0
model.kernel.set_value(jax.device_put(kernel, NamedSharding(mesh, P("x", "y"))))
wrong = ui.verify(model, recipe, seed=0)
print(json.dumps([right.ok, right.total, other.ok, [str(box) for box in wrong.wrong]]))
"""
TORCH = """
import json
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.testing._internal.distributed.fake_pg import FakeStore
import unified_init as ui
torch.distributed.init_process_group("fake", rank=2, world_size=4, store=FakeStore())
mesh = init_device_mesh("cpu", (4,))
model = torch.nn.Linear(6, 10)
for name, place in (("weight", Shard(0)), ("bias", Replicate())):
    value = DTensor.from_local(torch.zeros(3, 6) if name == "weight" else torch.zeros(10), mesh, [place],
                               shape=getattr(model, name).shape, stride=getattr(model, name).stride())
    setattr(model, name, torch.nn.Parameter(value))
recipe = ui.recipes.torch_default()
model, _ = ui.apply(model, recipe, seed=0)
right = ui.verify(model, recipe, seed=0)
with torch.no_grad():
    model.weight.to_local()[1, 4] = 9.0
wrong = ui.verify(model, recipe, seed=0)
print(json.dumps([right.ok, right.total, ui.verify(model, recipe, seed=1).ok, [str(box) for box in wrong.wrong]]))
"""


def run(script: str) -> list[object]:
    """Return the JSON that a fresh interpreter prints last."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ | flags
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: list[object] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.needs("flax")
def test_shards_of_jax_are_compared_once_each() -> None:
    """Eight devices: replicas count once, and a wrong value is named by its place in the whole."""
    assert run(JAX) == [True, 32 * 16 + 16, False, ["kernel[9:10, 3:4]: 1 of 1 values differs"]]


@pytest.mark.needs("torch")
def test_a_rank_compares_its_part_of_dtensors() -> None:
    """Rank 2 of 4 holds rows 6 to 8 of ten, and the whole bias."""
    assert run(TORCH) == [True, 3 * 6 + 10, False, ["weight[7:8, 4:5]: 1 of 1 values differs"]]
