"""Specs as Keras initializers. Importing this module imports Keras and registers the class with it.

``as_keras`` imports it on demand, and ``core.keras_registration`` as soon as Keras is imported: Keras itself
imports no module that a saved model names.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import keras

from unified_init.backends.registry import NAMES
from unified_init.core import checks
from unified_init.core.callers import callers
from unified_init.core.reprs import shown
from unified_init.drawing.api import draw
from unified_init.drawing.layouts import written
from unified_init.drawing.seeds import check_seed
from unified_init.drawing.spec_call import SpecCall, check_name, spec_call
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.interop.serialise import from_dict, to_dict
from unified_init.law.along import Along

if TYPE_CHECKING:
    from unified_init.spec.initializer import Initializer

__all__ = ["UnifiedInitializer"]

FIELDS = {"axes", "values"}  # of an array by named axes

# ruff: noqa: ANN401  # Keras tensors and shapes

# For each layer that is not part of another, by stream, the variable that was drawn: a copy of an initializer
# does not know of the original, and both belong to one layer. No value depends on it.
_drawn: weakref.WeakKeyDictionary[Any, dict[Any, tuple[str, weakref.ref[Any]]]] = weakref.WeakKeyDictionary()


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
        layout: Any = None,
        sizes: dict[str, int] | None = None,
        fans: Any = None,
    ) -> None:
        """Read what ``get_config`` wrote."""
        super().__init__()
        pair: Any = fans if (entries := checks.entries(fans)) is None else tuple(map(_read, entries))
        self.call = spec_call(from_dict(spec), name, layout, sizes, pair, has_paths=True)
        if self.call.spec.is_random or seed is not None:
            check_seed(seed, self.call.spec)
        self.seed = seed
        self._path: str | None = None  # of the one variable outside of any model that has this name

    @property
    def spec(self) -> Initializer:
        """What it draws."""
        return self.call.spec

    @classmethod
    def of(cls, call: SpecCall, seed: int | None) -> UnifiedInitializer:
        """Return the initializer of a checked spec."""
        return cls(to_dict(call.spec), seed, call.name, call.layout, dict(call.sizes) or None, call.fans)

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """Return the values, as a tensor of Keras' backend."""
        del kwargs  # Keras passes a layout of devices, which it applies itself
        # Without a type it is float32: Keras' own default is a setting of the process.
        dtype = "float32" if dtype is None else _named(dtype)
        backend = keras.config.backend()
        if backend not in NAMES:  # OpenVINO takes NumPy arrays
            backend = "numpy"
        # Keras says shape and type only, and may ask later than in the scope of the layer's name.
        variable = next(iter(callers(keras.Variable)), None)
        path = "" if variable is None else variable.path
        options = self.call.options(shape, path)
        if self.spec.is_random:
            options["name"] = self.call.name or path
            check_name(options["name"], self.spec)
            if variable is not None:
                self._check_weight(variable, options["name"])
        return draw(self.spec, shape, seed=self.seed, dtype=dtype, backend=backend, **options)

    def _check_weight(self, variable: Any, name: str) -> None:
        """Refuse a second weight of a model under one name, whose values would be those of the first."""
        layers = callers(keras.layers.Layer)
        path, first, is_first = variable.path, variable.path, True
        if layers:
            entry = (path, weakref.ref(variable))
            first, reference = _drawn.setdefault(layers[-1], {}).setdefault(
                (self.spec, self.seed, name), entry
            )
            known = reference()
            is_first = first == path and (known is None or known is variable)
        if is_first and self.call.name and not (layers and isinstance(layers[-1], keras.Model)):
            # A layer is built before the functional model that it will belong to.
            first = self._path = self._path or path
            is_first = first == path
        if not is_first:
            msg = (
                f"`name` {shown(name)} is the name of one weight: {shown(first)} has its values, and "
                f"{shown(path)} would get the same. Give each weight an initializer with a name of its own, "
                "or leave `name` out and name the layers: the name is then the path of the variable."
            )
            raise ArgumentValueError(msg)

    def get_config(self) -> dict[str, Any]:
        """Return plain values from which ``from_config`` makes an equal initializer."""
        fans = self.call.fans
        return {
            "name": self.call.name,
            "layout": written(self.call.layout),
            "sizes": dict(self.call.sizes) or None,
            "fans": None if fans is None else [_written(fan) for fan in fans],
            "spec": to_dict(self.call.spec),
            "seed": self.seed,
        }

    def __repr__(self) -> str:
        """Print as the call that makes it."""
        call = self.call
        given = {
            "seed": self.seed,
            "name": call.name or None,
            "layout": dict(call.layout) if isinstance(call.layout, tuple) else call.layout,
            "sizes": dict(call.sizes) or None,
            "fans": call.fans,
        }
        options = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
        return f"as_keras({call.spec!r}{options})"

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
