"""Convolution kernels that keep the norm of their input."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

KERNELS: dict[str, tuple[tuple[int, ...], str]] = {
    "one axis": ((5, 3, 7), "WIO"),
    "two axes": ((3, 3, 4, 6), "HWIO"),
    "three axes": ((2, 3, 2, 3, 3), "DHWIO"),
    "one position": ((1, 1, 4, 6), "HWIO"),
    "unequal axes": ((1, 4, 4, 4), "HWIO"),
    "even": ((2, 2, 4, 6), "HWIO"),
}
SPEC = ui.convolutional_orthogonal(2.0)


def convolved(kernel: np.ndarray[Any, Any], signal: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Convolve (positions..., inputs) with a kernel (positions..., inputs, outputs), circularly, by its definition."""
    output = np.zeros((*signal.shape[:-1], kernel.shape[-1]))
    for shift in np.ndindex(*kernel.shape[:-2]):
        moved = np.roll(signal, [-step for step in shift], tuple(range(len(shift))))
        output += moved @ kernel[shift]
    return output


@pytest.mark.parametrize("name", KERNELS)
def test_a_circular_convolution_keeps_the_norm(name: str) -> None:
    """The norm of the output is the gain times that of the input, for any input."""
    shape, layout = KERNELS[name]
    kernel = ui.draw(SPEC, shape, layout=layout, seed=0, name="conv", dtype="float64")
    signal = np.random.default_rng(0).normal(size=(*(6,) * (len(shape) - 2), shape[-2]))
    output = convolved(kernel, signal)
    assert np.linalg.norm(output) == pytest.approx(2.0 * np.linalg.norm(signal), rel=1e-12)
    law = SPEC.resolve(shape, layout=layout)
    assert math.sqrt(np.mean(kernel**2)) == pytest.approx(law.std, rel=1e-12)
    assert np.abs(kernel).max() <= law.high == 2.0
    if name != "one position":
        assert np.count_nonzero(kernel) == kernel.size


def test_a_changed_kernel_does_not_keep_the_norm() -> None:
    """The test above can fail: one weight moved by 1 % shows."""
    kernel = ui.draw(SPEC, (3, 3, 4, 6), layout="HWIO", seed=0, name="conv", dtype="float64")
    kernel[1, 1, 2, 3] *= 1.01
    signal = np.random.default_rng(0).normal(size=(6, 6, 4))
    assert np.linalg.norm(convolved(kernel, signal)) != pytest.approx(2.0 * np.linalg.norm(signal), rel=1e-9)


def test_the_projections_are_random_by_columns() -> None:
    """Half of the columns are kept on average: so half of the norm is at the first of two positions."""
    shares = []
    for seed in range(60):
        kernel = ui.draw(ui.convolutional_orthogonal(), (2, 8, 8), layout="WIO", seed=seed, name="conv")
        shares.append(float((kernel[0] ** 2).sum()))  # the rank of the projection
    assert np.allclose(shares, np.round(shares), atol=1e-4)
    assert np.mean(shares) == pytest.approx(4.0, abs=5 * math.sqrt(2 / 60))
    assert np.var(shares) == pytest.approx(2.0, rel=0.9)


def test_layouts_groups_and_slices_agree() -> None:
    """One logical tensor, whatever is stored; groups are drawn apart."""
    kernel = ui.draw(SPEC, (2, 3, 4, 6), layout="HWIO", seed=0, name="conv")
    assert (
        ui.draw(SPEC, (6, 4, 2, 3), layout="OIHW", seed=0, name="conv").transpose(2, 3, 1, 0) == kernel
    ).all()
    part = ui.draw(SPEC, (2, 3, 4, 6), layout="HWIO", seed=0, name="conv", index=(1, slice(0, 2)))
    assert (part == kernel[1, :2]).all()
    grouped = ui.draw(SPEC, (12, 4, 3), layout="(BO)IW", sizes={"B": 2}, seed=0, name="conv", dtype="float64")
    for group in grouped.reshape(2, 6, 4, 3):
        signal = np.random.default_rng(0).normal(size=(7, 4))
        output = convolved(group.transpose(2, 1, 0), signal)
        assert np.linalg.norm(output) == pytest.approx(2.0 * np.linalg.norm(signal), rel=1e-12)
    assert not np.allclose(grouped[:6], grouped[6:])


def test_empty_kernels_are_drawn() -> None:
    """No input is kept by no weight."""
    assert ui.draw(SPEC, (3, 0, 6), layout="WIO", seed=0, name="conv").shape == (3, 0, 6)


@pytest.mark.parametrize(
    ("shape", "layout"), [((3, 3, 6, 4), "HWIO"), ((6, 4), "IO"), ((4, 4), None), ((0, 4, 6), "WIO")]
)
def test_kernels_that_cannot_be_isometries_are_refused(shape: tuple[int, ...], layout: str | None) -> None:
    """Fewer outputs than inputs, no spatial axes, an empty one."""
    with refused(ui.ArgumentValueError):
        SPEC.resolve(shape, layout=layout)


@pytest.mark.needs("tensorflow")
def test_it_is_the_law_of_tensorflow() -> None:
    """The norms at the positions have the means of TensorFlow's own kernels."""
    from tensorflow.python.ops import init_ops

    def norms(kernel: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        squares: np.ndarray[Any, Any] = (kernel**2).sum(axis=(-1, -2)).reshape(-1)
        return squares

    theirs = [
        norms(np.asarray(init_ops.ConvolutionOrthogonal2D(seed=seed)((3, 3, 2, 4)))) for seed in range(1, 200)
    ]
    spec = ui.convolutional_orthogonal()
    ours = [norms(ui.draw(spec, (3, 3, 2, 4), layout="HWIO", seed=seed, name="w")) for seed in range(1, 200)]
    spread = np.sqrt((np.var(ours, axis=0) + np.var(theirs, axis=0)) / 199)
    assert (np.abs(np.mean(ours, axis=0) - np.mean(theirs, axis=0)) < 5 * spread).all()
    assert ui.from_native("tf.contrib.framework.convolutional_orthogonal_2d", gain=2.0) == SPEC
    assert dataclasses.replace(spec, factor=2.0) == spec * 2.0


@pytest.mark.needs("torch")
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_convolution_of_torch_keeps_the_norm(rank: int) -> None:
    """Circular padding and the convolutions of one to three axes, in float32."""
    import torch

    layout = "OI" + "DHW"[3 - rank :]
    kernel = ui.draw(
        ui.convolutional_orthogonal(),
        (5, 3, *(3,) * rank),
        layout=layout,
        seed=0,
        name="conv",
        backend="torch",
    )
    signal = torch.linspace(-1.0, 1.0, 2 * 3 * 6**rank).mul(40).sin().reshape(2, 3, *(6,) * rank)
    padded = torch.nn.functional.pad(signal, (1, 1) * rank, mode="circular")
    output = getattr(torch.nn.functional, f"conv{rank}d")(padded, kernel)
    assert output.shape[2:] == signal.shape[2:]
    assert float(output.norm()) == pytest.approx(float(signal.norm()), rel=1e-5)
