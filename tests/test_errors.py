"""Errors: one base class, the checks that all arguments pass, and what the front door refuses."""

from __future__ import annotations

import dataclasses
import importlib
import pickle
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init import errors
from unified_init.backends import _numpy, registry
from unified_init.core import checks
from unified_init.drawing import eager, seeds

NORMAL = ui.normal(0.0, 1.0)


class Strange:
    """An object of no library."""

    def __repr__(self) -> str:
        """Return a text that a message can be compared with."""
        return "<strange>"


def of_framework(name: str) -> Any:
    """Return an object whose type says that it is a framework's."""
    return type("Fake", (), {"__module__": f"{name}.core", "__repr__": lambda _: f"<{name}>"})()


# --- the classes --------------------------------------------------------------------------------


def test_one_base_class_catches_every_error() -> None:
    """Each error is ours, and the built-in one that its kind is known by."""
    assert issubclass(ui.ArgumentValueError, (ui.UnifiedInitError, ValueError))
    assert issubclass(ui.ArgumentValueError, ValueError)
    assert issubclass(ui.ArgumentTypeError, TypeError)
    assert issubclass(ui.BackendError, RuntimeError)
    for name in errors.__all__:
        cls = getattr(errors, name)
        assert issubclass(cls, ui.UnifiedInitError)
        assert getattr(ui, name) is cls
        again = pickle.loads(pickle.dumps(cls("text")))  # noqa: S301  # our own pickle
        assert type(again) is cls
        assert str(again) == "text"


# --- the checks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (checks.number, ("x", "1")),
        (checks.number, ("x", 1j)),
        (checks.number, ("x", None)),
        (checks.number, ("x", float("nan"))),
        (checks.number, ("x", 10**400)),
        (checks.finite, ("x", float("-inf"))),
        (checks.positive, ("x", -2)),
        (checks.count, ("x", 1.0)),
        (checks.count, ("x", 0)),
        (checks.choice, ("x", "c", ("aa", "bb", "cc"))),
        (checks.choice, ("x", "zzz", ("aa", "bb"))),
        (checks.choice, ("x", 3, ("aa", "bb"))),
        (checks.text, ("x", b"a")),
        (checks.text, ("x", "\udfff")),
        (checks.shape_of, (2.0,)),
        (checks.shape_of, (None,)),
        (checks.shape_of, (True,)),
        (checks.shape_of, ("34",)),
        (checks.shape_of, (b"34",)),
        (checks.shape_of, ((3, 4.0),)),
        (checks.shape_of, ((3, True),)),
        (checks.shape_of, ((3, None),)),
        (checks.shape_of, ((3, -1),)),
        (checks.shape_of, (-1,)),
        (checks.shape_of, ((2**32, 2**31),)),
    ],
)
def test_checks_say_which_argument_and_what_it_must_be(check: Any, arguments: tuple[Any, ...]) -> None:
    """One grammar: the argument, the rule, what was received."""
    with refused(ui.UnifiedInitError):
        check(*arguments)


def test_checks_return_plain_numbers() -> None:
    """NumPy's scalars become Python's; a shape may be an int or any sequence of ints."""
    assert type(checks.number("x", np.float32(0.5))) is float
    assert type(checks.count("x", np.int8(5))) is int
    assert checks.shape_of(3) == (3,)
    assert checks.shape_of([np.int64(3), 4]) == (3, 4)
    assert checks.shape_of(range(3)) == (0, 1, 2)
    assert checks.shape_of(()) == ()
    assert checks.shape_of(np.array(3)) == (3,)
    assert checks.number("x", np.array(2.5)) == checks.number("x", np.float32(2.5)) == 2.5
    drawn = [ui.draw(NORMAL, (3,), seed=seed).tobytes() for seed in (5, np.uint64(5), np.array(5))]
    assert drawn[0] == drawn[1] == drawn[2]


def anything(value: Any) -> Any:
    """Return a value that no type checker objects to."""
    return value


HUGE = 10**5000  # too long for Python to print


@pytest.mark.parametrize(
    "call",
    [
        lambda: ui.draw(NORMAL, (anything(np.array([3, 4])),), seed=0),
        lambda: ui.draw(NORMAL, (3, 4), seed=0, index=np.array([0, 1])),
        lambda: ui.dirac(anything(np.array([1, 2]))),
        lambda: ui.normal(0, HUGE),
        lambda: ui.draw(NORMAL, (HUGE,), seed=0),
        lambda: ui.draw(NORMAL, 3, seed=HUGE),
        lambda: ui.draw(NORMAL, 3, seed=0, index=HUGE),
        lambda: ui.draw(NORMAL, 3, seed=0, device=[]),
        lambda: ui.draw(NORMAL, 3, seed=0, device=np.zeros(2)),
        lambda: ui.draw(NORMAL, 3, seed=0, backend=anything([])),
        lambda: ui.from_quantile(lambda _: "a"),
    ],
    ids=[
        "entry",
        "index",
        "groups",
        "std",
        "length",
        "seed",
        "place",
        "device",
        "array device",
        "backend",
        "quantile",
    ],
)
def test_bad_input_of_any_kind_gets_our_error(call: Any) -> None:
    """Arrays where numbers belong, and integers too long to print, are refused like anything else."""
    with pytest.raises(ui.UnifiedInitError):
        call()


# --- the front door -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"spec": ui.Normal()},
        {"seed": None},
        {"seed": Strange()},
        {"seed": np.zeros(1)},
        {"seed": 2**64},
        {"name": None},
        {"backend": "pytorch"},
        {"backend": 3},
        {"device": "cuda"},
        {"backend": "numpy", "device": of_framework("jax")},
    ],
    ids=str,
)
def test_draw_refuses_what_it_cannot_use(options: dict[str, Any]) -> None:
    """Every argument is named in the message that it causes."""
    arguments: dict[str, Any] = {"spec": NORMAL, "shape": (3, 4), "seed": 0} | options
    with refused(ui.UnifiedInitError):
        ui.draw(**arguments)


def test_the_seed_of_a_random_law_is_required_and_any_other_ignored() -> None:
    """A structured random law needs one, a constant takes none."""
    for spec in (ui.orthogonal(), ui.sparse(0.5), ui.he_uniform()):
        with refused(ui.ArgumentTypeError):
            ui.draw(spec, (3, 3), layout="OI")
    assert ui.draw(ui.zeros(), 3, seed="nonsense").tolist() == [0.0] * 3


def test_both_ends_of_the_seeds_are_drawn() -> None:
    """0, 2**64 - 1, and NumPy's integers."""
    drawn = [ui.draw(NORMAL, 4, seed=seed).tobytes() for seed in (0, 2**32, 2**64 - 1, np.uint64(2**64 - 1))]
    assert drawn[2] == drawn[3]
    assert len(set(drawn)) == 3


def test_a_generator_gives_one_seed_of_64_bits() -> None:
    """A NumPy generator is advanced by exactly the documented call; a draw of constants leaves it alone."""
    generator, twin = np.random.default_rng(3), np.random.default_rng(3)
    drawn = ui.draw(NORMAL, 5, seed=generator, name="w")
    seed = int(twin.integers(2**64, dtype=np.uint64))
    assert drawn.tobytes() == ui.draw(NORMAL, 5, seed=seed, name="w").tobytes()
    assert generator.bit_generator.state == twin.bit_generator.state
    ui.draw(ui.zeros(), 5, seed=generator)
    assert generator.bit_generator.state == twin.bit_generator.state


def test_a_bad_device_leaves_a_generator_where_it_is() -> None:
    """A generator is asked last."""
    generator = np.random.default_rng(3)
    state = generator.bit_generator.state
    with pytest.raises(ui.UnifiedInitError):
        ui.draw(NORMAL, 5, seed=generator, device="cuda")
    assert generator.bit_generator.state == state


def test_a_legacy_random_state_is_no_seed() -> None:
    """Its type is NumPy's, and it is no generator."""
    legacy = np.random.RandomState(0)  # what is refused
    with refused(ui.ArgumentTypeError, hidden=r"0x\w+"):
        ui.draw(NORMAL, 3, seed=legacy)


def test_a_seed_traced_elsewhere_has_no_value() -> None:
    """A traced JAX key cannot be drawn with by NumPy."""
    traced = of_framework("jax")
    key = (object(), object())
    assert seeds.is_traced(key)
    assert not seeds.is_traced((1, 2))
    assert not seeds.is_traced(None)
    with refused(ui.ArgumentValueError):
        eager._check_trace(key, traced, "numpy")


def test_a_seed_decides_the_backend_where_nothing_else_does() -> None:
    """A JAX key means JAX, a device its framework, a dtype its own unless JAX's; anything else NumPy."""
    assert eager.backend_name(None, None, "float32", of_framework("jax")) == "jax"
    assert eager.backend_name(None, of_framework("torch"), "float32", of_framework("jax")) == "torch"
    assert eager.backend_name(None, None, "float32", of_framework("torch")) == "numpy"
    assert eager.backend_name("numpy", "cpu", "float32", 0) == "numpy"
    assert eager.backend_name(None, None, of_framework("torch"), 0) == "torch"
    assert eager.backend_name("jax", None, of_framework("torch"), 0) == "jax"
    assert eager.backend_name(None, None, of_framework("torch"), of_framework("jax")) == "jax"
    assert eager.backend_name(None, None, of_framework("jax"), 0) == "numpy"
    assert eager.backend_name(None, None, np.dtype("float32"), 0) == "numpy"


# --- backends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["torch", "tensorflow", "jax"])
def test_a_missing_framework_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Name, reason and command; the original error is chained."""

    def missing(module: str) -> None:
        assert module == f"unified_init.backends._{name}"
        text = f"No module named {name!r}"
        raise ModuleNotFoundError(text)

    registry._load.cache_clear()
    monkeypatch.setattr(importlib, "import_module", missing)
    with refused(ui.BackendError) as caught:
        ui.draw(NORMAL, 3, seed=0, backend=name)
    registry._load.cache_clear()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_objects_belong_to_the_framework_of_their_type() -> None:
    """Subclasses count as their bases; Python's own belong to none."""
    assert registry.backend_of(np.zeros(1)) == "numpy"
    assert registry.backend_of(np.float32(1)) == "numpy"
    assert registry.backend_of(np.random.default_rng()) == "numpy"
    assert registry.backend_of(type("Sub", (np.ndarray,), {})((2,))) == "numpy"
    assert registry.backend_of(of_framework("jaxlib")) == "jax"
    assert registry.backend_of(of_framework("torchvision")) is None
    assert registry.backend_of(3) is None
    assert "numpy" in ui.backends()
    assert set(ui.backends()) <= set(registry.NAMES)


def test_the_numpy_adapter_is_complete() -> None:
    """It hands buffers through, and its graph program draws what the host does."""
    from unified_init.law.layout import bind
    from unified_init.stream import run
    from unified_init.stream.dtypes import dtype_of
    from unified_init.stream.program import make_program

    array = np.zeros(3)
    assert _numpy.adopt(array, None) is array
    assert _numpy.root_key("key") is None
    _numpy.resolve_device("cpu", "float32")
    assert not _numpy.wants_graph(None)
    geometry = bind((12, 5, 3), "(BO)IW", {"B": 2})
    for spec in (
        ui.normal(0.1, 2.0),
        ui.he_uniform(),
        ui.truncated_normal(0, 1, -1, 3),
        ui.sparse(0.3),
        ui.zeros(),
    ):
        for name in ("", "w"):
            for dtype in ("float32", "float64", "bfloat16", "float16", "float8_e5m2"):
                program = make_program(
                    spec.law(geometry), geometry, index=(slice(1, 9, 2),), name=name, dtype=dtype_of(dtype)
                )
                key = (7, 2**32 - 1)
                traced = _numpy.trace(program, key if program.law.random else None, None)
                assert traced.tobytes() == run.on_host(program, key).tobytes()


# --- rules that few calls meet --------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: ui.draw(NORMAL, 3, seed=0, layout="O", sizes={"B": 2**63}),
        lambda: ui.Quantile("AAAA" * 30000, 201, 0.0, 1.0, -1.0, 1.0),
        lambda: ui.Initializer(ui.TruncatedNormal(-2, 2), ui.Between(1.0, 0.0, -2.0, 1.5)),
        lambda: ui.from_quantile(lambda _: "a"),
        lambda: ui.draw(ui.normal(1e308, 1e307), 3, seed=0, dtype="float64"),
        lambda: ui.draw(ui.dirac(), (3, 3, 0), layout="OIW"),
        lambda: ui.draw(ui.orthogonal(2.0**-80) * 2.0**-80, (3, 3), seed=0),
    ],
    ids=source_of,
)
def test_refusals_to_the_letter(call: Any) -> None:
    """Each of these rules has its whole sentence."""
    with refused(ui.UnifiedInitError):
        call()


def test_a_quantile_table_has_a_largest_exponent() -> None:
    """A table that would overflow is refused where it is given."""
    spec = ui.from_quantile(lambda p: p - 0.5, lambda p: 0.5 - p)
    assert isinstance(spec.distribution, ui.Quantile)
    with refused(ui.ArgumentValueError):
        dataclasses.replace(spec.distribution, exponent=201)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The package names what it lacks, as any module does."""
    with refused(AttributeError):
        ui.he_norml  # type: ignore[attr-defined]  # noqa: B018


def test_a_preset_that_was_not_called_is_told_so() -> None:
    """The function in the place of its spec."""
    preset: Any = ui.zeros
    with refused(ui.ArgumentTypeError, hidden=r"0x\w+"):
        ui.draw(preset, 3)


def test_an_empty_name_on_a_layers_initializer_is_refused() -> None:
    """Where one seed serves many layers, the name alone tells them apart."""
    with refused(ui.ArgumentValueError):
        ui.as_torch(NORMAL, seed=0, name="")
    with refused(ui.ArgumentValueError):
        ui.as_torch(NORMAL, seed=0)
    with refused(ui.ArgumentValueError):
        ui.fill(np.zeros(3, np.float32), NORMAL, seed=0)


def test_a_spec_may_be_divided() -> None:
    """Spec / 2 is spec * 0.5; only numbers divide."""
    assert NORMAL / 2 == NORMAL * 0.5
    with pytest.raises(TypeError):
        NORMAL / NORMAL  # type: ignore[operator]
