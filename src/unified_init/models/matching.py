"""Pairs the parameters of two models of one architecture: layer by layer, by evidence, proven by running."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.inventory.layer import place_items
from unified_init.inventory.stacks import embedded
from unified_init.inventory.teaching import told_paths
from unified_init.models.applying import inspect
from unified_init.models.match_answer import answered, asked
from unified_init.models.match_layers import layers_of
from unified_init.models.match_order import REGISTRATION
from unified_init.models.match_places import with_told_places
from unified_init.models.match_proof import proven
from unified_init.models.match_readings import readings
from unified_init.models.match_stacks import with_layers_apart
from unified_init.models.name_map import NameMap
from unified_init.models.reading import described
from unified_init.models.verifying import called, check_models, pair_of, side_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.layer import Layer
    from unified_init.inventory.records import Record

__all__ = ["match"]

SHOWN = 20
WAY_OUT = (
    "Say which is which with given={path in the second model: path in the first}, of a layer or a tensor, "
    "and None for one without a counterpart"
)

# ruff: noqa: ANN401  # models and inputs of any framework


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
    execution, with ``inputs``; the order of registration, where the layers around do not contradict it, and
    for norms their names say it. Layers that one model stacks in one tensor (``nn.scan``) and the other has
    apart are paired one by one: "path/3" is layer 3 of a stacked tensor.

    Args:
        model_a: a model or an inventory; its stream names stay.
        model_b: its counterpart, in any framework and layout.
        given: pairs that settle what the models do not say: a path of ``model_b`` and that of its counterpart
            in ``model_a``, of a layer, a tensor or a part ("path/label"); None for a path of either model
            that has no counterpart. Two tensors of equal extents are a pair whatever their kinds.
        layers: as for ``inspect``, of both models; the map keeps what they say.
        places: as for ``inspect``, in the same way; a layer of ``model_b`` that no glob matches has the place
            that its counterpart was given.
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
    pair = None if inputs is None else pair_of(inputs)
    checks.switch("strict", strict)
    check_models(model_a, model_b)
    plain = inspect(model_a), inspect(model_b)
    a, b = with_layers_apart(*described(plain, layers, places))
    sides = None
    if pair is not None:
        sides = (
            side_of(model_a, _stored(a), pair[0], "first"),
            side_of(model_b, _stored(b), pair[1], "second"),
        )
    calls = ((), ()) if sides is None else (called(sides[0]), called(sides[1]))
    read = readings(a, b, given)
    question = asked(
        layers_of(read.compared[0], calls[0]),
        layers_of(read.compared[1], calls[1]),
        given,
        REGISTRATION if pair is None else "order of execution",
    )
    answer, verification = answered(question), None
    if sides is not None:
        answer, verification = proven(sides, question, answer, read)
    doubts = answer.doubts
    if verification is not None and not verification.ok:
        doubts = (*doubts, verification.summary)
    if strict and answer.doubts:
        raise ArgumentValueError(_undecided(doubts, proven=pair is not None))
    if strict and verification is not None and verification.is_void:
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
    items = place_items(() if places is None else places)
    told = told_paths(plain[0], items), told_paths(plain[1], items)
    second = with_told_places(read.second(answer.pairs), answer.pairs, told)
    records = _unlike(plain[0], _stored(a)), _unlike(plain[1], second)
    return NameMap(answer.names, answer.reasons, doubts, verification, records)


def _unlike(before: Inventory, after: Inventory) -> tuple[Record, ...]:
    """Return the records of an inventory that another reading has otherwise."""
    own = {record.path: record for record in before}
    return tuple(record for record in after if own.get(record.path) != record)


def _stored(inventory: Inventory) -> Inventory:
    """Return an inventory whose layers of stacks are regions of the tensors that hold them."""
    return dataclasses.replace(inventory, records=tuple(map(embedded, inventory)))


def _undecided(doubts: Sequence[str], *, proven: bool) -> str:
    more = f"; and {len(doubts) - SHOWN} more" if len(doubts) > SHOWN else ""
    run = "" if proven else ", or pass inputs=(inputs of the first, inputs of the second) to run both"
    return (
        f"`match` cannot decide: {'; '.join(doubts[:SHOWN])}{more}. {WAY_OUT}{run}. strict=False returns the "
        "pairs that are decided."
    )
