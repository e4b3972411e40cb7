"""Verified matches: what is compared, how it is shown, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.models import verifying
from unified_init.models.run_differences import difference_of
from unified_init.models.verification import LayerDifference


def test_the_first_layer_that_differs_is_shown() -> None:
    """The table ends with it; equal outputs have none."""
    layers = tuple(LayerDifference(f"a{index}", f"b{index}", 0.1 * index, 1.0) for index in range(3))
    differs = ui.Verification(0.5, 1.0, 1e-3, layers)
    assert not differs.ok
    assert differs.first == layers[1]
    assert str(differs).splitlines()[-1].split() == ["b1", "a1", "0.1", "1", "differs"]
    assert "'b1', paired with 'a1'" in differs.summary
    equal = ui.Verification(1e-6, 1.0, 1e-3, layers)
    assert equal.ok
    assert equal.first is None
    assert str(equal).startswith("proven by running both")


def test_values_that_are_not_finite_are_not_equal() -> None:
    """Nor are outputs of other sizes."""
    ones = np.ones((2, 3), np.float32)
    assert difference_of(ones, ones * np.nan) == math.inf
    assert difference_of(ones, np.ones((2, 4), np.float32)) is None


def test_channels_may_be_last() -> None:
    """Also where all axes have the same length, a ReLU may be inside, and zeros around."""
    x = np.random.default_rng(0).standard_normal((3, 3, 3, 3), dtype=np.float32)
    last = np.moveaxis(x, 1, -1)
    assert difference_of(x, last) == 0.0
    assert (difference_of(x, np.maximum(last, 0.0)) or 0.0) > 0.1
    assert difference_of(x, np.maximum(last, 0.0), rectified=True) == 0.0
    padded = np.pad(last, ((0, 0), (1, 1), (1, 1), (0, 0)))
    assert difference_of(x, padded) is None
    assert difference_of(x, padded, padded=True) == 0.0


def test_arrays_of_other_sizes_are_not_compared() -> None:
    """Zeros around an image are on all its sides; rows are no images."""
    x = np.ones((2, 3, 3, 5), np.float32)
    assert difference_of(x, np.ones((2, 4, 3, 5), np.float32), padded=True) is None
    assert difference_of(x[0, 0], np.ones((5, 5), np.float32), padded=True) is None


@pytest.mark.needs("torch")
def test_a_model_without_outputs_is_not_proven() -> None:
    """No array to compare, or of another shape."""
    import torch

    class Silent(torch.nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)
            self.width = width

        def forward(self, x: Any) -> Any:
            return self.fc(x)[:, : self.width] if self.width else None

    x = torch.ones(1, 4)
    assert ui.verify_match(Silent(0), Silent(0), {}, inputs=(x, x)).difference == math.inf
    result = ui.verify_match(Silent(2), Silent(3), {}, inputs=(x, x))
    assert result.difference == math.inf
    assert result.first is None
    assert (
        "the outputs have other shapes: (1, 2) of the first model and (1, 3) of the second; no layer"
        in result.summary
    )


def mlp() -> Any:
    """Return three layers, one with dropout behind it."""
    from torch import nn

    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.needs("torch")
def test_the_models_stay_as_they_are() -> None:
    """Values, statistics, mode and the random state; copies run as at inference."""
    import torch

    a, b = mlp(), mlp()
    before = [value.clone() for model in (a, b) for value in model.state_dict().values()]
    state = torch.get_rng_state()
    assert ui.verify_match(a, b, {}, inputs=(torch.ones(3, 4), np.ones((3, 4), np.float32))).difference == 0.0
    after = [value for model in (a, b) for value in model.state_dict().values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert torch.equal(state, torch.get_rng_state())
    assert a.training
    assert not a[0]._forward_hooks


@pytest.mark.needs("torch")
def test_a_recipe_may_be_given() -> None:
    """One that makes layers equal does not tell them apart, which the default weights do."""
    import torch

    a, b, x = mlp(), mlp(), torch.ones(3, 4)
    swapped = {"2.weight": "2.bias", "2.bias": "2.weight"}
    alike = ui.Recipe("x", (ui.Rule(spec=ui.normal(0.0, 1.0), role="kernel"), ui.Rule(spec=ui.ones())))
    assert ui.verify_match(a, b, swapped, inputs=(x, x), recipe=alike).ok
    assert not ui.verify_match(a, b, swapped, inputs=(x, x)).ok


def headed(make: Any, *, swap: bool) -> Any:
    """Return a model of two layers that look alike, whose outputs ``make`` gives from x and both."""
    import torch

    class Headed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            layers = (self.second, self.first) if swap else (self.first, self.second)
            return make(x, layers[1](torch.tanh(layers[0](x))))

    return Headed()


def outputs() -> dict[str, Any]:
    """Return what stands beside what the weights move, or hides it."""
    import torch

    low = torch.finfo(torch.float32).min
    return {
        "a mask beside": lambda x, y: (y, torch.where(x > 0.0, 0.0, -1e9)),
        "a mask inside": lambda x, y: torch.where(x > 0.0, y, -1e9),
        "a mask added": lambda x, y: y + torch.where(x > 0.0, 0.0, -1e9),
        "the lowest value": lambda x, y: torch.where(x > 0.0, y, low),
        "minus infinity": lambda x, y: torch.where(x > 0.0, y, -torch.inf),
        "an offset": lambda _, y: y + 1e4,
        "a large array beside": lambda x, y: (1e6 * x, y),
        "a rectifier": lambda _, y: torch.relu(y),
    }


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    "kind",
    ["a mask beside", "a mask inside", "a mask added", "the lowest value", "minus infinity", "an offset",
     "a large array beside", "a rectifier"],
)  # fmt: skip
def test_nothing_beside_the_weights_hides_a_difference(kind: str) -> None:
    """Each output array is judged beside what weights move in it: equal models are equal, a swap is not."""
    import torch

    make, x = outputs()[kind], torch.from_numpy(np.random.default_rng(0).standard_normal((4, 8), np.float32))
    a, b = headed(make, swap=False), headed(make, swap=True)
    assert ui.verify_match(a, a, {}, inputs=(x, x)).ok
    swapped = {f"{to}.{end}": f"{of}.{end}" for to, of in (("first", "second"), ("second", "first"))
               for end in ("weight", "bias")}  # fmt: skip
    assert not ui.verify_match(a, b, {}, inputs=(x, x)).ok
    assert ui.verify_match(a, b, swapped, inputs=(x, x)).ok
    assert dict(ui.match(a, b, inputs=(x, x), given={"first": "second"}))["first.weight"] == "second.weight"
    with pytest.raises(ui.ArgumentValueError):
        ui.match(a, b, inputs=(x, x), given={"first": "first", "second": "second"})


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    "make", [lambda x, y: x + 0.0 * y, lambda x, _: 2.0 * x], ids=["no effect", "unused"]
)
def test_outputs_that_no_weight_moves_prove_nothing(make: Any) -> None:
    """However equal they are; nor does a recipe that has no random values."""
    import torch

    x = torch.ones(2, 8)
    a, b = headed(make, swap=False), headed(make, swap=True)
    result = ui.verify_match(a, a, {}, inputs=(x, x))
    assert (result.difference, result.scale, result.ok, result.first) == (0.0, 0.0, False, None)
    assert "proves nothing" in str(result)
    with refused(ui.ArgumentValueError):
        ui.match(a, b, inputs=(x, x))
    plain = headed(lambda _, y: y, swap=False)
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.ones()),))
    assert not ui.verify_match(plain, plain, {}, inputs=(x, x), recipe=recipe).ok


@pytest.mark.needs("torch")
def test_inputs_may_be_a_dict_or_a_function() -> None:
    """As the model is called."""
    import torch

    a, b, x = mlp(), mlp(), torch.ones(3, 4)
    assert ui.verify_match(a, b, {}, inputs=({"input": x}, lambda model: model(x))).ok


@pytest.mark.needs("torch")
def test_what_cannot_be_verified_is_refused() -> None:
    """Arguments of the wrong type, and inputs on which a model does not run."""
    import torch

    a, x = mlp(), torch.ones(3, 4)
    with refused(ui.ArgumentTypeError):
        ui.verify_match(a, a, ["x"], inputs=(x, x))  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentTypeError):
        ui.verify_match(a, a, {}, inputs=(x, x), recipe="gpt2")  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentValueError):
        ui.verify_match(a, a, {}, inputs=(x, x), tolerance=0.0)
    with refused(ui.ArgumentValueError):
        ui.verify_match(a, a, {}, inputs=(x, torch.ones(3, 5)))


@pytest.mark.needs("torch")
def test_a_match_whose_outputs_differ_is_refused() -> None:
    """The layer at which they part is named; strict=False returns the map with what running showed."""
    import torch

    class Doubled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.fc(2.0 * x)

    x = torch.ones(1, 4)
    names = ui.match(torch.nn.Linear(4, 4), Doubled(), inputs=(x, x), strict=False)
    assert dict(names) == {"fc.weight": "weight", "fc.bias": "bias"}
    assert names.verification is not None
    assert names.verification.first is not None
    assert names.verification.first.second == "fc"
    assert names.doubts == (names.verification.summary,)
    with refused(ui.ArgumentValueError):
        ui.match(torch.nn.Linear(4, 4), Doubled(), inputs=(x, x))


@pytest.mark.needs("torch")
def test_a_generator_gives_both_models_one_key() -> None:
    """It is advanced once, so that equal models have equal outputs, as with an int."""
    import torch

    a, b = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    for seed in (torch.Generator().manual_seed(0), np.array(3), np.random.default_rng(0)):
        assert ui.verify_match(a, b, {}, inputs=(torch.ones(2, 4), torch.ones(2, 4)), seed=seed).ok  # type: ignore[arg-type]


@pytest.mark.needs("jax", "torch")
def test_a_key_that_is_traced_runs_no_model() -> None:
    """Nor is a report of it written: its value is not known."""
    import jax
    import torch

    layer, batch = torch.nn.Linear(4, 3), torch.ones(2, 4)

    def traced(key: Any) -> Any:
        with refused(ui.ArgumentTypeError):
            ui.verify_match(layer, layer, {}, inputs=(batch, batch), seed=key)
        return key

    jax.make_jaxpr(traced)(jax.random.key(0))


@pytest.mark.needs("torch")
def test_a_report_has_the_number_of_a_seed() -> None:
    """Also of an array without axes, which is taken as an int."""
    import torch

    layer, recipe = torch.nn.Linear(4, 3), ui.recipes.torch_default()
    for seed, shown in ((np.array(3), 3), (np.int64(3), 3), (torch.Generator(), "Generator")):
        assert ui.apply(layer, recipe, seed=seed)[1].seed == shown


def test_an_infinite_difference_is_no_proof() -> None:
    """However large the outputs are."""
    assert not ui.Verification(difference=float("inf"), scale=float("inf"), tolerance=1e-3).ok
    assert ui.Verification(difference=1e-6, scale=1.0, tolerance=1e-3).ok


@pytest.mark.needs("torch")
def test_a_map_and_its_proof_are_tables_in_a_notebook() -> None:
    """With what print shows: pairs, reasons, doubts, and what running showed."""
    import torch

    x = torch.ones(1, 4)
    names = ui.match(torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.Linear(4, 4)), inputs=(x, x))
    html = names._repr_html_()
    assert html.startswith("<p>2 pairs</p><table><tr><th>second model</th>")
    assert "<td>0.weight</td><td>weight</td>" in html
    assert "proven by running both" in html
    assert names.verification is not None
    assert "<td>0</td><td></td>" in names.verification._repr_html_()


@pytest.mark.needs("torch")
def test_outputs_of_other_shapes_are_named_with_the_first_layer_that_makes_them() -> None:
    """Both shapes, the layer's too; where outputs have equal shapes, a layer's shape alone is no difference."""
    import torch

    def model(padding: int, size: int) -> Any:
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 4, 3, padding=padding),
            torch.nn.AdaptiveAvgPool2d(size) if size else torch.nn.Identity(), torch.nn.Conv2d(4, 2, 1),
        )  # fmt: skip

    x = torch.ones(2, 3, 8, 8)
    result = ui.verify_match(model(1, 0), model(0, 0), {}, inputs=(x, x))
    assert not result.ok
    assert result.shapes == ((2, 2, 8, 8), (2, 2, 6, 6))
    assert result.first is not None
    assert (result.first.first, result.first.shapes) == ("1", ((2, 4, 8, 8), (2, 4, 6, 6)))
    assert "(2, 2, 8, 8) of the first model and (2, 2, 6, 6) of the second" in result.summary
    assert "'1', paired with '1', whose outputs are (2, 4, 6, 6) and (2, 4, 8, 8)" in result.summary
    pooled = ui.verify_match(model(1, 1), model(0, 1), {}, inputs=(x, x))
    assert pooled.shapes == ()
    assert [layer.first for layer in pooled.layers] == ["0", "3"]


def heads(*words: str, shift: float = 0.0) -> Any:
    """Return a model of two heads that look alike, which returns a dict with its keys in this order."""
    import torch

    class Heads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mu, self.logvar = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return {word: getattr(self, word.removeprefix("out_"), self.mu)(x) + shift for word in words}

    return Heads()


@pytest.mark.needs("torch")
def test_outputs_with_keys_are_compared_key_by_key() -> None:
    """In whatever order they are; the keys of one model only are said, and those of none are in order."""
    import torch

    x = torch.ones(2, 4)
    original = heads("mu", "logvar")
    swapped = {
        f"{a}.{end}": f"{b}.{end}"
        for a, b in (("mu", "logvar"), ("logvar", "mu"))
        for end in ("weight", "bias")
    }
    assert ui.verify_match(original, heads("logvar", "mu"), {}, inputs=(x, x)).ok
    assert not ui.verify_match(original, heads("logvar", "mu"), swapped, inputs=(x, x)).ok
    assert ui.match(original, heads("logvar", "mu"), inputs=(x, x))["mu.weight"] == "mu.weight"
    more = ui.verify_match(original, heads("extra", "logvar", "mu"), {}, inputs=(x, x))
    assert more.ok
    assert more.unmatched == ("extra",)
    assert more.summary.endswith("; only one of the models has the outputs 'extra'")
    others = ui.verify_match(original, heads("out_mu", "out_logvar"), {}, inputs=(x, x))
    assert others.ok
    assert others.unmatched == ()


@pytest.mark.needs("torch", "equinox")
def test_jax_sorts_the_keys_of_a_dict() -> None:
    """Under vmap, in which an Equinox module is run."""
    import equinox as eqx
    import jax
    import torch

    class Heads(eqx.Module):
        mu: Any
        logvar: Any

        def __call__(self, x: Any) -> Any:
            return {"mu": self.mu(x), "logvar": self.logvar(x)}

    first, second = jax.random.split(jax.random.key(0))
    copy = Heads(eqx.nn.Linear(4, 3, key=first), eqx.nn.Linear(4, 3, key=second))
    x = np.random.default_rng(0).standard_normal((2, 4), dtype=np.float32)
    original = heads("mu", "logvar")
    names = ui.match(original, copy, inputs=(x, lambda model: jax.vmap(model)(x)))
    assert names.verification is not None
    assert names.verification.ok
    copy = ui.transfer(original, copy, names)
    outputs, others = original(torch.from_numpy(x)), jax.vmap(copy)(x)
    assert all(np.abs(outputs[key].detach().numpy() - others[key]).max() < 1e-6 for key in outputs)


VOID = [
    lambda y: y.argmax(-1),
    lambda y: y * math.nan,
    lambda y: iter([y]),
    lambda y: str(y),  # noqa: PLW0108  # its source is the name of the case
]


@pytest.mark.needs("torch")
@pytest.mark.parametrize("made", VOID, ids=source_of)
def test_outputs_without_numbers_to_compare_prove_nothing(made: Any) -> None:
    """And the result says that, not that they differ; ``match`` refuses such inputs."""
    import torch

    model, x = torch.nn.Linear(4, 3), torch.ones(2, 4)
    run = lambda layer: made(layer(x))  # noqa: E731  # as users write it
    result = ui.verify_match(model, model, {}, inputs=(run, run))
    assert not result.ok
    assert result.is_void
    assert (
        result.summary == "the outputs hold no finite floating-point numbers to compare, which proves nothing"
    )
    with refused(ui.ArgumentValueError):
        ui.match(model, model, inputs=(run, run))


def gated(*, blocks: int = 40, halves: bool = False) -> Any:
    """Return residual blocks with gates in PyTorch; ``halves`` adds the products of each layer in another order."""
    import torch

    class Layer(torch.nn.Linear):
        def forward(self, x: Any) -> Any:
            if not halves:
                return super().forward(x)
            parts = zip(x.chunk(2, -1), self.weight.chunk(2, -1), strict=True)
            return sum(half @ weight.T for half, weight in parts) + self.bias

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = Layer(8, 32), Layer(32, 8)
            self.squeeze, self.excite = Layer(32, 8), Layer(8, 32)

        def forward(self, x: Any) -> Any:
            y = torch.nn.functional.silu(self.up(x))
            gates = self.excite(torch.nn.functional.silu(self.squeeze(y - y.mean(1, keepdim=True))))
            return x + self.down(y * torch.sigmoid(gates))

    return torch.nn.Sequential(*[Block() for _ in range(blocks)])


@pytest.mark.needs("torch")
def test_values_that_grow_from_block_to_block_stay_moderate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large values switch gates by rounding; with smaller kernels they do not, and a swap in front still shows."""
    x = np.random.default_rng(0).standard_normal((4, 9, 8), dtype=np.float32)
    first, second = gated(), gated(halves=True)
    names = ui.match(first, second)
    assert ui.verify_match(first, second, names, inputs=(x, x)).ok
    swapped = {path: path for path in names} | {"0.up.weight": "1.up.weight", "1.up.weight": "0.up.weight"}
    assert not ui.verify_match(first, second, swapped, inputs=(x, x)).ok
    monkeypatch.setattr(verifying, "GAINS", (1.0,))
    assert not ui.verify_match(first, second, names, inputs=(x, x)).ok


@pytest.mark.needs("torch")
def test_values_that_are_large_whatever_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a constant makes them large, outputs that differ are those of the usual kernels."""
    import torch

    class Offset(torch.nn.Linear):
        def forward(self, x: Any) -> Any:
            return super().forward(x) + 1e5

    def wrong() -> ui.Verification:
        first, second = (torch.nn.Sequential(torch.nn.Linear(4, 4), Offset(4, 4)) for _ in range(2))
        names = {"0.weight": "1.weight", "1.weight": "0.weight"}
        return ui.verify_match(first, second, names, inputs=(x, x))

    x = np.ones((2, 4), np.float32)
    result = wrong()
    assert not result.ok
    monkeypatch.setattr(verifying, "GAINS", (1.0,))
    assert wrong() == result
