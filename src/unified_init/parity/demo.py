"""The demo: one model's tensors in every installed backend, measured and compared by digest.

``unified-init demo`` shows it. No module of the extra ``cli`` is needed here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.resources
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import unified_init as ui
from unified_init.backends.registry import NAMES
from unified_init.errors import ArgumentValueError
from unified_init.interop.serialise import from_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "INSTALL",
    "DemoModel",
    "DemoTensor",
    "Outcome",
    "differing",
    "load",
    "measure",
    "missing_message",
    "select",
    "start",
    "verdict",
]

MODEL = "gpt2_small.json"
START = 1 << 20  # values of a first draw, which loads what later ones use
INSTALL = 'pip install "unified-init[{extras}]"'


@dataclasses.dataclass(frozen=True, slots=True)
class DemoTensor:
    """One tensor of a model: the arguments of ``draw`` that it fixes."""

    name: str
    shape: tuple[int, ...]
    layout: str
    spec: ui.Initializer

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True, slots=True)
class DemoModel:
    """The tensors of one model, in order."""

    name: str
    tensors: tuple[DemoTensor, ...]

    @property
    def size(self) -> int:
        """Number of values of all tensors together."""
        return sum(tensor.size for tensor in self.tensors)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one backend: the seconds that drawing took, and one digest per tensor."""

    backend: str
    seconds: float
    digests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the tensors, in order."""
        return hashlib.sha256("".join(self.digests).encode("ascii")).hexdigest()


def load(path: Path | None = None) -> DemoModel:
    """Read a model file, by default that of GPT-2 small.

    Args:
        path: a JSON file of the form of ``examples/gpt2_small.json``.

    Returns:
        The model.

    Raises:
        ArgumentValueError: the file does not have this form, or is meant for another stream.

    Example:
        >>> model = load()
        >>> model.name, len(model.tensors), model.size
        ('gpt2', 148, 124439808)
    """
    source = MODEL if path is None else str(path)
    try:
        tree = json.loads(_default_text() if path is None else path.read_text(encoding="utf-8"))
        stream = tree["stream"]
        tensors = tuple(
            DemoTensor(
                name=record["name"],
                shape=tuple(record["shape"]),
                layout=record["layout"],
                spec=from_dict(record["spec"]),
            )
            for record in tree["parameters"]
        )
        model = DemoModel(tree["model"], tensors)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        msg = (
            "The model file must be a JSON object with `model`, `stream` and `parameters`, each of them with "
            f"`name`, `shape`, `layout` and `spec`, as in examples/{MODEL}; "
            f"got {source!r}: {type(error).__name__}: {error}."
        )
        raise ArgumentValueError(msg) from error
    if stream != ui.STREAM:
        msg = f"The model file must be for the stream {ui.STREAM!r} of this release, got {stream!r}."
        raise ArgumentValueError(msg)
    if not model.tensors:
        msg = f"The model file must have at least one parameter, got none in {source!r}."
        raise ArgumentValueError(msg)
    return model


def _default_text() -> str:
    """Return the model file of GPT-2 small: from the package, or from the working tree that has it."""
    packaged = importlib.resources.files("unified_init") / "examples" / MODEL
    in_tree = Path(__file__).parents[3] / "examples" / MODEL
    return (packaged if packaged.is_file() else in_tree).read_text(encoding="utf-8")


def start(backend: str) -> float:
    """Import a backend, make it draw once, and return the seconds that this took."""
    start_time = time.perf_counter()
    _wait(ui.draw(ui.normal(0.0, 1.0), (START,), seed=0, name="start-up", backend=backend))
    return time.perf_counter() - start_time


def measure(
    model: DemoModel,
    backend: str,
    *,
    seed: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Outcome:
    """Draw every tensor in one backend, one at a time in memory.

    The clock runs while drawing, not for the digests; `start` keeps imports out of it.

    Args:
        model: what to draw.
        backend: where.
        seed: the seed of all tensors; each is drawn under its own name.
        advance: is called after each tensor with its number of values.

    Returns:
        The time and the digests.
    """
    seconds = 0.0
    digests = []
    for tensor in model.tensors:
        start_time = time.perf_counter()
        array = ui.draw(
            tensor.spec,
            tensor.shape,
            seed=seed,
            name=tensor.name,
            layout=tensor.layout,
            backend=backend,
        )
        _wait(array)
        seconds += time.perf_counter() - start_time
        digests.append(ui.digest(array, layout=tensor.layout))
        del array  # before the next one is drawn
        advance(tensor.size)
    return Outcome(backend, seconds, tuple(digests))


def _wait(array: object) -> None:
    """Wait until an array is computed, where the framework returns before that (JAX)."""
    wait: Callable[[], Any] | None = getattr(array, "block_until_ready", None)
    if wait is not None:
        wait()


def differing(model: DemoModel, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the names of the tensors whose digests are not the same in all outcomes."""
    columns = zip(*(outcome.digests for outcome in outcomes), strict=True)
    pairs = zip(model.tensors, columns, strict=True)
    return tuple(tensor.name for tensor, digests in pairs if len(set(digests)) > 1)


def missing_message(installed: Sequence[str]) -> str | None:
    """Say which backends are not installed and how to add them, or None if all are."""
    missing = [name for name in NAMES if name not in installed]
    if not missing:
        return None
    return f"Not installed: {', '.join(missing)}. To add: {INSTALL.format(extras=','.join(missing))}"


def verdict(model: DemoModel, outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """Return the closing line and whether the backends agree."""
    amount = f"{len(model.tensors)} tensors, {model.size:,} values"
    names = ", ".join(outcome.backend for outcome in outcomes)
    unequal = differing(model, outcomes)
    if unequal:
        more = f" and {len(unequal) - 3} more" if len(unequal) > 3 else ""  # noqa: PLR2004  # enough to start with
        return (
            f"DISAGREE: {len(unequal)} of {amount} differ between {names}: {', '.join(unequal[:3])}{more}",
            False,
        )
    if len(outcomes) == 1:
        return f"Nothing to compare: {amount} in 1 backend ({names})", True
    return f"All agree, bit for bit: {amount}, the same in {len(outcomes)} backends ({names})", True


def select(requested: Sequence[str], installed: Sequence[str]) -> list[str]:
    """Return the backends to run, in their usual order.

    Raises:
        ArgumentValueError: one of those requested is unknown or not installed.
    """
    for name in requested:
        if name not in NAMES:
            msg = f"`--backend` must be one of {', '.join(NAMES)}, got {name!r}."
            raise ArgumentValueError(msg)
        if name not in installed:
            msg = f"`--backend {name}` is not installed. To add it: {INSTALL.format(extras=name)}"
            raise ArgumentValueError(msg)
    return [name for name in installed if not requested or name in requested]
