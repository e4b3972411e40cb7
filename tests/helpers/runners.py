"""The host's runners by name: the reference, and the C runner in each instruction set of this processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unified_init.stream import host, numpy_runner, threefry

if TYPE_CHECKING:
    from unified_init.stream.runner import Runner

__all__ = ["COMPILED", "RUNNERS", "prepare_of", "use"]

BEST = "best"  # the instruction set that draws use


def _sets() -> list[str]:
    """Return the instruction sets of this processor; without a C runner the best, so that a test fails."""
    try:
        from unified_init.stream.c_runner import INSTRUCTION_SETS
    except ImportError:
        return [BEST]
    return [*INSTRUCTION_SETS]


COMPILED: list[Any] = [pytest.param(name, marks=pytest.mark.needs("c")) for name in _sets()]
RUNNERS: list[Any] = [pytest.param("numpy"), *COMPILED]


def prepare_of(name: str) -> Runner:
    """Return a runner by its name in ``RUNNERS``."""
    if name == "numpy":
        return numpy_runner.prepare
    from unified_init.stream import c_runner

    return c_runner.prepare if name == BEST else c_runner.runner_of(name)


def use(monkeypatch: pytest.MonkeyPatch, runner: Any) -> None:
    """Let every draw of a test use a runner."""
    used = host.HostRunner("of a test", runner, threefry.named_key)
    monkeypatch.setattr(host, "default_runner", lambda: used)
