"""The program of a table in Triton: one launch a tensor on CUDA and ROCm, without a temporary.

``stream.table`` explains the arithmetic, with an example; the names here are those of
``stream.numpy_runner``, which says why each number is what it is. Only ``triton_fill`` imports this module.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["DIMENSIONS", "fill32", "fill64"]

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917, PLR2004  # Triton's types are its own; a kernel takes plain numbers

DIMENSIONS = 4  # of an index map, at most: pairs of a length and a stride
# Numbers that differ from tensor to tensor: nothing is compiled anew because one of them is 1 or even.
PLAIN = (
    "size", "k0", "k1", "offset", "n0", "s0", "n1", "s1", "n2", "s2", "s3",
    "tail_shift", "tail_or", "bias", "upper_rows", "upper_xor", "upper_add",
)  # fmt: skip


@triton.jit
def _rotated(x, distance: tl.constexpr):
    return (x << distance) | (x >> (32 - distance))


@triton.jit
def _four(x0, x1, r0: tl.constexpr, r1: tl.constexpr, r2: tl.constexpr, r3: tl.constexpr):
    x0 += x1
    x1 = _rotated(x1, r0) ^ x0
    x0 += x1
    x1 = _rotated(x1, r1) ^ x0
    x0 += x1
    x1 = _rotated(x1, r2) ^ x0
    x0 += x1
    x1 = _rotated(x1, r3) ^ x0
    return x0, x1


@triton.jit
def _words(logical, k0, k1):
    """Both Threefry words at int64 logical indices; Triton takes constants from literals alone."""
    k2 = k0 ^ k1 ^ 0x1BD11BDA
    x0 = (logical >> 32).to(tl.uint32) + k0
    x1 = logical.to(tl.uint32) + k1
    x0, x1 = _four(x0, x1, 13, 15, 26, 6)
    x0, x1 = _four(x0 + k1, x1 + (k2 + 1), 17, 29, 16, 24)
    x0, x1 = _four(x0 + k2, x1 + (k0 + 2), 13, 15, 26, 6)
    x0, x1 = _four(x0 + k0, x1 + (k1 + 3), 17, 29, 16, 24)
    x0, x1 = _four(x0 + k1, x1 + (k2 + 4), 13, 15, 26, 6)
    return x0 + k2, x1 + (k0 + 5)


@triton.jit
def _logical(at, offset, n0, s0, n1, s1, n2, s2, s3, rank: tl.constexpr, wide: tl.constexpr):
    """Logical indices at flat positions: pairs of a length and a stride, the innermost first."""
    if rank == 1:
        return at * s0 + offset
    rest = at if wide else at.to(tl.int32)  # a division of 32 bits takes a third of one of 64
    total = (rest % n0).to(tl.int64) * s0 + offset
    rest = rest // n0
    if rank == 2:
        return total + rest.to(tl.int64) * s1
    total += (rest % n1).to(tl.int64) * s1
    rest = rest // n1
    if rank == 3:
        return total + rest.to(tl.int64) * s2
    total += (rest % n2).to(tl.int64) * s2
    return total + (rest // n2).to(tl.int64) * s3


@triton.jit
def _value32(word, table, unit, tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift):
    """Float32 values of int32 words; the only rounding is of an integer, then comes a power of two."""
    upper = ~(word >> 31)
    tail = ((word & 0x7FFFFFFF) >> tail_shift) | tail_or
    pattern = tail.to(tl.float32).to(tl.int32, bitcast=True)
    row = tl.maximum((pattern >> 13) - bias, 0) + (upper & upper_rows)
    base = tl.load(table + 2 * row)
    slope = tl.load(table + 2 * row + 1)
    value = base + ((slope * (pattern & 8191)) >> slope_shift)
    value = (value ^ (upper & upper_xor)) + (upper & upper_add)
    return value.to(tl.float32) * unit


@triton.jit
def _bfloat16(value):
    """The bits of bfloat16, rounded to nearest even; Triton's own conversion differs by target."""
    bits = value.to(tl.int32, bitcast=True)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(tl.int16)


@triton.jit
def _float16(value):
    """The bits of float16, rounded to nearest even; none of the values rounds past the largest."""
    bits = value.to(tl.int32, bitcast=True)
    pattern = bits & 0x7FFFFFFF
    # Below 2**-14 float16 has steps of 2**-24, as float32 has from 1/2 to 1: this sum rounds to them.
    shifted = (pattern.to(tl.float32, bitcast=True) + 0.5).to(tl.int32, bitcast=True)
    normal = (pattern + 0xFFF + ((pattern >> 13) & 1) - (112 << 23)) >> 13
    narrow = tl.where(pattern < (113 << 23), shifted - 0x3F000000, normal)
    return (narrow | ((bits >> 16) & 0x8000)).to(tl.int16)


@triton.jit(do_not_specialize=[*PLAIN, "slope_shift"])
def fill32(
    out, size, k0, k1, table, unit, offset, n0, s0, n1, s1, n2, s2, s3,
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift,
    form: tl.constexpr, rank: tl.constexpr, wide: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Write float32, the bits of float16 or bfloat16 (int16), or complex64 as pairs of float32."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < size
    logical = _logical(at, offset, n0, s0, n1, s1, n2, s2, s3, rank, wide)
    x0, x1 = _words(logical, k0.to(tl.uint32), k1.to(tl.uint32))
    if form == "complex64":
        real = _value32(
            x0.to(tl.int32),
            table,
            unit,
            tail_shift,
            tail_or,
            bias,
            upper_rows,
            upper_xor,
            upper_add,
            slope_shift,
        )
        imaginary = _value32(
            x1.to(tl.int32),
            table,
            unit,
            tail_shift,
            tail_or,
            bias,
            upper_rows,
            upper_xor,
            upper_add,
            slope_shift,
        )
        tl.store(out + 2 * at, real, mask=inside)
        tl.store(out + 2 * at + 1, imaginary, mask=inside)
    else:
        word = (x0 ^ x1).to(tl.int32)
        value = _value32(
            word, table, unit, tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift
        )
        if form == "bfloat16":
            tl.store(out + at, _bfloat16(value), mask=inside)
        elif form == "float16":
            tl.store(out + at, _float16(value), mask=inside)
        else:
            tl.store(out + at, value, mask=inside)


@triton.jit(do_not_specialize=[*PLAIN, "least", "most", "unit_bits"])
def fill64(
    out, size, k0, k1, table, unit_bits, offset, n0, s0, n1, s1, n2, s2, s3,
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, least, most,
    rank: tl.constexpr, wide: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Write float64; ``numpy_runner.values64`` explains the four products."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    logical = _logical(at, offset, n0, s0, n1, s1, n2, s2, s3, rank, wide)
    x0, x1 = _words(logical, k0.to(tl.uint32), k1.to(tl.uint32))
    word = (x0.to(tl.int64) << 32) | x1.to(tl.int64)
    upper = ~(word >> 63)
    tail = ((word & 0x7FFFFFFFFFFFFFFF) >> tail_shift.to(tl.int64)) | tail_or.to(tl.int64)
    pattern = tail.to(tl.float64).to(tl.int64, bitcast=True)
    row = tl.maximum((pattern >> 43) - bias.to(tl.int64), 0) + (upper & upper_rows.to(tl.int64))
    d = pattern & 0x7FFFFFFFFFF
    d31, d_high, d_low = d >> 12, d >> 22, d & 0x3FFFFF
    c0, c1 = tl.load(table + 4 * row), tl.load(table + 4 * row + 1)
    c2, c3 = tl.load(table + 4 * row + 2), tl.load(table + 4 * row + 3)
    curvature = ((c2 + ((c3 * d31) >> 31)) * d31) >> 31
    slope = c1 + (curvature << 12)
    s_high, s_low = slope >> 31, slope & 0x7FFFFFFF
    value = c0 + ((s_high * d_high) << 10) + ((s_high * d_low) >> 12)
    value += ((s_low * d_high) >> 21) + ((s_low * d_low) >> 43)
    value = (value ^ (upper & upper_xor.to(tl.int64))) + (upper & upper_add.to(tl.int64))
    value = tl.minimum(tl.maximum(value, least.to(tl.int64)), most.to(tl.int64))
    unit = unit_bits.to(tl.int64).to(tl.float64, bitcast=True)
    tl.store(out + at, value.to(tl.float64) * unit, mask=at < size)
