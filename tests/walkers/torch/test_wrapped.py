"""Wrappers of PyTorch modules: streams, places and blocks are those of what they wrap."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")


def network() -> Any:
    """Return a residual network of one block."""
    import torch

    block = torch.nn.ModuleDict({f"conv{at}": torch.nn.Conv2d(4, 4, 3) for at in (1, 2)})
    return torch.nn.ModuleDict(
        {
            "conv1": torch.nn.Conv2d(3, 4, 3, bias=False),
            "layer1": torch.nn.Sequential(block),
            "fc": torch.nn.Linear(4, 2),
        }
    )


def seen(model: Any) -> list[tuple[Any, ...]]:
    """Return the stream, place, block and kind of every record."""
    return [(one.name, one.place, one.block, one.kind) for one in ui.inspect(model)]


def checkpointed(model: Any) -> Any:
    """Return a model whose activations are recomputed."""
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    return checkpoint_wrapper(model)


def compiled(model: Any) -> Any:
    """Return a model that is compiled when it is called."""
    import torch

    return torch.compile(model)


def parallel(model: Any) -> Any:
    """Return a model whose batches are split."""
    import torch

    return torch.nn.DataParallel(model)


@pytest.mark.parametrize(
    ("wrap", "prefix"),
    [
        (compiled, "_orig_mod."),
        (checkpointed, "_checkpoint_wrapped_module."),
        (parallel, "module."),
        (lambda model: parallel(compiled(model)), "module._orig_mod."),
        (lambda model: compiled(parallel(model)), "_orig_mod.module."),
    ],
    ids=["compile", "checkpoint", "DataParallel", "compile inside", "compile outside"],
)
def test_a_wrapped_model_is_the_model(wrap: Any, prefix: str) -> None:
    """Names, places, blocks, rules and values are the same; native paths are the wrapper's."""
    import torch

    plain, wrapped = network(), wrap(network())
    assert seen(wrapped) == seen(plain)
    assert [one.path for one in ui.inspect(wrapped)] == [prefix + one.path for one in ui.inspect(plain)]
    recipe = ui.recipes.fixup(1)
    assert [one.rule for one in ui.plan(wrapped, recipe)] == [one.rule for one in ui.plan(plain, recipe)]
    for model in (plain, wrapped):
        ui.apply(model, ui.recipes.torch_default(), seed=0)
    pairs = zip(plain.parameters(), wrapped.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_wrapped_layer_keeps_its_name() -> None:
    """Also inside of a model: a fused projection is known by its own word, and its parts by their path."""
    import torch

    model = torch.nn.ModuleDict({"attn": torch.nn.ModuleDict({"qkv": compiled(torch.nn.Linear(4, 12))})})
    record = ui.inspect(model)["attn.qkv._orig_mod.weight"]
    assert (record.name, record.place) == ("attn.qkv.weight", "attention.qkv")
    assert {(part.label, part.path) for part in record.parts} == {
        (label, "attn.qkv._orig_mod.weight") for label in "qkv"
    }


def test_a_module_called_module_keeps_its_name() -> None:
    """Only where the model itself is a wrapper is the word none of its own."""
    import torch

    model = torch.nn.ModuleDict({"module": torch.nn.Linear(3, 2)})
    assert [one.name for one in ui.inspect(model)] == ["module.weight", "module.bias"]


@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_torchscript_made_is_refused(how: str) -> None:
    """Its modules have lost their classes; inside of a model the path is named."""
    import torch

    layer = torch.nn.Linear(3, 2)
    made: Any = torch.jit.script(layer) if how == "script" else torch.jit.trace(layer, torch.ones(1, 3))
    for model in (made, torch.nn.Sequential(made)):
        with refused(ui.ArgumentTypeError):
            ui.inspect(model)
