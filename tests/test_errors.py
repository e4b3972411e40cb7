"""Errors: one base class, and every message of the core held to the letter by some test."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unified_init as ui
from unified_init import errors
from unified_init.backends import _numpy, registry
from unified_init.core import checks
from unified_init.drawing import eager, seeds

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent
SOURCE = Path(ui.__file__).parent
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
    ("check", "arguments", "message"),
    [
        (checks.number, ("x", "1"), "`x` must be a real number, got '1'."),
        (checks.number, ("x", 1j), "`x` must be a real number, got 1j."),
        (checks.number, ("x", None), "`x` must be a real number, got None."),
        (checks.number, ("x", float("nan")), "`x` must be a number, got nan."),
        (checks.number, ("x", 10**400), "`x` must fit a float64, got a number beyond its range."),
        (checks.finite, ("x", float("-inf")), "`x` must be finite, got -inf."),
        (
            checks.positive,
            ("x", -2),
            ("`x` must be positive and at least 2**-90, got -2.0."),
        ),
        (checks.count, ("x", 1.0), "`x` must be an integer, got 1.0."),
        (checks.count, ("x", 0), "`x` must be at least 1, got 0."),
        (
            checks.choice,
            ("x", "c", ("aa", "bb", "cc")),
            "`x` must be 'aa', 'bb' or 'cc', got 'c'. Did you mean 'cc'?",
        ),
        (checks.choice, ("x", "zzz", ("aa", "bb")), "`x` must be 'aa' or 'bb', got 'zzz'."),
        (checks.choice, ("x", 3, ("aa", "bb")), "`x` must be 'aa' or 'bb', got 3."),
        (checks.text, ("x", b"a"), "`x` must be a string, got b'a'."),
        (
            checks.text,
            ("x", "\udfff"),
            "`x` must be valid Unicode, got '\\udfff', which UTF-8 cannot encode.",
        ),
        (checks.shape_of, (2.0,), "`shape` must be a tuple of integers, got 2.0."),
        (checks.shape_of, (None,), "`shape` must be a tuple of integers, got None."),
        (checks.shape_of, (True,), "`shape` must be a tuple of integers, got True."),
        (checks.shape_of, ("34",), "`shape` must be a tuple of integers, got '34'."),
        (checks.shape_of, (b"34",), "`shape` must be a tuple of integers, got b'34'."),
        (checks.shape_of, ((3, 4.0),), "`shape` must hold integers only, got 4.0 in (3, 4.0)."),
        (checks.shape_of, ((3, True),), "`shape` must hold integers only, got True in (3, True)."),
        (checks.shape_of, ((3, None),), "`shape` must hold integers only, got None in (3, None)."),
        (checks.shape_of, ((3, -1),), "`shape` must not have negative entries, got (3, -1)."),
        (checks.shape_of, (-1,), "`shape` must not have negative entries, got (-1,)."),
        (
            checks.shape_of,
            ((2**32, 2**31),),
            "`shape` must have fewer than 2**63 elements, got (4294967296, 2147483648).",
        ),
    ],
)
def test_checks_say_which_argument_and_what_it_must_be(
    check: Any, arguments: tuple[Any, ...], message: str
) -> None:
    """One grammar: the argument, the rule, what was received."""
    with pytest.raises(ui.UnifiedInitError) as caught:
        check(*arguments)
    assert str(caught.value) == message


def test_checks_return_plain_numbers() -> None:
    """NumPy's scalars become Python's; a shape may be an int or any sequence of ints."""
    assert type(checks.number("x", np.float32(0.5))) is float
    assert type(checks.count("x", np.int8(5))) is int
    assert checks.shape_of(3) == (3,)
    assert checks.shape_of([np.int64(3), 4]) == (3, 4)
    assert checks.shape_of(range(3)) == (0, 1, 2)
    assert checks.shape_of(()) == ()
    assert checks.shape_of(np.array(3)) == (3,)


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

SEED = "`seed` must be an int from 0 to 2**64 - 1, a JAX key or a framework's generator object, got {!r}."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"spec": ui.Normal()},
            (
                "`spec` must be an Initializer, such as unified_init.he_normal(), got Normal(): "
                "from_native() reads those of other libraries."
            ),
        ),
        (
            {"seed": None},
            (
                "Normal is random and needs `seed`: an int from 0 to 2**64 - 1, a JAX key or a framework's "
                "generator object; got None."
            ),
        ),
        ({"seed": Strange()}, SEED.format(Strange())),
        ({"seed": np.zeros(1)}, SEED.format(np.zeros(1))),
        ({"seed": 2**64}, f"`seed` must be from 0 to 2**64 - 1, got {2**64}."),
        ({"name": None}, "`name` must be a string, got None."),
        (
            {"backend": "pytorch"},
            (
                "`backend` must be 'numpy', 'torch', 'tensorflow' or 'jax', got 'pytorch'. "
                "Did you mean 'torch'?"
            ),
        ),
        ({"backend": 3}, "`backend` must be 'numpy', 'torch', 'tensorflow' or 'jax', got 3."),
        ({"device": "cuda"}, "`device` of the numpy backend must be 'cpu' or None, got 'cuda'."),
        (
            {"backend": "numpy", "device": of_framework("jax")},
            "`backend` 'numpy' and `device` <jax>, which is of jax, disagree.",
        ),
    ],
    ids=str,
)
def test_draw_refuses_what_it_cannot_use(options: dict[str, Any], message: str) -> None:
    """Every argument is named in the message that it causes."""
    arguments: dict[str, Any] = {"spec": NORMAL, "shape": (3, 4), "seed": 0} | options
    with pytest.raises(ui.UnifiedInitError) as caught:
        ui.draw(**arguments)
    assert str(caught.value) == message


def test_the_seed_of_a_random_law_is_required_and_any_other_ignored() -> None:
    """A structured random law needs one, a constant takes none."""
    for spec, name in (
        (ui.orthogonal(), "orthogonal"),
        (ui.sparse(0.5), "Sparse"),
        (ui.he_uniform(), "he_uniform"),
    ):
        with pytest.raises(ui.ArgumentTypeError, match=f"^{name} is random and needs `seed`: "):
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
    with pytest.raises(ui.ArgumentTypeError) as caught:
        ui.draw(NORMAL, 3, seed=legacy)
    assert str(caught.value) == SEED.format(legacy)


def test_a_seed_traced_elsewhere_has_no_value() -> None:
    """A traced JAX key cannot be drawn with by NumPy."""
    traced = of_framework("jax")
    key = (object(), object())
    assert seeds.is_traced(key)
    assert not seeds.is_traced((1, 2))
    assert not seeds.is_traced(None)
    with pytest.raises(ui.ArgumentValueError) as caught:
        eager._check_trace(key, traced, "numpy")
    assert str(caught.value) == (
        "`seed` is traced by jax and has no value that numpy could use: draw with the framework that traces, "
        "or outside the trace."
    )


def test_a_seed_decides_the_backend_where_nothing_else_does() -> None:
    """A JAX key means JAX, a device its framework, anything else NumPy."""
    assert eager.backend_name(None, None, of_framework("jax")) == "jax"
    assert eager.backend_name(None, of_framework("torch"), of_framework("jax")) == "torch"
    assert eager.backend_name(None, None, of_framework("torch")) == "numpy"
    assert eager.backend_name("numpy", "cpu", 0) == "numpy"


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
    with pytest.raises(ui.BackendError) as caught:
        ui.draw(NORMAL, 3, seed=0, backend=name)
    registry._load.cache_clear()
    assert str(caught.value) == (
        f"backend {name!r} needs {name}, which cannot be imported (No module named {name!r}): "
        f'install it with `pip install "unified-init[{name}]"`.'
    )
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


# --- completeness -------------------------------------------------------------------------------

# Modules that a NumPy-only test cannot reach, or that have tests of their own.
ELSEWHERE = re.compile(
    r"^(backends/_(torch|tensorflow|jax)|drawing/torch_compile|interop/(?!serialise|quantiles)|spec/presets|cli|spec/gains|keras|drawing/(keras_|wrap)|walkers/|recipes/(?!recipe_json)|auditing/charts)"
)


def sources() -> list[Path]:
    """Return the modules whose messages must be tested."""
    return [
        path
        for path in sorted(SOURCE.rglob("*.py"))
        if not ELSEWHERE.match(path.relative_to(SOURCE).as_posix())
    ]


def pieces(node: ast.expr) -> list[str]:
    """Return the fixed text of a string, split where a value is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return [str(value.value) for value in values if isinstance(value, ast.Constant)]
        case ast.BinOp(left=left, right=right):
            return [*pieces(left), *pieces(right)]
    return []


def messages(tree: ast.Module) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fixed text of the message of every raise of a module.

    A message is assigned to ``msg`` above the raise, or returned by the function that the raise calls.
    """
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    returned = {
        function.name: [
            text
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value
            for text in pieces(node.value)
        ]
        for function in functions
    }
    for function in functions:
        assigned = {
            node.lineno: pieces(node.value)
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "msg"
        }
        for node in ast.walk(function):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            argument = node.exc.args[0]
            above = [line for line in assigned if line < node.lineno]
            if isinstance(argument, ast.Name) and argument.id == "msg" and above:
                yield node.lineno, assigned[max(above)]
            elif isinstance(argument, ast.Call):
                name = (
                    argument.func.attr
                    if isinstance(argument.func, ast.Attribute)
                    else ast.unparse(argument.func)
                )
                yield node.lineno, returned[name]
            else:
                yield node.lineno, pieces(argument)


def texts_of_tests() -> str:
    """Return every string of every test, one a line."""
    lines: list[str] = []
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Constant(value=str(text)):
                    lines.append(text)
    return "\n".join(lines)


def untested(source: str, tests: str) -> list[str]:
    """Return the messages of a module of which some fixed text is in no test."""
    missing = []
    for line, texts in messages(ast.parse(source)):
        words = [text.strip(" `'\".,:;") for text in texts]
        absent = [text for text in words if len(text) > 2 and text not in tests]
        if absent or not texts:
            missing.append(f"line {line}: {absent or 'no text found'}")
    return missing


def test_every_message_is_in_some_test() -> None:
    """The fixed text of each raise of the core stands in a test, letter by letter."""
    tests = texts_of_tests()
    found = {
        path.relative_to(SOURCE).as_posix(): missing
        for path in sources()
        if (missing := untested(path.read_text(encoding="utf-8"), tests))
    }
    assert found == {}


def test_the_search_for_untested_messages_finds_one() -> None:
    """A changed word, a message without text and a returned message are each noticed."""
    changed = "def f(x):\n    msg = f'`x` must be a {x} number, rather.'\n    raise ValueError(msg)\n"
    assert untested(changed, "`x` must be a\nnumber, rather.") == []
    assert untested(changed, "`x` must be a\nnumber.") == ["line 3: ['number, rather']"]
    assert untested("def f(x):\n    raise ValueError(x)\n", "") == ["line 2: no text found"]
    returned = "def f(x):\n    raise ValueError(g(x))\ndef g(x):\n    return f'wrong {x}'\n"
    assert untested(returned, "") == ["line 2: ['wrong']"]
    assert untested(returned, "quite wrong") == []


def test_every_module_of_the_core_is_searched() -> None:
    """The list of exceptions excludes what it says and no more."""
    names = {path.relative_to(SOURCE).as_posix() for path in sources()}
    assert {
        "core/checks.py",
        "drawing/api.py",
        "drawing/seeds.py",
        "law/layout.py",
        "stream/table.py",
        "backends/_numpy.py",
    } <= names
    assert not any(name.startswith(("walkers/", "spec/presets")) for name in names)
    assert (
        sum(len(list(messages(ast.parse((SOURCE / name).read_text(encoding="utf-8"))))) for name in names)
        > 80
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ui.draw(NORMAL, 3, seed=0, layout="O", sizes={"B": 2**63}),
            "`sizes['B']` must be below 2**63, got 9223372036854775808.",
        ),
        (
            lambda: ui.Quantile("AAAA" * 30000, 201, 0.0, 1.0, -1.0, 1.0),
            (
                "`knots` must be base64 of 22529 or 45058 int32 numbers, got 120000 characters that are not: "
                "make it with from_quantile()."
            ),
        ),
        (
            lambda: ui.Initializer(ui.TruncatedNormal(-2, 2), ui.Between(1.0, 0.0, -2.0, 1.5)),
            (
                "`high` must be the bound of the distribution, mean + std * 2.0 = 2.0, got 1.5: "
                "trunc_normal() makes both from absolute bounds."
            ),
        ),
        (
            lambda: ui.from_quantile(lambda _: "a"),
            (
                "`quantile` must take an array of probabilities and return numbers, but: "
                "could not convert string to float: 'a'"
            ),
        ),
        (
            lambda: ui.draw(ui.normal(1e308, 1e307), 3, seed=0, dtype="float64"),
            "the law reaches past the largest float64: mean 1e+308, scale 1e+307.",
        ),
        (
            lambda: ui.draw(ui.dirac(), (3, 3, 0), layout="OIW"),
            "dirac needs spatial axes that are not empty, got shape (3, 3, 0).",
        ),
        (
            lambda: ui.draw(ui.orthogonal(2.0**-80) * 2.0**-80, (3, 3), seed=0),
            (
                "`gain` must be positive and at least 2**-90, got 6.842277657836021e-49: use zeros() or "
                "constant(value) for values that do not vary."
            ),
        ),
    ],
)
def test_refusals_to_the_letter(call: Any, message: str) -> None:
    """Each of these rules has its whole sentence."""
    with pytest.raises(ui.UnifiedInitError) as caught:
        call()
    assert str(caught.value) == message


def test_a_quantile_table_has_a_largest_exponent() -> None:
    """A table that would overflow is refused where it is given."""
    spec = ui.from_quantile(lambda p: p - 0.5, lambda p: 0.5 - p)
    assert isinstance(spec.distribution, ui.Quantile)
    with pytest.raises(ui.ArgumentValueError) as caught:
        dataclasses.replace(spec.distribution, exponent=201)
    assert str(caught.value) == "`exponent` must be at most 200, got 201."


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The package names what it lacks, as any module does."""
    with pytest.raises(AttributeError) as caught:
        ui.he_norml  # noqa: B018
    assert str(caught.value) == (
        "module 'unified_init' has no attribute 'he_norml'. Did you mean 'he_normal'?"
    )


def test_a_preset_that_was_not_called_is_told_so() -> None:
    """The function in the place of its spec."""
    preset: Any = ui.zeros
    with pytest.raises(ui.ArgumentTypeError) as caught:
        ui.draw(preset, 3)
    assert str(caught.value) == (
        f"`spec` must be an Initializer, got the function {ui.zeros!r}: call it, as in he_normal()."
    )


def test_an_empty_name_on_a_layers_initializer_is_refused() -> None:
    """Where one seed serves many layers, the name alone tells them apart."""
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.as_torch(NORMAL, seed=0, name="")
    assert str(caught.value) == (
        "`name` must not be empty: two layers without a name would share their values."
    )


def test_a_spec_may_be_divided() -> None:
    """Spec / 2 is spec * 0.5; only numbers divide."""
    assert NORMAL / 2 == NORMAL * 0.5
    with pytest.raises(TypeError):
        NORMAL / NORMAL  # type: ignore[operator]
