"""The gallery: each distribution as a histogram against its law, each structured initializer as a matrix."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (4.8, 2.3)  # inches: small, so that the letters are read on a telephone too
DPI = 200
BLUE, RED = "#3b6fb6", "#c0392b"


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture: the call that is drawn, and what is drawn of it."""

    name: str
    spec: ui.Initializer
    shape: tuple[int, ...]
    layout: str
    text: str

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """The weights, drawn with seed 0."""
        values = ui.draw(self.spec, self.shape, layout=self.layout, seed=0, name=self.name)
        return values  # type: ignore[no-any-return]  # noqa: RET504

    @property
    def call(self) -> str:
        """The call, as it is typed."""
        return (
            f'ui.draw({SPECS[self.name]}, {self.shape}, layout="{self.layout}", seed=0, name="{self.name}")'
        )


SPECS = {
    "normal": "ui.normal(0.0, 0.02)",
    "uniform": "ui.uniform(-0.05, 0.05)",
    "truncated_normal": "ui.truncated_normal(0.0, 0.02)",
    "trunc_normal": "ui.trunc_normal(0.0, 1.0, -1.0, 2.0)",
    "he_normal": "ui.he_normal()",
    "kaiming_normal": "ui.kaiming_normal()",
    "he_uniform": "ui.he_uniform()",
    "glorot_normal": "ui.glorot_normal()",
    "glorot_uniform": "ui.glorot_uniform()",
    "lecun_normal": "ui.lecun_normal()",
    "siren": "ui.siren()",
    "laplace": "ui.laplace(0.0, 0.02)",
    "logistic": "ui.logistic(0.0, 0.02)",
    "student_t": "ui.student_t(10, 0.0, 0.02)",
    "lognormal": "ui.lognormal(0.0, 0.3)",
    "cauchy": "ui.cauchy(0.0, 1.0, -10.0, 10.0)",
    "mixture": "ui.mixture([0.8, 0.2], [ui.normal(0.0, 0.01), ui.normal(0.0, 0.05)])",
    "bernoulli": "ui.bernoulli(0.2)",
    "sparse_of": 'ui.sparse_of(ui.rademacher(), 0.9, "all", at_least_one=True)',
    "sparse": "ui.sparse(0.5)",
    "orthogonal": "ui.orthogonal()",
    "glorot_orthogonal": "ui.glorot_orthogonal()",
    "delta_orthogonal": "ui.delta_orthogonal()",
    "convolutional_orthogonal": "ui.convolutional_orthogonal()",
    "with_norm": 'ui.with_norm(ui.sparse(0.8), "spectral", 0.9)',
    "identity": "ui.identity()",
    "dirac": "ui.dirac()",
    "hadamard": "ui.hadamard()",
    "bilinear_upsampling": "ui.bilinear_upsampling()",
    "fcn_upsampling": "ui.fcn_upsampling()",
    "stft": "ui.stft()",
    "icnr": "ui.icnr(ui.he_normal(), 2)",
    "lru_nu_log": "ui.lru_nu_log(0.4, 0.99)",
    "lru_theta_log": "ui.lru_theta_log()",
    "lru_gamma_log": "ui.lru_gamma_log(0.4, 0.99)",
    "mamba_dt_bias": "ui.mamba_dt_bias()",
    "mamba2_a_log": "ui.mamba2_a_log()",
    "hippo_legs": "ui.hippo_legs()",
    "hippo_legt": "ui.hippo_legt()",
    "hippo_b": "ui.hippo_b()",
    "s4d_lin": "ui.s4d_lin()",
    "s4d_inv": "ui.s4d_inv()",
    "s4d_real": "ui.s4d_real()",
    "rwkv_time_decay": "ui.rwkv_time_decay(2, 12)",
    "rwkv_time_first": "ui.rwkv_time_first()",
    "rwkv_time_mix": "ui.rwkv_time_mix(2, 12)",
}
FLAT, KERNEL = (1024, 512), "OI"
STEP = 1e-5  # standard deviations between the two points that give a slope
HISTOGRAMS = {
    "normal": "Untruncated: the range has no end, and 2.3 % of the values are beyond 2.27 std.",
    "uniform": "Equally likely between two ends, which are never reached in float32.",
    "truncated_normal": "Bounds at 2 std of the parent normal; the std of the values is 0.8796 of yours.",
    "trunc_normal": "Bounds are absolute values, as in `torch.nn.init.trunc_normal_`.",
    "he_normal": "Truncated at 2 sigma of the parent, and corrected: the std is exactly sqrt(2 / fan_in).",
    "kaiming_normal": "The std of `he_normal`, without truncation.",
    "he_uniform": "The std of `he_normal`, from a uniform distribution.",
    "glorot_normal": "The std is sqrt(2 / (fan_in + fan_out)).",
    "glorot_uniform": "The std of `glorot_normal`, from a uniform distribution.",
    "lecun_normal": "The std is sqrt(1 / fan_in).",
    "siren": "Hidden layers of networks with sine activations.",
    "lru_nu_log": "States of an LRU whose squared moduli are uniform.",
    "lru_theta_log": "The logarithm of a uniform phase: its lower tail is exponential.",
    "lru_gamma_log": "What an LRU multiplies its inputs by, of the states of `lru_nu_log`.",
    "mamba_dt_bias": "Step sizes are log-uniform behind a softplus.",
    "mamba2_a_log": "The logarithm of a uniform variable between 1 and 16.",
    "laplace": "Its scale is the mean distance from the center; the std is 1.414 times that.",
    "logistic": "A little more in the tails than a normal; the std is 1.8138 times the scale.",
    "student_t": "Heavy tails: with 10 degrees of freedom the std is 1.118 times the scale.",
    "lognormal": "Positive values; the logarithm is normal, with a std of 0.3.",
    "cauchy": "Truncated, since without bounds it has no std.",
    "mixture": "Four of five values from a narrow normal, the others from a wide one.",
}
STRUCTURED = {
    "orthogonal": (
        (256, 128),
        "OI",
        "All singular values are 1; those of a normal matrix of the same size spread.",
    ),
    "delta_orthogonal": (
        (32, 32, 3, 3),
        "OIHW",
        "An orthogonal matrix at the center of the kernel, zeros around it.",
    ),
    "glorot_orthogonal": (
        (256, 128),
        "OI",
        "An orthogonal matrix whose entries have the variance 2 / (fan_in + fan_out).",
    ),
    "convolutional_orthogonal": (
        (16, 1, 5, 1),
        "OIHW",
        "It keeps the norm of its input. Rows are 16 outputs of one input, columns are 5 positions.",
    ),
    "with_norm": ((48, 48), "OI", "A sparse matrix, scaled so that its largest singular value is 0.9."),
    "sparse": ((48, 32), "OI", "Exactly half of each column is zero."),
    "bernoulli": ((48, 32), "OI", "A mask: each entry is 1 with probability 0.2."),
    "sparse_of": ((48, 32), "OI", "Signs, of which exactly nine in ten are zero; each row keeps one."),
    "identity": ((24, 32), "OI", "The identity, cut to the shape of the matrix."),
    "dirac": (
        (8, 8, 3, 3),
        "OIHW",
        "Each output channel copies one input channel. Kernels are side by side.",
    ),
    "hadamard": ((64, 32), "OI", "Rows of plus and minus the same number; no random numbers are used."),
    "bilinear_upsampling": ((1, 1, 8, 8), "IOHW", "The kernel that upsamples by 4, bilinearly."),
    "fcn_upsampling": ((1, 1, 7, 7), "IOHW", "Symmetric at every size, odd ones too."),
    "stft": ((64, 1, 33), "WIO", "A window times cosines: the real side of a short-time Fourier transform."),
    "icnr": (
        (16, 8, 1, 1),
        "OIHW",
        "Groups of four outputs are equal, so that a sub-pixel convolution has no checkerboard.",
    ),
    "hippo_legs": ((32, 32), "OI", "The state matrix of HiPPO-LegS: triangular, and larger further down."),
    "hippo_legt": ((32, 32), "OI", "The state matrix of HiPPO-LegT, with signs that alternate above."),
    "hippo_b": ((8, 32), "OI", "The input vector of HiPPO, the same in each row: a square root."),
    "s4d_lin": ((8, 32), "OI", "Imaginary parts of S4D-Lin: equal steps of pi."),
    "s4d_inv": ((8, 32), "OI", "Imaginary parts of S4D-Inv: few large ones."),
    "s4d_real": ((8, 32), "OI", "Logarithms of the states, as Mamba keeps them."),
    "rwkv_time_decay": ((8, 32), "OI", "Decay speeds of a layer of RWKV-4, from -5 to 3."),
    "rwkv_time_first": ((8, 32), "OI", "The bonus of the current token in RWKV-4: a zigzag of period 3."),
    "rwkv_time_mix": ((8, 32), "OI", "The share of the current token in RWKV-4, from 0 on."),
}


INTRODUCTION = (
    "Every distribution and every structured initializer, drawn by the library with seed 0. Each picture "
    "has the call that gives its values. Bars are a histogram of 524,288 values; the line is the "
    "exact density of the law."
)


def spec_of(name: str) -> ui.Initializer:
    """Return the spec whose call ``SPECS`` shows."""
    return eval(SPECS[name], {"ui": ui})  # type: ignore[no-any-return]  # noqa: S307  # our own text


def pictures() -> list[Picture]:
    """Return all pictures: histograms, then matrices."""
    flat = [Picture(name, spec_of(name), FLAT, KERNEL, text) for name, text in HISTOGRAMS.items()]
    return flat + [
        Picture(name, spec_of(name), shape, layout, text)
        for name, (shape, layout, text) in STRUCTURED.items()
    ]


def page() -> str:
    """Return the page that shows all pictures."""
    blocks = [
        "# Gallery",
        INTRODUCTION,
        "## Distributions",
    ]
    for picture in pictures():
        if picture.name == next(iter(STRUCTURED)):
            blocks.append("## Structured initializers")
        blocks += [
            f"### {picture.name}",
            picture.text,
            shown(picture.name),
            f"```python\n{picture.call}\n```",
        ]
    return "\n\n".join(blocks) + "\n"


def shown(name: str) -> str:
    """Return the picture of an initializer as a block of a page."""
    return f"```{{image}} pictures/{name}.png\n:alt: {name}\n:class: picture\n```"


def draw(folder: Path) -> None:
    """Draw all pictures, in some seconds."""
    import matplotlib as mpl  # noqa: PLC0415  # the reference needs none

    mpl.use("agg")
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures():
        save(folder / f"{picture.name}.png", painter(picture.name), picture)


def painter(name: str) -> Callable[[Figure, Picture], None]:
    """Return what draws a picture into a figure."""
    if name in HISTOGRAMS:
        return histogram
    return singular_values if name in {"orthogonal", "glorot_orthogonal", "delta_orthogonal"} else matrix


def save(path: Path, paint: Callable[[Figure, Picture], None], picture: Picture) -> None:
    """Write one picture."""
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure = plt.figure(figsize=SIZE, layout="constrained")
    paint(figure, picture)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def plain(axes: Axes) -> None:
    """Leave the two lines of an axis that are read."""
    axes.spines[["top", "right"]].set_visible(False)


def histogram(figure: Figure, picture: Picture) -> None:
    """Draw the values as bars, and the density of their law as a line."""
    axes = figure.subplots()
    values = picture.values.ravel().astype(float)
    law = picture.spec.resolve(picture.shape, layout=picture.layout)
    counts, edges = np.histogram(values, bins=96, density=True)
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.45, label=f"{values.size:,} values")
    span = edges[-1] - edges[0]
    points = np.linspace(edges[0] - 0.05 * span, edges[-1] + 0.05 * span, 801)
    axes.plot(points, density(law, points), color=RED, linewidth=1.5, label="law")
    axes.set(
        xlabel="value", ylabel="density", title=f"std {law.std:.4g}, low {law.low:.4g}, high {law.high:.4g}"
    )
    axes.locator_params(axis="x", nbins=6)
    axes.legend(frameon=False)
    plain(axes)


def density(law: ui.Law, points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the exact density of a law; if it is no normal and no uniform, the slope of its distribution."""
    from scipy import stats

    if law.kind not in {"normal", "truncated_normal", "uniform"}:
        step = STEP * law.std
        below = population_of(law, "float64").below
        return (below(points + step) - below(points - step)) / (2.0 * step)
    if law.kind == "uniform":
        exact = stats.uniform(law.low, law.high - law.low)
    else:
        # ``loc`` and ``scale`` are the parent's, before truncation.
        ends = (law.low - law.loc) / law.scale, (law.high - law.loc) / law.scale
        exact = stats.truncnorm(*ends, loc=law.loc, scale=law.scale)
    return exact.pdf(points)  # type: ignore[no-any-return]


def singular_values(figure: Figure, picture: Picture) -> None:
    """Draw the singular values of the matrix, and those of a normal one with the same mean square."""
    axes = figure.subplots()
    values = picture.values
    weights = values if values.ndim == 2 else values[..., 1, 1]  # noqa: PLR2004  # the center of 3 x 3
    other = ui.draw(ui.normal(0.0, float(weights.std())), weights.shape, seed=0, name="normal")
    for matrix_, color, label in ((weights, BLUE, picture.name), (other, RED, "normal of the same std")):
        axes.plot(np.linalg.svd(matrix_, compute_uv=False), ".-", color=color, label=label, markersize=3)
    axes.set(xlabel="index", ylabel="singular value", ylim=(0, None))
    axes.legend(frameon=False)
    plain(axes)


def matrix(figure: Figure, picture: Picture) -> None:
    """Draw the values as a map of colors; the kernels of a convolution side by side."""
    axes = figure.subplots()
    values = picture.values
    if picture.name == "dirac":
        outputs, inputs, height, width = values.shape
        framed = np.pad(values, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.5)
        values = framed.transpose(0, 2, 1, 3).reshape(outputs * (height + 1), inputs * (width + 1))
    values = values.squeeze()
    end = float(np.abs(values).max())
    shown = axes.imshow(values, cmap="RdBu_r", vmin=-end, vmax=end, aspect="auto", interpolation="nearest")
    figure.colorbar(shown)
    axes.set(xticks=[], yticks=[])
