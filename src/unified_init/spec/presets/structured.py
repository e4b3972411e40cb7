"""Presets whose entries are not independent draws, and those made from another preset."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.spec.distributions import (
    DeltaOrthogonal,
    Dirac,
    Hadamard,
    Identity,
    Orthogonal,
    Sparse,
    Stft,
)
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Fixed, Gain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "delta_orthogonal",
    "dirac",
    "hadamard",
    "icnr",
    "identity",
    "orthogonal",
    "sparse",
    "stft",
]


def orthogonal(gain: float = 1.0) -> Initializer:
    """Draw a matrix with orthonormal rows or columns, uniformly (Haar).

    W W^T = gain^2 I where outputs are fewer than inputs, W^T W = gain^2 I otherwise

    Args:
        gain: multiplies the matrix, of either sign; 1 by default.

    Returns:
        The spec. Rows are outputs, columns are inputs and kernel positions together; every
        ``B`` axis holds separate matrices. Anything but a matrix needs a layout.

    Raises:
        ArgumentValueError: ``gain`` is 0.
        ArgumentTypeError: ``gain`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> round(ui.orthogonal().resolve((64, 3, 7, 7), layout="OIHW").std, 4)
        0.0825

    Reference:
        Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks", 2013; Stewart, "The efficient generation of random orthogonal
        matrices", 1980.

    Differs from:
        PyTorch ``orthogonal_``: equal in law where axis 0 is the output.
        Keras ``Orthogonal`` and JAX ``orthogonal``: equal in law where the last axis is the output;
        JAX calls the gain ``scale``. The matrices themselves differ from all three.
    """
    return Initializer(Orthogonal(), Gain(gain))


def delta_orthogonal(gain: float = 1.0) -> Initializer:
    """Draw a convolution kernel that is an orthogonal matrix at its center and zero elsewhere.

    W[(k - 1) // 2] = gain Q, Q^T Q = I

    Args:
        gain: multiplies the matrix, of either sign; 1 by default.

    Returns:
        The spec. It needs a layout with spatial axes, and no fewer outputs than inputs.

    Raises:
        ArgumentValueError: ``gain`` is 0.
        ArgumentTypeError: ``gain`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.delta_orthogonal().resolve((3, 3, 16, 64), layout="HWIO").high
        1.0

    Reference:
        Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, "Dynamical Isometry and a Mean Field
        Theory of CNNs", 2018.

    Differs from:
        JAX ``delta_orthogonal(scale)``: equal in law. PyTorch and Keras have none.
    """
    return Initializer(DeltaOrthogonal(), Gain(gain))


def identity(gain: float = 1.0) -> Initializer:
    """Fill with the identity matrix.

    W[o, i] = gain if o = i, else 0

    Args:
        gain: the value on the diagonal, of either sign; 1 by default.

    Returns:
        The spec; it needs no seed, and no layout for a matrix.

    Raises:
        ArgumentValueError: ``gain`` is 0.
        ArgumentTypeError: ``gain`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.identity(0.5).resolve((4, 4)).high
        0.5

    Reference:
        Le, Jaitly, Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units",
        2015.

    Differs from:
        PyTorch ``eye_``: equal at gain 1, the only one it has. Keras ``Identity(gain)``: equal.
        JAX has none.
    """
    return Initializer(Identity(), Gain(gain))


def dirac(groups: int = 1) -> Initializer:
    """Fill with a convolution kernel that copies its inputs to its outputs.

    W[o, i, k // 2, ...] = 1 where o = i in each group, else 0

    Args:
        groups: number of groups, which must divide the outputs; 1 by default.

    Returns:
        The spec; it needs a layout with spatial axes, and no seed.

    Raises:
        ArgumentValueError: ``groups`` below 1.
        ArgumentTypeError: ``groups`` is not an integer.

    Example:
        >>> import unified_init as ui
        >>> ui.dirac().resolve((8, 8, 3, 3), layout="OIHW").high
        1.0

    Reference:
        Zagoruyko, Komodakis, "DiracNets: Training Very Deep Neural Networks Without
        Skip-Connections", 2017.

    Differs from:
        PyTorch ``dirac_(groups)``: equal. Keras and JAX have none.
    """
    return Initializer(Dirac(groups), Gain())


def sparse(sparsity: float, std: float = 0.01) -> Initializer:
    """Draw a normal matrix with the same fraction of zeros in every column.

    ceil(sparsity rows) entries of each column are 0, the others ~ N(0, std^2)

    Args:
        sparsity: fraction of zeros in each column, from 0 to 1. Rows are outputs.
        std: standard deviation of the entries that are not zero, positive; 0.01 by default.

    Returns:
        The spec; a matrix needs no layout.

    Raises:
        ArgumentValueError: ``sparsity`` outside [0, 1], or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> round(ui.sparse(0.75, std=1.0).resolve((100, 20)).std, 4)
        0.5

    Reference:
        Martens, "Deep learning via Hessian-free optimization", 2010.

    Differs from:
        PyTorch ``sparse_``: equal in law; there the positions of the zeros ignore the generator.
        Keras and JAX have none.
    """
    return Initializer(Sparse(sparsity), Fixed(std))


def hadamard() -> Initializer:
    """Fill as ZerO does: a partial identity, or a slice of a normalized Hadamard matrix.

    W = I where outputs <= inputs, else I H I / sqrt(p), p the power of two that covers the outputs

    Returns:
        The spec; it needs no seed, and no layout for a matrix.

    Example:
        >>> import unified_init as ui
        >>> ui.hadamard().is_random
        False

    Reference:
        Zhao, Schäfer, Anandkumar, "ZerO Initialization: Initializing Neural Networks with only Zeros
        and Ones", 2021.

    Differs from:
        PyTorch, Keras and JAX have none.
    """
    return Initializer(Hadamard(), Gain())


def stft(
    side: str = "real",
    window: str | Sequence[float] | None = "hann",
    scaling: str | None = "density",
    periodic: bool = False,  # noqa: FBT001, FBT002  # Keras' order
) -> Initializer:
    """Fill with windowed Fourier kernels.

    W[t, 0, f] = window[t] cos(2 pi t f / F) / norm for the real side, -sin for the imaginary one

    Args:
        side: "real" or "imag".
        window: a window that SciPy has under a name alone, or an alias of it: "hann", "hamming", "blackman",
            "boxcar", "barthann", "bartlett", "blackmanharris", "bohman", "cosine", "exponential", "flattop",
            "lanczos", "nuttall", "parzen", "taylor", "triang" or "tukey"; the window's values, an array or
            sequence of as many numbers as the shape has window length, such as
            ``scipy.signal.windows.kaiser(64, 8.0)``; None for no window.
        scaling: "density", "spectrum", or None for no normalization.
        periodic: whether the window is periodic; symmetric by default.

    Returns:
        The spec, for shapes (window length, 1, frequencies); it needs no seed.

    Raises:
        ArgumentValueError: a choice that is not listed, or a window of more than one axis.
        ArgumentTypeError: ``periodic`` is not a bool, or ``window`` neither a name nor numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.stft("imag").is_random
        False

    Differs from:
        Keras ``STFT``: equal, computed in float64 and rounded once. It takes the same windows, and windows
        whose names need numbers as their values. PyTorch and JAX have none.
    """
    return Initializer(Stft(side, cast("str", window), scaling, periodic), Gain())  # checked there


def icnr(base: Initializer, factor: int) -> Initializer:
    """Give the kernel before a pixel shuffle equal sub-kernels, so that no checkerboard appears.

    W[c r^2 + j] = V[c] for j = 0 ... r^2 - 1, V drawn by ``base`` with outputs / r^2 outputs

    Args:
        base: a normal, truncated normal, uniform or quantile spec.
        factor: the upscaling factor r of each spatial axis, at least 1.

    Returns:
        The base spec with ``upscale=factor``. It needs a layout with spatial axes, and outputs that
        r to the power of their number divides.

    Raises:
        ArgumentTypeError: ``base`` is not a spec, or ``factor`` not an integer.
        ArgumentValueError: ``factor`` below 1, or a base without independent draws or of ``icnr`` itself.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.icnr(ui.he_normal(), 2)
        >>> spec.resolve((64, 16, 3, 3), layout="OIHW").repeat
        4

    Reference:
        Aitken, Ledig, Theis, Caballero, Wang, Shi, "Checkerboard artifact free sub-pixel
        convolution", 2017.

    Differs from:
        PyTorch, Keras and JAX have none. The order is that of torch.nn.PixelShuffle;
        tf.nn.depth_to_space orders its channels the other way.
    """
    if not isinstance(base, Initializer):
        msg = f"`base` must be an Initializer, such as he_normal(), got {shown(base)}."
        raise ArgumentTypeError(msg)
    count = checks.count("factor", factor)
    if base.upscale > 1:
        msg = (
            f"`base` is of icnr already, with factor {base.upscale}: pass the base of that one, and "
            f"factor={base.upscale * count} for both."
        )
        raise ArgumentValueError(msg)
    return dataclasses.replace(base, upscale=count)
