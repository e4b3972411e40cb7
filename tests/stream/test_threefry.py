"""The words of the stream, against published answers of the block function."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from unified_init.stream import threefry
from unified_init.stream.numpy_runner import words

# Random123's kat_vectors for threefry2x32 with 20 rounds: counter, key, result.
KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_block_function_gives_the_published_answers(
    counter: tuple[int, int], key: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Threefry-2x32-20 is Random123's, for arrays and for single counters."""
    high, low = (np.asarray([word], dtype=np.uint32) for word in counter)
    x0, x1 = threefry.block(key, high, low)
    assert expected == (int(x0[0]), int(x1[0]))
    assert expected == threefry.block_of_ints(key, counter)


def test_block_function_leaves_its_counters_alone() -> None:
    """The inputs are read only."""
    low = np.arange(5, dtype=np.uint32)
    threefry.block((1, 2), np.zeros(5, dtype=np.uint32), low)
    assert low.tolist() == [0, 1, 2, 3, 4]


def test_root_key_is_the_two_words_of_a_seed() -> None:
    """High word first."""
    assert threefry.root_key(2**64 - 1) == (0xFFFFFFFF, 0xFFFFFFFF)
    assert threefry.root_key(2**32 + 5) == (1, 5)


def test_named_key_is_the_block_of_the_hash_of_the_name() -> None:
    """SHA-256 of the UTF-8 name, its first 8 bytes as the counter; the empty name changes nothing."""
    first = hashlib.sha256("naïve/kernel".encode()).digest()[:8]
    high = np.asarray([int.from_bytes(first[:4], "big")], dtype=np.uint32)
    low = np.asarray([int.from_bytes(first[4:], "big")], dtype=np.uint32)
    x0, x1 = threefry.block((3, 4), high, low)
    assert threefry.named_key((3, 4), "naïve/kernel") == (int(x0[0]), int(x1[0]))
    assert threefry.named_key((3, 4), "") == (3, 4)


def test_word_counters_pass_two_to_the_32() -> None:
    """The counter of index i is (i >> 32, i mod 2**32)."""
    index = np.asarray([2**32 - 1, 2**32, 2**40 + 7])
    x0, x1 = words((1, 2), index)
    for i, a, b in zip(index.tolist(), x0.tolist(), x1.tolist(), strict=True):
        assert (a, b) == threefry.block_of_ints((1, 2), (i >> 32, i % 2**32))
