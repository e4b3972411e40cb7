"""What stands for a draw inside ``torch.compile``: the frozen call, and the node that runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.drawing import frozen_call
from unified_init.parity.variants import DEFAULTS, reference
from unified_init.testing.bits import differing
from unified_init.testing.cases import ELEMENTWISE

pytestmark = pytest.mark.needs("torch")

SHAPE = (6, 4)
OPTIONS: dict[str, Any] = {**DEFAULTS, "device": None}
SPECS = {**ELEMENTWISE, "orthogonal": ui.orthogonal()}


def frozen(spec: ui.Initializer, **options: Any) -> str:
    """Return a call as text."""
    return frozen_call.freeze(frozen_call.parts(spec), tuple({**OPTIONS, **options}.items()))


@pytest.mark.parametrize("name", SPECS)
def test_a_frozen_call_draws_what_the_call_draws(name: str) -> None:
    """Every preset survives the way through text."""
    call = frozen(SPECS[name], layout="OI", name=name)
    expected = reference(SPECS[name], SHAPE, seed=3, layout="OI", name=name)
    assert differing(frozen_call.run(call, SHAPE, 3).numpy(), expected) == 0


def test_a_frozen_call_keeps_all_that_a_draw_depends_on() -> None:
    """Fans, merged sizes, slices with NumPy's integers, a type and a device."""
    spec = ui.he_normal()
    options: dict[str, Any] = {
        "name": "w", "layout": "(BO)I", "sizes": {"B": 2}, "fans": (9, 5),
        "index": (slice(np.int64(1), 5, 2), np.int64(-1)),
    }  # fmt: skip
    call = frozen(spec, **options, dtype="bfloat16", device="cpu")
    drawn = frozen_call.run(call, SHAPE, 3)
    expected = reference(spec, SHAPE, seed=3, dtype="bfloat16", **options)
    assert differing(drawn.float().numpy(), expected.astype(np.float32)) == 0
    assert frozen_call.result(call, SHAPE) == (tuple(drawn.shape), "bfloat16", "cpu")
    assert frozen_call.result(frozen(spec, fans=(9, 5)), SHAPE) == (SHAPE, "float32", "cpu")


def test_a_refused_call_keeps_its_message() -> None:
    """What cannot be frozen is text too, and is raised where the draw stands."""
    from unified_init.drawing import torch_compile

    with pytest.raises(ui.ArgumentValueError) as direct:
        ui.draw(ui.zeros(), SHAPE, dtype="int8")
    assert frozen(ui.zeros(), dtype="int8") == f"{frozen_call.REFUSED}{direct.value}"
    with pytest.raises(ui.ArgumentValueError) as caught:
        torch_compile.draw(ui.zeros(), SHAPE, None, "torch", {**OPTIONS, "dtype": "int8"})
    assert str(caught.value) == str(direct.value)


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
