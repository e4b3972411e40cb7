"""The walker of Equinox: what each layer's tensors are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.equinox_made import made, shaped
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("equinox")


@pytest.mark.parametrize(
    ("make", "path", "expected"),
    [
        ("Linear(6, 4, key=key)", "weight", ("linear", "kernel", "OI", (6, 4), 1)),
        ("Linear(6, 4, key=key)", "bias", ("linear", "bias", "O", (6, 4), 1)),
        ('Linear("scalar", 4, key=key)', "weight", ("linear", "kernel", "OI", (1, 4), 1)),
        ("Conv1d(6, 4, 3, key=key)", "weight", ("conv", "kernel", "OIW", (18, 12), 1)),
        ("Conv2d(6, 4, (3, 5), key=key)", "weight", ("conv", "kernel", "OIHW", (90, 60), 1)),
        ("Conv3d(6, 4, 2, key=key)", "bias", ("conv", "bias", "O", (48, 32), 1)),
        ("Conv2d(6, 4, 3, groups=2, key=key)", "weight", ("conv", "kernel", "(BO)IHW", (27, 18), 2)),
        ("Conv2d(6, 12, 3, groups=6, key=key)", "weight", ("conv", "kernel", "(BO)IHW", (9, 18), 6)),
        ("ConvTranspose2d(6, 4, 3, key=key)", "weight", ("conv_transpose", "kernel", "OIHW", (54, 36), 1)),
        (
            "ConvTranspose2d(6, 4, 3, groups=2, key=key)", "weight",
            ("conv_transpose", "kernel", "(BO)IHW", (27, 18), 2),
        ),
        ("Embedding(7, 4, key=key)", "weight", ("embedding", "embedding", "BO", (None, 4), 1)),
        ("LayerNorm((3, 4))", "bias", ("layer_norm", "offset", "OO", (None, 12), 1)),
        ("GroupNorm(2, 4)", "weight", ("group_norm", "scale", "O", (None, 4), 1)),
        ("RMSNorm(4)", "weight", ("rms_norm", "scale", "O", (None, 4), 1)),
        ("RMSNorm(4)", "bias", ("rms_norm", "offset", "O", (None, 4), 1)),
        ('BatchNorm(4, "batch", mode="batch")', "weight", ("batch_norm", "scale", "O", (None, 4), 1)),
        ("PReLU()", "negative_slope", ("prelu", "slope", None, (None, None), 1)),
        ("LSTMCell(5, 3, key=key)", "weight_ih", ("lstm", "kernel", "OI", (5, 3), 1)),
        ("LSTMCell(5, 3, key=key)", "weight_hh", ("lstm", "recurrent_kernel", "OI", (3, 3), 1)),
        ("GRUCell(5, 3, key=key)", "bias", ("gru", "bias", "O", (5, 3), 1)),
        ("GRUCell(5, 3, key=key)", "bias_n", ("gru", "recurrent_bias", "O", (3, 3), 1)),
        ("MultiheadAttention(2, 8, key=key)", "query_proj.weight", ("attention", "kernel", "OI", (8, 8), 1)),
        (
            "MultiheadAttention(2, 8, key_size=6, use_key_bias=True, key=key)", "key_proj.bias",
            ("attention", "bias", "O", (6, 8), 1),
        ),
    ],
)  # fmt: skip
def test_a_layers_tensors_are_what_they_are(make: str, path: str, expected: tuple[Any, ...]) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    record = ui.inspect(shaped(make))[path]
    assert (record.kind, record.role, record.layout, record.fans, record.groups) == expected


@pytest.mark.parametrize(
    ("make", "path", "labels"),
    [
        ("LSTMCell(5, 3, key=key)", "weight_hh", "ifgo"),
        ("GRUCell(5, 3, key=key)", "weight_hh", "rzn"),
    ],
)
def test_gates_are_parts_in_equinoxs_order(make: str, path: str, labels: str) -> None:
    """Rows k * hidden to (k + 1) * hidden belong to gate k."""
    assert [(part.label, part.box) for part in ui.inspect(shaped(make))[path].parts] == [
        (label, ((3 * at, 3 * at + 3), (0, 3))) for at, label in enumerate(labels)
    ]


@pytest.mark.needs("torch")
@pytest.mark.parametrize("cell", ["LSTMCell", "GRUCell"])
def test_a_cell_of_torch_with_the_same_streams_computes_the_same(cell: str) -> None:
    """Gates by name, whatever their order: the two cells agree, biases of torch's state being Equinox's n."""
    import torch

    recipe = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    ours, _ = ui.apply(made(f"{cell}(5, 3, key=key)"), recipe, seed=0)
    twin = getattr(torch.nn, cell)(5, 3)
    gates = "ifgo" if cell == "LSTMCell" else "rzn"
    names = {f"{name}/{gate}": f"{name}/{gate}" for name in ("weight_ih", "weight_hh") for gate in gates}
    names |= {f"bias_ih/{gate}": f"bias/{gate}" for gate in gates}
    if cell == "GRUCell":
        names |= {"bias_hh/n": "bias_n/n"}
    ui.apply(twin, recipe, seed=0, names=names)
    with torch.no_grad():
        twin.bias_hh[: 12 if cell == "LSTMCell" else 6] = 0
        x, h, c = (np.linspace(-1, 1, n, dtype=np.float32) * scale for n, scale in ((5, 1), (3, 0.7), (3, 2)))
        as_torch = [torch.from_numpy(one)[None] for one in (x, h, c)]
        if cell == "LSTMCell":
            theirs = twin(as_torch[0], (as_torch[1], as_torch[2]))[0][0].numpy()
            mine = ours(x, (h, c))[0]
        else:
            theirs, mine = twin(as_torch[0], as_torch[1])[0].numpy(), ours(x, h)
    np.testing.assert_allclose(np.asarray(mine), theirs, rtol=1e-5)


def test_the_projections_of_attention_have_places() -> None:
    """Queries, keys, values and output; keys of another width are told."""
    inventory = ui.inspect(shaped("MultiheadAttention(2, 8, key_size=6, key=key)"))
    assert {record.path: (record.place, record.features) for record in inventory} == {
        "query_proj.weight": ("attention.query", 6),
        "key_proj.weight": ("attention.key", 6),
        "value_proj.weight": ("attention.value", 6),
        "output_proj.weight": ("attention.out", 0),
    }


def test_paths_go_through_lists_dicts_and_tuples() -> None:
    """Words of the way, joined with dots; blocks are numbered."""
    inventory = ui.inspect(shaped("Sequential([Linear(3, 4, key=key), MLP(4, 2, 5, 2, key=key)])"))
    assert {record.path for record in inventory} == {
        f"layers.{path}.{name}"
        for path in ("0", "1.layers.0", "1.layers.1", "1.layers.2")
        for name in ("weight", "bias")
    }
    assert inventory["layers.1.layers.2.weight"].block == 1


def test_stacked_layers_are_copies() -> None:
    """Layers made under vmap have a leading axis of copies, which no fan counts."""
    inventory = ui.inspect(shaped("MLP(3, 2, 5, 4, scan=True, key=key)"))
    record = inventory["layers.1.weight"]
    assert (record.shape, record.layout, record.fans) == ((3, 5, 5), "BOI", (5, 5))
    assert (inventory["layers.1.bias"].shape, inventory["layers.1.bias"].layout) == ((3, 5), "BO")
    cells = shaped("eqx.filter_vmap(lambda k: LSTMCell(5, 3, key=k))(jax.random.split(key, 4))")
    kernel = ui.inspect(cells)["weight_ih"]
    assert (kernel.shape, kernel.layout, kernel.axis) == ((4, 12, 5), "BOI", 1)
    assert kernel.parts[1].box == ((0, 4), (3, 6), (0, 5))
    written, _ = ui.apply(cells, ui.recipes.equinox_default(), seed=0)
    i = ui.draw(ui.uniform(-(3**-0.5), 3**-0.5), (4, 3, 5), layout="BOI", seed=0, name="weight_ih/i")
    assert (np.asarray(written.weight_ih)[:, :3] == i).all()


def test_what_is_no_parameter_is_left() -> None:
    """Integers, keys, NumPy arrays and the initial values of a state keep their values."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    class Mine(eqx.Module):
        key: jax.Array
        steps: jax.Array
        table: np.ndarray
        norm: eqx.nn.BatchNorm
        pos_embed: jax.Array

    norm = made('BatchNorm(4, "batch", mode="batch")')
    model = Mine(jax.random.key(0), jnp.arange(3), np.ones(2), norm, jnp.zeros((1, 7, 4)))
    inventory = ui.inspect(model)
    assert inventory.left == (
        "key", "norm.batch_counter.init", "norm.batch_state_index.init.0", "norm.batch_state_index.init.1",
        "steps", "table",
    )  # fmt: skip
    record = inventory["pos_embed"]
    assert (record.kind, record.role, record.place, record.native) == (
        "parameter", "position", "embedding.position", "Mine",
    )  # fmt: skip
    bare, _ = eqx.nn.make_with_state(lambda: made('BatchNorm(4, "batch", mode="batch")'))()
    assert ui.inspect(bare).left == ()


def test_a_shape_that_the_fields_contradict_is_refused() -> None:
    """A weight of another shape than the layer says is named."""
    import equinox as eqx

    layer = made("Linear(6, 4, key=key)")
    wrong = eqx.tree_at(lambda one: one.weight, layer, layer.weight.T)
    with refused(ui.UnifiedInitError):
        ui.inspect(wrong)


def test_torchs_default_serves_equinox() -> None:
    """Transposed convolutions by their outputs, attention by three times its outputs, cells by hidden."""
    recipe = ui.recipes.torch_default()

    def high(make: str, path: str) -> float:
        return ui.plan(shaped(make), recipe)[path].pieces[0].law.high

    assert high("ConvTranspose2d(4, 16, 2, key=key)", "weight") == 0.125
    assert high("ConvTranspose2d(4, 16, 2, key=key)", "bias") == 0.125
    assert high("Linear(25, 3, key=key)", "bias") == 0.2
    assert high("LSTMCell(5, 16, key=key)", "weight_ih") == 0.25
    assert high("GRUCell(5, 16, key=key)", "bias_n") == 0.25
    assert high("MultiheadAttention(2, 6, key=key)", "query_proj.weight") == pytest.approx(0.5, rel=1e-15)
    assert high("MultiheadAttention(2, 16, key=key)", "output_proj.weight") == 0.25


def test_a_convolution_of_four_dimensions_has_no_layout() -> None:
    """There are letters for three: its kernel is a parameter, which a recipe of one's own may write."""
    inventory = ui.inspect(shaped("Conv(4, 6, 4, 2, key=key)"))
    record = inventory["weight"]
    assert (record.kind, record.role, record.layout) == ("parameter", "parameter", None)
    assert inventory["bias"].fans == (6 * 16, 4 * 16)


def test_what_a_derived_cell_adds_is_a_parameter() -> None:
    """Its other tensors are a cell's."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    class Peephole(eqx.nn.LSTMCell):
        peek: jax.Array

        def __init__(self, key: Any) -> None:
            super().__init__(5, 3, key=key)
            self.peek = jnp.zeros(3)

    inventory = ui.inspect(eqx.filter_eval_shape(Peephole, jax.random.key(0)))
    assert (inventory["peek"].kind, inventory["peek"].native) == ("parameter", "Peephole")
    assert (inventory["weight_ih"].kind, inventory["weight_ih"].native) == ("lstm", "Peephole")


class Node:
    """A container that JAX knows and Equinox does not."""

    def __init__(self, *children: Any) -> None:
        """Keep the children."""
        self.children = children


class Keyed(Node):
    """The same, with words for its children."""


def test_containers_that_are_registered_with_jax_are_walked() -> None:
    """Their children have the numbers or the keys that they are registered with, and are written there."""
    import equinox as eqx
    from jax import tree_util

    if Node not in REGISTERED:
        REGISTERED.extend((Node, Keyed))
        tree_util.register_pytree_node(
            Node, lambda node: (node.children, None), lambda _, children: Node(*children)
        )
        tree_util.register_pytree_with_keys(
            Keyed,
            lambda node: ((("first", node.children[0]), ("second", node.children[1])), None),
            lambda _, children: Keyed(*children),
        )

    class Mine(eqx.Module):
        node: Node

    model = Mine(Node(made("Linear(6, 4, key=key)"), Keyed(made("Linear(4, 3, key=key)"), np.ones(2))))
    written, report = ui.apply(model, ui.recipes.keras_default(), seed=0, only="*weight")
    assert report.written == ("node.0.weight", "node.1.first.weight")
    assert report.left == ("node.1.second",)
    drawn = ui.draw(ui.glorot_uniform(), (3, 4), layout="OI", seed=0, name="node.1.first.weight")
    assert np.array_equal(written.node.children[1].children[0].weight, drawn)


REGISTERED: list[type] = []
