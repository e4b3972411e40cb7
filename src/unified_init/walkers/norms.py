"""Norms that we do not know: what they multiply by is found by running them, never by their class's name.

A norm multiplies by its weight, or by 1 + weight. A walker runs the norm by itself, with its weight filled
with one number; the outputs for three numbers show which of the two it is.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unified_init.inventory.parts import Part

__all__ = ["fill_of", "kind_of", "multiplier", "norm_facts", "norm_role", "observed", "says_norm"]

# The output of a norm for an input, a number of further inputs (gates), and the number in its weight.
Run = Callable[[NDArray[Any], int, float], NDArray[Any]]

SCALES = ("weight", "gamma", "scale", "g")
OFFSETS = ("bias", "beta", "offset", "b")
NORM = re.compile(r"norm(?!al(?!i[sz]))", re.IGNORECASE)  # "RMSNorm" and "Normalization", but no "Normal"
# A name that ends in the word, and in how the norm is made: RmsNormAct2dFp32, RMSNormGated, LayerNorm1P.
ENDS = re.compile(r"norm(ali[sz]ation)?(\dd|\dp|act|gated|fp32|nobias)*", re.IGNORECASE)
ADDED = re.compile(r"mean|bias|beta|offset|shift|^b$")
TOLERANCE = 1e-4


def says_norm(label: str) -> bool:
    """Whether the name of a class says that it is a norm.

    Example:
        >>> [says_norm(label) for label in ("RmsNormAct2d", "LayerNormalization", "NormalHead", "LayerScale")]
        [True, True, False, False]
    """
    return NORM.search(label) is not None


def ends_in_norm(label: str) -> bool:
    """Whether the name of a class says that it is a norm and nothing else."""
    starts = [match.start() for match in NORM.finditer(label)]
    return bool(starts) and ENDS.fullmatch(label, starts[-1]) is not None


def norm_role(name: str) -> str:
    """Return the role of a norm's parameter by its name; "" if the name says none."""
    return "scale" if name in SCALES else "offset" if name in OFFSETS else ""


def kind_of(label: str) -> str:
    """Return the kind of norm that the name of a class says; "layer_norm" where it only says norm."""
    lower = label.lower()
    if "rms" in lower or "t5layernorm" in lower:
        return "rms_norm"
    if "batch" in lower:
        return "batch_norm"
    return "group_norm" if "group" in lower or "instance" in lower else "layer_norm"


def observed(run: Callable[[float], NDArray[Any]]) -> float | None:
    """Return what a norm adds to its weight, 0 or 1, before it multiplies by it; None if it does neither.

    Args:
        run: the norm's output for one input, by the number with which its weight is filled.

    Example:
        >>> observed(lambda weight: (1 + weight) * np.ones(3)), observed(lambda weight: weight * np.ones(3))
        (1.0, 0.0)
    """
    minus_one, zero, one = (np.asarray(run(number), np.float64) for number in (-1.0, 0.0, 1.0))
    size = float(np.abs(one).max(initial=0.0))
    if not size or not np.isfinite(size):
        msg = f"its outputs are up to {size:g}, whatever its weight"
        raise ValueError(msg)
    if np.abs(zero).max() <= TOLERANCE * size:
        return 0.0
    return 1.0 if np.abs(minus_one).max() <= TOLERANCE * size else None


def multiplier(label: str, run: Run, shape: tuple[int, ...]) -> float | str | None:
    """Return what a norm adds to its weight; None if it is no factor of the output; a doubt in words.

    Args:
        label: the name of its class.
        run: runs it.
        shape: the weight's shape.
    """
    if not ends_in_norm(label) and sum(size > 1 for size in shape) > 1:
        return None  # a matrix, of a layer that is named after how it is normalized
    failure: Exception = RuntimeError("it has no values")
    addends: set[float | None] = set()
    for batch in batches(shape):
        for gates in (0, 1):
            try:
                addends.add(observed(functools.partial(run, batch, gates)))
            except Exception as error:  # noqa: BLE001  # whatever a module raises on an input of another form
                failure = error
            else:
                break
    if addends:
        # Some layers, such as global response norms, look like a norm on inputs without positions.
        return addends.pop() if len(addends) == 1 else None
    if not ends_in_norm(label):
        return None
    reason = f"{type(failure).__name__}: {(str(failure).splitlines() or [''])[0]}"
    return (
        f"{label} is a norm that cannot be run by itself ({reason}), so that it is not known whether it "
        f'multiplies by its weight or by 1 + weight: say it with layers={{"{label}": '
        "unified_init.Layer(centred=True)}, or centred=False"
    )


def norm_facts(
    label: str, name: str, path: str, shape: tuple[int, ...], factor: float | str | None
) -> dict[str, Any] | None:
    """Return the facts of a parameter of a norm; None for what is neither its scale nor its offset.

    Args:
        label: the name of its class.
        name: that of the parameter.
        path: its native path.
        shape: its shape.
        factor: for a scale, what ``multiplier`` returned.
    """
    role = norm_role(name)
    if not role or (role == "scale" and factor is None):
        return None
    facts: dict[str, Any] = {
        "kind": kind_of(label), "role": role, "layout": "O" * len(shape) or None, "outputs": math.prod(shape),
    }  # fmt: skip
    if role != "scale" or not factor:
        return facts
    if isinstance(factor, str):
        return facts | {"doubt": factor}
    if not shape:
        return facts | {
            "doubt": f"{label} multiplies by 1 + a single number, which has no axis: skip={path!r}"
        }
    return facts | {"axis": 0, "parts": (Part(label="", length=shape[0], path=path, shift=factor),)}


def fill_of(name: str, scale: str, number: float) -> float:
    """Return the number with which a tensor of a norm is filled while it is run: 0 for what is added.

    Args:
        name: the tensor's name.
        scale: the name of the tensor in question.
        number: the number for that.
    """
    if name == scale:
        return number
    return 0.0 if ADDED.search(name) else 1.0


def batches(shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Yield inputs on which a norm with a weight of this shape may run: features last, then first."""
    features = int(np.prod([size for size in shape if size > 1], dtype=int))
    forms = ((2, *shape), (1, 3, features), (1, 2, 2, features), (1, features, 2, 2), (1, features, 3),
             (features,))  # fmt: skip
    for form in dict.fromkeys(forms):
        index = np.arange(int(np.prod(form)))
        # Both signs, no zeros, and other values in each row.
        yield ((index * 37 % 101 - 50.25) / 32.0).astype(np.float32).reshape(form)
