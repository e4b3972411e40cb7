"""A browser clicks through the explorer; what the page shows is what the library gives.

``nox -s explorer`` installs the browser and runs these tests. They serve the page by itself, or the built
site where ``EXPLORER_SITE`` names its folder.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tools.specification.files import STATIC
from tools.specification.vectors import patterns

import unified_init as ui
from unified_init.interop.native_calls import native_calls
from unified_init.law.layout import bind

if TYPE_CHECKING:
    from collections.abc import Iterator

BROWSER = Path(__file__).parents[1] / "explore.mjs"
LABELS = {"torch": "torch.nn.init", "keras": "Keras", "jax": "JAX", "numpy": "NumPy"}
# What a visitor types, in turn: each visit begins where the one before ended.
START: dict[str, Any] = {
    "preset": "he_normal",
    "shape": "64, 32",
    "layout": "OI",
    "seed": "0",
    "name": "fc/kernel",
}
VISITS: list[dict[str, str]] = [
    {},
    {"preset": "glorot_uniform", "shape": "32, 64", "layout": "IO"},
    {"preset": "kaiming_uniform", "argument-a": "2.23606797749979", "shape": "64, 3, 7, 7", "layout": "OIHW", "seed": "42"},
    {"preset": "kaiming_normal", "argument-mode": "fan_out", "argument-nonlinearity": "relu"},
    {"preset": "normal", "argument-mean": "0", "argument-std": "0.02", "shape": "50257, 768", "layout": "", "name": "wte"},
    {"preset": "truncated_normal", "argument-mean": "0.5", "argument-lower": "-inf", "argument-upper": "1.5", "shape": "300"},
    {"preset": "trunc_normal", "argument-std": "0.3", "argument-a": "-1", "argument-b": "1", "dtype": "bfloat16"},
    {"preset": "variance_scaling", "argument-scale": "0.3", "argument-mode": "fan_geo_avg", "shape": "12, 4, 3",
     "layout": "(BO)IW", "sizes": "B=3", "seed": "18446744073709551615", "name": "größe", "dtype": "float64"},
    {"preset": "siren", "argument-first": "true", "shape": "256, 256", "layout": "OI", "sizes": "", "dtype": "float16"},
    {"preset": "uniform", "argument-low": "0", "argument-high": "1", "shape": "(2, 3)", "dtype": "float8_e4m3fn"},
]  # fmt: skip
REFUSED: list[tuple[dict[str, str], str, str]] = [
    ({"preset": "he_normal", "dtype": "float32", "shape": "64, x"}, "ex-shape", "must be integers"),
    ({"shape": "64, 32", "layout": "OX"}, "ex-layout", "one letter per axis"),
    ({"layout": "OIHW"}, "ex-layout", "has 4 axes"),
    ({"layout": ""}, "", "needs fan_in"),
    ({"layout": "(BO)I"}, "ex-sizes", "needs sizes"),
    ({"sizes": "B:3, Q=2"}, "ex-sizes", "such as B=3"),
    ({"sizes": "", "layout": "OI", "seed": "-1"}, "ex-seed", "integer from 0"),
    ({"seed": "0", "preset": "normal", "argument-std": "0"}, "", "at least 2**-90"),
    ({"argument-std": "small"}, "ex-argument-std", "must be a number"),
    ({"preset": "truncated_normal", "argument-lower": "3"}, "", "below the upper"),
]
LAST = {"preset": "he_normal", "shape": "64, 32", "layout": "OI", "name": "fc/kernel"}


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder while the tests run."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/explorer.html"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site, or of the page's own block of HTML."""
    if "EXPLORER_SITE" in os.environ:
        return Path(os.environ["EXPLORER_SITE"])
    folder = tmp_path_factory.mktemp("site")
    text = (STATIC.parent / "explorer.md").read_text(encoding="utf-8")
    match = re.search(r"```\{raw\} html\n(.*?)```", text, re.DOTALL)
    assert match is not None
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    (folder / "explorer.html").write_text(
        f'{head}<link rel="icon" href="data:,"><body>{match[1]}', encoding="utf-8"
    )
    (folder / "_static").symlink_to(STATIC)
    return folder


@pytest.fixture(scope="module")
def visits(page: Path) -> dict[str, Any]:
    """Return what the page shows at each visit, and the errors of the browser's console."""
    asked = [
        *({"fields": fields} for fields in VISITS),
        *({"fields": fields} for fields, _, _ in REFUSED),
        {"fields": LAST, "width": 360, "theme": "dark", "reload": True},
        {"fields": {"preset": "normal"}, "tabs": 10},
    ]
    with served(page) as url:
        command = ["node", str(BROWSER), url, *filter(None, [os.environ.get("EXPLORER_PICTURES")])]
        result = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    shown: dict[str, Any] = json.loads(result.stdout)
    assert len(shown["answers"]) == len(asked)
    return shown


def typed(upto: int) -> dict[str, str]:
    """Return the fields after a number of visits; another initializer has its own arguments."""
    fields = dict(START)
    for visit in VISITS[: upto + 1]:
        if "preset" in visit:
            fields = {name: text for name, text in fields.items() if not name.startswith("argument-")}
        fields |= visit
    return fields


def argument(text: str) -> Any:  # of a preset
    """Return a typed argument as Python has it."""
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def asked_for(fields: dict[str, str]) -> tuple[ui.Initializer, tuple[int, ...], dict[str, Any]]:
    """Return the spec, the shape and the layout that a visitor has typed."""
    given = {
        name.removeprefix("argument-"): argument(text) for name, text in fields.items() if "argument-" in name
    }
    shape = tuple(int(part) for part in re.findall(r"\d+", fields["shape"]))
    sizes = {"B": 3} if fields.get("sizes") else None
    starts: dict[str, dict[str, Any]] = {
        "variance_scaling": {"distribution": "truncated_normal"},
        "truncated_normal": {"std": 0.02},
    }
    spec = getattr(ui, fields["preset"])(**starts.get(fields["preset"], {}) | given)
    return spec, shape, {"layout": fields["layout"] or None, "sizes": sizes}


@pytest.mark.parametrize("visit", range(len(VISITS)))
def test_the_page_shows_what_the_library_gives(visits: dict[str, Any], visit: int) -> None:
    """Fans, mean, std, ends, values with their bits, digest and calls, at each of ten choices."""
    answer, fields = visits["answers"][visit], typed(visit)
    spec, shape, layout = asked_for(fields)
    law = spec.resolve(shape, **layout)
    dtype = fields.get("dtype", "float32")
    assert answer["state"] == "ready", answer["errors"]
    for name, text in answer["law"].items():
        value = getattr(law, name)
        assert (
            text == "not known"
            if value is None
            else float(text.replace("Infinity", "inf")) == pytest.approx(value, rel=1e-8)
        )
    options = {**layout, "seed": int(fields["seed"]), "name": fields["name"], "dtype": dtype}
    whole = np.asarray(ui.draw(spec, shape, **options, backend="numpy"))
    first = whole.reshape(-1)[:8]
    assert [row[2] for row in answer["rows"]] == patterns(first, 8)
    assert [row[0] for row in answer["rows"]] == [
        str([int(part) for part in np.unravel_index(number, shape)]) for number in range(first.size)
    ]
    assert [float(row[1]) for row in answer["rows"]] == pytest.approx(first.astype(float).tolist(), rel=1e-8)
    expected = ui.digest(whole, **layout) if whole.size <= 2**16 else "not computed for a tensor of this size"
    assert answer["digest"] == expected
    calls = native_calls(spec, bind(shape, **layout), law)
    assert answer["calls"] == {LABELS[framework]: call for framework, call in calls.items()}
    drawn = eval(answer["draws"]["NumPy"], {"ui": ui})  # noqa: S307  # what the page offers to copy
    assert drawn.tobytes() == whole.tobytes()
    assert answer["picture"].startswith("Histogram")


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_wrong_input_is_refused_at_its_field(visits: dict[str, Any], number: int) -> None:
    """A message beside the field that is wrong, which is marked for screen readers; no results are shown."""
    answer = visits["answers"][len(VISITS) + number]
    _, field, message = REFUSED[number]
    assert answer["state"] == "error"
    assert len(answer["errors"]) == 1
    assert message in answer["errors"][0]
    assert answer["invalid"] == [field] * bool(field)


def test_a_narrow_screen_and_a_link_back(visits: dict[str, Any]) -> None:
    """At 360 pixels nothing is cut off, and the address of a page brings its form back."""
    answer = visits["answers"][-2]
    assert answer["state"] == "ready"
    assert answer["overflow"] <= 0
    assert "preset=he_normal" in answer["address"]
    spec, shape, layout = asked_for({**START, **LAST})
    whole = ui.draw(spec, shape, **layout, seed=0, name=START["name"], backend="numpy")
    assert answer["rows"][0][2] == patterns(np.asarray(whole))[0]


def test_the_keyboard_reaches_every_field(visits: dict[str, Any]) -> None:
    """Every field has a label, and Tab visits the fields in the order of the page."""
    answer = visits["answers"][-1]
    assert answer["unlabeled"] == []
    names = (
        "preset",
        "argument-mean",
        "argument-std",
        "layer",
        "shape",
        "layout",
        "sizes",
        "seed",
        "name",
        "dtype",
    )
    assert answer["focused"] == [f"ex-{name}" for name in names]


def test_the_console_is_silent(visits: dict[str, Any]) -> None:
    """No script fails, and no file is missing."""
    assert visits["problems"] == []
