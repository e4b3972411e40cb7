"""Audits: compares every parameter of a model with what a recipe expects. Needs SciPy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from unified_init.auditing.causes import (
    Context,
    causes_of,
    clamped_note,
    context_of,
    faithful_note,
    low_precision_notes,
)
from unified_init.auditing.duplicates import mark_duplicates
from unified_init.auditing.example_statistics import example_statistics
from unified_init.auditing.expectations import (
    Expectation,
    deciding_rules,
    expectations_of,
    read_tensor,
    unused_rules,
)
from unified_init.auditing.normed import normed_findings
from unified_init.auditing.report import Audit, AuditRow
from unified_init.auditing.structures import Draws, independent_draws, structural_fault
from unified_init.auditing.values import (
    Observed,
    far_values,
    findings_of,
    grades_of,
    law_of_reals,
    measure,
)
from unified_init.backends.memory import SpreadError
from unified_init.core import checks
from unified_init.core.rates import ALPHA
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.inventory.quantized import quantized_reasons
from unified_init.law.unit_values import NormedValues
from unified_init.models.names import without_prefixes
from unified_init.models.packed import packed_left
from unified_init.models.reading import described, edited
from unified_init.recipes.block_counts import block_notes
from unified_init.recipes.recipe import Recipe
from unified_init.stream.dtypes import name_of
from unified_init.testing.complex_values import GRADES
from unified_init.testing.findings import least_p, verdict
from unified_init.walkers.layer_facts import ComputedError
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.auditing.values import Measured
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.layer import Layer
    from unified_init.testing.findings import Finding
    from unified_init.walkers.protocol import Tying, Walker

__all__ = ["audit"]

# ruff: noqa: ANN401  # models of any framework

NUMBERS = tuple(field.name for field in dataclasses.fields(Observed))
FEW, FEW_OF = 3, 1e-3  # so many values, and such a share of all, are outliers and not another law


def audit(
    model: Any,
    recipe: Recipe,
    *,
    alpha: float = ALPHA,
    layers: Mapping[Any, Layer] | None = None,
    places: Mapping[str, str] | None = None,
    inventory: Inventory | None = None,
    strip: Sequence[str] | str | None = None,
) -> Audit:
    """Compare every parameter of a model with the law that a recipe gives it.

    For each: ratio = observed std / law's std, z-scores by the exact distribution of the sums, and the
    statistics of ``unified_init.testing.examine`` at alpha / number of parameters. Constants, identities
    and the like are compared exactly, complex values by their real and imaginary parts. Every value is
    checked against the ends of the law, and counts in mean, variance and kurtosis. The distribution and the
    dependence of more than 2**18 values are tested on evenly spaced slices, the same ones every time.

    Two statistics are coarser than in ``examine``: a sampler of few values is seen up to 2**20 of them, and
    of the runs of more than 2**16 values one in n / 2**14 is compared, so that a block of 128 of 2**18 values
    that occurs twice is missed once in 3,000 times.

    Args:
        model: as for ``ui.inspect``; nothing is written, and it need not be initialized by this library.
        recipe: what is expected. A parameter that none of its rules matches is a row, no error.
        alpha: the false-alarm rate over the whole model, in (0, 1).
        layers: as for ``ui.apply``.
        places: as for ``ui.apply``.
        inventory: as for ``ui.apply``.
        strip: as for ``ui.apply``; rules may speak of names.

    Returns:
        The audit.

    Raises:
        ArgumentTypeError: no walker knows the model, or no recipe; a tensor of which this rank or process has
            a part.
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
        msg = f"`alpha` must be between 0 and 1, got {shown(rate)}."
        raise ArgumentValueError(msg)
    walker = walker_of(model)
    own = walker.inspect(model)
    base = own if inventory is None else edited(inventory, own)
    inventory = without_prefixes(described([base], layers, places, recipe)[0], strip)
    deciding = deciding_rules(inventory, recipe)
    unused = unused_rules(inventory, recipe, deciding)
    expectations = tuple(expectations_of(inventory, recipe, deciding))
    context = context_of(inventory, expectations, recipe)
    rows: list[AuditRow] = []
    quantized = quantized_reasons(inventory.records, inventory.left)
    unique: dict[int, NDArray[Any]] = {}  # by row, the values that no other tensor should hold
    for expectation in expectations:
        reasons = [quantized[path] for path, _ in expectation.record.stored if path in quantized]
        if reasons:
            rows.append(_row(expectation, "unread", notes=tuple(reasons[:1])))
            continue
        try:
            values = read_tensor(lambda path: walker.read(model, path), expectation)
        except SpreadError:
            raise
        except Exception as error:  # noqa: BLE001  # on meta, or a type that its framework cannot hand over
            rows.append(_row(expectation, "unread", notes=(str(error),)))
            continue
        row = _judge(expectation, values, rate / len(expectations), context)
        if row.verdict == "differs":
            row = _excused(row, _computed_reason(walker, model, expectation), "unexamined")
            started = example_statistics(
                expectation, recipe, inventory, lambda path: walker.read(model, path)
            )
            row = _excused(row, started, "left")
        if expectation.piece is None or expectation.piece.law.random:  # a formula may give two the same
            unique[len(rows)] = values
        rows.append(row)
    mark_duplicates(rows, unique, expectations)
    rows = [*_with_broken_ties(walker, model, rows), *_packed_rows(walker, model, inventory)]
    notes = tuple(block_notes(recipe, inventory))
    return Audit(recipe.name, inventory.framework, rate, tuple(rows), unused, notes)


def _with_broken_ties(walker: Walker, model: Any, rows: Sequence[AuditRow]) -> Iterator[AuditRow]:
    """Yield the rows; a tensor that is declared to be another one, and has memory of its own, is faulty."""
    untied = dict(cast("Tying", walker).untied(model)) if hasattr(walker, "untied") else {}
    for row in rows:
        other = untied.get(row.path)
        if other is None:
            yield row
            continue
        note = f"is declared to be the same tensor as {other}, and has memory of its own"
        yield dataclasses.replace(row, verdict="faulty", notes=(*row.notes, note))


def _excused(row: AuditRow, reason: str, verdict: str) -> AuditRow:
    """Return the row of a tensor that no recipe could give other values, if there is a reason for that."""
    return dataclasses.replace(row, verdict=verdict, notes=(reason,)) if reason else row


def _packed_rows(walker: Walker, model: Any, inventory: Inventory) -> Iterator[AuditRow]:
    """Yield a row for each tensor that no recipe writes and that cannot be read."""
    for path, reason in packed_left(walker, model, inventory):
        facts: dict[str, Any] = {"kind": "parameter", "role": "buffer", "dtype": "", "verdict": "unread"}
        yield AuditRow(path=path, shape=(), notes=(reason,), **facts)


def _computed_reason(walker: Walker, model: Any, expectation: Expectation) -> str:
    """Return why a tensor cannot have the values of a rule, if its layer computes it from others; else ""."""
    try:
        walker.check(model, [path for path, _ in expectation.record.stored])
    except ComputedError as error:
        return str(error).partition(": skip=")[0]  # which is an argument of apply
    except UnifiedInitError:
        return ""
    return ""


def _judge(expectation: Expectation, values: NDArray[Any], rate: float, context: Context) -> AuditRow:
    """Return the row of a tensor: its numbers, and the verdict on them."""
    padding: tuple[str, ...] = ()
    if expectation.zero_row is not None:
        if values[expectation.zero_row].any():
            padding = (f"row {expectation.zero_row}, the padding, is not 0",)
        values = np.delete(values, expectation.zero_row, axis=0)
    piece, measured = expectation.piece, measure(values)
    observed = measured.observed
    if measured.sums is not None and measured.sums.sums is None:
        count = int((~np.isfinite(values)).sum())
        return _row(expectation, "faulty", observed, notes=(f"{count:,} values are not finite",))
    if piece is None:
        reasons = (expectation.reason,) if expectation.reason else ()
        return _row(expectation, expectation.why, observed, notes=reasons)
    if measured.sums is None:
        return _row(expectation, "ok", observed)
    if isinstance(piece.law.unit, NormedValues):
        return _normed(expectation, values, measured, padding, rate)
    draws = independent_draws(values, expectation.record, piece, expectation.box)
    if draws is not None and draws.values.size and not draws.fault:
        return _tested(expectation, draws, measured, padding, rate=rate, context=context)
    if draws is None:
        fault = structural_fault(values, expectation.record, piece, expectation.box)
    else:
        fault = draws.fault
    word = "unexamined" if fault is None else "differs" if fault or padding else "ok"
    reason = f"no test is known for {piece.spec.label} in {values.dtype.name}" if fault is None else fault
    notes = (*padding, *filter(None, [reason]), *faithful_note(expectation))
    return _row(expectation, word, observed, notes=notes)


def _normed(
    expectation: Expectation, values: NDArray[Any], measured: Measured, padding: tuple[str, ...], rate: float
) -> AuditRow:
    """Return the row of a tensor that was scaled to a norm."""
    piece = expectation.piece
    assert piece is not None  # noqa: S101  # the caller has looked at its law
    unit = piece.law.unit
    assert isinstance(unit, NormedValues)  # noqa: S101
    if expectation.box is not None or values.shape != piece.shape:
        reason = "a part of a tensor says nothing of its norm"
        return _row(expectation, "unexamined", measured.observed, notes=(reason,))
    try:
        findings = normed_findings(values, expectation.record, piece, unit)
    except UnifiedInitError as error:
        return _row(expectation, "unexamined", measured.observed, notes=(str(error),))
    failed = verdict(findings, rate)
    notes = [_said(finding) for finding in failed[:2]]
    word = "differs" if failed or padding else "ok"
    return _row(
        expectation, word, measured.observed, findings, (*padding, *notes, *faithful_note(expectation))
    )


def _said(finding: Finding) -> str:
    return f"{finding.name}: {finding.observed:.6g}, expected {finding.expected:.6g}"


def _tested(
    expectation: Expectation,
    draws: Draws,
    measured: Measured,
    padding: tuple[str, ...],
    *,
    rate: float,
    context: Context,
) -> AuditRow:
    """Return the row of a tensor whose independent draws are tested; all of its values are ``measured``."""
    dtype = name_of(draws.values.dtype)
    law, observed = law_of_reals(draws.law, dtype), measured.observed
    try:
        grades = grades_of(draws.values, draws.law)
        if grades is None:
            findings = findings_of(measured if draws.is_all else measure(draws.values), law)
        else:
            findings = findings_of(measure(grades), GRADES)
    except UnifiedInitError as error:
        return _row(expectation, "unexamined", observed, notes=(str(error),))
    failed = verdict(findings, rate)
    low_precision = tuple(low_precision_notes(failed, law, dtype))
    notes = [*padding, *faithful_note(expectation), *low_precision]
    if failed and law.independent:
        count, far = 0, ""
        if grades is None:
            count, far = far_values(measured.reals, law, expectation.zero_row)
        # A few values out of place move the variance and the kurtosis; another law moves the distribution.
        is_few = 0 < count <= FEW + FEW_OF * observed.size and not _distribution_failed(failed)
        causes = [] if is_few else list(causes_of(expectation, observed, law, context))
        notes += causes or filter(None, [far])
        notes += clamped_note(measured.reals, law, context.framework) if is_few else ()
    if failed and not notes:
        notes = [_said(finding) for finding in failed[:2]]
    constant = observed.std == 0.0 and observed.size > 1
    word = "faulty" if low_precision or constant else "differs" if failed or padding else "ok"
    return _row(expectation, word, observed, findings, tuple(notes))


def _distribution_failed(failed: Sequence[Finding]) -> bool:
    return any(statistic.name in {"Kolmogorov-Smirnov", "Anderson-Darling"} for statistic in failed)


def _row(
    expectation: Expectation,
    word: str,
    observed: Observed | None = None,
    findings: Sequence[Finding] = (),
    notes: tuple[str, ...] = (),
) -> AuditRow:
    record, piece = expectation.record, expectation.piece
    scores = {finding.name: finding.z for finding in findings}
    facts: dict[str, Any] = {} if observed is None else {name: getattr(observed, name) for name in NUMBERS}
    if piece is not None:
        law = law_of_reals(piece.law, record.dtype)
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
        p=least_p(findings) if findings else None,
        verdict=word,
        notes=notes,
        ties=record.ties,
        **facts,
    )
