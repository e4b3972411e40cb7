"""Models of DTensors: each rank writes its part, from global shapes and fans."""

from __future__ import annotations

from typing import Any

import pytest
from tests.backends.test_torch_placement import rank_of
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")


def network() -> Any:
    """Return a network with fused, padded, normalized, convolutional and tied tensors, of uneven sizes."""
    import torch

    torch.manual_seed(0)
    layers = {
        "embed": torch.nn.Embedding(11, 6, padding_idx=10),
        "attention": torch.nn.MultiheadAttention(6, 2),
        "lstm": torch.nn.LSTM(6, 5),
        "conv": torch.nn.Conv2d(4, 6, 3, groups=2),
        "norm": torch.nn.BatchNorm2d(6),
        "head": torch.nn.Linear(6, 11, bias=False),
    }
    layers["head"].weight = layers["embed"].weight
    return torch.nn.ModuleDict(layers)


def sharded(model: Any, mesh: Any, placements: Any) -> Any:
    """Return the model with DTensors in place of its parameters, ties kept; nothing is communicated."""
    import torch
    from tests.backends.test_torch_placement import placed

    made: dict[int, Any] = {}
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is None:
                continue
            own = placements if parameter.ndim > 1 else placements[:1] * len(placements)
            if id(parameter) not in made:
                tensor = placed(mesh, tuple(parameter.shape), own)
                made[id(parameter)] = (torch.nn.Parameter(tensor, parameter.requires_grad), parameter)
            module._parameters[name] = made[id(parameter)][0]
    return model


@pytest.mark.parametrize(
    "recipe", [ui.recipes.torch_default(), ui.recipes.keras_default()], ids=lambda r: r.name
)
def test_every_rank_has_its_part_of_the_model(recipe: ui.Recipe) -> None:
    """Fused parts across shards, a padding row in another shard, ties: the bits of one process."""
    import torch
    from tests.backends.test_torch_placement import cut
    from torch.distributed.tensor import Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    whole, report = ui.apply(network(), recipe, seed=3)
    expected = dict(whole.named_parameters())
    for placements in ((Shard(0), Shard(1)), (_StridedShard(0, split_factor=2), Shard(0))):
        for rank in range(4):
            with rank_of(rank, 2, 2) as mesh:
                model = sharded(network(), mesh, placements)
                versions = {name: tensor._version for name, tensor in model.named_parameters()}
                assert ui.inspect(model) == ui.inspect(whole)
                assert ui.apply(model, recipe, seed=3)[1] == report
                for name, tensor in model.named_parameters():
                    part = cut(expected[name].detach(), mesh.shape, mesh.get_coordinate(), tensor.placements)
                    assert torch.equal(tensor._local_tensor.detach(), part), name
                    assert tensor._version > versions[name]
                    assert tensor.requires_grad


def test_orthogonal_and_sparse_parts_are_those_of_the_whole() -> None:
    """Drawn whole on each rank, once, and cut."""
    import torch
    from torch.distributed.tensor import Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    for spec in (ui.orthogonal(), ui.sparse(0.5)):
        recipe = ui.Recipe("mine", (ui.Rule(spec=spec),))
        whole, _ = ui.apply(torch.nn.Linear(7, 9, bias=False), recipe, seed=1)
        with rank_of(1, 2, 2) as mesh:
            placements = (_StridedShard(0, split_factor=2), Shard(0))
            model = sharded(torch.nn.Linear(7, 9, bias=False), mesh, placements)
            ui.apply(model, recipe, seed=1)
            from tests.backends.test_torch_placement import cut

            part = cut(whole.weight.detach(), mesh.shape, mesh.get_coordinate(), placements)
            assert torch.equal(model.weight._local_tensor.detach(), part)


def test_a_part_cannot_be_audited_or_read_here() -> None:
    """A rank has no law of the whole to compare with: the message says what has."""
    import torch
    from torch.distributed.tensor import Replicate, Shard

    recipe = ui.recipes.torch_default()
    with rank_of(0, 2) as mesh:
        model = sharded(torch.nn.Linear(64, 64), mesh, (Shard(0),))
        ui.apply(model, recipe, seed=0)
        for call in (
            lambda: ui.audit(model, recipe),
            lambda: ui.read(model, "weight"),
            lambda: ui.digests(model),
        ):
            with refused(ui.ArgumentTypeError):
                call()
        same = sharded(torch.nn.Linear(64, 64), mesh, (Replicate(),))
        ui.apply(same, recipe, seed=0)
        assert ui.audit(same, recipe).ok
        assert ui.digests(same) == ui.digests(ui.apply(torch.nn.Linear(64, 64), recipe, seed=0)[0])


def test_what_is_computed_from_parts_is_refused() -> None:
    """Weight norm has an inverse that needs all rows."""
    import torch
    from torch.distributed.tensor import Shard

    with rank_of(0, 2) as mesh:
        model = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 4))
        sharded(model, mesh, (Shard(0),))
        with refused(ui.ArgumentValueError):
            ui.apply(model, ui.recipes.torch_default(), seed=0)


def test_flat_parameters_of_fsdp1_are_refused_by_name() -> None:
    """They have neither shapes nor axes; fully_shard keeps them."""
    import torch
    from torch.distributed.fsdp import FullyShardedDataParallel

    with rank_of(0, 2):
        model = FullyShardedDataParallel(
            torch.nn.Linear(4, 4), use_orig_params=True, device_id=torch.device("cpu")
        )
        with refused(ui.ArgumentTypeError):
            ui.apply(model, ui.recipes.torch_default(), seed=0)


def test_memory_that_two_dtensors_share_is_seen() -> None:
    """Where one tensor would be written twice."""
    import torch
    from torch.distributed.tensor import DTensor, Shard

    with rank_of(0, 2) as mesh:
        memory = torch.empty(4, 3)
        first, second = (
            torch.nn.Parameter(
                DTensor.from_local(
                    part, mesh, (Shard(0),), run_check=False, shape=torch.Size((4, 3)), stride=(3, 1)
                )
            )
            for part in (memory[:2], memory[1:3])
        )
        model = torch.nn.ModuleDict(
            {"a": torch.nn.Linear(3, 4, bias=False), "b": torch.nn.Linear(3, 4, bias=False)}
        )
        model["a"].weight, model["b"].weight = first, second
        with refused(ui.ArgumentValueError):
            ui.apply(model, ui.recipes.torch_default(), seed=0)
