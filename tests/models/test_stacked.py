"""Stacked layers, one tensor with an axis for all of them, against separate ones: matched, drawn, moved and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WIDTH, HIDDEN, LAYERS = 6, 10, 3
X = np.random.default_rng(0).standard_normal((4, WIDTH), dtype=np.float32)


def separate(layers: int = LAYERS) -> Any:
    """Return residual blocks in PyTorch."""
    import torch

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.LayerNorm(WIDTH)
            self.fc1 = torch.nn.Linear(WIDTH, HIDDEN)
            self.fc2 = torch.nn.Linear(HIDDEN, WIDTH)

        def forward(self, x: Any) -> Any:
            return x + self.fc2(torch.relu(self.fc1(self.norm(x))))

    class Blocks(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([Block() for _ in range(layers)])
            self.head = torch.nn.Linear(WIDTH, 2)

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    return Blocks()


def nnx_stacked() -> Any:
    """Return the same in NNX, the blocks stacked along the first axis."""
    import jax
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.fc1 = nnx.Linear(WIDTH, HIDDEN, rngs=rngs)
            self.fc2 = nnx.Linear(HIDDEN, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return x + self.fc2(jax.nn.relu(self.fc1(self.norm(x))))

    @nnx.split_rngs(splits=LAYERS)
    @nnx.vmap(in_axes=0, out_axes=0)
    def stacked(rngs: Any) -> Any:
        return Block(rngs)

    @nnx.scan(in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
    def scanned(block: Any, x: Any) -> Any:
        return block(x)

    class Blocks(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.blocks = stacked(rngs)
            self.head = nnx.Linear(WIDTH, 2, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.head(scanned(self.blocks, x))

    return Blocks(nnx.Rngs(0))


def linen_stacked(axis: int = 1) -> Any:
    """Return the same in Linen, the blocks stacked along another axis."""
    import flax.linen as nn
    import jax

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x: Any, _: None) -> tuple[Any, None]:
            y = nn.Dense(HIDDEN, name="fc1")(nn.LayerNorm(epsilon=1e-5, name="norm")(x))
            return x + nn.Dense(WIDTH, name="fc2")(nn.relu(y)), None

    class Blocks(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            blocks = nn.scan(
                Block, variable_axes={"params": axis}, split_rngs={"params": True}, length=LAYERS
            )
            return nn.Dense(2, name="head")(blocks(name="blocks")(x, None)[0])

    module = Blocks()
    return ui.linen(module, module.init(jax.random.key(0), X), X)


def equinox_stacked() -> Any:
    """Return the same in Equinox, the blocks made by ``filter_vmap``."""
    import equinox as eqx
    import jax

    class Block(eqx.Module):
        norm: Any
        fc1: Any
        fc2: Any

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key)
            self.norm = eqx.nn.LayerNorm(WIDTH)
            self.fc1 = eqx.nn.Linear(WIDTH, HIDDEN, key=keys[0])
            self.fc2 = eqx.nn.Linear(HIDDEN, WIDTH, key=keys[1])

        def __call__(self, x: Any) -> Any:
            return x + self.fc2(jax.nn.relu(self.fc1(self.norm(x))))

    class Blocks(eqx.Module):
        blocks: Any
        head: Any

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key, LAYERS + 1)
            self.blocks = eqx.filter_vmap(Block)(keys[1:])
            self.head = eqx.nn.Linear(WIDTH, 2, key=keys[0])

        def __call__(self, x: Any) -> Any:
            arrays, static = eqx.partition(self.blocks, eqx.is_array)
            return self.head(
                jax.lax.scan(lambda x, block: (eqx.combine(block, static)(x), None), x, arrays)[0]
            )

    return Blocks(jax.random.key(0))


def over_examples(model: Any) -> Any:
    """Run a module of Equinox on all examples."""
    import jax

    return jax.vmap(model)(jax.numpy.asarray(X))


def run(model: Any) -> Any:
    """Return the outputs of any of these models."""
    if isinstance(model, ui.Linen):
        return np.asarray(model.module.apply(model.variables, X))
    if type(model).__module__.startswith("equinox") or hasattr(model, "__dataclass_fields__"):
        return np.asarray(over_examples(model))
    if hasattr(model, "state_dict"):
        import torch

        with torch.no_grad():
            return model(torch.from_numpy(X)).numpy()
    return np.asarray(model(X))


CASES = [
    pytest.param(nnx_stacked, X, marks=pytest.mark.needs("torch", "flax"), id="nnx"),
    pytest.param(linen_stacked, X, marks=pytest.mark.needs("torch", "flax"), id="linen"),
    pytest.param(equinox_stacked, over_examples, marks=pytest.mark.needs("torch", "equinox"), id="equinox"),
]


@pytest.mark.parametrize(("make", "inputs"), CASES)
def test_stacked_layers_are_paired_with_separate_ones(make: Callable[[], Any], inputs: Any) -> None:
    """Either model may be the first; each slice has the name of its layer, and running both proves it."""
    first, second = separate(), make()
    assert len(ui.match(first, second)) == len(ui.inspect(first))
    ui.match(first, second, inputs=(X, inputs))  # raises where the outputs differ
    ui.match(second, first, inputs=(inputs, X))
    wrong = dict(ui.match(first, second))
    paths = [path for path in wrong if path.endswith(("/0", "/1")) and "fc1" in path and "bias" in path]
    wrong |= dict(zip(paths, [wrong[path] for path in reversed(paths)], strict=True))
    assert not ui.verify_match(first, second, wrong, inputs=(X, inputs)).ok


@pytest.mark.parametrize(("make", "inputs"), CASES)
def test_twins_and_transfers_of_stacked_layers(make: Callable[[], Any], inputs: Any, tmp_path: Path) -> None:
    """Drawn under the names of the separate layers, and moved either way, outputs are equal; a map from JSON too."""
    assert inputs is not None
    first, second = separate(), make()
    names = ui.match(first, second)
    recipe = ui.recipes.torch_default()
    first, _ = ui.apply(first, recipe, seed=0)
    for streams in (names, dict(names)):
        drawn, report = ui.apply(make(), recipe, seed=0, names=streams)
        assert report.written == tuple(sorted(names))
        assert ui.digests(drawn, streams) == ui.digests(first)
        np.testing.assert_allclose(run(drawn), run(first), atol=1e-5)
        assert ui.verify(drawn, recipe, seed=0, names=streams).ok
    moved = ui.transfer(first, make(), names)
    assert ui.digests(moved, names) == ui.digests(first)
    back = ui.transfer(moved, separate())
    np.testing.assert_allclose(run(back), run(first), atol=1e-6)
    ui.save(make(), recipe, tmp_path, seed=0, names=names)
    assert ui.verify(tmp_path).ok
    assert ui.verify(tmp_path, recipe, seed=0).ok


@pytest.mark.needs("torch", "flax")
def test_one_layer_of_a_stack_is_read_and_named() -> None:
    """By the path of the tensor and the index; a whole stack drawn layer by layer has the names that it is given."""
    model, _ = ui.apply(nnx_stacked(), ui.recipes.torch_default(), seed=0)
    whole = model.blocks.fc1.kernel[...]
    assert np.array_equal(ui.read(model, "blocks/fc1/kernel/1"), whole[1])
    names = ui.match(model, separate())
    apart, _ = ui.apply(
        nnx_stacked(), ui.recipes.torch_default(), seed=0, names={n: n for n in names.values()}
    )
    twin, _ = ui.apply(separate(), ui.recipes.torch_default(), seed=0, names=names)
    assert ui.digests(twin, names) == ui.digests(apart, {name: name for name in names.values()})
    np.testing.assert_allclose(run(apart), run(twin), atol=1e-5)


@pytest.mark.needs("torch", "flax")
def test_one_layer_more_is_one_block_more() -> None:
    """A stack of three and four separate blocks: the fourth has no counterpart, and says so."""
    names = ui.match(separate(4), nnx_stacked(), strict=False)
    assert len(names) == len(ui.inspect(separate(3)))
    assert names.doubts == (
        "block 3 of the first model, with 3 layers from 'blocks.3.norm' to 'blocks.3.fc2', has no counterpart",
    )


@pytest.mark.needs("flax")
def test_stacks_of_both_models_are_paired_whole() -> None:
    """Linen's along its second axis and NNX's along its first: one entry for each tensor."""
    first, second = linen_stacked(), nnx_stacked()
    names = ui.match(first, second, inputs=(X, X))
    assert dict(names) == {record.path: record.path for record in ui.inspect(second)}
    assert names.verification is not None
    assert names.verification.ok


@pytest.mark.needs("flax", "torch")
def test_given_speaks_of_one_layer_or_of_all() -> None:
    """The path of a stacked tensor is that of all its layers, "path/index" is one of them."""
    names = ui.match(separate(), nnx_stacked(), given={"blocks/norm/bias": None}, strict=False)
    assert not any("norm/bias" in path for path in names)
    names = ui.match(separate(), nnx_stacked(), given={"blocks/norm/0": "blocks.2.norm"}, strict=False)
    assert names["blocks/norm/scale/0"] == "blocks.2.norm.weight"


def two_norms(*, scanned: bool) -> Any:
    """Return blocks of NNX with two norms, whose names say no order; stacked and scanned, or separate."""
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            names = ("red", "blue") if scanned else ("alpha", "beta")
            for name in names:
                setattr(self, name, nnx.LayerNorm(WIDTH, rngs=rngs))
            self.fc = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
            self.names = names

        def __call__(self, x: Any) -> Any:
            first, last = (getattr(self, name) for name in self.names)
            return last(x + self.fc(first(x)))

    @nnx.scan(in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
    def run_all(block: Any, x: Any) -> Any:
        return block(x)

    class Blocks(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            make = nnx.vmap(Block, in_axes=0, out_axes=0)
            self.blocks = make(rngs.split(2)) if scanned else nnx.List([Block(rngs) for _ in range(2)])

        def __call__(self, x: Any) -> Any:
            if scanned:
                return run_all(self.blocks, x)
            for block in self.blocks:
                x = block(x)
            return x

    return Blocks(nnx.Rngs(0))


@pytest.mark.needs("flax")
def test_the_order_of_calls_inside_a_scan_is_seen() -> None:
    """Each time that a model runs, and not only the first, when JAX traces the function that is scanned."""
    separate_blocks, stack = two_norms(scanned=False), two_norms(scanned=True)
    assert ui.match(separate_blocks, stack, strict=False).doubts
    for _ in range(2):
        names = ui.match(separate_blocks, stack, inputs=(X, X))
        assert names["blocks/red/scale/1"] == "blocks/1/alpha/scale"
        assert names["blocks/blue/scale/1"] == "blocks/1/beta/scale"


@pytest.mark.needs("flax")
def test_modules_of_one_structure_inside_a_transformation_are_not_told_apart() -> None:
    """Of two stacks of one class none is recorded; a single one is, under its own path."""
    from flax import nnx

    from unified_init.walkers.flax import nnx_running

    make = nnx.vmap(lambda rngs: nnx.Linear(WIDTH, WIDTH, rngs=rngs), in_axes=0, out_axes=0)

    @nnx.scan(in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
    def run_all(layer: Any, x: Any) -> Any:
        return layer(x)

    class Stacks(nnx.Module):
        def __init__(self, count: int) -> None:
            self.stacks = nnx.List([make(nnx.Rngs(0).split(2)) for _ in range(count)])

        def __call__(self, x: Any) -> Any:
            for stack in self.stacks:
                x = run_all(stack, x)
            return x

    assert "stacks/0" in nnx_running.run(Stacks(1), X).calls
    assert not {"stacks/0", "stacks/1"} & nnx_running.run(Stacks(2), X).calls.keys()


def four_of_four() -> tuple[Any, Any, dict[str, ui.Layer]]:
    """Return four layers of width 4 in torch and as a stack of NNX, whose layout the shape (4, 4, 4) does not tell."""
    import torch
    from flax import nnx

    class Stacked(nnx.Module):
        """Runs its layers by scan."""

        def __init__(self) -> None:
            make = nnx.vmap(lambda rngs: nnx.Linear(4, 4, rngs=rngs))
            self.blocks = nnx.split_rngs(splits=4)(make)(nnx.Rngs(0))

        def __call__(self, x: Any) -> Any:
            step = nnx.scan(lambda layer, x: layer(x), in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
            return step(self.blocks, x)

    separate = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(4)))
    taught = {"blocks/*": ui.Layer(tensors={"kernel": ("kernel", "BIO"), "bias": ("bias", "BO")})}
    return separate, Stacked(), taught


@pytest.mark.needs("torch", "flax")
def test_a_stack_as_long_as_another_axis_is_ported_as_it_was_described() -> None:
    """``match(layers=)`` says what the shape does not; what takes its map reads the stack so too."""
    import torch

    separate, stacked, taught = four_of_four()
    inputs = (torch.ones(1, 4), np.ones((1, 4), np.float32))
    names = ui.match(separate, stacked, layers=taught, inputs=inputs)
    assert names["blocks/kernel/3"] == "3.weight"
    assert names.verification is not None
    assert names.verification.ok
    ui.apply(stacked, ui.recipes.torch_default(), seed=0, names=names)
    ui.apply(separate, ui.recipes.torch_default(), seed=0)
    with torch.no_grad():
        expected = separate(inputs[0]).numpy()
    np.testing.assert_allclose(np.asarray(stacked(inputs[1])), expected, rtol=1e-5)
    for layer in separate:
        torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(1))
    ui.transfer(separate, stacked, names=names)
    with torch.no_grad():
        expected = separate(inputs[0]).numpy()
    np.testing.assert_allclose(np.asarray(stacked(inputs[1])), expected, rtol=1e-5)


@pytest.mark.needs("flax")
def test_a_layout_settles_which_axis_stacks_the_scales_of_norms() -> None:
    """A norm of width 8, eight times: the shape (8, 8) does not tell, a description does."""
    from flax import nnx

    norms = nnx.split_rngs(splits=8)(nnx.vmap(lambda rngs: nnx.LayerNorm(8, rngs=rngs)))(nnx.Rngs(0))
    layers = {
        "scale": ui.Layer(tensors={"scale": ("scale", "BO")}),
        "bias": ui.Layer(tensors={"bias": ("offset", "BO")}),
    }
    with refused(ui.ArgumentValueError):
        ui.apply(norms, ui.recipes.flax_nnx_default(), seed=0)
    ui.apply(norms, ui.recipes.flax_nnx_default(), seed=0, layers=layers)
