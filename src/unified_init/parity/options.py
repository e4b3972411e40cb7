"""The options of ``unified-init parity``: their checks, and the variants and presets that they select."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.parity.demo import INSTALL
from unified_init.parity.matrix import ENTRIES
from unified_init.parity.variants import Variant
from unified_init.stream import host

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from unified_init.parity.matrix import Entry

__all__ = [
    "absent",
    "false_alarms",
    "remedy",
    "select_entries",
    "select_variants",
]

COMPILED = "c"  # what is missing where no compiler was
BUILD = "install unified-init again where there is a C compiler"


def absent(variant: Variant) -> str | None:
    """Return what an installation lacks for a variant, or None if all is there; no backend is imported."""
    if variant is Variant.C:
        return None if host.c_fault() is None else COMPILED
    return None if importlib.util.find_spec(variant.backend) else variant.backend


def remedy(missing: Iterable[str]) -> str:
    """Say how to add what is missing, as ``absent`` has it."""
    extras = ",".join(name for name in dict.fromkeys(missing) if name != COMPILED)
    steps = [INSTALL.format(extras=extras)] if extras else []
    return "; ".join([*steps, *([BUILD] if COMPILED in missing else [])])


def select_variants(requested: Sequence[str]) -> tuple[tuple[Variant, ...], tuple[Variant, ...]]:
    """Return the variants to measure and the variants that are missing, in their usual order.

    With a request: the requested variants, and none missing. Without: all that are installed, and the others.

    Raises:
        ArgumentValueError: one of those requested is unknown or not installed.
    """
    chosen = {
        Variant(checks.choice("--variant", name, [variant.value for variant in Variant]))
        for name in requested
    }
    for variant in Variant:
        if variant in chosen and (lack := absent(variant)) is not None:
            msg = f"`--variant {variant.value}` is not installed. To add it: {remedy([lack])}"
            raise ArgumentValueError(msg)
    if chosen:
        return tuple(variant for variant in Variant if variant in chosen), ()
    missing = tuple(variant for variant in Variant if absent(variant) is not None)
    return tuple(variant for variant in Variant if variant not in missing), missing


def select_entries(requested: Sequence[str]) -> tuple[Entry, ...]:
    """Return the entries of the presets requested, or all.

    Raises:
        ArgumentValueError: one of those requested is unknown.
    """
    presets = list(dict.fromkeys(entry.preset for entry in ENTRIES))
    chosen = {checks.choice("--preset", name, presets) for name in requested}
    return tuple(entry for entry in ENTRIES if not chosen or entry.preset in chosen)


def false_alarms(alpha: float) -> float:
    """Return a false-alarm rate if it is one.

    Raises:
        ArgumentValueError: it is not inside (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        msg = f"`--alpha` must be between 0 and 1, got {alpha!r}."
        raise ArgumentValueError(msg)
    return alpha
