"""Transposed convolutions move between frameworks that take kernel positions in opposite directions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.drawing.digests import values_of

pytestmark = pytest.mark.needs("torch", "keras", "flax", "haiku", "equinox")

INPUTS, OUTPUTS, WINDOW, STRIDE = 3, 2, 4, 2
OTHERS = ("keras", "nnx", "nnx swapped", "linen", "linen swapped", "haiku", "equinox")
PAIRS = [
    *(
        (*pair, rank)
        for other in OTHERS
        for pair in (("torch", other), (other, "torch"))
        for rank in (1, 2, 3)
    ),
    *((*pair, 2) for pair in itertools.combinations(OTHERS, 2)),
]


def made(which: str, rank: int, x: Any) -> Any:  # one return per framework
    """Return a transposed convolution of one framework, without padding."""
    import equinox as eqx
    import haiku as hk
    import jax
    import keras
    import torch
    from flax import linen, nnx

    last, window, strides = np.moveaxis(x, 1, -1), (WINDOW,) * rank, (STRIDE,) * rank
    options: dict[str, Any] = {"strides": strides, "padding": "VALID", "transpose_kernel": "swapped" in which}
    match which.split(maxsplit=1)[0]:
        case "torch":
            return getattr(torch.nn, f"ConvTranspose{rank}d")(INPUTS, OUTPUTS, WINDOW, stride=STRIDE)
        case "keras":
            layer = getattr(keras.layers, f"Conv{rank}DTranspose")(OUTPUTS, WINDOW, strides=STRIDE)
            layer.build(last.shape)
            return layer
        case "nnx":
            return nnx.ConvTranspose(INPUTS, OUTPUTS, window, rngs=nnx.Rngs(0), **options)
        case "linen":
            module = linen.ConvTranspose(OUTPUTS, window, **options)
            return ui.linen(module, module.init(jax.random.key(0), last), last)
        case "haiku":
            kind = getattr(hk, f"Conv{rank}DTranspose")
            net = hk.without_apply_rng(
                hk.transform(lambda x: kind(OUTPUTS, WINDOW, stride=STRIDE, padding="VALID")(x))  # noqa: PLW0108  # modules are made inside
            )
            return ui.haiku(net, net.init(jax.random.key(0), last), last)
    return eqx.nn.ConvTranspose(rank, INPUTS, OUTPUTS, WINDOW, stride=STRIDE, key=jax.random.key(0))


def output(model: Any, which: str, x: Any) -> Any:
    """Return what a layer makes of (batch, channels, space), in the same order of axes."""
    import torch

    last = np.moveaxis(x, 1, -1)
    match which.split(maxsplit=1)[0]:
        case "torch":
            with torch.no_grad():
                return model(torch.from_numpy(x)).numpy()
        case "linen":
            y = model.module.apply(model.variables, last)
        case "haiku":
            y = model.transformed.apply(model.params, last)
        case "equinox":
            return np.stack([np.asarray(model(example)) for example in x])
        case _:
            y = model(last)
    return np.moveaxis(values_of(y), -1, 1)


@pytest.mark.parametrize(("first", "second", "rank"), PAIRS)
def test_a_transposed_convolution_gives_the_same_outputs_elsewhere(
    first: str, second: str, rank: int
) -> None:
    """Kernels and biases that no symmetry hides: equal to rounding, whichever of the two is the source."""
    rng = np.random.default_rng(rank)
    x = rng.standard_normal((2, INPUTS, *(5, 6, 4)[:rank]), dtype=np.float32)
    theirs, ours = made(first, rank, x), made(second, rank, x)
    recipe = ui.Recipe("all", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    theirs, _ = ui.apply(theirs, recipe, seed=rank)
    ours = ui.transfer(theirs, ours)
    expected = output(theirs, first, x)
    np.testing.assert_allclose(output(ours, second, x), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("backwards", [False, True])
def test_groups_and_flips_go_together(*, backwards: bool) -> None:
    """PyTorch keeps the groups with the inputs, Equinox with the outputs."""
    import equinox as eqx
    import jax
    import torch

    theirs = torch.nn.ConvTranspose2d(4, 6, (3, 2), stride=2, groups=2)
    ours = eqx.nn.ConvTranspose2d(4, 6, (3, 2), stride=2, groups=2, key=jax.random.key(0))
    if backwards:
        ui.transfer(ours, theirs)
    else:
        ours = ui.transfer(theirs, ours)
    x = np.random.default_rng(0).standard_normal((1, 4, 5, 6), dtype=np.float32)
    np.testing.assert_allclose(output(theirs, "torch", x), output(ours, "equinox", x), atol=1e-5)


def test_a_flip_along_axes_that_are_not_known_is_refused() -> None:
    """Four spatial axes have no layout: between two layers of one direction nothing is flipped."""
    from flax import nnx

    source, target, swapped = (
        nnx.ConvTranspose(2, 2, (2,) * 4, transpose_kernel=swap, rngs=nnx.Rngs(seed))
        for seed, swap in enumerate((False, False, True))
    )
    names = {"kernel": "kernel", "bias": "bias"}
    ui.transfer(source, target, names)
    assert np.array_equal(source.kernel[...], target.kernel[...])
    with refused(ui.ArgumentValueError):
        ui.transfer(source, swapped, names)


def test_equal_draws_in_opposite_directions_are_told_apart() -> None:
    """Twins of one recipe have equal kernels, and ``verify_match`` sees that their outputs differ."""
    x = np.random.default_rng(0).standard_normal((1, INPUTS, 5, 6), dtype=np.float32)
    theirs, swapped, ours = (made(which, 2, x) for which in ("torch", "nnx swapped", "nnx"))
    last = np.moveaxis(x, 1, -1)
    assert ui.verify_match(theirs, swapped, ui.match(theirs, swapped), inputs=(x, last)).ok
    assert not ui.verify_match(theirs, ours, ui.match(theirs, ours), inputs=(x, last)).ok


def test_an_inventory_says_which_kernels_are_flipped() -> None:
    """And its JSON too, so that values of a file are flipped as those of a model."""
    x = np.random.default_rng(0).standard_normal((1, INPUTS, 5, 6), dtype=np.float32)
    inventory = ui.inspect(made("equinox", 2, x))
    assert [record.flipped for record in inventory] == [True, False]
    assert ui.inventory_from_json(ui.inventory_to_json(inventory)) == inventory
    theirs, ours = made("torch", 2, x), made("equinox", 2, x)
    ours = ui.transfer(theirs.state_dict(), ours, inventory=ui.inspect(theirs))
    np.testing.assert_allclose(output(theirs, "torch", x), output(ours, "equinox", x), atol=1e-5)
