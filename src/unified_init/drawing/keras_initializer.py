"""Specs as Keras initializers. Importing this module imports Keras and registers the class with it.

``as_keras`` imports it on demand, and ``core.keras_registration`` as soon as Keras is imported: Keras itself
imports no module that a saved model names.
"""

from __future__ import annotations

from typing import Any

import keras

from unified_init.backends.registry import NAMES
from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.api import draw
from unified_init.drawing.seeds import check_seed
from unified_init.drawing.spec_call import SpecCall, spec_call
from unified_init.errors import ArgumentTypeError
from unified_init.interop.serialise import from_dict, to_dict
from unified_init.law.along import Along

__all__ = ["UnifiedInitializer"]

FIELDS = {"axes", "values"}  # of an array by named axes

# ruff: noqa: ANN401  # Keras tensors and shapes


def _named(dtype: Any) -> str:
    """Return the name of an element type of any backend of Keras."""
    try:
        return str(keras.backend.standardize_dtype(dtype))
    except Exception as error:  # of Keras, for an object of any kind
        msg = f"`dtype` must be an element type that Keras knows, got {shown(dtype)}."
        raise ArgumentTypeError(msg) from error


def _written(fan: Any) -> Any:
    """Return a fan as plain values: an array by named axes as its fields."""
    return {"axes": fan.axes, "values": fan.values} if isinstance(fan, Along) else fan


def _read(fan: Any) -> Any:
    """Return the array by named axes that a mapping describes; anything else as it is, to be checked."""
    fields = dict(pairs) if (pairs := checks.items(fan)) and len(pairs) == len(FIELDS) else {}
    return Along(**fields) if set(map(checks.plain, fields)) == FIELDS else fan


@keras.saving.register_keras_serializable(package="unified_init")
class UnifiedInitializer(keras.initializers.Initializer):
    """Draws a spec under a seed and a name, on the backend that Keras runs on."""

    __module__ = "unified_init.keras"  # its public path, which Keras writes into saved models

    def __init__(
        self,
        spec: dict[str, Any],
        seed: int | None,
        name: str,
        layout: str | None = None,
        sizes: dict[str, int] | None = None,
        fans: Any = None,
    ) -> None:
        """Read what ``get_config`` wrote."""
        super().__init__()
        pair: Any = fans if (entries := checks.entries(fans)) is None else tuple(map(_read, entries))
        self.call = spec_call(from_dict(spec), name, layout, sizes, pair)
        if self.call.spec.is_random or seed is not None:
            check_seed(seed, self.call.spec)
        self.seed = seed

    @classmethod
    def of(cls, call: SpecCall, seed: int | None) -> UnifiedInitializer:
        """Return the initializer of a checked spec."""
        config = {**call.options(), "spec": to_dict(call.spec), "seed": seed}
        return cls(**config)

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """Return the values, as a tensor of Keras' backend."""
        del kwargs  # Keras passes a layout of devices, which it applies itself
        # Without a type it is float32: Keras' own default is a setting of the process.
        dtype = "float32" if dtype is None else _named(dtype)
        backend = keras.config.backend()
        if backend not in NAMES:  # OpenVINO takes NumPy arrays
            backend = "numpy"
        return draw(
            self.call.spec, shape, seed=self.seed, dtype=dtype, backend=backend,
            **self.call.options(),
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return plain values from which ``from_config`` makes an equal initializer."""
        options = self.call.options()
        fans = options["fans"]
        return {
            **options,
            "fans": None if fans is None else [_written(fan) for fan in fans],
            "spec": to_dict(self.call.spec),
            "seed": self.seed,
        }

    def clone(self) -> UnifiedInitializer:
        """Return an equal initializer."""
        return type(self).of(self.call, self.seed)

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        if not isinstance(other, UnifiedInitializer):
            return NotImplemented
        return (self.call, self.seed) == (other.call, other.seed)

    def __hash__(self) -> int:
        """Hash by value."""
        return hash((self.call, self.seed))
