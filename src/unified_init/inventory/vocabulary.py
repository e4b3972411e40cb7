"""The closed vocabularies of records, layers and rules, as types and as tuples."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["KINDS", "PLACES", "ROLES", "Kind", "Place", "Role"]

# What a layer is.
Kind = Literal[
    "linear", "conv", "conv_transpose", "bilinear", "embedding", "batch_norm", "layer_norm", "group_norm",
    "rms_norm", "lstm", "gru", "rnn", "attention", "prelu", "lora", "parameter",
]  # fmt: skip
# What a tensor is in its layer.
Role = Literal[
    "kernel", "recurrent_kernel", "projection", "bias", "recurrent_bias", "scale", "offset", "mean",
    "variance", "count", "embedding", "position", "token", "layer_scale", "slope", "adapter_a",
    "adapter_b", "parameter", "buffer",
]  # fmt: skip
# The architectural roles of layers, to which published recipes refer; "" where none is known.
Place = Literal[
    "", "attention.query", "attention.key", "attention.value", "attention.qkv", "attention.out",
    "attention.extra", "mlp.in", "mlp.gate", "mlp.out", "router", "head", "patch", "stem", "shortcut",
    "last_norm", "last_conv", "modulation", "time", "embedding.token", "embedding.position", "embedding.type",
]  # fmt: skip

KINDS: tuple[Kind, ...] = get_args(Kind)
ROLES: tuple[Role, ...] = get_args(Role)
PLACES: tuple[Place, ...] = get_args(Place)
