"""Haar-distributed orthogonal matrices (Stewart 1980): products of Householder reflections.

The reflections' vectors are drawn directly, so nothing is factorized. Blocks of reflections are
applied as matrix products (compact WY), in an order that depends only on the shape.
"""

from __future__ import annotations

from typing import Any

__all__ = ["orthogonal"]

# Reflections per block: an eighth of all, within these two. Measured to be fastest from 64 to 2048 columns.
NARROWEST, WIDEST = 64, 256


def orthogonal(xp: Any, normals: Any) -> Any:  # noqa: ANN401  # of any framework
    """Return matrices with orthonormal columns (rows, where they are fewer).

    Args:
        xp: an array namespace with ``matmul``, ``linalg.inv`` and elementwise functions.
        normals: independent unit normals, shape (groups, rows, columns): one matrix per independent group.
    """
    groups, rows, columns = normals.shape
    if rows < columns:
        return xp.permute_dims(orthogonal(xp, xp.permute_dims(normals, (0, 2, 1))), (0, 2, 1))
    if groups * columns == 0:
        return normals
    width = min(max(columns // 8, NARROWEST), WIDEST)
    result: Any = None
    for start in reversed(range(0, columns, width)):
        stop = min(start + width, columns)
        head, tail = normals[:, start:stop, start:stop], normals[:, stop:, start:stop]
        result = _apply(xp, _reflections(xp, head, tail), result)
    # Rounding may leave an entry a little beyond 1, which the law's ends exclude.
    one = xp.ones_like(result[:, :1, :1])
    return xp.minimum(xp.maximum(result, -one), one)


def _reflections(xp: Any, head: Any, tail: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401
    """Return the vectors of a block of reflections, half their squared norms, and the signs of its columns.

    Vector k is column k of the normals from the diagonal down, pushed away from zero. Its reflection maps
    them to -sign * length times the k-th unit vector. With column k times -sign the product is the Q of a QR
    whose R has a positive diagonal; that Q is Haar-distributed.
    """
    width = head.shape[2]
    identity = xp.eye(width, width, dtype=head.dtype)
    pivot = xp.linalg.diagonal(head)
    head = xp.tril(head)
    length = xp.sqrt(xp.sum(head * head, axis=1) + xp.sum(tail * tail, axis=1))
    sign = xp.where(pivot < 0, xp.ones_like(pivot) * -1, xp.ones_like(pivot))
    weight = length * (length + xp.abs(pivot))
    weight = xp.where(weight > 0, weight, xp.ones_like(weight))  # a vector of zeros reflects nothing
    head = head + identity[None] * (sign * length)[:, None, :]
    return xp.concat([head, tail], axis=1), weight, -1 * sign


def _apply(xp: Any, reflections: tuple[Any, Any, Any], later_columns: Any) -> Any:  # noqa: ANN401
    """Apply one block of reflections to the columns made so far, and to its own columns of the identity.

    The product of the block's reflections is I - V T^-1 V^T (compact WY): V has their vectors as columns, T
    their inner products above the diagonal and half their squared norms on it. Its own columns have their
    signs from the beginning, which changes no other bit of them.
    """
    panel, weight, signs = reflections
    groups, height, width = panel.shape
    dtype = panel.dtype
    transposed = xp.permute_dims(panel, (0, 2, 1))
    identity = xp.eye(width, width, dtype=dtype)
    signed = identity[None] * signs[:, None, :]
    head = transposed[:, :, :width] * signs[:, None, :]
    gram = xp.triu(xp.matmul(transposed, panel)) * (1 - identity)[None] + identity[None] * weight[:, None, :]
    own_columns = xp.concat([signed, xp.zeros((groups, height - width, width), dtype=dtype)], axis=1)
    if later_columns is None:
        columns, inner_products = own_columns, head
    else:
        zeros = xp.zeros((groups, width, later_columns.shape[2]), dtype=dtype)
        columns = xp.concat([own_columns, xp.concat([zeros, later_columns], axis=1)], axis=2)
        inner_products = xp.concat([head, xp.matmul(transposed[:, :, width:], later_columns)], axis=2)
    # Added in place where a framework can, which saves a matrix.
    result = xp.matmul(panel, -1 * xp.matmul(_inverse(xp, gram), inner_products))
    result += columns
    return result


def _inverse(xp: Any, upper: Any) -> Any:  # noqa: ANN401
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
