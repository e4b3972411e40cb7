"""Ranks on one machine: shards a small decoder in several ways, fills it, and compares with one process.

``python gloo_ranks.py WORLD`` forks that many processes, which talk by gloo, and prints one line of JSON for each case.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor, Shard
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = ui.recipes.torch_default()
PLAN = {"up": ColwiseParallel, "gate": ColwiseParallel, "down": RowwiseParallel}


class Block(torch.nn.Module):
    """A gated MLP with a norm and a fused projection, of sizes that no world divides."""

    def __init__(self, inner: int) -> None:
        """Make the layers."""
        super().__init__()
        self.norm = torch.nn.LayerNorm(6)
        self.qkv = torch.nn.Linear(6, 18, bias=False)
        self.up, self.gate = torch.nn.Linear(6, inner), torch.nn.Linear(6, inner)
        self.down = torch.nn.Linear(inner, 6)

    def forward(self, x: Any) -> Any:
        """Return the input, changed."""
        hidden = self.norm(x)
        query, key, value = self.qkv(hidden).chunk(3, -1)
        return x + query * key * value + self.down(self.up(hidden) * self.gate(hidden).sigmoid())


class Decoder(torch.nn.Module):
    """Words in, logits out; the head is tied."""

    def __init__(self, inner: int = 7) -> None:
        """Make the layers."""
        super().__init__()
        self.embed = torch.nn.Embedding(5, 6, padding_idx=4)
        self.blocks = torch.nn.ModuleList(Block(inner) for _ in range(2))
        self.head = torch.nn.Linear(6, 5, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.full((1,), 0.5), persistent=False)

    def forward(self, words: Any) -> Any:
        """Return the logits."""
        x = self.embed(words) * self.scale
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def fsdp(model: Any, world: int, **options: Any) -> None:
    """Shard each block, and the rest."""
    options = {"mesh": init_device_mesh("cpu", (world,)), **options}
    for block in model.blocks:
        fully_shard(block, **options)
    fully_shard(model, **options)


def hsdp(model: Any, world: int) -> None:
    """Shard over one axis, replicate over the other."""
    fsdp(model, world, mesh=init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("replicate", "shard")))


def second_axis(model: Any, world: int) -> None:
    """Shard matrices along their second axis, which divides."""
    del world
    fsdp(
        model,
        2,
        shard_placement_fn=lambda tensor: Shard(1) if tensor.ndim > 1 and not tensor.shape[1] % 2 else None,
    )


def tensor_parallel(model: Any, world: int, mesh: Any = None) -> None:
    """Cut the MLPs by columns and rows."""
    mesh = init_device_mesh("cpu", (world,)) if mesh is None else mesh
    for block in model.blocks:
        parallelize_module(block, mesh, {name: style() for name, style in PLAN.items()})


def both(model: Any, world: int) -> None:
    """Cut the MLPs along one axis of the mesh, and shard all along the other: strided shards."""
    mesh = init_device_mesh("cpu", (world // 2, 2), mesh_dim_names=("data", "tensor"))
    tensor_parallel(model, world, mesh["tensor"])
    fsdp(model, world, mesh=mesh["data"])


CASES: dict[int, dict[str, Callable[[Any, int], None]]] = {
    2: {
        "FSDP2": fsdp,
        "CPU offload": lambda model, world: fsdp(
            model, world, offload_policy=CPUOffloadPolicy(pin_memory=False)
        ),
        "second axis": second_axis,
        "TP": tensor_parallel,
    },
    4: {"FSDP2": fsdp, "HSDP": hsdp, "TP": tensor_parallel, "FSDP and TP": both},
}


def gathered(model: Any) -> dict[str, Any]:
    """Return the tensors of a model, each whole."""
    return {
        name: (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach()
        for name, tensor in model.named_parameters(remove_duplicate=False)
    }


def differing(model: Any, seed: int, inner: int) -> list[str]:
    """Return the parameters that have not the bits of one process."""
    expected, _ = ui.apply(Decoder(inner), RECIPE, seed=seed)
    wanted = dict(expected.named_parameters(remove_duplicate=False))
    tensors = gathered(model)
    return sorted(tensors.keys() ^ wanted.keys()) + [
        name for name, tensor in tensors.items() if not torch.equal(tensor, wanted[name].detach())
    ]


def trained(model: Any) -> list[float]:
    """Return the losses of three steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    words, losses = torch.tensor([[0, 1, 2, 3]]), []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(words)[0], words[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def checked(name: str, world: int) -> dict[str, Any]:
    """Return what a case gives on this rank."""
    inner = 8 if "TP" in name else 7
    with ui.unfilled():
        model = Decoder(inner)
    CASES[world][name](model, world)
    before = torch.get_rng_state()
    with CommDebugMode() as comms:
        ui.materialize(model, RECIPE, seed=1, device="cpu")
    is_kept, materialized = torch.equal(before, torch.get_rng_state()), differing(model, 1, inner)
    with CommDebugMode() as again:
        ui.apply(model, RECIPE, seed=2)
    result = {
        "case": name,
        "communications": comms.get_total_counts() + again.get_total_counts(),
        "generator": is_kept,
        "differing": [*materialized, *differing(model, 2, inner)],
    }
    result["placements"] = sorted(
        {str(tensor.placements) for tensor in model.parameters() if isinstance(tensor, DTensor)}
    )
    result["values"] = sum(
        (tensor._local_tensor if isinstance(tensor, DTensor) else tensor).numel()
        for tensor in model.parameters()
    )
    if "TP" not in name:
        single, _ = ui.apply(Decoder(inner), RECIPE, seed=2)
        result["losses"] = [
            abs(one - other) for one, other in zip(trained(model), trained(single), strict=True)
        ]
    result["ties"] = model.head.weight is model.embed.weight
    return result


def agreements(index: int) -> list[str]:
    """Return what ``agree`` says where ranks had one seed and recipe, where they had several, and by itself."""
    said = []
    alone = [torch.distributed.new_group([0]), torch.distributed.new_group([1])][min(index, 1)]
    other = ui.Recipe(RECIPE.name, RECIPE.rules[:-1])
    for seed, recipe, rules, group in (
        (0, RECIPE, None, None), (index, RECIPE, None, None), (0, ui.recipes.keras_default() if index else RECIPE, None, None),
        (0, RECIPE, other if index else RECIPE, None), (index, RECIPE, None, alone),
    ):  # fmt: skip
        _, report = ui.apply(torch.nn.Linear(2, 2), recipe, seed=seed)
        try:
            ui.agree(report, recipe=rules, group=group)
        except ui.UnifiedInitError as error:
            said.append(f"{type(error).__name__}: {error}")
        else:
            said.append("agreed")
    return said


def rank(index: int, world: int, file: str) -> None:
    """Be one rank; the first prints, all fail where they differ."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=index, world_size=world)
    for name in CASES[world]:
        result = checked(name, world)
        everyone: list[Any] = [None] * world
        torch.distributed.all_gather_object(everyone, result)
        if not index:
            sys.stdout.write(json.dumps(everyone) + "\n")
            sys.stdout.flush()
    said = agreements(index)
    if not index:
        sys.stdout.write(json.dumps(said) + "\n")
    torch.distributed.destroy_process_group()


def main() -> None:
    """Fork the ranks."""
    world = int(sys.argv[1])
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            rank, (world, str(Path(folder, "store"))), nprocs=world, start_method="fork"
        )


if __name__ == "__main__":
    main()
