"""The arguments of a draw as text, for the opaque node that stands for the draw in ``torch.compile``.

The shape may be symbolic while Dynamo traces, so a call cannot become a law there. A spec that is made inside
the trace is not an object yet, so it is taken apart into plain constants.
"""

from __future__ import annotations

import json
from typing import Any

from unified_init.core import checks
from unified_init.drawing.eager import draw_eagerly
from unified_init.errors import UnifiedInitError
from unified_init.interop.serialise import KINDS, from_dict, to_dict
from unified_init.law.indexmap import index_map
from unified_init.law.layout import bind_symbolic
from unified_init.spec.initializer import Initializer
from unified_init.stream.dtypes import dtype_of

__all__ = ["REFUSED", "freeze", "parts", "result", "run"]

# ruff: noqa: ANN401  # what Dynamo traces

HEX = "float in hexadecimal"  # marks what ``_constant`` wrote
REFUSED = "refused: "  # begins the text where arguments are wrong; no JSON begins so

Parts = tuple[str, tuple[Any, ...], str, tuple[Any, ...], str, int]


def parts(spec: Initializer) -> Parts:
    """Return a spec as plain constants, which Dynamo can read also of a spec that was made in its trace."""
    dist, scale = spec.distribution, spec.scale
    return (
        type(dist).__name__,
        tuple([_constant(getattr(dist, name)) for name in type(dist).__match_args__]),
        type(scale).__name__,
        tuple([_constant(getattr(scale, name)) for name in type(scale).__match_args__]),
        spec.factor.hex(),
        spec.upscale,
    )


def _constant(value: Any) -> Any:
    """Return a float as text: with dynamic shapes, Dynamo makes symbols of most floats."""
    return (HEX, value.hex()) if isinstance(value, float) else value


def _value(constant: Any) -> Any:
    return float.fromhex(constant[1]) if isinstance(constant, tuple) and constant[:1] == (HEX,) else constant


def _plain(entry: Any) -> Any:
    """Return an integer of any kind as a Python int, for JSON; all else is refused when the call runs."""
    integer = checks.integer(entry)
    return entry if integer is None else integer


def freeze(spec_parts: Parts, options: tuple[tuple[str, Any], ...]) -> str:
    """Return the arguments of a draw, except shape and seed, as JSON; or REFUSED and the reason."""
    dist, dist_values, scale, scale_values, factor, upscale = spec_parts
    arguments = dict(options)
    try:
        distribution = KINDS["distribution"][dist](*map(_value, dist_values))
        rule = KINDS["scale"][scale](*map(_value, scale_values))
        spec = Initializer(distribution, rule, float.fromhex(factor), upscale)
        arguments["dtype"] = dtype_of(arguments["dtype"]).name
    except UnifiedInitError as error:
        return f"{REFUSED}{error}"
    arguments["device"] = None if arguments["device"] is None else str(arguments["device"])
    if arguments["index"] is not None:
        index = arguments["index"] if isinstance(arguments["index"], tuple) else (arguments["index"],)
        arguments["index"] = [
            [_plain(part.start), _plain(part.stop), _plain(part.step)]
            if isinstance(part, slice)
            else _plain(part)
            for part in index
        ]
    return json.dumps({"spec": to_dict(spec), **arguments})


def _thaw(call: str) -> tuple[Initializer, dict[str, Any]]:
    options = json.loads(call)
    spec = from_dict(options.pop("spec"))
    if options["index"] is not None:
        options["index"] = tuple(
            slice(*part) if isinstance(part, list) else part for part in options["index"]
        )
    if options["fans"] is not None:
        options["fans"] = tuple(options["fans"])
    return spec, options


def run(call: str, shape: tuple[int, ...], seed: int | None) -> Any:
    """Run a frozen call."""
    spec, options = _thaw(call)
    return draw_eagerly(spec, shape, seed=seed, backend="torch", **options)


def result(call: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str, str]:
    """Return shape, dtype and device of what a frozen call returns."""
    _, options = _thaw(call)
    if options["index"] is not None:
        geometry = bind_symbolic(shape, options["layout"], options["sizes"])
        shape = index_map(geometry, options["index"]).shape
    return shape, options["dtype"], options["device"] or "cpu"
