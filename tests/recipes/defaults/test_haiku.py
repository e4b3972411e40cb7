"""The recipe of Haiku's layer defaults: its numbers, and Haiku's own layers as the oracle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing

Realized = 0.87962566103423978  # std of a unit normal cut at two sigmas


def close(a: float, b: float) -> bool:
    """Whether two numbers are equal but for the last bits of a float64."""
    return math.isclose(a, b, rel_tol=1e-15)


def made(make: str, *shape: int, steps: int = 0, data: str = "float32", **kwargs: Any) -> Any:
    """Return a function that makes a module and calls it, and the wrapper with Haiku's own values."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        module = eval(make, {"hk": hk})  # noqa: S307  # written below
        if steps:
            return hk.dynamic_unroll(module, x, module.initial_state(shape[0]))
        return module(x, **kwargs)

    function = hk.transform_with_state(call)
    x = np.ones((steps, *shape) if steps else shape, data)
    params, state = function.init(jax.random.PRNGKey(17), x)
    return ui.haiku(function, params, x, state=state)


def laws(model: Any, recipe: Any) -> dict[str, ui.Law]:
    """Return the law of each piece, by its stream."""
    return {piece.name: piece.law for one in ui.plan(model, recipe) for piece in one.pieces}


# The layer, its input, the tensor, and the number of inputs that its std is made of.
CUT = [
    ("hk.Linear(300)", (2, 200), "linear/w", 200),
    ("hk.Conv1D(64, 5)", (1, 9, 96), "conv1_d/w", 480),
    ("hk.Conv2D(64, 3)", (1, 9, 9, 48), "conv2_d/w", 432),
    ("hk.Conv2D(64, 3, feature_group_count=4)", (1, 9, 9, 48), "conv2_d/w", 108),
    ("hk.Conv3D(32, 3)", (1, 5, 5, 5, 24), "conv3_d/w", 648),
    ("hk.Conv2DTranspose(64, 3)", (1, 9, 9, 24), "conv2_d_transpose/w", 216),
    ("hk.Conv1DTranspose(64, 5)", (1, 9, 24), "conv1_d_transpose/w", 120),
    ("hk.DepthwiseConv2D(16, 5)", (1, 9, 9, 64), "depthwise_conv2_d/w", 25),
    (
        "hk.SeparableDepthwiseConv2D(8, 7)",
        (1, 9, 9, 64),
        "separable_depthwise_conv2_d/~/depthwise_conv2_d/w",
        7,
    ),
]


@pytest.mark.needs("haiku")
@pytest.mark.parametrize(("make", "shape", "path", "fan"), CUT)
def test_kernels_are_cut_and_not_corrected(make: str, shape: tuple[int, ...], path: str, fan: int) -> None:
    """N(0, 1/n) cut at two sigmas: bounds 2/sqrt(n), std 0.8796/sqrt(n); Haiku's own has the same law."""
    model = made(make, *shape)
    law = laws(model, ui.recipes.haiku_default())[path]
    assert law.kind == "truncated_normal"
    assert close(law.high, 2 / math.sqrt(fan))
    assert close(law.std, Realized / math.sqrt(fan))
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    bundle, _, name = path.rpartition("/")
    testing.assert_same_law(ours.params[bundle][name], model.params[bundle][name], alpha=1e-6)


@pytest.mark.needs("haiku")
@pytest.mark.parametrize(("make", "shape", "path", "fan"), CUT)
def test_the_corrected_kernels_have_the_std_that_is_documented(
    make: str, shape: tuple[int, ...], path: str, fan: int
) -> None:
    """1/sqrt(n) after the cut."""
    law = laws(made(make, *shape), ui.recipes.haiku_default_corrected())[path]
    assert close(law.std, 1 / math.sqrt(fan))
    assert close(law.high, 2 / math.sqrt(fan) / Realized)


@pytest.mark.needs("haiku")
def test_an_lstm_counts_input_and_state() -> None:
    """Its one matrix has n = inputs + hidden; biases are 0, with the 1 that is added 1 for the forget gate."""
    model = made("hk.LSTM(64)", 2, 36, steps=2)
    found = laws(model, ui.recipes.haiku_default())
    for half in ("input", "recurrent"):
        for gate in "ifgo":
            assert close(found[f"lstm/linear/w#{half}/{gate}"].high, 2 / math.sqrt(100))
            assert close(found[f"lstm/linear/w#{half}/{gate}"].std, Realized / 10)
    assert [found[f"lstm/linear/b/{gate}"].mean for gate in "ifgo"] == [0.0, 1.0, 0.0, 0.0]
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    testing.assert_same_law(ours.params["lstm/linear"]["w"], model.params["lstm/linear"]["w"], alpha=1e-6)
    testing.assert_identical(ours.params["lstm/linear"]["b"], model.params["lstm/linear"]["b"])


@pytest.mark.needs("haiku")
def test_a_gru_is_corrected() -> None:
    """VarianceScaling(): std 1/sqrt(inputs) for the input's kernel, 1/sqrt(hidden) for the state's."""
    model = made("hk.GRU(64)", 2, 100, steps=2)
    found = laws(model, ui.recipes.haiku_default())
    for gate in "zrn":
        assert (found[f"gru/w_i/{gate}"].std, found[f"gru/w_h/{gate}"].std) == (0.1, 0.125)
        assert close(found[f"gru/w_h/{gate}"].high, 0.25 / Realized)
        assert found[f"gru/b/{gate}"].mean == 0.0
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    for name in ("w_i", "w_h"):
        testing.assert_same_law(ours.params["gru"][name], model.params["gru"][name], alpha=1e-6)
    testing.assert_identical(ours.params["gru"]["b"], model.params["gru"]["b"])


@pytest.mark.needs("haiku")
def test_an_rnn_is_two_linear_layers() -> None:
    """Each with its own inputs, cut and not corrected."""
    model = made("hk.VanillaRNN(64)", 2, 100, steps=2)
    found = laws(model, ui.recipes.haiku_default())
    assert close(found["vanilla_rnn/linear/w"].high, 0.2)
    assert close(found["vanilla_rnn/linear_1/w"].high, 0.25)
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    for bundle in ("vanilla_rnn/linear", "vanilla_rnn/linear_1"):
        testing.assert_same_law(ours.params[bundle]["w"], model.params[bundle]["w"], alpha=1e-6)
        testing.assert_identical(ours.params[bundle]["b"], model.params[bundle]["b"])


@pytest.mark.needs("haiku")
def test_a_convolutional_lstm_is_two_convolutions() -> None:
    """Each with its own inputs times the window; stored biases are 0."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        core = hk.Conv2DLSTM((4, 4), 25, 3)
        return core(x, core.initial_state(2))

    function = hk.transform(call)
    x = np.ones((2, 4, 4, 16), np.float32)
    model = ui.haiku(function, function.init(jax.random.PRNGKey(17), x), x)
    found = laws(model, ui.recipes.haiku_default())
    assert close(found["conv2_dlstm/input_to_hidden/w/f"].high, 2 / 12)
    assert close(found["conv2_dlstm/hidden_to_hidden/w/f"].high, 2 / 15)
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    for bundle in ("conv2_dlstm/input_to_hidden", "conv2_dlstm/hidden_to_hidden"):
        testing.assert_same_law(ours.params[bundle]["w"], model.params[bundle]["w"], alpha=1e-6)
        testing.assert_identical(ours.params[bundle]["b"], model.params[bundle]["b"])


@pytest.mark.needs("haiku")
def test_a_table_is_cut_at_two() -> None:
    """Embed: N(0, 1) within 2, std 0.8796; corrected, std 1."""
    model = made("hk.Embed(300, 50)", 2, data="int32")
    law = laws(model, ui.recipes.haiku_default())["embed/embeddings"]
    assert (law.low, law.high) == (-2.0, 2.0)
    assert close(law.std, Realized)
    assert close(laws(model, ui.recipes.haiku_default_corrected())["embed/embeddings"].std, 1.0)
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    testing.assert_same_law(
        ours.params["embed"]["embeddings"], model.params["embed"]["embeddings"], alpha=1e-6
    )


@pytest.mark.needs("haiku")
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        ("hk.LayerNorm(-1, True, True)", (2, 6)),
        ("hk.GroupNorm(2)", (2, 9, 6)),
        ('hk.GroupNorm(2, data_format="channels_first")', (2, 6, 9)),
        ("hk.RMSNorm(-1)", (2, 6)),
        ("hk.InstanceNorm(True, True)", (2, 9, 9, 6)),
        ("hk.Bias()", (2, 6)),
    ],
)
def test_norms_and_biases_are_haikus_to_the_bit(make: str, shape: tuple[int, ...]) -> None:
    """Scales 1, offsets 0."""
    import jax

    model = made(make, *shape)
    ours, _ = ui.apply(model, ui.recipes.haiku_default())
    jax.tree.map(testing.assert_identical, ours.params, model.params)


@pytest.mark.needs("haiku")
def test_batch_norm_starts_without_a_batch() -> None:
    """Haiku's averages start from the example's statistics; here from 0 and 1, and training goes on alike."""
    import haiku as hk
    import jax
    import jax.numpy as jnp

    def call(x: Any, is_training: Any) -> Any:
        return hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9)(x, is_training)

    function = hk.transform_with_state(call)
    x = 3 * jax.random.normal(jax.random.PRNGKey(0), (50, 4)) + 2
    params, state = function.init(jax.random.PRNGKey(0), x, is_training=True)
    own = state["batch_norm/~/var_ema"]["average"]
    np.testing.assert_allclose(own, x.var(0, keepdims=True), rtol=1e-4)  # of the data: no law
    ours, _ = ui.apply(
        ui.haiku(function, params, x, state=state, is_training=True), ui.recipes.haiku_default()
    )
    assert ours.state["batch_norm/~/mean_ema"]["average"].tolist() == [[0.0] * 4]
    assert ours.state["batch_norm/~/var_ema"]["average"].tolist() == [[1.0] * 4]
    assert ours.state["batch_norm/~/var_ema"]["counter"].dtype == jnp.int32
    after = [function.apply(params, start, None, x, is_training=True)[1] for start in (state, ours.state)]
    jax.tree.map(np.testing.assert_array_equal, *after)


@pytest.mark.needs("haiku")
def test_attention_gets_what_its_scale_gave() -> None:
    """w_init_scale=1: std 1/sqrt(inputs) after the cut, biases 0."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        return hk.MultiHeadAttention(4, 16, w_init=hk.initializers.VarianceScaling(1.0))(x, x, x)

    function = hk.transform(call)
    x = np.ones((3, 100), np.float32)
    model = ui.haiku(function, function.init(jax.random.PRNGKey(17), x), x)
    found = laws(model, ui.recipes.haiku_default())
    assert (found["multi_head_attention/query/w"].std, found["multi_head_attention/linear/w"].std) == (
        0.1,
        0.125,
    )
    ours, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    for word in ("query", "key", "value", "linear"):
        bundle = f"multi_head_attention/{word}"
        testing.assert_same_law(ours.params[bundle]["w"], model.params[bundle]["w"], alpha=1e-6)
        testing.assert_identical(ours.params[bundle]["b"], model.params[bundle]["b"])


@pytest.mark.needs("torch")
def test_a_torch_model_gets_haikus_laws() -> None:
    """The same rules on torch's records: transposed convolutions by their inputs, LSTMs by both."""
    import torch

    model = torch.nn.ModuleDict({
        "fc": torch.nn.Linear(25, 4), "up": torch.nn.ConvTranspose2d(16, 4, 5), "lstm": torch.nn.LSTM(36, 64),
        "gru": torch.nn.GRU(25, 16), "rnn": torch.nn.RNN(25, 16), "table": torch.nn.Embedding(7, 3),
        "attention": torch.nn.MultiheadAttention(16, 2), "norm": torch.nn.BatchNorm2d(3),
    })  # fmt: skip
    found = laws(model, ui.recipes.haiku_default())
    assert close(found["fc.weight"].high, 0.4)
    assert close(found["up.weight"].high, 0.1)
    assert close(found["lstm.weight_ih_l0/f"].high, 0.2)
    assert close(found["lstm.weight_hh_l0/f"].high, 0.2)
    assert [found[f"lstm.bias_ih_l0/{gate}"].mean for gate in "ifgo"] == [0.0, 1.0, 0.0, 0.0]
    assert [found[f"lstm.bias_hh_l0/{gate}"].mean for gate in "ifgo"] == [0.0] * 4
    assert (found["gru.weight_ih_l0/r"].std, found["gru.weight_hh_l0/r"].std) == (0.2, 0.25)
    assert close(found["rnn.weight_hh_l0"].high, 0.5)
    assert found["attention.in_proj_weight/q"].std == 0.25
    assert found["table.weight"].high == 2.0
    assert (found["norm.running_mean"].mean, found["norm.running_var"].mean) == (0.0, 1.0)


@pytest.mark.needs("torch")
def test_a_layer_that_haiku_lacks_is_named() -> None:
    """Haiku has no PReLU, so its recipe has no rule for one."""
    import torch

    with refused(ui.UnifiedInitError):
        ui.plan(torch.nn.PReLU(), ui.recipes.haiku_default())
