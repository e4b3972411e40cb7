"""Weights that are stored quantized are refused by name where values are read, compared, written or moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.inventory.quantized import is_quantized

DEPRECATED = pytest.mark.filterwarnings(
    "ignore:torch.ao.quantization is deprecated",
    "ignore:.*quantize_per_tensor",
    "ignore:Please use quant_min",
)


def keras_layer(make: str, mode: str) -> Any:
    """Return a built layer of Keras behind a plain one, quantized unless the mode is empty."""
    import keras

    seeded = keras.initializers.GlorotUniform(seed=0)
    layer = {
        "Dense": lambda: keras.layers.Dense(6, name="inner", kernel_initializer=seeded),
        "EinsumDense": lambda: keras.layers.EinsumDense(
            "ab,bc->ac", output_shape=6, name="inner", kernel_initializer=seeded
        ),
    }[make]()
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(8, name="outer", kernel_initializer=seeded), layer]
    )
    if mode:
        layer.quantize(mode)
    return model


@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.needs("keras")
@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("make", ["Dense", "EinsumDense"])
def test_a_quantized_layer_of_keras_is_refused_by_name(make: str, mode: str) -> None:
    """Nothing takes its integers for values, and nothing leaves it out in silence; the other layer is read."""
    quantized, plain = keras_layer(make, mode), keras_layer(make, "")
    with refused(ui.ArgumentValueError):
        ui.read(quantized, "inner/kernel")
    with refused(ui.ArgumentValueError):
        ui.digests(quantized)
    before = plain.get_weights()
    for source, target in ((quantized, plain), (plain, quantized), (quantized, quantized)):
        with refused(ui.ArgumentValueError):
            ui.transfer(source, target)
    assert all(np.array_equal(a, b) for a, b in zip(before, plain.get_weights(), strict=True))
    for spec in (ui.ones(), ui.normal(0.0, 1.0)):
        recipe = ui.Recipe("all", (ui.Rule(spec=spec),))
        with refused(ui.ArgumentValueError):
            ui.plan(quantized, recipe)
        with refused(ui.ArgumentValueError):
            ui.plan(ui.inspect(quantized), recipe)
        with refused(ui.ArgumentValueError):
            ui.apply(quantized, recipe, seed=0)
    audit = ui.audit(quantized, ui.recipes.keras_default())
    assert not audit.ok
    assert (audit["inner/kernel"].verdict, audit["outer/kernel"].verdict) == ("unread", "ok")
    assert "- inner/kernel: it is stored quantized, as int8" in str(ui.inspect(quantized))
    assert np.array_equal(ui.read(quantized, "outer/kernel"), ui.read(plain, "outer/kernel"))
    assert (
        len(ui.plan(quantized, ui.recipes.keras_default(), skip="inner/kernel").assignments)
        == len(ui.inspect(plain)) - 1
    )


@pytest.mark.needs("keras")
def test_keras_float8_keeps_its_kernel() -> None:
    """Its scales are of products, made in the forward pass: the kernel is the float32 one."""
    model = keras_layer("Dense", "float8")
    ui.transfer(keras_layer("Dense", ""), model)
    assert "inner/kernel" in ui.digests(model)
    assert "quantized" not in str(ui.inspect(model))


class Quantized:
    """Modules of PyTorch whose weights are quantized, by name of the case."""

    @staticmethod
    def dynamic() -> Any:
        """Return a linear layer that packs its weight."""
        import torch

        return torch.ao.quantization.quantize_dynamic(
            torch.nn.Sequential(torch.nn.Linear(8, 6)), {torch.nn.Linear}
        )

    @staticmethod
    def own_type() -> Any:
        """Return a weight of a quantized type of PyTorch."""
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(8, 6))
        codes = torch.quantize_per_tensor(torch.ones(6, 8), 0.1, 0, torch.qint8)
        model[0].weight = torch.nn.Parameter(codes, requires_grad=False)
        return model

    @staticmethod
    def subclass() -> Any:
        """Return a weight that is a tensor of a class of its own, as torchao makes them."""
        import torch

        class Codes(torch.Tensor):
            @staticmethod
            def __new__(cls: type[Any], codes: Any, scale: Any) -> Any:
                return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=scale.dtype)

            def __init__(self, codes: Any, scale: Any) -> None:
                self.codes, self.scale = codes, scale

            def dequantize(self, output_dtype: Any = None) -> Any:
                return self.codes.to(output_dtype or self.scale.dtype) * self.scale

            @classmethod
            def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                del types
                if function in {torch.ops.aten.detach.default, torch.ops.aten.alias.default}:
                    return Codes(args[0].codes, args[0].scale)
                args = [arg.dequantize() if isinstance(arg, Codes) else arg for arg in args]
                return function(*args, **(kwargs or {}))

        model = torch.nn.Sequential(torch.nn.Linear(8, 6))
        codes = Codes(torch.ones(6, 8, dtype=torch.int8), torch.tensor(0.1))
        model[0].weight = torch.nn.Parameter(codes, requires_grad=False)
        assert model(torch.ones(1, 8)).shape == (1, 6)
        return model

    @staticmethod
    def buffers() -> Any:
        """Return a layer of one's own, whose codes and scales are buffers."""
        import torch

        model = torch.nn.Module()
        model.register_buffer("qweight", torch.ones(6, 8, dtype=torch.int32))
        model.register_buffer("scales", torch.ones(6))
        return torch.nn.Sequential(model)

    @staticmethod
    def codes() -> Any:
        """Return a layer whose weight is of integers, with a scale beside it."""
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(8, 6))
        model[0].weight = torch.nn.Parameter(torch.ones(6, 8, dtype=torch.int8), requires_grad=False)
        model[0].register_buffer("weight_scale", torch.ones(6))
        return model

    @staticmethod
    def float8() -> Any:
        """Return one of transformers, in float8 by blocks."""
        import torch
        from transformers.integrations.finegrained_fp8 import FP8Linear

        layer = FP8Linear(8, 6, block_size=(2, 2), has_bias=True)
        layer.weight.data = torch.ones(6, 8).to(torch.float8_e4m3fn)
        return torch.nn.Sequential(layer)

    @staticmethod
    def bitsandbytes() -> Any:
        """Return a weight with its scale as an attribute."""
        model = Quantized.codes()
        del model[0].weight_scale
        model[0].weight.SCB = model[0].bias.detach()
        return model


CASES = [name for name in vars(Quantized) if not name.startswith("_")]


@DEPRECATED
@pytest.mark.needs("torch", "transformers")
@pytest.mark.parametrize("case", CASES)
def test_quantized_weights_of_pytorch_are_refused_by_name(case: str) -> None:
    """However they are stored: packed, in a type or a class of their own, or beside their scale."""
    import torch

    quantized = getattr(Quantized, case)()
    plain = torch.nn.Sequential(torch.nn.Linear(8, 6))
    before = plain[0].weight.detach().clone()
    with refused(ui.ArgumentValueError):
        ui.digests(quantized)
    for source, target in ((quantized, plain), (plain, quantized), (quantized, quantized)):
        with refused(ui.ArgumentValueError):
            ui.transfer(source, target, {"0.weight": "0.weight"}, strict=False)
    assert torch.equal(plain[0].weight, before)
    path = next(
        path
        for path in (*(record.path for record in ui.inspect(quantized)), *ui.inspect(quantized).left)
        if "weight" in path or "packed" in path
    )
    audit = ui.audit(quantized, ui.recipes.torch_default())
    assert not audit.ok
    assert audit[path].verdict == "unread"
    if path in ui.inspect(quantized).left:
        assert path in "\n".join(ui.plan(quantized, ui.recipes.torch_default()).notes)
        return
    with refused(ui.ArgumentValueError):
        ui.read(quantized, path)
    with refused(ui.ArgumentValueError):
        ui.apply(quantized, ui.Recipe("all", (ui.Rule(spec=ui.ones()),)), seed=0)


@DEPRECATED
@pytest.mark.needs("torch")
def test_a_model_that_is_prepared_for_quantization_is_one_of_floats() -> None:
    """Its weights are floats, whose observers have empty buffers before they have seen data."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(4, 3)).train()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    torch.ao.quantization.prepare_qat(model, inplace=True)
    source = torch.nn.Sequential(torch.nn.Linear(4, 3))
    ui.transfer(source, model)
    assert torch.equal(model[0].weight, source[0].weight)


@pytest.mark.needs("torch")
def test_a_quantized_checkpoint_is_refused_by_name() -> None:
    """Whether or not what is left over is an error: the numbers are codes."""
    import torch

    layer = torch.nn.Linear(3, 2, bias=False)
    codes = {"weight": np.ones((2, 3), np.int8), "weight_scale": np.ones(2, np.float32)}
    for strict in (True, False):
        with refused(ui.ArgumentValueError):
            ui.transfer(codes, layer, strict=strict)
    ui.transfer({"weight": np.ones((2, 3), np.int8)}, layer)
    assert bool((layer.weight == 1).all())


@pytest.mark.needs("torch")
def test_integers_and_narrow_floats_without_a_scale_stay_ordinary() -> None:
    """Counters, indices and masks beside scales of other things, and weights in float8."""
    import torch

    norm = torch.nn.Sequential(torch.nn.BatchNorm1d(3))
    ui.transfer(norm, torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
    attention = torch.nn.Module()
    attention.logit_scale, attention.scale = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    attention.register_buffer("relative_position_index", torch.zeros(4, 4, dtype=torch.int64))
    attention.register_buffer("mask", torch.zeros(4, 4, dtype=torch.uint8))
    attention.register_buffer("position_ids", torch.zeros(1, 4, dtype=torch.int32))
    assert sorted(ui.digests(attention)) == ["logit_scale", "scale"]
    narrow = torch.nn.Linear(3, 2, bias=False).to(torch.float8_e4m3fn)
    assert ui.read(narrow, "weight").dtype.name == "float8_e4m3fn"
    assert list(ui.digests(narrow)) == ["weight"]


@pytest.mark.parametrize(
    ("path", "dtype", "other", "expected"),
    [
        ("a/kernel", "int8", "a/kernel_scale", True), ("a/kernel", "int8", "b/kernel_scale", False),
        ("a.weight", "float8_e4m3fn", "a.weight_scale_inv", True), ("a.weight", "int64", "a.weight_scale", False),
        ("e.gate_up_proj_blocks", "uint8", "e.gate_up_proj_scales", True), ("a.qweight", "int32", "a.scales", True),
        ("a.weight", "float32", "a.weight_scale", False), ("a.mask", "uint8", "a.scale", False),
        ("weight", "qint8", "bias", True), ("w", "int4", "w_scale", True), ("e.embeddings", "int8", "e.scale", True),
    ],
)  # fmt: skip
def test_a_scale_tells_codes_from_numbers(path: str, dtype: str, other: str, *, expected: bool) -> None:
    """It is called after the tensor, or plainly where the tensor is called a weight."""
    assert is_quantized(path, dtype, [path, other]) is expected


@pytest.mark.needs("torch")
def test_two_tensors_under_one_name_have_no_digests() -> None:
    """One would hide the other."""
    import torch

    with refused(ui.ArgumentValueError):
        ui.digests(
            torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)), {"0.weight": "1.weight"}
        )
