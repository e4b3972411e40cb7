"""The text of docs/pairs.md: models of two libraries, matched, drawn and run.

Unlike the other pages it has numbers that were measured: the tests compare its rows, without them, with the
list of pairs, and run the pairs themselves. ``python -m tools.pages.pairs_page`` takes some minutes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from conftest import let_torchvision_import
from tests.helpers.model_pairs import measured
from tests.helpers.pairs_convolutional import CONVOLUTIONAL
from tests.helpers.pairs_sequential import SEQUENTIAL

if TYPE_CHECKING:
    from tests.helpers.model_pairs import ModelPair

__all__ = ["SECTIONS", "facts", "pairs_page"]

SECTIONS = {"Convolutional networks": CONVOLUTIONAL, "Transformers and recurrent networks": SEQUENTIAL}

HEAD = """\
# Pairs of models

Models of two libraries that `ui.match` pairs, the hints that it needs, and the difference of the outputs of
the two. [Port a model](port.md) explains `match`.

Each row is one run of `ui.verify_match` on the map of `ui.match`: both models draw random weights, norms
and statistics included, run on the same data, and their outputs are compared. No trained weights are
involved.

- *A port* is our own, written line by line with the names and the layers of its framework. It is in
  `tests/helpers/`.
- *Given to match*: "nothing" is `ui.match(first, second)`. `inputs=` means that kernels of equal shape are
  in another order in the two models, and `match` runs both to tell them apart. `given=` settles
  a pair for which there is no evidence.
- *Pairs* counts the entries of the map; a fused tensor that is paired as a whole is one entry.
- *Difference* is the largest absolute difference of the outputs, and *moved by* how far other random weights
  move them: the median of the outputs that move. Outputs of a deep network grow with random weights, so only
  the ratio matters. Where they grow so much that rounding errors reach their size (EfficientNetV2), smaller
  kernels are drawn.

Images have odd sizes where padding depends on the size, and normalizations have the epsilon of the second
model where the two libraries differ: see [equal weights, unequal
outputs](port.md#equal-weights-unequal-outputs).

*Limits.* `match` refuses Inception v3 of torchvision and of Keras applications: several branches
begin with convolutions of equal shape on the same input, and only the layers behind them tell these apart.
Nor could a map be proven, since the two compute different things: torchvision's average pooling counts the
zeros around an image, Keras' does not. A tensor that stacks layers of layers, such as scanned blocks of
stacked experts, is split along one axis only.

This page is measured by `nox -s pairs`.
"""
HEADINGS = """\
| first model | second model | given to `match` | pairs | difference | moved by |
|---|---|---|---|---|---|"""


def pairs_page() -> str:
    """Return the page, with the numbers that running all pairs gives."""
    let_torchvision_import()
    parts = [HEAD]
    for title, pairs in SECTIONS.items():
        parts.append(f"## {title}\n\n{HEADINGS}\n" + "".join(map(_row, pairs)))
    return "\n".join(parts)


def facts(pair: ModelPair) -> str:
    """Return the cells of a pair that are not measured."""
    given = [f"`given={pair.given!r}`"] if pair.given else []
    given += ["`inputs=`"] if pair.is_run else []
    return f"| {pair.first} | {pair.second} | {', '.join(given) or 'nothing'} | {pair.tensors} |"


def _row(pair: ModelPair) -> str:
    names = measured(pair)
    verification = names.verification
    if verification is None or not verification.ok or len(names) != pair.tensors:
        msg = f"{pair.first} and {pair.second}: {len(names)} pairs; {verification}"
        raise AssertionError(msg)
    return f"{facts(pair)} {verification.difference:.2g} | {verification.scale:.2g} |\n"


if __name__ == "__main__":
    sys.stdout.write(pairs_page())
