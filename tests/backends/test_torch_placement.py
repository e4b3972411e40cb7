"""DTensors: this rank's part has the bits of the whole tensor, in every placement and without communication.

A fake process group lets one process be any rank of any world.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("torch")

NUMBERS = itertools.count()
OPTIONS: dict[str, Any] = {"seed": 5, "name": "w"}
SPECS = [ui.normal(0, 1), ui.orthogonal(), ui.sparse(0.25), ui.zeros(), ui.identity(), ui.he_normal()]


@contextlib.contextmanager
def rank_of(rank: int, *mesh_shape: int) -> Iterator[Any]:
    """Be one rank of a world of CPUs, and lend its mesh."""
    import torch
    from torch.distributed.device_mesh import DeviceMesh
    from torch.testing._internal.distributed.fake_pg import FakeStore

    world = int(np.prod(mesh_shape))
    torch.distributed.init_process_group("fake", rank=rank, world_size=world, store=FakeStore())
    try:
        # Its own names, since torch keeps what it knows of a mesh for meshes that are equal, of other ranks too.
        names = tuple(f"axis_{next(NUMBERS)}" for _ in mesh_shape)
        yield DeviceMesh("cpu", torch.arange(world).reshape(mesh_shape), mesh_dim_names=names)
    finally:
        torch.distributed.destroy_process_group()


def placed(mesh: Any, shape: tuple[int, ...], placements: Any, dtype: str = "float32") -> Any:
    """Return a DTensor of NaN, split as torch splits."""
    import torch

    whole = torch.full(shape, torch.nan, dtype=getattr(torch, dtype))
    local = cut(whole, mesh.shape, mesh.get_coordinate(), placements).contiguous()
    stride = tuple(torch.empty(shape, device="meta").stride())
    return torch.distributed.tensor.DTensor.from_local(
        local, mesh, placements, run_check=False, shape=whole.shape, stride=stride
    )


def cut(whole: Any, mesh_shape: Any, coordinate: Any, placements: Any) -> Any:
    """Return the part of a tensor that torch's own placements give a rank."""
    for count, position, placement in zip(mesh_shape, coordinate, placements, strict=True):
        if not placement.is_replicate():
            parts, _ = placement._split_tensor(whole, count, with_padding=False, contiguous=True)
            whole = parts[position]
    return whole


def a_placement(generator: random.Random, axes: int) -> Any:
    """Return one of the placements of one axis of a mesh."""
    from torch.distributed.tensor import Replicate, Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    kind, axis = generator.choice("RSSD"), generator.randrange(axes)
    if kind == "R":
        return Replicate()
    return Shard(axis) if kind == "S" else _StridedShard(axis, split_factor=generator.randint(1, 4))


def test_positions_are_those_of_torchs_own_splitting() -> None:
    """4,000 random tensors of 1 to 3 axes on meshes of 1 to 3: uneven, empty, strided, replicated."""
    import torch
    import torch.distributed.tensor

    from unified_init.backends.torch_placement import spans_of

    generator = random.Random(0)  # noqa: S311
    strided = empty = 0
    for _ in range(4000):
        shape = tuple(generator.randint(0, 11) for _ in range(generator.randint(1, 3)))
        mesh_shape = tuple(generator.randint(1, 4) for _ in range(generator.randint(1, 3)))
        coordinate = tuple(map(generator.randrange, mesh_shape))
        placements = tuple(a_placement(generator, len(shape)) for _ in mesh_shape)
        mesh = SimpleNamespace(shape=mesh_shape, get_coordinate=lambda coordinate=coordinate: coordinate)
        spans = spans_of(SimpleNamespace(shape=shape, device_mesh=mesh, placements=placements))
        whole = torch.arange(int(np.prod(shape))).reshape(shape)
        expected = cut(whole, mesh_shape, coordinate, placements)
        taken = whole
        for axis, pairs in enumerate(spans):
            positions = [position for pair in pairs for position in range(*pair)]
            taken = taken.index_select(axis, torch.tensor(positions, dtype=torch.int64))
        assert taken.shape == expected.shape
        assert torch.equal(taken, expected)
        strided += any(len(pairs) > 1 for pairs in spans)
        empty += not taken.numel()
    assert strided > 200 < empty


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.label)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_rank_gets_its_part_of_the_whole(spec: ui.Initializer, dtype: str) -> None:
    """Strided, uneven, replicated and empty parts have the bits of the whole, also of laws drawn whole."""
    from torch.distributed.tensor import Replicate, Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    placements = [
        (Shard(0), Shard(1)), (_StridedShard(0, split_factor=3), Shard(0)), (Replicate(), Shard(-1)),
        (Replicate(), Replicate()), (_StridedShard(1, split_factor=2), _StridedShard(1, split_factor=2)),
        (Shard(0), Shard(0)),
    ]  # fmt: skip
    shape = (7, 13)
    whole = ui.draw(spec, shape, layout="OI", dtype=dtype, **OPTIONS)
    for rank in (0, 3, 5):
        for pair in placements:
            with rank_of(rank, 2, 3) as mesh:
                tensor = placed(mesh, shape, pair, dtype)
                assert ui.fill(tensor, spec, layout="OI", **OPTIONS) is tensor
                indices = np.arange(whole.size).reshape(shape)
                import torch

                expected = cut(torch.from_numpy(indices), mesh.shape, mesh.get_coordinate(), pair).numpy()
            local = ui.draw(ui.zeros(), expected.shape, dtype=dtype, backend="torch")
            local.copy_(tensor._local_tensor)
            from unified_init.backends._torch import to_numpy

            assert to_numpy(local).tobytes() == whole.reshape(-1)[expected].tobytes()


def test_one_rank_of_many_draws_its_share_alone() -> None:
    """Rank 513 of 1,024 draws 229,376 values of 235 million, in far less time than the whole would take."""
    from torch.distributed.tensor import Shard

    with rank_of(513, 128, 8) as mesh:
        import torch

        local = torch.empty(64, 3584)
        shape = (8192, 28672)
        tensor = torch.distributed.tensor.DTensor.from_local(
            local, mesh, (Shard(0), Shard(1)), run_check=False, shape=torch.Size(shape), stride=(28672, 1)
        )
        init_ = ui.as_torch(ui.he_normal(), layout="OI", **OPTIONS)
        init_(tensor)
        start = time.process_time()
        assert init_(tensor) is tensor
        assert time.process_time() - start < 0.5
        index = (slice(64 * 64, 65 * 64), slice(3584, 2 * 3584))
        expected = ui.draw(ui.he_normal(), shape, layout="OI", index=index, **OPTIONS)
        assert local.numpy().tobytes() == expected.tobytes()


def test_the_state_of_a_tensor_is_kept() -> None:
    """requires_grad stays, the version grows, no graph is recorded, and strided local memory is written."""
    from torch.distributed.tensor import Shard

    with rank_of(1, 2) as mesh:
        import torch

        tensor = torch.nn.Parameter(placed(mesh, (6, 4), (Shard(0),)))
        version = tensor._version
        ui.fill(tensor, ui.he_normal(), layout="OI", **OPTIONS)
        assert tensor.requires_grad
        assert tensor.grad_fn is None
        assert tensor._version > version
        turned = torch.distributed.tensor.DTensor.from_local(
            torch.empty(4, 3).T, mesh, (Shard(0),), run_check=False, shape=torch.Size((6, 4)), stride=(4, 1)
        )
        ui.fill(turned, ui.he_normal(), layout="OI", **OPTIONS)
        assert torch.equal(turned._local_tensor, tensor._local_tensor.detach())


def test_what_a_rank_holds_whole_can_be_read() -> None:
    """Replicated tensors and those of a world of one have a digest; of others only a part is here."""
    from torch.distributed.tensor import Replicate, Shard

    whole = ui.draw(ui.normal(0, 1), (6, 4), **OPTIONS)
    for world, placement in ((1, Shard(0)), (2, Replicate())):
        with rank_of(0, world) as mesh:
            tensor = ui.fill(placed(mesh, (6, 4), (placement,)), ui.normal(0, 1), **OPTIONS)
            assert ui.digest(tensor) == ui.digest(whole)
    with rank_of(0, 2) as mesh, refused(ui.ArgumentTypeError):
        ui.digest(placed(mesh, (6, 4), (Shard(0),)))


def test_a_generator_advances_alike_where_nothing_is_held() -> None:
    """A rank whose part is empty draws the same seed as the others, so that they stay in step."""
    import torch
    from torch.distributed.tensor import Shard

    states = []
    for rank in (0, 3):
        generator = torch.Generator().manual_seed(3)
        with rank_of(rank, 4) as mesh:
            ui.fill(placed(mesh, (2, 3), (Shard(0),)), ui.normal(0, 1), seed=generator, name="w")
        states.append(generator.get_state())
    assert torch.equal(*states)


def test_what_says_not_which_values_it_has_is_refused() -> None:
    """Summands, placements of other libraries, a wrong shape, meta; and a part of what is a part already."""
    import torch
    import torch.distributed.tensor as dt

    class Ragged(dt.Shard):
        pass

    shape = torch.Size((6, 4))
    with rank_of(0, 2) as mesh:

        def made(local: Any, placement: Any) -> Any:
            return dt.DTensor.from_local(
                local, mesh, (placement,), run_check=False, shape=shape, stride=(4, 1)
            )

        for tensor in (
            made(torch.empty(6, 4), dt.Partial()), made(torch.empty(2, 4), dt.Shard(0)),
            made(torch.empty(3, 4, device="meta"), dt.Shard(0)), made(torch.empty(3, 4), Ragged(0)),
        ):  # fmt: skip
            with refused(ui.UnifiedInitError, hidden=r"<[^>]*Ragged object at [^>]*>"):
                ui.fill(tensor, ui.zeros())
        with refused(ui.ArgumentValueError):
            ui.fill(made(torch.empty(3, 4), dt.Shard(0)), ui.zeros(), shape=(6, 4))
