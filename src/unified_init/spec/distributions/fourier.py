"""Fourier kernels, and the windows that they may have."""

from __future__ import annotations

import dataclasses
from typing import cast

from unified_init.core import checks
from unified_init.core.nested import nested
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentValueError

__all__ = ["WINDOW_NAMES", "Stft"]

# The windows that SciPy has under a name alone, and its other names for them.
WINDOW_NAMES = (
    "barthann", "bartlett", "blackman", "blackmanharris", "bohman", "boxcar", "cosine", "exponential",
    "flattop", "hamming", "hann", "lanczos", "nuttall", "parzen", "taylor", "triang", "tukey",
)  # fmt: skip
WINDOW_ALIASES = {
    "brthan": "barthann", "bth": "barthann", "bart": "bartlett", "brt": "bartlett", "black": "blackman",
    "blk": "blackman", "blackharr": "blackmanharris", "bkh": "blackmanharris", "bman": "bohman",
    "bmn": "bohman", "box": "boxcar", "ones": "boxcar", "rect": "boxcar", "rectangular": "boxcar",
    "halfcosine": "cosine", "poisson": "exponential", "flat": "flattop", "flt": "flattop",
    "hamm": "hamming", "ham": "hamming", "han": "hann", "sinc": "lanczos", "nutl": "nuttall",
    "nut": "nuttall", "parz": "parzen", "par": "parzen", "taylorwin": "taylor", "triangle": "triang",
    "tri": "triang", "tuk": "tukey",
}  # fmt: skip


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Stft:
    """Windowed Fourier kernels of shape (window length, 1, frequencies).

    Made by ``ui.stft()``, which has the formula.

    Args:
        side: "real" (the default) or "imag".
        window: "hann" (the default) or another of ``WINDOW_NAMES``, or an alias that SciPy has for it; the
            window's values, an array or sequence of as many numbers as the shape has window length; None for
            no window.
        scaling: "density" (the default) or "spectrum"; None for no normalization.
        periodic: whether the window is periodic; symmetric by default.

    Raises:
        ArgumentTypeError: ``periodic`` is not a bool, or ``window`` neither a name nor numbers.
        ArgumentValueError: a choice that is not listed, or a window of more than one axis.

    Example:
        >>> import unified_init as ui
        >>> ui.Stft("imag", window=None) == ui.stft("imag", None).distribution
        True
    """

    side: str = "real"
    window: str | tuple[float, ...] | None = "hann"
    scaling: str | None = "density"
    periodic: bool = False
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the choices."""
        checks.switch("periodic", self.periodic)
        if self.window is not None:
            window, periodic = _window(self.window, self.periodic)
            object.__setattr__(self, "window", window)
            object.__setattr__(self, "periodic", periodic)
        object.__setattr__(self, "side", checks.choice("side", self.side, ("real", "imag")))
        if self.scaling is not None:
            object.__setattr__(
                self, "scaling", checks.choice("scaling", self.scaling, ("density", "spectrum"))
            )


def _window(value: object, periodic: bool) -> tuple[str | tuple[float, ...], bool]:  # noqa: FBT001  # a field
    """Return the name of a window, or its values as a tuple of floats, and whether it is periodic."""
    word = checks.plain(value)
    if word is not None:
        for suffix, is_periodic in (("_periodic", True), ("_symmetric", False)):  # SciPy's
            if word.endswith(suffix):
                word, periodic = word.removesuffix(suffix), is_periodic
        return checks.choice("window", WINDOW_ALIASES.get(word, word), WINDOW_NAMES), periodic
    try:
        values = nested("window", value)
    except RecursionError:  # it may hold itself
        values = 0.0
    if not isinstance(values, tuple) or any(isinstance(entry, tuple) for entry in values):
        msg = f"`window` must be a name or a one-dimensional array of numbers, got {shown(value)}."
        raise ArgumentValueError(msg)
    return cast("tuple[float, ...]", values), periodic
