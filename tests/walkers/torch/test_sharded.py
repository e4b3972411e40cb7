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


def test_an_accelerator_draws_each_box_with_the_graph_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host takes its place here: strided parts have the bits that the host draws."""
    import torch
    from tests.backends.test_torch_placement import cut
    from torch.distributed.tensor import Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    from unified_init.backends import _torch as adapter

    whole, _ = ui.apply(torch.nn.Linear(7, 9), ui.recipes.torch_default(), seed=1)
    monkeypatch.setattr(adapter, "resolve_device", lambda device, dtype: torch.device("cpu"))  # noqa: ARG005
    placements = (_StridedShard(0, split_factor=2), Shard(0))
    with rank_of(1, 2, 2) as mesh:
        model = sharded(torch.nn.Linear(7, 9), mesh, placements)
        versions = [tensor._version for tensor in model.parameters()]
        ui.apply(model, ui.recipes.torch_default(), seed=1)
        assert all(tensor._version > old for tensor, old in zip(model.parameters(), versions, strict=True))
        for name, tensor in model.named_parameters():
            expected = getattr(whole, name).detach()
            part = cut(expected, mesh.shape, mesh.get_coordinate(), tensor.placements)
            assert torch.equal(tensor._local_tensor.detach(), part), name


def test_what_no_region_covers_stays() -> None:
    """In memory of any order; a tensor of this rank's part has only its own share of the region."""
    import torch
    from torch.distributed.tensor import DTensor, Shard

    from unified_init.backends import _torch as adapter
    from unified_init.walkers.torch.shards import assign_shard
    from unified_init.walkers.writes import Drawn, Target, Write

    part = ui.Part(label="", length=2, path="w", box=((1, 3), (0, 4)))
    write = Write("w", (4, 4), "float32", None, (Drawn(None, (Target((), part),), 3.0),), covers=False)
    for local in (torch.full((2, 4), 7.0), torch.full((4, 2), 7.0).T):
        with rank_of(1, 2) as mesh:
            tensor = DTensor.from_local(local, mesh, (Shard(0),), run_check=False)
            spans = adapter.spans(tensor)
            assert spans == (((2, 4),), ((0, 4),))
            assign_shard(tensor, write, spans)
            assert local.tolist() == [[3.0] * 4, [7.0] * 4]


def test_a_rank_outside_of_the_mesh_has_nothing_to_write() -> None:
    """Its local tensor is empty."""
    import torch
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.tensor import DTensor, Shard

    with rank_of(0, 3):
        mesh = DeviceMesh("cpu", [1, 2], mesh_dim_names=("others",))
        tensor = DTensor.from_local(
            torch.empty(0), mesh, (Shard(0),), run_check=False, shape=torch.Size((4, 4)), stride=(4, 1)
        )
        assert ui.fill(tensor, ui.normal(0, 1), seed=0, name="w") is tensor


def test_a_model_on_meta_is_materialized_after_it_is_sharded() -> None:
    """By FSDP2, on the device of its mesh; each rank has memory for its part only."""
    import torch
    from torch.distributed.fsdp import fully_shard

    class Callable(torch.nn.ModuleDict):
        def forward(self) -> None:
            pass

    whole, report = ui.apply(network(), ui.recipes.torch_default(), seed=3)
    with ui.unfilled():
        model = Callable(network())
    with rank_of(2, 4) as mesh:
        fully_shard(model, mesh=mesh)
        assert ui.materialize(model, ui.recipes.torch_default(), seed=3)[1] == report
        assert model["head"].weight is model["embed"].weight
        assert model["conv"].weight._local_tensor.shape == (2, 2, 3, 3)
        assert torch.equal(model["conv"].weight._local_tensor, whole["conv"].weight[4:6])
        assert torch.equal(model["embed"].weight._local_tensor, whole["embed"].weight[6:9])
        assert model["lstm"]._flat_weights[0] is model["lstm"].weight_ih_l0


@pytest.mark.needs("transformers")
def test_layers_that_are_sharded_by_themselves_are_what_they_were() -> None:
    """``fully_shard`` gives a module a class of its own: fused parts, norms and experts are still known."""
    import torch
    import transformers
    from tests.backends.test_torch_placement import cut
    from torch.distributed.fsdp import fully_shard

    fields = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 32}
    config = transformers.GPTNeoXConfig(vocab_size=50, **fields)
    moe = transformers.Llama4TextConfig(
        vocab_size=50, intermediate_size_mlp=32, head_dim=8, num_key_value_heads=3, num_local_experts=2,
        pad_token_id=0, **fields,
    )  # fmt: skip
    recipe = ui.Recipe(
        "mine", (ui.Rule(spec=ui.glorot_normal(), role="kernel"), ui.Rule(spec=ui.normal(0, 1)))
    )
    for cls, own in ((transformers.GPTNeoXModel, config), (transformers.Llama4TextModel, moe)):
        whole, model = cls(own), cls(own)
        _, report = ui.apply(whole, recipe, seed=3)
        expected = dict(whole.named_parameters())
        with rank_of(1, 2) as mesh:
            for module in reversed(list(model.modules())):
                if any(True for _ in module.parameters(recurse=False)) or hasattr(module, "query_key_value"):
                    fully_shard(module, mesh=mesh)
            assert ui.inspect(model) == ui.inspect(whole)
            assert ui.apply(model, recipe, seed=3)[1] == report
            for name, tensor in model.named_parameters():
                part = cut(expected[name].detach(), mesh.shape, mesh.get_coordinate(), tensor.placements)
                assert torch.equal(tensor._local_tensor.detach(), part), name
