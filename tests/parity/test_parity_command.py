"""``unified-init parity``: what it measures, what it says, and that it can fail."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.metadata
import importlib.util
import io
import json
import math
import platform
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import cli
from unified_init.parity import matrix as room
from unified_init.parity import options, report, variants
from unified_init.parity.matrix import ENTRIES, Cell, Entry, Matrix, Row, measure
from unified_init.parity.variants import Variant
from unified_init.spec import presets
from unified_init.stream import host
from unified_init.testing.bits import differing
from unified_init.testing.cases import Case

if TYPE_CHECKING:
    from collections.abc import Callable

# What a table looks like at its widest: every variant, every sign, the longest name.
WIDEST = """\
                                 numpy numpy       torch  torch       tf    tf  tf      jax    least
preset                     numpy   c   graph torch graph compile  tf graph func xla jax jit        p
────────────────────────────────────────────────────────────────────────────────────────────────────
truncated_normal one-sided   =     =     =     =     =   ≠ 262144 =    =    =    ≈   =  ≠ 12 1.2e-12
zeros                        =     =     =     =     =   ≠ 262144 =    =    =    ≈   =  ≠ 12
"""
SMALL = Case((6, 20), "IO")
HE = Entry("he_normal", ui.he_normal(), SMALL)
TURNED = Entry("orthogonal", ui.orthogonal(), SMALL)
# Of 2**20 normal values a std 1 % off is 14 standard errors off; at a rate of 1e-9 some seven would do.
LARGE = Entry("normal", ui.normal(0.0, 1.0), Case((1024, 1024), "OI"))
CORE = (Variant.NUMPY, Variant.NUMPY_GRAPH)
CHOSEN = ("--variant", "numpy", "--variant", "numpy:graph")


@pytest.fixture(scope="module", autouse=True)
def _rich_is_imported() -> None:
    """Import rich before any test: that alone advances Python's random generator, which tests watch."""
    with contextlib.suppress(ImportError):
        importlib.import_module("rich.progress")
        importlib.import_module("rich.table")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes packages look as if they were not installed."""
    find = importlib.util.find_spec

    def hide(*names: str) -> None:
        if "c" in names:
            monkeypatch.setattr(host, "c_fault", lambda: "it is hidden")
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name in names else find(name, *rest)
        )

    return hide


@pytest.fixture
def flipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of one value that NumPy's graph program draws is wrong."""
    draw = variants.draw

    def wrong(variant: Variant, *args: Any, **kw: Any) -> Any:
        values = draw(variant, *args, **kw)
        if variant is Variant.NUMPY_GRAPH:
            values = values.copy()
            values.view(np.uint32).reshape(-1)[-1] ^= 1
        return values

    monkeypatch.setattr(variants, "draw", wrong)


def too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every draw has a std 1 % off, in the reference and everywhere."""
    draw, reference = variants.draw, variants.reference
    factor = np.float32(1.01)
    monkeypatch.setattr(variants, "draw", lambda *args, **kw: draw(*args, **kw) * factor)
    monkeypatch.setattr(variants, "reference", lambda *args, **kw: reference(*args, **kw) * factor)


def parity(*arguments: object) -> Any:
    """Run ``unified-init parity`` in this process."""
    testing = pytest.importorskip("typer.testing", reason="needs the extra `cli`")
    runner = testing.CliRunner()
    if hasattr(runner, "mix_stderr"):  # before click 8.2 an option, and on
        runner.mix_stderr = False
    return runner.invoke(cli.application(), ["parity", *map(str, arguments)])


def cell(variant: Variant, count: int = 0, gap: float = 0.0, *, approximate: bool = False) -> Cell:
    """Return a cell without a p-value."""
    return Cell(variant, "0" * 64, count, gap, approximate, None)


def made(*rows: Row, missing: tuple[Variant, ...] = ()) -> Matrix:
    """Return a matrix of given rows."""
    return Matrix(3, 1e-9, tuple(one.variant for one in rows[0].cells), missing, rows)


# --- what is measured -----------------------------------------------------------------------------


def test_every_preset_has_a_line() -> None:
    """No public preset is left out, and no line has the name of another."""
    assert set(presets.__all__) <= {entry.preset for entry in ENTRIES}
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)


def test_every_law_of_independent_draws_is_tested_on_a_large_sample() -> None:
    """The lines with a p-value are those drawn element by element, 2**18 values each."""
    sizes = {entry.size for entry in ENTRIES if entry.law.kind in {"normal", "truncated_normal", "uniform"}}
    assert sizes == {2**18, 24 * 3 * 5 * 7}  # the second: icnr, whose draws are shared
    assert room.expect(HE, seed=0).p is not None
    assert room.expect(TURNED, seed=0).p is None
    assert room.expect(dataclasses.replace(ENTRIES[-1], case=Case((24, 3, 5, 7), "OIHW")), seed=0).p is None


def test_equal_bits_are_equal_and_share_the_p_value() -> None:
    """The reference and two variants have one digest and one sample."""
    matrix = measure((HE, TURNED), CORE, seed=5, alpha=1e-9)
    expected = variants.reference(HE.spec, (6, 20), seed=5, name="he_normal", layout="IO")
    digest = ui.digest(expected, "IO")
    row = matrix.rows[0]
    assert row.digest == digest
    assert [(one.variant, one.digest, one.differing, one.state) for one in row.cells] == [
        (Variant.NUMPY, digest, 0, "equal"),
        (Variant.NUMPY_GRAPH, digest, 0, "equal"),
    ]
    assert row.samples == {digest: row.p}
    assert {one.p for one in row.cells} == {row.p}
    assert matrix.samples == 1
    assert matrix.passed


@pytest.mark.usefixtures("flipped")
def test_one_flipped_bit_is_one_differing_value() -> None:
    """The cell counts it, has another digest and a p-value of its own; the other variant stays equal."""
    matrix = measure((HE,), CORE, seed=5, alpha=1e-9)
    good, bad = matrix.rows[0].cells
    assert (good.state, bad.state, bad.differing) == ("equal", "different", 1)
    assert 0.0 < bad.gap < 1e-6
    assert bad.digest != good.digest
    assert set(matrix.rows[0].samples) == {good.digest, bad.digest}
    assert matrix.samples == 2
    assert matrix.different == matrix.rows
    assert not matrix.passed


def test_a_wrong_law_is_seen_where_all_variants_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power 1 - 1e-10, false-alarm rate 1e-9: 2**20 values whose std is 1 % off fail, right ones pass."""
    right = measure((LARGE,), (Variant.NUMPY,), seed=0, alpha=1e-9)
    assert right.passed
    too_wide(monkeypatch)
    wrong = measure((LARGE,), (Variant.NUMPY,), seed=0, alpha=1e-9)
    assert wrong.different == ()
    assert wrong.unlikely == wrong.rows
    assert not wrong.passed


def test_alpha_is_shared_by_all_samples() -> None:
    """A p-value of alpha / 2 is unlikely alone, and not among three samples."""
    rows = tuple(Row(HE, "a", {"a": p}, (cell(Variant.NUMPY),)) for p in (5e-10, 0.5, 0.7))
    assert made(rows[0]).unlikely == rows[:1]
    three = made(*rows)
    assert (three.samples, three.smallest_p, three.family_p) == (3, 5e-10, 3 * 5e-10)
    assert three.unlikely == ()


def test_values_that_are_no_numbers_differ_and_have_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN in a variant is a difference without a finite gap, and no law has it."""
    draw = variants.draw
    monkeypatch.setattr(variants, "draw", lambda *args, **kw: draw(*args, **kw) * np.float32(np.nan))
    (one,) = measure((HE,), (Variant.NUMPY,), seed=5, alpha=1e-9).rows[0].cells
    assert (one.state, one.differing, one.gap, one.digest, one.p) == ("different", 120, math.inf, None, 0.0)


def test_another_shape_or_type_is_a_difference_of_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that agree in another shape or type are not the same tensor."""
    draw = variants.draw
    for change in (lambda x: x.T, lambda x: x.astype(np.float64)):
        monkeypatch.setattr(variants, "draw", lambda *args, change=change, **kw: change(draw(*args, **kw)))
        (one,) = measure((TURNED,), (Variant.NUMPY_GRAPH,), seed=5, alpha=1e-9).rows[0].cells
        assert (one.state, one.differing, one.gap) == ("different", 120, math.inf)
    empty = np.zeros((0, 3), dtype=np.float32)
    assert differing(empty, empty.astype(np.float16)) == 1
    assert differing(empty, empty) == 0


@pytest.mark.parametrize(
    ("variant", "shift", "state"),
    [
        (Variant.NUMPY_GRAPH, 5e-6, "close"),
        (Variant.NUMPY_GRAPH, 5e-5, "different"),
        (Variant.NUMPY, 5e-6, "different"),
    ],
)
def test_orthogonal_draws_may_differ_by_1e_5_inside_programs_alone(
    variant: Variant, shift: float, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the host their bits are equal; in a program 1e-5 will do; other presets have no such room."""
    draw = variants.draw
    monkeypatch.setattr(variants, "draw", lambda *args, **kw: draw(*args, **kw) + np.float32(shift))
    turned, he = measure((TURNED, HE), (variant,), seed=5, alpha=1e-9).rows
    assert [one.state for one in turned.cells] == [state]
    assert [one.state for one in he.cells] == ["different"]


# --- what the options select ----------------------------------------------------------------------


def test_all_installed_variants_and_all_lines_are_the_default(without: Callable[..., None]) -> None:
    """What is missing is listed; the compiled runner needs a compiler."""
    without("torch", "tensorflow", "jax", "c")
    chosen, missing = options.select_variants([])
    assert chosen == CORE
    assert missing == tuple(one for one in Variant if one not in CORE)
    assert options.select_entries([]) == ENTRIES
    assert report.missing_line(missing) == (
        "Not installed: numpy:c, torch, torch:graph, torch:compile, tensorflow, tensorflow:graph, "
        "tensorflow:function, tensorflow:xla, jax, jax:jit. "
        'To add: pip install "unified-init[torch,tensorflow,jax]"; '
        "install unified-init again where there is a C compiler"
    )
    assert report.missing_line(()) is None


def test_requested_variants_come_in_their_usual_order_and_nothing_is_missing(
    without: Callable[..., None],
) -> None:
    """Repeated and out of order; what was not asked for is not missed."""
    without("torch")
    requested = ["numpy:graph", "numpy", "numpy:graph"]
    assert options.select_variants(requested) == (CORE, ())


@pytest.mark.parametrize("name", ["jax:jit", "numpy:c"])
def test_a_requested_variant_that_is_missing_is_refused(name: str, without: Callable[..., None]) -> None:
    """With the command that adds it."""
    without("jax", "c")
    with refused(ui.ArgumentValueError):
        options.select_variants([name])


def test_an_unknown_variant_is_refused() -> None:
    """With all that there are, and the nearest."""
    with refused(ui.ArgumentValueError):
        options.select_variants(["jax:jitt"])


def test_a_preset_selects_all_its_lines() -> None:
    """A preset with two lines has both."""
    names = [entry.name for entry in options.select_entries(["zeros", "siren"])]
    assert names == ["siren", "siren first", "zeros"]


def test_an_unknown_preset_is_refused() -> None:
    """With all that there are, which are not in the file of messages, and the nearest."""
    with refused(ui.ArgumentValueError, hidden=r"(?<=must be ).*(?=, got)"):
        options.select_entries(["he_norm"])


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1e-9, math.nan])
def test_a_rate_of_false_alarms_lies_between_0_and_1(alpha: float) -> None:
    """Neither never nor always."""
    with refused(ui.ArgumentValueError):
        options.false_alarms(alpha)
    assert options.false_alarms(1e-9) == 1e-9


# --- how it is shown --------------------------------------------------------------------------------


def text_of(matrix: Matrix, encoding: str = "utf-8") -> list[str]:
    """Return the lines of a matrix's table on a console 100 columns wide."""
    console = pytest.importorskip("rich.console", reason="needs the extra `cli`")
    out = io.StringIO()
    console.Console(file=out, width=report.WIDTH).print(report.table(matrix, encoding))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_table_of_all_variants_fits_100_columns() -> None:
    """Every heading, every sign and the longest name, whole."""
    shown = dict(zip(Variant, (cell(one) for one in Variant), strict=True))
    shown[Variant.TORCH_COMPILE] = cell(Variant.TORCH_COMPILE, 262144, 0.5)
    shown[Variant.JAX_JIT] = cell(Variant.JAX_JIT, 12, 0.5)
    shown[Variant.TENSORFLOW_XLA] = cell(Variant.TENSORFLOW_XLA, 3, 1e-6, approximate=True)
    long, short = (Entry(name, HE.spec, SMALL) for name in ("truncated_normal one-sided", "zeros"))
    cells = tuple(shown.values())
    lines = text_of(made(Row(long, "a", {"a": 1.2345e-12}, cells), Row(short, "a", {}, cells)))
    assert lines == WIDEST.splitlines()
    assert max(map(len, lines)) == report.WIDTH


def test_signs_are_ascii_where_the_encoding_has_no_other() -> None:
    """A console that cannot print them gets others, in the table and in the legend."""
    assert report.legend("utf-8") == (
        "= equal bits   ≈ within 1e-5 (orthogonal, in a program)   ≠ n values differ   - not installed"
    )
    assert report.legend("cp1252") == (
        "= equal bits   ~ within 1e-5 (orthogonal, in a program)   != n values differ   - not installed"
    )


def test_the_table_has_a_column_for_what_is_missing_and_none_for_what_was_not_asked_for() -> None:
    """Missing variants are dashes between the others, in their usual place."""
    row = Row(TURNED, "a", {}, (cell(Variant.NUMPY), cell(Variant.TORCH, 7, 0.5)))
    assert text_of(made(row, missing=(Variant.C, Variant.JAX))) == [
        "                 numpy           least",
        "preset     numpy   c   torch jax     p",
        "──────────────────────────────────────",
        "orthogonal   =     -    ≠ 7   -",
    ]
    assert text_of(made(row), "ascii") == [
        "                       least",
        "preset     numpy torch     p",
        "────────────────────────────",
        "orthogonal   =   != 7",
    ]


def test_the_verdict_counts_specs_values_and_variants() -> None:
    """One line where all is well; what agrees to 1e-5 is counted."""
    equal = Row(HE, "a", {}, (cell(Variant.NUMPY),))
    assert report.verdict(made(equal)) == [
        "All agree, bit for bit: 1 spec, 120 values, the same in 1 variant"
    ]
    close = Row(TURNED, "a", {}, (cell(Variant.NUMPY), cell(Variant.JAX_JIT, 9, 1e-6, approximate=True)))
    assert report.verdict(made(close, close)) == [
        "All agree, bit for bit: 2 specs, 240 values, the same in 2 variants (2 to 1e-5 in programs)"
    ]


def test_the_verdict_names_what_is_wrong() -> None:
    """Three names and a count, with the variants or the p-value; both promises may break."""
    cells = (cell(Variant.NUMPY), cell(Variant.TORCH, 1, 0.5), cell(Variant.JAX_JIT, 1, 0.5))
    good = Row(TURNED, "a", {}, (cell(Variant.NUMPY), cell(Variant.TORCH), cell(Variant.JAX_JIT)))
    bad = Row(HE, "a", {"a": 0.5, "b": 1.25e-20}, cells)
    assert report.verdict(made(bad, good)) == [
        "DISAGREE: 1 of 2 specs differ from the reference: he_normal (torch, jax:jit)",
        "WRONG LAW: 1 of 2 specs do not follow their laws: he_normal (p 1.2e-20)",
    ]
    assert report.verdict(made(*[dataclasses.replace(bad, samples={})] * 5)) == [
        (
            "DISAGREE: 5 of 5 specs differ from the reference: he_normal (torch, jax:jit), "
            "he_normal (torch, jax:jit), he_normal (torch, jax:jit) and 2 more"
        )
    ]


def test_the_laws_have_a_line_where_any_was_tested() -> None:
    """The smallest p-value, what it is among all samples, and the rate that it is held against."""
    rows = [Row(HE, "a", {"a": p}, (cell(Variant.NUMPY),)) for p in (0.0321, 0.5)]
    assert report.laws_line(made(*rows)) == (
        "Laws: smallest p 0.032 of 2 samples, 0.064 family-wise; alpha 1e-09"
    )
    assert report.laws_line(made(rows[1])) == (
        "Laws: smallest p 0.5 of 1 sample, 0.5 family-wise; alpha 1e-09"
    )
    assert report.laws_line(made(Row(TURNED, "a", {}, (cell(Variant.NUMPY),)))) is None


def test_versions_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is missing there is none; a package of another name tells its own."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in {"torch", "tensorflow", "jax"}:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    for name in ("torch", "jax"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    fake = type(sys)("tensorflow")
    monkeypatch.setattr(fake, "__version__", "2.99", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    assert report.versions() == {
        "python": platform.python_version(),
        "unified_init": ui.__version__,
        "numpy": np.__version__,
        "torch": None,
        "tensorflow": "2.99",
        "jax": None,
        "scipy": real("scipy"),
    }
    assert report.versions_line() == (
        f"python {platform.python_version()}, numpy {np.__version__}, tensorflow 2.99, scipy {real('scipy')}"
    )


def test_the_tree_holds_all_that_was_measured() -> None:
    """Keys and values of the JSON, whole; an infinite gap is null."""
    bad = Cell(Variant.NUMPY_GRAPH, None, 120, math.inf, approximate=False, p=0.0)
    good = Cell(Variant.NUMPY, "a", 0, 0.0, approximate=False, p=0.5)
    matrix = made(Row(HE, "a", {"a": 0.5, None: 0.0}, (good, bad)), missing=(Variant.JAX,))
    tree = json.loads(json.dumps(report.tree(matrix), allow_nan=False))
    assert tree == {
        "stream": ui.STREAM,
        "seed": 3,
        "alpha": 1e-9,
        "platform": platform.platform(),
        "versions": report.versions(),
        "variants": ["numpy", "numpy:graph"],
        "not_installed": ["jax"],
        "rows": [
            {
                "name": "he_normal",
                "preset": "he_normal",
                "shape": [6, 20],
                "layout": "IO",
                "digest": "a",
                "p": 0.0,
                "variants": {
                    "numpy": {"state": "equal", "differing": 0, "gap": 0.0, "digest": "a", "p": 0.5},
                    "numpy:graph": {
                        "state": "different", "differing": 120, "gap": None, "digest": None, "p": 0.0,
                    },
                },
            }
        ],
        "verdict": {
            "passed": False,
            "different": ["he_normal"],
            "unlikely": ["he_normal"],
            "samples": 2,
            "smallest_p": 0.0,
            "family_p": 0.0,
            "lines": report.verdict(matrix),
        },
    }  # fmt: skip


# --- the command ----------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_a_verdict_and_exits_zero() -> None:
    """Heading, table, legend, versions, laws, and the verdict in the last line."""
    result = parity(*CHOSEN, "--preset", "zeros", "--preset", "he_normal", "--seed", 5)
    assert result.exit_code == 0, result.output
    entries = options.select_entries(["he_normal", "zeros"])
    matrix = measure(entries, CORE, seed=5, alpha=1e-9)
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines == [
        f"unified_init {ui.__version__}, threefry-1, seed 5",
        *text_of(matrix),
        report.legend("utf-8"),
        report.versions_line(),
        report.laws_line(matrix),
        "All agree, bit for bit: 2 specs, 264,664 values, the same in 2 variants",
    ]
    assert max(map(len, lines[: len(text_of(matrix)) + 2])) <= 100


def test_json_on_standard_output_is_all_that_stands_there() -> None:
    """It parses, and has all that the report has."""
    result = parity(*CHOSEN, "--preset", "siren", "--json", "--alpha", "1e-6")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    entries = options.select_entries(["siren"])
    assert tree == json.loads(json.dumps(report.tree(measure(entries, CORE, seed=0, alpha=1e-6))))
    assert tree["verdict"]["passed"]


@pytest.mark.usefixtures("flipped")
def test_a_wrong_bit_is_shown_and_exits_one() -> None:
    """In the table, in the verdict and in the JSON."""
    result = parity(*CHOSEN, "--preset", "orthogonal", "--preset", "zeros")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == (
        "DISAGREE: 1 of 2 specs differ from the reference: zeros (numpy:graph)"
    )
    row = next(line for line in result.stdout.splitlines() if line.startswith("zeros"))
    assert row.split() == ["zeros", "=", "≠", "1"]
    tree = json.loads(parity(*CHOSEN, "--preset", "zeros", "--json").stdout)
    assert tree["rows"][0]["variants"]["numpy:graph"]["state"] == "different"
    assert not tree["verdict"]["passed"]


def test_a_wrong_law_is_shown_and_exits_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """All variants agree on values that are 1 % too wide: exit code 1, at the power stated above."""
    monkeypatch.setattr(options, "ENTRIES", (LARGE,))
    right = parity(*CHOSEN)
    assert right.exit_code == 0, right.output
    too_wide(monkeypatch)
    result = parity(*CHOSEN)
    assert result.exit_code == 1
    matrix = measure((LARGE,), CORE, seed=0, alpha=1e-9)
    assert result.stdout.splitlines()[-2:] == [
        report.laws_line(matrix),
        f"WRONG LAW: 1 of 1 spec do not follow their laws: normal (p {matrix.smallest_p:.2g})",
    ]


def test_a_missing_backend_is_shown_and_is_no_failure(without: Callable[..., None]) -> None:
    """NumPy alone: dashes, and how to add the others."""
    without("torch", "tensorflow", "jax", "c")
    result = parity("--preset", "zeros")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    row = next(line for line in lines if line.startswith("zeros"))
    assert row.split() == ["zeros", "=", "-", "=", *["-"] * 9]
    assert lines[-2] == report.missing_line(options.select_variants([])[1])
    assert lines[-1] == "All agree, bit for bit: 1 spec, 2,520 values, the same in 2 variants"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--variant", "torch"),
        ("--variant", "cupy"),
        ("--preset", "he"),
        ("--alpha", "2"),
    ],
    ids=["missing", "variant", "preset", "alpha"],
)
def test_a_wrong_option_is_one_line_and_exits_two(
    option: str, value: str, without: Callable[..., None]
) -> None:
    """On standard error, before anything is measured; the tests above have the whole messages."""
    without("torch")
    result = parity(option, value)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"`{option}")
    assert result.stderr.count("\n") == 1


def test_without_scipy_the_command_says_how_to_install_it(without: Callable[..., None]) -> None:
    """One sentence, and exit code 2."""
    without("scipy")
    result = parity("--preset", "zeros")
    assert result.exit_code == 2
    assert (result.stdout, result.stderr) == (
        "", 'unified-init parity needs SciPy to run: pip install "unified-init[testing]"\n'
    )  # fmt: skip


def test_importing_the_room_imports_no_framework() -> None:
    """Variants, cases and report wait until something draws."""
    code = (
        "import sys, unified_init.parity.report; print(*sorted(set(sys.modules) & "
        "{'torch', 'tensorflow', 'jax', 'scipy', 'rich', 'typer'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_the_table_is_as_wide_as_columns_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without COLUMNS it is as wide as it needs; with it, words are cut short."""
    monkeypatch.delenv("COLUMNS", raising=False)
    free = parity(*CHOSEN, "--preset", "zeros").stdout
    monkeypatch.setenv("COLUMNS", "20")
    tight = parity(*CHOSEN, "--preset", "zeros").stdout
    assert "numpy least" in free
    assert "numpy least" not in tight


@pytest.mark.needs("c", "torch", "tensorflow", "jax")
def test_all_twelve_variants_agree() -> None:
    """The real thing on some presets of each kind, torch.compile and XLA included, nothing pretended."""
    names = ("he_normal", "sparse", "orthogonal", "zeros")
    result = parity("--json", *(word for name in names for word in ("--preset", name)))
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    assert tree["variants"] == [variant.value for variant in Variant]
    assert tree["not_installed"] == []
    states = {row["name"]: {cell["state"] for cell in row["variants"].values()} for row in tree["rows"]}
    assert {name: states[name] for name in ("he_normal", "sparse", "zeros")} == {
        "he_normal": {"equal"}, "sparse": {"equal"}, "zeros": {"equal"},
    }  # fmt: skip
    assert states["orthogonal"] <= {"equal", "close"}
    assert all(tree["versions"].values())
