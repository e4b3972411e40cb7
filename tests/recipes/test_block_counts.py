"""The number of blocks that a recipe was made for, against the model's: a note where they differ, and a cause."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.recipes.block_counts import block_counts

WIDTH = 64
NAMES = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def records(*paths: str, **facts: Any) -> ui.Inventory:
    """Return the inventory of square matrices; their places are those that their paths say."""
    from unified_init.inventory.places import placed

    return ui.Inventory(
        "torch",
        placed(
            [
                ui.Record(
                    name=f"{path}.weight", path=f"{path}.weight", shape=(WIDTH, WIDTH), layout="OI",
                    role="kernel", inputs=WIDTH, outputs=WIDTH, **{"kind": "linear", **facts},
                )
                for path in paths
            ]
        ),
    )  # fmt: skip


def transformer(blocks: int, prefix: str = "h") -> list[str]:
    """Return the paths of a transformer's matrices."""
    return [f"{prefix}.{index}.{name}" for index in range(blocks) for name in NAMES]


@pytest.mark.parametrize(
    ("recipe", "paths"),
    [
        (ui.recipes.gpt2(3), transformer(3)),
        (ui.recipes.gpt2(3), [path for path in transformer(4) if not path.startswith("h.1.")]),  # one was removed
        (ui.recipes.gpt2(2), [*transformer(2, "encoder.layers"), *transformer(2, "decoder.layers")]),
        (ui.recipes.gpt2(5), [*transformer(2, "encoder.layers"), *transformer(3, "decoder.layers")]),
        (ui.recipes.gpt2(3), [f"layers.0.blocks.{index}.attn.proj" for index in range(3)]),
        (ui.recipes.gpt2(1), ["decoder.layers.0.self_attn.out_proj", "decoder.layers.0.encoder_attn.out_proj"]),
        (ui.recipes.gpt2(1), [*transformer(1), *(f"h.0.mlp.experts.{index}.w2" for index in range(4))]),
        (ui.recipes.deepnorm(3, 2), [*transformer(3, "encoder.layers"), *transformer(2, "decoder.layers")]),
        (ui.recipes.deepnorm(0, 2), transformer(2, "decoder.layers")),
        (ui.recipes.mamba(n_layer=2), [f"layers.{index}.mixer.out_proj" for index in range(2)]),
        (ui.recipes.mamba(), [f"layers.{index}.mixer.out_proj" for index in range(2)]),
        (ui.recipes.llama(), transformer(3)),
    ],
)  # fmt: skip
def test_a_recipe_for_the_blocks_of_a_model_has_no_note(recipe: ui.Recipe, paths: list[str]) -> None:
    """Whatever the paths of the blocks are, removed ones and experts included."""
    assert not list(block_counts(recipe, records(*paths)))


@pytest.mark.parametrize(
    ("recipe", "paths", "expected"),
    [
        (ui.recipes.gpt2(12), transformer(2), ("*", 12, 2)),
        (ui.recipes.megatron(12), transformer(2), ("*", 12, 2)),
        (ui.recipes.olmo_full_megatron(12), transformer(1), ("*", 12, 1)),
        (ui.recipes.wang_init(2, 8), transformer(24), ("*", 2, 24)),
        (ui.recipes.gpt2(2), [f"layers.0.blocks.{index}.attn.proj" for index in range(3)], ("*", 2, 3)),
        (ui.recipes.mamba(n_layer=24), [f"layers.{index}.mixer.out_proj" for index in range(2)], ("*", 24, 2)),
        (ui.recipes.mamba2(8, n_layer=24), [f"layers.{index}.mixer.out_proj" for index in range(2)], ("*", 24, 2)),
        (
            ui.recipes.t_fixup(3, 3, 8),
            [*transformer(3, "encoder.layers"), *transformer(2, "decoder.layers")],
            ("*[dD]ecoder*", 3, 2),
        ),
        (
            ui.recipes.magneto(4, 2),
            [*transformer(3, "encoder.layers"), *transformer(2, "decoder.layers")],
            ("*", 4, 3),
        ),
        (
            ui.recipes.clip(2, 5),
            [*transformer(2, "text_model.layers"), *transformer(3, "vision_model.layers")],
            ("*vision_model*", 5, 3),
        ),
    ],
)  # fmt: skip
def test_another_number_of_blocks_is_seen(
    recipe: ui.Recipe, paths: list[str], expected: tuple[str, int, int]
) -> None:
    """By every recipe that takes a number of blocks; only the tower that is at fault is named."""
    assert list(block_counts(recipe, records(*paths))) == [expected]


def test_fixup_counts_the_last_convolutions() -> None:
    """Its blocks are those that end with one."""
    paths = [f"layer{stage}.{block}.conv{conv}" for stage in (1, 2) for block in (0, 1) for conv in (1, 2)]
    inventory = records(*paths, kind="conv")
    assert not list(block_counts(ui.recipes.fixup(4), inventory))
    assert list(block_counts(ui.recipes.fixup(16), inventory)) == [("*", 16, 4)]


def test_stacked_layers_count_as_what_they_stack() -> None:
    """One tensor of ``nn.scan`` holds all blocks."""
    record = ui.Record(
        name="h/attn/out/kernel", path="h/attn/out/kernel", shape=(12, 8, 8), layout="BIO", kind="linear",
        role="kernel", place="attention.out", inputs=8, outputs=8,
    )  # fmt: skip
    inventory = ui.Inventory("flax_linen", (record,))
    assert not list(block_counts(ui.recipes.gpt2(12), inventory))
    assert list(block_counts(ui.recipes.gpt2(6), inventory)) == [("*", 6, 12)]


NOTE = (
    "! the recipe was made for 12 blocks, and the model has 2 blocks: what the recipe scales by depth has "
    "the size for 12 blocks. Make the recipe for 2, unless blocks were removed or are in another part of the model"
)  # fmt: skip


def test_a_plan_says_it_first() -> None:
    """The laws stay those that the recipe says: blocks may have been removed on purpose."""
    recipe = ui.recipes.gpt2(12)
    planned = ui.plan(records(*transformer(2)), recipe)
    assert NOTE in str(planned).splitlines()
    assert NOTE.removeprefix("! ") == planned.notes[0]
    assert planned["h.0.attn.c_proj.weight"].pieces[0].law.std == 0.02 / 24**0.5


def torch_model() -> Any:
    """Return a model in PyTorch with two blocks."""
    import torch

    model = torch.nn.Module()
    for path in transformer(2):
        parent = model
        for word in path.split(".")[:-1]:
            if not hasattr(parent, word):
                parent.add_module(word, torch.nn.Module())
            parent = parent.get_submodule(word)
        parent.add_module(path.rpartition(".")[2], torch.nn.Linear(WIDTH, WIDTH, bias=False))
    return model


@pytest.mark.needs("torch")
def test_a_report_and_an_audit_say_it() -> None:
    """The audit of a model that was made for its own number of blocks names the cause of each tensor."""
    pytest.importorskip("scipy")
    model, report = ui.apply(torch_model(), ui.recipes.gpt2(12), seed=0)
    assert NOTE in str(report).splitlines()
    audit = ui.audit(model, ui.recipes.gpt2(12))
    assert audit.ok
    assert NOTE in str(audit).splitlines()
    ui.apply(model, ui.recipes.gpt2(2), seed=0)
    assert not ui.audit(model, ui.recipes.gpt2(2)).notes
    (cause,) = ui.audit(model, ui.recipes.gpt2(12))["h.0.mlp.c_proj.weight"].notes
    assert cause.endswith(". Likely cause: the recipe is for 12 blocks, the values for 2, as the model has")


def test_the_numbers_are_read_back_and_checked() -> None:
    """JSON has them; a recipe of one's own may say them."""
    recipe = ui.recipes.clip(2, 5)
    assert recipe.blocks == (("*text_model*", 2), ("*vision_model*", 5))
    assert ui.recipe_from_json(ui.recipe_to_json(recipe)) == recipe
    assert ui.Recipe("mine", recipe.rules, blocks={"*": 3}).blocks == (("*", 3),)
    for blocks, error in (
        ({"*": 0}, ui.ArgumentValueError),
        ({"*": "two"}, ui.ArgumentTypeError),
        ({3: 2}, ui.ArgumentTypeError),
        (7, ui.ArgumentTypeError),
    ):
        with refused(error):
            ui.Recipe("mine", recipe.rules, blocks=blocks)  # type: ignore[arg-type]  # what is refused
