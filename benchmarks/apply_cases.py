"""Whole models that exist: ``ui.apply`` against their own library, and ``ui.audit`` against ``ui.apply``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import unified_init as ui
from benchmarks.cases import AUDITED, LAYER_WIDTHS
from benchmarks.timing import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.cases import Case

__all__ = ["pair"]

LAYERS = 200

# ruff: noqa: PLC0415  # each case imports its own framework


def pair(case: Case) -> Pair:
    """Return our call and the library's."""
    if case.way.startswith(AUDITED):
        return _audited(*TORCH_MODELS[case.law]())
    return MODELS[case.framework, case.law]()


def _audited(model: Any, recipe: ui.Recipe) -> Pair:  # noqa: ANN401  # of any library
    ui.apply(model, recipe, seed=0)
    return Pair(lambda _: ui.audit(model, recipe), lambda i: ui.apply(model, recipe, seed=i), "ui.apply")


def _gpt2() -> tuple[Any, ui.Recipe]:
    import torch  # as below

    _let_torchvision_import(torch)
    import transformers

    return transformers.GPT2LMHeadModel(transformers.GPT2Config()), ui.recipes.gpt2(n_layer=12)


def _resnet50() -> tuple[Any, ui.Recipe]:
    import torch  # as below

    _let_torchvision_import(torch)
    import torchvision

    return torchvision.models.resnet50(), ui.recipes.resnet(zero_init_residual=False)


def _vit_base() -> tuple[Any, ui.Recipe]:
    import torch  # as below

    _let_torchvision_import(torch)
    import timm

    return timm.create_model("vit_base_patch16_224"), ui.recipes.vit_timm()


def _layers(width: int, dtype: str = "float32") -> tuple[Any, ui.Recipe]:
    """Return linear layers; of few values only the work per tensor counts."""
    import torch

    layers = [torch.nn.Linear(width, width, dtype=getattr(torch, dtype)) for _ in range(LAYERS)]
    return torch.nn.Sequential(*layers), ui.recipes.torch_default()


def _convolutions() -> tuple[Any, ui.Recipe]:
    import torch

    layers = [torch.nn.Conv2d(32, 32, 3) for _ in range(LAYERS)]
    return torch.nn.Sequential(*layers), ui.recipes.torch_default()


def _mixed_layers() -> tuple[Any, ui.Recipe]:
    """Return layers of which hardly two have the same size, so that nothing is computed for several."""
    import torch

    layers: list[torch.nn.Module] = []
    for i in range(LAYERS // 5):
        layers += [
            torch.nn.Linear(16 + i, 64 + i), torch.nn.Conv2d(8 + i, 16, 3), torch.nn.LayerNorm(64 + i),
            torch.nn.Embedding(100 + i, 32), torch.nn.Linear(128, 64 + 8 * i),
        ]  # fmt: skip
    return torch.nn.Sequential(*layers), ui.recipes.torch_default()


def _gpt2_torch() -> Pair:
    """GPT-2 small of transformers, which goes through its modules with ``_init_weights``."""
    model, recipe = _gpt2()

    def native(_: int) -> None:
        for parameter in model.parameters():
            parameter._is_hf_initialized = False  # noqa: SLF001  # else transformers skips it
        for module in model.modules():
            model._init_weights(module)  # noqa: SLF001  # what init_weights calls for each

    return Pair(lambda i: ui.apply(model, recipe, seed=i), native, "GPT2LMHeadModel._init_weights")


KEPT: list[Any] = []  # a library undefines its operators when it is collected


def _let_torchvision_import(torch: Any) -> None:  # noqa: ANN401  # a module
    """Define the operators that torchvision lacks beside a torch for CPUs; transformers imports it."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    KEPT.append(library)


def _resnet50_torch() -> Pair:
    """ResNet-50 of torchvision: the loop of its constructor, and what its last layer does."""
    import torch

    model, recipe = _resnet50()

    def native(_: int) -> None:
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (torch.nn.BatchNorm2d, torch.nn.Linear)):
                module.reset_parameters()

    return Pair(lambda i: ui.apply(model, recipe, seed=i), native, "kaiming_normal_, reset_parameters")


def _resnet50_keras() -> Pair:
    """ResNet-50 of Keras: each variable's own initializer again, and the assignment."""
    import keras

    model = keras.applications.ResNet50(weights=None)
    recipe = ui.recipes.keras_default()
    jobs: list[tuple[Any, Callable[[Any], Any]]] = []
    for layer in model.layers:
        for variable in layer.variables:
            make = getattr(layer, f"{variable.name}_initializer", None)
            jobs.append((variable, make if make is not None else _fresh(keras, variable.name)))

    def native(_: int) -> None:
        for variable, make in jobs:
            variable.assign(make(variable.shape))

    return Pair(lambda i: ui.apply(model, recipe, seed=i), native, "variable.assign(initializer(shape))")


def _fresh(keras: Any, name: str) -> Callable[[Any], Any]:  # noqa: ANN401  # a module
    ones = name in {"gamma", "moving_variance"}
    made: Callable[[Any], Any] = keras.initializers.Ones() if ones else keras.initializers.Zeros()
    return made


def _resnet50_haiku() -> Pair:
    """ResNet-50 of Haiku: ``init`` as it is called; under ``jax.jit`` its first call compiles for longer."""
    import haiku
    import jax
    import jax.numpy as jnp

    net = haiku.transform_with_state(lambda x: haiku.nets.ResNet50(1000)(x, is_training=True))
    image = jnp.zeros((1, 224, 224, 3))
    params, state = jax.eval_shape(net.init, jax.random.key(0), image)
    model = ui.haiku(net, params, image, state=state)
    recipe = ui.recipes.haiku_default()

    def ours(i: int) -> Any:  # noqa: ANN401  # a model
        made, _ = ui.apply(model, recipe, seed=i)
        return jax.block_until_ready((made.params, made.state))

    def native(i: int) -> Any:  # noqa: ANN401  # two trees
        return jax.block_until_ready(net.init(jax.random.key(i), image))

    return Pair(ours, native, "Transformed.init")


MODELS: dict[tuple[str, str], Callable[[], Pair]] = {
    ("torch", "gpt2_small"): _gpt2_torch,
    ("torch", "resnet50"): _resnet50_torch,
    ("tensorflow", "resnet50"): _resnet50_keras,
    ("jax", "resnet50"): _resnet50_haiku,
}
TORCH_MODELS: dict[str, Callable[[], tuple[Any, ui.Recipe]]] = {
    "gpt2_small": _gpt2,
    "resnet50": _resnet50,
    "vit_base": _vit_base,
    **{f"layers_{width}": functools.partial(_layers, width) for width in LAYER_WIDTHS},
    "layers_64_bfloat16": functools.partial(_layers, 64, "bfloat16"),
    "convolutions_32": _convolutions,
    "mixed_layers": _mixed_layers,
}
