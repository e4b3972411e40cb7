"""Pairs the parameters of two models of one architecture: layer by layer, by evidence, proven by running."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unified_init.core.public import public
from unified_init.core.text_table import aligned
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.applying import inspect
from unified_init.models.match_doubts import missing
from unified_init.models.match_evidence import decide
from unified_init.models.match_given import Pair, settle
from unified_init.models.match_layers import layers_of
from unified_init.models.verifying import called, verify_match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unified_init.models.match_evidence import Decision
    from unified_init.models.match_layers import Layer
    from unified_init.models.match_units import Unit
    from unified_init.models.verifying import Verification

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
        return dict(self.names)[path]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths."""
        return iter(path for path, _ in self.names)

    def __len__(self) -> int:
        """Return how many paths have names."""
        return len(self.names)

    def __str__(self) -> str:
        """Return one line per pair, both paths and the reason; then the doubts, and what running showed."""
        lines = aligned(self.reasons)
        lines += [f"undecided: {doubt}" for doubt in self.doubts]
        if self.verification is not None:
            lines.append(self.verification.summary)
        return "\n".join(lines)


def match(
    model_a: Any,
    model_b: Any,
    *,
    given: Mapping[str, str | None] | None = None,
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
    if strict is not True and strict is not False:
        msg = f"`strict` must be True or False, got {strict!r}."
        raise ArgumentTypeError(msg)
    a, b = inspect(model_a), inspect(model_b)
    calls: tuple[Sequence[str], Sequence[str]] = ((), ())
    if pair is not None:
        calls = called(model_a, pair[0], "first"), called(model_b, pair[1], "second")
    layers_a, layers_b = layers_of(a, calls[0]), layers_of(b, calls[1])
    settled, decisions, excluded = settle(layers_a, layers_b, given)
    order = "order of execution" if pair is not None else "order of registration"
    free_a, free_b = (
        [layer for layer in layers if not all(unit.path in paths for unit in layer.units)]
        for layers, paths in ((layers_a, excluded[0]), (layers_b, excluded[1]))
    )
    decisions, doubts = decide(free_a, free_b, decisions, order)
    pairs = [*settled]
    for decision in decisions:
        tensors, lacking = _tensors(decision, settled, excluded)
        pairs += tensors
        doubts += lacking
    names = _as_map(pairs)
    if pair is not None and not doubts:
        verification = verify_match(model_a, model_b, names, *pair)
        names = dataclasses.replace(names, verification=verification)
        doubts += [] if verification.ok else [verification.summary]
    if doubts and strict:
        raise ArgumentValueError(_undecided(doubts, proven=pair is not None))
    return dataclasses.replace(names, doubts=tuple(doubts))


def _pair_of(inputs: Any) -> tuple[Any, Any] | None:
    if inputs is None or (isinstance(inputs, (tuple, list)) and len(inputs) == 2):  # noqa: PLR2004  # a pair
        return inputs if inputs is None else (inputs[0], inputs[1])
    msg = f"`inputs` must be a pair, the inputs of the first model and of the second, got {inputs!r}."
    raise ArgumentTypeError(msg)


def _undecided(doubts: Sequence[str], *, proven: bool) -> str:
    more = f"; and {len(doubts) - SHOWN} more" if len(doubts) > SHOWN else ""
    run = "" if proven else ", or pass inputs=(inputs of the first, inputs of the second) to run both"
    return (
        f"`match` cannot decide: {'; '.join(doubts[:SHOWN])}{more}. {WAY_OUT}{run}. strict=False returns the "
        "pairs that are decided."
    )


def _tensors(
    decision: Decision, settled: Sequence[Pair], excluded: tuple[set[str], set[str]]
) -> tuple[list[Pair], list[str]]:
    """Return the pairs of tensors in a pair of layers, by role, and what one of the two lacks."""
    taken = (
        excluded[0] | {pair.first.path for pair in settled},
        excluded[1] | {pair.second.path for pair in settled},
    )
    sides: list[dict[Any, Unit]] = [
        {unit.look: unit for unit in layer.units if unit.path not in paths}
        for layer, paths in zip(decision[:2], taken, strict=True)
    ]
    common = [look for look in sides[0] if look in sides[1]]
    pairs = [Pair(sides[0][look], sides[1][look], decision.reason) for look in common]
    doubts = []
    layers: tuple[Layer, Layer] = decision[:2]
    for side, word in enumerate(("first", "second")):
        lacking = [unit for look, unit in sides[side].items() if look not in common]
        if lacking:
            doubts.append(missing(layers[side].path, word, layers[1 - side].path, _paths(lacking)))
    return pairs, doubts


def _paths(units: Sequence[Unit]) -> list[str]:
    """Return the paths of units, that of a record in place of those of all its parts."""
    counts: dict[str, int] = {}
    for unit in units:
        counts[unit.record.path] = counts.get(unit.record.path, 0) + 1
    whole = {unit.record.path for unit in units if counts[unit.record.path] == len(unit.record.parts)}
    return list(dict.fromkeys(unit.record.path if unit.record.path in whole else unit.path for unit in units))


def _as_map(pairs: Sequence[Pair]) -> NameMap:
    """Return the map; two fused records whose parts are all paired with each other are one entry."""
    names: dict[str, str] = {}
    ordered = sorted(pairs, key=lambda pair: pair.second.order)
    owners: dict[str, set[tuple[str, bool]]] = {}
    for first, second, _ in ordered:
        same_label = (
            first.part is not None and second.part is not None and first.part.label == second.part.label
        )
        owners.setdefault(second.record.path, set()).add((first.record.name, same_label))
    for first, second, _ in ordered:
        sources = owners[second.record.path]
        fused = len(sources) == 1 and next(iter(sources))[1]
        names[second.record.path if fused else second.path] = first.record.name if fused else first.stream
    reasons = tuple((pair.second.path, pair.first.path, pair.reason) for pair in ordered)
    return NameMap(tuple(names.items()), reasons)
