"""Stages of a pipeline: each rank fills its layers under the names that they have in the whole model."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.needs("torch")


@pytest.mark.current  # torch.distributed.pipelining is an alpha
def test_stages_hold_and_train_what_one_process_does() -> None:
    """Layers left out, layers counted anew with ``names=``, and a model that torch cut: bits, and three steps."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.helpers.pipeline_ranks"],
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [ranks[0]["case"] for ranks in cases] == ["names stay", "names given", "traced"]
    for first, last in cases:
        assert len({*first["names"], *last["names"]}) == len(first["names"] + last["names"]) == 38
        for result in (first, last):
            assert result["differing"] == []
            assert result["distance"] <= 1e-6
        assert len(last["losses"]) == 3
        assert max(last["losses"]) <= 1e-6
