"""Presets whose size follows from fans: the laws named after Glorot, He, LeCun and SIREN.

``he_normal``, ``glorot_normal`` and ``lecun_normal`` are truncated at two sigmas, with the realized
standard deviation as stated (what Keras, TensorFlow and JAX mean). ``kaiming_normal`` and
``xavier_normal`` are never truncated (what PyTorch means). Variances are equal, tails are not.
"""

from __future__ import annotations

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.spec.distributions import AT_2_SIGMA, STD_UNIT_UNIFORM, Distribution, Normal, Uniform
from unified_init.spec.gains import squared_gain
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import InverseFan, VarianceScaling

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "siren",
    "uniform_unit_scaling",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
]

DISTRIBUTIONS: dict[str, Distribution] = {
    "truncated_normal": AT_2_SIGMA,
    "untruncated_normal": Normal(),
    "uniform": Uniform(),
}


def variance_scaling(scale: float, mode: str, distribution: str) -> Initializer:
    """Draw values whose variance is a number over a fan.

    Var[w] = scale / fan

    Args:
        scale: the variance at a fan of 1, positive; the square of PyTorch's gain.
        mode: "fan_in", "fan_out", "fan_avg" ((in + out) / 2) or "fan_geo_avg" (sqrt(in out)).
        distribution: "truncated_normal" (at two sigmas, the realized variance as stated),
            "untruncated_normal" or "uniform" (on +-sqrt(3 scale / fan)).

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``scale`` is not positive, or a choice that is not listed. "normal" is
            refused, because it means truncated in Keras and untruncated in JAX.
        ArgumentTypeError: ``scale`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.variance_scaling(2.0, "fan_in", "truncated_normal") == ui.he_normal()
        True
        >>> ui.variance_scaling(1 / 3, "fan_in", "uniform").resolve((300, 100), layout="OI").high
        0.1

    Reference:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015; keras.initializers.VarianceScaling.

    Differs from:
        PyTorch has none; ``kaiming_*`` and ``xavier_*`` of gain g are scale g**2.
        Keras ``VarianceScaling``: equal; its "normal" is "truncated_normal"; no fan_geo_avg.
        JAX ``variance_scaling``: equal; its "normal" is "untruncated_normal".
    """
    if checks.plain(distribution) == "normal":
        msg = (
            "`distribution` 'normal' means truncated in Keras and TensorFlow, untruncated in JAX and "
            "PyTorch: write 'truncated_normal' or 'untruncated_normal'."
        )
        raise ArgumentValueError(msg)
    name = checks.choice("distribution", distribution, tuple(DISTRIBUTIONS))
    return Initializer(DISTRIBUTIONS[name], VarianceScaling(scale, mode))


def glorot_uniform() -> Initializer:
    """Draw uniformly with Glorot's variance.

    w ~ U(-b, b), b = sqrt(6 / (fan_in + fan_out))

    Returns:
        The spec; it needs a layout, or fans.

    Example:
        >>> import unified_init as ui
        >>> round(ui.glorot_uniform().resolve((300, 100), layout="OI").high, 4)
        0.1225

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        2010.

    Differs from:
        PyTorch ``xavier_uniform_``, Keras ``GlorotUniform``, JAX ``glorot_uniform``: equal.
    """
    return Initializer(Uniform(), VarianceScaling(1.0, "fan_avg"))


def glorot_normal() -> Initializer:
    """Draw from a normal truncated at two sigmas, with Glorot's variance.

    std[w] = sqrt(2 / (fan_in + fan_out)) realized; the parent's is that over 0.8796

    Returns:
        The spec; it needs a layout, or fans.

    Example:
        >>> import unified_init as ui
        >>> law = ui.glorot_normal().resolve((300, 100), layout="OI")
        >>> round(law.std, 4), round(law.high, 4)
        (0.0707, 0.1608)

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        2010.

    Differs from:
        PyTorch ``xavier_normal_`` is not truncated: same std, no bounds; that is ``xavier_normal``.
        Keras ``GlorotNormal`` and JAX ``glorot_normal`` (also called ``xavier_normal`` there): equal.
    """
    return Initializer(AT_2_SIGMA, VarianceScaling(1.0, "fan_avg"))


def he_uniform() -> Initializer:
    """Draw uniformly with He's variance.

    w ~ U(-b, b), b = sqrt(6 / fan_in)

    Returns:
        The spec; it needs a layout, or fans.

    Example:
        >>> import unified_init as ui
        >>> round(ui.he_uniform().resolve((300, 100), layout="OI").high, 4)
        0.2449

    Reference:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    Differs from:
        PyTorch ``kaiming_uniform_`` at its default a=0: equal; torch.nn.Linear itself uses a=sqrt(5),
        whose bound is 0.4082 of this. Keras ``HeUniform``, JAX ``he_uniform``: equal.
    """
    return Initializer(Uniform(), VarianceScaling(2.0, "fan_in"))


def he_normal() -> Initializer:
    """Draw from a normal truncated at two sigmas, with He's variance.

    std[w] = sqrt(2 / fan_in) realized; the parent's is that over 0.8796

    Returns:
        The spec; it needs a layout, or fans.

    Example:
        >>> import unified_init as ui
        >>> law = ui.he_normal().resolve((64, 3, 7, 7), layout="OIHW")
        >>> law.fan_in, round(law.std, 4), round(law.high, 4)
        (147, 0.1166, 0.2652)

    Reference:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    Differs from:
        PyTorch ``kaiming_normal_`` is not truncated: same std, no bounds; that is ``kaiming_normal``.
        Keras ``HeNormal`` and JAX ``he_normal`` (also called ``kaiming_normal`` there): equal.
    """
    return Initializer(AT_2_SIGMA, VarianceScaling(2.0, "fan_in"))


def lecun_uniform() -> Initializer:
    """Draw uniformly with LeCun's variance.

    w ~ U(-b, b), b = sqrt(3 / fan_in)

    Returns:
        The spec; it needs a layout, or fans.

    Example:
        >>> import unified_init as ui
        >>> round(ui.lecun_uniform().resolve((300, 100), layout="OI").high, 4)
        0.1732

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Differs from:
        PyTorch ``kaiming_uniform_(nonlinearity="linear")``: equal; torch.nn.Linear's default is 0.5774
        of this. Keras ``LecunUniform``, JAX ``lecun_uniform``: equal.
    """
    return Initializer(Uniform(), VarianceScaling(1.0, "fan_in"))


def lecun_normal() -> Initializer:
    """Draw from a normal truncated at two sigmas, with LeCun's variance.

    std[w] = sqrt(1 / fan_in) realized; the parent's is that over 0.8796

    Returns:
        The spec; it needs a layout, or fans.

    Example:
        >>> import unified_init as ui
        >>> law = ui.lecun_normal().resolve((300, 100), layout="OI")
        >>> round(law.std, 4), round(law.high, 4)
        (0.1, 0.2274)

    Reference:
        LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998; Klambauer, Unterthiner, Mayr,
        Hochreiter, "Self-Normalizing Neural Networks", 2017.

    Differs from:
        PyTorch ``kaiming_normal_(nonlinearity="linear")`` is not truncated: same std, no bounds.
        Keras ``LecunNormal``, JAX and Flax ``lecun_normal``: equal. Haiku's layers by default have
        the parent's std, not the realized one, at sqrt(1 / fan_in): 0.8796 of this.
    """
    return Initializer(AT_2_SIGMA, VarianceScaling(1.0, "fan_in"))


def xavier_uniform(gain: float = 1.0) -> Initializer:
    """Draw uniformly with Glorot's variance times a gain.

    w ~ U(-b, b), b = gain sqrt(6 / (fan_in + fan_out))

    Args:
        gain: multiplies the values, positive; 1 by default. See ``calculate_gain``.

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``gain`` is not positive.
        ArgumentTypeError: ``gain`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.xavier_uniform() == ui.glorot_uniform()
        True
        >>> round(ui.xavier_uniform(5 / 3).resolve((300, 100), layout="OI").high, 4)
        0.2041

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        2010.

    Differs from:
        PyTorch ``xavier_uniform_``: equal. Keras ``GlorotUniform`` and JAX ``glorot_uniform``: equal
        at gain 1; another gain is ``VarianceScaling`` of scale gain**2.
    """
    factor = checks.positive("gain", gain)
    return Initializer(Uniform(), VarianceScaling(factor * factor, "fan_avg"))


def xavier_normal(gain: float = 1.0) -> Initializer:
    """Draw from a normal, never truncated, with Glorot's variance times a gain.

    w ~ N(0, gain^2 2 / (fan_in + fan_out))

    Args:
        gain: multiplies the values, positive; 1 by default. See ``calculate_gain``.

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``gain`` is not positive.
        ArgumentTypeError: ``gain`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> law = ui.xavier_normal().resolve((300, 100), layout="OI")
        >>> round(law.std, 4), law.high
        (0.0707, inf)

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
        2010.

    Differs from:
        PyTorch ``xavier_normal_``: equal.
        Keras ``GlorotNormal`` and JAX ``xavier_normal`` are truncated at two sigmas: same std, bounds
        at 2.2737 of it; that is ``glorot_normal``.
    """
    factor = checks.positive("gain", gain)
    return Initializer(Normal(), VarianceScaling(factor * factor, "fan_avg"))


def kaiming_uniform(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """Draw uniformly with He's variance for a nonlinearity.

    w ~ U(-b, b), b = gain sqrt(3 / fan), gain = calculate_gain(nonlinearity, a)

    Args:
        a: negative slope of leaky_relu, finite; 0 by default, which is relu. Other nonlinearities
            ignore it.
        mode: "fan_in" (the default) or "fan_out"; fan_avg and fan_geo_avg work too.
        nonlinearity: a name that ``calculate_gain`` knows; "leaky_relu" by default.

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``a`` is not finite, or a name is not known.
        ArgumentTypeError: ``a`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.kaiming_uniform() == ui.he_uniform()
        True
        >>> round(ui.kaiming_uniform(a=5**0.5).resolve((300, 100), layout="OI").high, 4)
        0.1

    Reference:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    Differs from:
        PyTorch ``kaiming_uniform_``: equal. Keras ``HeUniform`` and JAX ``he_uniform``: equal at the
        defaults; they have no slope, and ``VarianceScaling`` of scale 2 / (1 + a**2) is the same.
    """
    return _kaiming(Uniform(), a, mode, nonlinearity)


def kaiming_normal(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """Draw from a normal, never truncated, with He's variance for a nonlinearity.

    w ~ N(0, gain^2 / fan), gain = calculate_gain(nonlinearity, a)

    Args:
        a: negative slope of leaky_relu, finite; 0 by default, which is relu. Other nonlinearities
            ignore it.
        mode: "fan_in" (the default) or "fan_out"; fan_avg and fan_geo_avg work too.
        nonlinearity: a name that ``calculate_gain`` knows; "leaky_relu" by default.

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``a`` is not finite, or a name is not known.
        ArgumentTypeError: ``a`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> law = ui.kaiming_normal(mode="fan_out").resolve((64, 3, 7, 7), layout="OIHW")
        >>> law.fan_out, round(law.std, 4), law.high
        (3136, 0.0253, inf)

    Reference:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    Differs from:
        PyTorch ``kaiming_normal_``: equal.
        Keras ``HeNormal`` and JAX ``kaiming_normal`` are truncated at two sigmas: same std, bounds at
        2.2737 of it; that is ``he_normal``.
    """
    return _kaiming(Normal(), a, mode, nonlinearity)


def uniform_unit_scaling(factor: float = 1.0) -> Initializer:
    """Draw uniformly so that a linear layer keeps the variance of its inputs.

    w ~ U(-b, b), b = factor sqrt(3 / fan_in)

    Args:
        factor: multiplies the values, positive; 1 by default.

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``factor`` is not positive.
        ArgumentTypeError: ``factor`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.uniform_unit_scaling() == ui.lecun_uniform()
        True
        >>> round(ui.uniform_unit_scaling(1.43).resolve((100, 300), layout="IO").high, 4)
        0.2477

    Reference:
        Sussillo, Abbott, "Random Walk Initialization for Training Very Deep Feedforward Networks",
        2014.

    Differs from:
        TensorFlow 1 ``uniform_unit_scaling_initializer``, Haiku ``UniformScaling``: equal; they take
        every axis but the last as input. PyTorch, Keras and JAX have it as lecun_uniform only.
    """
    number = checks.positive("factor", factor)
    return Initializer(Uniform(), VarianceScaling(number * number, "fan_in"))


def siren(w0: float = 30.0, first: bool = False) -> Initializer:  # noqa: FBT001, FBT002  # as published
    """Draw uniformly, as networks with sine activations need.

    w ~ U(-b, b), b = sqrt(6 / fan_in) / w0, or b = 1 / fan_in in the first layer

    Args:
        w0: frequency of the sine, sin(w0 x), positive; 30 by default. The first layer's weights do not
            depend on it.
        first: whether this is the first layer; the last one, which is linear, is as the hidden ones.

    Returns:
        The spec; it needs a layout, or fans.

    Raises:
        ArgumentValueError: ``w0`` is not positive.
        ArgumentTypeError: ``w0`` is not a number, or ``first`` not a bool.

    Example:
        >>> import unified_init as ui
        >>> round(ui.siren().resolve((256, 150), layout="OI").high, 6)
        0.006667
        >>> ui.siren(first=True).resolve((256, 2), layout="OI").high
        0.5

    Reference:
        Sitzmann, Martel, Bergman, Lindell, Wetzstein, "Implicit Neural Representations with Periodic
        Activation Functions", 2020.

    Differs from:
        PyTorch, Keras and JAX have none. At w0 = 1, hidden layers are ``he_uniform``.
    """
    frequency = checks.positive("w0", w0)
    if checks.switch("first", first):  # the rule states a std, the paper a bound
        return Initializer(Uniform(), InverseFan(STD_UNIT_UNIFORM, "fan_in"))
    return Initializer(Uniform(), VarianceScaling(2.0 / (frequency * frequency), "fan_in"))


def _kaiming(distribution: Distribution, a: float, mode: str, nonlinearity: str) -> Initializer:
    scale = squared_gain(nonlinearity, checks.finite("a", a))
    return Initializer(distribution, VarianceScaling(scale, mode))
