"""Initialize torchtitan's debug Llama on two ranks with its own functions, and compare with one process.

``python -m tools.titan`` starts two processes, which talk by gloo, and prints a line for each case. All
ranks together must have the weights of one process to the bit, torchtitan's own rotary tables, and the losses
of one process in three steps of training. ``nox -s titan`` installs what it needs.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torchtitan.components.loss import cross_entropy_loss
from torchtitan.config import CompileConfig, ParallelismConfig, TrainingConfig
from torchtitan.distributed import ParallelDims, full_dtensor, parallel_dims, utils
from torchtitan.models.common.attention import ScaledDotProductAttention
from torchtitan.models.llama3 import llama3_configs, parallelize_llama
from torchtitan.models.llama3.sharding import set_llama3_sharding_config

import unified_init as ui

# ruff: noqa: ANN401, TID253  # models of torchtitan

WORLD, BATCH, LENGTH, STEPS = 2, 2, 16, 3
RECIPE = ui.recipes.llama()
DEGREES = {"FSDP": (WORLD, 1), "TP": (1, WORLD)}
# torchtitan's third, "spmd_types", needs a newer PyTorch than 2.13: FSDP refuses its plain tensors.
BACKENDS = ("partial_dtensor", "full_dtensor")
WIDTH = 256  # of the debug model


def config() -> Any:
    """Return the configuration of the debug model, with the one kind of attention that trains on a CPU."""
    made = llama3_configs["debugmodel"]("flex")
    for layer in made.layers:
        layer.attention.inner_attention = ScaledDotProductAttention.Config()
        layer.attention.rope = dataclasses.replace(layer.attention.rope, max_seq_len=LENGTH)
    set_llama3_sharding_config(made, enable_sp=False)
    return made


def with_our_functions() -> Any:
    """Return the configuration in which each parameter is initialized by a function of ours."""
    made = config()
    with torch.device("meta"):
        model = made.build()
    for record in ui.inspect(model):
        layer, _, name = record.path.rpartition(".")
        owner = functools.reduce(
            lambda holder, key: holder[int(key)] if isinstance(holder, list) else getattr(holder, key),
            layer.split("."),
            made,
        )
        spec = ui.ones() if record.role == "scale" else ui.normal(0.0, 0.02)
        owner.param_init = {name: ui.as_torch(spec, seed=0, name=record.path, layout=record.layout)}
    return made


def materialized(shard: Any) -> Any:
    """Build without memory, shard, and give memory and values."""
    with ui.unfilled():
        model = config().build()
    return ui.materialize(shard(model), RECIPE, seed=0, device="cpu")[0]


def by_our_functions(shard: Any) -> Any:
    """Do what the trainer does, with our functions in the configuration."""
    with torch.device("meta"):
        model = with_our_functions().build()
    model = shard(model)
    model.to_empty(device="cpu")
    with torch.no_grad():
        model.init_weights(buffer_device=None)
    return model


def applied(shard: Any) -> Any:
    """Let the trainer's way give buffers their values, and write the parameters then."""
    with torch.device("meta"):
        model = config().build()
    model = shard(model)
    model.to_empty(device="cpu")
    with torch.no_grad():
        model.init_weights(buffer_device=None)
    return ui.apply(model, RECIPE, seed=0)[0]


WAYS = {"materialize": materialized, "param_init": by_our_functions, "apply": applied}


@functools.cache  # PyTorch takes an equal mesh for another one
def meshes(degrees: str, backend: str) -> ParallelDims:
    """Return torchtitan's meshes."""
    shard, tensor = DEGREES[degrees]
    dims = ParallelDims(
        dp_replicate=1, dp_shard=shard, cp=1, tp=tensor, pp=1, ep=1, world_size=WORLD, spmd_backend=backend
    )
    dims.build_mesh()
    return dims


def parallelized(model: Any, dims: ParallelDims) -> Any:
    """Shard a model as the trainer does."""
    parallelism = ParallelismConfig(
        data_parallel_shard_degree=dims.dp_shard,
        tensor_parallel_degree=dims.tp,
        spmd_backend=dims.spmd_backend,
    )
    training = TrainingConfig(mixed_precision_param="float32", mixed_precision_reduce="float32")
    sharded = parallelize_llama(
        model,
        parallel_dims=dims,
        training=training,
        parallelism=parallelism,
        compile_config=CompileConfig(enable=False),
        ac_config=None,
        dump_folder="",
    )
    for module in sharded.modules():
        if isinstance(module, FSDPModule):
            module.set_force_sum_reduction_for_comms(enable=True)  # gloo has no scaled sums
    return sharded


def tensors(model: Any) -> dict[str, Any]:
    """Return parameters and buffers, each whole."""
    both = [*model.named_parameters(), *model.named_buffers()]
    return {
        name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().clone()
        for name, tensor in both
    }


def trained(model: Any, dims: ParallelDims | None, words: Any) -> list[float]:
    """Return the losses of some steps, summed over the ranks that share a batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    shares = 1 if dims is None else dims.dp_shard
    part = words.chunk(shares)[0 if shares == 1 else torch.distributed.get_rank()]
    losses = []
    for _ in range(STEPS):
        inputs, labels = part[:, :-1], part[:, 1:]
        if dims is not None and dims.spmd_backend == "full_dtensor":
            inputs, labels, _ = full_dtensor.parallelize_inputs(dims, inputs, labels, {})
        loss = cross_entropy_loss(model(inputs), labels) / (BATCH * LENGTH)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss = loss.full_tensor() if isinstance(loss, DTensor) else loss.detach()
        if shares > 1 and (dims is None or dims.spmd_backend != "full_dtensor"):
            torch.distributed.all_reduce(loss)
        losses.append(loss.item())
    return losses


def wrong_parts(model: Any) -> list[str]:
    """Return the parts of a fused projection that torchtitan, which saves them apart, finds to be others."""
    path, shape, spec = "layers.0.attention.qkv_linear", (WIDTH, WIDTH), ui.normal(0.0, 0.02)
    saved = model.state_dict()
    return [
        part
        for part in "qkv"
        if not torch.equal(
            saved[f"{path}.w{part}.weight"],
            ui.draw(spec, shape, layout="OI", seed=0, name=f"{path}.wqkv.weight/{part}", backend="torch"),
        )
    ]


def checked(way: str, degrees: str, backend: str) -> str:
    """Return what is wrong with a case on this rank, or "equal" and the placements."""
    utils.set_spmd_backend("partial_dtensor")
    single = WAYS[way](lambda model: model)
    expected = tensors(single)
    utils.set_spmd_backend(backend)
    dims = meshes(degrees, backend)
    model = WAYS[way](lambda model: parallelized(model, dims))
    whole = tensors(model)
    wrong = sorted(whole.keys() ^ expected.keys()) + [
        name for name, tensor in whole.items() if not torch.equal(tensor, expected[name])
    ]
    wrong += [] if way == "param_init" else wrong_parts(single)
    words = torch.randint(2048, (BATCH, LENGTH + 1), generator=torch.Generator().manual_seed(0))
    losses = trained(model, dims, words)
    utils.set_spmd_backend("partial_dtensor")
    wanted = trained(single, None, words)
    distance = max(abs(one - other) for one, other in zip(losses, wanted, strict=True))
    if wrong or distance > 1e-5:  # noqa: PLR2004  # of losses near 8
        return f"differs: {wrong[:3]}, losses {losses} and {wanted}"
    placements = ", ".join(sorted({str(tensor.placements) for tensor in model.parameters()}))
    return f"equal: losses {wanted[0]:.4f} to {wanted[-1]:.4f}, within {distance:.1e}; {placements}"


def rank(index: int, file: str) -> None:
    """Be one rank; the first prints, and all fail where one differs."""
    parallel_dims.device_type = "cpu"  # it takes an NVIDIA device for granted
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=index, world_size=WORLD)
    for backend in BACKENDS:
        for degrees in DEGREES:
            for way in WAYS:
                result = checked(way, degrees, backend)
                results: list[Any] = [None] * WORLD
                torch.distributed.all_gather_object(results, result)
                if not index:
                    print(f"{backend}, {degrees}, {way}: {result}", flush=True)
                if not all(each.startswith("equal") for each in results):
                    sys.exit(1)
    torch.distributed.destroy_process_group()


def main() -> None:
    """Start the ranks."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            rank, (str(Path(folder, "store")),), nprocs=WORLD, start_method="fork"
        )


if __name__ == "__main__":
    main()
