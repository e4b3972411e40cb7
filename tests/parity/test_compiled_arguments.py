"""The drawing functions under ``torch.compile``: the same bits as eager, or the same error in the same words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.outcomes import outcome

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("torch")

N = ui.normal(0.0, 1.0)
H = ui.he_normal()
STATIC: tuple[dict[str, Any], ...] = ({}, {"fullgraph": True})
DYNAMIC: tuple[dict[str, Any], ...] = ({"dynamic": True}, {"dynamic": True, "fullgraph": True})
WHOLE = (STATIC[1], DYNAMIC[1])
INIT: Any = ui.as_torch(H, seed=7, name="w", layout="OI")
NUMPY_INT, NUMPY_FLOAT = np.int64(2), np.float32(5.5)
NUMPY_FANS, NUMPY_SIZES = (np.int64(9), NUMPY_FLOAT), {"B": NUMPY_INT}


class Text(str):
    """Stand for other kinds of str."""

    __slots__ = ()


class Stranger:
    """Stand for any object that is no argument."""


STRANGER = Stranger()


def fill(target: Any, spec: Any = N, **options: Any) -> Any:
    """Fill, with arguments of which each row replaces some."""
    return ui.fill(target, spec, **{"seed": 7, "name": "w", **options})


def draw(spec: Any = N, shape: Any = (6, 4), **options: Any) -> Any:
    """Draw, with arguments of which each row replaces some."""
    return ui.draw(spec, shape, **{"seed": 7, "name": "w", "backend": "torch", **options})


def torch_attribute(name: str) -> Any:
    """Return an attribute of torch, which the core does without."""
    import torch

    return getattr(torch, name)


def closures() -> dict[str, Callable[[], Any]]:
    """Return draws whose arguments are values of cells, which are symbols where shapes are dynamic."""
    three, real, fans, spec, pair, yes, rows = 3, 9.5, (9, 5), ui.normal(0.0, 0.3), [1.5, 2.5], True, (6, 4)
    array = ui.constant(pair)
    return {
        "closure shape": lambda: draw(N, (three, 4)),
        "closure length": lambda: draw(N, three),
        "closure rows": lambda: draw(N, rows),
        "closure seed": lambda: draw(seed=three),
        "closure index": lambda: draw(index=(slice(1, three), three)),
        "closure fans": lambda: draw(H, fans=fans),
        "closure real fans": lambda: draw(H, fans=(real, None)),
        "closure sizes": lambda: draw(H, layout="(BO)I", sizes={"B": three}),
        "closure spec": lambda: draw(spec),
        "closure array": lambda: draw(array, (6, 2), layout="OI"),
        "closure factor": lambda: draw(spec * real),
        "closure icnr": lambda: draw(ui.icnr(spec, three - 1), (8, 4, 3, 3), layout="OIHW"),
        "closure dirac": lambda: draw(ui.dirac(three), (6, 2, 3), layout="OIW"),
        "closure negative seed": lambda: draw(seed=-three),
        "closure negative length": lambda: draw(N, (-three, 4)),
        "closure real seed": lambda: draw(seed=real),
        "closure real length": lambda: draw(N, (real, 4)),
        "closure index out of range": lambda: draw(index=(three * 7,)),
        "closure bool": lambda: draw(N, (yes, 4)),
        "closure indivisible": lambda: draw(H, (7, 4), layout="(BO)I", sizes={"B": three}),
        "closure wrong layout": lambda: draw(H, (three, 4), layout="OIHW"),
    }


def made() -> dict[str, Callable[[], Any]]:
    """Return draws of specs that are made in the program, of floats of it."""
    a, b, low, high, gain, factor, pair = 0.1, 0.3, -1.3, 1.7, 1.3, 2, [1.5, 2.0]
    kernel: dict[str, Any] = {"shape": (8, 4, 3, 3), "layout": "OIHW"}
    oi: dict[str, Any] = {"layout": "OI"}
    return {
        "made normal": lambda: draw(ui.normal(a, b)),
        "made uniform": lambda: draw(ui.uniform(low, high)),
        "made truncated": lambda: draw(ui.truncated_normal(a, b, low, high)),
        "made truncated at 2": lambda: draw(ui.truncated_normal(a, b)),
        "made trunc": lambda: draw(ui.trunc_normal(a, b, low, high)),
        "made constant": lambda: draw(ui.constant(gain)),
        "made array": lambda: draw(ui.constant(pair), (6, 2), **oi),
        "made zeros": lambda: draw(ui.zeros(), seed=None),
        "made variance": lambda: draw(ui.variance_scaling(gain, "fan_in", "truncated_normal"), **oi),
        "made lecun": lambda: draw(ui.lecun_normal(), **oi),
        "made xavier": lambda: draw(ui.xavier_uniform(gain), **oi),
        "made kaiming": lambda: draw(ui.kaiming_normal(ui.calculate_gain("leaky_relu", gain)), **oi),
        "made siren": lambda: draw(ui.siren(first=True), **oi),
        "made orthogonal": lambda: draw(ui.orthogonal(gain), **oi),
        "made delta": lambda: draw(ui.delta_orthogonal(gain), **kernel),
        "made identity": lambda: draw(ui.identity(gain), **oi),
        "made sparse": lambda: draw(ui.sparse(a, b), **oi),
        "made icnr": lambda: draw(ui.icnr(ui.normal(a, b), factor), **kernel),
        "made of parts": lambda: draw(ui.Initializer(ui.TruncatedNormal(low, high), ui.Fixed(b))),
        "made quotient": lambda: draw(ui.he_normal() / gain * b, **oi),
        "made negative": lambda: draw(-ui.he_normal(), **oi),
        "made sum": lambda: draw(ui.identity(-0.7) + ui.normal(0.0, 0.1) + 0.5, **oi),
        "made product": lambda: draw(ui.along("I", [1.0, 2.0, 3.0, 4.0]) * ui.normal(0.0, 1.0), **oi),
        "made norm": lambda: draw(ui.with_norm(ui.normal(0.0, 1.0), "frobenius", 2.0), **oi),
        "made laplace": lambda: draw(ui.laplace(0.0, 1.0), **oi),
        "made discrete": lambda: draw(ui.discrete((0.0, 1.0), (0.25, 0.75)), **oi),
        "made mixture": lambda: draw(ui.mixture((0.5, 0.5), (ui.normal(0.0, 1.0), ui.he_normal())), **oi),
        "made transform": lambda: draw(ui.lru_nu_log(0.1, 0.9), **oi),
        "made formula": lambda: draw(ui.hippo_legs(), **oi),
    }


VALID: dict[str, Callable[[], Any]] = {
    "plain": lambda: draw(N, (6, 4)),
    "length": lambda: draw(N, 5),
    "list": lambda: draw(N, [6, 4]),
    "scalar": lambda: draw(N, ()),
    "empty": lambda: draw(N, (0, 4)),
    "seed 0": lambda: draw(seed=0),
    "seed 2**63": lambda: draw(seed=2**63),
    "seed 2**64 - 1": lambda: draw(seed=2**64 - 1),
    "no seed": lambda: draw(ui.ones(), seed=None),
    "unused seed": lambda: draw(ui.ones(), seed=-1),
    "no name": lambda: draw(name=""),
    "name": lambda: draw(name="Größe/\N{GREEK SMALL LETTER ALPHA}"),
    "layout": lambda: draw(H, layout="IO"),
    "sizes": lambda: draw(H, layout="(BO)I", sizes={"B": 2}),
    "fans": lambda: draw(H, fans=(9, 5.5)),
    "fans as a list": lambda: draw(H, fans=[9, None]),
    "index of ints": lambda: draw(index=(-1, 2)),
    "index of slices": lambda: draw(index=(slice(1, None, 2), slice(-3, None))),
    "bare int": lambda: draw(index=3),
    "bare slice": lambda: draw(index=slice(2, 4)),
    "empty index": lambda: draw(index=()),
    "long step": lambda: draw(index=(slice(0, 6, 2**70),)),
    "dtype by name": lambda: draw(dtype="float64"),
    "dtype of torch": lambda: draw(dtype=torch_attribute("bfloat16")),
    "dtype None": lambda: draw(dtype=None),
    "complex": lambda: draw(dtype="complex64"),
    "8 bits": lambda: draw(dtype="float8_e4m3fn"),
    "device by name": lambda: draw(device="cpu"),
    "meta": lambda: draw(device="meta"),
    "device alone": lambda: draw(backend=None, device=torch_attribute("device")("cpu")),
    "NumPy length": lambda: draw(N, (np.int64(3), 4)),
    "NumPy length of a global": lambda: draw(N, (NUMPY_INT, 4)),
    "NumPy seed": lambda: draw(seed=np.int64(5)),
    "NumPy seed of a global": lambda: draw(seed=NUMPY_INT),
    "NumPy fans": lambda: draw(H, fans=(np.int64(9), 5)),
}  # fmt: skip

# Valid, and no node of a graph: they break it, and are refused where breaks are not allowed.
BREAKING: dict[str, Callable[[], Any]] = {
    "NumPy float fans": lambda: draw(H, fans=(np.float32(9.5), 5)),
    "NumPy fans of a global": lambda: draw(H, fans=NUMPY_FANS),
    "NumPy sizes": lambda: draw(H, layout="(BO)I", sizes={"B": np.int64(2)}),
    "NumPy sizes of a global": lambda: draw(H, layout="(BO)I", sizes=NUMPY_SIZES),
    "NumPy index": lambda: draw(index=(np.int64(1), slice(NUMPY_INT))),
    "NumPy length and index": lambda: draw(N, (NUMPY_INT, 4), index=(1,)),
    "NumPy type": lambda: draw(dtype=np.float32),
    "NumPy dtype": lambda: draw(dtype=np.dtype("float16")),
    "other backend": lambda: draw(backend="numpy"),
    "no backend": lambda: draw(backend=None),
    "other str": lambda: draw(name=Text("w")),
    "fill": lambda: fill(tensor(), name="w"),
    "fill fans": lambda: fill(tensor(), H, layout="OI", sizes=None, fans=(9, 5)),
    "as_torch": lambda: ui.as_torch(H, seed=7, name="w", layout="OI")(tensor()),
    "as_torch before": lambda: INIT(tensor()),
    "fill nothing": lambda: fill(3),
    "fill ints": lambda: fill(tensor().int()),
    "fill expanded": lambda: fill(tensor()[:1].expand(6, 4)),
    "fill seed": lambda: fill(tensor(), seed="7"),
    "fill without a seed": lambda: fill(tensor(), seed=None),
    "fill name": lambda: fill(tensor(), name=3),
    "fill spec": lambda: fill(tensor(), "he"),
    "fill layout": lambda: fill(tensor(), H, layout="OX"),
    "fill sizes": lambda: fill(tensor(), H, layout="(BO)I", sizes={"B": 5}),
    "fill fans of one": lambda: fill(tensor(), H, fans=(9,)),
    "as_torch nothing": lambda: INIT(3),
    "tensor as a seed": lambda: draw(seed=tensor()),
    "tensor as a shape": lambda: draw(N, tensor()),
}

WRONG: dict[str, Callable[[], Any]] = {
    "list of ints in an index": lambda: draw(index=[1, 2]),
    "list in an index": lambda: draw(index=([1, 4], 2)),
    "three entries": lambda: draw(index=([0, 4, 2],)),
    "index out of range": lambda: draw(index=(6,)),
    "slice out of range": lambda: draw(index=(slice(0, 7),)),
    "step of 0": lambda: draw(index=(slice(0, 4, 0),)),
    "negative step": lambda: draw(index=(slice(None, None, -1),)),
    "bool in an index": lambda: draw(index=(True,)),
    "bool in a slice": lambda: draw(index=(slice(True, 3),)),  # noqa: FBT003
    "float in an index": lambda: draw(index=(1.0,)),
    "float in a slice": lambda: draw(index=(slice(0.0, 2),)),
    "None in an index": lambda: draw(index=(None,)),
    "ellipsis": lambda: draw(index=...),
    "str in an index": lambda: draw(index="a"),
    "long index": lambda: draw(index=(1, 1, 1)),
    "bool in a shape": lambda: draw(N, (True, 2)),
    "bool as a shape": lambda: draw(N, True),  # noqa: FBT003
    "float in a shape": lambda: draw(N, (2.0, 2)),
    "str in a shape": lambda: draw(N, ("2", 2)),
    "str as a shape": lambda: draw(N, "ab"),
    "None as a shape": lambda: draw(N, None),
    "dict as a shape": lambda: draw(N, {3: 4}),
    "nested shape": lambda: draw(N, ((2, 2), 2)),
    "negative length": lambda: draw(N, (-1, 4)),
    "too long": lambda: draw(N, (2**63, 4)),
    "far too long": lambda: draw(N, (2**300, 4)),
    "seed -1": lambda: draw(seed=-1),
    "seed 2**64": lambda: draw(seed=2**64),
    "seed 2**300": lambda: draw(seed=2**300),
    "seed None": lambda: draw(seed=None),
    "seed True": lambda: draw(seed=True),
    "seed 3.5": lambda: draw(seed=3.5),
    "seed str": lambda: draw(seed="7"),
    "seed tuple": lambda: draw(seed=(1, 2)),
    "seed object": lambda: draw(seed=STRANGER),
    "name 3": lambda: draw(name=3),
    "name None": lambda: draw(name=None),
    "name bytes": lambda: draw(name=b"w"),
    "name surrogate": lambda: draw(name="\ud800"),
    "spec 3": lambda: draw(3),
    "spec None": lambda: draw(None),
    "spec str": lambda: draw("he_normal"),
    "spec function": lambda: draw(ui.he_normal),
    "layout 3": lambda: draw(layout=3),
    "layout letter": lambda: draw(layout="OX"),
    "layout axes": lambda: draw(layout="OIHW"),
    "layout missing": lambda: draw(H),
    "layout without I": lambda: draw(H, layout="OO"),
    "sizes 3": lambda: draw(layout="(BO)I", sizes=3),
    "sizes list": lambda: draw(layout="(BO)I", sizes=[("B", 2)]),
    "sizes float": lambda: draw(layout="(BO)I", sizes={"B": 2.0}),
    "sizes bool": lambda: draw(layout="(BO)I", sizes={"B": True}),
    "sizes 0": lambda: draw(layout="(BO)I", sizes={"B": 0}),
    "sizes 2**70": lambda: draw(layout="(BO)I", sizes={"B": 2**70}),
    "sizes without a layout": lambda: draw(sizes={"B": 2}),
    "sizes letter": lambda: draw(layout="(BO)I", sizes={"I": 2}),
    "sizes indivisible": lambda: draw(layout="(BO)I", sizes={"B": 5}),
    "fans 3": lambda: draw(H, fans=3),
    "fans of one": lambda: draw(H, fans=(3,)),
    "fans str": lambda: draw(H, fans=("a", 3)),
    "fans bool": lambda: draw(H, fans=(True, 3)),
    "fans 0": lambda: draw(H, fans=(0, 3)),
    "fans -1": lambda: draw(H, fans=(-1, 3)),
    "fans nan": lambda: draw(H, fans=(float("nan"), 3)),
    "fans inf": lambda: draw(H, fans=(float("inf"), 3)),
    "fans None": lambda: draw(H, fans=(None, 3)),
    "fans dict": lambda: draw(H, fans={1: 2}),
    "fans set": lambda: draw(H, fans={9, 5}),
    "dtype int8": lambda: draw(dtype="int8"),
    "dtype 3": lambda: draw(dtype=3),
    "dtype of torch ints": lambda: draw(dtype=torch_attribute("int8")),
    "dtype of laplace": lambda: draw(ui.laplace(0.0, 1.0), dtype="complex64"),
    "device nowhere": lambda: draw(device="nowhere"),
    "device that is missing": lambda: draw(device="cuda:99"),
    "device 3.5": lambda: draw(device=3.5),
    "device list": lambda: draw(device=[]),
    "device and backend": lambda: draw(backend="numpy", device=torch_attribute("device")("cpu")),
    "backend unknown": lambda: draw(backend="nope"),
    "backend 3": lambda: draw(backend=3),
    "backend str": lambda: draw(backend="Torch"),
    "beyond the dtype": lambda: draw(ui.constant(1e6), dtype="float16"),
    "two wrong": lambda: draw(N, (True, 2), seed=-1, dtype="int8"),
    "two others wrong": lambda: draw(N, (2, 2), seed=-1, device="nowhere"),
}  # fmt: skip

ROWS = {**VALID, **BREAKING, **WRONG, **closures(), **made()}
# Of the wrong values of an argument, those that every session tries; the others take the same way.
BRIEF_WRONG = {
    "list of ints in an index", "index out of range", "step of 0", "float in an index", "bool in a shape",
    "str as a shape", "negative length", "seed -1", "seed None", "name 3", "spec str", "layout letter",
    "layout missing", "sizes 3", "sizes indivisible", "fans 3", "fans nan", "dtype int8", "device nowhere",
    "backend unknown", "beyond the dtype", "two wrong",
}  # fmt: skip
MORE = (WRONG.keys() - BRIEF_WRONG) | {
    "made uniform", "made truncated at 2", "made array", "made lecun", "made xavier", "made delta", "made quotient",
    "made laplace", "made formula", "NumPy fans of a global", "NumPy sizes of a global", "NumPy dtype",
    "fill seed", "fill name", "fill spec", "fill sizes", "fill fans of one",
}  # fmt: skip
assert ROWS.keys() >= MORE | BRIEF_WRONG  # a name that no row has would mark nothing
# What a cell holds is a symbol where shapes are dynamic. All others are constants, dynamic or not.
MODES = dict.fromkeys(ROWS, STATIC) | dict.fromkeys(closures(), DYNAMIC) | dict.fromkeys(made(), WHOLE)


def tensor() -> Any:
    """Return a tensor to fill."""
    import torch

    return torch.zeros(6, 4)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.more] if name in MORE else []) for name in ROWS]
)
def test_compiled_is_eager(name: str) -> None:
    """The same bits, or the same class and words; where it must break the graph, breaks must be allowed."""
    import torch

    expected = outcome(ROWS[name])
    refusals = [expected] if name in WRONG else []
    assert all(module == "unified_init" for module, *_ in refusals)
    for options in MODES[name]:
        torch.compiler.reset()
        answer = outcome(torch.compile(ROWS[name], backend="eager", **options))
        if name in BREAKING and "fullgraph" in options:
            assert answer[:2] == ("torch._dynamo.exc", "Unsupported"), options
            assert "reason: unified_init: " in answer[2], options
        else:
            assert answer == expected, options


def refused_with(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[type, str]:
    """Return the class and the words of the error with which a compiled program ends."""
    import torch

    torch.compiler.reset()
    with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is
        torch.compile(call, backend="eager", **options)(*arguments)
    return caught.type, str(caught.value)


@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
def test_every_compiler_of_graphs_raises_our_errors(backend: str) -> None:
    """Also where the draw is in the middle of a graph, of constant lengths and of symbols."""
    import torch

    def program(x: Any, seed: Any) -> Any:
        return (x * 2) @ draw(H, (x.shape[1], 3), layout="OI", seed=seed) + 1

    x = torch.ones(2, 4)
    expected = program(x, 7)
    for options in STATIC + DYNAMIC:
        torch.compiler.reset()
        compiled = torch.compile(program, backend=backend, **options)
        assert torch.equal(compiled(x, 7), expected)
        with pytest.raises(ui.ArgumentTypeError) as caught:
            compiled(x, "7")
        assert str(caught.value) == outcome(lambda: draw(seed="7"))[2]


def test_a_refusal_can_be_caught_in_the_program() -> None:
    """What follows in the except clause is run, as outside."""
    import torch

    def program() -> Any:
        try:
            return draw(seed=-1)
        except ui.ArgumentValueError:
            return draw(seed=1)

    torch.compiler.reset()
    assert torch.equal(torch.compile(program, backend="eager")(), program())


def test_a_refused_shape_raises_before_what_follows_it() -> None:
    """The error is the draw's, not that of an operation on its result, used or not."""
    import torch

    def used(x: Any) -> Any:
        return x @ draw(N, (True, 2))

    def unused(x: Any) -> Any:
        draw(N, (True, 2))
        return x

    for program in (used, unused):
        error, words = refused_with(program, torch.ones(3, 3))
        assert (error, words) == (ui.ArgumentTypeError, outcome(lambda: draw(N, (True, 2)))[2])


def test_where_breaks_are_not_allowed_some_errors_are_those_of_dynamo() -> None:
    """With fullgraph=True: generators, specs that are refused when they are made, and wrong shapes in use.

    Of a constructor's error Dynamo keeps the words. The others are refused while Dynamo traces, without a graph that
    could raise ours.
    """
    import torch

    error, words = refused_with(lambda seed: draw(seed=seed), torch.Generator(), fullgraph=True)
    assert error is torch._dynamo.exc.Unsupported
    assert "reason: unified_init: " in words
    error, words = refused_with(lambda: draw(ui.normal(0.0, -1.0)), fullgraph=True)
    assert error is torch._dynamo.exc.Unsupported
    assert "`std` must be positive and at least 2**-90, got -1.0" in words
    error, _ = refused_with(lambda x: x @ draw(N, (True, 2)), torch.ones(3, 3), fullgraph=True)
    assert error is torch._dynamo.exc.TorchRuntimeError


def test_a_length_that_grows_needs_no_new_graph() -> None:
    """Lengths, seeds and fans stay symbols: one compilation serves them all."""
    import torch

    def program(x: Any, seed: int, fan: int) -> Any:
        return draw(H, (x.shape[0], 3), seed=seed, fans=(fan, None))

    counter = torch._dynamo.testing.CompileCounter()
    torch.compiler.reset()
    compiled = torch.compile(program, backend=counter, fullgraph=True, dynamic=True)
    for length, seed, fan in ((4, 7, 9), (5, 8, 10), (9, 2**40, 11)):
        arguments = torch.ones(length), seed, fan
        assert torch.equal(compiled(*arguments), program(*arguments))
    assert counter.frame_count == 1


def module(**options: Any) -> Any:
    """Return a module that adds a draw to what a layer gives."""
    import torch

    class Noisy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.utils.skip_init(torch.nn.Linear, 4, 3)
            ui.fill(self.linear.weight, N, seed=1, name="w")
            ui.fill(self.linear.bias, N, seed=2, name="w")

        def forward(self, x: Any) -> Any:
            return self.linear(x) + draw(H, (x.shape[0], 3), layout="OI", **options)

    return Noisy()


def exported_and_run(model: Any, x: Any, *, strict: bool) -> Any:
    """Return what an exported module returns."""
    import torch

    return torch.export.export(model, (x,), strict=strict).module()(x)


@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
def test_an_exported_draw_is_the_eager_one(tmp_path: Path, *, strict: bool) -> None:
    """Of constant lengths and of symbols, saved and read again; with an error of ours, now or when it runs."""
    import torch

    model, x = module(), torch.ones(5, 4)
    for shapes in (None, {"x": {0: torch.export.Dim("n", min=2, max=50)}}):
        program = torch.export.export(model, (x,), dynamic_shapes=shapes, strict=strict)
        assert torch.equal(program.module()(x), model(x))
    assert torch.equal(program.module()(torch.ones(9, 4)), model(torch.ones(9, 4)))
    torch.export.save(program, tmp_path / "program.pt2")
    assert torch.equal(torch.export.load(tmp_path / "program.pt2").module()(x), model(x))
    for options in (
        {"seed": -1},
        {"dtype": "int8"},
        {"index": ([1, 2],)},
        {"backend": "nope"},
        {"seed": STRANGER},
    ):
        wrong = module(**options)
        expected = outcome(partial(wrong, x))
        answer = outcome(partial(exported_and_run, wrong, x, strict=strict))
        assert answer == expected
        assert answer[0] == "unified_init"


def test_a_generator_cannot_be_exported() -> None:
    """A recorded program would have no seed; make_fx says the same."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    wrong = module(seed=torch.Generator())
    with refused(ui.ArgumentValueError):
        torch.export.export(wrong, (torch.ones(5, 4),), strict=False)
    with refused(ui.ArgumentValueError):
        make_fx(wrong)(torch.ones(5, 4))


def test_transforms_of_functions_see_the_eager_draw() -> None:
    """vmap, grad and functional_call, compiled and not; a batch of seeds is refused."""
    import torch

    def shifted(v: Any) -> Any:
        return v + draw(N, (3,))

    def loss(v: Any) -> Any:
        return (v * draw(N, (3,))).sum()

    def called(parameters: Any, x: Any) -> Any:
        return torch.func.functional_call(model, parameters, (x,))

    model = module()
    rows, x, expected = torch.ones(4, 3), torch.ones(5, 4), draw(N, (3,))
    for options in (None, *STATIC):
        torch.compiler.reset()

        def compiled(function: Any, options: Any = options) -> Any:
            return function if options is None else torch.compile(function, backend="aot_eager", **options)

        assert torch.equal(compiled(torch.func.vmap(shifted))(rows), rows + expected)
        assert torch.equal(compiled(torch.func.grad(loss))(rows[0]), expected)
        assert torch.equal(compiled(called)(dict(model.named_parameters()), x), model(x))
    with refused(ui.ArgumentTypeError):
        torch.func.vmap(lambda seed: draw(N, (3,), seed=seed))(torch.arange(2))
