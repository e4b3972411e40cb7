"""Inputs at the edges of what the arithmetic holds, and settings of the process that must not matter."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.stream import host, numpy_runner, threefry

NORMAL = ui.normal(0.0, 1.0)


def test_a_law_narrower_than_its_parent_allows_is_refused() -> None:
    """Where the realized std falls below 2**-90, float32 would need subnormal numbers."""
    spec = ui.truncated_normal(0, 2.0**-85, 0, 1e-4)
    with refused(ui.UnifiedInitError):
        ui.draw(spec, 3, seed=1)


def test_far_bounds_cost_nothing() -> None:
    """PyTorch's default bounds of a small std lie a thousand sigmas out, and are no bounds at all."""
    wide = ui.draw(ui.trunc_normal(std=0.002), 1000, seed=0)
    assert wide.tobytes() == ui.draw(ui.normal(0.0, 0.002), 1000, seed=0).tobytes()
    one_sided = ui.draw(ui.truncated_normal(0, 1, -1e200, 2), 1000, seed=0)
    assert one_sided.tobytes() == ui.draw(ui.truncated_normal(0, 1, -math.inf, 2), 1000, seed=0).tobytes()


def test_a_quantile_function_may_work_in_place() -> None:
    """What the function does to its argument changes nothing."""

    def in_place(p: Any) -> Any:
        p *= 2
        p -= 1
        return p

    assert ui.from_quantile(in_place, low=-1.0, high=1.0) == ui.from_quantile(
        lambda p: 2 * p - 1, low=-1.0, high=1.0
    )


def test_discrete_laws_and_batches_are_refused() -> None:
    """A table interpolates, so it can hold one continuous law."""
    with refused(ui.UnifiedInitError, hidden="(?<=discrete )<.*>"):
        ui.from_quantile(stats.poisson(3))
    with refused(ui.UnifiedInitError):
        ui.from_quantile(stats.norm(loc=[0, 1]))


def test_settings_of_floating_point_errors_change_nothing() -> None:
    """np.errstate(all="raise") neither raises nor leaves a tensor half written, on any thread."""
    spec = ui.normal(0.0, 1.8e-3)
    expected = ui.draw(spec, 300_000, seed=1, name="w", dtype="float16")
    target = np.zeros(300_000, dtype=np.float16)
    with np.errstate(all="raise"):
        drawn = ui.draw(spec, 300_000, seed=1, name="w", dtype="float16")
        ui.fill(target, spec, seed=1, name="w")
        ui.draw(ui.constant(1e-30), 3, dtype="float16")
        ui.draw(ui.uniform(-3e38, 3e38), 3, seed=0)
    assert drawn.tobytes() == target.tobytes() == expected.tobytes()


def test_arrays_that_overlap_themselves_are_refused() -> None:
    """Two elements in one place cannot hold two values."""
    view = np.lib.stride_tricks.as_strided(np.zeros(4, dtype=np.float32), (6, 4), (0, 4), writeable=True)
    with refused(ui.UnifiedInitError):
        ui.fill(view, NORMAL, seed=0, name="w")


@pytest.mark.parametrize("shape", [(2**62,), (2**45, 3), (1,) * 65])
def test_tensors_that_cannot_be_had_are_refused_before_a_generator_is_read(shape: tuple[int, ...]) -> None:
    """Too large, or of too many axes: our error, and the generator is where it was."""
    generator = np.random.default_rng(0)
    state = generator.bit_generator.state
    with refused(ui.UnifiedInitError, hidden="(?<=cannot be allocated: ).*"):
        ui.draw(NORMAL, shape, seed=generator)
    assert generator.bit_generator.state == state


def test_steps_and_offsets_beyond_int64_are_met() -> None:
    """A step past the end keeps the first; complex128 counters of far elements wrap as words do."""
    options: dict[str, Any] = {"seed": 1, "layout": "(BO)", "sizes": {"B": 3}}
    whole = ui.draw(NORMAL, (6,), **options)
    assert ui.draw(NORMAL, (6,), index=(slice(2, None, 2**70),), **options).tolist() == [whole[2]]
    far = ui.draw(NORMAL, (2**31, 2**31), seed=1, index=(2**31 - 1, 2**31 - 1), dtype="complex128")
    assert np.isfinite(far)


def test_json_with_a_field_twice_is_refused() -> None:
    """JSON would keep the last without a word."""
    text = ui.to_json(NORMAL).replace('"factor": 1.0', '"factor": 1.0, "factor": 2.0')
    with refused(ui.UnifiedInitError):
        ui.from_json(text)


def test_constants_that_are_no_arrays_are_refused() -> None:
    """Endless nesting, and arrays whose values are not there."""
    nested: Any = 1.0
    for _ in range(5000):
        nested = [nested]
    with refused(ui.UnifiedInitError):
        ui.constant(nested)
    data = json.loads(ui.to_json(ui.constant(1.0)))
    for _ in range(400):
        data["distribution"]["value"] = [data["distribution"]["value"]]
    with refused(ui.UnifiedInitError):
        ui.from_json(json.dumps(data))

    class Unknown:
        """An array whose values cannot be read."""

        def tolist(self) -> None:
            """Fail as a traced array does."""
            raise RuntimeError

        def __repr__(self) -> str:
            """Say what it is."""
            return "Unknown()"

    value: Any = Unknown()
    with refused(ui.UnifiedInitError):
        ui.constant(value)


def test_a_subclass_of_a_rule_is_no_rule() -> None:
    """The vocabulary is closed: what JSON could not say is not accepted."""

    class Mine(ui.Fixed):
        """A rule of one's own."""

    with refused(ui.ArgumentTypeError):
        ui.Initializer(ui.Normal(), Mine(1.0))


def test_without_a_compiled_runner_the_reference_draws_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An installation without a compiler: a warning at the first draw, none afterwards, and the same bits."""
    expected = ui.draw(ui.normal(0.0, 1.0), (30, 50), seed=3, name="w")
    monkeypatch.setitem(sys.modules, "unified_init.stream.c_runner", None)  # importing it raises
    monkeypatch.delattr("unified_init.stream.c_runner", raising=False)
    monkeypatch.setattr(host, "_told", [])
    host._choice.cache_clear()
    try:
        with pytest.warns(
            RuntimeWarning, match=r"^no compiled runner: .*\. Drawing in NumPy, with the same bits"
        ):
            assert host.default_runner().prepare is numpy_runner.prepare
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawn = ui.draw(ui.normal(0.0, 1.0), (30, 50), seed=3, name="w")
        assert drawn.tobytes() == expected.tobytes()
    finally:
        host._choice.cache_clear()


@pytest.mark.needs("c")
@pytest.mark.parametrize("fault", ["absent", "older", "broken", "without its source"])
def test_a_library_that_cannot_be_used_is_known(fault: str, tmp_path: Path) -> None:
    """Where it is not there, is of another source, or does not load, the reason is in the warning."""
    from unified_init.stream import c_runner

    package = Path(ui.__file__).parent
    copy = tmp_path / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    library = copy / "stream" / c_runner.LIBRARY.name
    if fault == "absent":
        library.unlink()
    elif fault == "older":
        with library.with_name("c_runner.c").open("a", encoding="utf-8") as file:
            file.write("/* changed */")
    elif fault == "broken":
        library.write_bytes(b"no library")
    else:
        library.with_name("c_runner.c").unlink(missing_ok=True)  # a wheel has none
    reason = {
        "absent": "was not compiled when the package was installed",
        "older": "was compiled from another c_runner.c",
        "broken": "does not load",
    }
    code = "import unified_init as ui; print(ui.digest(ui.draw(ui.normal(0, 1), (4, 4), seed=0, name='w')))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ui.digest(ui.draw(ui.normal(0.0, 1.0), (4, 4), seed=0, name="w"))
    if fault == "without its source":  # as some packagers leave it: nothing is wrong with the library
        assert done.stderr == ""
        return
    assert reason[fault] in done.stderr
    assert done.stderr.count("RuntimeWarning") == 1


@pytest.mark.needs("c")
def test_names_have_the_same_keys_in_both_runners() -> None:
    """The C runner derives them too."""
    from unified_init.stream import c_runner

    for root in ((0, 0), (2**32 - 1, 7), (5, 2**31)):
        for name in ("", "w", "layer0/kernel", "\u00e9" * 40):
            assert c_runner.named_key(root, name) == threefry.named_key(root, name)


def test_the_number_of_threads_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A positive number counts; anything else is as if it were not there."""
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")
    assert host.thread_count() == 3
    monkeypatch.delenv("UNIFIED_INIT_NUM_THREADS")
    default = host.thread_count()
    for text in ("0", "-2", "many", ""):
        monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", text)
        assert host.thread_count() == default


def test_without_affinity_all_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every system says which of them the process may use."""
    monkeypatch.delenv("UNIFIED_INIT_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert host.thread_count() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert host.thread_count() == 1


def test_an_array_of_a_truth_value_is_no_length() -> None:
    """True is 1 for ``operator.index``; its arrays are refused as it is."""
    length: Any = np.array(1, dtype=bool)
    with refused(ui.UnifiedInitError):
        ui.draw(ui.ones(), (3, length))
    with refused(ui.UnifiedInitError):
        ui.draw(ui.ones(), (3, True))


def test_a_tabulated_law_needs_an_interval() -> None:
    """Its ends in the wrong order are refused."""
    table: Any = ui.from_quantile(lambda p: p).distribution
    with refused(ui.UnifiedInitError):
        dataclasses.replace(table, low=1.0, high=0.0)


def test_what_is_no_array_has_no_digest() -> None:
    """Objects of a framework that hold no values get our error."""
    with refused(ui.UnifiedInitError):
        ui.digest(np.random.default_rng(0))
    with refused(ui.UnifiedInitError):
        ui.digest([1.0])
