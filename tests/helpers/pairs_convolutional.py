"""Convolutional networks of two libraries each.

Sizes of images are odd wherever a convolution or a pooling has strides: padding "same" is then PyTorch's. Where the
epsilon of a normalization differs between the libraries, PyTorch's model gets the other's.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from tests.helpers import ports_convolutional as ports
from tests.helpers.model_pairs import ModelPair

import unified_init as ui

__all__ = ["CONVOLUTIONAL", "images", "images_twice"]

CLASSES = 10
KERAS_EPSILON = 1e-3


def images(size: int) -> tuple[Any, Any]:
    """Return the same images with channels first and with channels last."""
    last = np.random.default_rng(0).standard_normal((2, size, size, 3), dtype=np.float32)
    return np.ascontiguousarray(last.transpose(0, 3, 1, 2)), last


def images_twice(size: int) -> tuple[Any, Any]:
    """Return the same images twice, with channels first."""
    return images(size)[0], images(size)[0]


def _torchvision(name: str, epsilon: float | None = None, **options: Any) -> Any:
    """Return a model of torchvision, whose batch normalizations have an epsilon."""
    import torch
    import torchvision

    if epsilon is not None:
        options["norm_layer"] = functools.partial(torch.nn.BatchNorm2d, eps=epsilon)
    return getattr(torchvision.models, name)(num_classes=CLASSES, **options)


def _timm(name: str, **options: Any) -> Any:
    import timm

    return timm.create_model(name, num_classes=CLASSES, **options)


def _keras(name: str, size: int, **options: Any) -> Any:
    import keras

    build = getattr(keras.applications, name)
    if options.get("include_top", True):
        options |= {"classes": CLASSES, "classifier_activation": None}
    return build(input_shape=(size, size, 3), weights=None, **options)


def _transformers_resnet(**options: Any) -> Any:
    import transformers

    config = transformers.ResNetConfig(num_labels=CLASSES, **options)
    return transformers.ResNetForImageClassification(config)


def _haiku(net: str, size: int, **options: Any) -> Any:
    """Return a residual network of Haiku, as the wrapper that holds its parameters and its state."""
    import haiku as hk
    import jax

    def forward(x: Any, train: bool) -> Any:  # noqa: FBT001  # as Haiku models have it
        return getattr(hk.nets, net)(CLASSES, **options)(x, train)

    transformed = hk.transform_with_state(forward)
    image = images(size)[1]
    params, state = transformed.init(jax.random.key(0), image, train=True)
    return ui.haiku(transformed, params, image, state=state, train=True)


def _timm_xception() -> Any:
    import torch

    model = _timm("legacy_xception")
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = KERAS_EPSILON
    return model


CONVOLUTIONAL = (
    ModelPair(
        first="two convolutions with equal norms, PyTorch", second="the same in NNX, norms before convolutions",
        make=lambda: (ports.torch_cnn(), ports.nnx_cnn()), inputs=lambda: images(9),
        needs=("torch", "flax"), tensors=14,
    ),
    ModelPair(
        first="MobileNetV2, torchvision", second="MobileNetV2, Keras applications",
        make=lambda: (_torchvision("mobilenet_v2", KERAS_EPSILON), _keras("MobileNetV2", 33)),
        inputs=lambda: images(33), needs=("torchvision", "keras"), tensors=262,
    ),
    ModelPair(
        first="MobileNetV2, torchvision", second="a port to Keras",
        make=lambda: (_torchvision("mobilenet_v2"), ports.keras_mobilenet_v2()),
        inputs=lambda: images(32), needs=("torchvision", "keras"), tensors=262,
    ),
    ModelPair(
        first="MobileNetV3 small, torchvision", second="MobileNetV3 small, Keras applications",
        make=lambda: (
            _torchvision("mobilenet_v3_small"), _keras("MobileNetV3Small", 33, include_preprocessing=False)
        ),
        inputs=lambda: images(33), needs=("torchvision", "keras"), tensors=210,
    ),
    ModelPair(
        first="EfficientNet-B0, torchvision", second="EfficientNet-B0, Keras applications",
        make=lambda: (_torchvision("efficientnet_b0", KERAS_EPSILON), _keras("EfficientNetB0", 33)),
        inputs=lambda: (images(33)[0], 255.0 * images(33)[1]),  # Keras' model divides
        needs=("torchvision", "keras"), tensors=311,
    ),
    ModelPair(
        first="EfficientNet-B0, torchvision", second="EfficientNet-B0, timm",
        make=lambda: (_torchvision("efficientnet_b0"), _timm("efficientnet_b0")),
        inputs=lambda: images_twice(33), needs=("torchvision", "timm"), tensors=311,
    ),
    ModelPair(
        first="EfficientNetV2-S, torchvision", second="EfficientNetV2-S, Keras applications",
        make=lambda: (
            _torchvision("efficientnet_v2_s"), _keras("EfficientNetV2S", 33, include_preprocessing=False)
        ),
        inputs=lambda: images(33), needs=("torchvision", "keras"), tensors=672, is_long=True,
    ),
    ModelPair(
        first="EfficientNetV2-S, torchvision", second="EfficientNetV2-S, timm",
        make=lambda: (_torchvision("efficientnet_v2_s"), _timm("efficientnetv2_s", bn_eps=KERAS_EPSILON)),
        inputs=lambda: images_twice(33), needs=("torchvision", "timm"), tensors=672, is_long=True,
    ),
    ModelPair(
        first="DenseNet-121, torchvision", second="DenseNet-121, Keras applications",
        make=lambda: (_torchvision("densenet121"), _keras("DenseNet121", 33)),
        inputs=lambda: images(33), needs=("torchvision", "keras"), tensors=606,
    ),
    ModelPair(
        first="VGG-16 without its head, torchvision", second="VGG-16 without its head, Keras applications",
        make=lambda: (_torchvision("vgg16").features, _keras("VGG16", 32, include_top=False)),
        inputs=lambda: images(32), needs=("torchvision", "keras"), tensors=26,
    ),
    ModelPair(
        first="ConvNeXt tiny, torchvision", second="ConvNeXt tiny, Keras applications",
        make=lambda: (
            _torchvision("convnext_tiny"), _keras("ConvNeXtTiny", 32, include_preprocessing=False)
        ),
        inputs=lambda: images(32), needs=("torchvision", "keras"), tensors=182,
    ),
    ModelPair(
        first="ConvNeXt tiny, torchvision", second="ConvNeXt tiny, timm",
        make=lambda: (_torchvision("convnext_tiny"), _timm("convnext_tiny")),
        inputs=lambda: images_twice(32), needs=("torchvision", "timm"), tensors=182,
    ),
    ModelPair(
        first="ResNet-18, torchvision", second="a port to Keras",
        make=lambda: (_torchvision("resnet18"), ports.keras_resnet18()),
        inputs=lambda: images(33), needs=("torchvision", "keras"), tensors=102, is_run=True,
    ),
    ModelPair(
        first="ResNet-18, torchvision", second="a port to NNX",
        make=lambda: (_torchvision("resnet18"), ports.nnx_resnet18()),
        inputs=lambda: images(33), needs=("torchvision", "flax"), tensors=102, is_run=True,
    ),
    ModelPair(
        first="ResNet-18, torchvision", second="ResNet-18, Haiku",
        make=lambda: (_torchvision("resnet18"), _haiku("ResNet18", 65)),
        inputs=lambda: images(65), needs=("torchvision", "haiku"), tensors=102,
    ),
    ModelPair(
        first="ResNet-18, torchvision", second="ResNet-18, transformers",
        make=lambda: (
            _torchvision("resnet18"),
            _transformers_resnet(
                layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2]
            ),
        ),
        inputs=lambda: images_twice(33), needs=("torchvision", "transformers"), tensors=102,
    ),
    ModelPair(
        first="ResNet-50, torchvision", second="ResNet-50, Haiku",
        make=lambda: (_torchvision("resnet50"), _haiku("ResNet50", 65, resnet_v2=False)),
        inputs=lambda: images(65), needs=("torchvision", "haiku"), tensors=267, is_long=True,
    ),
    ModelPair(
        first="ResNet-50, torchvision", second="ResNet-50, transformers",
        make=lambda: (_torchvision("resnet50"), _transformers_resnet()),
        inputs=lambda: images_twice(33), needs=("torchvision", "transformers"), tensors=267, is_run=True,
        is_long=True,
    ),
    ModelPair(
        first="RegNetY-400MF, torchvision", second="RegNetY-400MF, timm",
        make=lambda: (_torchvision("regnet_y_400mf"), _timm("regnety_004")),
        inputs=lambda: images_twice(33), needs=("torchvision", "timm"), tensors=331, is_run=True, is_long=True,
    ),
    ModelPair(
        first="Xception, timm", second="Xception, Keras applications",
        make=lambda: (_timm_xception(), _keras("Xception", 71)),
        inputs=lambda: images(71), needs=("timm", "keras"), tensors=236, is_run=True, is_long=True,
    ),
)  # fmt: skip
