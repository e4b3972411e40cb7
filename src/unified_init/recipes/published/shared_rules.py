"""Rules that many published recipes share: by role, whatever the architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.recipes.rule import Rule
from unified_init.spec import presets
from unified_init.spec.distributions import Normal, TruncatedNormal
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AT_3_SIGMA", "BY_WIDTH", "DENSE", "INTO_HEADS", "kernels", "may", "must", "rest", "tables"]

DENSE = ("linear", "attention")
NO_STEPS = "re:(?!.*dt_bias$).*"
INTO_HEADS = ("attention.qkv", "attention.query", "attention.key", "attention.value")
AT_3_SIGMA = TruncatedNormal(-3.0, 3.0)
# Embeddings whose rows have a norm of about 1: N(0, 1 / d).
BY_WIDTH = Initializer(Normal(), VarianceScaling(1.0, "fan_out"))


def must(spec: Initializer | None, **conditions: Any) -> Rule:  # noqa: ANN401  # the fields of a rule
    """Return a required rule: a model in which it matches nothing is refused."""
    return Rule(spec=spec, **conditions)


def may(spec: Initializer | None, **conditions: Any) -> Rule:  # noqa: ANN401  # the fields of a rule
    """Return an optional rule, for layers that only some of the models have."""
    return Rule(spec=spec, optional=True, **conditions)


def kernels(spec: Initializer, **conditions: Any) -> Rule:  # noqa: ANN401  # the fields of a rule
    """Return the rule for all matrices that no earlier rule decides."""
    return must(spec, kind=DENSE, role="kernel", **conditions)


def tables(spec: Initializer, padding: str = "zero") -> Iterator[Rule]:
    """Yield the rules of embeddings, learned positions and special tokens."""
    yield may(spec, role="embedding", padding=padding)
    yield may(spec, role=("position", "token"))


def rest() -> Iterator[Rule]:
    """Yield the rules of biases (0) and of normalizations (1 and 0), with their statistics."""
    # The step sizes of a state-space layer are a bias by name, and 0 would make them 0.69.
    yield may(presets.zeros(), role="bias", path=NO_STEPS)
    yield may(presets.zeros(), role=("recurrent_bias", "offset", "mean", "count"))
    yield may(presets.ones(), role=("scale", "variance"))
