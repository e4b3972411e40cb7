"""A message from each rank of a PyTorch job to all."""

from __future__ import annotations

from typing import Any

import torch

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError

__all__ = ["gathered"]


def gathered(message: bytes, group: Any) -> list[bytes]:
    """Return the messages of all ranks of a group, which are of one length; None is all ranks."""
    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_initialized():
        msg = "agree() compares the ranks of torch.distributed, which is not initialized."
        raise BackendError(msg)
    if group is distributed.GroupMember.NON_GROUP_MEMBER:  # what new_group returns elsewhere
        msg = "`group` must have this rank in it: call agree() on its ranks only."
        raise ArgumentValueError(msg)
    if group is not None and distributed.ProcessGroup not in type(group).__mro__:
        msg = f"`group` must be a process group of torch.distributed or None, got {shown(group)}."
        raise ArgumentTypeError(msg)
    # NCCL and its like send what is on their devices, gloo and MPI what is on the host.
    on_host = {"gloo", "mpi", "fake"} & set(distributed.get_backend(group).replace(":", ",").split(","))
    device = torch.device("cpu") if on_host else torch.accelerator.current_accelerator()
    own = torch.tensor(list(message), dtype=torch.uint8, device=device)
    everyone = [torch.empty_like(own) for _ in range(distributed.get_world_size(group))]
    distributed.all_gather(everyone, own, group=group)
    return [bytes(other.tolist()) for other in everyone]
