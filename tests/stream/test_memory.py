"""Memory that cannot be allocated: our error, before a generator is advanced or a tensor written."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.runners import RUNNERS, prepare_of, use

import unified_init as ui
from unified_init.drawing import eager
from unified_init.drawing.decided import Decided
from unified_init.parity.variants import DEFAULTS
from unified_init.stream import host, numpy_runner, run, structured
from unified_init.stream.dtypes import DTYPES

NORMAL = ui.normal(0.0, 1.0)
LAWS: dict[str, tuple[ui.Initializer, tuple[int, ...], str]] = {
    "orthogonal": (ui.orthogonal(), (700, 500), "OI"),
    "wide orthogonal": (ui.orthogonal(), (300, 900), "IO"),
    "delta_orthogonal": (ui.delta_orthogonal(), (500, 400, 1, 1), "OIHW"),
    "convolutional_orthogonal": (ui.convolutional_orthogonal(), (2, 2, 200, 250), "HWIO"),
    "groups of isometries": (ui.convolutional_orthogonal(), (20, 3, 40, 60), "BWIO"),
    "a Frobenius norm": (ui.with_norm(ui.normal(0.0, 1.0), "frobenius"), (700, 500), "IO"),
    "a spectral norm": (ui.with_norm(ui.sparse(0.5), "spectral"), (300, 500), "IO"),
    "a spectral radius": (ui.with_norm(ui.uniform(-1.0, 1.0), "spectral_radius"), (200, 200), "OI"),
    "sparse": (ui.sparse(0.4), (700, 500), "IO"),
    "identity": (ui.identity(), (700, 500), "IO"),
    "dirac": (ui.dirac(), (3, 3, 200, 200), "HWIO"),
    "hadamard": (ui.hadamard(), (700, 500), "OI"),
    "bilinear_upsampling": (ui.bilinear_upsampling(), (3, 3, 200, 200), "HWIO"),
    "stft": (ui.stft(), (900, 1, 400), "WIO"),
    "an array of constants": (ui.constant([0.5] * 500), (700, 500), "OI"),
}


def peak(draw: Any) -> int:
    """Return the bytes that a call took at most, as NumPy reports them."""
    draw()  # tables are kept, and belong to no draw
    tracemalloc.start()
    try:
        draw()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["identity", "dirac", "hadamard", "bilinear_upsampling", "an array of constants"]
)
def test_a_slice_of_a_formula_takes_what_is_reserved(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what the slice takes, and not what the whole does."""
    spec, shape, layout = LAWS[name]
    longer = tuple(length * 50 for length in shape)
    reserved: list[int] = []
    index = tuple(slice(0, length) for length in shape)
    if name == "an array of constants":
        longer = (shape[0] * 50, shape[1])
    program = eager.program_of(spec, longer, **{**DEFAULTS, "layout": layout, "name": "w", "index": index})
    out = run.buffer(program)
    monkeypatch.setattr(host, "reserve", lambda size, shape: reserved.append(size))  # noqa: ARG005
    used = peak(lambda: run.into(out, program, None))
    assert used <= reserved[0] + (1 << 22)  # and a block of coordinates
    assert reserved[0] <= 24 * out.size


@pytest.mark.parametrize("term", [ui.identity(), ui.mixture((0.5, 0.5), (NORMAL, ui.laplace(0.0, 1.0)))])
def test_a_slice_of_a_sum_takes_what_its_slices_do(
    term: ui.Initializer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a term has no table."""
    reserved: list[int] = []
    monkeypatch.setattr(host, "reserve", lambda size, shape: reserved.append(size))  # noqa: ARG005
    index = (slice(1000), slice(1000))
    options: dict[str, Any] = {"layout": "OI", "seed": 0, "name": "w", "index": index}
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "1")
    used = peak(lambda: ui.draw(NORMAL + term, (2**20, 2**20), **options))
    assert used <= max(reserved) + (1 << 23)  # the tensor itself, and a block
    assert max(reserved) <= 5 * used


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", LAWS)
def test_structured_laws_take_what_is_reserved(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more; and less than a fifth of it never, or tensors would be refused that can be had."""
    spec, shape, layout = LAWS[name]
    program = eager.program_of(spec, shape, **{**DEFAULTS, "layout": layout, "dtype": dtype, "name": "w"})
    out = run.buffer(program)
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "1")
    monkeypatch.setattr(host, "reserve", lambda size, shape: None)  # noqa: ARG005
    use(monkeypatch, numpy_runner.prepare)
    used, reserved = peak(lambda: run.into(out, program, (0, 1))), structured.scratch(program)
    slack = 1 << 16  # of the interpreter
    assert used <= reserved + slack
    assert reserved <= 5 * used


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(
    ("shape", "layout"),
    [((1 << 21,), "O"), ((1000, 2003), "IO"), ((700_001, 3), "IO"), ((6054, 300), "(BO)I")],
)
@pytest.mark.parametrize("name", RUNNERS)
def test_independent_draws_take_what_is_reserved(
    name: str, shape: tuple[int, ...], layout: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three threads, whose scratch is the reference's in any case; the walk is had before."""
    runner = prepare_of(name)
    sizes = {"B": 6} if "(" in layout else None
    options: dict[str, Any] = {"layout": layout, "sizes": sizes, "dtype": dtype}
    program = eager.program_of(NORMAL, shape, **{**DEFAULTS, **options})
    out, reserved = run.buffer(program), []
    monkeypatch.setenv("UNIFIED_INIT_NUM_THREADS", "3")
    monkeypatch.setattr(host, "reserve", lambda size, shape: reserved.append(size))  # noqa: ARG005
    assert program.table is not None
    draw = host.ready(out, index=program.index, table=program.table, runner=runner)
    assert peak(lambda: draw((0, 1))) <= reserved[0]


REFUSED = """
import json, resource, sys
import numpy as np
import unified_init as ui
ui.draw(ui.orthogonal(), (90, 90), seed=0)
ui.draw(ui.sparse(0.5), (90, 90), seed=0)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 28)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
specs = {
    "normal": (ui.normal(0.0, 1.0), None), "zeros": (ui.zeros(), None), "array": (ui.constant([0.5]), None),
    "identity": (ui.identity(), "OI"), "orthogonal": (ui.orthogonal(), "OI"), "sparse": (ui.sparse(0.5), "OI"),
    "hadamard": (ui.hadamard(), "OI"), "dirac": (ui.dirac(), "OW"), "bilinear": (ui.bilinear_upsampling(), "OW"),
    "merged": (ui.identity(), "(OI)" * 40),
}
requests = [
    ((1,) * 65, None), ((2**62,), None), ((2**40,), None), ((2**31, 2**31), None), ((2**27,), None),
    ((2**14, 2**14), None), ((2**20, 2**20), (0, 0)), ((2**14, 2**14), (0, 0)), ((2**31, 2**31), (0, 0)),
    ((1,) * 40, None),
]
free = {"normal", "zeros"}  # of these a part costs the part
lines, refusals = [], 0
for dtype in ("float32", "float64", "bfloat16", "complex64"):
    for name, (spec, layout) in specs.items():
        for shape, index in requests:
            if layout and layout.count("(") + (len(layout) if "(" not in layout else 0) != len(shape):
                continue
            sizes = {"O": 1} if layout and "(" in layout else None
            generator = np.random.default_rng(0)
            state = generator.bit_generator.state
            try:
                drawn = ui.draw(spec, shape, seed=generator, layout=layout, sizes=sizes, index=index, dtype=dtype)
            except ui.UnifiedInitError:
                refusals += 1
                if index and name in free:
                    lines.append(f"{name} {shape} {index} {dtype}: refused")
            except Exception as error:
                lines.append(f"{name} {shape} {index} {dtype}: {type(error).__name__}: {error}")
            else:
                continue
            if generator.bit_generator.state != state:
                lines.append(f"{name} {shape} {index} {dtype}: the generator was advanced")
for dtype in ("float32", "float64"):
    target = np.full(2**23, 7, dtype)[::-1] if dtype == "float64" else np.full(2**23, 7, dtype)
    hoard = []
    try:
        while True:
            hoard.append(bytearray(1 << 20))
    except MemoryError:
        hoard = hoard[2:]
    generator = np.random.default_rng(0)
    state = generator.bit_generator.state
    try:
        ui.fill(target, ui.normal(0.0, 1.0), seed=generator)
        lines.append(f"{dtype}: filled")
    except ui.UnifiedInitError:
        refusals += 1
    del hoard
    if generator.bit_generator.state != state or not (target == 7).all():
        lines.append(f"{dtype}: the fill left a trace")
print(json.dumps([lines, refusals]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space and reads /proc")
def test_what_cannot_be_had_is_refused_before_anything_changes() -> None:
    """Every law, in four types: tensors, parts whose law needs the whole, too many axes, and fills."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSED], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    lines, refusals = json.loads(done.stdout)
    assert lines == []
    assert refusals > 100


def test_the_memory_that_a_law_needs_is_named() -> None:
    """A part of an orthogonal tensor costs the whole; one value of a constant costs one."""
    generator = np.random.default_rng(0)
    state = generator.bit_generator.state
    with refused(ui.ArgumentValueError, hidden=r"\d+(?= more bytes)|(?<=cannot be allocated: ).*"):
        ui.draw(ui.orthogonal(), (2**24, 2**24), seed=generator, index=(0, 0))
    assert generator.bit_generator.state == state
    assert ui.draw(ui.constant(0.5), (2**31, 2**31), index=(5, slice(7, 9))).tolist() == [0.5, 0.5]


def test_axes_past_those_of_numpy_are_refused() -> None:
    """Also where merged axes split into more than there can be."""
    with refused(ui.ArgumentValueError, hidden="(?<=: ).*"):
        ui.draw(ui.orthogonal(), (1,) * 70, layout="B" * 68 + "OI", seed=0, index=(0,) * 70)
    assert ui.draw(ui.identity(), (1,) * 70, layout="B" * 68 + "OI", index=(0,) * 70) == 1.0


def test_memory_that_runs_out_later_is_our_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may have taken it in between; a fault of another kind stays what it is."""

    def fail(error: Exception) -> None:
        def failing(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(host, "named_key", failing)
        monkeypatch.setattr(eager, "decided", lambda *_, **__: Decided(DTYPES["float32"], failing))

    tensors = (np.zeros(6)[::2], np.zeros(3, np.float32))  # the first is no plain memory
    fail(MemoryError("none left"))
    for tensor in tensors:
        with refused(ui.ArgumentValueError):
            ui.draw(NORMAL, tensor.shape, seed=0, device="cpu" if tensor.dtype == np.float64 else None)
        with refused(ui.ArgumentValueError):
            ui.fill(tensor, NORMAL, seed=0, name="w")
    fail(ZeroDivisionError())
    for tensor in tensors:
        with pytest.raises(ZeroDivisionError):
            ui.draw(NORMAL, tensor.shape, seed=0, device="cpu" if tensor.dtype == np.float64 else None)
        with pytest.raises(ZeroDivisionError):
            ui.fill(tensor, NORMAL, seed=0, name="w")
