"""The pytest plugin: what it runs, selects, refuses and writes, in runs of pytest of its own."""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui
import unified_init.kit.golden_files
import unified_init.kit.modes  # a run in this process drops what it imported itself

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.filterwarnings("default")

ROOT = Path(__file__).parents[2]
PLUGIN = ("-p", "unified_init.kit.plugin", "-p", "no:cacheprovider")
OURS = """
    import unified_init as ui

    def test_ours(ui_mode, ui_backends):
        assert ui_mode.backend in ui_backends
        drawn = ui_mode.draw(ui.he_normal(), (6, 5), layout="OI", seed=0, name="w")
        assert ui.digest(drawn) == ui.digest(ui.draw(ui.he_normal(), (6, 5), layout="OI", seed=0, name="w"))
"""
GOLDEN = """
    import unified_init as ui
    import pytest

    @pytest.mark.parametrize("std", [1, 2])
    def test_kernel(ui_golden, ui_mode, std):
        drawn = ui_mode.run(lambda: ui.draw(ui.normal(0, std), (3, 4), seed=0, name="w", backend=ui_mode.backend))
        ui_golden(drawn, "kernel", layout="OI")

    def test_ones(ui_golden):
        ui_golden(ui.draw(ui.ones(), (3,)))
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Return what runs pytest in this process, with the plugin and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def runpytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*PLUGIN, *arguments)

    return runpytest


@pytest.fixture
def numpy_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the frameworks."""
    monkeypatch.setattr("unified_init.kit.plugin.backends", lambda: ("numpy",))


@pytest.fixture
def golden(pytester: pytest.Pytester) -> Path:
    """Return the file of golden digests of a test file."""
    return pytester.makepyfile(test_golden=GOLDEN).with_name("test_golden.golden.json")


@pytest.fixture
def run_apart(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Return what does the same in a process of its own: frameworks cannot be imported twice in one."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def runpytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*PLUGIN, *arguments)

    return runpytest


Run = Any  # one of the two fixtures above


# --- modes ------------------------------------------------------------------------------------------


@pytest.mark.more  # all modes run for their digest, below
@pytest.mark.needs("torch", "tensorflow", "jax")
def test_a_test_runs_once_per_mode_that_is_installed(pytester: pytest.Pytester, run_apart: Run) -> None:
    """Eight modes of four backends, each with the bits of the reference."""
    pytester.makepyfile(OURS)
    result = run_apart("-v")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["*test_ours[[]numpy] PASSED*", "*test_ours[[]torch:compile] PASSED*"])


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_the_marker_and_the_option_narrow(pytester: pytest.Pytester, run_apart: Run) -> None:
    """Each by itself, and both together."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.ui_modes("torch", "jax", compiled=False)
        def test_some(ui_mode):
            print("ran", ui_mode.name)
    """)
    assert lines(run_apart("-s"), "ran") == ["ran torch", "ran jax"]
    assert lines(run_apart("-s", "--ui-backends", "jax, numpy"), "ran") == ["ran jax"]


def lines(result: pytest.RunResult, word: str) -> list[str]:
    """Return the printed lines that have a word, from there on."""
    return [word + line.partition(word)[2].rstrip(".") for line in result.outlines if f"{word} " in line]


@pytest.mark.usefixtures("numpy_only")
def test_other_fixtures_may_use_the_mode(pytester: pytest.Pytester, run: Run) -> None:
    """A test need not name it itself."""
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def backend(ui_mode):
            return ui_mode.backend

        def test_it(backend):
            assert backend == "numpy"
    """)
    run().assert_outcomes(passed=1)


@pytest.mark.usefixtures("numpy_only")
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("torch", '*--ui-backends: torch is not installed; pip install "unified-init[[]torch]"*'),
        ("numpy,cupy", "*--ui-backends must be of numpy,torch,tensorflow,jax, got 'cupy'*"),
        (
            "pytorch",
            "*--ui-backends must be of numpy,torch,tensorflow,jax, got 'pytorch'; did you mean 'torch'[?]",
        ),
        ("", "*--ui-backends must be of numpy,torch,tensorflow,jax, got ''*"),
    ],
    ids=["missing", "unknown", "near", "empty"],
)
def test_a_backend_that_is_chosen_and_missing_fails_the_run(
    option: str, words: str, pytester: pytest.Pytester, run: Run
) -> None:
    """It does not skip; nothing else runs either."""
    pytester.makepyfile("def test_other(): pass")
    result = run("--ui-backends", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])


@pytest.mark.usefixtures("numpy_only")
@pytest.mark.parametrize("arguments", ["'jax:jitt'", "compile=True"])
def test_a_marker_with_a_mistake_fails(arguments: str, pytester: pytest.Pytester, run: Run) -> None:
    """An unknown mode, or an unknown argument."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.ui_modes({arguments})
        def test_it(ui_mode): pass
    """)
    result = run()
    assert result.ret != 0
    assert "ui_modes: " in result.stdout.str() + result.stderr.str()


# --- wrong initializers -----------------------------------------------------------------------------

OWN = """
    import numpy as np
    import pytest
    import unified_init as ui

    SPEC, SHAPE = ui.he_normal(), (700, 560)

    def own(shape, factor=1.0, layout="OI"):
        law = SPEC.resolve(shape, layout=layout)
        drawn = ui.draw(ui.truncated_normal(0, law.high / 2), shape, seed=1, name="own")
        return drawn * np.float32(factor)

    def test_right(ui_statistics):
        ui_statistics.follows(own(SHAPE), SPEC.resolve(SHAPE, layout="OI"))

    @pytest.mark.parametrize("wrong", [{"factor": 1.01}, {"factor": 0.99}, {"layout": "IO"}])
    def test_wrong(wrong, ui_statistics):
        ui_statistics.follows(own(SHAPE, **wrong), SPEC.resolve(SHAPE, layout="OI"))
"""


def test_wrong_initializers_fail_in_the_assertions(pytester: pytest.Pytester, run_apart: Run) -> None:
    """A std 1 % too wide or too narrow, and fans swapped; the right one passes."""
    pytest.importorskip("scipy")
    pytester.makepyfile(OWN)
    run_apart().assert_outcomes(passed=1, failed=3)


# --- golden digests ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("numpy_only")
def test_digests_are_written_compared_and_seen_to_differ(
    golden: Path, pytester: pytest.Pytester, run: Run
) -> None:
    """Written by the option, equal in the next run, and another value fails; no file without digests."""
    pytester.makepyfile(test_without="def test_fine(): pass")
    result = run("--ui-write-golden")
    result.assert_outcomes(passed=4)
    assert not golden.with_name("test_without.golden.json").exists()
    result.stdout.fnmatch_lines(
        ["golden digests written to: test_golden.golden.json: test_kernel[[]1]/kernel, *"]
    )
    tree = json.loads(golden.read_text(encoding="utf-8"))
    names = {test: list(names) for test, names in tree["digests"].items()}
    assert names == {"test_kernel[1]": ["kernel"], "test_kernel[2]": ["kernel"], "test_ones": [""]}
    assert tree["stream"] == ui.STREAM
    run().assert_outcomes(passed=4)
    tree["digests"]["test_ones"][""] = "0" * 64
    golden.write_text(json.dumps(tree), encoding="utf-8")
    result = run()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*'test_ones' has another digest than in test_golden.golden.json: *"])


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_all_modes_have_one_digest(golden: Path, run_apart: Run) -> None:
    """The entries do not name a mode, so that a mode with other bits fails; while writing, too."""
    run_apart("--ui-write-golden").assert_outcomes(passed=17)
    assert len(json.loads(golden.read_text(encoding="utf-8"))["digests"]) == 3
    run_apart("--ui-backends", "jax").assert_outcomes(passed=5)
    test_file = golden.with_name("test_golden.py")
    text = test_file.read_text(encoding="utf-8").replace("seed=0", "seed=len(ui_mode.name)")
    test_file.write_text(text, encoding="utf-8")
    result = run_apart("--ui-write-golden", "--ui-backends", "numpy,jax")
    result.assert_outcomes(passed=3, failed=4)
    result.stdout.fnmatch_lines(["*'test_kernel[[]1]/kernel' has several digests in this run*"])


@pytest.mark.usefixtures("numpy_only", "golden")
def test_a_missing_entry_says_how_to_write_it(run: Run) -> None:
    """With the command, which works, and writes no more than that test's."""
    result = run()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines([
        "test_golden.golden.json has no digest of 'test_ones'. If * is right, write it with",
        "    pytest --ui-write-golden test_golden.py::test_ones",
    ])  # fmt: skip
    run("--ui-write-golden", "test_golden.py::test_ones").assert_outcomes(passed=1)
    run().assert_outcomes(passed=1, failed=2)


@pytest.mark.usefixtures("numpy_only")
def test_an_unused_entry_is_reported_and_then_removed(golden: Path, run: Run) -> None:
    """Of a test that is gone, of a name that is no longer compared; not where only some tests ran."""
    run("--ui-write-golden")
    entries = json.loads(golden.read_text(encoding="utf-8"))["digests"]
    ones = entries["test_ones"] | {"more": "0" * 64}
    stale = {"test_gone": {"": "0" * 64}, "test_ones": ones}
    tree = {"stream": ui.STREAM, "digests": entries | stale}
    golden.write_text(json.dumps(tree), encoding="utf-8")
    result = run()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["golden digests unused: test_golden.golden.json: test_gone, test_ones/more"])
    for part in (("-k", "test_ones"), ("test_golden.py::test_ones",)):
        run(*part).stdout.fnmatch_lines(["golden digests unused: test_golden.golden.json: test_ones/more"])
    assert "golden digests" not in run("-k", "test_kernel").stdout.str()
    result = run("--ui-write-golden")
    result.stdout.fnmatch_lines(["golden digests removed: *: test_gone, test_ones/more"])
    assert json.loads(golden.read_text(encoding="utf-8"))["digests"] == entries


SLASHES = """
    import unified_init as ui
    import pytest

    @pytest.mark.parametrize("case", ["a/b", "a/c"])
    def test_it(ui_golden, case):
        ui_golden(ui.draw(ui.ones(), (3,)), "b/c")

    @pytest.mark.parametrize("other", ["torch", "numpy", "plain"])
    @pytest.mark.parametrize("case", ["a-numpy-b", "numpy"])
    def test_words(ui_golden, ui_mode, case, other):
        ui_golden(ui.draw(ui.ones(), (3,)))
"""
FIRST = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(metafunc):
        if "ui_golden" in metafunc.fixturenames:
            metafunc.parametrize("more", ["numpy"])
"""


@pytest.mark.usefixtures("numpy_only")
def test_a_digest_of_a_test_that_is_skipped_stays(pytester: pytest.Pytester, run: Run) -> None:
    """Also where ids and names have a slash, as entries have between them where people read them."""
    file = pytester.makepyfile(test_slash=SLASHES).with_name("test_slash.golden.json")
    run("--ui-write-golden").assert_outcomes(passed=8)
    text = file.read_text(encoding="utf-8")
    skipping = SLASHES.replace(
        "        ui_golden", '        if case == "a/c": pytest.skip()\n        ui_golden', 1
    )
    pytester.makepyfile(test_slash=skipping)
    result = run("--ui-write-golden")
    result.assert_outcomes(passed=7, skipped=1)
    assert file.read_text(encoding="utf-8") == text
    assert "removed" not in result.stdout.str()


@pytest.mark.usefixtures("numpy_only")
def test_only_the_mode_is_left_out_of_an_id(pytester: pytest.Pytester, run: Run) -> None:
    """Other words of an id may be equal to it, and other hooks may ask to be the first."""
    file = pytester.makepyfile(test_slash=SLASHES).with_name("test_slash.golden.json")
    words = [f"{case}-{other}" for case in ("a-numpy-b", "numpy") for other in ("torch", "numpy", "plain")]
    run("--ui-write-golden", "-k", "test_words").assert_outcomes(passed=6, deselected=2)
    tests = json.loads(file.read_text(encoding="utf-8"))["digests"]
    assert sorted(tests) == sorted(f"test_words[{word}]" for word in words)
    pytester.makeconftest(FIRST)
    pytester.makepyfile(
        test_slash=SLASHES.replace("case, other", "case, other, more").replace("n, case", "n, case, more")
    )
    run("--ui-write-golden").assert_outcomes(passed=8)
    tests = json.loads(file.read_text(encoding="utf-8"))["digests"]
    expected = [f"test_words[numpy-{word}]" for word in words]
    assert sorted(tests) == sorted([*expected, "test_it[numpy-a/b]", "test_it[numpy-a/c]"])


@pytest.mark.usefixtures("numpy_only")
def test_a_run_with_failures_writes_nothing(golden: Path, pytester: pytest.Pytester, run: Run) -> None:
    """Digests of a broken state are not golden."""
    pytester.makepyfile(test_other="def test_broken(): assert False")
    run("--ui-write-golden").assert_outcomes(passed=3, failed=1)
    assert not golden.exists()


BROKEN = ["[]", "{", '{"digests": []}', '{"digests": {"test_ones": "00"}}']


@pytest.mark.usefixtures("numpy_only")
@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("options", [(), ("--ui-write-golden",)], ids=["compared", "written"])
def test_a_file_that_holds_no_digests_is_named(
    options: tuple[str, ...], text: str, golden: Path, run: Run
) -> None:
    """Not a traceback of JSON's reader; it stays as it is."""
    golden.write_text(text, encoding="utf-8")
    result = run(*options)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["test_golden.golden.json is not a file of golden digests: *"])
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.usefixtures("numpy_only")
@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize(
    "options", [(), ("-k", "fine"), ("--ui-write-golden",)], ids=["all", "some", "written"]
)
def test_a_file_of_others_is_not_read(
    options: tuple[str, ...], text: str, golden: Path, pytester: pytest.Pytester, run: Run
) -> None:
    """Beside tests without digests it may be anybody's: no word of it, and it stays."""
    pytester.makepyfile(test_golden="def test_fine(): pass\ndef test_more(): pass")
    golden.write_text(text, encoding="utf-8")
    result = run(*options)
    assert result.ret == pytest.ExitCode.OK
    assert "golden" not in result.stdout.str().replace("test_golden.py", "")
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.usefixtures("numpy_only")
@pytest.mark.parametrize(
    ("options", "status"),
    [((), pytest.ExitCode.OK), (("--ui-write-golden",), pytest.ExitCode.TESTS_FAILED)],
    ids=["compared", "written"],
)
def test_a_broken_file_that_no_test_compared_is_named_at_the_end(
    options: tuple[str, ...], status: int, golden: Path, pytester: pytest.Pytester, run: Run
) -> None:
    """No traceback of pytest's hooks; a run that was to write it fails."""
    pytester.makepyfile(test_golden=GOLDEN.replace("drawn = ", "pytest.skip()\n        drawn = "))
    golden.write_text("{", encoding="utf-8")
    result = run(*options, "-k", "test_kernel")
    assert result.ret == status
    result.stdout.fnmatch_lines(
        ["golden digests in error: *: test_golden.golden.json is not a file of golden digests: *"]
    )


@pytest.mark.usefixtures("numpy_only")
def test_a_file_that_cannot_be_written_fails_the_run(
    golden: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """With a line, not a traceback."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(Path, "write_text", full)
    result = run("--ui-write-golden")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["golden digests in error: test_golden.golden.json: *the disk is full*"])
    assert not golden.exists()


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_refused(text: str, tmp_path: Path) -> None:
    """With its name, and the reason in the words of Python."""
    (tmp_path / "test_it.golden.json").write_text(text, encoding="utf-8")
    with refused(ValueError, hidden="(?<=digests: ).*"):
        unified_init.kit.golden_files.read_digests(tmp_path / "test_it.py")


def test_writing_is_refused_with_several_processes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would write the file of the others."""
    pytest.importorskip("xdist")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(GOLDEN)
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "xdist", "-n", "2", "--ui-write-golden")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*leave out -n*"])


# --- no effect unless asked --------------------------------------------------------------------------

UNRELATED = """
    import sys

    def test_nothing():
        ours = {name for name in sys.modules if name.startswith("unified_init")}
        heavy = {"numpy", "torch", "tensorflow", "jax", "scipy"} & set(sys.modules)
        assert heavy == set()
        assert ours == {ours}
"""
LIGHT = {
    "unified_init", "unified_init.backends", "unified_init.backends.registry", "unified_init.core",
    "unified_init.core.checks", "unified_init.core.imports", "unified_init.core.keras_registration",
    "unified_init.core.peers", "unified_init.core.reprs", "unified_init.errors",
    "unified_init.kit", "unified_init.kit.plugin",
}  # fmt: skip


def installed(folder: Path) -> dict[str, str]:
    """Return the environment of a process in which the plugin is installed as pyproject.toml declares it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["pytest11"]
    home = folder / "unified_init_kit-0.dist-info"
    home.mkdir(exist_ok=True)
    (home / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: unified-init-kit\nVersion: 0\n", encoding="utf-8"
    )
    text = "[pytest11]\n" + "".join(f"{name} = {module}\n" for name, module in points.items())
    (home / "entry_points.txt").write_text(text, encoding="utf-8")
    paths = [str(folder), str(Path(ui.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTEST_ADDOPTS": ""}


def pytest_of(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, where the plugin is installed."""
    others = [f"-pno:{name}" for name in ("xdist", "hypothesispytest", "jaxtyping", "anyio")]
    command = [sys.executable, "-m", "pytest", "-q", *others, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=installed(folder)
    )


def test_an_unrelated_run_imports_nothing_that_draws(pytester: pytest.Pytester) -> None:
    """The entry point loads the plugin; NumPy, frameworks and the rest of this library stay away."""
    pytester.makepyfile(UNRELATED.replace("{ours}", repr(LIGHT)))
    done = pytest_of(pytester.path, "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_entry_point_gives_options_fixtures_and_marker(pytester: pytest.Pytester) -> None:
    """As a user finds them."""
    assert "--ui-backends" in pytest_of(pytester.path, "--help").stdout
    assert "ui_modes(*names, compiled=None)" in pytest_of(pytester.path, "--markers").stdout
    fixtures = pytest_of(pytester.path, "--fixtures").stdout
    assert all(f"{name} " in fixtures for name in ("ui_mode", "ui_backends", "ui_statistics", "ui_golden"))


def test_the_plugin_is_that_of_the_package() -> None:
    """The entry point in pyproject.toml names a module that pytest can load."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, module),) = project["entry-points"]["pytest11"].items()
    point = importlib.metadata.EntryPoint(name, module, "pytest11")
    assert (name, point.load().__name__) == ("unified_init", "unified_init.kit.plugin")
