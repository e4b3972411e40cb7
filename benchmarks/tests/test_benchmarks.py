"""The benchmarks: their arithmetic, their files, and that both sides of each comparison do the same work.

No test asserts a time. The clocks here are lists.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import math
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchmarks import (
    cases,
    chart,
    command,
    index_cases,
    model_process,
    processes,
    results,
    save_process,
    shapes,
)
from benchmarks.timing import Effort, Pair, Series, measure

import unified_init as ui
from unified_init import testing
from unified_init.drawing.digests import digest, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SMALL = (96, 64)
NEEDS = {"torch": ("torch",), "tensorflow": ("tensorflow", "keras"), "jax": ("jax",)}
EACH_FRAMEWORK = pytest.mark.parametrize(
    "framework",
    ["numpy", *(pytest.param(name, marks=pytest.mark.needs(*needs)) for name, needs in NEEDS.items())],
)
NEEDS_MATPLOTLIB = pytest.mark.skipif(not importlib.util.find_spec("matplotlib"), reason="no matplotlib")
IN_PROCESS = ("bulk", "latency", "first", "scaling", "layouts", "index", "nocompiler", "apply")


def result(**changes: Any) -> results.Result:
    """Return a result whose ratios are 0.25, 0.5 and 1."""
    fields: dict[str, Any] = {
        "group": "bulk", "framework": "torch", "law": "normal", "way": "in place", "shape": (4, 8),
        "dtype": "float32", "against": "torch.nn.init.normal_", "unit": "s", "ours": (0.0005, 0.001, 0.003),
        "native": (0.002, 0.002, 0.003), "target": 0.5,
    }  # fmt: skip
    return results.Result(**(fields | changes))


def pair_of(case: cases.Case) -> Pair:
    """Return the two calls of a case."""
    pair: Pair = importlib.import_module(f"benchmarks.{case.framework}_cases").pair(case)
    return pair


def small(case: cases.Case) -> cases.Case:
    """Return a case at a size at which it costs nothing, not square so that a transposition shows."""
    return cases.Case(case.group, case.framework, case.law, case.way, SMALL, case.dtype)


def copied(tensor: Any) -> Any:
    """Return the values of a tensor of any framework, as they are now."""
    return values_of(tensor, "tensor").copy()


# --- measuring ------------------------------------------------------------------------------------


class Clock:
    """Seconds that pass only when a call says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds now."""
        return self.now

    def takes(self, *seconds: float) -> Callable[[int], float]:
        """Return a call that takes so long, each time the next of some durations."""
        left = iter(seconds)

        def call(_: int) -> float:
            self.now += next(left)
            return self.now

        return call


def test_pairs_are_measured_in_turns_after_warming_up() -> None:
    """Ours, native, ours, native, each told how many came before; the first pairs are not counted."""
    clock, called = Clock(), []
    ours, native = clock.takes(100.0, 1.0, 2.0, 3.0), clock.takes(100.0, 4.0, 4.0, 4.0)

    def recorded(side: str, call: Callable[[int], float]) -> Callable[[int], float]:
        return lambda i: called.append((side, i)) or call(i)  # type: ignore[func-returns-value]

    pair = Pair(recorded("ours", ours), recorded("native", native), "a list")
    series = measure(pair, Effort(seconds=0.0, least=3, most=9), clock=clock)
    assert series == Series((1.0, 2.0, 3.0), (4.0, 4.0, 4.0))
    assert called == [(side, i) for i in range(4) for side in ("ours", "native")]
    assert series.ratios() == (0.25, 0.5, 0.75)
    assert series.ratio() == 0.5
    assert series.quartiles() == (0.375, 0.625)


def test_ratios_are_of_pairs_and_not_of_medians() -> None:
    """What slows both calls of a pair leaves its ratio alone: the medians' ratio would be 1 here."""
    series = Series((1.0, 10.0, 100.0), (2.0, 10.0, 400.0))
    assert series.ratio() == 0.5
    assert Series((3.0,), (4.0,)).quartiles() == (0.75, 0.75)


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 2), (9.0, 3), (9.1, 4), (1000.0, 5)])
def test_repeats_fill_the_time_within_limits(seconds: float, expected: int) -> None:
    """Pairs of 3 s are repeated until the seconds have passed, at least 2 and at most 5 times."""
    clock = Clock()
    pair = Pair(clock.takes(*[1.0] * 9), clock.takes(*[2.0] * 9), "a list")
    effort = Effort(seconds=seconds, least=2, most=5, warm=0)
    assert len(measure(pair, effort, clock=clock).ours) == expected


def test_short_calls_share_a_look_at_the_clock() -> None:
    """With 4 calls a look, the time of one is a quarter, and no two calls have the same number."""
    clock, seen = Clock(), []

    def ours(i: int) -> None:
        seen.append(i)
        clock.now += 2.0

    series = measure(Pair(ours, clock.takes(*[1.0] * 12), ""), Effort(0.0, 2, 2), calls=4, clock=clock)
    assert series == Series((2.0, 2.0), (1.0, 1.0))
    assert seen == list(range(12))


def test_returned_tensors_are_freed_between_calls() -> None:
    """No tensor of an earlier call is alive when the next one starts."""
    alive: list[weakref.ref[Any]] = []

    def call(_: int) -> Any:
        assert [one for one in alive if one() is not None] == []
        made = np.zeros(8)
        alive.append(weakref.ref(made))
        return made

    measure(Pair(call, call, ""), Effort(0.0, 3, 3))
    assert len(alive) == 8


@pytest.mark.parametrize("fails", [False, True])
def test_no_garbage_is_collected_while_measuring(*, fails: bool) -> None:
    """The collector is off for measured calls, and on again after them, failed or not."""
    states = []

    def native(i: int) -> None:
        states.append(gc.isenabled())
        if fails and i == 2:
            raise ZeroDivisionError

    assert gc.isenabled()
    try:
        measure(Pair(lambda _: None, native, ""), Effort(0.0, 2, 2))
    except ZeroDivisionError:
        assert fails
    assert gc.isenabled()
    assert states == [True, False, False]


# --- results --------------------------------------------------------------------------------------


def test_a_result_survives_json(tmp_path: Path) -> None:
    """A line gives the same result back, figures to the last bit; a file gives all of them, in order."""
    odd = result(ours=(0.1, 1 / 3, 2e-9), target=None, unit="MiB", bound="ours")
    assert results.Result.from_json(odd.to_json()) == odd
    even = result(ours=(0.1, 0.3333, 2e-9), target=None, unit="MiB", bound="ours")
    (tmp_path / "run.json").write_text(command.report([even, result()], {"cpu": "x"}, quick=False), "utf-8")
    assert command.read(tmp_path / "run.json") == [even, result()]


def test_a_file_has_four_digits_of_each_figure(tmp_path: Path) -> None:
    """Of ours and of the native, large or small; what is written leaves the result as it was measured."""
    measured = result(ours=(1 / 3, 0.000123456), native=(12345.678, 0.0))
    path = tmp_path / "run.json"
    path.write_text(command.report([measured], {}, quick=False), "utf-8")
    assert command.read(path) == [result(ours=(0.3333, 0.0001235), native=(12350.0, 0.0))]
    assert measured.ours == (1 / 3, 0.000123456)


def test_the_table_shows_ratio_quartiles_and_target() -> None:
    """A row holds both medians, the median ratio with its quartiles, the target and whether it is met."""
    rows = [result(), result(law="uniform", way="returned", target=0.4, against="torch.rand")]
    figures = "1 ms  2 ms    0.500 [0.375, 0.750]"
    assert results.table(rows).splitlines() == [
        f"{'case':31}  framework  ours  native  {'ratio [quartiles]':20}  target  met  against",
        "  ".join("-" * width for width in (31, 9, 4, 6, 20, 6, 3, 21)),
        f"normal 4 x 8 float32, in place   torch      {figures}  <= 0.5  yes  torch.nn.init.normal_",
        f"uniform 4 x 8 float32, returned  torch      {figures}  <= 0.4  NO   torch.rand",
    ]


def test_memory_is_judged_by_our_own_figure() -> None:
    """A limit in MiB is met whatever the native takes, and no ratio is shown."""
    memory = result(unit="MiB", bound="ours", ours=(31.0, 32.0, 33.0), native=(0.0, 0.0, 0.0), target=32.0)
    assert memory.met() is True
    assert results.row(memory)[2:7] == ("32.0 MiB", "0.0 MiB", "-", "<= 32 MiB", "yes")
    assert result(unit="MiB", bound="ours", ours=(32.1,), native=(90.0,), target=32.0).met() is False


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.345, "12.3 s"), (1.0, "1 s"), (0.0123, "12.3 ms"), (4.5e-6, "4.5 us")]
)
def test_times_have_a_unit_that_fits(seconds: float, text: str) -> None:
    """Three digits in seconds, milliseconds or microseconds."""
    assert results.amount(seconds, "s") == text


# --- what is compared -----------------------------------------------------------------------------


def test_every_target_belongs_to_a_case() -> None:
    """No target is lost by a misspelt key: each is that of a full-size case or of a model."""
    found = {
        (case.group, case.framework, case.law, case.way): case.target
        for group in IN_PROCESS
        for framework in cases.FRAMEWORKS
        for case in cases.cases(group, framework, threads=1)
        if case.target is not None
    }
    models = {
        ("models", framework, model, "from process start"): target
        for framework in cases.FRAMEWORKS
        for model in shapes.MODELS
        if (target := cases.target_of("models", framework, model, "from process start")) is not None
    }
    assert found | models == cases.TARGETS


def test_quick_cases_have_no_target() -> None:
    """A small tensor is not held to what a large one reaches."""
    for group in IN_PROCESS:
        for framework in cases.FRAMEWORKS:
            full = cases.cases(group, framework, threads=2)
            quick = cases.cases(group, framework, quick=True, threads=2)
            assert [one.target for one in quick if one.target is not None] == []
            assert [one.law for one in quick] == [one.law for one in full] or group == "scaling"
            assert all(math.prod(one.shape) <= 2**16 or len(one.shape) == 4 for one in quick)


def test_scaling_goes_to_the_largest_size_if_asked() -> None:
    """Sizes are 2**10, 2**12, ... 2**26, and 2**28 with ``large``; one comparison is of threads."""
    assert [one.shape[0] for one in cases.cases("scaling", "jax", threads=1)] == [
        2**power for power in range(10, 27, 2)
    ]
    assert cases.cases("scaling", "jax", large=True, threads=1)[-1].shape == (2**28,)
    ways = {one.way for one in cases.cases("scaling", "numpy", threads=2)}
    assert ways == {"in place, 2 threads", "in place, 2 threads against 1"}


@pytest.mark.parametrize("framework", cases.FRAMEWORKS)
def test_small_cases_are_those_of_bulk(framework: str) -> None:
    """What is warm and small is compared in the ways that the test below compares."""
    bulk = {(one.law, one.way) for one in cases.cases("bulk", framework)}
    latency = {(one.law, one.way) for one in cases.cases("latency", framework)}
    assert latency <= bulk


@EACH_FRAMEWORK
def test_both_sides_return_the_same_thing(framework: str) -> None:
    """Ours and native agree in class, shape, type and law.

    The law only in float32: in bfloat16 the natives' own law is another, coarser one. A false alarm comes
    once in 10**9 cases; a std 10 % off fails with a power above 0.99 at this size. A fill has no law.
    """
    for case in map(small, cases.cases("bulk", framework)):
        if case.way.endswith("plain fill"):
            continue
        pair = pair_of(case)
        ours, name = pair.ours(0), case.label()
        kept = copied(ours) if case.dtype == "float32" else None  # in place, both are one tensor
        native = pair.native(0)
        assert type(ours) is type(native) or case.way == "in place", name
        if native is not None:
            assert tuple(ours.shape) == tuple(native.shape) == SMALL, name
            assert ours.dtype == native.dtype, name
            assert case.dtype in str(native.dtype), name
        if kept is not None:
            testing.assert_same_law(kept, copied(native if native is not None else ours))


@EACH_FRAMEWORK
def test_a_native_side_of_another_law_would_fail(framework: str) -> None:
    """The comparison above tells the normal from the uniform, and from a normal with a std of 0.9."""
    case = cases.Case("bulk", framework, "normal", "returned", SMALL)
    other = cases.Case("bulk", framework, "uniform", "returned", SMALL)
    ours, native = copied(pair_of(case).ours(0)), copied(pair_of(case).native(0))
    for wrong in (copied(pair_of(other).native(0)), 0.9 * native):
        with pytest.raises(AssertionError, match="do not have the same law"):
            testing.assert_same_law(ours, wrong)


@EACH_FRAMEWORK
def test_parts_are_as_many_values_as_the_whole(framework: str) -> None:
    """A part has the shape of what it is compared with, and shards are the whole, each value once."""
    for case in cases.cases("index", framework, quick=True):
        calls = index_cases.pair(case)
        if "shards" not in case.way:
            assert tuple(calls.ours(1).shape) == tuple(calls.native(1).shape) == case.shape
    for way, count in cases.SHARDS.items():
        seen = np.zeros(SMALL, int)
        pieces = index_cases.parts(SMALL, count, way.removesuffix(", in place").rpartition(" ")[2])
        for piece in pieces:
            seen[piece] += 1
        assert len(pieces) == count
        assert (seen == 1).all()


@EACH_FRAMEWORK
def test_a_floor_writes_one_value(framework: str) -> None:
    """The floor fills the same shape and type with one value, another each time."""
    case = next(small(one) for one in cases.cases("bulk", framework) if one.way.endswith("plain fill"))
    pair = pair_of(case)
    ours = pair.ours(0)
    assert tuple(ours.shape) == SMALL
    native = pair.native(3)
    assert set(copied(ours if native is None else native).ravel().tolist()) == {3.0}


@EACH_FRAMEWORK
def test_warm_calls_have_a_fresh_name_each(framework: str) -> None:
    """No draw of ours repeats an earlier one: nothing can be remembered."""
    pair = pair_of(cases.Case("latency", framework, "normal", "returned", (8, 8)))
    assert len({digest(pair.ours(i)) for i in range(4)}) == 4


@pytest.mark.parametrize(
    "framework", [pytest.param(name, marks=pytest.mark.needs(*NEEDS[name])) for name in ("tensorflow", "jax")]
)
@pytest.mark.parametrize("way", ["returned", "traced"])
def test_first_calls_never_meet_a_shape_again(way: str, framework: str) -> None:
    """Call i of both sides has the shape (rows + i, columns), and their law is one."""
    pair = pair_of(cases.Case("first", framework, "normal", way, SMALL))
    for i in range(2):
        ours, native = pair.ours(i), pair.native(i)
        assert tuple(ours.shape) == tuple(native.shape) == (SMALL[0] + i, SMALL[1])
        assert ours.dtype == native.dtype
        testing.assert_same_law(copied(ours), copied(native))


def test_layouts_compared_hold_one_logical_tensor() -> None:
    """Both sides of a layout case are bit for bit the same tensor, stored in two ways."""
    found = cases.cases("layouts", "numpy", quick=True)
    assert len(found) == 6
    for case in found:
        shape = (48, 40, 3, 2)[: len(case.shape)]
        pair = pair_of(cases.Case("layouts", "numpy", case.law, case.way, shape, case.dtype))
        stored, _, plain = case.way.partition(" against ")
        ours, native = pair.ours(0), pair.native(0)
        assert ours.shape != native.shape
        assert ours.dtype.name == case.dtype
        testing.assert_identical(ours, native, stored, plain)


def test_thread_cases_leave_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each side runs under its own number of threads, and the variable is then what it was."""
    import os

    from benchmarks import numpy_cases

    seen: list[str | None] = []
    monkeypatch.setattr(ui, "fill", lambda *_, **__: seen.append(os.environ.get(numpy_cases.THREADS)))
    pair = pair_of(cases.Case("scaling", "numpy", "normal", "in place, 2 threads against 1", (64,)))
    for before in (None, "7"):
        if before is None:
            monkeypatch.delenv(numpy_cases.THREADS, raising=False)
        else:
            monkeypatch.setenv(numpy_cases.THREADS, before)
        pair.ours(0)
        pair.native(0)
        assert os.environ.get(numpy_cases.THREADS) == before
    assert seen == ["2", "1", "2", "1"]


# --- whole models ---------------------------------------------------------------------------------


def test_resnet50_is_the_published_one() -> None:
    """161 parameters with 25,557,032 values: 53 convolutions, as many normalizations, one classifier."""
    found = shapes.resnet50("torch")
    assert len({one.name for one in found}) == len(found) == 161
    assert sum(math.prod(one.shape) for one in found) == 25_557_032
    assert sum(one.layout == "OIHW" for one in found) == 53
    assert found[0].shape == (64, 3, 7, 7)
    assert found[0].std == math.sqrt(2 / (64 * 49))
    assert [one.shape for one in found[-2:]] == [(1000, 2048), (1000,)]


def test_models_are_stored_as_their_framework_does() -> None:
    """Keras and JAX have channels last; each tensor is the other's with its axes moved."""
    for ours, theirs in zip(shapes.resnet50("torch"), shapes.resnet50("jax"), strict=True):
        assert dict(zip(ours.layout, ours.shape, strict=True)) == dict(
            zip(theirs.layout, theirs.shape, strict=True)
        )
        assert (ours.name, ours.std, ours.value) == (theirs.name, theirs.std, theirs.value)
    assert {one.layout for one in shapes.resnet50("tensorflow")} == {"HWIO", "IO", "O"}


def test_gpt2_small_is_the_example() -> None:
    """148 parameters with 124,439,808 values; residual projections have the smaller std."""
    found = {one.name: one for one in shapes.gpt2_small("torch")}
    assert len(found) == 148
    assert sum(math.prod(one.shape) for one in found.values()) == 124_439_808
    assert found["transformer.h.0.mlp.c_proj.weight"].std == pytest.approx(0.02 / math.sqrt(24), rel=1e-15)
    assert found["transformer.ln_f.weight"] == shapes.Parameter(
        "transformer.ln_f.weight", (768,), "O", None, 1.0
    )


@EACH_FRAMEWORK
def test_both_sides_make_the_same_model(framework: str) -> None:
    """Tensor by tensor, class, shape, type and law are one, constants to the bit."""
    parameters = [
        shapes.Parameter("conv", (3, 3, 16, 32), "HWIO", 0.05),
        shapes.Parameter("c", (96, 64), "IO", 2.0),
        shapes.Parameter("scale", (16,), "O", None, 1.0),
        shapes.Parameter("offset", (16,), "O", None),
    ]
    ours, native = (side(framework, parameters) for side in model_process.SIDES.values())
    for parameter, one, other in zip(parameters, ours, native, strict=True):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        assert tuple(one.shape) == tuple(other.shape) == parameter.shape
        if parameter.std is None:
            testing.assert_identical(one, other)
        else:
            testing.assert_same_law(copied(one), copied(other))


# --- processes ------------------------------------------------------------------------------------


def test_without_a_compiler_the_reference_draws() -> None:
    """The group `nocompiler` measures two laws, and in its process the reference draws."""
    found = list(processes.measured("nocompiler", "numpy", quick=True))
    assert [(one.law, one.shape) for one in found] == [("normal", (256, 256)), ("uniform", (256, 256))]
    script = (
        "import sys; sys.argv = ['', 'nocompiler', 'numpy', '--quick']\n"
        "from benchmarks.case_process import main; main()\n"
        "import unified_init.stream.host as host; print(host.default_runner().name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "NumPy"


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_sees_a_temporary_tensor() -> None:
    """NumPy's own bfloat16 goes through a float32 tensor: 64 MiB beyond an output of 32 MiB."""
    arguments = ["benchmarks.memory_process", "numpy", "normal", "bfloat16", "24", "native"]
    (line,) = processes._lines(arguments)
    assert 60.0 < float(line) < 75.0


def test_a_model_process_says_when_it_is_ready() -> None:
    """The parent takes the time at the line that the process prints last."""
    (line,) = processes._lines(["benchmarks.model_process", "resnet50", "numpy", "native"])
    assert line == model_process.READY


def test_models_are_timed_beside_the_import_of_their_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, native and the import in turns; the import is compared with the same native times."""
    asked: list[tuple[str, str, str]] = []
    seconds = {"ours": 3.0, "native": 4.0, "import": 2.0}

    def timed(model: str, framework: str, side: str) -> float:
        asked.append((model, framework, side))
        return seconds[side]

    monkeypatch.setattr(processes, "_seconds", timed)
    whole, alone = processes.measured("models", "torch", quick=True)
    assert asked == [("gpt2_small", "torch", side) for side in ("ours", "native", "import")]
    assert (whole.way, whole.ours, whole.native) == (cases.STARTED, (3.0,), (4.0,))
    assert (alone.way, alone.ours, alone.native) == (cases.IMPORTED, (2.0,), (4.0,))


@pytest.mark.parametrize("framework", ["numpy", pytest.param("torch", marks=pytest.mark.needs("torch"))])
def test_an_import_makes_nothing(framework: str) -> None:
    """Only the framework is imported, and not this library."""
    assert model_process.weights("resnet50", framework, model_process.IMPORT) == []
    script = f"import sys, benchmarks.model_process as m; m.weights('resnet50', '{framework}', m.IMPORT)"
    checked = f"{script}; print('{framework}' in sys.modules, 'unified_init' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", checked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


def test_processes_may_keep_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a source tree would be compiled in every process, and what pip installed would not."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    seen: list[dict[str, str]] = []
    right = subprocess.Popen

    def started(*arguments: Any, **options: Any) -> Any:
        seen.append(options["env"])
        return right(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", started)
    list(processes._lines(["benchmarks.model_process", "resnet50", "numpy", "import"]))
    assert "PYTHONDONTWRITEBYTECODE" not in seen[0]


def test_a_failed_process_is_an_error_with_what_it_said() -> None:
    """Its arguments, its exit status and the end of its log are in the message."""
    with pytest.raises(processes.BenchmarkError) as caught:
        list(processes._lines(["benchmarks.case_process", "bulk", "fortran"]))
    message = str(caught.value)
    assert message.startswith("benchmarks.case_process bulk fortran ended with 2: usage:")
    assert "invalid choice: 'fortran'" in message


def test_a_model_process_without_weights_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends well and never was ready gives no time."""
    monkeypatch.setattr(processes, "_lines", lambda _: iter(["something else"]))
    with pytest.raises(processes.BenchmarkError) as caught:
        processes._seconds("resnet50", "numpy", "ours")
    assert str(caught.value) == "resnet50 in numpy, ours: the process ended without weights"


# --- the command and the chart --------------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure nothing: one result that misses its target, then, in JAX, a failure."""

    def fake(group: str, framework: str, **_: bool) -> Iterator[results.Result]:
        yield result(group=group, framework=framework, target=0.1)
        if framework == "jax":
            message = "it broke"
            raise processes.BenchmarkError(message)

    monkeypatch.setattr(processes, "measured", fake)
    monkeypatch.setattr(processes, "installed", lambda names: list(names or cases.FRAMEWORKS))


@pytest.mark.usefixtures("measured")
def test_no_figure_makes_it_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missed target is shown, not an error; the groups asked for are measured, in the usual order."""
    path = tmp_path / "figures.json"
    assert command.main(["latency", "bulk", "--framework", "torch", "--json", str(path), "--busy"]) == 0
    assert [(one.group, one.framework) for one in command.read(path)] == [
        ("bulk", "torch"),
        ("latency", "torch"),
    ]
    shown = capsys.readouterr().out
    assert shown.count("  <= 0.1  NO   ") == 2
    assert "\ncpu: " in shown
    assert f"numpy {np.__version__}" in shown


@pytest.mark.usefixtures("measured")
def test_what_could_not_be_measured_makes_it_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are measured, what came before the failure is kept, and the failure is told."""
    path = tmp_path / "figures.json"
    assert command.main(["bulk", "--json", str(path), "--busy"]) == 1
    assert [one.framework for one in command.read(path)] == list(cases.FRAMEWORKS)
    assert "  FAILED: it broke\n" in capsys.readouterr().err


def test_a_busy_machine_writes_no_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ratios shift there: the command says so, and measures nothing. A third of the processors is too much."""
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.01, 0.0, 0.0), raising=False)
    path = tmp_path / "figures.json"
    assert command.main(["bulk", "--framework", "numpy", "--json", str(path)]) == 2
    assert "the machine is busy (load 1.01)" in capsys.readouterr().err
    assert not path.exists()
    monkeypatch.setattr(os, "getloadavg", lambda: (0.99, 0.0, 0.0), raising=False)
    assert not command.is_busy()


def test_the_chart_shows_what_tells() -> None:
    """Floors, memory and laws that repeat another one are left out; a bar has ratio and quartiles."""
    shown = result(shape=(4096, 4096))
    hidden = [
        result(way="in place, against a plain fill"),
        result(law="kaiming_normal"),
        result(law="truncated_normal", way="returned"),
        result(law="uniform", dtype="bfloat16"),
        result(group="memory", unit="MiB", bound="ours"),
        result(framework="jax"),
    ]
    text = "normal 4096 \N{MULTIPLICATION SIGN} 4096, in place"
    assert chart.bars([*hidden, shown], "torch") == [chart.Bar(text, 0.5, 0.375, 0.75)]


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.1, "10.0x faster"),
        (0.99, "the same"),
        (1.02, "the same"),
        (1.5, "1.5x the time"),
        (0.9, "1.1x faster"),
    ],
)
def test_bars_say_their_ratio_in_words(ratio: float, text: str) -> None:
    """Faster, the same within 3 %, or so many times the time."""
    assert chart._beside(ratio) == text.replace("x ", "\N{MULTIPLICATION SIGN} ")


@NEEDS_MATPLOTLIB
def test_the_chart_is_a_png_of_its_width(tmp_path: Path) -> None:
    """1800 dots across, taller with more bars; without results there is none."""
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    chart.write([result()], one, note="a processor")
    chart.write([result(), result(framework="jax", group="models", law="resnet50")], two)
    sizes = [np.frombuffer(path.read_bytes()[16:24], dtype=">u4").tolist() for path in (one, two)]
    assert [width for width, _ in sizes] == [1800, 1800]
    assert sizes[0][1] < sizes[1][1]
    chart.write([], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_an_update_keeps_what_was_not_measured_again(tmp_path: Path) -> None:
    """A group of a framework is replaced whole, another is kept, and the order is that of a full run."""
    path = tmp_path / "figures.json"
    old = [result(group="bulk", framework="jax"), result(group="latency", framework="torch")]
    path.write_text(command.report(old, command.surroundings(), quick=True), encoding="utf-8")
    options = ["nocompiler", "--framework", "numpy", "--quick", "--json", str(path), "--update"]
    assert command.main(options) == 0
    found = command.read(path)
    assert found[:2] == old
    assert {(one.group, one.framework) for one in found[2:]} == {("nocompiler", "numpy")}
    again = command.merged(found, [result(group="latency", framework="torch", law="uniform")])
    assert [one.law for one in again if one.group == "latency"] == ["uniform"]
    assert [one.group for one in again[:2]] == ["bulk", "latency"]


# --- a folder of weights ----------------------------------------------------------------------------


def test_a_decoder_has_about_the_bytes_that_are_asked_for() -> None:
    """Of a table and a head alone up to all of a 7B model, and never more."""
    for gigabytes in (0.01, 0.5, 1.0, 2.14, 7.0):
        size = 2 * sum(math.prod(record.shape) for record in save_process.decoder(int(gigabytes * 1e9)))
        assert 0.7 * gigabytes * 1e9 <= size <= 1.1 * gigabytes * 1e9
    assert sum(math.prod(record.shape) for record in save_process.decoder(10**12)) == 6_738_415_616


def test_a_small_folder_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five lines, and nothing is left on the disk."""
    save_process.main(["0.001", "--folder", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    words = [line.partition(" ")[0] for line in lines]
    assert words == ["0.00", "as", "through", lines[3].split()[0], "verified:"]
    assert list(tmp_path.iterdir()) == []
