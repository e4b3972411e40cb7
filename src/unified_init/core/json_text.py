"""JSON that people write: read once, with one error for all that is no JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from unified_init.core import checks
from unified_init.errors import ArgumentValueError

__all__ = ["parse"]


def parse(text: object, what: str) -> Any:  # noqa: ANN401  # what JSON holds has no type that we could name
    """Return what JSON text holds; ``what`` names it in messages, such as "recipe".

    Raises:
        ArgumentTypeError: no text.
        ArgumentValueError: no JSON, or an object that has one field twice.
    """
    checks.text("text", text)
    try:
        return json.loads(str(text), object_pairs_hook=_fields)
    except (ValueError, RecursionError) as error:  # ValueError: also integers of 4300 digits and more
        msg = f"{what}: not JSON ({error})."
        raise ArgumentValueError(msg) from None


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with one field twice, of which JSON would keep the last without a word."""
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        msg = f"the field {repeated[0]!r} stands twice"
        raise ValueError(msg)
    return dict(pairs)
