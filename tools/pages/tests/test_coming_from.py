"""The tables "old line, new line" of docs/coming_from_*.md are true: both lines are run, and their values compared."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import unified_init as ui

DOCS = Path(__file__).parents[3] / "docs"
SHAPE = (512, 256)  # two fans, so that one in place of the other shows
FRAMEWORKS = {"torch": "torch.nn.init", "keras": "keras.initializers", "jax": "jax.nn.initializers"}


def rows(text: str) -> list[tuple[str, str, str]]:
    """Return the rows of the table whose header begins with "old line"."""
    table = text.partition("| old line |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in table.splitlines()[2:]]
    return [(old.strip("|` "), new.strip("`"), claim.strip("| ")) for old, new, claim in cells]


def values(line: str, page: str) -> np.ndarray[Any, Any]:
    """Return what a line of the page gives, as an array of shape (outputs, inputs)."""
    names: dict[str, Any] = {"ui": ui, "init": importlib.import_module(FRAMEWORKS[page])}
    layout = "OI" if page == "torch" else "IO"
    names["where"] = {"layout": layout, "seed": 0, "name": "fc.weight"}
    if page == "torch":
        torch = importlib.import_module("torch")
        names["w"] = torch.empty(SHAPE)
        with torch.random.fork_rng(devices=[]):  # what the old line draws from is left as it was
            return eval(line, names).detach().numpy().copy()  # noqa: S307  # a line of our own page
    made = eval(line, names)  # noqa: S307  # as above
    if page == "jax":
        key = importlib.import_module("jax").random.key(3)
        return np.asarray(made(key, SHAPE[::-1])).T
    keras = importlib.import_module("keras")
    return np.asarray(keras.ops.convert_to_numpy(made(SHAPE[::-1], "float32"))).T


def faults(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any], claim: str) -> str:
    """Return what is wrong with a claim about two arrays; nothing if it is true.

    With 131,072 values a side, a KS test at 1e-6 sees 1 % of the mass elsewhere; the ends show a truncation; and the
    standard error of a std's ratio is 0.3 %.
    """
    ratio = float(new.std() / old.std()) if old.std() else 1.0
    factor = re.match(r"std times ([\d.]+)", claim)
    if factor:
        near = abs(ratio / float(factor[1]) - 1) < 0.01
        truncated = "truncated" in claim
        differ = bool(stats.ks_2samp(old.ravel(), new.ravel()).pvalue < 1e-6) if truncated else True
        return "" if near and differ else f"std times {ratio:.4f}"
    if claim.startswith("same values"):
        return "" if np.array_equal(old, new) else "other values"
    if not claim.startswith("same law"):
        return f"{claim!r} claims nothing"
    pvalue = float(stats.ks_2samp(old.ravel(), new.ravel()).pvalue)
    ends = float(np.abs(new).max() / np.abs(old).max())
    alike = pvalue > 1e-6 and abs(ratio - 1) < 0.015 and 0.75 < ends < 1.33
    return "" if alike else f"p {pvalue:.2g}, std times {ratio:.4f}, largest times {ends:.3f}"


@pytest.mark.parametrize("page", [pytest.param(page, marks=pytest.mark.needs(page)) for page in FRAMEWORKS])
def test_both_lines_of_a_row_give_what_it_says(page: str) -> None:
    """Every row of the page: the law, the values or the factor between the standard deviations."""
    table = rows((DOCS / f"coming_from_{page}.md").read_text(encoding="utf-8"))
    assert len(table) > 15
    wrong = [
        f"{old} -> {new}: {claim}: {fault}"
        for old, new, claim in table
        if (fault := faults(values(old, page), values(new, page), claim))
    ]
    assert wrong == []


def test_a_wrong_claim_is_seen() -> None:
    """A truncated normal is not the normal, 0.88 is not 1, and a sentence without a claim is none."""
    specs = {"normal": ui.normal(0.0, 0.02), "cut": ui.he_normal(), "full": ui.kaiming_normal()}
    normal, cut, full = (ui.draw(spec, SHAPE, layout="OI", seed=1, name=name) for name, spec in specs.items())
    again = ui.draw(specs["normal"], SHAPE, seed=2, name="other")
    assert faults(normal, again, "same law") == ""
    assert faults(full, cut, "same law") != ""
    assert faults(full, cut, "std times 1.0, but truncated") == ""
    assert faults(normal, again, "std times 1.0, but truncated") != ""
    assert faults(normal, again * np.float32(0.88), "std times 1.0") != ""
    assert faults(normal, again, "same values") != ""
    assert faults(normal, normal, "as good") != ""
