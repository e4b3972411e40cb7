"""Puts each odd value into each place of a call, and says what came of it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.odd_calls import Call
    from tests.helpers.odd_values import Values

__all__ = ["SLOW", "Outcome", "outcomes", "raised", "result_of"]

SLOW = 5.0  # seconds that no refusal may take


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one value in one place: "accepted", "refused", or what is wrong."""

    place: str
    value: str
    result: str


def outcomes(path: str, call: Call, values: Values) -> Iterator[Outcome]:
    """Yield what comes of each value in each place of a call."""
    function = call.function(path)
    for place, changes in call.places():
        for name, make in values.items():
            try:
                arguments = changes(make())
            except Exception:  # noqa: BLE001, S112  # a value that no dict takes as a key
                continue
            yield Outcome(place, name, result_of(function, call, arguments))


def result_of(function: Any, call: Call, changes: dict[str, Any]) -> str:
    arguments = {**call.valid(), **changes}
    watched = [arguments[name] for name in call.watched if name not in changes]
    before = [np.array(array, copy=True).tobytes() for array in watched]
    start = time.perf_counter()
    try:
        function(**arguments)
        result = "accepted"
    except ui.UnifiedInitError as error:
        result = "refused" if str(error) else "an error without a message"
    except call.expected:
        result = "refused"
    except Exception as error:  # noqa: BLE001  # this is what is looked for
        result = raised(error)
    if time.perf_counter() - start > SLOW:
        result = f"took {time.perf_counter() - start:.0f} s: {result}"
    if result != "accepted" and [np.array(array).tobytes() for array in watched] != before:
        result = f"changed what it refused to write: {result}"
    return result


def raised(error: BaseException) -> str:
    """Return an error in a line: its type, its text and the innermost line of ours."""
    import traceback

    try:
        text = " ".join(str(error).split())[:100]
    except Exception as again:  # noqa: BLE001  # a text that cannot be made
        text = type(again).__name__
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "unified_init" in frame.filename
    ]
    where = (
        f"{frames[-1].filename.rpartition('unified_init/')[2]}:{frames[-1].lineno}" if frames else "nowhere"
    )
    return f"{type(error).__name__} at {where}: {text}"
