"""The inventory of a transformers model that is only described, by its config.json: nothing is allocated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from unified_init.errors import ArgumentValueError
from unified_init.walkers.torch.walker import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from unified_init.inventory.inventory import Inventory

__all__ = ["inventory_of_config"]


def inventory_of_config(path: Path) -> Inventory:
    """Return the inventory of the architecture that a configuration names, else of its base model."""
    import transformers  # noqa: PLC0415  # not an extra of ours

    try:
        config = transformers.AutoConfig.for_model(**_fields(path))
        name = next(iter(config.architectures or ()), None)
        make: Any = getattr(transformers, name, None) if name else None
        with torch.device("meta"):
            model = make(config) if make is not None else transformers.AutoModel.from_config(config)
    except Exception as error:  # of transformers, for whatever the file says
        msg = f"{str(path)!r} describes no model of transformers: {type(error).__name__}: {error}"
        raise ArgumentValueError(msg) from error
    return inspect(model)


def _fields(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return fields
