"""The text of docs/layer_defaults.md: the laws of each framework's defaults on a standard set of layers.

The layers are records, and a row is the assignment of a recipe to a record, so no framework is needed.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
import textwrap
from typing import TYPE_CHECKING

from tools.pages.standard_layers import LAYERS

from unified_init import recipes
from unified_init.recipes.assignment import assign
from unified_init.spec.scales import VarianceScaling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.pages.standard_layers import StandardLayer

    from unified_init.inventory.records import Record
    from unified_init.law.law import Law
    from unified_init.recipes.assignment import Assignment, Piece
    from unified_init.recipes.recipe import Recipe

__all__ = ["DEFAULTS", "layer_defaults_page"]

# Each with its corrected form; Equinox needs none, because its fans are the true ones, nor does transformers,
# most of whose laws have no fan.
DEFAULTS: dict[str, tuple[Callable[[], Recipe], Callable[[], Recipe] | None]] = {
    "torch": (recipes.torch_default, recipes.torch_default_corrected),
    "keras": (recipes.keras_default, recipes.keras_default_corrected),
    "linen": (recipes.flax_linen_default, recipes.flax_linen_default_corrected),
    "nnx": (recipes.flax_nnx_default, recipes.flax_nnx_default_corrected),
    "haiku": (recipes.haiku_default, recipes.haiku_default_corrected),
    "equinox": (recipes.equinox_default, None),
    "transformers": (recipes.transformers_default, None),
}

HEAD = """\
# Layer defaults

The default initial weights of layers in PyTorch, Keras, Flax, Haiku, Equinox and transformers. The recipes
`ui.recipes.torch_default()`, `keras_default()`, `flax_linen_default()`, `flax_nnx_default()`,
`haiku_default()`, `equinox_default()` and `transformers_default()` give them to any model. Rows are plans of
the layers in the headings, with the exact numbers of their laws; each recipe is tested against the
constructors of its framework.

- `torch` stands for `torch_default()`, `torch corrected` for `torch_default_corrected()`, `torch + corrected`
  for both. The corrected forms use the true fans; Equinox has none, for its fans are the true ones, nor has
  transformers, most of whose laws have no fan.
- `I` inputs that an output sees, `O` outputs that an input feeds, both of one group; `k` kernel positions,
  `g` groups, `H` hidden size, `V` rows of a table.
- `U(a)` is uniform on [-a, a]; `TN` a normal truncated at two sigmas, with its realized std; `N` a normal.
- The last column is the realized std divided by that of `torch`; it is empty where `torch` has a constant.

[Give a Flax model PyTorch's defaults](flax_with_pytorch_defaults.md) puts one to work.
[How each framework differs](differences.md) has the traps of single calls, [Write a recipe](recipes.md) the
published recipes.

This page is generated: `python -m tools.pages.layer_defaults_page > docs/layer_defaults.md`.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """The law of one tensor by one recipe: as a formula, its std, and the ratio of that to PyTorch's."""

    tensor: str
    formula: str
    std: str
    ratio: str


def layer_defaults_page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *map(_section, LAYERS)])


def _section(layer: StandardLayer) -> str:
    sizes = ", ".join(f"{symbol} = {value}" for symbol, value in layer.symbols)
    intro = f"{sizes}. {layer.note}".strip() if sizes else layer.note
    lines = [f"## {layer.title}", "", textwrap.fill(intro, 110), "", HEADINGS, "|---|---|---|---|---|"]
    for record in layer.records:
        lines += [
            f"| `{row.tensor}` | {_joined_names(defaults)} | {row.formula} | {row.std} | {row.ratio} |"
            for row, defaults in _merged(layer, record)
        ]
    return "\n".join(lines) + "\n"


HEADINGS = "| tensor | defaults of | law | std | std / PyTorch's |"


def _merged(layer: StandardLayer, record: Record) -> list[tuple[Row, list[str]]]:
    """Return the different rows of a tensor, each with the recipes that give it."""
    rows: dict[Row, list[str]] = {}
    for word, makers in DEFAULTS.items():
        for name, make in zip((word, f"{word} corrected"), makers, strict=True):
            if make is not None:
                rows.setdefault(_row(layer, record, make()), []).append(name)
    return list(rows.items())


def _joined_names(defaults: Sequence[str]) -> str:
    """Return the names as text, a default and its corrected form joined by "+"."""
    groups = []
    for name in defaults:
        if name.endswith(" corrected") and name.removesuffix(" corrected") in defaults:
            continue
        groups.append(f"{name} + corrected" if f"{name} corrected" in defaults else name)
    return ", ".join(groups)


def _row(layer: StandardLayer, record: Record, recipe: Recipe) -> Row:
    assignment = assign(record, recipe)
    if assignment is None:  # a layer that the framework lacks and its recipe does not know
        return Row(record.path, "no rule", "", "")
    standard = assign(record, recipes.torch_default())
    assert standard is not None  # noqa: S101  # PyTorch has every layer of the page
    base, law = standard.pieces[0].law.std, assignment.pieces[0].law
    gates: dict[str, list[str]] = {}
    for piece in assignment.pieces:
        labels = [part.label for part in piece.parts]
        gates.setdefault(_formula(layer, record, piece), []).extend(labels)
    formula = ", ".join(
        f"{', '.join(labels)}: {text}" if len(gates) > 1 else text for text, labels in gates.items()
    )
    return Row(record.path, formula + _padding(assignment), f"{law.std:.4g}", _ratio(law, base))


def _padding(assignment: Assignment) -> str:
    return ", padding row 0" if assignment.zero_row is not None else ""


def _ratio(law: Law, base: float) -> str:
    return f"{law.std / base:.4g}" if base > 0.0 else ""


def _formula(layer: StandardLayer, record: Record, piece: Piece) -> str:
    """Return the law of a piece in the symbols of its layer."""
    law, scale = piece.law, piece.spec.scale
    if law.kind == "constant":
        return f"{law.mean:g}"
    if law.kind == "orthogonal" and record.parts:
        return f"orthogonal, {'all gates at once' if len(piece.parts) > 1 else 'gate by gate'}"
    if law.kind == "orthogonal":
        return "orthogonal"
    if not isinstance(scale, VarianceScaling):
        return f"U({law.high:g})" if law.kind == "uniform" else f"{NORMALS[law.kind]}(std {law.std:.4g})"
    number = scale.scale * (3.0 if law.kind == "uniform" else 1.0)
    fans = [_fan(layer, value) for value in _fans_of_mode(scale.mode, law)]
    if len(fans) > 1:  # fan_avg: twice the number over the sum
        number, denominator = number * 2.0, f"({' + '.join(fans)})"
    else:
        denominator = fans[0] if " " not in fans[0] else f"({fans[0]})"
    root = math.sqrt(number)
    root_text = (
        f"{root:.4g}/√{denominator}"
        if math.isclose(root, round(root, 4), rel_tol=1e-4) and root <= 1.0
        else None
    )
    text = root_text or f"√({number:.4g}/{denominator})"
    return f"U({text})" if law.kind == "uniform" else f"{NORMALS[law.kind]}(std {text})"


NORMALS = {"normal": "N", "truncated_normal": "TN"}


def _fans_of_mode(mode: str, law: Law) -> tuple[float | None, ...]:
    return {"fan_in": (law.fan_in,), "fan_out": (law.fan_out,)}.get(mode, (law.fan_in, law.fan_out))


def _fan(layer: StandardLayer, value: float | None) -> str:
    """Return a fan as a product of the layer's symbols, the shortest first."""
    symbols = dict(layer.symbols)
    products = [
        factors for count in range(1, len(symbols) + 1) for factors in itertools.combinations(symbols, count)
    ]
    for multiple, factors in itertools.product((1, 3, 4), products):
        if multiple * math.prod(symbols[symbol] for symbol in factors) == value:
            return " ".join([*([str(multiple)] if multiple > 1 else []), *factors])
    for first, second in itertools.combinations(symbols, 2):
        if symbols[first] + symbols[second] == value:
            return f"{first} + {second}"
    msg = f"{layer.title}: the fan {value!r} is no product of {symbols}."
    raise AssertionError(msg)


if __name__ == "__main__":
    sys.stdout.write(layer_defaults_page())
