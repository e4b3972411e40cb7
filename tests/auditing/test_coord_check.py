"""Coordinate checks: muP is stable over the width, the standard parametrization is not, and both are told."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.auditing.coordinates import Curve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("torch")

WIDTHS = (64, 128, 256, 512, 1024)


def mlp(width: int) -> Any:
    """Return three layers, of which the second is a hidden one."""
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(),
        torch.nn.Linear(width, 4),
    )  # fmt: skip


def batch(*shape: int) -> Any:
    """Return fixed normal inputs."""
    import torch

    return torch.from_numpy(np.asarray(ui.draw(ui.normal(0.0, 1.0), shape, seed=5)))


def scaled(make: Any, recipe: ui.Recipe) -> Any:
    """Return a recipe under muP."""
    return ui.recipes.mup(recipe, base=ui.inspect(make(64)), delta=ui.inspect(make(128)))


def test_mup_is_stable_and_the_standard_parametrisation_grows() -> None:
    """Adam on an MLP at widths 64 to 1024: slopes below 0.1 under muP, above 0.3 without."""
    inputs = batch(16, 8)
    standard = ui.coord_check(mlp, WIDTHS, inputs, recipe=ui.recipes.torch_default())
    under_mup = ui.coord_check(mlp, WIDTHS, inputs, recipe=scaled(mlp, ui.recipes.torch_default()))
    assert under_mup.worst is not None
    assert standard.worst is not None
    assert (under_mup.verdict, standard.verdict) == ("stable", "grows")
    assert under_mup.worst.slope < 0.1
    assert standard.worst.slope > 0.3


def test_mup_is_stable_under_sgd() -> None:
    """SGD with muP's rates, vectors times m, is stable at a rate where the standard rates grow."""
    inputs = batch(16, 8)
    recipe = ui.recipes.torch_default()
    options: dict[str, Any] = {"optimizer": "sgd", "lr": 0.1, "steps": 2}
    assert ui.coord_check(mlp, WIDTHS, inputs, recipe=scaled(mlp, recipe), **options).verdict == "stable"


def test_attention_under_mup_is_stable() -> None:
    """A small GPT with attention scores over the head size, at widths 64 to 256, with its tied head."""
    import torch

    class Gpt(torch.nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.wte = torch.nn.Embedding(40, width)
            self.norm = torch.nn.LayerNorm(width)
            self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
                torch.nn.Linear(width, width) for _ in range(4)
            )
            self.fc1, self.fc2 = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
            self.head = torch.nn.Linear(width, 40, bias=False)
            self.head.weight = self.wte.weight

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens)
            y = self.norm(x)
            q, k, v = self.q_proj(y), self.k_proj(y), self.v_proj(y)
            scores = torch.softmax(8 * q @ k.transpose(-1, -2) / q.shape[-1], dim=-1)
            x = x + self.out_proj(scores @ v)
            return self.head(self.norm(x + self.fc2(torch.relu(self.fc1(self.norm(x))))))

    tokens = torch.arange(32).reshape(2, 16)

    def loss(output: Any) -> Any:
        return torch.nn.functional.cross_entropy(output[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())

    rules = (
        ui.Rule(spec=ui.zeros(), role=("bias", "offset")),
        ui.Rule(spec=ui.ones(), role="scale"),
        ui.Rule(spec=ui.normal(0.0, 0.1)),
    )
    recipe = ui.Recipe("gpt", rules)
    widths = (64, 128, 256)
    under_mup = ui.coord_check(Gpt, widths, tokens, recipe=scaled(Gpt, recipe), loss=loss)
    standard = ui.coord_check(Gpt, widths, tokens, recipe=recipe, loss=loss)
    assert (under_mup.verdict, standard.verdict) == ("stable", "grows"), f"{under_mup}\n{standard}"


def test_a_check_is_the_same_every_time_and_leaves_no_trace() -> None:
    """Models as they are made and an optimizer of one's own; generators and modes are as before."""
    import torch

    def optimizer(model: Any) -> Any:
        return torch.optim.SGD(model.parameters(), lr=0.01)

    generator = torch.random.get_rng_state()
    with torch.no_grad():
        first, second = (
            ui.coord_check(mlp, (8, 16), inputs, optimizer=optimizer, steps=1, seeds=(3, 4))
            for inputs in (batch(4, 8), {"input": batch(4, 8)})
        )
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_slopes_are_those_of_logarithms() -> None:
    """Sizes that follow a power of the width have its exponent; a size of 0 has no slope."""
    import torch

    class Power(torch.nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((3,), float(width) ** 0.75))
            self.zero = torch.nn.Identity()

        def forward(self, x: Any) -> Any:
            self.zero(x * 0)
            return self.weight * x

    check = ui.coord_check(Power, (4, 16, 64), torch.ones(3), optimizer="sgd", lr=1e-30 * 2**20, steps=1)
    curves = {(curve.name, curve.step): curve for curve in check.curves}
    assert curves["", 1].slope == pytest.approx(0.75, rel=1e-6)
    assert math.isnan(curves["zero", 1].slope)
    assert check.verdict == "grows"
    assert json.loads(check.to_json())["curves"][0]["slope"] is None


def test_verdicts_have_two_thresholds() -> None:
    """Below 0.1 is stable, above 0.3 grows, between is unclear, and nothing to judge is unclear too."""
    for slope, verdict in ((-1.0, "stable"), (0.0999, "stable"), (0.2, "unclear"), (0.301, "grows")):
        assert ui.CoordCheck((1, 2), 1, (Curve("fc", 1, (1.0, 1.0), slope),)).verdict == verdict
    none = ui.CoordCheck((1, 2), 1, (Curve("fc", 1, (0.0, 1.0), math.nan),))
    assert (none.worst, none.verdict) == (None, "unclear")
    assert str(none).splitlines()[-1] == "unclear; widths 1, 2"


def test_a_check_is_text_and_a_picture(tmp_path: Path) -> None:
    """A row a layer, a column a step; the chart is a PNG, one without slopes too."""
    check = ui.coord_check(mlp, (8, 16), batch(4, 8), steps=1)
    assert str(check).splitlines()[0].split() == [
        *["slope", "of", "log|x|", "by", "log", "width"],
        *["step", "0", "step", "1"],
    ]
    none = ui.CoordCheck((1, 2), 0, (Curve("fc", 0, (0.0, 1.0), math.nan),))
    for at, one in enumerate((check, none)):
        one.chart(tmp_path / f"{at}.png")
        assert (tmp_path / f"{at}.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"widths": (8, 8)}, ui.ArgumentValueError),
        ({"recipe": "gpt2"}, ui.ArgumentTypeError),
        ({"optimizer": "lion"}, ui.ArgumentValueError),
        ({"seeds": ()}, ui.ArgumentValueError),
        ({"steps": 0}, ui.ArgumentValueError),
        ({"make_model": 3}, ui.ArgumentTypeError),
        ({"widths": 3}, ui.ArgumentTypeError),
        ({"widths": "64"}, ui.ArgumentTypeError),
        ({"seeds": 3}, ui.ArgumentTypeError),
        ({"loss": 3}, ui.ArgumentTypeError),
        ({"make_model": lambda width: width}, ui.ArgumentTypeError),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], error: type[Exception]) -> None:
    """Each with the rule and what was received."""
    asked: dict[str, Any] = {"make_model": mlp, "widths": (8, 16), "batch": batch(4, 8)} | arguments
    with refused(error):
        ui.coord_check(asked.pop("make_model"), asked.pop("widths"), asked.pop("batch"), **asked)


def test_models_that_cannot_be_compared_are_refused() -> None:
    """Other layers at another width, and an output without a tensor to measure a distance from."""
    import torch

    def odd(width: int) -> Any:
        return torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(width)))

    with refused(ui.ArgumentValueError):
        ui.coord_check(odd, (1, 2), batch(4, 8))

    class Nothing(torch.nn.Linear):
        def forward(self, x: Any) -> str:
            return str(super().forward(x).shape)

    with refused(ui.ArgumentTypeError):
        ui.coord_check(lambda width: Nothing(8, width), (1, 2), batch(4, 8))
