"""What no recipe writes moves with trained values: buffers, codebooks, running statistics of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.drawing.digests import values_of

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

X = np.random.default_rng(0).standard_normal((32, 5), dtype=np.float32)


def quantizer(seed: int) -> Any:
    """Return a torch model whose codebook and counts are buffers, which forward passes in training move."""
    import torch

    class Quantizer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.decode = torch.nn.Linear(5, 8), torch.nn.Linear(8, 5)
            self.register_buffer("embed", torch.randn(16, 8))
            self.register_buffer("cluster_size", torch.zeros(16))
            self.register_buffer("initted", torch.tensor(seed == 0))

        def forward(self, x: Any) -> Any:
            index = torch.cdist(self.encode(x), self.embed).argmin(-1)
            return self.decode(self.embed[index]) * self.initted

    torch.manual_seed(seed)
    model = Quantizer()
    model.cluster_size.uniform_()
    return model.eval()


def running_norm(seed: int, *, width: int = 5, persistent: bool = True) -> Any:
    """Return a torch model with a running mean and variance, as code of reinforcement learning has them."""
    import torch

    class RunningNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(width, 3)
            self.register_buffer("mean", torch.randn(width), persistent=persistent)
            self.register_buffer("var", torch.rand(width) + 0.5, persistent=persistent)

        def forward(self, x: Any) -> Any:
            return self.fc((x - self.mean) / self.var.sqrt())

    torch.manual_seed(seed)
    return RunningNorm().eval()


def torch_output(model: Any) -> Any:
    """Return what a torch model computes of X."""
    import torch

    with torch.no_grad():
        return model(torch.from_numpy(X)).numpy()


@pytest.mark.needs("torch")
@pytest.mark.parametrize("build", [quantizer, running_norm])
@pytest.mark.parametrize(
    "source",
    [
        lambda model: (model, {}),
        lambda model: (model.state_dict(), {}),
        lambda model: (model.state_dict(), {"inventory": ui.inspect(model)}),
    ],
    ids=["model", "state dict", "state dict with its inventory"],
)
def test_saved_buffers_of_torch_are_copied(
    build: Callable[[int], Any], source: Callable[[Any], tuple[Any, dict[str, Any]]]
) -> None:
    """A codebook with its counts and flag, and running statistics: equal outputs, equal buffers."""
    import torch

    first, second = build(0), build(1)
    assert np.abs(torch_output(first) - torch_output(second)).max() > 1e-2
    given, options = source(first)
    ui.transfer(given, second, **options)
    assert np.array_equal(torch_output(first), torch_output(second))
    assert all(map(torch.equal, first.buffers(), second.buffers()))


@pytest.mark.needs("torch")
def test_the_prefix_of_a_wrapper_is_no_part_of_a_buffers_name() -> None:
    """From a model in ``DataParallel``; a buffer that two paths share is written once."""
    import torch

    first, second = quantizer(0), quantizer(1)
    ui.transfer(torch.nn.DataParallel(first), second)
    assert torch.equal(first.embed, second.embed)
    shared, others = ([norm, norm] for norm in (running_norm(0), running_norm(1)))
    twice, target = torch.nn.ModuleList(shared), torch.nn.ModuleList(others)
    ui.transfer(twice, target)
    assert torch.equal(target[1].mean, twice[0].mean)
    ui.transfer(twice.state_dict(), target)
    ui.transfer(twice.state_dict(), target, {}, inventory=ui.inspect(twice))
    apart = torch.nn.ModuleList([running_norm(0), running_norm(1)])
    for source in (apart, apart.state_dict()):
        with refused(ui.ArgumentValueError):
            ui.transfer(source, target, {})


@pytest.mark.needs("haiku")
def test_the_codebook_of_haikus_quantizer_is_copied() -> None:
    """``hk.nets.VectorQuantizerEMA`` keeps it in the state; the state of the target may be abstract."""
    import haiku as hk
    import jax

    def network(x: Any) -> Any:
        codes = hk.nets.VectorQuantizerEMA(8, 16, 0.25, 0.9)(hk.Linear(8)(x), is_training=False)
        return hk.Linear(5)(codes["quantize"])

    function = hk.transform_with_state(network)
    params, state = function.init(jax.random.key(0), X)
    source = ui.haiku(function, params, X, state=state)
    for target in (
        function.init(jax.random.key(1), X),
        jax.eval_shape(function.init, jax.random.key(1), X),
    ):
        result = ui.transfer(source, ui.haiku(function, target[0], X, state=target[1]))
        ours, theirs = (function.apply(each.params, each.state, None, X)[0] for each in (result, source))
        assert np.array_equal(ours, theirs)


@pytest.mark.needs("keras")
def test_variables_of_keras_that_are_not_trained_are_copied() -> None:
    """``Normalization`` and a codebook of one's own, whatever numbers Keras gave; a seed's state stays."""
    import keras

    class Codebook(keras.layers.Layer):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.seed = seed

        def build(self, shape: Any) -> None:
            size = (4, shape[-1])
            initializer = keras.initializers.RandomNormal(seed=self.seed)
            self.codes = self.add_weight(size, initializer, trainable=False, name="codes")

        def call(self, x: Any) -> Any:
            return keras.ops.matmul(x, keras.ops.transpose(self.codes))

    def build(seed: int) -> Any:
        norm = keras.layers.Normalization()
        norm.adapt(X * (seed + 1) + seed)
        dense = keras.layers.Dense(8, kernel_initializer=keras.initializers.GlorotUniform(seed))
        layers = [norm, dense, Codebook(seed), keras.layers.Dropout(0.5, seed=seed)]
        return keras.Sequential([keras.Input((5,)), *layers])

    first, second = build(0), build(1)
    seed = list(values_of(second.layers[3].seed_generator.state))
    ui.transfer(first, second)
    assert np.array_equal(values_of(first(X)), values_of(second(X)))
    assert seed == list(values_of(second.layers[3].seed_generator.state))


@pytest.mark.needs("flax")
def test_other_collections_of_flax_are_copied() -> None:
    """Variables of one's own type in NNX and collections in Linen; streams of random numbers and caches stay."""
    import jax
    import jax.numpy as jnp
    from flax import linen, nnx

    class Code(nnx.Variable):
        pass

    class Graph(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.fc, self.rngs = nnx.Linear(5, 8, rngs=rngs), rngs
            self.code = Code(rngs.params.normal((4, 8)))
            self.mean, self.cache = nnx.BatchStat(rngs.params.normal((8,))), nnx.Cache(jnp.ones(2))
            self.note = nnx.Variable(3)

        def __call__(self, x: Any) -> Any:
            return (self.fc(x) - self.mean[...]) @ self.code[...].T

    first, second = Graph(nnx.Rngs(0)), Graph(nnx.Rngs(1))
    second.cache.set_value(jnp.zeros(2))
    key = jax.random.key_data(second.rngs.default.key.get_value())
    ui.transfer(first, second)
    assert np.array_equal(first(X), second(X))
    assert not second.cache.get_value().any()
    assert np.array_equal(jax.random.key_data(second.rngs.default.key.get_value()), key)

    class Tree(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            code = self.variable("vq", "code", lambda: jax.random.normal(self.make_rng("params"), (4, 8)))
            self.variable("cache", "index", lambda: jax.random.normal(self.make_rng("params"), (2,)))
            return linen.Dense(8)(x) @ code.value.T

    module = Tree()
    trees = [ui.linen(module, module.init(jax.random.key(seed), X), X) for seed in range(2)]
    result = ui.transfer(trees[0], trees[1])
    outputs = [module.apply(tree.variables, X) for tree in (trees[0], result)]
    assert np.array_equal(*outputs)
    index = [tree.variables["cache"]["index"] for tree in (trees[1], result)]
    assert np.array_equal(*index)


@pytest.mark.needs("flax")
def test_bare_arrays_of_nnx_modules_are_copied_and_saved(tmp_path: pathlib.Path) -> None:
    """NNX counts them as state: nnx.split returns them, and nnx.update writes them. Keys stay."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    class Scaled(nnx.Module):
        def __init__(self, seed: int) -> None:
            self.fc, self.key = nnx.Linear(5, 3, rngs=nnx.Rngs(seed)), jax.random.key(seed)
            self.mean, self.steps = jnp.full(5, float(seed)), np.array(seed, np.int32)
            self.scales = nnx.List([jnp.full(3, 1.0 + seed)])
            self.named = nnx.data({"shift": jnp.full(3, float(seed))})

        def __call__(self, x: Any) -> Any:
            return self.fc(x - self.mean) * self.scales[0] + self.named["shift"]

    first, second = Scaled(1), Scaled(2)
    key = jax.random.key_data(second.key)
    ui.transfer(first, second)
    assert np.array_equal(first(X), second(X))
    assert int(second.steps) == 1
    assert np.array_equal(jax.random.key_data(second.key), key)
    other = Scaled(2)
    other.mean = jnp.zeros(4)
    with refused(ui.ArgumentValueError):
        ui.transfer(first, other)

    del first.key
    ui.save(first, ui.recipes.flax_nnx_default(), tmp_path / "weights", seed=0)
    assert ui.verify(tmp_path / "weights", ui.recipes.flax_nnx_default(), seed=0).ok


@pytest.mark.needs("equinox")
def test_constants_of_equinox_modules_are_copied() -> None:
    """Arrays of NumPy, which are not trained."""
    import equinox as eqx
    import jax

    class Scaled(eqx.Module):
        fc: Any
        mean: Any

        def __call__(self, x: Any) -> Any:
            return self.fc(x - self.mean)

    models = [
        Scaled(eqx.nn.Linear(5, 3, key=jax.random.key(seed)), np.full(5, seed, np.float32)) for seed in (0, 1)
    ]
    result = ui.transfer(models[0], models[1])
    assert np.array_equal(result(X[0]), models[0](X[0]))


@pytest.mark.needs("torch")
def test_trained_state_without_a_counterpart_is_refused_by_name() -> None:
    """In the source, in the target, of another shape, in a mapping; nothing is written. strict=False leaves it."""
    import torch

    def plain() -> Any:
        torch.manual_seed(2)
        return torch.nn.ModuleDict({"fc": torch.nn.Linear(5, 3)})

    first, wide = running_norm(0), running_norm(1)
    wide.register_buffer("mean", torch.randn(4))
    for source, target in ((first, plain()), (plain(), first), (first, wide), (first.state_dict(), plain())):
        before = {path: tensor.clone() for path, tensor in target.state_dict().items()}
        with refused(ui.ArgumentValueError):
            ui.transfer(source, target)
        assert all(torch.equal(tensor, before[path]) for path, tensor in target.state_dict().items())
    target = plain()
    ui.transfer(first, target, ui.match(first, target), strict=False)
    assert torch.equal(target["fc"].weight, first.fc.weight)


@pytest.mark.needs("torch", "flax")
def test_state_of_another_name_is_given_in_names() -> None:
    """From PyTorch's buffers to NNX' statistics."""
    from flax import nnx

    class Ported(nnx.Module):
        def __init__(self) -> None:
            self.fc = nnx.Linear(5, 3, rngs=nnx.Rngs(0))
            self.average, self.variance = nnx.BatchStat(np.zeros(5, "f4")), nnx.BatchStat(np.ones(5, "f4"))

        def __call__(self, x: Any) -> Any:
            return self.fc((x - self.average[...]) / self.variance[...] ** 0.5)

    first, second = running_norm(0), Ported()
    names = {"batch_stats/average": "mean", "batch_stats/variance": "var"}
    ui.transfer(first, second, {**ui.match(first, second), **names})
    assert np.abs(torch_output(first) - np.asarray(second(X))).max() < 1e-6


@pytest.mark.needs("torch")
def test_constants_need_no_counterpart() -> None:
    """Indices, masks and buffers that are not saved, on one side only or of another shape; equal ones stay."""
    import torch

    def build(length: int | None) -> Any:
        model = torch.nn.ModuleDict({"fc": torch.nn.Linear(5, 3)})
        if length is not None:
            model.register_buffer("position_index", torch.arange(length))
            model.register_buffer("bias", torch.tril(torch.ones(1, 1, length, length)))
        return model

    for first, second in ((4, None), (None, 4), (4, 6), (4, 4)):
        ui.transfer(build(first), build(second))
    transient, saved = running_norm(0, persistent=False), running_norm(1)
    ui.transfer(transient, torch.nn.ModuleDict({"fc": torch.nn.Linear(5, 3)}))
    mean = saved.mean.clone()
    ui.transfer(transient, saved)  # what the source does not save is not trained
    ui.transfer(saved, transient)
    assert torch.equal(saved.mean, mean)
    one = running_norm(1)
    one.register_buffer("mean", torch.zeros(1).expand(5))  # cannot be written, and holds the values already
    other = running_norm(1)
    other.mean.zero_()
    ui.transfer(other, one)
