"""The model file of GPT-2 small: what the file holds, and that its generator gives this file."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

import unified_init as ui
from unified_init.parity import demo

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def gpt2() -> dict[str, Any]:
    """Return the committed file, parsed."""
    tree: dict[str, Any] = json.loads((EXAMPLES / "gpt2_small.json").read_text(encoding="utf-8"))
    return tree


def size(shape: list[int]) -> int:
    """Return the number of values of a shape."""
    product = 1
    for length in shape:
        product *= length
    return product


def spec(record: dict[str, Any]) -> ui.Initializer:
    """Return the spec of one record."""
    return ui.from_json(json.dumps(record["spec"]))


def test_it_has_the_tensors_and_values_of_gpt2_small(gpt2: dict[str, Any]) -> None:
    """148 tensors and 124,439,808 values, the tied head once; every name is unique."""
    records = gpt2["parameters"]
    assert len(records) == 148
    assert len({record["name"] for record in records}) == 148
    assert sum(size(record["shape"]) for record in records) == 124_439_808
    assert gpt2["stream"] == ui.STREAM


def test_every_layout_fits_its_shape(gpt2: dict[str, Any]) -> None:
    """Each record resolves; a law of a wrong rank would be refused."""
    for record in gpt2["parameters"]:
        assert len(record["layout"]) == len(record["shape"])
        spec(record).resolve(tuple(record["shape"]), layout=record["layout"])


def test_laws_are_those_of_gpt2(gpt2: dict[str, Any]) -> None:
    """Residual projections have a std of 0.02 / sqrt(24), other weights 0.02, biases 0, norms 1."""
    residual = 0.02 * (1 / 24) ** 0.5
    counts = dict.fromkeys(["residual", "norm", "bias", "weight"], 0)
    for record in gpt2["parameters"]:
        law = spec(record).resolve(tuple(record["shape"]), layout=record["layout"])
        name = record["name"]
        if name.endswith("c_proj.weight"):
            kind, expected = "residual", (0.0, residual)
        elif ".ln_" in name and name.endswith("weight"):
            kind, expected = "norm", (1.0, 0.0)
        elif name.endswith("bias"):
            kind, expected = "bias", (0.0, 0.0)
        else:
            kind, expected = "weight", (0.0, 0.02)
        counts[kind] += 1
        assert (law.mean, law.std) == pytest.approx(expected, rel=1e-15, abs=0), name
    assert counts == {"residual": 24, "norm": 25, "bias": 73, "weight": 26}


def test_specs_are_as_to_json_writes_them(gpt2: dict[str, Any]) -> None:
    """A round trip through a spec gives the same JSON object back."""
    for record in gpt2["parameters"]:
        assert json.loads(ui.to_json(spec(record))) == record["spec"]


@pytest.mark.needs("torch", "transformers")
def test_the_generator_gives_the_committed_file() -> None:
    """Names, shapes and specs still are those of transformers' GPT-2, byte for byte."""
    render = runpy.run_path(str(EXAMPLES / "make_gpt2_small.py"))["render"]
    assert render() == (EXAMPLES / "gpt2_small.json").read_text(encoding="utf-8")


def test_the_demo_finds_the_committed_file(gpt2: dict[str, Any]) -> None:
    """Without a path, from wherever the package lies."""
    model = demo.load()
    assert [tensor.name for tensor in model.tensors] == [record["name"] for record in gpt2["parameters"]]
