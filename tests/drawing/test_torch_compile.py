"""What stands for a draw inside ``torch.compile``: the frozen call, and the node that runs it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.parity.variants import DEFAULTS, reference
from unified_init.testing.bits import differing
from unified_init.testing.cases import ELEMENTWISE, STRUCTURED

pytestmark = pytest.mark.needs("torch")

SHAPE = (6, 4)
OPTIONS: dict[str, Any] = {**DEFAULTS, "device": None, "backend": "torch", "seed": 3, "shape": SHAPE}
HALF = ui.normal(0.0, 0.5)
SPECS = {**ELEMENTWISE, **{name: spec for name, (spec, _) in STRUCTURED.items()}}


def frozen(spec: Any, **options: Any) -> tuple[str, tuple[int, ...]]:
    """Return a call as text, and the ints beside it."""
    from unified_init.drawing import frozen_call

    ints: list[int] = []
    strangers: list[Any] = []
    arguments = {
        name: frozen_call.plain(value, strangers, ints if name in {"shape", "seed", "fans"} else None)
        for name, value in {**OPTIONS, "spec": spec, **options}.items()
    }
    assert not strangers
    return frozen_call.freeze(arguments), tuple(ints)


@pytest.mark.parametrize("name", SPECS)
def test_a_frozen_call_has_the_spec_of_the_call(name: str) -> None:
    """Every preset survives the way through text."""
    from unified_init.drawing import frozen_call

    arguments, _ = frozen_call._arguments(*frozen(SPECS[name]))
    assert arguments.pop("spec") == SPECS[name]
    assert arguments == OPTIONS


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**62, -(2**62) - 1, 2**200, 0.0, -0.0, 0.1, math.inf, -math.inf, "", "\ud800",
    (), [], {}, (1, 2), [1, 2], [[1], (2,)], (True, 1, 1.0), slice(1, 2), slice(None), slice(1, 2.0, "a"),
    [1, 4, None], {"B": 2}, {1: "B", "B": [True, (slice(None, 3),)]},
]  # fmt: skip


@pytest.mark.parametrize("beside", [False, True], ids=["ints in the text", "ints beside it"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_frozen_value_keeps_its_type(value: Any, *, beside: bool) -> None:
    """A list is no tuple and no slice, a bool no int, an int no float: whatever the nesting."""
    from unified_init.drawing import frozen_call

    strangers: list[Any] = []
    ints: list[int] = []
    taken_apart = frozen_call.plain(value, strangers, ints if beside else None)
    thawed = frozen_call.thawed(json.loads(json.dumps(taken_apart)), tuple(ints))
    assert not strangers
    assert type(thawed) is type(value)
    assert repr(thawed) == repr(value)


def test_torch_objects_are_kept_and_others_are_strangers() -> None:
    """A type and a device of torch are what they were; what is unknown keeps its place."""
    import torch

    from unified_init.drawing import frozen_call

    strangers: list[Any] = []
    value = [torch.bfloat16, torch.device("cuda:1"), torch.Size([2]), {3}, np.int64(4)]
    taken_apart = frozen_call.plain(value, strangers)
    assert strangers == value[3:]
    assert frozen_call.thawed(taken_apart, (), tuple(strangers)) == value


def test_a_frozen_call_keeps_all_that_a_draw_depends_on() -> None:
    """Fans, merged sizes, slices, a type and a device."""
    from unified_init.drawing import frozen_call

    spec = ui.he_normal()
    options: dict[str, Any] = {
        "name": "w", "layout": "(BO)I", "sizes": {"B": 2}, "fans": (9, 5), "index": ([slice(1, 5, 2), slice(0, 1)], -1),
    }  # fmt: skip
    call, ints = frozen(spec, **options, dtype="bfloat16", device="cpu")
    drawn = frozen_call.run(call, ints)
    expected = reference(spec, SHAPE, seed=3, dtype="bfloat16", **options)
    assert differing(drawn.float().numpy(), expected.astype(np.float32)) == 0
    assert frozen_call.result(call, ints) == (tuple(drawn.shape), "bfloat16", "cpu")
    assert frozen_call.result(*frozen(spec, fans=(9, 5))) == (SHAPE, "float32", "cpu")


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "int8"},
        {"device": "nowhere"},
        {"index": ([1, 2],)},
        {"index": [slice(2)]},
        {"shape": (True, 2)},
        {"seed": -1},
    ],
    ids=repr,
)
def test_a_refused_call_has_a_stand_in_and_raises_when_it_runs(options: dict[str, Any]) -> None:
    """The node's body is the eager draw, so its error is the eager one."""
    from unified_init.drawing import frozen_call

    arguments = {**OPTIONS, **options}
    with pytest.raises(ui.UnifiedInitError) as direct:
        ui.draw(HALF, **arguments)
    call, ints = frozen(HALF, **options)
    assert frozen_call.result(call, ints) is None
    assert frozen_call.stand_in(call, ints)[2] == "cpu"
    with pytest.raises(type(direct.value)) as caught:
        frozen_call.run(call, ints)
    assert str(caught.value) == str(direct.value)


def test_a_refusal_is_text_too() -> None:
    """Of arguments that no text can hold; "" where they are right, or where looking at them fails."""
    from unified_init.drawing import frozen_call

    class HalfMade:
        def __repr__(self) -> str:
            raise AttributeError

    def refusal(seed: Any) -> str:
        strangers: list[Any] = []
        arguments = {**OPTIONS, "spec": HALF, "seed": seed}
        plain = {name: frozen_call.plain(value, strangers) for name, value in arguments.items()}
        return frozen_call.refusal(plain, *strangers)

    for seed in ({3}, HalfMade()):
        with pytest.raises(ui.ArgumentTypeError) as direct:
            ui.draw(HALF, SHAPE, seed=seed)
        with pytest.raises(ui.ArgumentTypeError) as caught:
            frozen_call.run(refusal(seed), ())
        assert str(caught.value) == str(direct.value)
        assert frozen_call.result(refusal(seed), ()) is None
    assert refusal(np.random.default_rng(3)) == ""


@pytest.mark.parametrize("seed", [0, 2**32 + 5, 2**64 - 1])
def test_the_way_that_dynamo_takes_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """With Dynamo's answer to "is this a trace?", ``draw`` goes through the node, which runs outside."""
    import torch

    tracing = iter([True, False, True, False])

    expected = reference(ui.normal(0.0, 1.0), SHAPE, seed=seed, name="w")
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: next(tracing))
    drawn = ui.draw(ui.normal(0.0, 1.0), SHAPE, seed=seed, name="w", backend="torch")
    zeros = ui.draw(ui.zeros(), SHAPE, backend="torch")
    monkeypatch.undo()
    assert differing(drawn.numpy(), expected) == 0
    assert not zeros.any()


@pytest.mark.parametrize("backend", ["torch", "numpy"])
@pytest.mark.parametrize(
    "options",
    [
        {"seed": np.int64(3), "shape": (np.int64(6), 4)},
        {"shape": np.float32(6.0)},
        {"shape": [np.int64(6), 4], "index": (slice(0, 2),)},
        {"fans": (np.int64(9), np.float32(5.0))},
        {"seed": object},
    ],
    ids=repr,
)
def test_strangers_take_the_way_that_is_right(
    monkeypatch: pytest.MonkeyPatch, backend: str, options: dict[str, Any]
) -> None:
    """Scalars of NumPy, other backends and what is no seed: the bits of the draw, or its words."""
    import torch

    arguments = {"shape": SHAPE, "seed": 3, "backend": backend, **options}

    def outcome() -> tuple[type, str] | bytes:
        try:
            return bytes(np.asarray(ui.draw(HALF, **arguments)).data)
        except ui.UnifiedInitError as error:
            return type(error), str(error)

    expected = outcome()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    answer = outcome()
    monkeypatch.undo()
    assert answer == expected
