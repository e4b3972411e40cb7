"""Haar-distributed orthogonal and unitary matrices (Stewart 1980): products of Householder reflections.

The reflections' vectors are drawn directly, so nothing is factorized. Blocks of reflections are
applied as matrix products (compact WY), in an order that depends only on the shape.

A matrix of float32 is as orthogonal as its reflections are exact, which takes the norms of their vectors to
more digits than float32 has. So the norms and the inverse of a block's triangle, few numbers, are computed in
float64 where there is one. The products of matrices, which take the time, are in float32.

Complex matrices are given by their real and imaginary parts, so that a framework only needs to join two
arrays.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Arithmetic", "orthogonal", "unitary"]

# ruff: noqa: ANN401  # arrays of any framework

# Reflections per block: an eighth of all, within these two. Measured to be fastest from 64 to 2048 columns.
NARROWEST, WIDEST = 64, 256
Parts = tuple[Any, ...]  # a real array, or the real and the imaginary one


def _same(x: Any) -> Any:
    return x


@dataclasses.dataclass(frozen=True, slots=True)
class Arithmetic:
    """What a product of reflections needs.

    ``xp`` is an array namespace with ``matmul``, ``linalg.inv`` and elementwise functions, and ``join`` makes
    a complex array of two real ones. ``wide`` converts an array to 64 bits per part, ``narrow``
    back; without float64 both do nothing.
    """

    xp: Any
    join: Callable[[Any, Any], Any] | None = None
    wide: Callable[[Any], Any] = _same
    narrow: Callable[[Any], Any] = _same

    def joined(self, parts: Parts) -> Any:
        """Return a real array as it is, and two as a complex one."""
        if len(parts) == 1:
            return parts[0]
        assert self.join is not None  # noqa: S101  # ``unitary`` is called with one
        return self.join(*parts)


def orthogonal(arithmetic: Arithmetic, normals: Any) -> Any:
    """Return matrices with orthonormal columns (rows, where they are fewer).

    Args:
        arithmetic: that of a framework.
        normals: independent unit normals, shape (groups, rows, columns): one matrix per independent group.
    """
    xp = arithmetic.xp
    if 0 in normals.shape:
        return normals
    result = _product(arithmetic, (normals,))
    # Rounding may leave an entry a little beyond 1, which the law's ends exclude.
    one = xp.ones_like(result[:, :1, :1])
    return xp.minimum(xp.maximum(result, -one), one)


def unitary(arithmetic: Arithmetic, real: Any, imaginary: Any) -> Any:
    """Return complex matrices with orthonormal columns (rows, where they are fewer).

    Args:
        arithmetic: that of a framework.
        real: as the normals of ``orthogonal``: the real parts of complex normals.
        imaginary: the imaginary parts.
    """
    if 0 in real.shape:
        return arithmetic.joined((real, imaginary))
    return _product(arithmetic, (real, imaginary))


def _product(arithmetic: Arithmetic, normals: Parts) -> Any:
    xp = arithmetic.xp
    _, rows, columns = normals[0].shape
    if rows < columns:
        turned = tuple(xp.permute_dims(part, (0, 2, 1)) for part in normals)
        return xp.permute_dims(_product(arithmetic, turned), (0, 2, 1))
    width = min(max(columns // 8, NARROWEST), WIDEST)
    result: Any = None
    for start in reversed(range(0, columns, width)):
        stop = min(start + width, columns)
        heads = tuple(part[:, start:stop, start:stop] for part in normals)
        tails = tuple(part[:, stop:, start:stop] for part in normals)
        result = _apply(arithmetic, *_reflections(xp, heads, tails), result)
    return result


def _reflections(xp: Any, heads: Parts, tails: Parts) -> tuple[Parts, Parts]:
    """Return the vectors of a block of reflections, and the signs of its columns.

    Vector k is column k of the normals from the diagonal down, pushed away from zero. Its reflection maps
    them to -sign * length times the k-th unit vector, where the sign of a complex number has its angle. With
    column k times -sign the product is the Q of a QR whose R has a positive diagonal; that Q is
    Haar-distributed.
    """
    width = heads[0].shape[2]
    identity = xp.eye(width, width, dtype=heads[0].dtype)
    pivots = tuple(xp.linalg.diagonal(head) for head in heads)
    heads = tuple(xp.tril(head) for head in heads)
    squares = [xp.sum(part * part, axis=1) for part in (*heads, *tails)]
    length = xp.sqrt(sum(squares[1:], squares[0]))
    signs = _signs(xp, pivots)
    pushed = (
        head + identity[None] * (sign * length)[:, None, :] for head, sign in zip(heads, signs, strict=True)
    )
    vectors = tuple(xp.concat([head, tail], axis=1) for head, tail in zip(pushed, tails, strict=True))
    return vectors, tuple(-1 * sign for sign in signs)


def _signs(xp: Any, pivots: Parts) -> Parts:
    """Return the signs of numbers: 1 or -1, or complex numbers of modulus 1; those of zeros are 1."""
    ones = xp.ones_like(pivots[0])
    if len(pivots) == 1:
        return (xp.where(pivots[0] < 0, ones * -1, ones),)
    real, imaginary = pivots
    modulus = xp.sqrt(real * real + imaginary * imaginary)
    divisor = xp.where(modulus > 0, modulus, ones)
    return xp.where(modulus > 0, real / divisor, ones), imaginary / divisor


def _apply(arithmetic: Arithmetic, vectors: Parts, signs: Parts, later_columns: Any) -> Any:
    """Apply one block of reflections to the columns made so far, and to its own columns of the identity.

    The product of the block's reflections is I - V T^-1 V* (compact WY): V has their vectors as columns, T
    their inner products above the diagonal and half their squared norms on it. Its own columns have their
    signs from the beginning, which changes no other bit of them.
    """
    xp, joined = arithmetic.xp, arithmetic.joined
    panel, sign = joined(vectors), joined(signs)
    groups, height, width = panel.shape
    weights = _weighted_adjoint(arithmetic, vectors)
    identity = xp.eye(width, width, dtype=panel.dtype)
    own_columns = xp.concat(
        [identity[None] * sign[:, None, :], xp.zeros((groups, height - width, width), dtype=panel.dtype)],
        axis=1,
    )
    head = weights[:, :, :width] * sign[:, None, :]
    if later_columns is None:
        columns, products = own_columns, head
    else:
        zeros = xp.zeros((groups, width, later_columns.shape[2]), dtype=panel.dtype)
        columns = xp.concat([own_columns, xp.concat([zeros, later_columns], axis=1)], axis=2)
        products = xp.concat([head, xp.matmul(weights[:, :, width:], later_columns)], axis=2)
    # Added in place where a framework can, which saves a matrix.
    result = xp.matmul(panel, -1 * products)
    result += columns
    return result


def _weighted_adjoint(arithmetic: Arithmetic, vectors: Parts) -> Any:
    """Return T^-1 V*, as ``_apply`` has it. Its rounding is most of what a matrix lacks to be orthogonal."""
    xp, joined, wide = arithmetic.xp, arithmetic.joined, arithmetic.wide
    panel = joined(vectors)
    rows = [xp.permute_dims(part, (0, 2, 1)) for part in vectors]
    adjoint = joined((rows[0], *(-1 * part for part in rows[1:])))
    squares = [xp.sum(part * part, axis=1) for part in map(wide, vectors)]
    norm = sum(squares[1:], squares[0]) / 2
    norm = xp.where(norm > 0, norm, xp.ones_like(norm))  # a vector of zeros reflects nothing
    norm = joined((norm, *(xp.zeros_like(norm) for _ in vectors[1:])))
    products = wide(xp.matmul(adjoint, panel))
    identity = xp.eye(panel.shape[2], panel.shape[2], dtype=products.dtype)
    triangle = xp.triu(products) * (1 - identity)[None] + identity[None] * norm[:, None, :]
    return xp.matmul(arithmetic.narrow(_inverse(xp, triangle)), adjoint)


def _inverse(xp: Any, upper: Any) -> Any:
    """Return the inverses of upper triangular matrices; large ones from those of their quarters.

    A general inverse of 256 columns factorizes, and takes a tenth of the time of a matrix of 2048: more with
    threads, which wait for each other there.
    """
    groups, _, width = upper.shape
    if width <= NARROWEST:
        return xp.linalg.inv(upper)
    half = width // 2
    first, last = _inverse(xp, upper[:, :half, :half]), _inverse(xp, upper[:, half:, half:])
    corner = -1 * xp.matmul(first, xp.matmul(upper[:, :half, half:], last))
    zeros = xp.zeros((groups, width - half, half), dtype=upper.dtype)
    return xp.concat([xp.concat([first, corner], axis=2), xp.concat([zeros, last], axis=2)], axis=1)
