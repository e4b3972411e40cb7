"""Presets of state-space models: HiPPO, S4D, LRU and Mamba."""

from __future__ import annotations

import math

from unified_init.core import checks
from unified_init.core.reprs import limit, shown
from unified_init.errors import ArgumentValueError
from unified_init.spec.distributions import Formula, Transform
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

__all__ = [
    "hippo_b",
    "hippo_legs",
    "hippo_legt",
    "lru_gamma_log",
    "lru_nu_log",
    "lru_theta_log",
    "mamba2_a_log",
    "mamba_dt_bias",
    "s4d_inv",
    "s4d_lin",
    "s4d_real",
]


def hippo_legs() -> Initializer:
    """Fill with the state matrix A of HiPPO-LegS.

    A[n, k] = -sqrt((2n + 1)(2k + 1)) where n > k, -(n + 1) where n = k, else 0

    Returns:
        The spec; it needs no seed, and no layout for a matrix whose rows are n.

    Example:
        >>> import unified_init as ui
        >>> ui.draw(ui.hippo_legs(), (3, 3)).diagonal().tolist()
        [-1.0, -2.0, -3.0]

    Reference:
        Gu, Dao, Ermon, Rudra, Ré, "HiPPO: Recurrent Memory with Optimal Polynomial Projections", 2020;
        state-spaces/s4, ``transition("legs", N)``.

    Differs from:
        PyTorch, Keras and JAX have none.
    """
    return Initializer(Formula("hippo_legs_a"), Gain())


def hippo_legt() -> Initializer:
    """Fill with the state matrix A of HiPPO-LegT.

    A[n, k] = -sqrt((2n + 1)(2k + 1)), times (-1)^(n - k) where n < k

    Returns:
        The spec; it needs no seed, and no layout for a matrix whose rows are n. For a window of length theta,
        ``ui.hippo_legt() / theta``.

    Example:
        >>> import unified_init as ui
        >>> ui.draw(ui.hippo_legt(), (3, 3)).diagonal().tolist()
        [-1.0, -3.0, -5.0]

    Reference:
        Gu, Dao, Ermon, Rudra, Ré, "HiPPO: Recurrent Memory with Optimal Polynomial Projections", 2020;
        state-spaces/s4, ``transition("legt", N)``.

    Differs from:
        PyTorch, Keras and JAX have none. The LMU has the same matrix up to its normalization.
    """
    return Initializer(Formula("hippo_legt_a"), Gain())


def hippo_b() -> Initializer:
    """Fill with the input vector B of HiPPO-LegS and HiPPO-LegT.

    B[..., n] = sqrt(2n + 1)

    Returns:
        The spec; it needs no seed. A column, of shape (N, 1), needs the layout "IO".

    Example:
        >>> import unified_init as ui
        >>> ui.draw(ui.hippo_b(), (5, 1), layout="IO").ravel().tolist()[::4]
        [1.0, 3.0]

    Reference:
        Gu, Dao, Ermon, Rudra, Ré, "HiPPO: Recurrent Memory with Optimal Polynomial Projections", 2020;
        state-spaces/s4, ``transition``.

    Differs from:
        PyTorch, Keras and JAX have none.
    """
    return Initializer(Formula("hippo_b"), Gain())


def s4d_lin() -> Initializer:
    """Fill with the imaginary parts of S4D-Lin's states.

    w[..., n] = pi n, of A[n] = -1/2 + i pi n

    Returns:
        The spec; it needs no seed. The real parts are ``ui.constant(math.log(0.5))``, since S4D keeps the
        logarithm of their negative.

    Example:
        >>> import unified_init as ui
        >>> [round(float(value), 4) for value in ui.draw(ui.s4d_lin(), (3,))]
        [0.0, 3.1416, 6.2832]

    Reference:
        Gu, Gupta, Goel, Ré, "On the Parameterization and Initialization of Diagonal State Space Models",
        2022; state-spaces/s4, ``init="lin"``.

    Differs from:
        PyTorch, Keras and JAX have none.
    """
    return Initializer(Formula("s4d_lin_imag"), Gain())


def s4d_inv() -> Initializer:
    """Fill with the imaginary parts of S4D-Inv's states.

    w[..., n] = N/pi (N / (2n + 1) - 1) for N/2 values, of A[n] = -1/2 + i w[n]

    Returns:
        The spec; it needs no seed. N, the size of the state, counts conjugates, which are not stored: it is
        twice the size of the last axis.

    Example:
        >>> import unified_init as ui
        >>> [round(float(value), 4) for value in ui.draw(ui.s4d_inv(), (2,))]
        [3.8197, 0.4244]

    Reference:
        Gu, Gupta, Goel, Ré, "On the Parameterization and Initialization of Diagonal State Space Models",
        2022; state-spaces/s4, ``init="inv"``.

    Differs from:
        PyTorch, Keras and JAX have none.
    """
    return Initializer(Formula("s4d_inv_imag"), Gain())


def s4d_real() -> Initializer:
    """Fill with the logarithms of S4D-Real's states, which are Mamba's ``A_log`` too.

    w[..., n] = log(n + 1), of A[n] = -(n + 1)

    Returns:
        The spec; it needs no seed.

    Example:
        >>> import unified_init as ui
        >>> [round(float(value), 4) for value in ui.draw(ui.s4d_real(), (3,))]
        [0.0, 0.6931, 1.0986]

    Reference:
        Gu, Gupta, Goel, Ré, "On the Parameterization and Initialization of Diagonal State Space Models",
        2022; Gu, Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023.

    Differs from:
        PyTorch, Keras and JAX have none.
    """
    return Initializer(Formula("log_index"), Gain())


def lru_nu_log(r_min: float = 0.0, r_max: float = 1.0) -> Initializer:
    """Draw the moduli of an LRU's states, uniform on a ring: ``nu_log``.

    w = log(-log(U(r_min^2, r_max^2)) / 2), so that abs(lambda) = exp(-exp(w))

    Args:
        r_min: inner radius of the ring, at least 0.
        r_max: outer radius, at most 1.

    Returns:
        The spec.

    Raises:
        ArgumentValueError: radii that do not increase, or outside of [0, 1].
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.lru_nu_log().resolve((64,))  # minus a Gumbel variable, less log 2
        >>> round(law.mean, 9), round(law.std, 9)
        (-1.270362845, 1.28254983)

    Reference:
        Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De, "Resurrecting Recurrent Neural Networks for Long
        Sequences", 2023.

    Differs from:
        PyTorch, Keras and JAX have none. The logarithm of a float32 uniform, as code has it, may be infinite.
    """
    return Initializer(Transform("lru_nu_log", _ring(r_min, r_max)), Gain())


def lru_theta_log(max_phase: float = 2.0 * math.pi) -> Initializer:
    """Draw the phases of an LRU's states: ``theta_log``.

    w = log(U(0, max_phase))

    Args:
        max_phase: the largest phase, positive; a whole turn by default.

    Returns:
        The spec.

    Raises:
        ArgumentValueError: ``max_phase`` is not positive.
        ArgumentTypeError: ``max_phase`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> law = ui.lru_theta_log(1.0).resolve((64,))
        >>> round(law.mean, 9), round(law.std, 9)
        (-1.0, 1.0)

    Reference:
        Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De, "Resurrecting Recurrent Neural Networks for Long
        Sequences", 2023.

    Differs from:
        PyTorch, Keras and JAX have none. The logarithm of a float32 uniform, as code has it, may be infinite.
    """
    return Initializer(Transform("log_of_uniform", (0.0, checks.positive("max_phase", max_phase))), Gain())


def lru_gamma_log(r_min: float = 0.0, r_max: float = 1.0) -> Initializer:
    """Draw the normalization of an LRU's inputs: ``gamma_log``, which belongs to a ``nu_log``.

    w = log(1 - abs(lambda)^2) / 2 where abs(lambda)^2 ~ U(r_min^2, r_max^2)

    Args:
        r_min: as for ``lru_nu_log``.
        r_max: as for ``lru_nu_log``.

    Returns:
        The spec. Under the stream name of ``nu_log`` it is sqrt(1 - abs(lambda)^2) of those moduli, within
        the rounding of float32: a rule says so by ``stream=("gamma_log", "nu_log")``.

    Raises:
        ArgumentValueError: as for ``lru_nu_log``.
        ArgumentTypeError: as for ``lru_nu_log``.

    Example:
        >>> import math
        >>> import unified_init as ui
        >>> nu, gamma = (ui.draw(spec, (), seed=0, name="nu_log").item()
        ...              for spec in (ui.lru_nu_log(), ui.lru_gamma_log()))
        >>> abs(math.exp(gamma) - math.sqrt(1 - math.exp(-math.exp(nu)) ** 2)) < 1e-6
        True

    Reference:
        Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De, "Resurrecting Recurrent Neural Networks for Long
        Sequences", 2023.

    Differs from:
        PyTorch, Keras and JAX have none. Code that computes it from float32 moduli near 1 loses its digits.
    """
    first, last = _ring(r_min, r_max)
    ends = ((1.0 - last) * (1.0 + last), (1.0 - first) * (1.0 + first))
    return Initializer(Transform("log_of_uniform", ends), Gain(0.5))


def mamba_dt_bias(shortest: float = 0.001, longest: float = 0.1) -> Initializer:
    """Draw the biases of a state-space layer's steps, which are log-uniform: ``dt_proj.bias`` of Mamba.

    softplus(w) = exp(U(log shortest, log longest))

    Args:
        shortest: the shortest step, positive.
        longest: the longest step, at most 700.

    Returns:
        The spec.

    Raises:
        ArgumentValueError: steps that do not increase, or outside of their range.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.mamba_dt_bias().resolve((1536,))
        >>> round(law.mean, 4), round(law.std, 4)
        (-4.5944, 1.3404)

    Reference:
        Gu, Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023; state-spaces/mamba,
        ``Mamba.__init__``.

    Differs from:
        PyTorch, Keras and JAX have none. state-spaces/mamba raises steps below 1e-4 to that, which its
        defaults never are.
    """
    steps = _increasing({"shortest": shortest, "longest": longest}, 2.0**-90, 700.0)
    return Initializer(Transform("inverse_softplus_of_log_uniform", steps), Gain())


def mamba2_a_log(low: float = 1.0, high: float = 16.0) -> Initializer:
    """Draw the logarithms of Mamba-2's states.

    w = log(U(low, high))

    Args:
        low: the smallest of -A, at least 0.
        high: the largest of -A.

    Returns:
        The spec.

    Raises:
        ArgumentValueError: numbers that do not increase, or a negative one.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> round(ui.mamba2_a_log().resolve((64,)).mean, 4)
        1.9574

    Reference:
        Dao, Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State
        Space Duality", 2024; state-spaces/mamba, ``Mamba2.__init__``, ``A_init_range``.

    Differs from:
        PyTorch, Keras and JAX have none. transformers fills log(1), ..., log(H): ``ui.s4d_real()``.
    """
    return Initializer(
        Transform("log_of_uniform", _increasing({"low": low, "high": high}, 0.0, math.inf)), Gain()
    )


def _ring(r_min: float, r_max: float) -> tuple[float, float]:
    """Return the radii of a ring of states."""
    return _increasing({"r_min": r_min, "r_max": r_max}, 0.0, 1.0)


def _increasing(ends: dict[str, float], least: float, most: float) -> tuple[float, float]:
    """Return two arguments as floats; they must increase, between two numbers."""
    first, last = (checks.finite(name, value) for name, value in ends.items())
    if not least <= first < last <= most:
        low, high = ends
        msg = (
            f"`{low}` must be less than `{high}`, and both from {limit(least)} to {most!r}, "
            f"got {shown(ends[low])} and {shown(ends[high])}."
        )
        raise ArgumentValueError(msg)
    return first, last
