"""Two ranks of a pipeline on one machine: each has a part of a decoder, fills it, and trains with the other.

``python pipeline_ranks.py`` forks them and prints one line of JSON for each case.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tests.helpers.gloo_ranks import Block
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe, SplitPoint, pipeline

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCKS, WORLD = 4, 2
DEEP = ui.Rule(spec=ui.normal(0.0, 0.01), name=("blocks.2.*", "blocks.3.*"), role="kernel", optional=True)
TABLE = ui.Rule(spec=ui.normal(0.0, 1.0), kind="embedding", optional=True)
RECIPE = ui.Recipe("mine", (DEEP, TABLE, *ui.recipes.torch_default().rules))


class Decoder(torch.nn.Module):
    """Words in, logits out; what a stage leaves out is None."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.embed: Any = torch.nn.Embedding(5, 6)
        self.blocks = torch.nn.ModuleDict({str(number): Block(7) for number in range(BLOCKS)})
        self.head: Any = torch.nn.Linear(6, 5, bias=False)

    def forward(self, x: Any) -> Any:
        """Return the logits, or what the next stage takes."""
        x = x if self.embed is None else self.embed(x)
        for block in self.blocks.values():
            x = block(x)
        return x if self.head is None else self.head(x)


class Stage(torch.nn.Module):
    """A stage that counts its own layers from 0."""

    def __init__(self, first: bool) -> None:  # noqa: FBT001  # the only one
        """Make the layers."""
        super().__init__()
        blocks = [Block(7) for _ in range(BLOCKS // WORLD)]
        ends = torch.nn.Embedding(5, 6) if first else torch.nn.Linear(6, 5, bias=False)
        self.layers = torch.nn.Sequential(*([ends, *blocks] if first else [*blocks, ends]))

    def forward(self, x: Any) -> Any:
        """Return the logits, or what the next stage takes."""
        return self.layers(x)


def owned(index: int) -> list[str]:
    """Return the names of a stage's blocks in the whole model."""
    half = BLOCKS // WORLD
    return [str(number) for number in range(index * half, (index + 1) * half)]


def with_layers_left_out(index: int) -> tuple[Any, dict[str, str]]:
    """Cut the whole model, without memory: names stay, and recipes and values with them."""
    with ui.unfilled():
        model = Decoder()
    for number in list(model.blocks):
        if number not in owned(index):
            del model.blocks[number]
    if index:
        model.embed = None
    else:
        model.head = None
    model, _ = ui.materialize(model, RECIPE, seed=1, device="cpu")
    return model, {name: name for name, _ in model.named_parameters()}


def with_numbers_of_its_own(index: int) -> tuple[Any, dict[str, str]]:
    """Give each parameter the name that it has in the whole model; rules see the stage's own paths."""
    with ui.unfilled():
        model = Stage(not index)
    owners = ["embed", *(f"blocks.{name}" for name in owned(0))] if not index else [
        *(f"blocks.{name}" for name in owned(1)), "head",
    ]  # fmt: skip
    names = {}
    for name, _ in model.named_parameters():
        _, number, rest = name.split(".", 2)
        names[name] = f"{owners[int(number)]}.{rest}"
    model, _ = ui.materialize(model, RECIPE, seed=1, device="cpu", names=names)
    return model, names


def traced(index: int) -> tuple[Any, dict[str, str]]:
    """Apply to the whole model, and let torch cut it: its stages are no layers any more, but keep the tensors."""
    model, _ = ui.apply(Decoder(), RECIPE, seed=1)
    points = {f"blocks.{BLOCKS // 2}": SplitPoint.BEGINNING}
    stage = pipeline(model, (torch.zeros(2, 3, dtype=torch.int64),), split_spec=points).get_stage_module(
        index
    )
    return stage, {name: name for name, _ in stage.named_parameters()}


CASES: dict[str, Callable[[int], tuple[Any, dict[str, str]]]] = {
    "names stay": with_layers_left_out,
    "names given": with_numbers_of_its_own,
    "traced": traced,
}


def loss_of(logits: Any, words: Any) -> Any:
    """Return the mean over all words."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), words.flatten())


def differing(stage: Any, names: dict[str, str], whole: Any) -> list[str]:
    """Return the parameters that are not those of the whole model."""
    wanted = dict(whole.named_parameters())
    return [name for name, tensor in stage.named_parameters() if not torch.equal(tensor, wanted[names[name]])]


def checked(case: str, index: int) -> dict[str, Any]:
    """Return what a case gives on this rank: values, and three steps of training compared with one process."""
    whole, _ = ui.apply(Decoder(), RECIPE, seed=1)
    module, names = CASES[case](index)
    result: dict[str, Any] = {"case": case, "names": sorted(names.values())}
    result["differing"] = differing(module, names, whole)
    stage = PipelineStage(module, index, WORLD, torch.device("cpu"))
    schedule = ScheduleGPipe(stage, n_microbatches=2, loss_fn=loss_of)
    words = torch.tensor([[0, 1, 2], [3, 4, 0], [1, 3, 2], [2, 2, 4]])
    optimizer, alone = (torch.optim.SGD(model.parameters(), lr=0.1) for model in (module, whole))
    result["losses"] = []
    for _ in range(3):
        optimizer.zero_grad()
        losses: list[Any] = []
        schedule.step(*([] if index else [words]), target=words if index else None, losses=losses)
        optimizer.step()
        alone.zero_grad()
        loss = loss_of(whole(words), words)
        loss.backward()
        alone.step()
        if index:
            result["losses"].append(abs(torch.stack(losses).mean().item() - loss.item()))
    wanted = dict(whole.named_parameters())
    result["distance"] = max(
        (tensor - wanted[names[name]]).abs().max().item() for name, tensor in module.named_parameters()
    )
    return result


def rank(index: int, file: str) -> None:
    """Be one rank; the first prints."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=index, world_size=WORLD)
    for case in CASES:
        result = checked(case, index)
        everyone: list[Any] = [None] * WORLD
        torch.distributed.all_gather_object(everyone, result)
        if not index:
            sys.stdout.write(json.dumps(everyone) + "\n")
            sys.stdout.flush()
    torch.distributed.destroy_process_group()


def main() -> None:
    """Fork the ranks."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            rank, (str(Path(folder, "store")),), nprocs=WORLD, start_method="fork"
        )


if __name__ == "__main__":
    main()
