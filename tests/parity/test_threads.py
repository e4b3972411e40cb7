"""Threads and the frameworks: first draws of all at once, and draws while other threads import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from typing import Any

import pytest

import unified_init as ui
from unified_init.drawing import api
from unified_init.parity.variants import reference
from unified_init.testing.bits import differing

# Eight threads at a barrier, a thousand draws, each thread with another backend first.
FIRST = """
import json, sys, threading, traceback
import numpy as np
import unified_init as ui
from unified_init.backends import registry
names, errors = sys.argv[1:], []
expected = np.frombuffer(bytes.fromhex(names.pop()), np.float32)
barrier = threading.Barrier(8)
def work(turn):
    try:
        barrier.wait()
        for number in range(125):
            name = names[(turn + number) % len(names)]
            if name == "keras":
                drawn = np.asarray(ui.as_keras(ui.normal(0.0, 1.0), seed=1, name="w")((5,), dtype="float32"))
            else:
                tensor = ui.draw(ui.normal(0.0, 1.0), (5,), seed=1, name="w", backend=name)
                drawn = registry.get(name).to_numpy(tensor)
                ui.draw(ui.orthogonal(), (4, 3), seed=number, backend=name)
            assert np.asarray(drawn).tobytes() == expected.tobytes(), name
            assert dir(ui) and ui.from_json(ui.to_json(ui.he_normal(),)) == ui.he_normal()
    except BaseException:
        errors.append(traceback.format_exc())
threads = [threading.Thread(target=work, args=(turn,)) for turn in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(errors))
"""

# One thread imports library after library; the main one draws in all that were there before, and fills.
WHILE = """
import importlib, json, pickle, sys, threading, time, traceback
import numpy as np
import unified_init as ui
from unified_init.backends import registry
imported, errors, count = sys.argv[1:], [], 0
expected = np.frombuffer(bytes.fromhex(imported.pop()), np.float32)
ready = ["numpy"]
for library in imported:
    thread = threading.Thread(target=importlib.import_module, args=(library,))
    thread.start()
    while thread.is_alive() and len(errors) < 3:
        for name in ready:
            try:
                options = {"name": "w", "backend": name}
                tensor = ui.draw(ui.normal(0.0, 1.0), (5,), seed=1, **options)
                assert np.asarray(registry.get(name).to_numpy(tensor)).tobytes() == expected.tobytes()
                ui.draw(ui.normal(0.0, 1.0), (5,), seed=np.random.default_rng(0), dtype=np.float16, **options)
                if name in {"numpy", "torch"}:
                    ui.fill(tensor, ui.zeros())
                assert ui.digest(tensor) and pickle.loads(pickle.dumps(ui.he_normal())) == ui.he_normal()
                count += 1
            except Exception:
                errors.append(library + ": " + traceback.format_exc())
        time.sleep(0.0005)
    thread.join()
    if library in registry.NAMES:
        registry.get(library)
        ready.append(library)
print(json.dumps([errors, count]))
"""

# What a pool has not begun when the interpreter ends is drawn all the same; helpers of a draw cannot start then.
POOL = """
import json
from concurrent.futures import ThreadPoolExecutor
import unified_init as ui
lines = []
def drawn(number):
    lines.append(ui.digest(ui.draw(ui.normal(0.0, 1.0), (300_000,), seed=5, name="w")))
    if len(lines) == 12:
        print(json.dumps(sorted(set(lines))), flush=True)
pool = ThreadPoolExecutor(3)
for number in range(12):
    pool.submit(drawn, number)
"""

EXPECTED = reference(ui.normal(0.0, 1.0), (5,), seed=1, name="w").tobytes().hex()


def run(script: str, *arguments: str) -> Any:
    """Return the JSON that a fresh interpreter prints last."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"UNIFIED_INIT_NUM_THREADS": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.needs("torch", "tensorflow", "jax", "keras")
def test_first_draws_of_all_backends_at_once() -> None:
    """Eight threads import the frameworks between them: no error, and the right bits."""
    assert run(FIRST, "numpy", "torch", "tensorflow", "jax", "keras", EXPECTED) == []


@pytest.mark.needs("torch", "tensorflow", "jax", "keras")
def test_draws_while_another_thread_imports() -> None:
    """In NumPy and in all that is imported already, whatever is half there."""
    errors, count = run(WHILE, "torch", "torch._dynamo", "jax", "tensorflow", "keras", EXPECTED)
    assert errors == []
    assert count > 100


def test_a_pool_draws_on_as_the_interpreter_ends() -> None:
    """All that was submitted, with the values of any other time."""
    expected = ui.digest(ui.draw(ui.normal(0.0, 1.0), (300_000,), seed=5, name="w"))
    assert run(POOL) == [expected]


@pytest.mark.needs("torch")
def test_a_half_imported_tracer_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no function to ask yet, when another thread imports it."""
    import torch
    from torch.fx import experimental

    empty = types.ModuleType("torch.fx.experimental.proxy_tensor")
    monkeypatch.setitem(sys.modules, empty.__name__, empty)
    monkeypatch.setattr(experimental, "proxy_tensor", empty, raising=False)
    filled = ui.fill(torch.zeros(5), ui.normal(0.0, 1.0), seed=1, name="w")
    assert differing(filled.numpy(), reference(ui.normal(0.0, 1.0), (5,), seed=1, name="w")) == 0


def test_a_half_imported_dynamo_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it, nor is a module without a specification an error."""
    half = types.ModuleType(api.DYNAMO)
    monkeypatch.setitem(sys.modules, api.DYNAMO, half)
    half.__spec__ = types.SimpleNamespace(_initializing=True)  # type: ignore[assignment]  # as importlib marks it
    assert not api._sees_frames()
    del half.__spec__
    assert api._sees_frames()
