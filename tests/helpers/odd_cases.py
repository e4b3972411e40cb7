"""Puts each odd value into each place of a call, says what came of it, and keeps which values were accepted.

``tests/odd_accepted.txt`` lists for every place the values that it takes, so that one more is seen in a diff: a time that
passes for a number, or a masked array. ``pytest --write-messages`` writes it together with ``tests/messages.txt``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import random
import re
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui
from unified_init.backends import registry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import pytest
    from tests.helpers.odd_calls import Call
    from tests.helpers.odd_values import Values

__all__ = ["ACCEPTED", "REFUSED", "Outcome", "as_it_was", "check", "outcomes", "read", "written"]

SLOW = 5.0  # seconds of the processor that no refusal may take
ACCEPTED, REFUSED = "accepted", "refused"
FILE = Path(__file__).parents[1] / "odd_accepted.txt"
HEAD = (
    "# Which odd values each place takes. Written by `nox -s messages`; tests/helpers/odd_cases.py says why."
)

# Further names with which a message may begin, by the call: of the object whose method it is, of what is inside an
# argument, or of a number that several arguments make.
NAMED: dict[str, tuple[str, ...]] = {
    "Initializer.__truediv__": ("factor",),
    "InverseFan.std_of": ("mode",),
    "FanInterval.ends_of": ("mode",),
    "FanMoments.moments_of": ("mode",),
    "Layer": ("labels", "layout", "role"),
    "Part": ("shape",),
    "Rule.region": ("index",),
    "VarianceScaling.std_of": ("mode",),
    "as_jax()": ("layout", "seed"),
    "as_torch()": ("layout",),
    "fill": ("dtype",),
    "from_native": ("groups", "mode", "scale", "std", "text", "value"),
    "kaiming_normal": ("scale",),
    "kaiming_uniform": ("scale",),
    "match of torch.nn.Modules": ("match",),
    "recipes.deit_hf": ("lower",),
    "recipes.siren": ("scale",),
    "recipes.transformers_default": ("lower",),
    "recipes.whisper": ("lower",),
    "siren": ("scale",),
    "transfer": ("transfer",),
    "trunc_normal": ("lower",),
    "uniform_unit_scaling": ("scale",),
    "xavier_normal": ("scale",),
    "xavier_uniform": ("scale",),
}

Listing = dict[str, dict[str, tuple[str, ...]]]  # by group of values, then by place


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one value in one place: ACCEPTED, REFUSED, or what is wrong."""

    place: str
    value: str
    result: str


# What is taken where an extra is installed.
WITH_EXTRAS = {("save | progress", "True"): "rich"}


def _is_taken_here(place: str, value: str) -> bool:
    extra = WITH_EXTRAS.get((place, value))
    return extra is None or importlib.util.find_spec(extra) is not None


def check(path: str, call: Call, values: Values, group: str, config: pytest.Config) -> None:
    """Assert that no value gets another error than ours, and that no other is accepted than the file says."""
    accepted: dict[str, list[str]] = {f"{path} | {place}": [] for place, _ in call.places()}
    faults: list[str] = []
    for outcome in outcomes(path, call, values):
        place = f"{path} | {outcome.place}"
        if outcome.result == ACCEPTED:
            accepted[place].append(outcome.value)
        elif outcome.result != REFUSED:
            faults.append(f"{place} | {outcome.value}: {outcome.result}")
    assert not faults, "\n".join(faults)
    listing = read(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known = listing.get(group, {})
    if config.getoption("--write-messages"):
        listing[group] = known | {place: tuple(names) for place, names in accepted.items()}
        FILE.write_text(written(listing), encoding="utf-8", newline="\n")
        return
    # A framework's older releases take less.
    for place, names in accepted.items():
        expected = tuple(name for name in known.get(place, ()) if _is_taken_here(place, name))
        if group == "core":
            assert tuple(names) == expected, f"{place} takes other values than {FILE.name} says"
        else:
            assert set(names) <= set(expected), f"{place} takes values that {FILE.name} has not"


def outcomes(path: str, call: Call, values: Values) -> Iterator[Outcome]:
    """Yield what comes of each value in each place of a call."""
    with as_it_was():
        function = call.function(path)
        function(**call.valid())
        for place, changes in call.places():
            for name, make in values.items():
                with contextlib.suppress(Exception):  # a value that no dict takes as a key
                    names = NAMED.get(path, ())
                    yield Outcome(place, name, result_of(function, call, changes(make()), names))


@contextlib.contextmanager
def as_it_was() -> Iterator[None]:
    """Leave no backend registered, and the global generators as they were: layers draw from them."""
    registered = dict(registry._registered)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the global one
    torch = sys.modules.get("torch")
    state = None if torch is None else torch.random.get_rng_state()
    try:
        yield
    finally:
        registry._registered.clear()
        registry._registered.update(registered)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002  # the global one
        if torch is not None:
            torch.random.set_rng_state(state)


def result_of(function: Any, call: Call, changes: Mapping[str, Any], names: Collection[str] = ()) -> str:
    """Return what comes of the valid call with these changes.

    A message may begin with the name of one of its arguments, or with one of ``names``; of no other.
    """
    arguments = {**call.valid(), **changes}
    watched = [arguments[name] for name in call.watched if name not in changes]
    before = [_contents(target) for target in watched]
    start = time.process_time()
    try:
        function(**arguments)
        result = ACCEPTED
    except ui.UnifiedInitError as error:
        result = REFUSED if str(error) else "an error without a message"
        if (head := re.match(r"`(\w+)`", str(error))) and head[1] not in {*arguments, *names}:
            result = f"names an argument that the function has not: {error}"
    except call.expected:
        result = REFUSED
    except Exception as error:  # noqa: BLE001  # this is what is looked for
        result = raised(error)
    if time.process_time() - start > SLOW:
        result = f"took {time.process_time() - start:.0f} s: {result}"
    if result != ACCEPTED and [_contents(target) for target in watched] != before:
        result = f"changed what it refused to write: {result}"
    return result


def _contents(target: Any) -> bytes:
    """Return the bytes of an array, or of all arrays of a model."""
    if isinstance(target, np.ndarray):
        return target.tobytes()
    if hasattr(target, "state_dict"):
        return b"".join(map(_contents, target.state_dict().values()))
    if hasattr(target, "get_weights"):
        return b"".join(map(_contents, target.get_weights()))
    return bytes(target.detach().numpy().tobytes())


def raised(error: BaseException) -> str:
    """Return an error in a line: its type, its text and the innermost line of ours."""
    try:
        text = " ".join(str(error).split())[:100]
    except Exception as again:  # noqa: BLE001  # a text that cannot be made
        text = type(again).__name__
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "unified_init" in frame.filename
    ]
    where = (
        f"{frames[-1].filename.rpartition(f'unified_init{os.sep}')[2]}:{frames[-1].lineno}"
        if frames
        else "nowhere"
    )
    return f"{type(error).__name__} at {where}: {text}"


# --- the file -----------------------------------------------------------------------------------


def read(text: str) -> Listing:
    """Return what a text of the file's format lists."""
    listing: Listing = {}
    group = ""
    names: tuple[str, ...] = ()
    for line in text.splitlines()[1:]:
        if line.startswith("== "):
            group = line.removeprefix("== ")
        elif line.startswith("    "):
            listing.setdefault(group, {})[line.strip()] = names
        elif line:
            names = tuple(line.split(", "))
    return listing


def written(listing: Listing) -> str:
    """Return the text of the file: by group, the places that take the same values together."""
    lines = [HEAD]
    for group, places in sorted(listing.items()):
        lines += ["", "", f"== {group}"]
        together: dict[tuple[str, ...], list[str]] = {}
        for place, names in sorted(places.items()):
            together.setdefault(names, []).append(place)
        for names, alike in together.items():
            if names:
                lines += ["", ", ".join(names), *(f"    {place}" for place in alike)]
    return "\n".join(lines) + "\n"
