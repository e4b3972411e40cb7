"""Haar-distributed orthogonal matrices (Stewart 1980): products of Householder reflections.

The reflections' vectors are drawn directly, so nothing is factorised. Blocks of reflections are
applied as matrix products (compact WY), in an order that depends on the shape alone.
"""

from __future__ import annotations

from typing import Any

__all__ = ["orthogonal"]

# Reflections in a block: an eighth of all of them within these, which is fastest from 64 to 2048 columns.
NARROWEST, WIDEST = 64, 256


def orthogonal(xp: Any, normals: Any) -> Any:  # noqa: ANN401  # of any framework
    """Return matrices with orthonormal columns (rows, where they are fewer).

    Args:
        xp: an array namespace with ``matmul``, ``linalg.inv`` and elementwise functions.
        normals: independent unit normals, shape (copies, rows, columns).
    """
    copies, rows, columns = normals.shape
    if rows < columns:
        return xp.permute_dims(orthogonal(xp, xp.permute_dims(normals, (0, 2, 1))), (0, 2, 1))
    if copies * columns == 0:
        return normals
    width = min(max(columns // 8, NARROWEST), WIDEST)
    # Vector k of a matrix is its column k from the diagonal down, pushed away from zero.
    vectors = xp.tril(normals)
    length = xp.sqrt(xp.sum(vectors * vectors, axis=1))  # (copies, columns)
    pivot = xp.linalg.diagonal(normals)  # (copies, columns)
    sign = xp.where(pivot < 0, xp.ones_like(pivot) * -1, xp.ones_like(pivot))
    eye = xp.eye(rows, columns, dtype=normals.dtype)
    vectors = vectors + eye[None] * (sign * length)[:, None, :]
    weight = length * (length + xp.abs(pivot))  # half the squared norm of a vector
    weight = xp.where(weight > 0, weight, xp.ones_like(weight))  # a vector of zeros reflects nothing
    result = None
    for start in reversed(range(0, columns, width)):
        stop = min(start + width, columns)
        panel = vectors[:, start:, start:stop]
        result = _apply(xp, panel, weight[:, start:stop], result)
    # The product's column k maps to -sign of its pivot, as a QR with a positive diagonal would.
    return result * -sign[:, None, :]


def _apply(xp: Any, panel: Any, weight: Any, rest: Any) -> Any:  # noqa: ANN401
    """Apply one block of reflections to the next columns of the identity and those done so far."""
    copies, height, width = panel.shape
    dtype = panel.dtype
    transposed = xp.permute_dims(panel, (0, 2, 1))
    head = transposed[:, :, :width]
    small = xp.eye(width, width, dtype=dtype)
    gram = xp.triu(xp.matmul(transposed, panel)) * (1 - small)[None] + small[None] * weight[:, None, :]
    left = xp.concat(
        [xp.broadcast_to(small[None], (copies, width, width)),
         xp.zeros((copies, height - width, width), dtype=dtype)], axis=1
    )  # fmt: skip
    if rest is None:
        return left - xp.matmul(panel, xp.matmul(xp.linalg.inv(gram), head))
    above = xp.zeros((copies, width, rest.shape[2]), dtype=dtype)
    columns = xp.concat([left, xp.concat([above, rest], axis=1)], axis=2)
    seen = xp.concat([head, xp.matmul(transposed[:, :, width:], rest)], axis=2)
    return columns - xp.matmul(panel, xp.matmul(xp.linalg.inv(gram), seen))
