"""Audits: compares every parameter of a model with what a recipe expects. Needs SciPy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.auditing.causes import causes_of, faithful_note, low_precision_notes
from unified_init.auditing.duplicates import duplicates_of
from unified_init.auditing.expectations import Expectation, expectations_of, read_tensor, unused_rules
from unified_init.auditing.report import Audit, AuditRow
from unified_init.auditing.values import (
    examinable,
    findings_of,
    observe,
    sample_of,
    structural_fault,
)
from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.recipes.rule import Recipe
from unified_init.testing.findings import family_p, verdict
from unified_init.walkers.layer_facts import ComputedError
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.auditing.values import Observed
    from unified_init.testing.findings import Finding
    from unified_init.walkers.protocol import Walker

__all__ = ["ALPHA", "audit"]

# ruff: noqa: ANN401  # models of any framework

ALPHA = 1e-9


def audit(model: Any, recipe: Recipe, *, alpha: float = ALPHA) -> Audit:
    """Compare every parameter of a model with the law that a recipe gives it.

    For each: ratio = observed std / law's std, z-scores by the exact distribution of the sums, and the
    statistics of ``unified_init.testing.examine`` at alpha / number of parameters. Constants, identities
    and the like are compared exactly. Of more than 2**19 values evenly spaced slices are examined, the
    same ones every time; the ends, and whether all are finite, are of all values.

    Args:
        model: as for ``ui.inspect``; nothing is written, and it need not be initialised by this library.
        recipe: what is expected. A parameter that none of its rules matches is a row, no error.
        alpha: the false-alarm rate over the whole model, in (0, 1).

    Returns:
        The audit.

    Raises:
        ArgumentTypeError: no walker knows the model, or no recipe.
        ArgumentValueError: a rate outside (0, 1).
        BackendError: SciPy is missing: ``pip install "unified-init[testing]"``.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer, _ = ui.apply(torch.nn.Conv2d(64, 64, 3, groups=64), ui.recipes.torch_default(), seed=0)
        >>> layer.weight.data *= 0.5
        >>> print(ui.audit(layer, ui.recipes.torch_default())["weight"].verdict)
        differs

    Differs from:
        No framework has one. Tests with fixed tolerances fail by chance or pass by their width; here the
        tolerance follows from the number of values and ``alpha``.
    """
    if not isinstance(recipe, Recipe):
        msg = f"`recipe` must be a Recipe, such as unified_init.recipes.torch_default(), got {shown(recipe)}."
        raise ArgumentTypeError(msg)
    rate = checks.number("alpha", alpha)
    if not 0.0 < rate < 1.0:
        msg = f"`alpha` must lie between 0 and 1, got {shown(rate)}."
        raise ArgumentValueError(msg)
    walker = walker_of(model)
    inventory = walker.inspect(model)
    unused = unused_rules(inventory, recipe)
    expectations = tuple(expectations_of(inventory, recipe))
    blocks = 1 + max((record.block for record in inventory if record.block is not None), default=-1)
    others = {
        expectation.piece.law.std: f"rule {expectation.rule}, which gives {expectation.path!r} its std"
        for expectation in reversed(expectations)
        if expectation.piece is not None and expectation.piece.law.random
    }
    rows: list[AuditRow] = []
    unique: dict[int, NDArray[Any]] = {}  # by row, the values that no other tensor should hold
    for expectation in expectations:
        try:
            values = read_tensor(lambda path: walker.read(model, path), expectation)
        except Exception as error:  # noqa: BLE001  # on meta, or a type that its framework cannot hand over
            rows.append(_row(expectation, "unread", notes=(str(error),)))
            continue
        row = _judge(expectation, values, rate / len(expectations), blocks, others)
        reason = _computed_reason(walker, model, expectation) if row.verdict == "differs" else ""
        if reason:
            row = dataclasses.replace(row, verdict="unexamined", notes=(reason,))
        if expectation.piece is None or expectation.piece.law.random:  # a formula may give two the same
            unique[len(rows)] = values
        rows.append(row)
    for index, indices in duplicates_of(unique).items():
        rows[index] = _with_duplicates(rows[index], tuple(expectations[other].path for other in indices))
    return Audit(recipe.name, inventory.framework, rate, tuple(rows), unused)


def _computed_reason(walker: Walker, model: Any, expectation: Expectation) -> str:
    """Return why a tensor cannot have the values of a rule, if its layer computes it from others; else ""."""
    try:
        walker.check(model, [path for path, _ in expectation.record.stored])
    except ComputedError as error:
        return str(error)
    except UnifiedInitError:
        return ""
    return ""


def _with_duplicates(row: AuditRow, others: tuple[str, ...]) -> AuditRow:
    listing = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")  # noqa: PLR2004
    verdict = "faulty" if row.verdict in {"ok", "differs"} else row.verdict
    return dataclasses.replace(
        row, verdict=verdict, duplicates=others, notes=(*row.notes, f"holds the same values as {listing}")
    )


def _judge(
    expectation: Expectation, values: NDArray[Any], rate: float, blocks: int, others: Mapping[float, str]
) -> AuditRow:
    """Return the row of a tensor: its numbers, and the verdict on them."""
    padding: tuple[str, ...] = ()
    if expectation.zero_row is not None:
        if values[expectation.zero_row].any():
            padding = (f"row {expectation.zero_row}, the padding, is not 0",)
        values = np.delete(values, expectation.zero_row, axis=0)
    sample = sample_of(values)
    observed = observe(values, sample)
    if observed.finite < observed.size:
        return _row(
            expectation,
            "faulty",
            observed,
            notes=(f"{observed.size - observed.finite:,} values are not finite",),
        )
    piece = expectation.piece
    if piece is None:
        reason = (expectation.reason,) if expectation.reason else ()
        return _row(expectation, expectation.why, observed, notes=reason)
    if not observed.size:
        return _row(expectation, "ok", observed)
    if not examinable(piece, values.dtype.name):
        fault = structural_fault(values, expectation.record, piece)
        word = "unexamined" if fault is None else "differs" if fault or padding else "ok"
        return _row(
            expectation,
            word,
            observed,
            notes=(*padding, *((fault,) if fault else ()), *faithful_note(expectation)),
        )
    try:
        findings = findings_of(sample, piece)
    except UnifiedInitError as error:
        return _row(expectation, "unexamined", observed, notes=(str(error),))
    failed = verdict(findings, rate)
    low_precision = tuple(low_precision_notes(findings, failed, values.dtype.name))
    notes = [*padding, *faithful_note(expectation), *low_precision]
    if failed:
        notes += causes_of(expectation, observed, blocks, others)
    if failed and not notes:
        notes = [
            f"{finding.name}: {finding.observed:.6g} where {finding.expected:.6g} is due"
            for finding in failed[:2]
        ]
    constant = observed.std == 0.0 and observed.size > 1
    word = "faulty" if low_precision or constant else "differs" if failed or padding else "ok"
    return _row(expectation, word, observed, findings, tuple(notes))


def _row(
    expectation: Expectation,
    word: str,
    observed: Observed | None = None,
    findings: Sequence[Finding] = (),
    notes: tuple[str, ...] = (),
) -> AuditRow:
    record, piece = expectation.record, expectation.piece
    scores = {finding.name: finding.z for finding in findings}
    facts: dict[str, Any] = {} if observed is None else dataclasses.asdict(observed)
    facts.pop("finite", None)
    if piece is not None:
        law = piece.law
        facts |= {
            "law": piece.spec.label, "fan_in": law.fan_in, "fan_out": law.fan_out,
            "expected_mean": law.mean, "expected_std": law.std,
        }  # fmt: skip
    return AuditRow(
        path=expectation.path,
        shape=expectation.shape,
        kind=record.kind,
        role=record.role,
        place=record.place,
        block=record.block,
        dtype=record.dtype,
        rule=expectation.rule,
        z_mean=scores.get("mean"),
        z_std=scores.get("variance"),
        z_kurtosis=scores.get("kurtosis"),
        p=family_p(findings) if findings else None,
        verdict=word,
        notes=notes,
        ties=record.ties,
        **facts,
    )
