"""The chart of ``docs/choosing.md``: ``python -m tools.site.signals docs/signals.png``.

A batch goes through 30 layers of 512 units. The chart shows the standard deviation of each layer's
output, and of the gradient that comes back to it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import unified_init as ui

WIDTH, LAYERS, BATCH = 512, 30, 256
SPECS = {
    "he_normal()": ui.he_normal(),
    "orthogonal(2**0.5)": ui.orthogonal(2**0.5),
    "glorot_uniform()": ui.glorot_uniform(),
    "lecun_normal()": ui.lecun_normal(),
    "torch.nn.Linear's default": ui.kaiming_uniform(5**0.5),
    "normal(0, 0.02)": ui.normal(0.0, 0.02),
    "uniform(-0.05, 0.05)": ui.uniform(-0.05, 0.05),
    "normal(0, 0.1)": ui.normal(0.0, 0.1),
}
ACTIVATIONS = ("relu", "tanh")


def signals(spec: ui.Initializer, activation: str) -> tuple[list[float], list[float]]:
    """Return the std of every layer's output, and of the gradient with respect to every layer's input."""
    shape = (WIDTH, WIDTH)
    weights = [ui.draw(spec, shape, layout="OI", seed=0, name=f"{layer}/kernel") for layer in range(LAYERS)]
    x = ui.draw(ui.normal(0.0, 1.0), (BATCH, WIDTH), seed=0, name="batch").astype(np.float64)
    slopes, forward = [], []
    for weight in weights:
        before = x @ weight.T
        x = np.maximum(before, 0.0) if activation == "relu" else np.tanh(before)
        slopes.append((before > 0).astype(float) if activation == "relu" else 1 - x**2)
        forward.append(float(x.std()))
    gradient = ui.draw(ui.normal(0.0, 1.0), (BATCH, WIDTH), seed=0, name="gradient").astype(np.float64)
    backward = []
    for weight, slope in zip(reversed(weights), reversed(slopes), strict=True):
        gradient = (gradient * slope) @ weight
        backward.append(float(gradient.std()))
    return forward, backward[::-1]


def chart(path: str) -> None:
    """Draw forward and backward signals for both activations."""
    import matplotlib as mpl  # noqa: PLC0415  # the figures need none

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(2, 2, figsize=(10, 6.4), sharex=True, sharey=True, layout="constrained")
    depth = range(1, LAYERS + 1)
    for column, activation in enumerate(ACTIVATIONS):
        for place, (name, spec) in enumerate(SPECS.items()):
            style = "--" if place % 2 else "-"  # of two lines on top of each other both are seen
            for row, values in enumerate(signals(spec, activation)):
                axes[row, column].semilogy(depth, values, style, label=name, linewidth=1.8)
        axes[0, column].set_title(activation)
        axes[1, column].set_xlabel("layer")
    axes[0, 0].set(ylabel="std of the output", ylim=(1e-6, 1e6))
    axes[1, 0].set_ylabel("std of the gradient")
    for each in axes.flat:
        each.grid(visible=True, alpha=0.25)
        each.spines[["top", "right"]].set_visible(False)
    handles: Any = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    chart(sys.argv[1])
