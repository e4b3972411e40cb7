"""The arguments of a draw as text, for the opaque node that stands for the draw in ``torch.compile``.

The text distinguishes a list, a tuple and a slice, a bool and an int, and keeps a float to its last bit. So
the node runs the eager draw with the arguments that it would have had, and it refuses the same ones. The ints
of shape, seed and fans, which may be symbols while Dynamo traces, are kept beside the text.
"""

from __future__ import annotations

import contextlib
import json
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unified_init import errors
from unified_init.backends import registry
from unified_init.core import checks
from unified_init.drawing import eager
from unified_init.errors import UnifiedInitError
from unified_init.interop.serialise import KINDS
from unified_init.law.along import Along
from unified_init.law.indexmap import index_map
from unified_init.law.layout import bind
from unified_init.spec.initializer import Initializer
from unified_init.stream.dtypes import dtype_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["freeze", "plain", "refusal", "result", "run", "stand_in", "thawed"]

# ruff: noqa: ANN401  # what Dynamo traces

SYMBOLS = 1 << 62  # ints from here are none of Dynamo's symbols, and may not fit the int64 of a node
NUMBERS = (bool, int, float, torch.SymInt, torch.SymFloat)
CONTAINERS = {tuple: "tuple", torch.Size: "tuple", list: "list", dict: "dict", slice: "slice"}
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
Arguments = dict[str, Any]
Ints = tuple[Any, ...]  # ints, or symbols of them
Result = tuple[tuple[int, ...], str, str]  # shape, dtype and device of a tensor


# --- while Dynamo traces: lines that it can follow -------------------------------------------------


def plain(value: Any, strangers: list[Any], ints: list[Any] | None = None) -> Any:
    """Return a value as nested lists of constants, each of which begins with a word for what it was.

    A value of no kind that is known here is appended to ``strangers``, and its position stands for it. Where
    ``ints`` is given the same holds for ints, those of NumPy too, which stay symbols.
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, NUMBERS):
        return _number(value, strangers, ints)
    if type(value) in CONTAINERS:
        entries = [plain(entry, strangers, ints) for entry in _entries(value)]
        return [CONTAINERS[type(value)], *entries]
    if isinstance(value, (Initializer, Along)):
        return _of_ours(value, strangers)
    if ints is not None and _is_numpy_int(value):
        ints.append(value)  # the node takes it for an int
        return ["int", len(ints) - 1]
    return _of_torch(value, strangers)


def _of_ours(value: Initializer | Along, strangers: list[Any]) -> list[Any]:
    if isinstance(value, Along):
        return ["Along", value.axes, plain(value.values, strangers)]
    return ["Initializer", *_parts(value, strangers)]


def _number(value: Any, strangers: list[Any], ints: list[Any] | None) -> Any:
    if type(value) is bool:
        return True if value else False  # noqa: SIM210  # a symbol becomes its value
    if type(value) is int or isinstance(value, torch.SymInt):
        if ints is None or not -SYMBOLS <= value < SYMBOLS:
            return operator.index(value)  # a symbol becomes its value
        ints.append(value)
        return ["int", len(ints) - 1]
    if type(value) is float or isinstance(value, torch.SymFloat):
        return ["float", value.hex()]  # a symbol becomes its value
    return _stranger(value, strangers)  # of another class of int or float


def _of_torch(value: Any, strangers: list[Any]) -> list[Any]:
    if isinstance(value, torch.dtype):
        return ["dtype", str(value)]
    return ["device", str(value)] if isinstance(value, torch.device) else _stranger(value, strangers)


def _is_numpy_int(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, np.integer)):
        return False
    tensor = torch.as_tensor(value)  # what Dynamo makes of it
    return tensor.ndim == 0 and tensor.dtype in INTEGERS


def _stranger(value: Any, strangers: list[Any]) -> list[Any]:
    strangers.append(value)
    return ["stranger", len(strangers) - 1]


def _entries(value: Any) -> Any:
    if type(value) is dict:
        return tuple(value.items())
    return (value.start, value.stop, value.step) if type(value) is slice else value


def _parts(spec: Initializer, strangers: list[Any]) -> list[Any]:
    """Return a spec as constants: one that was made in the trace is not an object yet."""
    parts = []
    for part in (spec.distribution, spec.scale):
        values = [plain(getattr(part, name), strangers) for name in type(part).__match_args__]
        parts.append(["list", type(part).__name__, *values])
    return [*parts, plain(spec.factor, strangers), plain(spec.upscale, strangers)]


# --- at the time of tracing, outside of the trace ---------------------------------------------------


def freeze(frozen: Arguments) -> str:
    """Return plain arguments as text."""
    device = thawed(frozen["device"])
    try:  # not later, among fake tensors: their device need not exist
        registry.get("torch").resolve_device(device, "float32")
    except UnifiedInitError:
        return json.dumps({**frozen, "exists": False})
    return json.dumps({**frozen, "exists": True})


def refusal(frozen: Arguments, *strangers: Any) -> str:
    """Return as text what a draw with these arguments is refused with; "" if nothing refuses them."""
    try:
        eager.checked(**{name: thawed(value, (), strangers) for name, value in frozen.items()})
    except UnifiedInitError as error:
        return json.dumps({"refused": type(error).__name__, "message": str(error)})
    except Exception:  # noqa: BLE001  # of an object that Dynamo has only begun to make
        return ""
    return ""


# --- when the node runs, or a fake of it ------------------------------------------------------------


def thawed(value: Any, ints: Ints = (), strangers: tuple[Any, ...] = ()) -> Any:
    """Return the value that ``plain`` has taken apart."""
    if not isinstance(value, list):
        return value
    kind, *entries = value
    if kind == "int":
        return ints[entries[0]]
    if kind == "stranger":
        return strangers[entries[0]]
    return MAKERS[kind]([thawed(entry, ints, strangers) for entry in entries])


def _spec(parts: list[Any]) -> Initializer:
    (dist, *dist_values), (scale, *scale_values), factor, upscale = parts
    distribution = KINDS["distribution"][dist](*dist_values)
    return Initializer(distribution, KINDS["scale"][scale](*scale_values), factor, upscale)


MAKERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "slice": lambda ends: slice(*ends),
    "float": lambda text: float.fromhex(text[0]),
    "dtype": lambda text: getattr(torch, text[0].removeprefix("torch.")),
    "device": lambda text: torch.device(text[0]),
    "Initializer": _spec,
    "Along": lambda parts: Along(*parts),
}


def _arguments(call: str, ints: Ints) -> tuple[Arguments, bool]:
    """Return the arguments of a call, and whether torch has the device; raise what refused the call."""
    frozen = json.loads(call)
    if "refused" in frozen:
        raise getattr(errors, frozen["refused"])(frozen["message"])
    exists = frozen.pop("exists")
    return {name: thawed(value, ints) for name, value in frozen.items()}, exists


def run(call: str, ints: Ints) -> Any:
    """Draw."""
    arguments, _ = _arguments(call, ints)
    return eager.draw_eagerly(**arguments)


def result(call: str, ints: Ints) -> Result | None:
    """Return shape, dtype and device of what a call returns, or None if it is refused.

    A symbol is checked by the value that it has now. If that is refused, it is a symbol no longer.
    """
    try:
        return _result(call, ints)
    except UnifiedInitError:
        for value in ints:
            operator.index(value)
        return None


def _result(call: str, ints: Ints) -> Result | None:
    arguments, exists = _arguments(call, ints)
    hints = tuple(map(_hint, ints))
    if None not in hints:
        checkable, _ = _arguments(call, hints)
        eager.checked(**checkable)
    if not exists:
        return None
    shape, index = arguments["shape"], arguments["index"]
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if index is not None:  # the lengths are no symbols then
        shape = index_map(bind(shape, arguments["layout"], arguments["sizes"]), index).shape
    return shape, dtype_of(arguments["dtype"]).name, str(arguments["device"] or "cpu")


def _hint(value: Any) -> int | None:
    """Return an int; of a symbol its value where it is traced, or None if it has none."""
    if not isinstance(value, torch.SymInt):
        return checks.integer(value)
    return value.node.hint if value.node.has_hint() else None


def stand_in(call: str, ints: Ints) -> Result:
    """Return the nearest that there is to the result of a call that is refused."""
    shape: tuple[int, ...] = ()
    dtype = "float32"
    with contextlib.suppress(UnifiedInitError):
        arguments, _ = _arguments(call, ints)
        dtype = dtype_of(arguments["dtype"]).name
        shape = checks.shape_of(arguments["shape"])
    return shape, dtype, "cpu"
