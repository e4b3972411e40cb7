"""A draw as text: how a call crosses the opaque node that stands for it in ``torch.compile``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unified_init.indexmap import index_map
from unified_init.layout import bind
from unified_init.serialise import from_json, to_json
from unified_init.stream.dtypes import dtype_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.initializer import Initializer

__all__ = ["freeze", "register", "result", "run"]

# ruff: noqa: ANN401

_DRAW: list[Callable[..., Any]] = []


def register(draw: Callable[..., Any]) -> None:
    """Say what a frozen call runs; the front door, which this module may not import, does."""
    _DRAW[:] = [draw]


def freeze(spec: Initializer, options: tuple[tuple[str, Any], ...]) -> str:
    """Return the arguments of a draw, but for shape and seed, as JSON."""
    plain = dict(options)
    plain["dtype"] = dtype_of(plain["dtype"]).name
    plain["device"] = None if plain["device"] is None else str(plain["device"])
    if plain["index"] is not None:
        index = plain["index"] if isinstance(plain["index"], tuple) else (plain["index"],)
        plain["index"] = [
            [part.start, part.stop, part.step] if isinstance(part, slice) else part for part in index
        ]
    return json.dumps({"spec": json.loads(to_json(spec)), **plain})


def _thaw(call: str) -> tuple[Initializer, dict[str, Any]]:
    options = json.loads(call)
    spec = from_json(json.dumps(options.pop("spec")))
    if options["index"] is not None:
        options["index"] = tuple(
            slice(*part) if isinstance(part, list) else part for part in options["index"]
        )
    if options["fans"] is not None:
        options["fans"] = tuple(options["fans"])
    return spec, options


def run(call: str, shape: tuple[int, ...], seed: int) -> Any:
    """Draw what was frozen."""
    spec, options = _thaw(call)
    return _DRAW[0](spec, shape, seed=seed, backend="torch", **options)


def result(call: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str, str]:
    """Return shape, dtype and device of what a frozen call returns."""
    _, options = _thaw(call)
    geometry = bind(shape, options["layout"], options["sizes"])
    index = index_map(geometry, options["index"])
    return index.shape, options["dtype"], options["device"] or "cpu"
