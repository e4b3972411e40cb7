"""The walker of NNX: what each layer's tensors are, and that variables are written where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("flax")


def layer(expression: str) -> Any:
    """Return a layer of flax.nnx, which gets its rngs here."""
    from flax import nnx

    return eval(f"nnx.{expression[:-1]}, rngs=rngs)", {"nnx": nnx, "rngs": nnx.Rngs(0)})  # noqa: S307


@pytest.mark.parametrize(
    ("make", "path", "expected"),
    [
        ("Linear(6, 4)", "kernel", ("linear", "kernel", "IO", (6, 4), 1)),
        ("LinearGeneral((2, 3), (4, 5), axis=(-2, -1))", "kernel", ("linear", "kernel", "IIOO", (6, 20), 1)),
        ("LinearGeneral(6, 4, batch_axis={0: 7})", "bias", ("linear", "bias", "BO", (6, 4), 7)),
        ("Einsum('nta,hab->nthb', (4, 6, 5), (4, 5))", "kernel", ("linear", "kernel", "OIO", (6, 20), 1)),
        ("Conv(6, 4, 3)", "kernel", ("conv", "kernel", "WIO", (18, 12), 1)),
        ("Conv(6, 4, (3, 3), feature_group_count=2)", "kernel", ("conv", "kernel", "HWI(BO)", (27, 18), 2)),
        ("ConvTranspose(6, 4, (3, 3))", "kernel", ("conv_transpose", "kernel", "HWIO", (54, 36), 1)),
        ("ConvTranspose(6, 4, (3, 3), transpose_kernel=True)", "kernel",
         ("conv_transpose", "kernel", "HWOI", (54, 36), 1)),
        ("Embed(7, 4)", "embedding", ("embedding", "embedding", "BO", (None, 4), 1)),
        ("BatchNorm(4)", "batch_stats/var", ("batch_norm", "variance", "O", (None, 4), 1)),
        ("LayerNorm(4)", "bias", ("layer_norm", "offset", "O", (None, 4), 1)),
        ("GroupNorm(4, 2)", "scale", ("group_norm", "scale", "O", (None, 4), 1)),
        ("RMSNorm(4)", "scale", ("rms_norm", "scale", "O", (None, 4), 1)),
        ("MultiHeadAttention(2, 8, decode=False)", "key/kernel", ("attention", "kernel", "IOO", (8, 8), 1)),
        ("MultiHeadAttention(4, 8, num_kv_heads=2)", "key/kernel", ("attention", "kernel", "IOO", (8, 4), 1)),
        ("MultiHeadAttention(2, 8, decode=False)", "out/kernel", ("attention", "kernel", "IIO", (8, 8), 1)),
        ("LSTMCell(5, 3)", "kernel", ("lstm", "kernel", "IO", (5, 3), 1)),
        ("OptimizedLSTMCell(5, 3)", "dense_h/bias", ("lstm", "bias", "O", (5, 3), 1)),
        ("GRUCell(5, 3)", "dense_h/kernel", ("gru", "recurrent_kernel", "IO", (3, 3), 1)),
        ("SimpleCell(5, 3)", "dense_i/kernel", ("rnn", "kernel", "IO", (5, 3), 1)),
        ("LoRA(6, 2, 5)", "lora_a", ("lora", "adapter_a", "IO", (6, 2), 1)),
        ("LoRALinear(6, 5, lora_rank=2)", "lora/lora_b", ("lora", "adapter_b", "IO", (2, 5), 1)),
    ],
)  # fmt: skip
def test_a_layers_tensors_are_what_they_are(make: str, path: str, expected: tuple[Any, ...]) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    record = ui.inspect(layer(make))[path]
    assert (record.kind, record.role, record.layout, record.fans, record.groups) == expected


def test_gates_are_parts_wherever_they_are() -> None:
    """LSTMCell keeps each in a layer, one of them called ``if_``; OptimizedLSTMCell all in one tensor."""
    apart = ui.inspect(layer("LSTMCell(5, 3)"))["kernel"]
    assert [(part.label, part.path) for part in apart.parts] == [
        ("i", "ii/kernel"), ("f", "if_/kernel"), ("g", "ig/kernel"), ("o", "io/kernel"),
    ]  # fmt: skip
    joined = ui.inspect(layer("OptimizedLSTMCell(5, 3)"))["dense_i/kernel"]
    assert [(part.label, part.box) for part in joined.parts] == [
        (label, ((0, 5), (3 * at, 3 * at + 3))) for at, label in enumerate("ifgo")
    ]


def test_variables_are_written_in_place_and_ties_once() -> None:
    """The same variables afterwards; the embedding owns memory that a head shares."""
    from flax import nnx

    class Tied(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.table = nnx.Embed(9, 4, rngs=rngs)
            self.a_head = nnx.Linear(9, 4, use_bias=False, rngs=rngs)
            self.a_head.kernel = self.table.embedding

    model = Tied(nnx.Rngs(0))
    variable = model.table.embedding
    result, report = ui.apply(model, ui.recipes.flax_nnx_default(), seed=0)
    assert result is model
    assert model.table.embedding is variable is model.a_head.kernel
    assert report.written == ("table/embedding",)
    assert report.ties == (("table/embedding", "a_head/kernel"),)


def test_a_shared_module_is_one() -> None:
    """All its tensors are tied under both of its names, a cell's gates too."""
    from flax import nnx

    class Twice(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.a = nnx.LSTMCell(3, 2, rngs=rngs)
            self.b = self.a

    inventory = ui.inspect(Twice(nnx.Rngs(0)))
    assert {record.path: record.ties for record in inventory} == {
        f"a/{role}": (f"b/{role}",) for role in ("kernel", "recurrent_kernel", "bias")
    }


def test_lists_dicts_stacks_and_free_parameters() -> None:
    """Paths go through containers; vmapped layers are copies; what no layer explains is a parameter."""
    import jax.numpy as jnp
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.layers = nnx.List([nnx.Linear(3, 3, use_bias=False, rngs=rngs) for _ in range(2)])
            self.named = nnx.Dict(a=nnx.Linear(3, 3, use_bias=False, rngs=rngs))
            self.cls_token = nnx.Param(jnp.zeros((1, 1, 3)))
            self.mixing = nnx.Param(jnp.zeros((3,)))
            self.constant = jnp.ones((3,))

    inventory = ui.inspect(Model(nnx.Rngs(0)))
    assert {record.path: (record.kind, record.role) for record in inventory} == {
        "layers/0/kernel": ("linear", "kernel"),
        "layers/1/kernel": ("linear", "kernel"),
        "named/a/kernel": ("linear", "kernel"),
        "cls_token": ("parameter", "token"),
        "mixing": ("parameter", "parameter"),
    }
    assert inventory.left == ("constant",)

    @nnx.split_rngs(splits=4)
    @nnx.vmap
    def stacked(rngs: nnx.Rngs) -> nnx.Linear:
        return nnx.Linear(3, 5, rngs=rngs)

    record = ui.inspect(stacked(nnx.Rngs(0)))["kernel"]
    assert (record.shape, record.layout, record.fans) == ((4, 3, 5), "BIO", (3, 5))


def test_abstract_models_become_concrete() -> None:
    """Random streams are no parameters: left without values they are an error that says what to do."""
    import jax.numpy as jnp
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.dense = nnx.Linear(3, 4, rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

    recipe = ui.recipes.flax_nnx_default()
    model = nnx.eval_shape(lambda: Model(nnx.Rngs(0)))
    with refused(ui.ArgumentValueError):
        ui.apply(model, recipe, seed=0)
    nnx.reseed(model, default=1)
    _, report = ui.apply(model, recipe, seed=0)
    assert report.left == ("rngs/dropout/rngs/count", "rngs/dropout/rngs/key")
    concrete, _ = ui.apply(Model(nnx.Rngs(7)), recipe, seed=0)
    for path in ("kernel", "bias"):
        ours, theirs = getattr(model.dense, path), getattr(concrete.dense, path)
        assert np.array_equal(ours.get_value(), theirs.get_value())
    assert model.dropout(model.norm(model.dense(jnp.ones((2, 3))))).shape == (2, 4)


def test_types_are_kept() -> None:
    """A bfloat16 layer gets the rounded float32 values."""
    import jax.numpy as jnp
    from flax import nnx

    wide, narrow = (nnx.Linear(30, 20, param_dtype=t, rngs=nnx.Rngs(0)) for t in (jnp.float32, jnp.bfloat16))
    for model in (wide, narrow):
        ui.apply(model, ui.recipes.flax_nnx_default(), seed=0)
    assert narrow.kernel.get_value().dtype == jnp.bfloat16
    assert (narrow.kernel.get_value() == wide.kernel.get_value().astype(jnp.bfloat16)).all()


@pytest.mark.parametrize("wrapper", ["WeightNorm", "SpectralNorm"])
def test_normalised_weights_are_refused(wrapper: str) -> None:
    """What is stored is not what the layer uses; skipped, the rest is written."""
    from flax import nnx

    model = getattr(nnx, wrapper)(nnx.Linear(3, 4, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(0))
    recipe = ui.recipes.flax_nnx_default()
    with refused(ui.ArgumentValueError):
        ui.apply(model, recipe, seed=0)
    _, report = ui.apply(model, recipe, seed=0, skip="layer_instance/kernel")
    assert report.written == ("layer_instance/bias",)


def test_linen_and_nnx_twins_have_the_same_weights() -> None:
    """Convolutions, statistics, attention and cells; a map of names says where NNX joins the gates."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    from flax import nnx

    class Linen(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.BatchNorm(use_running_average=False, name="norm")(nn.Conv(8, (3, 3), name="conv")(x))
            x = nn.RNN(nn.OptimizedLSTMCell(8, name="lstm"))(x.reshape(1, -1, 8))
            x = nn.RNN(nn.GRUCell(8, name="gru"))(nn.RNN(nn.LSTMCell(8, name="plain"))(x))
            return nn.Dense(3, name="head")(nn.MultiHeadDotProductAttention(2, name="attention")(x))

    class Nnx(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.conv, self.norm = nnx.Conv(4, 8, (3, 3), rngs=rngs), nnx.BatchNorm(8, rngs=rngs)
            self.lstm, self.plain = nnx.OptimizedLSTMCell(8, 8, rngs=rngs), nnx.LSTMCell(8, 8, rngs=rngs)
            self.gru = nnx.GRUCell(8, 8, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
            self.head = nnx.Linear(8, 3, rngs=rngs)

    x = jnp.ones((1, 4, 4, 4))
    variables = jax.eval_shape(Linen().init, jax.random.key(0), x)
    names = {
        "lstm/dense_i/kernel": "lstm/kernel",
        "lstm/dense_h/kernel": "lstm/recurrent_kernel",
        "gru/dense_i/kernel": "gru/kernel",
        "gru/dense_h/kernel": "gru/recurrent_kernel",
    }
    recipe = ui.recipes.flax_linen_default()
    linen, _ = ui.apply(ui.linen(Linen(), variables, x), recipe, seed=5)
    model, _ = ui.apply(Nnx(nnx.Rngs(0)), recipe, seed=5, names=names)
    ours = linen.variables["params"]
    state = {path: leaf.get_value() for path, leaf in nnx.to_flat_state(nnx.state(model, nnx.Param))}
    for path in (
        "conv/kernel",
        "norm/scale",
        "attention/query/kernel",
        "attention/out/kernel",
        "head/kernel",
    ):
        tensor = ours
        for word in path.split("/"):
            tensor = tensor[word]
        assert ui.digest(tensor) == ui.digest(state[tuple(path.split("/"))])
    for cell, gates in (("lstm", "ifgo"), ("gru", "rzn")):
        for letter in "ih":
            joined = jnp.concatenate([ours[cell][f"{letter}{gate}"]["kernel"] for gate in gates], axis=1)
            assert ui.digest(joined) == ui.digest(state[cell, f"dense_{letter}", "kernel"])
    for gate in ("ii", "if", "hf", "ho"):
        twin = state["plain", "if_" if gate == "if" else gate, "kernel"]
        assert ui.digest(ours["plain"][gate]["kernel"]) == ui.digest(twin)


def test_paths_go_through_cycles_and_keys_with_slashes() -> None:
    """A layer that knows the module around it is one layer; a key with a slash leads to its own."""
    from flax import nnx

    class Inner(nnx.Module):
        def __init__(self, owner: Any, rngs: nnx.Rngs) -> None:
            self.owner = owner
            self.dense = nnx.Linear(3, 2, rngs=rngs)

    class Outer(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.inner = Inner(self, rngs)
            self.named = nnx.Dict({"a/b": nnx.Linear(3, 2, rngs=rngs)})

    model = Outer(nnx.Rngs(0))
    _, report = ui.apply(model, ui.recipes.keras_default(), seed=0)
    assert report.written == (
        "inner/dense/bias", "inner/dense/kernel", "named/a/b/bias", "named/a/b/kernel",
    )  # fmt: skip
    drawn = ui.draw(ui.glorot_uniform(), (3, 2), layout="IO", seed=0, name="named/a/b/kernel")
    assert np.array_equal(model.named["a/b"].kernel.get_value(), drawn)


def stacked(make: str, count: int, axis: int) -> Any:
    """Return layers that ``nnx.vmap`` stacks along an axis; ``make`` has the code of one of them."""
    import jax
    from flax import nnx

    keys = jax.random.split(jax.random.key(0), count)

    def one(key: Any) -> Any:
        return eval(f"nnx.{make}", {"nnx": nnx, "rngs": nnx.Rngs(key)})  # noqa: S307

    return nnx.vmap(one, in_axes=0, out_axes=axis)(keys)


STACKED = [
    ("Linear(32, 64, rngs=rngs)", 0, {"kernel": ("BIO", (32, 64)), "bias": ("BO", (32, 64))}),
    ("Linear(32, 64, rngs=rngs)", 1, {"kernel": ("IBO", (32, 64)), "bias": ("OB", (32, 64))}),
    ("Linear(3, 64, rngs=rngs)", 1, {"kernel": ("IBO", (3, 64)), "bias": ("OB", (3, 64))}),
    ("Conv(4, 6, (3, 3), feature_group_count=2, rngs=rngs)", 1, {"kernel": ("HBWI(BO)", (18, 27)), "bias": ("OB", (18, 27))}),
    ("ConvTranspose(4, 6, 5, transpose_kernel=True, rngs=rngs)", 1, {"kernel": ("WBOI", (20, 30)), "bias": ("OB", (20, 30))}),
    ("Embed(7, 4, rngs=rngs)", 1, {"embedding": ("BBO", (None, 4))}),
    ("LayerNorm(6, rngs=rngs)", 1, {"scale": ("OB", (None, 6)), "bias": ("OB", (None, 6))}),
    (
        "LinearGeneral((4, 2), (5, 6), axis=(-2, -1), rngs=rngs)", 1,
        {"kernel": ("IBIOO", (8, 30)), "bias": ("OBO", (8, 30))},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("code", "axis", "expected"), STACKED)
def test_layers_that_vmap_stacks_along_any_axis(code: str, axis: int, expected: Any) -> None:
    """They are read through the layer's own sizes: a kernel (32, 3, 64) holds three of (32, 64)."""
    layer = stacked(code, 3, axis)
    records = {record.path: (record.layout, record.fans) for record in ui.inspect(layer)}
    assert records == expected


def test_the_std_of_layers_stacked_along_the_second_axis() -> None:
    """1 / sqrt(32), whatever the axis."""
    layer = stacked("Linear(32, 64, rngs=rngs)", 3, 1)
    assert ui.plan(layer, ui.recipes.flax_nnx_default())["kernel"].pieces[0].law.std == pytest.approx(
        32**-0.5
    )


def test_an_axis_that_cannot_be_told_is_refused() -> None:
    """64 layers of (64, 64); a rule's layout says it, and so does a description."""
    layer = stacked("Linear(64, 64, use_bias=False, rngs=rngs)", 64, 1)
    recipe = ui.recipes.flax_nnx_default()
    with refused(ui.ArgumentValueError):
        ui.plan(layer, recipe)
    rule = ui.Rule(spec=ui.lecun_normal(), role="kernel", layout="IBO")
    assert ui.plan(layer, recipe.before(rule))["kernel"].pieces[0].law.fan_in == 64
    description = {"Linear": ui.Layer(kind="linear", tensors={"kernel": ("kernel", "IBO")})}
    assert ui.plan(layer, recipe, layers=description)["kernel"].pieces[0].law.fan_in == 64
