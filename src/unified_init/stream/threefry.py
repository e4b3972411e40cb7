"""Threefry-2x32 with 20 rounds (Salmon et al. 2011), and the keys of the stream.

Word ``i`` of a key is the block function on the counter (i >> 32, i mod 2**32), its two output
words XORed: exactly ``jax.random.bits`` with partitionable threefry.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARITY", "ROTATIONS", "block", "block_of_ints", "name_counter", "named_key", "root_key", "rounds"]


# Rotation distances of the 2x32 variant, and the constant that ends its key schedule (Skein's).
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
MASK = 0xFFFFFFFF
WORDS = struct.Struct(">2I")


def root_key(seed: int) -> tuple[int, int]:
    """Return the key of a 64-bit seed: its high and low words."""
    return seed >> 32, seed & MASK


@functools.lru_cache(maxsize=4096)  # each draw asks for one, and models ask for the same ones again
def name_counter(name: str) -> tuple[int, int]:
    """Return the counter of a name: the first 8 bytes of its SHA-256, two big-endian words."""
    high, low = WORDS.unpack_from(hashlib.sha256(name.encode()).digest())
    return high, low


def named_key(root: tuple[int, int], name: str) -> tuple[int, int]:
    """Return the key of a name under a root key; the empty name leaves the root key."""
    if not name:
        return root
    return block_of_ints(root, name_counter(name))


def block(
    key: tuple[int, int], high: NDArray[np.uint32], low: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return both output words for arrays of counters. The inputs do not change."""
    x0, x1 = high.copy(), low.copy()
    rounds(key, x0, x1, np.empty_like(x1))
    return x0, x1


def rounds(
    key: tuple[int, int], x0: NDArray[np.uint32], x1: NDArray[np.uint32], scratch: NDArray[np.uint32]
) -> None:
    """Overwrite counters with both of their output words."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    np.add(x0, np.uint32(schedule[0]), out=x0)
    np.add(x1, np.uint32(schedule[1]), out=x1)
    for injection in range(5):
        for rotation in ROTATIONS[injection % 2]:
            np.add(x0, x1, out=x0)
            np.right_shift(x1, np.uint32(32 - rotation), out=scratch)
            np.left_shift(x1, np.uint32(rotation), out=x1)
            np.bitwise_or(x1, scratch, out=x1)
            np.bitwise_xor(x1, x0, out=x1)
        np.add(x0, np.uint32(schedule[(injection + 1) % 3]), out=x0)
        np.add(x1, np.uint32((schedule[(injection + 2) % 3] + injection + 1) & MASK), out=x1)


def block_of_ints(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Return the block function of one counter, without NumPy's overhead for scalars."""
    k0, k1 = key
    k2 = k0 ^ k1 ^ PARITY
    x0, x1 = (counter[0] + k0) & MASK, (counter[1] + k1) & MASK
    x0, x1 = _first_four(x0, x1)
    x0, x1 = _last_four((x0 + k1) & MASK, (x1 + k2 + 1) & MASK)
    x0, x1 = _first_four((x0 + k2) & MASK, (x1 + k0 + 2) & MASK)
    x0, x1 = _last_four((x0 + k0) & MASK, (x1 + k1 + 3) & MASK)
    x0, x1 = _first_four((x0 + k1) & MASK, (x1 + k2 + 4) & MASK)
    return (x0 + k2) & MASK, (x1 + k0 + 5) & MASK


# Each rotation is written out, without loops: every draw derives a key.
def _first_four(x0: int, x1: int) -> tuple[int, int]:
    x0 = (x0 + x1) & MASK
    x1 = ((x1 << 13 | x1 >> 19) & MASK) ^ x0
    x0 = (x0 + x1) & MASK
    x1 = ((x1 << 15 | x1 >> 17) & MASK) ^ x0
    x0 = (x0 + x1) & MASK
    x1 = ((x1 << 26 | x1 >> 6) & MASK) ^ x0
    x0 = (x0 + x1) & MASK
    return x0, ((x1 << 6 | x1 >> 26) & MASK) ^ x0


def _last_four(x0: int, x1: int) -> tuple[int, int]:
    x0 = (x0 + x1) & MASK
    x1 = ((x1 << 17 | x1 >> 15) & MASK) ^ x0
    x0 = (x0 + x1) & MASK
    x1 = ((x1 << 29 | x1 >> 3) & MASK) ^ x0
    x0 = (x0 + x1) & MASK
    x1 = ((x1 << 16 | x1 >> 16) & MASK) ^ x0
    x0 = (x0 + x1) & MASK
    return x0, ((x1 << 24 | x1 >> 8) & MASK) ^ x0
