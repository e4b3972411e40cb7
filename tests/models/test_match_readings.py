"""Tensors that only one of two models is known to have: raw parameters, fused matrices, ties, described layers.

Each pair of models is of two frameworks, is matched, proven by running, and given the same weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui

if TYPE_CHECKING:
    from pathlib import Path

WIDTH = 8
X = np.random.default_rng(0).standard_normal((2, 5, WIDTH), dtype=np.float32)
TOKENS = np.arange(10).reshape(2, 5)
QKV = ("q", "k", "v")


def moved_over(original: Any, copy: Any, names: ui.NameMap, x: Any, run: Any) -> float:
    """Return how far the outputs are apart after a transfer by a map."""
    import torch

    copy = ui.transfer(original, copy, names)
    with torch.no_grad():
        return float(np.abs(original(torch.from_numpy(x)).numpy() - np.asarray(run(copy))).max())


def table(*, raw: bool) -> Any:
    """Return a model in PyTorch with a table of positions, as a layer or as a parameter."""
    import torch

    class Table(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte = torch.nn.Embedding(11, WIDTH)
            self.wpe = torch.nn.Parameter(torch.randn(6, WIDTH)) if raw else torch.nn.Embedding(6, WIDTH)
            self.fc = torch.nn.Linear(WIDTH, 3)

        def forward(self, i: Any) -> Any:
            wpe = self.wpe if raw else self.wpe.weight
            return self.fc(self.wte(i) + wpe[: i.shape[1]])

    return Table()


def nnx_table(*, raw: bool) -> Any:
    """Return the same in NNX."""
    import jax.numpy as jnp
    from flax import nnx

    class Table(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.wte = nnx.Embed(11, WIDTH, rngs=rngs)
            self.wpe = nnx.Param(jnp.zeros((6, WIDTH))) if raw else nnx.Embed(6, WIDTH, rngs=rngs)
            self.fc = nnx.Linear(WIDTH, 3, rngs=rngs)

        def __call__(self, i: Any) -> Any:
            wpe = self.wpe[...] if raw else self.wpe.embedding[...]
            return self.fc(self.wte(i) + wpe[: i.shape[1]])

    return Table(nnx.Rngs(0))


@pytest.mark.needs("torch", "flax")
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("given", [None, {"wpe": "wpe"}])
def test_a_raw_parameter_is_the_table_of_its_name(given: Any, *, raw: bool) -> None:
    """Whichever model has the layer; the copy then draws it by the rule of its counterpart."""
    original, copy = table(raw=not raw), nnx_table(raw=raw)
    names = ui.match(original, copy, given=given, inputs=(TOKENS, TOKENS))
    assert names.verification is not None
    assert names.verification.ok
    assert ui.verify_match(original, copy, names, inputs=(TOKENS, TOKENS)).ok
    assert moved_over(original, copy, names, TOKENS, lambda model: model(TOKENS)) < 1e-6
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    recipe = recipe.before(ui.Rule(spec=ui.normal(0.0, 0.5), role="embedding"))
    ui.apply(original, recipe, seed=0)
    ui.apply(copy, recipe, seed=0, names=names)
    assert ui.digests(original) == ui.digests(copy, names)


@pytest.mark.needs("torch", "flax")
def test_given_settles_tensors_of_any_kinds() -> None:
    """Under other names too; tensors of other extents are refused."""
    original, copy = table(raw=False), nnx_table(raw=True)
    copy.places, copy.wpe = copy.wpe, np.zeros(3)
    copy.__class__.__call__ = lambda self, i: self.fc(self.wte(i) + self.places[...][: i.shape[1]])
    given = {"places": "wpe.weight", "wte/embedding": "wte.weight"}
    names = ui.match(original, copy, given=given, inputs=(TOKENS, TOKENS))
    assert names["places"] == "wpe.weight"
    with refused(ui.ArgumentValueError):
        ui.match(original, copy, given={"places": "wte.weight"})


@pytest.mark.needs("torch", "flax")
def test_a_raw_parameter_is_the_only_table_of_its_shape() -> None:
    """Whatever it is called, if one of the models says what it is; not where both have such a parameter."""
    original, copy = table(raw=False), nnx_table(raw=True)
    copy.places, copy.wpe = copy.wpe, np.zeros(3)
    copy.__class__.__call__ = lambda self, i: self.fc(self.wte(i) + self.places[...][: i.shape[1]])
    names = ui.match(original, copy, inputs=(TOKENS, TOKENS))
    assert names["places"] == "wpe.weight"
    both = ui.match(table(raw=True), nnx_table(raw=True))
    assert both["wpe"] == "wpe"
    assert both.records == ((), ())


def llama(*, name: str) -> Any:
    """Return two branches in PyTorch, each with a norm of a class that no walker knows."""
    import torch

    class Rooted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_parameter(name, torch.nn.Parameter(torch.ones(WIDTH)))

        def forward(self, x: Any) -> Any:
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * getattr(self, name)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.behind = Rooted(), Rooted()
            self.up, self.down = torch.nn.Linear(WIDTH, 16), torch.nn.Linear(16, WIDTH)

        def forward(self, x: Any) -> Any:
            return self.behind(self.down(torch.relu(self.up(self.before(x)))))

    return Model()


def linen_llama() -> Any:
    """Return the same in Linen, with its own norms."""
    import jax
    from flax import linen

    class Model(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            x = linen.relu(linen.Dense(16)(linen.RMSNorm()(x)))
            return linen.RMSNorm()(linen.Dense(WIDTH)(x))

    return ui.linen(Model(), Model().init(jax.random.key(0), X), X)


@pytest.mark.needs("torch", "flax")
@pytest.mark.parametrize(
    "given",
    [None, {"RMSNorm_0/scale": "before.{}"}, {"RMSNorm_0/scale": "before.{}", "RMSNorm_1": "behind"}],
)
@pytest.mark.parametrize("name", ["weight", "g", "factor"])
def test_norms_of_a_class_that_no_walker_knows(name: str, given: Any) -> None:
    """Paired as norms where their tensors are called as a norm's; else by ``given``."""
    original, copy = llama(name=name), linen_llama()
    if name == "factor" and (given is None or len(given) == 1):
        given = {"RMSNorm_0/scale": "before.{}", "RMSNorm_1/scale": "behind.{}"}
    given = {path: value.format(name) for path, value in (given or {}).items()}
    names = ui.match(original, copy, given=given, inputs=(X, X))
    assert names["RMSNorm_1/scale"] == f"behind.{name}"
    assert names.verification is not None
    assert names.verification.ok
    difference = moved_over(original, copy, names, X, lambda model: model.module.apply(model.variables, X))
    assert difference < 1e-5


def fused(word: str, *, outputs: int = 3 * WIDTH, bias: bool = True) -> Any:
    """Return attention in PyTorch whose three projections are one layer of this name."""
    import torch

    class Fused(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln = torch.nn.LayerNorm(WIDTH)
            setattr(self, word, torch.nn.Linear(WIDTH, outputs, bias=bias))
            self.c_proj = torch.nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            q, k, v = getattr(self, word)(self.ln(x)).chunk(3, -1)
            return self.c_proj((q @ k.transpose(-1, -2)).softmax(-1) @ v)

    return Fused()


def linen_fused(word: str | None = None) -> Any:
    """Return the same in Linen."""
    import jax
    import jax.numpy as jnp
    from flax import linen

    class Fused(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            x = linen.Dense(3 * WIDTH, name=word)(linen.LayerNorm(epsilon=1e-5)(x))
            q, k, v = jnp.split(x, 3, -1)
            return linen.Dense(WIDTH)(jax.nn.softmax(q @ k.swapaxes(-1, -2), -1) @ v)

    return ui.linen(Fused(), Fused().init(jax.random.key(0), X), X)


def outputs_of(model: Any) -> Any:
    """Return what a model of Linen computes."""
    return model.module.apply(model.variables, X)


GIVEN = [
    lambda layer: None,  # noqa: ARG005  # the argument of the others
    lambda layer: {layer: "{}"},
    lambda layer: {f"{layer}/kernel": "{}.weight"},
    lambda layer: {f"{layer}/kernel": "{}.weight", f"{layer}/bias": "{}.bias"},
]


@pytest.mark.needs("torch", "flax")
@pytest.mark.parametrize("given", GIVEN, ids=source_of)
@pytest.mark.parametrize(("word", "other"), [("c_attn", None), ("third", "c_attn")])
def test_a_fused_matrix_is_a_whole_one_of_another_name(word: str, other: str | None, given: Any) -> None:
    """Without ``given`` and with each form of it; both models then draw the same values, and take them."""
    original, copy = fused(word), linen_fused(other)
    named = given(other or "Dense_0")
    if named is not None:
        named = {path: value.format(word) for path, value in named.items()}
    names = ui.match(original, copy, given=named, inputs=(X, X))
    assert names.verification is not None
    assert names.verification.ok
    assert ui.verify_match(original, copy, names, inputs=(X, X)).ok
    assert moved_over(original, copy, names, X, outputs_of) < 1e-5
    recipe = ui.recipes.torch_default()
    original, _ = ui.apply(original, recipe, seed=0)
    copy, _ = ui.apply(copy, recipe, seed=0, names=names)
    assert ui.digests(original) == ui.digests(copy, names)


@pytest.mark.needs("torch")
def test_a_fused_matrix_with_separate_counterparts_is_not_a_whole_one() -> None:
    """A matrix of its shape elsewhere is not taken for it."""
    import torch

    class Parts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(3))
            self.up = torch.nn.Linear(WIDTH, 3 * WIDTH)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c_attn, self.up = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, 3 * WIDTH)

    given = {word: f"c_attn.{{}}/{word}" for word in QKV}
    given = {
        f"{word}.{end}": value.format(end) for word, value in given.items() for end in ("weight", "bias")
    }
    names = ui.match(Whole(), Parts(), given=given)
    assert names["up.weight"] == "up.weight"
    assert names["q.weight"] == "c_attn.weight/q"


@pytest.mark.needs("torch")
def test_a_fused_matrix_by_head_is_read_by_head() -> None:
    """And the parts of two fused matrices are pairs by label."""
    by_head = ui.Layer(
        kind="linear", parts={"weight": ui.Split(QKV, blocks=2), "bias": ui.Split(QKV, blocks=2)}
    )
    described = ui.inspect(fused("third"), layers={"third": by_head})
    names = ui.match(described, fused("other"))
    (kernel,) = (record for record in names.records[1] if record.path == "other.weight")
    assert [part.label for part in kernel.parts] == list(QKV)
    assert kernel.parts[0].view == (2, 3 * WIDTH // 2, WIDTH)
    same = ui.match(described, described, given={"third.weight": "third.weight"})
    assert all(path == stream for path, stream in same.items())


THIRDS = ui.Layer(
    kind="linear",
    tensors={"kernel": ("kernel", "IO"), "bias": ("bias", "O")},
    parts={"kernel": QKV, "bias": QKV},
)


@pytest.mark.needs("torch", "flax")
def test_a_map_keeps_the_layers_that_were_described(tmp_path: Path) -> None:
    """The proof, ``verify_match`` and ``transfer`` read the models as ``match`` did, and so do ``apply`` and ``save``."""
    original, copy = fused("c_attn"), linen_fused()
    names = ui.match(original, copy, layers={"Dense_0": THIRDS}, inputs=(X, X))
    assert names["Dense_0/kernel"] == "c_attn.weight"
    assert [record.path for record in names.records[1]] == ["Dense_0/bias", "Dense_0/kernel"]
    assert ui.verify_match(original, copy, names, inputs=(X, X)).ok
    assert moved_over(original, copy, names, X, outputs_of) < 1e-5
    state = ui.transfer(original.state_dict(), copy, names, inventory=ui.inspect(original))
    assert np.array_equal(outputs_of(state), outputs_of(ui.transfer(original, copy, names)))
    recipe = ui.recipes.torch_default()
    ui.apply(original, recipe, seed=0)
    copy, _ = ui.apply(copy, recipe, seed=0, names=names)
    assert ui.digests(original) == ui.digests(copy, names)
    ui.save(copy, recipe, tmp_path, seed=0, names=names)
    assert ui.verify(tmp_path).ok
    assert ui.verify(copy, recipe, seed=0, names=names).ok


@pytest.mark.needs("torch", "flax")
def test_layers_of_the_first_model_may_be_described() -> None:
    """Both sides are read so, and places too."""
    original, copy = fused("third"), linen_fused("c_attn")
    thirds = ui.Layer(kind="linear", parts={"weight": QKV, "bias": QKV})
    names = ui.match(original, copy, layers={"third": thirds}, places={"third": "attention.qkv"})
    assert {record.path for record in names.records[0]} == {"third.weight", "third.bias"}
    assert ui.verify_match(original, copy, names, inputs=(X, X)).ok
    assert moved_over(original, copy, names, X, outputs_of) < 1e-5


BY_PLACE = ui.Recipe(
    "by_place",
    (ui.Rule(spec=ui.normal(0.0, 0.02), place="attention.out"), ui.Rule(spec=ui.normal(0.0, 0.01))),
)


def two_layers(first: str, second: str) -> Any:
    """Return a model in PyTorch whose two layers have these names."""
    import torch

    model = torch.nn.Module()
    setattr(model, first, torch.nn.Linear(WIDTH, 4, bias=False))
    setattr(model, second, torch.nn.Linear(WIDTH, 3, bias=False))
    return model


@pytest.mark.needs("torch")
@pytest.mark.parametrize("glob", ["mix", "mix.weight", "blend"])
def test_a_told_place_is_that_of_the_counterpart(glob: str) -> None:
    """Of whichever model it was told; a recipe by places then gives both models the same values."""
    first, second = two_layers("mix", "rest"), two_layers("blend", "others")
    names = ui.match(first, second, places={glob: "attention.out"})
    assert [record.place for record in names.records[1]] == ["attention.out"]
    ui.apply(first, BY_PLACE, seed=0, places={"mix": "attention.out"})
    ui.apply(second, BY_PLACE, seed=0, names=names)
    assert ui.digests(first) == ui.digests(second, names)


@pytest.mark.needs("torch")
def test_each_model_keeps_the_place_that_it_was_told() -> None:
    """A counterpart with a place of its own does not get another."""
    first, second = two_layers("mix", "rest"), two_layers("blend", "others")
    places = {"mix": "attention.out", "blend": "mlp.out"}
    names = ui.match(first, second, places=places, given={"blend": "mix"})
    assert [record.place for record in names.records[1]] == ["mlp.out"]


@pytest.mark.needs("torch")
@pytest.mark.parametrize("is_fused_first", [True, False])
def test_a_told_place_is_that_of_the_part_or_the_whole(*, is_fused_first: bool) -> None:
    """Where one model fuses what the other has apart, the place is that of the projection, or of all."""
    import torch

    whole, apart = torch.nn.Module(), torch.nn.Module()
    whole.third = torch.nn.Linear(WIDTH, 3 * WIDTH, bias=False)
    for label in QKV:
        setattr(apart, label, torch.nn.Linear(WIDTH, WIDTH, bias=False))
    layers = {"third": ui.Layer(kind="linear", parts={"weight": QKV})}
    order = (whole, apart) if is_fused_first else (apart, whole)
    words = ("query", "key", "value")
    given = {f"{label}.weight": f"third.weight/{label}" for label in QKV}
    given = given if is_fused_first else {stream: path for path, stream in given.items()}
    told = (
        {"third": "attention.qkv"}
        if is_fused_first
        else {label: f"attention.{word}" for label, word in zip(QKV, words, strict=True)}
    )
    names = ui.match(*order, given=given, layers=layers, places=told)
    expected = [f"attention.{word}" for word in words] if is_fused_first else ["attention.qkv"]
    assert [record.place for record in names.records[1]] == expected


def tied(*, tie: bool, bias: bool) -> Any:
    """Return a language model in PyTorch, its head tied to its table or not."""
    import torch

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e, self.l = torch.nn.Embedding(11, WIDTH), torch.nn.Linear(WIDTH, WIDTH)
            self.o = torch.nn.Linear(WIDTH, 11, bias=bias)
            if tie:
                self.o.weight = self.e.weight

        def forward(self, i: Any) -> Any:
            return self.o(torch.relu(self.l(self.e(i))))

    return Head()


def nnx_untied() -> Any:
    """Return the same in NNX, with a head of its own."""
    from flax import nnx

    class Head(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.e, self.l = nnx.Embed(11, WIDTH, rngs=rngs), nnx.Linear(WIDTH, WIDTH, rngs=rngs)
            self.o = nnx.Linear(WIDTH, 11, use_bias=False, rngs=rngs)

        def __call__(self, i: Any) -> Any:
            return self.o(nnx.relu(self.l(self.e(i))))

    return Head(nnx.Rngs(0))


@pytest.mark.needs("torch", "flax")
@pytest.mark.parametrize(
    "given", [None, {"o": "e"}, {"o/kernel": "e.weight"}, {"o/kernel": "o.weight"}, {"o": "o"}]
)
def test_an_untied_head_gets_the_values_of_the_table_that_it_is_tied_to(given: Any) -> None:
    """By itself, and by each path that ``given`` may name."""
    original, copy = tied(tie=True, bias=False), nnx_untied()
    names = ui.match(original, copy, given=given, inputs=(TOKENS, TOKENS))
    assert names["o/kernel"] == names["e/embedding"] == "e.weight"
    assert names.verification is not None
    assert names.verification.ok
    assert moved_over(original, copy, names, TOKENS, lambda model: model(TOKENS)) < 1e-6


@pytest.mark.needs("torch")
@pytest.mark.parametrize("bias", [True, False])
def test_a_tied_head_and_one_apart(*, bias: bool) -> None:
    """Its own bias stays its own; the reverse needs ``given``, because the values may be two."""
    names = ui.match(tied(tie=True, bias=bias), tied(tie=False, bias=bias))
    assert names["o.weight"] == "e.weight"
    assert len(names) == 4 + bias
    with refused(ui.ArgumentValueError):
        ui.match(tied(tie=False, bias=bias), tied(tie=True, bias=bias))
    both = ui.match(tied(tie=True, bias=bias), tied(tie=True, bias=bias))
    assert len(both) == 3 + bias


@pytest.mark.needs("torch")
def test_the_ways_out_of_a_refusal_of_given_work() -> None:
    """What the message names is a path that ``given`` takes."""
    original, copy = fused("c_attn", bias=False), fused("third", bias=False)
    with refused(ui.ArgumentValueError) as caught:
        ui.match(original, copy, given={"third": "attn"})
    nearest = str(caught.value).rsplit("'", 2)[1]
    assert nearest == "c_attn"
    assert ui.match(original, copy, given={"third": nearest})["third.weight"] == "c_attn.weight"


@pytest.mark.needs("torch", "flax")
def test_a_place_that_numbers_say_contradicts_nothing() -> None:
    """A second convolution is the output of attention, as the order of execution says."""
    import jax
    import jax.numpy as jnp
    import torch
    from flax import linen

    class Attention(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.thirds, self.to_out = torch.nn.Conv2d(4, 4, 1), torch.nn.Conv2d(4, 4, 1)

        def forward(self, x: Any) -> Any:
            return x + self.to_out(torch.tanh(self.thirds(x)))

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first_attn, self.mid_attn = Attention(), Attention()

        def forward(self, x: Any) -> Any:
            return self.mid_attn(self.first_attn(x))

    class Branch(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            inner = jnp.tanh(linen.Conv(4, (1, 1))(x))
            return x + linen.Conv(4, (1, 1))(inner)

    class LinenNet(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            x = Branch()(x)
            return Branch()(x)

    x = np.random.default_rng(1).standard_normal((1, 4, 5, 5), dtype=np.float32)
    last = x.transpose(0, 2, 3, 1)
    copy = ui.linen(LinenNet(), LinenNet().init(jax.random.key(0), last), last)
    assert {record.place for record in ui.inspect(copy)} == {"", "last_conv"}
    names = ui.match(Net(), copy, inputs=(x, last))
    assert names["Branch_1/Conv_1/kernel"] == "mid_attn.to_out.weight"
    assert names.verification is not None
    assert names.verification.ok


@pytest.mark.needs("torch", "flax")
def test_a_described_table_of_positions_is_one_by_its_own_name() -> None:
    """Also at the root of a model."""
    layers = {"Table": ui.Layer(kind="embedding", tensors={"wpe": ("embedding", "BO")})}
    assert ui.inspect(nnx_table(raw=True), layers=layers)["wpe"].place == "embedding.position"


@pytest.mark.needs("torch")
def test_a_partial_transfer_leaves_what_match_cannot_decide() -> None:
    """Without names too: an extra layer, and one of another size that has the same name."""
    import torch

    def model(**layers: Any) -> Any:
        return torch.nn.ModuleDict(layers)

    source = model(fc=torch.nn.Linear(4, 3), head=torch.nn.Linear(3, 5), extra=torch.nn.Linear(2, 2))
    target = model(fc=torch.nn.Linear(4, 3), head=torch.nn.Linear(3, 7))
    before = target["head"].weight.clone()
    ui.transfer(source, target, strict=False)
    assert torch.equal(target["fc"].weight, source["fc"].weight)
    assert torch.equal(target["head"].weight, before)
    with refused(ui.ArgumentValueError):
        ui.transfer(source, target)


@pytest.mark.needs("torch", "keras")
@pytest.mark.parametrize("outputs", [6, 8])
@pytest.mark.parametrize("given", [None, {"separable_conv2d/bias": "pw.bias"}])
def test_the_bias_of_a_separable_convolution_is_that_of_its_pointwise_kernel(
    given: Any, outputs: int
) -> None:
    """Two layers in PyTorch, one in Keras."""
    import keras
    import torch

    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dw = torch.nn.Conv2d(4, 8, 3, groups=4, padding=1, bias=False)
            self.pw = torch.nn.Conv2d(8, outputs, 1)

        def forward(self, x: Any) -> Any:
            return self.pw(self.dw(x))

    image = keras.Input((6, 6, 4))
    layer = keras.layers.SeparableConv2D(
        outputs, 3, depth_multiplier=2, padding="same", name="separable_conv2d"
    )
    copy = keras.Model(image, layer(image))
    x = np.random.default_rng(2).standard_normal((2, 4, 6, 6), dtype=np.float32)
    names = ui.match(Two(), copy, given=given, inputs=(x, x.transpose(0, 2, 3, 1)))
    assert names["separable_conv2d/bias"] == "pw.bias"
    assert names.verification is not None
    assert names.verification.ok
