"""The rounds of Threefry in a JAX program: unrolled, and as a loop on CPUs without AVX-512."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (33, 17)
NORMAL = ui.as_jax(ui.normal(0.0, 1.0), name="w")


@contextlib.contextmanager
def rounds(*, rolled: bool) -> Iterator[None]:
    """Trace as on a CPU without AVX-512, or as on one with it."""
    import jax

    from unified_init.backends import jax_ops

    jax.clear_caches()
    with mock.patch.object(jax_ops, "_vectorizes_tables", return_value=not rolled):
        yield
    jax.clear_caches()


@pytest.mark.needs("jax")
@pytest.mark.parametrize("rolled", [False, True])
@pytest.mark.parametrize(
    "dtype", ["float32", "bfloat16", "float8_e4m3fn", "complex64", "float64", "complex128"]
)
def test_rolled_rounds_have_the_bits_of_the_host(dtype: str, rolled: bool) -> None:  # noqa: FBT001
    """In every element type, also where JAX's 64-bit types make its loop counters int64."""
    import jax

    key = jax.random.key(3)
    with jax.enable_x64(dtype in {"float64", "complex128", "bfloat16"}), rounds(rolled=rolled):
        array = jax.jit(lambda key: NORMAL(key, SHAPE, dtype))(key)
        expected = NORMAL(key, SHAPE, dtype)
    assert np.asarray(array).tobytes() == np.asarray(expected).tobytes()


@pytest.mark.needs("jax")
def test_rolled_rounds_work_in_every_transformation() -> None:
    """``vmap``, ``scan``, ``grad``, ``disable_jit`` and a slice of a tensor with counters of two words."""
    import jax

    keys = jax.random.split(jax.random.key(3), 4)

    def draw(key: Any) -> Any:
        return NORMAL(key, SHAPE)

    def wide(key: Any) -> Any:
        return ui.draw(
            ui.normal(0.0, 1.0), (1 << 20, 1 << 13), seed=key, index=(slice(1 << 19, None, 1 << 17),)
        )

    expected = np.stack([np.asarray(draw(key)) for key in keys])
    whole = np.asarray(wide(keys[0]))
    with rounds(rolled=True):
        assert "while" in jax.jit(draw).lower(keys[0]).as_text()
        assert np.asarray(jax.vmap(draw)(keys)).tobytes() == expected.tobytes()
        assert (
            np.asarray(jax.lax.scan(lambda c, key: (c, draw(key)), 0, keys)[1]).tobytes()
            == expected.tobytes()
        )
        assert np.isfinite(jax.grad(lambda scale: (scale * draw(keys[0])).sum())(1.0))
        assert np.asarray(jax.jit(wide)(keys[0])).tobytes() == whole.tobytes()
        with jax.disable_jit():
            assert np.asarray(jax.vmap(draw)(keys)).tobytes() == expected.tobytes()
        # Nothing is looked up behind the rounds of a uniform law.
        uniform = jax.jit(lambda key: ui.draw(ui.uniform(0.0, 1.0), SHAPE, seed=key))
        assert "while" not in uniform.lower(keys[0]).as_text()
    with rounds(rolled=False):
        assert "while" not in jax.jit(draw).lower(keys[0]).as_text()


@pytest.mark.needs("jax")
@pytest.mark.parametrize(
    ("platform", "text", "unrolled"),
    [
        ("gpu", "", True),
        ("cpu", "flags : fma avx512f", True),
        ("cpu", "flags : avx2", False),
        ("cpu", OSError, False),
    ],
)
def test_rounds_are_unrolled_where_table_lookups_are_vectorized(
    platform: str,
    text: Any,
    unrolled: bool,  # noqa: FBT001
) -> None:
    """On accelerators and on CPUs with AVX-512; a host that does not say what it is has a loop."""
    import jax

    from unified_init.backends import jax_ops

    read = {"side_effect": text} if text is OSError else {"return_value": text}
    with (
        mock.patch.object(jax, "default_backend", return_value=platform),
        mock.patch.object(Path, "read_text", **read),
    ):
        assert jax_ops._vectorizes_tables.__wrapped__() is unrolled
