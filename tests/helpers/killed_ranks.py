"""Two ranks that initialize a sharded model, of which one is killed in the middle; started again, both finish.

``python killed_ranks.py RANK FOLDER KILLED``: the rank ``KILLED`` kills itself after some draws (none is killed for -1).
A rank writes its part of each tensor into ``FOLDER`` when it is done, and says what came of a collective after that.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import unified_init as ui
from unified_init.stream import host

WORLD, DRAWS = 2, 3


def build() -> Any:
    """Return a model of uneven sizes."""
    return torch.nn.Sequential(torch.nn.Embedding(11, 6), torch.nn.Linear(6, 7), torch.nn.Linear(7, 5))


def kill_after(draws: int) -> None:
    """Kill this process when it has drawn so many tensors and half of one more."""
    module: Any = host
    run, count = host._run, [0]

    def counted(flat: Any, *arguments: Any) -> None:
        count[0] += 1
        if count[0] > draws:
            flat[: flat.size // 2] = 0
            os.kill(os.getpid(), signal.SIGKILL)
        run(flat, *arguments)

    module._run = counted


def main() -> None:
    """Be one rank."""
    rank, folder, killed = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store{killed}", rank=rank, world_size=WORLD,
        timeout=timedelta(seconds=30),
    )  # fmt: skip
    with ui.unfilled():
        model = build()
    fully_shard(model, mesh=init_device_mesh("cpu", (WORLD,)))
    torch.distributed.barrier()
    if rank == killed:
        kill_after(DRAWS)
    model, _ = ui.materialize(model, ui.recipes.torch_default(), seed=0)
    parts = {name: value.to_local().numpy() for name, value in model.state_dict().items()}
    np.savez(folder / f"rank{rank}.npz", **parts)
    try:
        torch.distributed.barrier()
    except RuntimeError:
        sys.stdout.write("the other is gone\n")
    else:
        sys.stdout.write("both are there\n")


if __name__ == "__main__":
    main()
