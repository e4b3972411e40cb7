"""``draw``, ``names`` and ``audit``: what they write, say and find."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.cli.test_help import invoke, records
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.checkpoints.safetensors_files import read_header
from unified_init.cli import naming, sources, specs
from unified_init.cli.spec_words import shape_of, sizes_of, spec_of
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("he_normal", ui.he_normal()),
        ("he_normal()", ui.he_normal()),
        ("normal(0, std=0.02)", ui.normal(0, 0.02)),
        ("uniform(-1, 1)", ui.uniform(-1, 1)),
        ("uniform(high=1, low=-1)", ui.uniform(-1, 1)),
        ("icnr('he_normal', 2)", ui.icnr(ui.he_normal(), 2)),
        ("kaiming_uniform(mode='fan_out')", ui.kaiming_uniform(mode="fan_out")),
        ("torch.nn.init.kaiming_normal_", ui.kaiming_normal()),
        ("keras.initializers.VarianceScaling(2.0)", ui.variance_scaling(2.0, "fan_in", "truncated_normal")),
        (ui.to_json(ui.orthogonal(2.0)), ui.orthogonal(2.0)),
        ('{"name": "normal", "mean": 0, "std": 0.02}', ui.normal(0, 0.02)),
        (
            '{"distribution": {"kind": "Sum", "terms": ["identity", "he_normal"]}}',
            ui.identity() + ui.he_normal(),
        ),
    ],
)
def test_a_spec_is_typed_in_four_forms(text: str, spec: ui.Initializer) -> None:
    """By preset, by call, by another framework's name, as JSON."""
    assert spec_of(text) == spec


def test_shapes_and_sizes_are_typed() -> None:
    """With or without parentheses; a scalar has none."""
    texts = ("3,4", "(3, 4)", "5", "(5,)", "()", "")
    assert [shape_of(text) for text in texts] == [(3, 4), (3, 4), (5,), (5,), (), ()]
    assert sizes_of(["B=2"]) == {"B": 2}
    assert sizes_of([]) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: spec_of("he_normal("),
        lambda: spec_of("he_norml"),
        lambda: spec_of("normal(1, 2, 3, 4)"),
        lambda: spec_of("normal(1)"),
        lambda: spec_of("normal(1, sd=2)"),
        lambda: spec_of("normal(1, 2, std=3)"),
        lambda: spec_of("normal(0, std=1, std=2)"),
        lambda: spec_of("he_uniform(**{'x': 1})"),
        lambda: spec_of("uniform(2, 1)"),
        lambda: shape_of("3,four"),
        lambda: shape_of("3,,4"),
        lambda: sizes_of(["B"]),
        lambda: sizes_of(["B=two"]),
        lambda: sizes_of(["B=2", "B=3"]),
        lambda: naming.rows_of("kaimin"),
        lambda: naming.rows_of("xyz"),
        lambda: specs.check_file(Path("w.png"), "float32"),
        lambda: specs.check_file(Path("w.npy"), "bfloat16"),
        lambda: specs.check_file(Path("w.safetensors"), "complex128"),
        lambda: sources.model_from("nowhere"),
        lambda: sources.model_from("nowhere:f"),
        lambda: sources.model_from("x.json", Path("x.json")),
        lambda: sources.expected_recipe("nowhere", None, []),
        lambda: sources.recipe_from("lama", []),
        lambda: sources.expected_recipe("nowhere", None, ["n_layer=3"]),
        lambda: sources.recipe_from("llama", ["depth=3"]),
        lambda: sources.recipe_from("gpt2", []),
        lambda: sources.refuse_settings(["n_layer=3"]),
        lambda: sources.recipe_from("gpt2", ["n_layer"]),
        lambda: sources.recipe_from("gpt2", ["n_layer=3", "n_layer=4"]),
        lambda: sources.recipe_from("recipe.json", ["n_layer=3"]),
    ],
    ids=source_of,
)
def test_what_is_typed_wrongly_is_refused(call: Callable[[], object]) -> None:
    """With words of ours."""
    with refused(ui.ArgumentValueError):
        call()


def test_draw_writes_the_values_that_draw_returns(tmp_path: Path) -> None:
    """As .npy, and as safetensors under the parameter's name; the digest printed is theirs."""
    expected = ui.draw(ui.he_normal(), (8, 6), layout="OI", seed=5, name="fc")
    common = ("draw", "he_normal", "8,6", "OI", "--seed", 5, "--name", "fc", "--out")
    result = invoke(*common, tmp_path / "w.npy", "--json")
    assert np.load(tmp_path / "w.npy").tobytes() == expected.tobytes()
    assert json.loads(result.stdout)["digest"] == ui.digest(expected, layout="OI")
    invoke(*common, tmp_path / "w.safetensors", "--dtype", "bfloat16")
    _, (entry,), begin = read_header(tmp_path / "w.safetensors")
    assert (entry.path, entry.shape, entry.dtype) == ("fc", (8, 6), "bfloat16")
    low = ui.draw(ui.he_normal(), (8, 6), layout="OI", seed=5, name="fc", dtype="bfloat16")
    assert (tmp_path / "w.safetensors").read_bytes()[begin:] == low.tobytes()


@pytest.mark.parametrize(
    ("name", "step"),
    [("w.npy", "numpy.save"), ("w.safetensors", "unified_init.checkpoints.safetensors_files.header_of")],
)
def test_a_draw_that_cannot_be_written_leaves_the_file_that_was_there(
    name: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is half a file left beside it."""
    invoke("draw", "he_normal", "8,6", "OI", "--out", tmp_path / name)
    before = (tmp_path / name).read_bytes()

    def full(file: Any, *_: object) -> None:
        if step == "numpy.save":  # of a path or of an open file: its beginning is written
            Path(file if isinstance(file, Path) else file.name).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(step, full)
    result = invoke("draw", "zeros", "8,6", "--out", tmp_path / name)
    assert result.exit_code == 2
    assert "the disk is full" in result.stderr
    assert (tmp_path / name).read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("dtype", DTYPES)
def test_npy_files_are_written_of_the_types_that_they_can_hold(dtype: str, tmp_path: Path) -> None:
    """NumPy reads back the type that was written; another is refused and not written as bytes."""
    path = tmp_path / "w.npy"
    result = invoke("draw", "ones", "3", "--dtype", dtype, "--out", path)
    readable = not dtype.startswith(("bfloat", "float8"))
    assert (result.exit_code, path.exists()) == ((0, True) if readable else (2, False))
    if readable:
        assert np.load(path).dtype.name == dtype


def test_explain_gives_its_numbers_as_json() -> None:
    """Those of the law, and the calls of the frameworks."""
    tree = json.loads(invoke("explain", "he_uniform", "300,96", "OI", "--json").stdout)
    assert tree["law"] == {
        "kind": "uniform", "mean": 0.0, "std": ui.he_uniform().resolve((300, 96), layout="OI").std, "low": -0.25, "high": 0.25,
        "fan_in": 96, "fan_out": 300,
    }  # fmt: skip
    assert ui.from_json(json.dumps(tree["spec"])) == ui.he_uniform()
    assert tree["calls"].keys() == {"torch", "keras", "jax", "numpy"}
    assert json.loads(invoke("explain", "normal(0,1)", "3", "--json").stdout)["law"]["high"] == "inf"


def test_a_name_gives_every_framework_that_has_it() -> None:
    """PyTorch's and JAX's functions of one name differ; ours gives theirs; some names are no law."""
    rows = naming.rows_of("kaiming_normal_")
    assert [row[1] for row in rows] == ["kaiming_normal(a, mode, nonlinearity)", "he_normal()"]
    assert naming.rows_of("KAIMING_NORMAL")[0] == rows[0]
    assert ("keras.initializers.Orthogonal", "orthogonal(gain)") in [
        row[:2] for row in naming.rows_of("orthogonal")
    ]
    assert any(row[0].startswith("paddle") for row in naming.rows_of("kaiming_uniform"))
    assert naming.rows_of("torch.nn.init.calculate_gain")[0][1] == ""


def test_files_that_say_nothing_of_themselves_are_refused(tmp_path: Path) -> None:
    """Without an inventory tensors have no meaning; an inventory has no values."""
    path = tmp_path / "model.json"
    path.write_text(ui.inventory_to_json(records()), encoding="utf-8")
    for call in (sources.model_from, sources.values_from):
        with refused(ui.ArgumentValueError, hidden="'/.*?'"):
            call(str(tmp_path if call is sources.model_from else path))
    path.write_bytes(b"\xff\xfe")
    with refused(ui.ArgumentValueError, hidden="'/.*?'"):
        sources.inventory_from(path)


@pytest.fixture
def wrong(tmp_path: Path) -> Any:
    """Return a folder of weights, and one flipped byte in them."""
    folder = tmp_path / "weights"
    ui.save(records(), ui.recipes.torch_default(), folder, seed=0)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    return folder


def test_a_negative_verdict_is_status_1_also_as_json(wrong: Path, tmp_path: Path) -> None:
    """Of an audit, a verification and a comparison; the result is the same in both forms."""
    pytest.importorskip("scipy")
    ui.save(records(), ui.recipes.torch_default(), tmp_path / "right", seed=0)
    for words, key in (
        (("audit", wrong), "ok"),
        (("verify", wrong), "ok"),
        (("diff", wrong, tmp_path / "right"), "equal"),
    ):
        assert invoke(*words).exit_code == 1
        result = invoke(*words, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)[key] is False
    assert invoke("audit", tmp_path / "right", "--recipe", "keras_default").exit_code == 1
