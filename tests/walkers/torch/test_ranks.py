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


@pytest.mark.current
@pytest.mark.skipif(sys.platform == "win32", reason="the system has no signals")
def test_a_rank_that_is_killed_does_not_harm_the_others(tmp_path: Path) -> None:
    """Nothing is sent, so the other finishes its part and hears of it at the next collective; a restart has all."""
    import numpy as np
    from tests.helpers.killed_ranks import build

    script, whole = SCRIPT.with_name("killed_ranks.py"), build()
    ui.apply(whole, ui.recipes.torch_default(), seed=0)
    expected = {name: value.numpy() for name, value in whole.state_dict().items()}

    def started(killed: int) -> list[tuple[int, str]]:
        ranks = [
            subprocess.Popen(
                [sys.executable, script, str(rank), str(tmp_path), str(killed)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for rank in range(2)
        ]  # fmt: skip
        said = [rank.communicate(timeout=120)[0].strip() for rank in ranks]
        return [(rank.returncode, text) for rank, text in zip(ranks, said, strict=True)]

    def parts(rank: int) -> dict[str, Any]:
        return dict(np.load(tmp_path / f"rank{rank}.npz"))

    (code, nothing), survivor = started(killed=0)
    assert (code, nothing) == (-9, "")
    assert survivor == (0, "the other is gone")
    assert not (tmp_path / "rank0.npz").exists()
    alone = parts(1)
    assert started(killed=-1) == [(0, "both are there")] * 2
    for name, value in expected.items():
        first, second = parts(0)[name], parts(1)[name]
        assert second.tobytes() == alone[name].tobytes()
        assert np.concatenate([first, second]).tobytes() == value.tobytes()
