"""The stream against JAX's own, and every kind of seed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.parity.variants import reference
from unified_init.stream import threefry
from unified_init.stream.numpy_runner import words
from unified_init.testing.bits import differing

NORMAL = ui.normal(0.0, 1.0)


def same(a: Any, b: Any) -> bool:
    """Whether two draws have the same bits."""
    return differing(np.asarray(a), np.asarray(b)) == 0


@pytest.mark.needs("jax")
@pytest.mark.parametrize("seed", [0, 1, 12345, 2**31, 2**32 - 1])
def test_words_are_those_of_jax(seed: int) -> None:
    """Word for word jax.random.bits(jax.random.key(seed)), whatever the shape."""
    import jax

    x0, x1 = words(threefry.root_key(seed), np.arange(60_000))
    for shape in ((60_000,), (300, 200), (3, 4, 5000)):
        bits = np.asarray(jax.random.bits(jax.random.key(seed), shape, np.uint32))
        assert (bits.reshape(-1) == (x0 ^ x1)).all()


@pytest.mark.needs("jax")
def test_64_bit_draws_take_both_words_as_jax_does() -> None:
    """A 64-bit draw is x0 << 32 | x1, as jax.random.bits(uint64) under x64."""
    import jax

    x0, x1 = words((0, 7), np.arange(100))
    expected = (x0.astype(np.uint64) << np.uint64(32)) | x1
    enable_x64 = (jax if hasattr(jax, "enable_x64") else jax.experimental).enable_x64  # there in JAX 0.5
    with enable_x64(True):  # noqa: FBT003  # JAX's own signature
        bits = np.asarray(jax.random.bits(jax.random.key(7), (100,), np.uint64))
    assert (bits == expected).all()


@pytest.mark.needs("jax")
def test_a_jax_key_below_two_to_the_32_is_its_seed() -> None:
    """Typed, legacy and split keys give the stream of their two words."""
    import jax

    expected = reference(NORMAL, (50,), seed=7, name="w")
    key = jax.random.key(7)
    assert same(ui.draw(NORMAL, (50,), seed=key, name="w"), expected)
    assert same(ui.draw(NORMAL, (50,), seed=jax.random.PRNGKey(7), name="w"), expected)
    child = jax.random.split(key)[1]
    high, low = np.asarray(jax.random.key_data(child)).tolist()
    assert same(ui.draw(NORMAL, (50,), seed=child), reference(NORMAL, (50,), seed=high << 32 | low))


@pytest.mark.needs("jax")
def test_a_jax_key_is_a_seed_on_any_backend(chosen_backends: tuple[str, ...]) -> None:
    """Whoever draws, a key's stream is its seed's."""
    import jax

    for backend in chosen_backends:
        drawn = ui.draw(NORMAL, (50,), seed=jax.random.key(7), name="w", backend=backend)
        assert same(drawn, reference(NORMAL, (50,), seed=7, name="w"))


@pytest.mark.needs("jax")
@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_a_key_of_another_implementation_is_folded_to_two_words(impl: str) -> None:
    """Its second pair of words is a counter under the first; eager, jitted, and key by key under vmap."""
    import jax

    def drawn(key: Any) -> Any:
        return ui.draw(NORMAL, (50,), seed=key, name="w")

    keys = jax.random.split(jax.random.key(7, impl=impl), 3)
    rows = np.asarray(jax.vmap(drawn)(keys))
    for row, key in zip(rows, keys, strict=True):
        first, second, *counter = np.asarray(jax.random.key_data(key)).tolist()
        high, low = threefry.block_of_ints((first, second), (counter[0], counter[1]))
        expected = reference(NORMAL, (50,), seed=high << 32 | low, name="w")
        assert same(drawn(key), expected)
        assert same(jax.jit(drawn)(key), expected)
        assert same(row, expected)
    assert len({row.tobytes() for row in rows}) == 3


def test_a_numpy_generator_gives_one_64_bit_seed_and_advances() -> None:
    """It is read in its documented way, once a draw."""
    numpy_seed = int(np.random.default_rng(3).integers(2**64, dtype=np.uint64))
    generator = np.random.default_rng(3)
    first = ui.draw(NORMAL, (50,), seed=generator)
    assert same(first, reference(NORMAL, (50,), seed=numpy_seed))
    assert not same(first, ui.draw(NORMAL, (50,), seed=generator))


@pytest.mark.needs("torch")
def test_a_torch_generator_gives_one_64_bit_seed_and_advances() -> None:
    """It is read twice for the two halves of a seed, once a draw."""
    import torch

    source = torch.Generator().manual_seed(3)
    high, low = (int(torch.randint(0, 2**32, (), generator=source, dtype=torch.int64)) for _ in range(2))
    generator = torch.Generator().manual_seed(3)
    drawn = ui.draw(NORMAL, (50,), seed=generator, backend="torch")
    assert same(drawn, reference(NORMAL, (50,), seed=high << 32 | low))
    assert torch.equal(generator.get_state(), source.get_state())


@pytest.mark.needs("tensorflow")
def test_a_tensorflow_generator_gives_one_64_bit_seed_and_advances() -> None:
    """It is read once a draw, whole."""
    import tensorflow as tf

    whole = int(tf.random.Generator.from_seed(3).uniform_full_int([], dtype=tf.uint64))
    generator = tf.random.Generator.from_seed(3)
    drawn = ui.draw(NORMAL, (50,), seed=generator, backend="tensorflow")
    assert same(drawn, reference(NORMAL, (50,), seed=whole))
    assert not same(drawn, ui.draw(NORMAL, (50,), seed=generator, backend="tensorflow"))


def test_a_generator_is_not_advanced_by_a_refused_draw() -> None:
    """Bad input leaves a generator as it was."""
    generator = np.random.default_rng(3)
    state = generator.bit_generator.state
    for bad in ({"dtype": "int32"}, {"layout": "OI"}, {"device": "cuda"}, {"index": (9,)}):
        with pytest.raises(ui.UnifiedInitError):
            ui.draw(NORMAL, (5,), seed=generator, **bad)
    assert generator.bit_generator.state == state


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_every_entry_leaves_global_state_alone() -> None:
    """No random state, default or flag of any framework changes; the fixture compares them all."""
    import jax
    import tensorflow as tf
    import torch

    before = (random.getstate(), str(np.random.get_state()), torch.random.get_rng_state().tolist())  # noqa: NPY002
    for backend in ui.backends():
        for dtype in ("float32", "bfloat16"):
            ui.draw(ui.he_normal(), (40, 30), layout="OI", seed=1, backend=backend, dtype=dtype)
            ui.draw(ui.orthogonal(), (40, 30), seed=1, backend=backend, dtype=dtype)
    ui.fill(torch.empty(3, 4), ui.uniform(0, 1), seed=2, name="w")
    jax.jit(lambda key: ui.draw(NORMAL, (5,), seed=key))(jax.random.key(1))
    tf.function(lambda: ui.draw(NORMAL, (5,), seed=1, backend="tensorflow"))()
    after = (random.getstate(), str(np.random.get_state()), torch.random.get_rng_state().tolist())  # noqa: NPY002
    assert before == after
