"""Write gpt2_small.json: every parameter of GPT-2 small with its shape, its layout and its spec.

Names and shapes are those of ``transformers.GPT2LMHeadModel``, built on the meta device: no weight is
ever allocated. The output head is tied to the token embedding and stands once, under the latter's name.

The rule is GPT-2's own: weights and embeddings N(0, 0.02), biases 0, LayerNorm 1 and 0, and the two
projections that write into the residual stream of each block smaller by 1 / sqrt(2 n_layer).

    python examples/make_gpt2_small.py [PATH]
"""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent

# The layout gives the logical order alone here, since no spec below needs a fan. `transformers.Conv1D`
# stores (inputs, outputs). An embedding is the kernel of the output head tied to it: a row for each
# output of the head, a column for each of its inputs; its logical order is then its order in memory.
LAYOUTS = {"Conv1D": "IO", "Embedding": "OI", "LayerNorm": "O"}


def rules(n_layer: int) -> tuple[tuple[str, ui.Initializer], ...]:
    """Return the rules of GPT-2, in order: the first whose pattern fits a name gives its spec."""
    weight = ui.normal(0.0, 0.02)
    return (
        ("*.c_proj.weight", weight.scaled(ui.depth_factor(n_layer))),
        ("*.ln_*.weight", ui.ones()),
        ("*.weight", weight),
        ("*.bias", ui.zeros()),
    )


def records() -> Iterator[dict[str, object]]:
    """Yield one record a parameter, in the order of the model."""
    config = transformers.GPT2Config()
    with torch.device("meta"):
        model = transformers.GPT2LMHeadModel(config)
    ordered = rules(config.n_layer)
    for name, parameter in model.named_parameters():
        owner, _, kind = name.rpartition(".")
        layer = type(model.get_submodule(owner)).__name__
        spec = next(spec for pattern, spec in ordered if fnmatchcase(name, pattern))
        yield {
            "name": name,
            "shape": list(parameter.shape),
            "layout": "O" if kind == "bias" else LAYOUTS[layer],
            "spec": json.loads(ui.to_json(spec)),
        }


def render() -> str:
    """Return the text of gpt2_small.json, one parameter a line."""
    head = {"model": "gpt2", "source": "transformers GPT2Config defaults", "stream": ui.STREAM}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    parameters = ",\n".join(f"    {json.dumps(record)}" for record in records())
    return "\n".join(["{", *lines, '  "parameters": [', parameters, "  ]", "}", ""])


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "gpt2_small.json"
    path.write_text(render(), encoding="utf-8")
    print(f"wrote {path}")
