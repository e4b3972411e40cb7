"""A draw by the definition, element by element: slow, and independent of index maps, walks and runners.

The layout is read here, by hand; the word of an element is Threefry's at its logical index, and its value is
what the law's table says of the word, in Python's own integers or NumPy's 64-bit ones. Structured laws are
drawn in logical order by the library, and rearranged here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.helpers.parts import part_of

import unified_init as ui
from unified_init.law.complex_law import complex_law
from unified_init.law.unit_laws import UnitSteps
from unified_init.law.unit_values import Polar, UnitMixture
from unified_init.stream import numpy_runner, threefry
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.polar import PolarTable, polar_table
from unified_init.stream.program import compile_law
from unified_init.stream.table import Table, compile_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["draw", "fans_of", "logical_indices", "roles_of"]

ORDER = "BOIDHW"


def roles_of(
    shape: tuple[int, ...], layout: str | None, sizes: Mapping[str, int] | None
) -> list[tuple[str, int, int, int]]:
    """Return (letter, axis, length, divisor) for each letter of a layout, as they stand."""
    if layout is None:
        return [("", axis, length, 1) for axis, length in enumerate(shape)]
    groups, inside = [], False
    for character in layout:
        if character in "()":
            inside = character == "("
            if inside:
                groups.append("")
        elif inside:
            groups[-1] += character
        else:
            groups.append(character)
    roles = []
    for axis, (group, length) in enumerate(zip(groups, shape, strict=True)):
        known = [(sizes or {}).get(letter) if len(group) > 1 else length for letter in group]
        product = math.prod(size for size in known if size is not None)
        lengths = [length // product if size is None else size for size in known]
        for position, letter in enumerate(group):
            roles.append((letter, axis, lengths[position], math.prod(lengths[position + 1 :])))
    return roles


def fans_of(
    shape: tuple[int, ...], layout: str | None, sizes: Mapping[str, int] | None
) -> tuple[float | None, float | None]:
    """Return inputs and outputs, each times the kernel positions; None for what the layout does not say."""
    roles = roles_of(shape, layout, sizes)

    def fan(of: str) -> float | None:
        if of not in {letter for letter, *_ in roles}:
            return None
        return float(math.prod(length for letter, _, length, _ in roles if letter and letter in of + "DHW"))

    return fan("I"), fan("O")


def logical_indices(
    shape: tuple[int, ...], layout: str | None, sizes: Mapping[str, int] | None, repeat: int = 1
) -> NDArray[Any]:
    """Return the logical index of each element of the stored tensor; ``repeat`` outputs share one."""
    positions = np.indices(shape, dtype=np.int64) if shape else np.zeros((0,), np.int64)
    roles = roles_of(shape, layout, sizes)
    if layout is not None:
        roles = sorted(roles, key=lambda role: ORDER.index(role[0]))  # stable: repeated letters as they stand
    total = np.zeros(shape, np.int64)
    for letter, axis, length, divisor in roles:
        coordinate = positions[axis] // max(divisor, 1) % max(length, 1)
        shared = repeat if letter == "O" else 1
        total = total * (length // shared) + coordinate // shared
    return total


def draw(
    spec: ui.Initializer,
    shape: tuple[int, ...],
    *,
    root: tuple[int, int],
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    fans: tuple[float, float] | None,
    index: Any,
    dtype: str,
) -> NDArray[Any]:
    """Return what a draw under a root key must give."""
    kind = DTYPES[dtype]
    if isinstance(spec.scale, (ui.VarianceScaling, ui.InverseFan)) and fans is None:
        fan_in, fan_out = fans_of(shape, layout, sizes)
        if fan_out and spec.upscale > 1:  # of the kernel whose draws are shared
            fan_out /= spec.upscale ** len({*"DHW"} & {*(layout or "")})
        fans = (fan_in, fan_out) if fan_in and fan_out else None  # no explicit fan may be 0
    law = spec.resolve(shape, layout=layout, sizes=sizes, fans=fans)
    indices = part_of(logical_indices(shape, layout, sizes, law.repeat), index)
    if _is_refused(law, dtype):
        msg = "the reference refuses it too"
        raise ui.ArgumentValueError(msg)
    if not law.independent:
        return _structured(spec, shape, root, name, layout, sizes, indices, dtype)
    if kind.is_complex:
        law = complex_law(law, dtype)
    flat = indices.reshape(-1)
    if isinstance(law.unit, UnitMixture):
        return _mixture(law.unit, root, name, flat, dtype).reshape(indices.shape)
    key = threefry.named_key(root, name)
    if isinstance(law.unit, UnitSteps):
        return _steps(law, key, flat, dtype).reshape(indices.shape)
    if isinstance(law.unit, Polar):
        return _polar(polar_table(law, kind.bits), key, flat, dtype).reshape(indices.shape)
    return _values(compile_table(law, kind.bits), key, flat, dtype).reshape(indices.shape)


def _is_refused(law: ui.Law, dtype: str) -> bool:
    """Whether a law has no meaning in a type, or reaches past its largest number."""
    kind = DTYPES[dtype]
    if kind.is_complex and law.independent:
        try:
            law = complex_law(law, dtype)
        except ui.ArgumentValueError:
            return True
    if kind.is_complex and law.kind in {"sparse", "stft"}:
        return True
    reach = max(abs(law.low), abs(law.high))
    if law.kind == "sparse":  # a normal, as far as 32-bit draws reach
        reach = compile_table(ui.normal(0.0, law.scale).resolve((1,)), 32).magnitude
    if law.independent:
        reach = _reach(law, kind.bits)
    return reach > kind.largest


def _reach(law: ui.Law, bits: int) -> float:
    """Return the largest magnitude that a law of independent draws gives."""
    if isinstance(law.unit, UnitMixture):
        return max(_reach(part, bits) for part in law.unit.components)
    return compile_law(law, bits).magnitude


def _mixture(
    unit: UnitMixture, root: tuple[int, int], name: str, flat: NDArray[np.int64], dtype: str
) -> NDArray[Any]:
    """Return for each entry what the component that its word chooses draws there."""
    chosen = [_cell(unit.ends, rank) for rank in _ranks(threefry.named_key(root, f"{name}/component"), flat)]
    parts = []
    for number, law in enumerate(unit.components):
        key = threefry.named_key(root, f"{name}/{number}")
        is_steps = isinstance(law.unit, UnitSteps)
        parts.append(
            _steps(law, key, flat, dtype)
            if is_steps
            else _values(compile_table(law, DTYPES[dtype].bits), key, flat, dtype)
        )
    values: NDArray[Any] = np.array(
        [parts[number][position] for position, number in enumerate(chosen)], DTYPES[dtype].numpy
    )
    return values


def _steps(law: ui.Law, key: tuple[int, int], flat: NDArray[np.int64], dtype: str) -> NDArray[Any]:
    """Return the value of the cell of each word, rounded to float32 first where 32 bits are drawn."""
    assert isinstance(law.unit, UnitSteps)
    rounding = np.float64 if DTYPES[dtype].bits == 64 else np.float32
    exact = [law.loc + law.scale * value for value in law.unit.values]
    ends, is_mirrored = law.unit.ends, law.negated
    if is_mirrored:  # the word chooses as that of the mirrored law does
        ends = tuple((1 << 32) - start for start in reversed((0, *ends[:-1])))
        exact.reverse()
    values = [rounding(exact[_cell(ends, rank)]) for rank in _ranks(key, flat)]
    result: NDArray[Any] = np.array(values, rounding).astype(DTYPES[dtype].numpy)
    return result


def _ranks(key: tuple[int, int], flat: NDArray[np.int64]) -> list[int]:
    """Return the positions of words among all in the order of probability."""
    words = [int(high ^ low) for high, low in zip(*_words(key, flat), strict=True)]
    return [word - (1 << 31) if word >> 31 else (1 << 32) - 1 - word for word in words]


def _cell(ends: tuple[int, ...], rank: int) -> int:
    return next(number for number, end in enumerate(ends) if rank < end)


def _values(table: Table, key: tuple[int, int], flat: NDArray[np.int64], dtype: str) -> NDArray[Any]:
    if dtype == "complex128":
        real, imaginary = (_values64(table, *_words(key, 2 * flat + part)) for part in (0, 1))
        return real + 1j * imaginary
    if dtype == "float64":
        return _values64(table, *_words(key, flat))
    if dtype == "complex64":
        parts = [_values32(table, word) for word in _words(key, flat)]
        return (parts[0] + np.complex64(1j) * parts[1]).astype(np.complex64)
    high, low = _words(key, flat)
    return _values32(table, high ^ low).astype(DTYPES[dtype].numpy)


def _polar(table: PolarTable, key: tuple[int, int], flat: NDArray[np.int64], dtype: str) -> NDArray[Any]:
    """Return complex values by Python's integers: modulus times cosine, then one rounding of each part."""
    if dtype == "complex64":
        first, second = _words(key, flat)
        moduli = [int(number) for number in _integers32(table.modulus, first)]
        angles = [int(word) for word in second]
        bits, leading, fraction, scale, dropped = 32, 14, 12, 30, 1
    else:
        moduli = [int(number) for number in numpy_runner.integers64(table.modulus, *_words(key, 2 * flat))]
        high, low = _words(key, 2 * flat + 1)
        angles = [int(a) << 32 | int(b) for a, b in zip(high, low, strict=True)]
        bits, leading, fraction, scale, dropped = 64, 12, 43, 60, 2
    rows = table.cosines.tolist()
    values = []
    for modulus, angle in zip(moduli, angles, strict=True):
        parts = []
        for turned in (angle, angle - (1 << (bits - 2))):
            word = turned % (1 << bits)
            row, t = (
                rows[word >> (bits - leading)],
                word >> (bits - leading - fraction) & ((1 << fraction) - 1),
            )
            cosine = _line(row, t) if bits == 32 else max(min(_cubic(row, t), 1 << scale), -(1 << scale))
            short, half = modulus >> dropped, scale // 2
            left_out = (short % (1 << half)) * (cosine % (1 << half)) >> half  # of the product
            parts.append((short * cosine >> half) - left_out >> half)
        values.append(parts)
    real = np.dtype(f"float{bits}")
    pairs: NDArray[Any] = np.array(values, np.int64).reshape(-1, 2).astype(real)
    pairs *= real.type(table.unit)
    joined: NDArray[Any] = pairs.view(dtype)[:, 0]
    return joined


def _line(row: list[int], t: int) -> int:
    base, slope = row
    return base + (slope * t >> 12)


def _cubic(row: list[int], t: int) -> int:
    c0, c1, c2, c3 = row
    short = t >> 12
    slope = c1 + (((c2 + (c3 * short >> 31)) * short >> 31) << 12)
    (s, s_low), (d, d_low) = divmod(slope, 1 << 31), divmod(t, 1 << 22)
    return c0 + (s * d << 10) + (s * d_low >> 12) + (s_low * d >> 21) + (s_low * d_low >> 43)


def _words(
    key: tuple[int, int], counters: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    return threefry.block(key, (counters >> 32).astype(np.uint32), (counters & 0xFFFFFFFF).astype(np.uint32))


def _values32(table: Table, word: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return the values of words."""
    value, row = _rows32(table, word)
    unit = table.unit if table.units is None else table.units[row].astype(np.float64)
    return (value.astype(np.float32).astype(np.float64) * unit).astype(np.float32)


def _integers32(table: Table, word: NDArray[np.uint32]) -> NDArray[np.int64]:
    return _rows32(table, word)[0]


def _rows32(table: Table, word: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values of words in units of their rows, in 64-bit integers without masks, and the rows."""
    words = word.astype(np.int64)
    upper = words < 1 << 31
    tail = (words % (1 << 31) >> table.tail_shift) | table.tail_or
    pattern = tail.astype(np.float32).view(np.int32).astype(np.int64)
    row = np.maximum((pattern >> 13) - table.bias, 0) + np.where(upper, table.upper_rows, 0)
    base, slope = table.rows.astype(np.int64)[row].T.reshape(2, -1)
    value = base + (slope * (pattern % (1 << 13)) >> table.slope_shift)
    mirrored = (value ^ table.upper_xor) + table.upper_add
    value = np.where(upper, mirrored, value)
    wrapped: NDArray[np.int64] = (value + (1 << 31)) % (1 << 32) - (1 << 31)  # sums of 32 bits wrap
    return wrapped, row


def _values64(table: Table, high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.float64]:
    return numpy_runner.values64(table, high, low)  # its shifts are the definition


def _structured(
    spec: ui.Initializer,
    shape: tuple[int, ...],
    root: tuple[int, int],
    name: str,
    layout: str | None,
    sizes: Mapping[str, int] | None,
    indices: NDArray[Any],
    dtype: str,
) -> NDArray[Any]:
    roles = roles_of(shape, layout, sizes)
    if layout is not None:
        roles.sort(key=lambda role: ORDER.index(role[0]))
    plain = None if layout is None else "".join(letter for letter, *_ in roles)
    seed, kind = root[0] << 32 | root[1], DTYPES[dtype]
    wide = "float64" if kind.bits == 64 else "float32"
    if kind.is_complex:
        wide = dtype
    logical = ui.draw(
        spec, tuple(length for _, _, length, _ in roles), seed=seed, name=name, layout=plain, dtype=wide
    )
    values: NDArray[Any] = logical.reshape(-1)[indices].astype(kind.numpy)
    return values
