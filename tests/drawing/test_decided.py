"""Draws that were decided before give what the checks would give, and refuse what they refuse."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from tests.helpers import runners

import unified_init as ui
from unified_init.drawing import decided, eager
from unified_init.stream import host, numpy_runner
from unified_init.stream.dtypes import DTYPES
from unified_init.testing.bits import differing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NORMAL = ui.normal(0.0, 1.0)
NAMES = ("float32", "float16", "bfloat16", "complex64", "float64", "float8_e5m2")


class Record:
    """How often a draw was decided before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count."""
        self.count = 0
        self.is_on = True
        right = decided.decided

        def counted(*args: Any, **kwargs: Any) -> Any:
            decision = right(*args, **kwargs) if self.is_on else None
            self.count += decision is not None
            return decision

        monkeypatch.setattr(eager, "decided", counted)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Count the draws that are decided before."""
    return Record(monkeypatch)


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the error that it raises as its class and text."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  # it is compared
        return type(error), str(error)


def both(record: Record, call: Callable[[], Any]) -> tuple[Any, Any]:
    """Return the outcome of a second call, and the one without decisions."""
    outcome(call)
    record.count = 0
    record.is_on = True
    quick = outcome(call)
    record.is_on = False
    slow = outcome(call)
    record.is_on = True
    return quick, slow


def same(quick: Any, slow: Any) -> bool:
    """Whether two outcomes are the same error, or arrays of the same bits."""
    if isinstance(quick, tuple) or isinstance(slow, tuple):
        return bool(quick == slow)
    quick, slow = np.asarray(quick), np.asarray(slow)
    return quick.dtype == slow.dtype and quick.shape == slow.shape and quick.tobytes() == slow.tobytes()


# --- draws -----------------------------------------------------------------------------------------


@pytest.mark.needs("c")
@pytest.mark.parametrize("dtype", NAMES)
def test_a_second_draw_has_the_bits_of_a_checked_one(record: Record, dtype: str) -> None:
    """Of any name and seed; 64-bit types and those that NumPy converts to are checked each time."""
    for seed, name in ((0, "w"), (2**64 - 1, ""), (7, "layer.0/weight")):
        options: dict[str, Any] = {"layout": "OI", "seed": seed, "name": name, "dtype": dtype}
        quick, slow = both(record, functools.partial(ui.draw, ui.kaiming_normal(), (12, 34), **options))
        assert record.count == (dtype not in {"float64", "float8_e5m2"})
        assert same(quick, slow)


class Text(str):
    """A string of another class."""

    __slots__ = ()


class Number(int):
    """An int of another class."""


ODD_DRAWS: dict[str, dict[str, Any]] = {
    "shape of floats": {"shape": (12.0, 34.0)},
    "shape with True": {"shape": (True, 34)},
    "shape of NumPy ints": {"shape": (np.int64(12), 34)},
    "shape as a list": {"shape": [12, 34]},
    "negative shape": {"shape": (-12, 34)},
    "empty shape": {"shape": (0, 34)},
    "no axes": {"shape": (), "layout": None, "spec": NORMAL},
    "seed True": {"seed": True},
    "seed of floats": {"seed": 1.0},
    "seed too large": {"seed": 2**64},
    "seed negative": {"seed": -1},
    "no seed": {"seed": None},
    "seed of a subclass": {"seed": Number(1)},
    "NumPy seed": {"seed": np.int64(1)},
    "name None": {"name": None},
    "name of a subclass": {"name": Text("w")},
    "name of other letters": {"name": "schön"},
    "name without UTF-8": {"name": "\ud800"},
    "layout of a subclass": {"layout": Text("OI")},
    "layout that does not fit": {"layout": "OIHW"},
    "layout b": {"layout": "oi"},
    "no layout": {"layout": None},
    "layout 1": {"layout": 1},
    "dtype 1": {"dtype": 1},
    "dtype np.float32": {"dtype": np.float32},
    "dtype of a subclass": {"dtype": Text("float32")},
    "dtype that is none": {"dtype": "float31"},
    "big-endian": {"dtype": np.dtype(">f4")},
    "backend that is none": {"backend": "numpi"},
    "backend of a subclass": {"backend": Text("numpy")},
    "backend 1": {"backend": 1},
    "device": {"device": "cpu"},
    "device that is none": {"device": "gpu"},
    "sizes": {"sizes": {"B": 2}, "layout": "(BO)I"},
    "fans": {"fans": (True, 2)},
    "index": {"index": (slice(0, 2),)},
    "spec that is none": {"spec": 3},
    "spec as a function": {"spec": ui.he_normal},
    "orthogonal": {"spec": ui.orthogonal()},
    "zeros": {"spec": ui.zeros()},
    "float16 that is too small": {"spec": ui.normal(0.0, 1e6), "dtype": "float16"},
}


@pytest.mark.needs("c")
@pytest.mark.parametrize("change", ODD_DRAWS.values(), ids=ODD_DRAWS)
def test_an_odd_draw_is_what_the_checks_make_of_it(record: Record, change: dict[str, Any]) -> None:
    """Also after a plain draw whose arguments compare equal: the same bits, or the same refusal."""
    plain: dict[str, Any] = {
        "spec": ui.he_normal(),
        "shape": (12, 34),
        "layout": "OI",
        "seed": 1,
        "name": "w",
    }
    ui.draw(**plain)
    ui.draw(**{**plain, "shape": (1, 34)})
    assert same(*both(record, lambda: ui.draw(**{**plain, **change})))


@pytest.mark.needs("c")
def test_a_large_draw_is_not_decided(record: Record) -> None:
    """It takes several threads, and looks for Ctrl-C."""
    for shape, count in (((host.THREADS_FROM,), 0), ((host.THREADS_FROM - 1,), 1)):
        quick, slow = both(record, functools.partial(ui.draw, NORMAL, shape, seed=0, name="w"))
        assert record.count == count
        assert same(quick, slow)


@pytest.mark.needs("c")
def test_another_runner_draws_what_was_decided_for_the_c_runner(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision is one runner's: where another is used, that one draws."""
    ui.draw(NORMAL, (5, 6), seed=0, name="w")
    runs = []

    def prepare(*args: Any) -> Any:
        runs.append(args)
        return numpy_runner.prepare(*args)

    runners.use(monkeypatch, prepare)
    ui.draw(NORMAL, (5, 6), seed=0, name="w")
    assert runs
    assert not record.count - 1


def test_what_is_decided_is_bounded() -> None:
    """However many specs, shapes and layouts there are; and what is refused is kept as nothing."""
    for width in range(200):
        ui.draw(ui.normal(0.0, 1.0 + width), (3, 1 + width), seed=0, name="w")
        with contextlib.suppress(ui.UnifiedInitError):
            ui.draw(ui.he_normal(), (3, 1 + width), seed=0, name="w")
    kept = decided._decide.cache_info()
    assert kept.maxsize == 64
    assert kept.currsize <= 64


@pytest.mark.needs("c")
def test_threads_share_decisions() -> None:
    """Each gets the bits of its own name, in draws of one kind and of many."""
    names = [f"w{number}" for number in range(64)]
    shapes = [(8, 8 + number % 5) for number in range(64)]
    expected = [ui.draw(NORMAL, shape, seed=3, name=name) for shape, name in zip(shapes, names, strict=True)]
    faults: list[str] = []

    def work(shift: int) -> None:
        for number in range(640):
            k = (number * 7 + shift) % 64
            out = np.empty(shapes[k], np.float32)
            ui.fill(out, NORMAL, seed=3, name=names[k])
            if out.tobytes() != expected[k].tobytes():
                faults.append(names[k])

    threads = [threading.Thread(target=work, args=(shift,)) for shift in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


# --- NumPy arrays in place -------------------------------------------------------------------------


class Subclass(np.ndarray):
    """An array of another class."""


def _read_only() -> Any:
    array = np.zeros((12, 34), np.float32)
    array.flags.writeable = False
    return array


def _unaligned() -> Any:
    return np.zeros(12 * 34 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(12, 34)


ARRAYS: dict[str, tuple[Callable[[], Any], int]] = {
    "plain": (lambda: np.zeros((12, 34), np.float32), 1),
    "complex": (lambda: np.zeros((12, 34), np.complex64), 1),
    "rows of a larger one": (lambda: np.zeros((20, 34), np.float32)[3:15], 1),
    "columns of a larger one": (lambda: np.zeros((12, 40), np.float32)[:, :34], 0),
    "Fortran order": (lambda: np.zeros((12, 34), np.float32, order="F"), 0),
    "bfloat16": (lambda: np.zeros((12, 34), ml_dtypes.bfloat16), 0),
    "float8": (lambda: np.zeros((12, 34), ml_dtypes.float8_e5m2), 0),
    "float64": (lambda: np.zeros((12, 34)), 0),
    "longdouble": (lambda: np.zeros((12, 34), np.longdouble), 0),
    "big-endian": (lambda: np.zeros((12, 34), ">f4"), 0),
    "integers": (lambda: np.zeros((12, 34), np.int32), 0),
    "objects": (lambda: np.zeros((12, 34), object), 0),
    "read-only": (_read_only, 0),
    "unaligned": (_unaligned, 0),
    "empty": (lambda: np.zeros((0, 34), np.float32), 0),
    "broadcast": (lambda: np.lib.stride_tricks.as_strided(np.zeros(34, np.float32), (12, 34), (0, 4)), 0),
    "subclass": (lambda: np.zeros((12, 34), np.float32).view(Subclass), 0),
    "another rank": (lambda: np.zeros((12, 34, 2), np.float32), 0),
    "masked": (lambda: np.ma.zeros((12, 34), np.float32), 0),
}


@pytest.mark.needs("c")
@pytest.mark.parametrize(("made", "is_decided"), ARRAYS.values(), ids=ARRAYS)
def test_an_array_is_filled_as_the_checks_say(
    record: Record, made: Callable[[], Any], is_decided: int
) -> None:
    """Plain memory at once, all else by the checks: the same bits, or the same refusal."""

    def call() -> Any:
        array = made()
        assert ui.fill(array, ui.kaiming_normal(), layout="OI", seed=1, name="w") is array
        return array.copy()

    quick, slow = both(record, call)
    assert same(quick, slow)
    assert record.count == is_decided


# --- tensors of torch in place ---------------------------------------------------------------------


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


def _tensors() -> dict[str, tuple[Callable[[Any], Any], int]]:
    """Return tensors of torch by what is special about them, and whether they are plain memory."""

    def freed(torch: Any) -> Any:
        tensor = torch.zeros(12, 34)
        tensor.untyped_storage().resize_(0)
        return tensor

    def inference(torch: Any) -> Any:
        with torch.inference_mode():
            return torch.zeros(12, 34)

    def leaf(torch: Any) -> Any:
        return torch.zeros(12, 34, requires_grad=True)

    return {
        "plain": (lambda torch: torch.zeros(12, 34), 1),
        "Parameter": (lambda torch: torch.nn.Parameter(torch.zeros(12, 34)), 1),
        "a leaf with a gradient": (leaf, 1),
        "in a graph": (lambda torch: leaf(torch) * 2, 1),
        "rows of a larger one": (lambda torch: torch.zeros(20, 34)[3:15], 1),
        "a buffer of NumPy": (lambda torch: torch.from_numpy(np.zeros((12, 34), np.float32)), 1),
        "bfloat16": (lambda torch: torch.zeros(12, 34, dtype=torch.bfloat16), 1),
        "float16": (lambda torch: torch.zeros(12, 34, dtype=torch.float16), 1),
        "a lazy clone": (lambda torch: torch._lazy_clone(torch.zeros(12, 34)), 1),
        "transposed": (lambda torch: torch.zeros(34, 12).t(), 0),
        "expanded": (lambda torch: torch.zeros(1, 34).expand(12, 34), 0),
        "channels last": (
            lambda torch: torch.zeros(12, 34, 5, 5).to(memory_format=torch.channels_last),
            False,
        ),
        "float64": (lambda torch: torch.zeros(12, 34, dtype=torch.float64), 0),
        "float8": (lambda torch: torch.zeros(12, 34).to(torch.float8_e5m2), 0),
        "integers": (lambda torch: torch.zeros(12, 34, dtype=torch.int32), 0),
        "conjugate": (lambda torch: torch.zeros(12, 34, dtype=torch.complex64).conj(), 0),
        "negative": (lambda torch: torch.zeros(12, 34, dtype=torch.complex64).conj().imag, 0),
        "sparse": (lambda torch: torch.zeros(12, 34).to_sparse(), 0),
        "meta": (lambda torch: torch.zeros(12, 34, device="meta"), 0),
        "empty": (lambda torch: torch.zeros(0, 34), 0),
        "freed": (freed, 0),
        "zero without memory": (lambda torch: torch._efficientzerotensor((12, 34)), 0),
        "made in inference mode": (inference, 0),
        "quantized": (
            lambda torch: torch.quantize_per_tensor(torch.zeros(12, 34), 1.0, 0, torch.qint8),
            False,
        ),
        "lazy": (lambda torch: torch.nn.UninitializedParameter(), 0),
        "subclass": (lambda torch: torch.zeros(12, 34).as_subclass(type("Mine", (torch.Tensor,), {})), 0),
        "Buffer": (lambda torch: torch.nn.Buffer(torch.zeros(12, 34)), 1),
    }


TENSORS = _tensors()


@pytest.mark.needs("torch", "c")
@pytest.mark.parametrize(("made", "is_decided"), TENSORS.values(), ids=TENSORS)
def test_a_tensor_is_filled_as_the_checks_say(
    record: Record, made: Callable[[Any], Any], is_decided: int
) -> None:
    """Plain memory at once, all else by the checks: the same bits and version, or the same refusal."""
    import torch

    versions = []

    def call() -> Any:
        tensor = made(torch)
        before = None if tensor.is_inference() else tensor._version
        ui.fill(tensor, NORMAL, seed=1, name="w")
        versions.append(None if tensor.is_inference() else tensor._version - before)
        return torch.view_as_real(tensor).detach().numpy() if tensor.is_complex() else _bits(tensor)

    quick, slow = both(record, call)
    assert same(quick, slow)
    assert record.count == is_decided
    assert len({*versions}) <= 1


def _bits(tensor: Any) -> Any:
    """Return the values of a tensor of any type that NumPy may lack."""
    import torch

    return tensor.detach().to(torch.float64).numpy()


@pytest.mark.needs("torch", "c")
def test_states_of_torch_are_asked_each_time(record: Record) -> None:  # noqa: C901  # a function for each
    """Recorded, faked, batched or differentiated: as the checks say, though the call was decided before."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    tensor = torch.zeros(12, 34)

    def call(target: Any = tensor) -> Any:
        return ui.fill(target, NORMAL, seed=1, name="w")

    def drawn() -> Any:
        return ui.draw(NORMAL, (12, 34), seed=1, name="w", backend="torch")

    def traced() -> Any:
        return torch.jit.trace(lambda x: call() + x, tensor.clone(), check_trace=False)(tensor)

    def faked() -> Any:
        with FakeTensorMode():
            return call()

    def faked_draw() -> Any:
        with FakeTensorMode():
            return type(drawn()).__name__, "a draw"

    def recorded(*, pre_dispatch: bool) -> Any:
        return make_fx(lambda x: call() + x, pre_dispatch=pre_dispatch)(tensor.clone())(tensor)

    def inference() -> Any:
        with torch.inference_mode():
            return call()

    def vmapped() -> Any:
        return torch.func.vmap(call)(torch.zeros(3, 12, 34))

    states: dict[str, tuple[Callable[[], Any], int]] = {
        "plain": (call, 1),
        "jit.trace": (traced, 0),
        "FakeTensorMode": (faked, 0),
        "FakeTensorMode, draw": (faked_draw, 0),
        "make_fx": (lambda: recorded(pre_dispatch=False), 0),
        "make_fx before dispatch": (lambda: recorded(pre_dispatch=True), 0),
        "inference mode": (inference, 1),
        "vmap": (vmapped, 0),
        "grad": (lambda: torch.func.grad(lambda x: (call(x * 1) * x).sum())(tensor.clone()), 0),
        "functionalize": (lambda: torch.func.functionalize(call)(tensor.clone()), 0),
        "no_grad": (torch.no_grad()(call), 1),
        "autocast": (torch.autocast("cpu", torch.bfloat16)(call), 1),
        "default device": (lambda: _on_meta(torch, call), 1),
        "draw": (drawn, 1),
    }
    call()
    drawn()
    for state, (run, count) in states.items():
        quick, slow = both(record, run)
        assert same(quick, slow), state
        if state != "FakeTensorMode, draw":
            assert record.count == count, state


def _on_meta(torch: Any, call: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return call()


@pytest.mark.needs("torch", "c")
def test_a_fill_in_a_compiled_function_is_what_it_was(record: Record) -> None:
    """The graph breaks, and the fill runs outside of it."""
    import torch

    tensor = torch.zeros(12, 34)

    def call(x: Any) -> Any:
        return ui.fill(x, NORMAL, seed=1, name="w") * 2

    expected = call(tensor.clone())
    compiled = torch.compile(call, backend="eager")
    for _ in range(2):
        assert not differing(compiled(tensor.clone()).numpy(), expected.numpy())
    assert record.count


@pytest.mark.needs("torch", "c")
def test_a_version_is_counted_where_a_fill_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part of the tensor may be written already, which autograd must know."""
    import torch

    tensor = torch.zeros(12, 34)
    before = tensor._version

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    stub = decided.Decided(DTYPES["float32"], interrupted)
    monkeypatch.setattr(eager, "decided", lambda *_, **__: stub)
    with pytest.raises(KeyboardInterrupt):
        ui.fill(tensor, NORMAL, seed=1, name="w")
    assert tensor._version == before + 1


# --- the other frameworks --------------------------------------------------------------------------


@pytest.mark.needs("tensorflow", "c")
def test_a_draw_in_a_tf_function_is_not_the_hosts(record: Record) -> None:
    """What was decided eagerly is a program there; the bits are the same."""
    import tensorflow as tf

    def drawn() -> Any:
        return ui.draw(NORMAL, (12, 34), seed=1, name="w", backend="tensorflow")

    eagerly, _ = both(record, drawn)
    assert record.count == 1
    graph = tf.function(drawn).get_concrete_function().graph
    assert "Const" not in {node.type for node in graph.get_operations() if node.outputs[0].shape == (12, 34)}
    assert same(tf.function(drawn)(), eagerly)


@pytest.mark.needs("jax", "c")
def test_a_draw_in_a_jax_trace_is_not_the_hosts(record: Record) -> None:
    """What was decided eagerly is a program there; the bits are the same."""
    import jax

    def drawn(_: Any = None) -> Any:
        return ui.draw(NORMAL, (12, 34), seed=1, name="w", backend="jax")

    eagerly, _ = both(record, drawn)
    assert record.count == 1
    for transformed in (jax.jit(drawn), lambda x: jax.vmap(drawn)(x[None])[0]):
        assert same(transformed(np.float32(0)), eagerly)
    assert isinstance(jax.eval_shape(drawn, 0), jax.ShapeDtypeStruct)
    assert "constvars" not in str(jax.make_jaxpr(drawn)(0)).partition("12,34")[0]
