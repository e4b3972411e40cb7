"""Laws without randomness inside a program: the host's bits, and no large constant in the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.backends import memory, registry
from unified_init.drawing.eager import program_of
from unified_init.stream import run

if TYPE_CHECKING:
    from collections.abc import Callable

KERNELS: dict[str, tuple[ui.Initializer, tuple[int, ...], str, dict[str, int]]] = {
    "constant": (ui.constant(-0.3), (3, 5), "OI", {}),
    "negative zero": (ui.constant(-0.0), (3, 5), "OI", {}),
    "array": (ui.constant([[0.1], [1e-41], [3.0]]), (2, 3, 5), "BOI", {}),
    "scalar": (ui.constant(2.5), (), "", {}),
    "identity": (ui.identity(0.7), (5, 3), "OI", {}),
    "identity, transposed": (ui.identity(0.3), (3, 5), "IO", {}),
    "identity, groups": (ui.identity(), (6, 3), "(BO)I", {"B": 2}),
    "identity, merged": (ui.identity(), (4, 2, 3), "IOO", {}),
    "dirac": (ui.dirac(), (4, 3, 3, 2), "OIHW", {}),
    "dirac, groups": (ui.dirac(groups=2), (8, 3, 3, 3), "OIHW", {}),
    "dirac, other layout": (ui.dirac(groups=2) * 3.0, (3, 2, 3, 6), "HWIO", {}),
    "hadamard": (ui.hadamard(), (7, 5, 3, 3), "OIHW", {}),
    "hadamard, wide": (ui.hadamard(), (3, 5, 2, 3), "OIHW", {}),
    "hadamard, scaled": (ui.hadamard() * 1.3, (2, 9, 4), "WOI", {}),
    "bilinear": (ui.bilinear_upsampling(), (3, 2, 4, 5), "IOHW", {}),
    "bilinear, other layout": (ui.bilinear_upsampling() * 0.3, (3, 4, 2, 3), "HWOI", {}),
    "empty": (ui.identity(), (0, 3), "OI", {}),
    "stft": (ui.stft("real", "hann"), (8, 1, 5), "WIO", {}),
    "formula": (ui.rwkv_time_first(), (3, 5), "IO", {}),
    "formula, scalar": (ui.rwkv_time_first(), (), "", {}),
    "formula, empty": (ui.rwkv_time_first(), (3, 0), "OI", {}),
    "formula of a matrix": (ui.hippo_legs(), (5, 3), "IO", {}),
}
DTYPES = (
    "float32",
    "float64",
    "bfloat16",
    "float16",
    "float8_e4m3fn",
    "float8_e5m2",
    "complex64",
    "complex128",
)


def arguments(name: str, dtype: str) -> dict[str, Any]:
    """Return the arguments of a draw, of the whole and of a slice."""
    spec, shape, layout, sizes = KERNELS[name]
    return {"spec": spec, "shape": shape, "layout": layout or None, "sizes": sizes or None, "dtype": dtype}


def cases() -> list[tuple[dict[str, Any], Any]]:
    """Return requests that are no errors, and what the host draws."""
    drawn = []
    for name, (_, shape, *_) in KERNELS.items():
        for dtype in DTYPES:
            if name == "stft" and "complex" in dtype:
                continue
            for index in (
                None,
                tuple(slice(0, None, 2) for _ in shape[:2]),
                tuple([slice(0, None, 2), slice(0, None, 3)] for _ in shape[:2]),
                (-1,) if shape and shape[0] else (),
            ):
                request = {**arguments(name, dtype), "index": index}
                drawn.append((request, ui.draw(**request)))
    return drawn


def same(ours: Any, expected: Any) -> bool:
    """Whether two arrays have one shape, one type and the same bytes."""
    ours = np.asarray(ours)
    return bool(
        ours.shape == expected.shape and ours.dtype == expected.dtype and ours.tobytes() == expected.tobytes()
    )


def test_the_graph_program_makes_the_host_s_bits() -> None:
    """In every type, layout and slice, signs of zeros and subnormal numbers too."""
    adapter = registry.get("numpy")
    wrong = []
    for request, expected in cases():
        program = program_of(**request, name="", fans=None)
        if not same(adapter.trace(program, None, None), expected):
            wrong.append(request)
    assert not wrong


@pytest.mark.needs("torch")
def test_on_a_device_of_torch() -> None:
    """With memory of its own for each element."""
    import torch

    adapter = registry.get("torch")
    wrong = []
    for request, expected in cases():
        program = program_of(**request, name="", fans=None)
        drawn = adapter.trace(program, None, torch.device("cpu"))
        if not same(adapter.to_numpy(drawn), expected) or not drawn.is_contiguous():
            wrong.append(request)
    assert not wrong


@pytest.mark.needs("jax")
def test_inside_jit() -> None:
    """64-bit types need JAX to have them."""
    import jax

    wide = {"float64", "complex128"}
    pairs = [(request, expected) for request, expected in cases() if request["dtype"] not in wide]
    drawn = jax.jit(lambda: [ui.draw(**request, backend="jax") for request, _ in pairs])()
    wrong = [
        request for (request, expected), ours in zip(pairs, drawn, strict=True) if not same(ours, expected)
    ]
    assert not wrong


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.more)])
def test_inside_tf_function(xla: bool) -> None:  # noqa: FBT001  # a case
    """XLA has no 8-bit floats there."""
    import tensorflow as tf

    pairs = [(r, e) for r, e in cases() if not (xla and r["dtype"].startswith("float8"))]
    drawn = tf.function(lambda: [ui.draw(**r, backend="tensorflow") for r, _ in pairs], jit_compile=xla)()
    wrong = [r for (r, expected), ours in zip(pairs, drawn, strict=True) if not same(ours.numpy(), expected)]
    assert not wrong


LARGE: dict[str, Callable[[str], Any]] = {
    "zeros": lambda backend: ui.draw(ui.zeros(), (2**15, 2**15), backend=backend),
    "rows": lambda backend: ui.draw(ui.constant([1.0, 2.0]), (2**29, 2), backend=backend),
    "identity": lambda backend: ui.draw(ui.identity(), (2**15, 2**15), layout="OI", backend=backend),
    "dirac": lambda backend: ui.draw(ui.dirac(), (2**15, 2**15, 3), layout="OIW", backend=backend),
    "hadamard": lambda backend: ui.draw(ui.hadamard(), (2**15, 2**14, 3), layout="OIW", backend=backend),
    "bilinear": lambda backend: ui.draw(
        ui.bilinear_upsampling(), (2**15, 2**15, 4), layout="IOW", backend=backend
    ),
}


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("name", LARGE)
def test_a_tf_function_holds_no_large_constant(name: str) -> None:
    """Of tensors of 4 GiB and more, which a graph cannot hold as a constant."""
    import tensorflow as tf

    graph = tf.function(lambda: LARGE[name]("tensorflow")).get_concrete_function().graph
    assert graph.as_graph_def().ByteSize() < 20_000


@pytest.mark.needs("tensorflow")
def test_a_constant_that_a_tf_function_cannot_hold_is_memory_that_cannot_be_had() -> None:
    """TensorFlow's own error, of 2 GiB and more, is known."""
    import tensorflow as tf

    with tf.Graph().as_default(), pytest.raises(ValueError, match="2GB") as caught:
        tf.constant(np.broadcast_to(np.float32(0), 2**29))
    assert memory.is_exhausted(caught.value)


@pytest.mark.needs("jax")
@pytest.mark.parametrize("name", LARGE)
def test_a_jitted_program_holds_no_large_constant(name: str) -> None:
    """Nor does a program of which only the shape is asked make the values."""
    import jax

    assert jax.eval_shape(lambda: LARGE[name]("jax")).dtype == np.float32
    assert len(jax.jit(lambda: LARGE[name]("jax")).lower().as_text()) < 20_000
    abstract = jax.eval_shape(lambda: ui.draw(ui.identity(), (2**20, 2**20), layout="OI", backend="jax"))
    assert abstract.shape == (2**20, 2**20)


HUGE: dict[str, Callable[..., Any]] = {
    "zeros": lambda **options: ui.draw(ui.zeros(), (2**20, 2**20), **options),
    "identity": lambda **options: ui.draw(ui.identity(), (2**20, 2**20), layout="OI", **options),
    "stft": lambda **options: ui.draw(ui.stft("real", None), (2**20, 1, 2**20), layout="WIO", **options),
    "normal": lambda **options: ui.draw(ui.normal(0.0, 1.0), (2**40,), **options),
    "orthogonal": lambda **options: ui.draw(ui.orthogonal(), (2**20, 2**20), layout="OI", **options),
    "sparse": lambda **options: ui.draw(ui.sparse(0.5, 1.0), (2**20, 2**20), layout="OI", **options),
}


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", HUGE)
def test_a_tensor_without_values_costs_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On meta and under FakeTensorMode: shape, type and device, of any size, and nothing is computed."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    monkeypatch.setattr(run, "buffer", None)  # the host draws into none
    drawn = HUGE[name](seed=1, backend="torch", device="meta", dtype="bfloat16")
    assert (drawn.device.type, drawn.dtype, drawn.numel()) == ("meta", torch.bfloat16, 2**40)
    with FakeTensorMode() as mode:
        faked = HUGE[name](seed=1, backend="torch")
        assert (faked.fake_mode, faked.device.type, faked.numel()) == (mode, "cpu", 2**40)
        assert HUGE[name](seed=1, backend="torch", index=(3,)).numel() == (1 if name == "normal" else 2**20)


@pytest.mark.needs("torch")
def test_a_tensor_without_values_is_checked_as_others_are() -> None:
    """The seed, which is drawn from a generator as for values, the type and a shape that no tensor can have."""
    import torch

    generator, other = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    ui.draw(ui.normal(0.0, 1.0), 3, seed=generator, backend="torch", device="meta")
    ui.draw(ui.normal(0.0, 1.0), 3, seed=other, backend="torch")
    assert torch.equal(generator.get_state(), other.get_state())
    with refused(ui.ArgumentTypeError):
        ui.draw(ui.normal(0.0, 1.0), 3, backend="torch", device="meta")
    with refused(ui.ArgumentValueError):
        ui.draw(ui.constant(1e6), 3, backend="torch", device="meta", dtype="float16")
    for shape in ((2**62,), (2**64,)):
        with refused(ui.ArgumentValueError, hidden=r"(?<=,\): ).*"):
            ui.draw(ui.normal(0.0, 1.0), shape, seed=generator, backend="torch", device="meta")
    assert torch.equal(generator.get_state(), other.get_state())


@pytest.mark.needs("torch")
def test_a_recorded_draw_keeps_its_values() -> None:
    """``make_fx`` runs with fake tensors, and its program has the values of any other draw."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    def program(x: Any) -> Any:
        return x + ui.draw(ui.normal(0.0, 1.0), (3,), seed=0, backend="torch")

    recorded = make_fx(program, tracing_mode="fake")(torch.zeros(3))
    assert torch.equal(recorded(torch.zeros(3)), program(torch.zeros(3)))
