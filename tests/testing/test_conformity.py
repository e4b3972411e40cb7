"""The conformity kit: right adapters pass, and each kind of wrong one is told what is wrong."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing
from unified_init.backends import _numpy, registry
from unified_init.testing import conformity
from unified_init.testing.cases import CASES, ELEMENTWISE, ORTHOGONAL, STRUCTURED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# ruff: noqa: ARG005  # wrong adapters take the parameters of right ones

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registers."""
    monkeypatch.setattr(registry, "_registered", {})
    registry._load.cache_clear()
    yield
    registry._load.cache_clear()


# Compiling each shape takes these a minute and a half, and some of it still takes one: the variants of the parity
# tests draw all of it.
BRIEF = {
    "ELEMENTWISE": {name: ELEMENTWISE[name] for name in ("uniform", "he_normal", "from_quantile skewed")},
    "STRUCTURED": {name: (spec, cases[:1]) for name, (spec, cases) in STRUCTURED.items()},
    "ORTHOGONAL": {name: (spec, cases[:1]) for name, (spec, cases) in ORTHOGONAL.items()},
    "CASES": CASES[:4],
}


@pytest.mark.parametrize(
    "name",
    [
        "numpy",
        pytest.param("torch", marks=pytest.mark.needs("torch")),
        pytest.param("tensorflow", marks=[pytest.mark.needs("tensorflow"), pytest.mark.more]),
        pytest.param("jax", marks=[pytest.mark.needs("jax"), pytest.mark.more]),
    ],
)
def test_the_adapters_of_the_package_conform(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them; JAX without its 64-bit types refuses those."""
    if name in {"tensorflow", "jax"}:
        for cases, some in BRIEF.items():
            monkeypatch.setattr(conformity, cases, some)
    report = testing.check_backend(name)
    assert report.faults == ()
    assert report.draws > (100 if name in {"tensorflow", "jax"} else 500)
    assert report.refused == (("float64", "complex128") if name == "jax" else ())
    assert str(report).startswith(
        f"backend '{name}': {report.draws} draws compared, 0 faults; draws float32, "
    )


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.needs(one)) for one in ("tensorflow", "jax")]
)
def test_the_arithmetic_and_the_arguments_of_adapters_conform(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the draws of presets, each of which would be compiled."""
    monkeypatch.setattr(conformity, "_preset_draws", list)
    report = testing.check_backend(name)
    assert report.faults == ()
    assert report.draws > 0


@pytest.mark.needs("mlx")
def test_the_example_on_mlx_conforms() -> None:
    """A fifth backend, outside of the package, in one module."""
    path = EXAMPLES / "mlx_backend" / "unified_init_mlx.py"
    spec = importlib.util.spec_from_file_location("unified_init_mlx", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ui.register_backend("mlx", module)
    report = testing.check_backend("mlx")
    assert report.dtypes == module.DTYPES
    drawn = ui.draw(ui.he_normal(), (64, 3, 7, 7), layout="OIHW", seed=0, name="conv1/kernel", backend="mlx")
    assert type(drawn).__module__.partition(".")[0] == "mlx"
    native = ui.draw(ui.he_normal(), (64, 3, 7, 7), layout="OIHW", seed=0, name="conv1/kernel")
    assert ui.digest(drawn, layout="OIHW") == ui.digest(native, layout="OIHW")
    with pytest.raises(ui.BackendError):
        ui.draw(ui.zeros(), 3, dtype="float8_e5m2", backend="mlx")


class Array(np.ndarray):
    """An array of the framework of the wrong adapters, whose top-level package is ``wrong``."""


Array.__module__ = "wrong.core"


def adopt(array: Any, target: None) -> Any:
    """Return a buffer as an array of that framework."""
    del target
    return np.asarray(array).view(Array)


def trace(program: Any, key: Any, target: None) -> Any:
    """Run the graph program."""
    return adopt(_numpy.trace(program, key, target), target)


def adapter(**functions: Any) -> types.ModuleType:
    """Return NumPy's adapter for that framework, with other functions."""
    module = types.ModuleType("wrong_adapter")
    vars(module).update({name: value for name, value in vars(_numpy).items() if not name.startswith("__")})
    vars(module).update({"adopt": adopt, "trace": trace} | functions)
    return module


def test_an_adapter_from_outside_conforms() -> None:
    """The one that the wrong ones below differ from."""
    ui.register_backend("wrong", adapter())
    assert testing.check_backend("wrong").faults == ()


def wrong(**functions: Any) -> str:
    """Return what the kit says of an adapter with other functions."""
    module = adapter(**functions)
    ui.register_backend("wrong", module)
    with pytest.raises(AssertionError) as caught:
        testing.check_backend("wrong")
    return str(caught.value)


def ops(**functions: Any) -> Callable[[Any], Any]:
    """Return a function ``ops`` that differs in some operation."""
    operations = types.SimpleNamespace(**(vars(_numpy.OPS) | functions))
    return lambda target: operations


def namespace(**functions: Any) -> Callable[[Any], Any]:
    """Return a function ``ops`` whose array namespace differs."""
    return ops(xp=types.SimpleNamespace(**(vars(np) | functions)))


def logical_shift(x: Any, distance: Any) -> Any:
    """Shift right without the sign."""
    return np.right_shift(np.asarray(x).view(np.uint32), np.uint32(distance)).view(np.int32)


@pytest.mark.parametrize(
    ("functions", "fault"),
    [
        ({"adopt": lambda array, target: adopt(array * np.float32(1.0000001), target)}, "eager: differs by "),
        ({"adopt": lambda array, target: adopt(array.astype(np.float32), target)}, "expected float64"),
        (
            {"adopt": lambda array, target: adopt(np.atleast_1d(array), target)},
            "float32 (1,), expected float32 ()",
        ),
        (
            {"adopt": lambda tensor, target: adopt(np.array(tensor), target)},
            "adopt takes (tensor, target), declared is (array, target)",
        ),
        (
            {"ops": namespace(bitwise_right_shift=logical_shift)},
            "int32 bitwise_right_shift must copy the sign: ",
        ),
        ({"ops": ops(cast=lambda x, dtype: np.trunc(x).astype(dtype) & ~1)}, "int32 cast to float32 "),
        ({"ops": ops(constant=lambda array: np.asarray(array).astype(np.int64))}, "int32 + must wrap: "),
        ({"ops": ops(rotate=lambda x, distance: x)}, "int32 rotate: "),
        ({"ops": ops(call=lambda function, *arrays, **fixed: arrays)}, "int32 call: "),
        ({"ops": ops(repeat=lambda count, step, state: state)}, "int32 repeat: "),
        (
            {"trace": lambda program, key, target: adopt(np.zeros(program.index.shape, np.float32), target)},
            "graph program: ",
        ),
        ({"trace": lambda program, key, target: 1 // 0}, "graph program: ZeroDivisionError: "),
        ({"trace": _numpy.trace}, "graph program: is a tensor of numpy, not of wrong"),
        ({"root_key": lambda seed: (1, 2)}, "root_key: must return None for what is no seed"),
        ({"resolve_device": lambda device, dtype: None}, "resolve_device: an unknown device is not refused"),
        (
            {"resolve_device": lambda device, dtype: float(dtype)},
            "is refused by ValueError, which is none of ours",
        ),
        ({"to_numpy": lambda tensor: np.asarray(tensor)[..., ::-1]}, "eager: differs by "),
    ],
    ids=[
        "scaled",
        "narrowed",
        "widened",
        "renamed",
        "shift",
        "cast",
        "promoted",
        "unrotated",
        "uncalled",
        "unrepeated",
        "zeros",
        "raises",
        "another's",
        "any seed",
        "any device",
        "not ours",
        "reversed",
    ],
)
def test_a_wrong_adapter_is_told_what_is_wrong(functions: dict[str, Any], fault: str) -> None:
    """A line in the message names the draw or the operation."""
    assert fault in wrong(**functions)


def test_a_backend_must_draw_float32() -> None:
    """Refusing other element types is allowed, refusing that one is not."""

    def resolve_device(device: object, dtype: str) -> None:
        del device
        if dtype == "float32":
            msg = "no float32 here"
            raise ui.BackendError(msg)

    assert "resolve_device: float32 is refused" in wrong(resolve_device=resolve_device)


def test_an_unknown_backend_is_refused() -> None:
    """As ``draw`` refuses it."""
    with refused(ui.ArgumentValueError):
        testing.check_backend("mxnet")
    assert "mxnet" not in sys.modules
