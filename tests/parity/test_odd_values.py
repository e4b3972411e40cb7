"""Bad input of any kind gets one of our errors: the tensors of frameworks, and their modes."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers import odd_cases
from tests.helpers.messages import refused
from tests.helpers.odd_calls import CALLS, lacking
from tests.helpers.odd_values import CORE, FRAMEWORKS, Values

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NORMAL = ui.normal(0.0, 1.0)
PLAIN_NAMES = {
    "str of digits",
    "str nan",
    "str with a newline",
    "str with braces",
    "str of a bad pattern",
    "np.str_",
}
# Functions that take tensors, to which a value of each framework is another thing.
OF_TENSORS = {
    "draw", "digest", "fill", "inspect", "as_torch", "as_jax", "testing.assert_follows", "testing.assert_identical",
    "testing.assert_independent", "testing.assert_same_law",
}  # fmt: skip
ALONE = sorted(path for path, call in CALLS.items() if not call.needs and call.valid())
assert set(ALONE) >= OF_TENSORS  # a name that no function has would keep nothing


@functools.cache
def values_of(framework: str) -> Values:
    """Return the values of a framework, each of which has been made once: its imports are over."""
    with warnings.catch_warnings(), odd_cases.as_it_was():
        warnings.simplefilter("ignore")
        values = FRAMEWORKS[framework]()
        for make in values.values():
            make()
    return values


@pytest.fixture(autouse=True)
def _as_it_was(_untouched_state: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no file be written where the tests are, and layers draw from no global generator."""
    monkeypatch.chdir(tmp_path)
    with odd_cases.as_it_was():
        yield


@pytest.mark.parametrize(
    ("framework", "path"),
    [
        # Each framework's values in every third function of what is no tensor, by turns.
        pytest.param(
            name, path, id=f"{name}-{path}",
            marks=[pytest.mark.needs(name), *([pytest.mark.more] if (place + turn) % 3 and path not in OF_TENSORS else [])],
        )
        for turn, name in enumerate(FRAMEWORKS) for place, path in enumerate(ALONE)
    ],
)  # fmt: skip
def test_a_value_of_a_framework_is_refused_by_our_error_or_taken(
    framework: str, path: str, request: pytest.FixtureRequest
) -> None:
    """In every place of every function that needs no framework."""
    odd_cases.check(path, CALLS[path], values_of(framework), framework, request.config)


@pytest.mark.parametrize(
    ("path", "framework"),
    [
        pytest.param(path, name, marks=pytest.mark.needs(name))
        for path, call in sorted(CALLS.items())
        for name in FRAMEWORKS
        if name in call.needs
    ],
)
def test_no_value_breaks_what_needs_a_framework(
    path: str, framework: str, request: pytest.FixtureRequest
) -> None:
    """Values of Python, NumPy and the framework, in draws into it and in all that is done to its models."""
    assert lacking([path]) == {}
    values = {**CORE, **values_of(framework)}
    odd_cases.check(path, CALLS[path], values, f"calls of {framework}", request.config)


@pytest.mark.needs("torch")
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="charts need matplotlib")
@pytest.mark.parametrize("path", sorted(path for path, call in CALLS.items() if "matplotlib" in call.needs))
def test_a_chart_is_written_to_a_path_only(path: str, request: pytest.FixtureRequest) -> None:
    """Numbers, which would be files that are open, and names that no file can have."""
    values = {name: make for name, make in CORE.items() if name not in PLAIN_NAMES}  # a chart takes its time
    odd_cases.check(path, CALLS[path], values, "charts", request.config)


@pytest.mark.needs("torch")
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="charts need matplotlib")
def test_a_chart_has_a_file_that_can_be_written() -> None:
    """No number, which would be a file that is open, and no name that no file can have."""
    for path in (3, "a\0b"):
        with refused(ui.ArgumentValueError, hidden=r"(?<=: ).*(?=\.$)"):
            CALLS["Audit.chart"].function("Audit.chart")(path=path)


# --- torch --------------------------------------------------------------------------------------


@pytest.mark.needs("torch")
def test_a_freed_tensor_is_named_and_not_read() -> None:
    """Sharded training frees the memory of whole parameters; PyTorch's own repr of one ends the process."""
    import torch

    freed = torch.ones(3)
    freed.untyped_storage().resize_(0)
    with refused(ui.ArgumentTypeError):
        ui.draw(NORMAL, (freed, 4), seed=0)
    with refused(ui.ArgumentTypeError):
        ui.constant(freed)
    with refused(ui.ArgumentValueError):
        ui.digest(freed)


@pytest.mark.needs("torch")
def test_under_fake_tensor_mode_nothing_is_written() -> None:
    """Draws are fake too; what would write, or need a value, is refused, and the tensors are as they were."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    tensor, model = torch.full((3, 4), 7.0), torch.nn.Linear(4, 3)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for allowed in (False, True):
        with FakeTensorMode(allow_non_fake_inputs=allowed):
            assert tuple(ui.draw(NORMAL, (3, 4), seed=0, backend="torch").shape) == (3, 4)
            with refused(ui.ArgumentValueError):
                ui.fill(tensor, NORMAL, seed=0, name="w")
            with refused(ui.ArgumentValueError):
                ui.apply(model, ui.recipes.torch_default(), seed=0)
            with refused(ui.ArgumentValueError):
                ui.draw(NORMAL, 3, seed=torch.Generator(), backend="torch")
            with refused(ui.BackendError, hidden="(?<=raised ).*"):
                ui.probe(model, torch.ones(2, 4))
    assert bool((tensor == 7.0).all())
    assert all(bool((a == b).all()) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.needs("torch")
def test_what_a_caller_passes_to_be_called_is_blamed_for_what_it_raises() -> None:
    """The model on a batch, the loss, the maker of models, the optimizer."""
    import torch

    def failing(*_: Any) -> Any:
        raise KeyError("mine")

    model, batch = torch.nn.Linear(4, 3), torch.ones(2, 4)
    options: dict[str, Any] = {
        "make_model": lambda _: torch.nn.Linear(4, 3),
        "widths": (1, 2),
        "batch": batch,
        "steps": 1,
    }
    with refused(ui.BackendError, hidden="(?<=raised ).*"):
        ui.probe(model, "nonsense")
    with refused(ui.BackendError):
        ui.probe(model, batch, failing)
    for changes in (
        {"make_model": failing},
        {"batch": None},
        {"loss": failing},
        {"loss": lambda _: 3},
        {"optimizer": failing},
        {"optimizer": lambda _: None},
        {"make_model": lambda _: torch.nn.Identity()},
        {"widths": range(1, 10**12)},
        {"seeds": 3},
    ):
        with refused(ui.UnifiedInitError, hidden="(?<=raised TypeError: ).*"):
            ui.coord_check(**{**options, **changes})


# --- Keras and TensorFlow -----------------------------------------------------------------------


@pytest.mark.needs("tensorflow")
def test_a_keras_model_of_one_layer_is_probed() -> None:
    """Keras gives one output as it is, and not as a list."""
    import keras

    inputs = keras.Input((4,), name="inputs")
    model = keras.Model(inputs, keras.layers.Dense(3, name="fc")(inputs), name="model")
    assert ui.probe(model, np.ones((2, 4), np.float32))["fc"].shape == (2, 3)
    with refused(ui.BackendError, hidden="(?<=raised ).*"):
        ui.probe(model, "nonsense")


@pytest.mark.needs("tensorflow")
def test_a_keras_model_is_not_written_while_a_function_is_traced() -> None:
    """What apply() draws would be constants of the graph, and the variables as they were."""
    import tensorflow as tf

    model = CALLS["apply to a keras.Model"].valid()["model"]
    before = model.get_weights()

    @tf.function(autograph=False)
    def traced() -> Any:
        with refused(ui.ArgumentValueError):
            ui.apply(model, ui.recipes.keras_default(), seed=0)
        return tf.constant(0)

    traced()
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.needs("tensorflow")
def test_a_type_that_keras_does_not_know_is_refused() -> None:
    """By what as_keras() returns, with our error."""
    for dtype in ("nonsense", 3, ["float32"]):
        with refused(ui.ArgumentTypeError):
            ui.as_keras(NORMAL, seed=0, name="fc")((3,), dtype=dtype)


@pytest.mark.needs("tensorflow")
def test_a_device_of_tensorflow_is_a_name() -> None:
    """A tensor or a shape is none."""
    import tensorflow as tf

    with refused(ui.ArgumentTypeError):
        ui.draw(NORMAL, 3, seed=0, backend="tensorflow", device=tf.TensorShape(None))


IN_A_MODE = """
import sys
import numpy as np
import tensorflow as tf
import keras
import unified_init as ui

{mode}
normal = ui.normal(0.0, 1.0)
inputs = keras.Input((4,))
model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
calls = dict(
    shape=lambda: ui.draw(normal, (tf.constant(3), tf.constant(4)), seed=0),
    length=lambda: ui.draw(normal, (tf.constant(3.0), 4), seed=0),
    seed=lambda: ui.draw(normal, 3, seed=tf.constant(3)),
    std=lambda: ui.normal(0, tf.constant(3.0)),
    name=lambda: ui.draw(normal, 3, seed=0, name=tf.constant("a")),
    dtype=lambda: ui.draw(normal, 3, seed=0, dtype=tf.constant(3.0)),
    sizes=lambda: ui.draw(normal, (3, 4), seed=0, layout="(BO)I", sizes=dict(B=tf.constant(1))),
    index=lambda: ui.draw(normal, (3, 4), seed=0, index=tf.constant(1)),
    value=lambda: ui.constant(tf.constant([3.0])),
    digest=lambda: ui.digest(tf.ones((3, 4))),
    fill=lambda: ui.fill(tf.ones((3, 4)), normal, seed=0, name="a"),
    draw=lambda: ui.draw(normal, (3, 4), seed=0, backend="tensorflow"),
    orthogonal=lambda: ui.draw(ui.orthogonal(), (3, 4), seed=0, layout="OI", backend="tensorflow"),
    keras=lambda: ui.as_keras(normal, seed=0, name="a")((3, 4)),
    apply=lambda: ui.apply(model, ui.recipes.keras_default(), seed=0),
    probe=lambda: ui.probe(model, np.ones((2, 4), np.float32)),
)
for name, call in calls.items():
    try:
        call()
        print(name, "returned")
    except ui.UnifiedInitError:
        print(name, "refused")
    except Exception as error:
        print(name, type(error).__name__, error)
"""
NUMPY_BEHAVIOR = "tf.experimental.numpy.experimental_enable_numpy_behavior()"
TF1_BEHAVIOR = "tf.compat.v1.disable_v2_behavior()"
REFUSED_BY_NUMPY_BEHAVIOR = {"length", "seed", "name", "dtype", "fill"}
RETURNED_IN_TF1 = {"draw", "orthogonal", "keras"}


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("mode", [NUMPY_BEHAVIOR, TF1_BEHAVIOR])
def test_modes_of_tensorflow_change_no_error(mode: str) -> None:
    """NumPy's behavior gives tensors more methods; TF1's gives no tensor a value. Each in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", IN_A_MODE.format(mode=mode)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    results = dict(line.split(" ", 1) for line in run.stdout.splitlines())
    refusals = {name for name, result in results.items() if result == "refused"}
    assert set(results.values()) == {"returned", "refused"}, results
    assert refusals == (
        REFUSED_BY_NUMPY_BEHAVIOR if mode == NUMPY_BEHAVIOR else set(results) - RETURNED_IN_TF1
    )


# --- JAX ----------------------------------------------------------------------------------------


@pytest.mark.needs("jax")
def test_a_key_without_a_value_here_is_refused() -> None:
    """One that is deleted, and one that a trace has left behind."""
    import jax

    deleted = jax.random.key(0)
    deleted.delete()
    for key in (deleted, values_of("jax")["jax key tracer"]()):
        with refused(ui.ArgumentValueError, hidden=r"(?<=read: ).*"):
            ui.draw(NORMAL, 3, seed=key)
