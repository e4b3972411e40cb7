"""Ranks that talk by gloo: what they hold together is what one process draws, and none asks another for it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.backends.test_torch_placement import rank_of
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")

SCRIPT = Path(__file__).parents[2] / "helpers" / "gloo_ranks.py"
CASES = {2: ["FSDP2", "CPU offload", "second axis", "TP"], 4: ["FSDP2", "HSDP", "TP", "FSDP and TP"]}
VALUES = 562  # of the decoder, where all are on one rank


@pytest.mark.current  # the names of what shards are those of newer releases
@pytest.mark.parametrize("world", [2, 4])
def test_ranks_hold_together_what_one_process_draws(world: int) -> None:
    """FSDP2, offload, HSDP, TP, both; uneven: materialized and applied, gathered, and trained for three steps."""
    done = subprocess.run(
        [sys.executable, SCRIPT, str(world)], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *cases, said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [ranks[0]["case"] for ranks in cases] == CASES[world]
    for ranks in cases:
        assert len(ranks) == world
        for result in ranks:
            assert result["differing"] == []
            assert result["communications"] == 0
            assert result["generator"] is True
            assert result["ties"] is True
            assert max(result.get("losses", [0.0])) <= 1e-6
            assert result["values"] < VALUES
        if ranks[0]["case"] == "FSDP2":
            assert sum(result["values"] for result in ranks) == VALUES
    placements = set(itertools.chain.from_iterable(ranks[0]["placements"] for ranks in cases))
    assert ("(_StridedShard(dim=0, sf=2), Shard(dim=0))" in placements) == (world == 4)
    assert [line.partition(":")[0] for line in said] == [
        "agreed", "ArgumentValueError", "ArgumentValueError", "ArgumentValueError", "agreed",
    ]  # fmt: skip


def test_ranks_are_there_to_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report, of a seed with a number, and an initialized group that has this rank."""
    import torch

    model = torch.nn.Linear(2, 2)
    _, report = ui.apply(model, ui.recipes.torch_default(), seed=0)
    _, drawn = ui.apply(model, ui.recipes.torch_default(), seed=torch.Generator())
    argument: Any
    for argument in (None, drawn, report):
        with refused(ui.UnifiedInitError):
            ui.agree(argument)
    with rank_of(0, 2):
        with refused(ui.ArgumentTypeError):
            ui.agree(report, group="world")
        with refused(ui.ArgumentValueError):
            ui.agree(report, group=torch.distributed.new_group([1]))
        ui.agree(report)  # the fake group says what this rank says
        for start in (0, 16):
            monkeypatch.setattr(
                "unified_init.walkers.torch.ranks.gathered",
                lambda own, _, start=start: [own, own[:start] + bytes(16) + own[start + 16 :]],
            )
            with refused(ui.ArgumentValueError):
                ui.agree(report)
