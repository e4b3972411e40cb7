"""Specs as Keras initializers. Importing this module imports Keras and registers the class with it.

``as_keras`` imports it on demand. A process that only reads a saved model must say
``import unified_init.keras`` first: Keras imports no modules that a file names.
"""

from __future__ import annotations

import json
from typing import Any

import keras

from unified_init.backends.registry import NAMES
from unified_init.drawing.api import draw
from unified_init.drawing.seeds import check_seed
from unified_init.drawing.wrap import Placed, place
from unified_init.interop.serialise import from_json, to_json

__all__ = ["UnifiedInitializer"]

# ruff: noqa: ANN401  # Keras tensors and shapes


@keras.saving.register_keras_serializable(package="unified_init")
class UnifiedInitializer(keras.initializers.Initializer):
    """Draws a spec under a seed and a name, on the backend that Keras runs on."""

    def __init__(
        self,
        spec: dict[str, Any],
        seed: int,
        name: str,
        layout: str | None = None,
        sizes: dict[str, int] | None = None,
        fans: Any = None,
    ) -> None:
        """Read what ``get_config`` wrote."""
        super().__init__()
        self.placed = place(from_json(json.dumps(spec)), name, layout, sizes, fans)
        check_seed(seed, self.placed.spec)
        self.seed = seed

    @classmethod
    def of(cls, placed: Placed, seed: int) -> UnifiedInitializer:
        """Return the initializer of a checked spec."""
        config = {**placed.options(), "spec": json.loads(to_json(placed.spec)), "seed": seed}
        return cls(**config)

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """Return the values, as a tensor of Keras' backend."""
        del kwargs  # Keras passes a layout of devices, which it applies itself
        # Without a type it is float32: Keras' own default is a setting of the process.
        dtype = "float32" if dtype is None else keras.backend.standardize_dtype(dtype)
        backend = keras.config.backend()
        if backend not in NAMES:  # OpenVINO takes NumPy arrays
            backend = "numpy"
        return draw(
            self.placed.spec, shape, seed=self.seed, dtype=dtype, backend=backend,
            **self.placed.options(),
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return plain values from which ``from_config`` makes an equal initializer."""
        options = self.placed.options()
        fans = options["fans"]
        return {
            **options,
            "fans": None if fans is None else list(fans),
            "spec": json.loads(to_json(self.placed.spec)),
            "seed": self.seed,
        }

    def clone(self) -> UnifiedInitializer:
        """Return an equal initializer."""
        return type(self).of(self.placed, self.seed)

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        if not isinstance(other, UnifiedInitializer):
            return NotImplemented
        return (self.placed, self.seed) == (other.placed, other.seed)

    def __hash__(self) -> int:
        """Hash by value."""
        return hash((self.placed, self.seed))
