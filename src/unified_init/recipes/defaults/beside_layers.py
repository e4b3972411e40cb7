"""Rules of parameters beside layers, for which no framework has a default: those of widely used codebases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.recipes.rule import Rule
from unified_init.spec import presets
from unified_init.spec.distributions import Uniform
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BOUND", "adapters", "beside_layers"]

# kaiming_uniform_ with a = sqrt(5): U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
BOUND = Initializer(Uniform(), VarianceScaling(1.0 / 3.0, "fan_in"))
LAYER_SCALE = 1e-5  # timm 1.0, layers/layer_scale.py
SMALL = presets.trunc_normal(std=0.02)  # timm's: tokens, and the tables of relative positions


def _rule(spec: Initializer, **conditions: object) -> Rule:
    return Rule(spec=spec, optional=True, **conditions)  # type: ignore[arg-type]


def beside_layers() -> Iterator[Rule]:
    """Yield the rules of layer scales, relative positions and loose tokens."""
    yield _rule(presets.constant(LAYER_SCALE), role="layer_scale")
    yield _rule(SMALL, role="position", place="attention.extra")
    yield _rule(SMALL, kind="parameter", role="token")


def adapters() -> Iterator[Rule]:
    """Yield the rules of low-rank adapters, whose product starts at 0: those of peft."""
    yield _rule(presets.zeros(), kind="lora", path="*lora_embedding_A*")
    yield _rule(presets.normal(0.0, 1.0), kind="lora", path="*lora_embedding_B*")
    yield _rule(BOUND, kind="lora", role="adapter_a")
    yield _rule(presets.zeros(), kind="lora", role="adapter_b")
