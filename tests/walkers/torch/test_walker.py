"""The walker of PyTorch: what each layer's tensors are, and that writing keeps what must be kept."""

from __future__ import annotations

import contextlib
import functools
import json
import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")


def facts(module: Any, path: str) -> tuple[Any, ...]:
    """Return what a recipe sees of one tensor."""
    record = ui.inspect(module)[path]
    return record.kind, record.role, record.layout, record.fans, record.groups


@pytest.mark.parametrize(
    ("make", "path", "expected"),
    [
        ("Linear(6, 4)", "weight", ("linear", "kernel", "OI", (6, 4), 1)),
        ("Linear(6, 4)", "bias", ("linear", "bias", "O", (6, 4), 1)),
        ("Conv1d(6, 4, 3)", "weight", ("conv", "kernel", "OIW", (18, 12), 1)),
        ("Conv2d(6, 4, (3, 5))", "weight", ("conv", "kernel", "OIHW", (90, 60), 1)),
        ("Conv3d(6, 4, 2)", "bias", ("conv", "bias", "O", (48, 32), 1)),
        ("Conv2d(6, 4, 3, groups=2)", "weight", ("conv", "kernel", "(BO)IHW", (27, 18), 2)),
        ("Conv2d(6, 12, 3, groups=6)", "weight", ("conv", "kernel", "(BO)IHW", (9, 18), 6)),
        ("ConvTranspose2d(6, 4, 3)", "weight", ("conv_transpose", "kernel", "IOHW", (54, 36), 1)),
        (
            "ConvTranspose2d(6, 4, 3, groups=2)",
            "weight",
            ("conv_transpose", "kernel", "(BI)OHW", (27, 18), 2),
        ),
        ("Bilinear(3, 5, 4)", "weight", ("bilinear", "kernel", "OII", (15, 4), 1)),
        ("Embedding(7, 4)", "weight", ("embedding", "embedding", "BO", (None, 4), 1)),
        ("BatchNorm2d(4)", "running_var", ("batch_norm", "variance", "O", (None, 4), 1)),
        ("InstanceNorm2d(4, affine=True)", "weight", ("group_norm", "scale", "O", (None, 4), 1)),
        ("LayerNorm((3, 4))", "bias", ("layer_norm", "offset", "OO", (None, 12), 1)),
        ("GroupNorm(2, 4)", "weight", ("group_norm", "scale", "O", (None, 4), 1)),
        ("RMSNorm(4)", "weight", ("rms_norm", "scale", "O", (None, 4), 1)),
        ("PReLU(3)", "weight", ("prelu", "slope", "O", (None, None), 1)),
        ("MultiheadAttention(8, 2)", "in_proj_weight", ("attention", "kernel", "OI", (8, 8), 1)),
        ("MultiheadAttention(8, 2)", "out_proj.weight", ("attention", "kernel", "OI", (8, 8), 1)),
        ("MultiheadAttention(8, 2, kdim=6)", "k_proj_weight", ("attention", "kernel", "OI", (6, 8), 1)),
        ("MultiheadAttention(8, 2, add_bias_kv=True)", "bias_k", ("attention", "token", "BIO", (8, 8), 1)),
        ("LSTM(5, 3)", "weight_ih_l0", ("lstm", "kernel", "OI", (5, 3), 1)),
        ("LSTM(5, 3)", "weight_hh_l0", ("lstm", "recurrent_kernel", "OI", (3, 3), 1)),
        ("LSTM(5, 3, 2, bidirectional=True)", "weight_ih_l1", ("lstm", "kernel", "OI", (6, 3), 1)),
        ("LSTM(5, 4, proj_size=2)", "weight_hr_l0", ("lstm", "projection", "OI", (4, 2), 1)),
        ("GRUCell(5, 3)", "bias_hh", ("gru", "recurrent_bias", "O", (3, 3), 1)),
        ("RNN(5, 3)", "weight_ih_l0", ("rnn", "kernel", "OI", (5, 3), 1)),
    ],
)
def test_a_layers_tensors_are_what_they_are(make: str, path: str, expected: tuple[Any, ...]) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    import torch

    assert facts(eval(f"nn.{make}", {"nn": torch.nn}), path) == expected  # noqa: S307  # written above


@pytest.mark.parametrize(("make", "labels"), [("LSTM", "ifgo"), ("GRU", "rzn")])
def test_gates_are_parts_in_pytorchs_order(make: str, labels: str) -> None:
    """Rows k * hidden to (k + 1) * hidden belong to gate k."""
    import torch

    record = ui.inspect(getattr(torch.nn, make)(5, 3))["weight_hh_l0"]
    assert [(part.label, part.box) for part in record.parts] == [
        (label, ((3 * at, 3 * at + 3), (0, 3))) for at, label in enumerate(labels)
    ]


def test_a_fused_matrix_is_its_parts_joined() -> None:
    """in_proj_weight has under q, k and v the draws of three separate matrices."""
    import torch

    layer, _ = ui.apply(torch.nn.MultiheadAttention(8, 2), ui.recipes.torch_default(), seed=3)
    parts = [
        ui.draw(
            ui.xavier_uniform(), (8, 8), layout="OI", fans=(8, 24), seed=3, name=f"in_proj_weight/{label}"
        )
        for label in "qkv"
    ]
    assert np.array_equal(layer.in_proj_weight.detach().numpy(), np.concatenate(parts))


def test_a_tie_is_kept_and_written_once() -> None:
    """The embedding owns the memory, whatever the head's path; both names show the same tensor."""
    import torch

    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a_head = torch.nn.Linear(4, 9, bias=False)
            self.table = torch.nn.Embedding(9, 4)
            self.a_head.weight = self.table.weight

    model, report = ui.apply(Tied(), ui.recipes.torch_default(), seed=0)
    assert report.written == ("table.weight",)
    assert report.ties == (("table.weight", "a_head.weight"),)
    assert model.a_head.weight is model.table.weight


def test_the_order_of_modules_does_not_change_a_value() -> None:
    """Values and the inventory's digest depend on the paths alone."""
    import torch

    first = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 2), "b": torch.nn.Linear(3, 2)})
    second = torch.nn.ModuleDict({"b": torch.nn.Linear(3, 2), "a": torch.nn.Linear(3, 2)})
    reports = [ui.apply(model, ui.recipes.torch_default(), seed=0)[1] for model in (first, second)]
    assert reports[0] == reports[1]
    for path, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[path])


def test_type_device_and_requires_grad_stay() -> None:
    """A bfloat16 model gets the rounded float32 values; a frozen parameter stays frozen."""
    import torch

    wide, narrow = torch.nn.Linear(30, 20), torch.nn.Linear(30, 20, dtype=torch.bfloat16)
    narrow.weight.requires_grad_(requires_grad=False)
    for model in (wide, narrow):
        ui.apply(model, ui.recipes.torch_default(), seed=0)
    assert narrow.weight.dtype is torch.bfloat16
    assert not narrow.weight.requires_grad
    assert torch.equal(narrow.weight, wide.weight.detach().to(torch.bfloat16))


def test_memory_that_is_not_row_major_is_written_in_place() -> None:
    """channels_last and transposed views get the same logical values."""
    import torch

    plain = torch.nn.Conv2d(4, 6, 3)
    moved = torch.nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    for model in (plain, moved):
        ui.apply(model, ui.recipes.torch_default(), seed=0)
    assert torch.equal(plain.weight, moved.weight)
    assert not moved.weight.is_contiguous()


def test_the_padding_row_is_zero() -> None:
    """Only the row that stands for padding."""
    import torch

    model, _ = ui.apply(torch.nn.Embedding(9, 4, padding_idx=2), ui.recipes.torch_default(), seed=0)
    whole = torch.from_numpy(ui.draw(ui.normal(0, 1), (9, 4), seed=0, name="weight"))
    assert not model.weight[2].any()
    assert torch.equal(model.weight[:2], whole[:2])
    assert torch.equal(model.weight[3:], whole[3:])


def test_statistics_and_counters_are_reset() -> None:
    """Running mean 0, variance 1, counter 0 in its own type."""
    import torch

    layer = torch.nn.BatchNorm1d(4)
    layer(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)))
    ui.apply(layer, ui.recipes.torch_default(), seed=0)
    assert layer.num_batches_tracked is not None
    assert (layer.num_batches_tracked.dtype, int(layer.num_batches_tracked)) == (torch.int64, 0)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    assert not layer.running_mean.any()
    assert (layer.running_var == 1).all()


@pytest.mark.parametrize("older", [False, True], ids=["parametrization", "hook"])
def test_weight_norm_gets_the_law_in_its_effective_weight(*, older: bool) -> None:
    """What the layer multiplies by is the draw, to rounding."""
    import torch

    wrap: Any = torch.nn.utils.weight_norm if older else torch.nn.utils.parametrizations.weight_norm
    with pytest.warns(FutureWarning) if older else contextlib.nullcontext():
        layer = wrap(torch.nn.Linear(30, 20))
    ui.apply(layer, ui.recipes.torch_default(), seed=0)
    drawn = ui.draw(ui.kaiming_uniform(math.sqrt(5)), (20, 30), layout="OI", seed=0, name="weight")
    assert np.allclose(layer.weight.detach().numpy(), drawn, rtol=1e-6, atol=1e-7)
    assert ui.inspect(layer)["weight"].kind == "linear"


def test_spectral_norm_is_refused_and_leaves_the_model() -> None:
    """It divides by its norm, so that no written weight keeps its law."""
    import torch

    layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(30, 20))
    before = {path: tensor.clone() for path, tensor in layer.state_dict().items()}
    with refused(ui.ArgumentValueError):
        ui.apply(layer, ui.recipes.torch_default(), seed=0)
    assert all(torch.equal(tensor, before[path]) for path, tensor in layer.state_dict().items())


def test_a_parameter_on_meta_is_refused() -> None:
    """A leftover on meta is an error that names it, and nothing else is written."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2, device="meta"))
    before = model[0].weight.clone()
    with refused(ui.ArgumentValueError):
        ui.apply(model, ui.recipes.torch_default(), seed=0)
    assert torch.equal(model[0].weight, before)


def test_an_empty_placeholder_is_refused() -> None:
    """What ZeRO-3 leaves of a sharded parameter is no tensor to fill."""
    import torch

    model = torch.nn.Linear(3, 2)
    model.weight.data = torch.empty(0)
    with refused(ui.ArgumentValueError):
        ui.apply(model, ui.recipes.torch_default(), seed=0)


def test_a_lazy_parameter_is_refused() -> None:
    """It has no shape yet."""
    import torch

    with refused(ui.ArgumentValueError):
        ui.inspect(torch.nn.LazyLinear(3))


def test_buffers_that_no_recipe_writes_are_left() -> None:
    """Frequencies and masks stay, and are reported."""
    import torch

    model = torch.nn.Linear(3, 2)
    model.register_buffer("inv_freq", torch.arange(3.0), persistent=False)
    _, report = ui.apply(model, ui.recipes.torch_default(), seed=0)
    assert report.left == ("inv_freq",)
    assert torch.equal(model.inv_freq, torch.arange(3.0))


def test_loaded_parameters_stay_when_asked() -> None:
    """overwrite=False keeps what ``loaded`` names and what transformers marks."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(3, 2), torch.nn.Linear(3, 2))
    before = {path: tensor.clone() for path, tensor in model.state_dict().items()}
    model[1].weight._is_hf_initialized = True
    _, report = ui.apply(model, ui.recipes.torch_default(), seed=0, loaded="0.*", overwrite=False)
    assert report.kept == ("0.bias", "0.weight", "1.weight")
    same = {path for path, tensor in model.state_dict().items() if torch.equal(tensor, before[path])}
    assert same == set(report.kept)


def test_what_stops_the_writing_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt passes with a note; calling again writes the same values as an undisturbed call."""
    import torch

    from unified_init.walkers import writes

    model, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    original, calls = writes.Write.into, []

    def interrupted(self: Any, out: Any) -> None:
        calls.append(self.path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(self, out)

    with monkeypatch.context() as patch:
        patch.setattr(writes.Write, "into", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            ui.apply(model, ui.recipes.torch_default(), seed=0)
    assert caught.value.__notes__ == ["apply() had written 1 of 2 tensors: calling it again writes all."]
    for one in (model, other):
        ui.apply(one, ui.recipes.torch_default(), seed=0)
    assert torch.equal(model.weight, other.weight)


def test_what_is_loaded_is_kept_or_not_named() -> None:
    """``loaded`` alone would protect nothing."""
    import torch

    model, recipe = torch.nn.Linear(3, 2), ui.recipes.torch_default()
    cases: list[dict[str, Any]] = [{"loaded": "weight"}, {"overwrite": "no"}]
    for options in cases:
        with refused(ui.UnifiedInitError):
            ui.apply(model, recipe, seed=0, **options)


def test_a_numpy_integer_is_a_seed_that_a_report_can_keep() -> None:
    """As the number that it is."""
    import torch

    _, report = ui.apply(torch.nn.Linear(3, 2), ui.recipes.torch_default(), seed=np.uint64(2**63))
    assert report.seed == 2**63


def test_only_and_skip_choose_by_path() -> None:
    """Both take globs; what they leave is reported."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(3, 2))
    _, report = ui.apply(model, ui.recipes.torch_default(), seed=0, only="0.*", skip="*.bias")
    assert report.written == ("0.weight",)
    assert report.skipped == ("0.bias", "1.bias", "1.weight")


def test_a_generator_is_advanced_once_and_after_the_checks() -> None:
    """A model that is refused leaves the generator where it was."""
    import torch

    generator = torch.Generator().manual_seed(7)
    state = generator.get_state()
    broken = torch.nn.Linear(3, 2, device="meta")
    with pytest.raises(ui.ArgumentValueError):
        ui.apply(broken, ui.recipes.torch_default(), seed=generator)
    assert torch.equal(generator.get_state(), state)
    model, report = ui.apply(torch.nn.Linear(3, 2), ui.recipes.torch_default(), seed=generator)
    assert report.seed == "Generator"
    other = torch.Generator().manual_seed(7)
    weight = ui.draw(
        ui.kaiming_uniform(math.sqrt(5)), (2, 3), layout="OI", seed=other, name="weight", backend="torch"
    )
    assert torch.equal(model.weight.detach(), weight)
    assert torch.equal(generator.get_state(), other.get_state())


def test_effective_weights_are_read() -> None:
    """The values that the layer uses, by its own path."""
    import torch

    from unified_init.walkers.registry import walker_of

    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 4))
    assert np.array_equal(walker_of(layer).read(layer, "weight"), layer.weight.detach().numpy())


def test_what_no_walker_knows_is_refused() -> None:
    """The message lists what can be read."""
    with refused(ui.ArgumentTypeError):
        ui.inspect({"w": 1})


def test_a_report_is_json() -> None:
    """All of it, as it is."""
    import torch

    _, report = ui.apply(torch.nn.Linear(3, 2), ui.recipes.torch_default(), seed=5)
    tree = json.loads(report.to_json())
    assert (tree["recipe"], tree["seed"], tree["stream"]) == ("torch_default", 5, ui.STREAM)
    assert tree["inventory"] == ui.inspect(torch.nn.Linear(3, 2)).digest


def test_a_pattern_of_loaded_paths_must_match() -> None:
    """A checkpoint's key that the model has not is a mistake; a buffer's is not."""
    import torch

    model = torch.nn.Linear(3, 2)
    model.register_buffer("mask", torch.ones(2))
    recipe = ui.recipes.torch_default()
    assert ui.apply(model, recipe, seed=0, loaded=["weight", "mask"], overwrite=False)[1].kept == ("weight",)
    with refused(ui.ArgumentValueError):
        ui.apply(model, recipe, seed=0, loaded="wieght", overwrite=False)


def test_an_integer_parameter_takes_whole_constants_alone() -> None:
    """A random law has no meaning there."""
    import torch

    model = torch.nn.Module()
    model.codes = torch.nn.Parameter(torch.ones(3, dtype=torch.int8), requires_grad=False)
    ui.apply(model, ui.Recipe("x", (ui.Rule(spec=ui.constant(-2)),)))
    assert model.codes.tolist() == [-2, -2, -2]
    for spec in (ui.normal(0, 1), ui.constant(0.5), ui.constant(300)):
        with refused(ui.ArgumentValueError):
            ui.apply(model, ui.Recipe("x", (ui.Rule(spec=spec),)), seed=0)
        assert model.codes.tolist() == [-2, -2, -2]


@pytest.mark.needs("jax")
def test_a_traced_seed_is_refused() -> None:
    """A model that exists cannot hold values that are not known yet."""
    import jax
    import torch

    model = torch.nn.Linear(3, 2)

    def traced(key: Any) -> Any:
        ui.apply(model, ui.recipes.torch_default(), seed=key)
        return key

    with refused(ui.ArgumentTypeError):
        jax.jit(traced)(jax.random.key(0))


def test_pieces_that_overlap_are_refused() -> None:
    """Two records that claim one region would write it twice."""
    import torch

    from unified_init.models.preparing import writes_of
    from unified_init.walkers.torch import walker as _torch

    part = ui.Part(label="q", length=2, path="weight", box=((0, 2), (0, 3)))
    records = [
        ui.Record(
            name=name,
            path=name,
            shape=(2, 3),
            layout="OI",
            kind="linear",
            role="kernel",
            axis=0,
            parts=(part,),
        )
        for name in ("a", "b")
    ]
    planned = ui.plan(ui.Inventory("torch", tuple(records)), ui.Recipe("x", (ui.Rule(spec=ui.zeros()),)))
    with refused(ui.ArgumentValueError):
        writes_of(functools.partial(_torch.shape_and_dtype, torch.nn.Linear(3, 2)), list(planned))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors is a no-op:UserWarning")
def test_a_layer_without_outputs_is_no_placeholder() -> None:
    """It says itself that it has none; there is nothing to write."""
    import torch

    model, report = ui.apply(torch.nn.Linear(3, 0), ui.recipes.torch_default(), seed=0)
    assert (tuple(model.bias.shape), report.written) == ((0,), ())
    assert report.skipped == ("bias", "weight")
