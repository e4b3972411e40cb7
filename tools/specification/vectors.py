"""The stream's test vectors: one section for each step from a seed to a tensor.

Numbers are bit patterns in hexadecimal, so that no reader rounds them: 8 digits of a 32-bit word or a
float32, 16 of a float64 or a 64-bit word, and 2 or 4 of the narrower types.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

import numpy as np
from tools.specification.cases import DRAWS, FUSED, NAMES, SEEDS, SPECS, SQUARES, TABLES, Case

import unified_init as ui
from unified_init.interop.serialise import to_dict
from unified_init.law.law import STREAM, Law
from unified_init.law.unit_normal import tail, truncated_moments
from unified_init.stream import elementary, threefry
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.numpy_runner import values32, values64
from unified_init.stream.table import Table, compile_table

__all__ = ["patterns", "vectors"]

ABOUT = (
    "Test vectors of docs/stream.md. Words and floating-point numbers are bit patterns in hexadecimal; seeds "
    "and integers of tables are decimal text. sha256 is of little-endian bytes in storage order. The "
    "quantile table 'squares' has the knots j**2 - 22528**2 for j = 0 ... 22528, as little-endian int32 "
    "in base64; 'squares, two halves' has -floor(knot / 2) after them."
)
SQUARE_TABLES = {1: "squares", 2: "squares, two halves"}


def vectors() -> dict[str, Any]:
    """Return all vectors."""
    return {
        "about": ABOUT,
        "stream": STREAM,
        "specs": {label: _spec(spec) for label, spec in SPECS.items()},
        "blocks": list(map(_block, BLOCKS)),
        "roots": [{"seed": str(seed), "root": _words(*threefry.root_key(seed))} for seed in SEEDS],
        "names": [_name(name, seed) for name, seed in zip(NAMES, SEEDS, strict=True)],
        "words": [_indexed(seed, "fc/kernel") for seed in SEEDS[:5]],
        "coefficients": [_rational(name) for name in ("central", "middle", "far")],
        "logs": [{"x": _f64(x), "log": _f64(float(elementary.log(np.array([x]))[0]))} for x in LOGS],
        "quantiles": [
            {"p": _f64(p), "z": _f64(float(elementary.normal_quantile(np.array([p]))[0]))}
            for p in PROBABILITIES
        ],
        "tails": [{"x": _f64(x), "tail": _f64(tail(x))} for x in TAILS],
        "moments": [_moments(*bounds) for bounds in BOUNDS],
        "tables": [_table(case, bits) for case in TABLES for bits in _widths(case)],
        "rounding": list(map(_rounded, FLOATS)),
        "laws": [_law(case) for case in DRAWS if case.index is None and _is_first(case)],
        "draws": list(map(_draw, DRAWS)),
        "fused": [_fused(*entry) for entry in FUSED],
    }


# --- words ----------------------------------------------------------------------------------------

# Random123's known answers, and two more.
BLOCKS = (
    ((0, 0), (0, 0)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3)),
    ((0, 1), (0, 0)),
    ((0x80000000, 0x7FFFFFFF), (1, 2)),
)
INDICES = (0, 1, 2, 12345, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40 + 5, 2**53 - 1)


def _words(*words: int) -> list[str]:
    return [f"{word:08x}" for word in words]


def _block(entry: tuple[tuple[int, int], tuple[int, int]]) -> dict[str, Any]:
    key, counter = entry
    output = threefry.block_of_ints(key, counter)
    return {"key": _words(*key), "counter": _words(*counter), "output": _words(*output)}


def _name(name: str, seed: int) -> dict[str, Any]:
    counter, key = threefry.name_counter(name), threefry.named_key(threefry.root_key(seed), name)
    return {"name": name, "counter": _words(*counter), "seed": str(seed), "key": _words(*key)}


def _indexed(seed: int, name: str) -> dict[str, Any]:
    key = threefry.named_key(threefry.root_key(seed), name)
    pairs = [threefry.block_of_ints(key, (index >> 32, index & threefry.MASK)) for index in INDICES]
    return {
        "seed": str(seed), "name": name, "indices": [str(index) for index in INDICES],
        "outputs": [_words(*pair) for pair in pairs], "words": _words(*(x0 ^ x1 for x0, x1 in pairs)),
    }  # fmt: skip


# --- numbers --------------------------------------------------------------------------------------

LOGS = (2.0**-64, 1e-300, 2.0**-33, 1e-5, 0.075, 0.25, 0.5, 0.7071067811865475, 0.7071067811865476, 0.999)
PROBABILITIES = (
    2.0**-65, 2.0**-33, 1e-300, 1e-100, 1.3e-11, 1.4e-11, 1e-6, 0.01, 0.07499999, 0.075, 0.0750000001, 0.2,
    0.4999, 0.5,
)  # fmt: skip
TAILS = (-3.0, -0.5, 0.0, 1e-9, 0.01, 0.5, 1.0, 2.0, 3.25, 5.0, 8.5, 20.0, 35.0, 38.4, 39.0, 40.0)
BOUNDS = (
    (-2.0, 2.0),
    (-1.0, 3.0),
    (0.0, float("inf")),
    (float("-inf"), 1.25),
    (6.0, 8.0),
    (-0.01, 0.01),
    (2.0, 2.1),
)


def _f64(x: float) -> str:
    return struct.pack(">d", x).hex()


def _f32(x: float) -> str:
    return struct.pack(">f", x).hex()


RATIONALS = {"central": elementary.CENTRAL, "middle": elementary.MIDDLE, "far": elementary.TAIL}


def _rational(name: str) -> dict[str, Any]:
    above, below = RATIONALS[name]
    return {"name": name, "above": list(map(_f64, above)), "below": list(map(_f64, below))}


def _moments(lower: float, upper: float) -> dict[str, str]:
    mean, std = truncated_moments(lower, upper)
    return {"lower": _f64(lower), "upper": _f64(upper), "mean": _f64(mean), "std": _f64(std)}


# --- tables ---------------------------------------------------------------------------------------

# Ends, both sides of the median, octaves, and the example of stream/table.py; then some without a pattern.
WORDS32 = (
    0x00000000, 0x00000001, 0x00000002, 0x00000003, 0x000003FF, 0x00000400, 0x00000401, 0x00001389,
    0x00FFFFFF, 0x01000001, 0x3FFFFFFF, 0x40000000, 0x7FFFFF7F, 0x7FFFFF80, 0x7FFFFFFF, 0x80000000,
    0x80000001, 0x80001389, 0xFFFFFFFF, 0x9E3779B9, 0x243F6A88, 0xB7E15162, 0x13198A2E,
)  # fmt: skip
LOW_WORDS = (0x00000000, 0xFFFFFFFF, 0x85A308D3)


def _widths(case: Case) -> tuple[int, ...]:
    """Return the widths of words; a quantile table is for 32 bits only."""
    return (32,) if case.spec.startswith("table") else (32, 64)


def _table(case: Case, bits: int) -> dict[str, Any]:
    table = compile_table(_law_of(case), bits)
    count = table.rows.shape[0]
    rows = sorted({0, 1, 2, count // 3, count // 2 - 1, count // 2, count - 2, count - 1})
    return {
        **_tensor(case), "bits": bits, "count": count,
        "rows": {str(row): [str(entry) for entry in table.rows[row].tolist()] for row in rows},
        "sha256": _sha256(table.rows), "tail_shift": table.tail_shift, "tail_or": str(table.tail_or),
        "bias": table.bias, "upper_rows": table.upper_rows, "upper_xor": table.upper_xor,
        "upper_add": str(table.upper_add), "slope_shift": table.slope_shift, "exponent": table.exponent,
        "least": str(table.least), "most": str(table.most), "magnitude": _f64(table.magnitude),
        "values": _values(table, bits),
    }  # fmt: skip


def _values(table: Table, bits: int) -> dict[str, str]:
    if bits == 32:  # noqa: PLR2004
        words = np.array(WORDS32, np.uint32)
        return {
            f"{word:08x}": _f32(value) for word, value in zip(WORDS32, values32(table, words), strict=True)
        }
    pairs = [(high, low) for high in WORDS32 for low in LOW_WORDS][::2]
    high, low = np.array(pairs, np.uint32).T
    doubles = values64(table, high, low).tolist()
    return {f"{x0:08x}{x1:08x}": _f64(value) for (x0, x1), value in zip(pairs, doubles, strict=True)}


# --- element types --------------------------------------------------------------------------------

FLOATS = (
    "00000000", "80000000", "3f800000", "3f808000", "3f818000", "3f80ffff", "3f810001", "bf801000",
    "bf803000", "3f880000", "3f980000", "3fa00000", "bfe00000", "33800000", "33000000", "33000001",
    "37800001", "38800000", "3c000000", "3a800000", "3b400000", "43dfffff", "42f7ffff", "c2fc0000",
    "b2ffffff", "0d800001",
)  # fmt: skip


def _rounded(bits: str) -> dict[str, str]:
    value = np.array([int(bits, 16)], np.uint32).view(np.float32)
    narrow = {name: value.astype(dtype.numpy) for name, dtype in DTYPES.items() if dtype.narrow}
    return {"float32": bits, **{name: rounded.tobytes()[::-1].hex() for name, rounded in narrow.items()}}


# --- laws and tensors -----------------------------------------------------------------------------


def _spec(spec: ui.Initializer) -> dict[str, Any]:
    """Return a spec as JSON; a table by its name."""
    fields = to_dict(spec)
    if "knots" in fields["distribution"]:
        size = len(base64.b64decode(fields["distribution"]["knots"])) // 4
        fields["distribution"]["knots"] = SQUARE_TABLES[size // SQUARES.size]
    return fields


def _is_first(case: Case) -> bool:
    """Whether a case is the first of its spec, shape and layout."""
    key = (case.spec, case.shape, case.layout)
    return next(other for other in DRAWS if (other.spec, other.shape, other.layout) == key) is case


def _tensor(case: Case) -> dict[str, Any]:
    fields = {
        "spec": case.spec,
        "shape": list(case.shape),
        "layout": case.layout,
        "sizes": case.sizes,
        "fans": case.fans,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _law(case: Case) -> dict[str, Any]:
    return _tensor(case) | {"law": _numbers(_law_of(case))}


def _law_of(case: Case) -> Law:
    return SPECS[case.spec].resolve(case.shape, layout=case.layout, sizes=case.sizes, fans=case.fans)


def _numbers(law: Law) -> dict[str, str | None]:
    names = ("fan_in", "fan_out", "loc", "scale", "mean", "std", "low", "high")
    values = {name: getattr(law, name) for name in names}
    return {name: None if value is None or value != value else _f64(value) for name, value in values.items()}  # noqa: PLR0124  # NaN


def _draw(case: Case) -> dict[str, Any]:
    values = np.asarray(ui.draw(SPECS[case.spec], **case.arguments(), backend="numpy"))
    fields = _tensor(case) | {"seed": str(case.seed), "name": case.name, "dtype": case.dtype}
    if case.index is not None:
        fields["index"] = list(map(_entry, case.index))
    elif case.spec != "constant array":  # its order is that of storage, whatever the layout
        fields["digest"] = ui.digest(values, layout=case.layout, sizes=case.sizes)
    return fields | {"drawn": list(values.shape), "first": patterns(values), "sha256": _sha256(values)}


def _entry(entry: Any) -> Any:  # noqa: ANN401  # an int, a slice or a list of slices
    if isinstance(entry, int):
        return entry
    if isinstance(entry, list):
        return {"slices": list(map(_entry, entry))}
    return [entry.start, entry.stop, entry.step]


def patterns(values: np.ndarray[Any, Any], count: int = 4) -> list[str]:
    """Return the bit patterns of the first values, each part of a complex number by itself."""
    flat = np.ascontiguousarray(values).reshape(-1)[:count]
    parts = flat.view({8: np.float32, 16: np.float64}[flat.itemsize]) if flat.dtype.kind == "c" else flat
    return [part.tobytes()[::-1].hex() for part in parts]


def _sha256(values: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _fused(label: str, layout: str, axis: int, parts: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    drawn = [
        ui.draw(SPECS[label], shape, layout=layout, seed=11, name=f"attention/{part}", backend="numpy")
        for part, shape in parts.items()
    ]
    whole = np.concatenate(drawn, axis=axis)
    return {
        "spec": label, "layout": layout, "axis": axis, "seed": "11", "name": "attention", "dtype": "float32",
        "parts": {part: list(shape) for part, shape in parts.items()}, "shape": list(whole.shape),
        "sha256": _sha256(whole),
    }  # fmt: skip
