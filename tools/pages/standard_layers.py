"""The standard set of layers that docs/layer_defaults.md shows, as records; no framework is needed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.inventory.parts import Part
from unified_init.inventory.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.inventory.vocabulary import Kind, Role

__all__ = ["LAYERS", "StandardLayer"]


@dataclasses.dataclass(frozen=True, slots=True)
class StandardLayer:
    """A layer: its records, and the sizes from which its fans are computed, by symbol."""

    title: str
    symbols: tuple[tuple[str, int], ...]
    records: tuple[Record, ...]
    note: str = ""


def _record(
    path: str,
    shape: tuple[int, ...],
    layout: str | None,
    kind: Kind,
    role: Role,
    **facts: Any,  # noqa: ANN401  # fields of a record
) -> Record:
    return Record(name=path, path=path, shape=shape, layout=layout, kind=kind, role=role, **facts)


def _layer(
    kind: Kind,
    weight: tuple[int, ...],
    layout: str,
    **facts: Any,  # noqa: ANN401  # fields of a record
) -> tuple[Record, ...]:
    """Return a kernel and its bias, which has the fans of the kernel."""
    groups = facts.get("groups", 1)
    sizes = (("B", groups),) if groups > 1 else ()
    vector = (facts["outputs"] * groups,)
    return (
        _record("weight", weight, layout, kind, "kernel", sizes=sizes, **facts),
        _record("bias", vector, "O", kind, "bias", **facts),
    )


def _gated(kind: Kind, labels: str, features: int, hidden: int) -> Iterator[Record]:
    count = max(1, len(labels))
    tensors: tuple[tuple[str, Role, int], ...] = (
        ("weight_ih", "kernel", features),
        ("weight_hh", "recurrent_kernel", hidden),
        ("bias_ih", "bias", features),
        ("bias_hh", "recurrent_bias", hidden),
    )
    for path, role, inputs in tensors:
        matrix = path.startswith("weight")
        shape = (count * hidden, inputs) if matrix else (count * hidden,)
        facts: dict[str, Any] = {"hidden": hidden, "features": features, "inputs": inputs, "outputs": hidden}
        yield _record(
            path, shape, "OI" if matrix else "O", kind, role, **facts, **_parts(path, shape, labels)
        )


def _parts(path: str, shape: tuple[int, ...], labels: str) -> dict[str, Any]:
    if not labels:
        return {}
    length = shape[0] // len(labels)
    other_axes = tuple((0, size) for size in shape[1:])
    parts = tuple(
        Part(label=label, length=length, path=path, box=((index * length, (index + 1) * length), *other_axes))
        for index, label in enumerate(labels)
    )
    return {"axis": 0, "parts": parts}


def _fused(width: int) -> Iterator[Record]:
    shapes: tuple[tuple[str, tuple[int, ...], Role], ...] = (
        ("in_proj_weight", (3 * width, width), "kernel"),
        ("in_proj_bias", (3 * width,), "bias"),
    )
    for path, shape, role in shapes:
        facts: dict[str, Any] = {"inputs": width, "outputs": width, "place": "attention.qkv"}
        layout = "OI" if role == "kernel" else "O"
        yield _record(path, shape, layout, "attention", role, **facts, **_parts(path, shape, "qkv"))
    facts = {"inputs": width, "outputs": width, "place": "attention.out"}
    yield _record("out_proj.weight", (width, width), "OI", "attention", "kernel", **facts)
    yield _record("out_proj.bias", (width,), "O", "attention", "bias", **facts)


def _separate(width: int, features: int) -> Iterator[Record]:
    for word, inputs in (("query", width), ("key", features)):
        facts: dict[str, Any] = {
            "inputs": inputs, "outputs": width, "place": f"attention.{word}",
            "features": 0 if features == width else features,
        }  # fmt: skip
        yield _record(f"{word}", (width, inputs), "OI", "attention", "kernel", **facts)


TWO_BIASES = "PyTorch adds its two biases: the sum's std is sqrt(2) times that of one."
NORM: tuple[tuple[str, Role], ...] = (
    ("weight", "scale"),
    ("bias", "offset"),
    ("running_mean", "mean"),
    ("running_var", "variance"),
)

LAYERS = (
    StandardLayer(
        "Linear", (("I", 256), ("O", 1024)), _layer("linear", (1024, 256), "OI", inputs=256, outputs=1024)
    ),
    StandardLayer(
        "Convolution 3 x 3", (("I", 64), ("O", 160), ("k", 9)),
        _layer("conv", (160, 64, 3, 3), "OIHW", inputs=64, outputs=160, space=9),
    ),
    StandardLayer(
        "Grouped convolution 3 x 3", (("I", 16), ("O", 40), ("g", 5), ("k", 9)),
        _layer("conv", (200, 16, 3, 3), "(BO)IHW", inputs=16, outputs=40, space=9, groups=5),
        "Keras and Linen store such a kernel with the inputs of one group and the outputs of all.",
    ),
    StandardLayer(
        "Depthwise convolution 3 x 3", (("O", 2), ("g", 96), ("k", 9)),
        _layer("conv", (192, 1, 3, 3), "(BO)IHW", inputs=1, outputs=2, space=9, groups=96),
        "Each of g channels feeds O outputs. Keras' DepthwiseConv2D counts all channels as inputs of each.",
    ),
    StandardLayer(
        "Transposed convolution 4 x 4", (("I", 64), ("O", 24), ("k", 16)),
        _layer("conv_transpose", (64, 24, 4, 4), "IOHW", inputs=64, outputs=24, space=16),
        "Stored inputs first, as by PyTorch, Linen and NNX.",
    ),
    StandardLayer(
        "Transposed convolution 4 x 4, outputs first", (("I", 64), ("O", 24), ("k", 16)),
        _layer("conv_transpose", (4, 4, 24, 64), "HWOI", inputs=64, outputs=24, space=16)[:1],
        "As stored by Keras and Haiku, and by Linen and NNX with `transpose_kernel=True`: these two then "
        "count outputs as inputs.",
    ),
    StandardLayer(
        "Bilinear", (("I1", 20), ("I2", 30), ("O", 7)),
        _layer("bilinear", (7, 20, 30), "OII", inputs=600, outputs=7, features=20),
        "A layer that only PyTorch has; for the other recipes it is the law that their rules give it.",
    ),
    StandardLayer(
        "Embedding", (("V", 1000), ("O", 64)),
        (
            _record(
                "weight", (1000, 64), "BO", "embedding", "embedding", outputs=64, padding=0,
                place="embedding.token",
            ),
        ),
        "Row 0 stands for padding.",
    ),
    StandardLayer(
        "Normalization", (),
        tuple(_record(path, (64,), "O", "batch_norm", role, outputs=64) for path, role in NORM),
        "Batch normalization; layer, group and RMS normalization have the same scale and offset.",
    ),
    StandardLayer("LSTM", (("I", 100), ("H", 64)), tuple(_gated("lstm", "ifgo", 100, 64)), TWO_BIASES),
    StandardLayer("GRU", (("I", 100), ("H", 64)), tuple(_gated("gru", "rzn", 100, 64)), TWO_BIASES),
    StandardLayer("Simple RNN", (("I", 100), ("H", 64)), tuple(_gated("rnn", "", 100, 64)), TWO_BIASES),
    StandardLayer(
        "Attention, fused", (("I", 128),), tuple(_fused(128)),
        "Queries, keys and values as one matrix (3 I, I); all are as wide as the model.",
    ),
    StandardLayer(
        "Attention, separate", (("I", 128),), tuple(_separate(128, 128))[:1],
        "A query with its own matrix, and keys of the same width. PyTorch fuses such matrices, and its "
        "recipe draws them as fused.",
    ),
    StandardLayer(
        "Attention, keys of another width", (("O", 128), ("I", 80)), tuple(_separate(128, 80)),
        "O inputs of queries, I of keys. PyTorch has separate matrices here too.",
    ),
    StandardLayer("PReLU", (), (_record("weight", (1,), "O", "prelu", "slope"),), "One slope."),
)  # fmt: skip
