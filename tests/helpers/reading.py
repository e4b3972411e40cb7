"""Values of a model by stream name, whatever its framework, layout and fusing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui
from unified_init.law.layout import bind
from unified_init.stream.arrange import to_logical
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def logical_values(model: Any, names: Mapping[str, str] | None = None) -> dict[str, NDArray[Any]]:
    """Return every tensor but counters by stream name, parts apart, in logical order."""
    found: dict[str, NDArray[Any]] = {}
    walker = walker_of(model)
    given = names or {}
    for record in ui.inspect(model):
        base = given.get(record.path, record.name)
        if record.role == "count":
            continue
        for part in record.parts or (None,):
            stream, path, box, shape = base, record.path, None, record.shape
            if part is not None:
                stream = given.get(f"{record.path}/{part.label}", f"{base}/{part.label}")
                path, box, shape = part.path, part.box, record.part_shape(part)
            values = walker.read(model, path)[tuple(slice(*ends) for ends in box or ())].reshape(shape)
            geometry = bind(shape, record.layout, dict(record.sizes) or None)
            found[stream] = np.ascontiguousarray(to_logical(np, values, geometry))
    return found
