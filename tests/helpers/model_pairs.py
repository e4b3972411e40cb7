"""Pairs of models that people use, in two libraries each: matched, drawn and run by tests and by docs/pairs.md.

Weights are random: those of ``ui.verify_match``, which has values of its own for every tensor.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ModelPair", "measured"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ModelPair:
    """Two models that compute the same, and what it takes to match them.

    Args:
        first: what the first model is, in words.
        second: what the second one is.
        make: returns both.
        inputs: the inputs of each.
        needs: the libraries that both import.
        tensors: how many pairs there are.
        is_run: whether ``match`` needs the inputs too.
        given: what ``match`` is told.
        is_long: whether it takes so long that only complete runs of the tests have it.
    """

    first: str
    second: str
    make: Callable[[], tuple[Any, Any]]
    inputs: Callable[[], tuple[Any, Any]]
    needs: tuple[str, ...]
    tensors: int
    is_run: bool = False
    given: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    is_long: bool = False


def measured(pair: ModelPair) -> ui.NameMap:
    """Return the map of a pair, with what running both models showed."""
    first, second = pair.make()
    inputs = pair.inputs()
    if pair.is_run:
        return ui.match(first, second, given=pair.given, inputs=inputs)
    names = ui.match(first, second, given=pair.given)
    return dataclasses.replace(names, verification=ui.verify_match(first, second, names, inputs))
