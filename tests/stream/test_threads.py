"""Threads and processes: many callers at once, a fork, and what is compiled once for all of them."""

from __future__ import annotations

import _thread
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.helpers.runners import RUNNERS, prepare_of, use

import unified_init as ui
from unified_init.law.indexmap import index_map
from unified_init.law.layout import bind
from unified_init.stream import host, numpy_runner
from unified_init.stream.table import compile_table

NORMAL = ui.normal(0.0, 1.0)
SIZE = 2 * host.THREADS_FROM + 3  # so many that each caller has threads of its own

# In a process of its own: draws with threads, forks, and draws the same in the child.
FORK = """
import json, os, sys
import unified_init as ui
def drawn():
    return ui.digest(ui.draw(ui.normal(0.0, 1.0), ({size},), seed=5, name="w"))
before = drawn()
read, write = os.pipe()
if not os.fork():
    os.write(write, drawn().encode())
    os._exit(0)
os.close(write)
print(json.dumps([before, os.fdopen(read).read(), drawn()]))
"""


def run(script: str, **environment: str) -> Any:
    """Return the JSON that a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True, text=True, check=True, timeout=300, env=os.environ | environment,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.fixture
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make every draw use one of the runners."""
    name: str = request.param
    use(monkeypatch, prepare_of(name))
    return name


@pytest.mark.parametrize("runner", RUNNERS, indirect=True)
def test_callers_in_many_threads_get_their_own_bits(runner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight at once, each with three threads: what one alone gets, whoever the runner is."""
    del runner
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")

    def drawn(name: str) -> str:
        return ui.digest(ui.draw(NORMAL, (SIZE,), seed=5, name=name))

    names = [f"layer{i}" for i in range(16)]
    alone = [drawn(name) for name in names]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(drawn, names))
    assert together == alone
    assert len(set(alone)) == len(names)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_draws_the_same() -> None:
    """No draw waits for a thread of another, so a fork misses none."""
    before, child, after = run(FORK.format(size=SIZE), UNIFIED_INIT_NUM_THREADS="3")
    assert before == child == after


def failing(*_: Any) -> Any:
    """A runner that fails at every piece but the first."""

    def fill(out: Any, start: int, key: Any) -> None:
        del out, key
        if start:
            raise ZeroDivisionError

    return fill


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever thread it strikes."""
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")
    table = compile_table(NORMAL.resolve(1), 32)
    out = np.empty(SIZE, np.float32)
    with pytest.raises(ZeroDivisionError):
        host.fill(out, index=index_map(bind((SIZE,))), key=(0, 5), table=table, runner=failing)


def test_threads_that_cannot_be_had_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of the process the threads there are do all of it; thousands are never started."""
    expected = ui.draw(NORMAL, (SIZE,), seed=5, name="w")
    started: list[Any] = []
    start = _thread.start_new_thread

    def limited(work: Any, arguments: Any) -> Any:
        if len(started) == 2:
            msg = "can't start new thread"
            raise RuntimeError(msg)
        started.append(work)
        return start(work, arguments)

    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "9999")
    assert ui.draw(NORMAL, (SIZE,), seed=5, name="w").tobytes() == expected.tobytes()
    monkeypatch.setattr(_thread, "start_new_thread", limited)
    assert ui.draw(NORMAL, (SIZE,), seed=5, name="w").tobytes() == expected.tobytes()
    assert len(started) <= 2


@pytest.mark.parametrize("late", [False, True])
def test_threads_that_come_early_or_late_change_nothing(
    monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    """One that has all pieces before the caller looks; one that comes when the caller has done them all."""
    expected = ui.draw(NORMAL, (SIZE,), seed=5, name="w")
    waiting: list[Any] = []
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")
    monkeypatch.setattr(_thread, "start_new_thread", lambda work, _: waiting.append(work) if late else work())
    drawn = ui.draw(NORMAL, (SIZE,), seed=5, name="w")
    assert drawn.tobytes() == expected.tobytes()
    drawn[...] = 7.0
    for work in waiting:
        work()
    assert len(waiting) == 2 * late
    assert (drawn == 7.0).all()


def test_draws_as_the_interpreter_ends() -> None:
    """In ``atexit``, and in a thread that outlives main: the values of any other time."""
    code = (
        "import atexit, json, threading, time, unified_init as ui\n"
        f"def drawn(): return ui.digest(ui.draw(ui.normal(0.0, 1.0), ({SIZE},), seed=5, name='w'))\n"
        "lines = []\n"
        "atexit.register(lambda: print(json.dumps([*lines, drawn()])))\n"
        "threading.Thread(target=lambda: (time.sleep(0.5), lines.append(drawn()))).start()\n"
    )
    expected = ui.digest(ui.draw(NORMAL, (SIZE,), seed=5, name="w"))
    assert run(code, UNIFIED_INIT_NUM_THREADS="3") == [expected, expected]


@pytest.mark.needs("torch")
def test_draws_while_another_thread_imports_torch() -> None:
    """A module that is half imported lacks what is asked of it; nobody waits for it, or fails."""
    code = (
        "import json, sys, threading, time, unified_init as ui\n"
        "thread = threading.Thread(target=lambda: __import__('torch._dynamo'))\n"
        "thread.start()\n"
        "count = 0\n"
        "while thread.is_alive():\n"
        "    ui.draw(ui.normal(0.0, 1.0), (3,), seed=count, name='w'); count += 1; time.sleep(0.001)\n"
        "print(json.dumps(count))\n"
    )
    assert run(code) > 100


def interrupted_at(piece: int, seen: list[int]) -> Any:
    """Return a runner whose caller is interrupted in one piece, as by Ctrl-C, and whose pieces take a while."""

    def runner(_: Any, __: Any, ___: Any) -> Any:
        def fill(flat: Any, start: int, ____: Any) -> None:
            seen.append(start)
            if threading.current_thread() is threading.main_thread() and len(seen) > piece:
                raise KeyboardInterrupt
            time.sleep(0.01)
            flat[...] = 1.0

        return fill

    return runner


@pytest.mark.parametrize("piece", [0, 3])
def test_no_thread_writes_after_an_interrupt(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Once it is raised, the tensor is the caller's again; pieces that no thread had begun are never begun."""
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "4")
    out, seen = np.zeros(64 * host.THREADS_FROM, np.float32), list[int]()
    table = compile_table(NORMAL.resolve(1), 32)
    with pytest.raises(KeyboardInterrupt):
        host.fill(
            out, index=index_map(bind(out.shape)), key=(0, 5), table=table, runner=interrupted_at(piece, seen)
        )
    out[...], count = 0.0, len(seen)
    time.sleep(0.1)
    assert not out.any()
    assert len(seen) == count < 64


def test_an_interrupt_while_threads_are_waited_for_is_raised_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also one that comes as a thread is started, which then writes nothing."""
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")
    table = compile_table(NORMAL.resolve(1), 32)
    original = _thread.start_new_thread

    class Interrupting:
        """A lock whose waiting is interrupted, once."""

        def __init__(self) -> None:
            self.lock, self.waits = threading.Lock(), 0

        def __enter__(self) -> None:
            if threading.current_thread() is threading.main_thread():
                self.waits += 1
                if self.waits == 1:
                    raise KeyboardInterrupt
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    def interrupted(work: Any, arguments: Any) -> Any:
        original(work, arguments)
        raise KeyboardInterrupt

    for name, replacement in (("allocate_lock", Interrupting), ("start_new_thread", interrupted)):
        out = np.zeros(64 * host.THREADS_FROM, np.float32)
        with monkeypatch.context() as patch:
            patch.setattr(_thread, name, replacement)
            with pytest.raises(KeyboardInterrupt):
                host.fill(out, index=index_map(bind(out.shape)), key=(0, 5), table=table)
        written = out.copy()
        time.sleep(0.1)
        assert out.tobytes() == written.tobytes()


def test_a_piece_for_which_threads_leave_no_memory_is_drawn_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory was reserved before there were threads, whose stacks may take it: nothing is left half written."""
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")
    table = compile_table(NORMAL.resolve(1), 32)
    expected = ui.draw(NORMAL, (SIZE,), seed=5, name="")

    def scarce(*arguments: Any) -> Any:
        prepared = numpy_runner.prepare(*arguments)

        def fill(flat: Any, start: int, key: Any) -> None:
            if threading.get_ident() not in rich:
                raise MemoryError
            prepared(flat, start, key)

        return fill

    out, rich = np.zeros(SIZE, np.float32), [threading.get_ident()]
    host.fill(out, index=index_map(bind((SIZE,))), key=(0, 5), table=table, runner=scarce)
    assert out.tobytes() == expected.tobytes()
    rich.clear()
    with pytest.raises(MemoryError):
        host.fill(out, index=index_map(bind((SIZE,))), key=(0, 5), table=table, runner=scarce)


@pytest.mark.parametrize("runner", RUNNERS, indirect=True)
def test_one_thread_draws_in_pieces(runner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that Ctrl-C is seen between two of them; the values are those of one piece."""
    del runner
    expected = ui.draw(NORMAL, (SIZE,), seed=5, name="w")
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "1")
    monkeypatch.setattr(host, "UNINTERRUPTED", 1000)
    pieces: list[int] = []
    used = host.default_runner().prepare

    def counted(*arguments: Any) -> Any:
        fill = used(*arguments)

        def filled(out: Any, start: int, key: Any) -> None:
            pieces.append(start)
            fill(out, start, key)

        return filled

    use(monkeypatch, counted)
    assert ui.draw(NORMAL, (SIZE,), seed=5, name="w").tobytes() == expected.tobytes()
    assert pieces == list(range(0, SIZE, 1000))
