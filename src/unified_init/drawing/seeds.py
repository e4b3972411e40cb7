"""Seeds: which objects may be one, and the root key that each gives."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

from unified_init.backends import registry
from unified_init.core import checks
from unified_init.core.peers import is_a
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.stream.threefry import root_key

if TYPE_CHECKING:
    from unified_init.backends.protocol import Key
    from unified_init.spec.initializer import Initializer

__all__ = ["check_seed", "integral", "is_traced", "key_of"]

LIMIT = 1 << 64


def check_seed(seed: object, spec: Initializer) -> None:
    """Refuse a missing or malformed seed, before anything is drawn from a generator."""
    if type(seed) is int and 0 <= seed < LIMIT:  # nearly always
        return
    if seed is None:
        msg = (
            f"{spec.label} is random and needs `seed`: an int from 0 to 2**64 - 1, a JAX key or a "
            "framework's generator object; got None."
        )
        raise ArgumentTypeError(msg)
    number = integral(checks.scalar(seed))
    if number is None and _is_no_seed(seed):
        raise ArgumentTypeError(_not_a_seed(seed))
    if number is not None and not 0 <= number < LIMIT:
        msg = f"`seed` must be from 0 to 2**64 - 1, got {shown(number)}."
        raise ArgumentValueError(msg)


def _is_no_seed(seed: object) -> bool:
    """Whether an object that is no int cannot be a key or a generator, as far as its type says."""
    if isinstance(seed, numbers.Integral):  # a bool, or a time of NumPy
        return True
    owner = registry.backend_of(seed)
    return owner is None or (owner == "numpy" and not is_a(seed, "numpy.random.Generator"))


def key_of(seed: Any) -> Key:  # noqa: ANN401
    """Return the root key of a checked seed; a generator is advanced."""
    number = seed if type(seed) is int else integral(checks.scalar(seed))
    if number is not None:
        return root_key(number)
    owner = registry.backend_of(seed)
    key = None if owner is None else registry.get(owner).root_key(seed)
    if key is None:
        raise ArgumentTypeError(_not_a_seed(seed))
    return key


def integral(seed: object) -> int | None:
    """Return a seed that is a number as an int; an array of a framework is a key or nothing."""
    return checks.integer(seed) if isinstance(seed, numbers.Integral) else None


def is_traced(key: Key | None) -> bool:
    """Whether a key is known only inside a program that is being traced."""
    return key is not None and not isinstance(key[0], int)


def _not_a_seed(value: object) -> str:
    return (
        "`seed` must be an int from 0 to 2**64 - 1, a JAX key or a framework's generator object, "
        f"got {shown(value)}."
    )
