"""Initialize a sharded Flax NNX model without any device holding a whole parameter.

XLA_FLAGS=--xla_force_host_platform_device_count=8 python examples/sharded_jax.py
"""

import jax
from flax import nnx

import unified_init as ui

mesh = jax.make_mesh((4, 2), ("data", "model"))


def make() -> nnx.Sequential:
    """Return two layers whose kernels are sharded over both axes of the mesh."""
    rngs = nnx.Rngs(0)
    sharded = nnx.with_partitioning(nnx.initializers.zeros, ("data", "model"))
    up = nnx.Linear(64, 256, kernel_init=sharded, rngs=rngs)
    down = nnx.Linear(256, 64, kernel_init=sharded, rngs=rngs)
    return nnx.Sequential(up, nnx.relu, down)


with jax.set_mesh(mesh):
    abstract = nnx.eval_shape(make)  # shapes and shardings, no memory
    model, report = ui.apply(abstract, ui.recipes.flax_nnx_default(), seed=0)

kernel = model.layers[0].kernel.get_value()
whole = ui.draw(ui.lecun_normal(), (64, 256), layout="IO", seed=0, name="layers/0/kernel")
equal = all(bool((shard.data == whole[shard.index]).all()) for shard in kernel.addressable_shards)
print(f"{len(report.written)} parameters on {len(kernel.sharding.device_set)} devices")
print(f"a shard of layers/0/kernel: {kernel.addressable_shards[0].data.shape} of {kernel.shape}")
print(f"equal to the unsharded draw: {equal}")
