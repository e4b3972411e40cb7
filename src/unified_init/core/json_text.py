"""JSON that people write: read once, with one error for all that is no JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError

__all__ = ["parse", "written"]

DEEPEST = 100  # spaces per level


def parse(text: object, what: str) -> Any:  # noqa: ANN401  # what JSON holds has no type that we could name
    """Return what JSON text holds; ``what`` names it in messages, such as "recipe".

    Raises:
        ArgumentTypeError: no text.
        ArgumentValueError: no JSON, or an object that has one field twice.
    """
    words = checks.text("text", text)
    try:
        return json.loads(words, object_pairs_hook=_fields)
    except (ValueError, RecursionError) as error:  # ValueError: also integers of 4300 digits and more
        msg = f"{what}: not JSON ({error})."
        raise ArgumentValueError(msg) from None


def written(tree: object, indent: object = None) -> str:
    """Return values as JSON text; ``indent`` is the number of spaces per level, None for one line."""
    if indent is not None and checks.count("indent", indent, least=0) > DEEPEST:
        msg = f"`indent` must be at most {DEEPEST}, got {shown(indent)}."
        raise ArgumentValueError(msg)
    return json.dumps(tree, indent=checks.integer(indent), allow_nan=False)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with one field twice, of which JSON would keep the last without a word."""
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        msg = f"the field {repeated[0]!r} is given twice"
        raise ValueError(msg)
    return dict(pairs)
