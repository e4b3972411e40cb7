"""Presets of convolution kernels that are isometries, and of transposed ones that interpolate."""

from __future__ import annotations

from unified_init.spec.distributions import BilinearUpsampling, ConvolutionalOrthogonal, FcnUpsampling
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

__all__ = ["bilinear_upsampling", "convolutional_orthogonal", "fcn_upsampling"]


def convolutional_orthogonal(gain: float = 1.0) -> Initializer:
    """Draw a convolution kernel that keeps the norm of its input, with weights at all its positions.

    W = gain Q * [P_1, 1 - P_1] * [P_2, 1 - P_2] * ..., Q^T Q = I, P_i^2 = P_i = P_i^T

    Args:
        gain: multiplies the norm, positive; 1 by default.

    Returns:
        The spec. It needs a layout with spatial axes, and no fewer outputs than inputs. The star is the
        convolution of kernels: one of two positions for each position of an axis after its first. The norm is
        kept under circular padding; zeros beyond the edges take some of it away.

    Raises:
        ArgumentValueError: ``gain`` is not positive.
        ArgumentTypeError: ``gain`` is not a number.

    Example:
        >>> import numpy as np
        >>> import unified_init as ui
        >>> kernel = ui.draw(ui.convolutional_orthogonal(), (3, 3, 4, 8), layout="HWIO", seed=0, name="conv")
        >>> round(float((kernel**2).sum()), 4)  # as many as inputs
        4.0

    Reference:
        Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, "Dynamical Isometry and a Mean Field
        Theory of CNNs", 2018, algorithm 1.

    Differs from:
        TensorFlow 1 ``convolutional_orthogonal_1d``, ``_2d`` and ``_3d``: equal in law; there kernels must
        have one size along all axes. The projections are products of random orthogonal matrices, of which
        each column is kept with probability 1/2. PyTorch, Keras and JAX have none; ``delta_orthogonal`` is
        another isometry.
    """
    return Initializer(ConvolutionalOrthogonal(), Gain(gain))


def bilinear_upsampling() -> Initializer:
    """Fill with the kernel that interpolates each channel linearly, as Caffe first had it.

    W[c, c, y, x] = (1 - abs(y / f - m)) (1 - abs(x / f - m)), f = ceil(k / 2), m = (2f - 1 - f % 2) / 2f

    Returns:
        The spec; it needs a layout with spatial axes, and no seed. It is the kernel of ``fcn_upsampling``
        where k or k - 1 is divisible by 4. For other sizes its top is off the middle by a quarter or half a
        pixel, and it does not interpolate: for k = 3 it is [.25, .75, .75].

    Example:
        >>> import unified_init as ui
        >>> ui.bilinear_upsampling().resolve((3, 3, 4, 4), layout="IOHW").high
        1.0

    Reference:
        Caffe's ``BilinearFiller`` until 2017, which MXNet and Paddle copied.

    Differs from:
        PyTorch, Keras and JAX have none. MXNet and Paddle ``Bilinear`` repeat one kernel over all
        pairs of channels; here different channels do not mix.
    """
    return Initializer(BilinearUpsampling(), Gain())


def fcn_upsampling() -> Initializer:
    """Fill with the kernel of a transposed convolution that interpolates each channel linearly.

    W[c, c, y, x] = (1 - abs(y - m) / f) (1 - abs(x - m) / f), f = ceil(k / 2), m = (k - 1) / 2

    Returns:
        The spec; it needs a layout with spatial axes, and no seed. It is symmetric at every size: for
        k = 3 it is [.5, 1, .5] along an axis.

    Example:
        >>> import unified_init as ui
        >>> ui.draw(ui.fcn_upsampling(), (3, 1, 1), layout="WIO").ravel().tolist()
        [0.5, 1.0, 0.5]

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015:
        ``upsample_filt`` of its code.

    Differs from:
        Chainer ``UpsamplingDeconvFilter``: equal. Caffe's ``BilinearFiller`` (since 2017): the same kernel,
        repeated over all pairs of channels; ``bilinear_upsampling`` is the one before. PyTorch, Keras and JAX
        have none.
    """
    return Initializer(FcnUpsampling(), Gain())
