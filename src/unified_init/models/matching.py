"""Pairs the parameters of two models of one architecture: layer by layer, by evidence, proven by running."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned, as_html
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.applying import inspect
from unified_init.models.match_answer import answered, asked
from unified_init.models.match_layers import layers_of
from unified_init.models.match_proof import proven
from unified_init.models.reading import described
from unified_init.models.verifying import called, check_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unified_init.inventory.layer import Layer
    from unified_init.models.verification import Verification

__all__ = ["NameMap", "match"]

SHOWN = 20
WAY_OUT = (
    "Say which is which with given={path in the second model: path in the first}, of a layer or a tensor, "
    "and None for one without a counterpart"
)

# ruff: noqa: ANN401  # models and inputs of any framework


@public
@dataclasses.dataclass(frozen=True, slots=True)
class NameMap(Mapping):  # type: ignore[type-arg]  # a Mapping[str, str]; slots forbid its brackets
    """Stream names by native path of the second model: what ``names=`` takes.

    Args:
        names: (path, stream name) pairs; a part's path is "path/label".
        reasons: (path, path in the first model, reason) triples, to check the map by.
        doubts: what could not be decided; empty unless ``strict=False`` asked for a partial map.
        verification: what running both models showed; None if they were not run.

    Example:
        >>> import unified_init as ui
        >>> ui.NameMap((("Dense_0/kernel", "fc.weight"),))["Dense_0/kernel"]
        'fc.weight'
    """

    names: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str, str], ...] = ()
    doubts: tuple[str, ...] = ()
    verification: Verification | None = None

    def __getitem__(self, path: str) -> str:
        """Return the stream name of a path."""
        streams = dict(self.names)
        word = checks.plain(path)
        if word not in streams:
            msg = f"the map has no path {shown(path)}"
            raise KeyError(msg)
        return streams[word]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths."""
        return iter(path for path, _ in self.names)

    def __len__(self) -> int:
        """Return how many paths have names."""
        return len(self.names)

    def __str__(self) -> str:
        """Return one line per pair, both paths and the reason; then the doubts, and what running showed."""
        return "\n".join([*aligned(self.reasons), *self._notes()])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        head = ("second model", "first model", "reason")
        return as_html(f"{len(self.reasons)} pairs", [head, *self.reasons], self._notes())

    def _notes(self) -> list[str]:
        notes = [f"undecided: {doubt}" for doubt in self.doubts]
        return notes if self.verification is None else [*notes, self.verification.summary]


def match(
    model_a: Any,
    model_b: Any,
    *,
    given: Mapping[str, str | None] | None = None,
    layers: Mapping[Any, Layer] | None = None,
    places: Mapping[str, str] | None = None,
    inputs: tuple[Any, Any] | None = None,
    strict: bool = True,
) -> NameMap:
    """Return the stream names that make the second model the counterpart of the first.

    Layers are paired, and inside a pair the tensors by role. What decides a pair, in this order: ``given``;
    equal names, without wrappers and prefixes; the place in the architecture and the block; the order of
    execution, with ``inputs``; the order of registration, where the layers around do not contradict it.

    Args:
        model_a: a model or an inventory; its stream names stay.
        model_b: its counterpart, in any framework and layout.
        given: pairs that settle what the models do not say: a path of ``model_b`` and that of its counterpart
            in ``model_a``, of a layer, a tensor or a part ("path/label"); None for a path of either model
            that has no counterpart.
        layers: as for ``inspect``, of both models.
        places: as for ``inspect``, of both models.
        inputs: the inputs of ``model_a`` and of ``model_b``, the same data in the form that each takes; see
            ``verify_match``. Both models are then run: for the order in which they call their layers, and to
            prove the map, by ``verify_match``.
        strict: False returns what was decided, with the doubts in ``doubts``.

    Returns:
        The map, for ``ui.apply(model_b, recipe, names=...)``; print it to see each pair and its reason.

    Raises:
        ArgumentTypeError: arguments of the wrong type.
        ArgumentValueError: what cannot be decided, what ``given`` names and no model has, a model that does
            not run on its inputs, and outputs that differ.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> a, b = torch.nn.Linear(3, 2), torch.nn.Sequential(torch.nn.Linear(3, 2))
        >>> dict(ui.match(a, b))
        {'0.weight': 'weight', '0.bias': 'bias'}
        >>> ui.match(a, b, inputs=(torch.ones(1, 3), torch.ones(1, 3))).verification.ok
        True

    Differs from:
        No framework has one; conversion scripts between model zoos write such maps by hand.
    """
    pair = _pair_of(inputs)
    checks.switch("strict", strict)
    check_models(model_a, model_b)
    calls: tuple[Sequence[str], Sequence[str]] = ((), ())
    if pair is not None:
        calls = called(model_a, pair[0], "first"), called(model_b, pair[1], "second")
    a, b = described([inspect(model_a), inspect(model_b)], layers, places)
    question = asked(
        layers_of(a, calls[0]),
        layers_of(b, calls[1]),
        given,
        "order of registration" if pair is None else "order of execution",
    )
    answer, verification = answered(question), None
    if pair is not None:
        answer, verification = proven(model_a, model_b, pair, question, answer)
    doubts = answer.doubts
    if verification is not None and not verification.ok:
        doubts = (*doubts, verification.summary)
    if strict and answer.doubts:
        raise ArgumentValueError(_undecided(doubts, proven=pair is not None))
    if strict and verification is not None and verification.scale == verification.difference == 0.0:
        msg = (
            f"`match` paired all layers, but {verification.summary}. Pass `inputs` with which the outputs "
            "depend on the weights, or a function that runs the model and returns such outputs; or leave "
            "`inputs` out."
        )
        raise ArgumentValueError(msg)
    if strict and doubts:
        msg = (
            f"`match` paired all layers, but {doubts[0]}. Either these layers compute different things, or "
            "pairs by order are wrong: print ui.match(..., strict=False).verification, and settle pairs with "
            "given={path in the second model: path in the first}."
        )
        raise ArgumentValueError(msg)
    return NameMap(answer.names, answer.reasons, doubts, verification)


def _pair_of(inputs: Any) -> tuple[Any, Any] | None:
    if inputs is None:
        return None
    pair = checks.entries(inputs) or ()
    if len(pair) != 2:  # noqa: PLR2004  # a pair
        msg = (
            f"`inputs` must be a pair, the inputs of the first model and of the second, got {shown(inputs)}."
        )
        raise ArgumentTypeError(msg)
    return pair[0], pair[1]


def _undecided(doubts: Sequence[str], *, proven: bool) -> str:
    more = f"; and {len(doubts) - SHOWN} more" if len(doubts) > SHOWN else ""
    run = "" if proven else ", or pass inputs=(inputs of the first, inputs of the second) to run both"
    return (
        f"`match` cannot decide: {'; '.join(doubts[:SHOWN])}{more}. {WAY_OUT}{run}. strict=False returns the "
        "pairs that are decided."
    )
