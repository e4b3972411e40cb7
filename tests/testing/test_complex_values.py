"""Complex samples: their laws are followed, and a std that is one percent off is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHAPE = (1024, 1024)
SPECS = {
    "disk": ui.he_uniform(),
    "truncated": ui.he_normal(),
    "parent": ui.truncated_normal(0.0, 0.3, -1.5, 1.5),
    "ends": ui.uniform(-1.0, 2.0),
    "normal": ui.normal(0.0, 0.5),
}


def sample_of(name: str, shape: tuple[int, int], dtype: str) -> NDArray[Any]:
    """Draw a sample."""
    drawn: NDArray[Any] = ui.draw(SPECS[name], shape, layout="OI", seed=5, name="w", dtype=dtype)
    return drawn


@pytest.mark.parametrize("name", ["disk", "truncated", "ends"])
def test_a_std_of_one_percent_off_is_refused(name: str) -> None:
    """Of 2**20 complex64 values; those of the law itself follow it."""
    law = SPECS[name].resolve(SHAPE, layout="OI")
    sample = sample_of(name, SHAPE, "complex64")
    testing.assert_follows(sample, law)
    for factor in (0.99, 1.01):
        with pytest.raises(AssertionError, match="does not follow"):
            testing.assert_follows(sample * np.float32(factor), law)


WRONG: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "half of the plane": lambda w: np.abs(w.real) + 1j * w.imag,
    "parts of two draws": lambda w: w.real + 1j * np.roll(w.imag, 1),
    "a modulus twice": lambda w: np.concatenate([w[: len(w) // 2], w[: len(w) // 2] * 1j]),
    "real values": lambda w: w.real + 0j,
    "angles of a grid": lambda w: np.abs(w) * np.exp(2j * np.pi * np.rint(np.angle(w, deg=True)) / 360),
}


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", SPECS)
def test_draws_follow_their_law(name: str, dtype: str) -> None:
    """Of every law that has a complex form."""
    testing.assert_follows(sample_of(name, (256, 256), dtype), SPECS[name].resolve((256, 256), layout="OI"))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("wrong", WRONG)
def test_another_law_of_the_same_variance_is_refused(wrong: str, dtype: str) -> None:
    """The angle and the modulus are tested, and that they are independent."""
    law = SPECS["disk"].resolve((256, 256), layout="OI")
    sample = sample_of("disk", (256, 256), dtype)
    testing.assert_follows(sample, law)
    with pytest.raises(AssertionError, match="of grades"):
        testing.assert_follows(WRONG[wrong](sample).astype(dtype), law)


def test_a_law_without_complex_form_is_refused() -> None:
    """Also of values that are not drawn here."""
    with refused(ui.ArgumentValueError):
        testing.examine(np.ones(200, np.complex64), ui.truncated_normal(1.0, 1.0).resolve(200))


@pytest.mark.needs("jax")
@pytest.mark.parametrize("name", ["he_uniform", "lecun_uniform", "glorot_uniform", "normal"])
def test_the_complex_laws_of_jax_are_ours(name: str) -> None:
    """The disk of variance scaling, and normal parts."""
    import jax

    make = getattr(jax.nn.initializers, name)()
    spec = ui.normal(0.0, 0.01) if name == "normal" else getattr(ui, name)()
    sample = np.asarray(make(jax.random.key(1), (512, 512), "complex64"))
    testing.assert_follows(sample, spec.resolve((512, 512), layout="IO"))


@pytest.mark.needs("jax")
def test_the_truncated_modulus_of_jax_is_ours_but_for_its_constant() -> None:
    """JAX divides by 0.9531 = sqrt(1 - 5 exp(-4)), and leaves out the division by the mass 1 - exp(-4)."""
    import jax

    sample = np.asarray(jax.nn.initializers.he_normal()(jax.random.key(1), (512, 512), "complex64"))
    law = ui.he_normal().resolve((512, 512), layout="IO")
    testing.assert_follows(sample * np.float32(0.95311164380491208 / 0.9619618280082135), law)
    with pytest.raises(AssertionError, match="of grades"):
        testing.assert_follows(sample, law)
