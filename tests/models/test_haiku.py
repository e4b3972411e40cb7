"""The walker of Haiku: what each layer's tensors are, by evaluation or by name, and what apply returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("haiku")


def wrapped(call: Callable[..., Any], *args: Any, bare: bool = False, **kwargs: Any) -> Any:
    """Return a function's wrapper over abstract parameters and state."""
    import haiku as hk
    import jax

    function = hk.transform_with_state(call)
    params, state = jax.eval_shape(lambda: function.init(jax.random.PRNGKey(0), *args, **kwargs))
    given = () if bare else args
    return ui.haiku(function, params, *given, state=state, **({} if bare else kwargs))


def calling(make: str) -> Callable[[Any], Any]:
    """Return the function that makes a module and calls it: none can be made outside of one."""
    import haiku as hk

    def call(x: Any) -> Any:
        module = eval(make, {"hk": hk})  # noqa: S307  # written below
        return module(x)

    return call


def layer(make: str, *shape: int, data: str = "float32", **kwargs: Any) -> Any:
    """Return the wrapper of one layer, called on ones."""
    import haiku as hk

    x = np.ones(shape, data)
    return wrapped(lambda x: eval(make, {"hk": hk})(x, **kwargs), x)  # noqa: S307  # written below


def unrolled(make: str, features: int) -> Any:
    """Return the wrapper of a recurrent core over three steps."""
    import haiku as hk

    def call(x: Any) -> Any:
        core = eval(make, {"hk": hk})  # noqa: S307  # written below
        return hk.dynamic_unroll(core, x, core.initial_state(2))

    return wrapped(call, np.ones((3, 2, features), np.float32))


@pytest.mark.parametrize(
    ("make", "shape", "path", "expected"),
    [
        ("hk.Linear(4)", (2, 6), "linear/w", ("linear", "kernel", "IO", (6, 4), 1)),
        ("hk.Linear(4)", (2, 6), "linear/b", ("linear", "bias", "O", (6, 4), 1)),
        ("hk.Conv1D(4, 3)", (2, 9, 6), "conv1_d/w", ("conv", "kernel", "WIO", (18, 12), 1)),
        ("hk.Conv2D(4, (3, 5))", (2, 9, 9, 6), "conv2_d/w", ("conv", "kernel", "HWIO", (90, 60), 1)),
        ("hk.Conv3D(4, 2)", (2, 5, 5, 5, 6), "conv3_d/b", ("conv", "bias", "O", (48, 32), 1)),
        (
            "hk.Conv2D(4, 3, feature_group_count=2)", (2, 9, 9, 6), "conv2_d/w",
            ("conv", "kernel", "HWI(BO)", (27, 18), 2),
        ),
        (
            "hk.Conv2DTranspose(4, 3)", (2, 9, 9, 6), "conv2_d_transpose/w",
            ("conv_transpose", "kernel", "HWOI", (54, 36), 1),
        ),
        (
            "hk.DepthwiseConv2D(2, 3)", (2, 9, 9, 6), "depthwise_conv2_d/w",
            ("conv", "kernel", "HWI(BO)", (9, 18), 6),
        ),
        (
            "hk.SeparableDepthwiseConv2D(2, 3)", (2, 9, 9, 6),
            "separable_depthwise_conv2_d/~/depthwise_conv2_d/w", ("conv", "kernel", "HWI(BO)", (3, 6), 6),
        ),
        (
            "hk.SeparableDepthwiseConv2D(2, 3)", (2, 9, 9, 6),
            "separable_depthwise_conv2_d/~/depthwise_conv2_d_1/b", ("conv", "bias", "O", (3, 3), 12),
        ),
        ("hk.LayerNorm(-1, True, True)", (2, 6), "layer_norm/scale", ("layer_norm", "scale", "O", (None, 6), 1)),
        ("hk.GroupNorm(2)", (2, 9, 6), "group_norm/offset", ("group_norm", "offset", "O", (None, 6), 1)),
        ("hk.RMSNorm(-1)", (2, 6), "rms_norm/scale", ("rms_norm", "scale", "O", (None, 6), 1)),
        (
            "hk.InstanceNorm(True, True)", (2, 9, 9, 6), "instance_norm/scale",
            ("group_norm", "scale", "O", (None, 6), 1),
        ),
        ("hk.Bias(bias_dims=[-1])", (2, 6), "bias/b", ("parameter", "bias", "O", (None, 6), 1)),
    ],
)  # fmt: skip
def test_a_layers_tensors_are_what_they_are(
    make: str, shape: tuple[int, ...], path: str, expected: tuple[Any, ...]
) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    record = ui.inspect(layer(make, *shape))[path]
    assert (record.kind, record.role, record.layout, record.fans, record.groups) == expected


def test_an_embedding_is_a_table() -> None:
    """Embed's rows are drawn apart."""
    record = ui.inspect(layer("hk.Embed(7, 4)", 2, data="int32"))["embed/embeddings"]
    assert (record.kind, record.role, record.layout, record.outputs) == ("embedding", "embedding", "BO", 4)


def test_axes_that_only_broadcast_are_no_axes() -> None:
    """A batch norm's (1, 1, 1, C) and a convolution's (C, 1, 1) are vectors, as their twins elsewhere."""
    inventory = ui.inspect(layer("hk.BatchNorm(True, True, 0.9)", 2, 5, 5, 3, is_training=True))
    assert inventory["batch_norm/scale"].shape == (3,)
    assert ui.inspect(layer('hk.Conv2D(4, 3, data_format="channels_first")', 2, 3, 9, 9))[
        "conv2_d/b"
    ].shape == (4,)


def test_the_state_of_batch_norm_is_recorded() -> None:
    """The averages are mean and variance; what accumulates from 0 is a count."""
    inventory = ui.inspect(layer("hk.BatchNorm(True, True, 0.9)", 2, 5, 5, 3, is_training=True))
    roles = {record.path.removeprefix("state:batch_norm/~/"): record.role for record in inventory}
    assert roles == {
        "batch_norm/scale": "scale", "batch_norm/offset": "offset",
        "mean_ema/average": "mean", "mean_ema/hidden": "count", "mean_ema/counter": "count",
        "var_ema/average": "variance", "var_ema/hidden": "count", "var_ema/counter": "count",
    }  # fmt: skip


def test_other_state_is_left() -> None:
    """What no layer explains keeps its value and is reported."""
    import haiku as hk

    model = wrapped(
        lambda x: hk.get_state("seen", (), x.dtype, init=hk.initializers.Constant(7.0)) + x,
        np.ones(3, np.float32),
    )
    assert ui.inspect(model).left == ("state:~/seen",)


def test_an_lstms_matrix_is_two_kernels() -> None:
    """Rows of the input, then of the state; gates i g f o; the forward pass adds 1 to f."""
    inventory = ui.inspect(unrolled("hk.LSTM(3)", 5))
    assert [record.path for record in inventory] == [
        "lstm/linear/b",
        "lstm/linear/w#input",
        "lstm/linear/w#recurrent",
    ]
    top, bottom, bias = (inventory[f"lstm/linear/{name}"] for name in ("w#input", "w#recurrent", "b"))
    assert (top.role, top.shape, top.fans, top.hidden, top.features) == ("kernel", (5, 12), (5, 3), 3, 5)
    assert (bottom.role, bottom.shape, bottom.fans) == ("recurrent_kernel", (3, 12), (3, 3))
    assert [(part.label, part.box) for part in bottom.parts] == [
        (label, ((5, 8), (3 * at, 3 * at + 3))) for at, label in enumerate("igfo")
    ]
    assert {part.path for part in (*top.parts, *bottom.parts)} == {"lstm/linear/w"}
    assert [part.shift for part in bias.parts] == [0.0, 0.0, 1.0, 0.0]


def test_the_gates_are_where_the_forward_pass_has_them() -> None:
    """Weights written by gate give the state that the equations of an LSTM give."""
    import haiku as hk
    import jax.numpy as jnp

    def step(x: Any, before: Any) -> Any:
        return hk.LSTM(3)(x, before)

    function = hk.without_apply_rng(hk.transform(step))
    x, h, c = (np.linspace(-1, 1, n, dtype=np.float32) * scale for n, scale in ((5, 1), (3, 0.7), (3, 2)))
    state = hk.LSTMState(jnp.asarray(h), jnp.asarray(c))
    model = ui.haiku(
        function,
        {"lstm/linear": {"w": np.zeros((8, 12), np.float32), "b": np.zeros(12, np.float32)}},
        x,
        state,
    )
    recipe = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    model, _ = ui.apply(model, recipe, seed=0)

    def drawn(name: str, *shape: int) -> Any:
        return ui.draw(
            ui.normal(0.0, 1.0),
            shape,
            layout="IO" if len(shape) == 2 else "O",
            seed=0,
            name=f"lstm/linear/{name}",
        )

    gates = {
        gate: x @ drawn(f"w#input/{gate}", 5, 3)
        + h @ drawn(f"w#recurrent/{gate}", 3, 3)
        + drawn(f"b/{gate}", 3)
        for gate in "ifgo"
    }
    sigmoid = {gate: 1 / (1 + np.exp(-values)) for gate, values in gates.items()}
    cell = sigmoid["f"] * c + sigmoid["i"] * np.tanh(gates["g"])
    _, after = function.apply(model.params, x, state)
    np.testing.assert_allclose(after.cell, cell, rtol=1e-5)
    np.testing.assert_allclose(after.hidden, sigmoid["o"] * np.tanh(cell), rtol=1e-5)


def test_a_grus_gates_are_z_r_n() -> None:
    """Three matrices of three gates; the state's kernel has the state as inputs."""
    inventory = ui.inspect(unrolled("hk.GRU(3)", 5))
    seen = {
        record.path: (record.role, record.fans, "".join(part.label for part in record.parts))
        for record in inventory
    }
    assert seen == {
        "gru/w_i": ("kernel", (5, 3), "zrn"),
        "gru/w_h": ("recurrent_kernel", (3, 3), "zrn"),
        "gru/b": ("bias", (5, 3), "zrn"),
    }


def test_the_linear_layers_of_an_rnn_are_its_kernels() -> None:
    """The first is the input's, the second the state's."""
    inventory = ui.inspect(unrolled("hk.VanillaRNN(3)", 5))
    seen = {
        record.path: (record.kind, record.role, record.fans, record.features, record.hidden)
        for record in inventory
    }
    assert seen == {
        "vanilla_rnn/linear/w": ("rnn", "kernel", (5, 3), 5, 3),
        "vanilla_rnn/linear/b": ("rnn", "bias", (5, 3), 5, 3),
        "vanilla_rnn/linear_1/w": ("rnn", "recurrent_kernel", (3, 3), 5, 3),
        "vanilla_rnn/linear_1/b": ("rnn", "recurrent_bias", (3, 3), 5, 3),
    }


def test_a_convolutional_lstm_adds_its_one_once() -> None:
    """Of the two biases that are summed, the input's stands for the forget bias."""
    import haiku as hk

    def call(x: Any) -> Any:
        core = hk.Conv2DLSTM((8, 8), 5, 3)
        return core(x, core.initial_state(2))

    inventory = ui.inspect(wrapped(call, np.ones((2, 8, 8, 4), np.float32)))
    kernel = inventory["conv2_dlstm/input_to_hidden/w"]
    assert (kernel.kind, kernel.layout, kernel.fans, kernel.axis) == ("conv", "HWIO", (36, 45), 3)
    shifts = [part.shift for part in inventory["conv2_dlstm/input_to_hidden/b"].parts]
    assert shifts == [0.0, 0.0, 1.0, 0.0]
    assert inventory["conv2_dlstm/hidden_to_hidden/b"].parts == ()


def test_the_projections_of_attention_have_places() -> None:
    """Queries, keys, values and output; keys of another width are told."""
    import haiku as hk

    def call(q: Any, k: Any) -> Any:
        return hk.MultiHeadAttention(2, 4, w_init=hk.initializers.VarianceScaling(1.0))(q, k, k)

    inventory = ui.inspect(wrapped(call, np.ones((3, 8), np.float32), np.ones((5, 6), np.float32)))
    places = {
        word: (
            inventory[f"multi_head_attention/{word}/w"].place,
            inventory[f"multi_head_attention/{word}/w"].fans,
        )
        for word in ("query", "key", "value", "linear")
    }
    assert places == {
        "query": ("attention.query", (8, 8)),
        "key": ("attention.key", (6, 8)),
        "value": ("attention.value", (6, 8)),
        "linear": ("attention.out", (8, 8)),
    }
    assert {record.kind for record in inventory} == {"attention"}
    assert inventory["multi_head_attention/key/w"].features == 6


def test_parameters_of_users_modules_are_parameters() -> None:
    """A module that asks for a parameter itself has no layer kind; its names may say what it is."""
    import haiku as hk

    class Mine(hk.Module):
        def __call__(self, x: Any) -> Any:
            token = hk.get_parameter("cls_token", (1, 1, 4), init=hk.initializers.Constant(0.0))
            return x + token + hk.get_parameter("w", (4,), init=hk.initializers.Constant(0.0))

    def call(x: Any) -> Any:
        return Mine()(x)

    inventory = ui.inspect(wrapped(call, np.ones((1, 1, 4), np.float32)))
    seen = {record.path: (record.kind, record.role, record.native) for record in inventory}
    assert seen == {
        "mine/cls_token": ("parameter", "token", "Mine"),
        "mine/w": ("parameter", "parameter", "Mine"),
    }


def test_a_derived_class_is_its_base() -> None:
    """Where a class is derived from Linear, its tensors are a linear layer's."""
    import haiku as hk

    class Special(hk.Linear):
        pass

    def call(x: Any) -> Any:
        return Special(4)(x)

    record = ui.inspect(wrapped(call, np.ones((2, 6), np.float32)))["special/w"]
    assert (record.kind, record.fans, record.native) == ("linear", (6, 4), "Special")


def test_stacked_layers_are_copies() -> None:
    """A scanned stack and a lifted ensemble have a leading axis of copies, which no fan counts."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        return hk.experimental.layer_stack(3)(calling("hk.Linear(6)"))(x)

    record = ui.inspect(wrapped(call, np.ones((2, 6), np.float32)))["__layer_stack_no_per_layer/linear/w"]
    assert (record.shape, record.layout, record.fans) == ((3, 6, 6), "BIO", (6, 6))

    def member(x: Any) -> Any:
        h, _ = hk.LSTM(3)(x, hk.LSTM(3).initial_state(2))
        return hk.Conv1D(4, 3, feature_group_count=2)(h[:, None].repeat(2, 2))

    function = hk.transform(member)
    x = np.ones((2, 5), np.float32)
    params = jax.eval_shape(
        lambda: jax.vmap(function.init, in_axes=(0, None))(jax.random.split(jax.random.PRNGKey(0), 7), x)
    )
    inventory = ui.inspect(ui.haiku(function, params, x))
    half = next(record for record in inventory if record.path.endswith("#recurrent"))
    assert (half.shape, half.layout, half.axis) == ((7, 3, 12), "BIO", 2)
    assert half.parts[1].box == ((0, 7), (5, 8), (3, 6))
    conv = inventory["conv1_d/w"]
    assert (conv.shape, conv.layout, conv.sizes, conv.fans) == ((7, 3, 3, 4), "BWI(BO)", (("B", 2),), (9, 6))
    model, _ = ui.apply(ui.haiku(function, params, x), ui.recipes.haiku_default(), seed=0)
    assert model.params["conv1_d"]["w"].shape == (7, 3, 3, 4)


def test_names_say_what_they_prove_without_an_example() -> None:
    """Linear layers, recurrent ones, tables and norms under Haiku's own names are known."""
    import haiku as hk

    def call(x: Any) -> Any:
        h = hk.nets.MLP([4, 5])(x)
        h, _ = hk.LSTM(3)(h, hk.LSTM(3).initial_state(2))
        h, _ = hk.GRU(3)(h, hk.GRU(3).initial_state(2))
        h = hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9)(h, is_training=True)
        return (
            h
            + hk.Embed(7, 3)(np.zeros(2, np.int32))
            + hk.get_parameter("w", (3,), init=hk.initializers.Constant(0.0))
        )

    x = np.ones((2, 6), np.float32)
    assert ui.inspect(wrapped(call, x, bare=True)) == ui.inspect(wrapped(call, x))


def test_what_names_do_not_prove_is_asked_for() -> None:
    """The groups of a convolution cannot be seen in its kernel."""
    import haiku as hk

    model = wrapped(lambda x: hk.Linear(3)(hk.Conv2D(4, 3)(x)), np.ones((2, 9, 9, 6), np.float32), bare=True)
    with pytest.raises(ui.UnifiedInitError) as caught:
        ui.inspect(model)
    assert str(caught.value) == (
        "`example_args` of haiku() are needed, for names and shapes do not say what 'conv2_d/b', 'conv2_d/w' are: "
        "haiku(transformed, params, x), with all that init takes after the key; arrays may be jax.ShapeDtypeStructs."
    )


def test_a_function_without_arguments_needs_no_example() -> None:
    """What init takes is then all given."""
    import haiku as hk

    model = wrapped(lambda: hk.Conv2D(4, 3)(np.ones((2, 9, 9, 6), np.float32)))
    assert ui.inspect(model)["conv2_d/w"].layout == "HWIO"


def test_parameters_of_another_function_are_refused() -> None:
    """A path too few or too many, or another shape, is named."""
    import haiku as hk

    function = hk.transform(calling("hk.Linear(3)"))
    x, w, b = np.ones((2, 6), np.float32), np.ones((6, 3), np.float32), np.ones(3, np.float32)
    with pytest.raises(ui.UnifiedInitError, match=r"lack 'linear/b'"):
        ui.inspect(ui.haiku(function, {"linear": {"w": w}}, x))
    with pytest.raises(ui.UnifiedInitError, match=r"have 'linear/c'"):
        ui.inspect(ui.haiku(function, {"linear": {"w": w, "b": b, "c": b}}, x))
    with pytest.raises(
        ui.UnifiedInitError, match=r"'linear/w' has shape \(3, 6\), where init .* makes \(6, 3\)"
    ):
        ui.inspect(ui.haiku(function, {"linear": {"w": w.T, "b": b}}, x))
    with pytest.raises(ui.UnifiedInitError, match=r"it raised TypeError"):
        ui.inspect(ui.haiku(function, {"linear": {"w": w, "b": b}}, x, x))


def test_what_is_no_function_is_refused() -> None:
    """The wrapper names the argument, and knows the pair that a stateful init returns."""
    import haiku as hk

    function = hk.transform(calling("hk.Linear(3)"))
    with pytest.raises(ui.UnifiedInitError, match=r"`transformed` must be what hk\.transform"):
        ui.haiku(lambda x: x, {})
    with pytest.raises(ui.UnifiedInitError, match=r"got tuple: init returned the pair \(params, state\)"):
        ui.haiku(function, ({}, {}))
    with pytest.raises(
        ui.UnifiedInitError, match="`params` and `state` must hold arrays, got float at 'linear/w'"
    ):
        ui.inspect(ui.haiku(function, {"linear": {"w": 1.0}}))
