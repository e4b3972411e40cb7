"""Public classes name the package as their module: pickles, reprs of types and tracebacks outlive moves inside it."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import pytest

import unified_init as ui

CLASSES = [name for name in ui.__all__ if inspect.isclass(getattr(ui, name))]


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_is_of_the_package(name: str) -> None:
    """And is found there under its name, which is what a pickle looks for."""
    cls = getattr(ui, name)
    assert (cls.__module__, cls.__qualname__) == ("unified_init", name)


def test_a_pickle_names_no_module_inside_the_package() -> None:
    """Of specs, records, recipes and errors: a fresh interpreter, which has imported nothing, reads them."""
    record = ui.Record(
        name="fc", path="fc", shape=(4, 3), layout="OI", kind="linear", role="kernel", inputs=3, outputs=4
    )
    inventory = ui.Inventory("torch", (record,))
    recipe = ui.Recipe("all", (ui.Rule(spec=ui.he_normal()),))
    values = [
        ui.icnr(ui.trunc_normal(0.1, 0.2), 2),
        ui.constant((1.0, 2.0)),
        inventory,
        recipe,
        ui.ArgumentValueError("text"),
    ]
    blob = pickle.dumps(values)
    assert b"unified_init." not in blob
    code = (
        "import pickle, sys; values = pickle.load(sys.stdin.buffer); "
        "import unified_init as ui; print(*map(repr, values), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], input=blob, capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == [
        line for value in values for line in repr(value).splitlines()
    ]


@pytest.mark.parametrize("source", ["ui.get('he_normal')", "ui.recipe_from_json(text)"])
def test_a_repr_is_read_in_a_process_that_has_used_no_name(source: str) -> None:
    """``vars`` does not ask the package for a name; whoever has an object finds its class there."""
    text = ui.recipe_to_json(ui.recipes.torch_default())
    code = (
        f"import sys, unified_init as ui; text = sys.stdin.read(); value = {source}; "
        "assert eval(repr(value), vars(ui)) == value"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_law_is_the_same_again() -> None:
    """By the same release: what it draws (``law.unit``) is of no public class, and made anew from the spec."""
    law = ui.orthogonal().resolve((4, 3), layout="OI")
    assert pickle.loads(pickle.dumps(law)) == law  # noqa: S301  # our own pickle


def test_a_traceback_names_the_package() -> None:
    """``unified_init.ArgumentValueError``, wherever the class is written."""
    code = "import unified_init as ui; ui.normal(0, -1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("unified_init.ArgumentValueError: `std` must be positive")


@pytest.mark.needs("keras")
def test_keras_writes_the_public_path_into_saved_models() -> None:
    """As in models that were saved before the class moved."""
    import keras

    written = keras.saving.serialize_keras_object(ui.as_keras(ui.zeros(), seed=0, name="bias"))
    assert (written["module"], written["class_name"]) == ("unified_init.keras", "UnifiedInitializer")
