"""Helpers of the tests of published recipes: plans as laws, and a package's own values beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui
from unified_init import testing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unified_init.law.law import Law

ALPHA = 1e-6
FEWEST, MOST = 100, 50_000  # values of a tensor that are compared: more would cost seconds each


def law_of(plan: ui.Plan, path: str) -> Law:
    """Return the law of a parameter: the one that all its pieces share."""
    laws = {
        (piece.law.kind, piece.law.mean, piece.law.std, piece.law.high): piece.law
        for piece in plan[path].pieces
    }
    assert len(laws) == 1, f"{path} has {len(laws)} laws"
    return next(iter(laws.values()))


def stds(plan: ui.Plan) -> dict[str, float]:
    """Return the std of every parameter that is written."""
    return {one.record.path: law_of(plan, one.record.path).std for one in plan if one.pieces}


def values(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of a module's parameters and buffers as float32 arrays, ties once."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {path: tensor.detach().float().numpy().copy() for path, tensor in tensors.items()}


def assert_agrees(model: Any, recipe: ui.Recipe, *, apart: Iterable[str] = ()) -> ui.Report:
    """Assert that a recipe gives a model, as its package initialized it, values of the same laws.

    ``apart`` are paths in which the two differ for a reason that the test states.
    """
    theirs = values(model)
    planned = ui.plan(model, recipe)
    _, report = ui.apply(model, recipe, seed=7)
    ours = values(model)
    small: dict[str, list[tuple[Any, Any]]] = {}
    for path, drawn in theirs.items():
        if path in report.left or path in set(apart):
            continue
        one, rows = planned[path], slice(None)
        if one.zero_row is not None:
            assert not ours[path][one.zero_row].any()
            assert not drawn[one.zero_row].any()
            rows = np.arange(len(drawn)) != one.zero_row
        if not one.pieces or not all(piece.law.random for piece in one.pieces):
            np.testing.assert_array_equal(ours[path], drawn, err_msg=path)
        elif drawn.size >= FEWEST:
            assert not np.array_equal(ours[path], drawn)
            mine, native = (side[path][rows].ravel() for side in (ours, theirs))
            step = -(-mine.size // MOST)
            testing.assert_same_law(mine[::step], native[::step], alpha=ALPHA)
        else:  # too few alone: together with others of its kind, in units of the law's std
            law = law_of(planned, path)
            small.setdefault(law.kind, []).append((ours[path] / law.std, drawn / law.std))
    for pairs in small.values():
        mine, native = (np.concatenate([one.ravel() for one in side]) for side in zip(*pairs, strict=True))
        assert np.abs(native).max() < 7.0
        if mine.size >= FEWEST:
            testing.assert_same_law(mine, native, alpha=ALPHA)
    return report
