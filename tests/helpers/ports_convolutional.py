"""Convolutional networks written once more in other frameworks, for matches that are proven by running."""

from __future__ import annotations

from typing import Any

EPSILON = 1e-5  # PyTorch's, in the normalizations of every port


def torch_cnn() -> Any:
    """Return two convolutions, each with a batch normalization of the same width, and a head."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


def keras_cnn() -> Any:
    """Return the network of ``torch_cnn`` in Keras."""
    import keras

    layers = keras.layers
    return keras.Sequential([
        keras.Input((9, 9, 3)),
        layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization(epsilon=EPSILON), layers.ReLU(),
        layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization(epsilon=EPSILON), layers.ReLU(),
        layers.GlobalAveragePooling2D(), layers.Dense(5),
    ])  # fmt: skip


def nnx_cnn() -> Any:
    """Return the network of ``torch_cnn`` in Flax NNX."""
    from flax import nnx

    class Cnn(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.norm_a = nnx.BatchNorm(8, epsilon=EPSILON, rngs=rngs)
            self.norm_b = nnx.BatchNorm(8, epsilon=EPSILON, rngs=rngs)
            self.conv_a = nnx.Conv(3, 8, (3, 3), rngs=rngs)
            self.conv_b = nnx.Conv(8, 8, (3, 3), rngs=rngs)
            self.out = nnx.Linear(8, 5, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = nnx.relu(self.norm_a(self.conv_a(x)))
            return self.out(nnx.relu(self.norm_b(self.conv_b(x))).mean((1, 2)))

    return Cnn(nnx.Rngs(0))


def linen_cnn(x: Any) -> Any:
    """Return the network of ``torch_cnn`` in Flax Linen."""
    import flax.linen as nn
    import jax

    import unified_init as ui

    class Cnn(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:  # noqa: FBT001  # as Linen models have it
            for _ in range(2):
                x = nn.Conv(8, (3, 3))(x)
                x = nn.relu(nn.BatchNorm(use_running_average=not train, epsilon=EPSILON)(x))
            return nn.Dense(5)(x.mean((1, 2)))

    module = Cnn()
    return ui.linen(module, module.init(jax.random.key(0), x, train=False), x, train=True)


def keras_mobilenet_v2(classes: int = 10) -> Any:
    """Return torchvision's MobileNetV2 in Keras, at 32 pixels a side."""
    import keras

    layers = keras.layers

    def normalized(x: Any, width: int, size: int, stride: int = 1) -> Any:
        if size > 1:
            x = layers.ZeroPadding2D(size // 2)(x)
        x = layers.Conv2D(width, size, stride, use_bias=False)(x)
        return layers.BatchNormalization(epsilon=EPSILON)(x)

    def block(x: Any, width: int, stride: int, expansion: int) -> Any:
        inputs = x
        if expansion > 1:
            x = layers.ReLU(6.0)(normalized(x, expansion * x.shape[-1], 1))
        x = layers.DepthwiseConv2D(3, stride, use_bias=False)(layers.ZeroPadding2D(1)(x))
        x = layers.ReLU(6.0)(layers.BatchNormalization(epsilon=EPSILON)(x))
        x = normalized(x, width, 1)
        return layers.Add()([inputs, x]) if stride == 1 and inputs.shape[-1] == width else x

    image = keras.Input((32, 32, 3))
    x = layers.ReLU(6.0)(normalized(image, 32, 3, 2))
    for expansion, width, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for index in range(count):
            x = block(x, width, stride if index == 0 else 1, expansion)
    x = layers.ReLU(6.0)(normalized(x, 1280, 1))
    return keras.Model(image, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


def keras_resnet18(classes: int = 10) -> Any:
    """Return torchvision's ResNet-18 in Keras, which makes the shortcut before the branch."""
    import keras

    layers = keras.layers

    def normalized(x: Any, width: int, size: int, stride: int = 1) -> Any:
        if size > 1:
            x = layers.ZeroPadding2D(size // 2)(x)
        x = layers.Conv2D(width, size, stride, use_bias=False)(x)
        return layers.BatchNormalization(epsilon=EPSILON)(x)

    def block(x: Any, width: int, stride: int) -> Any:
        shortcut = normalized(x, width, 1, stride) if stride > 1 else x
        x = layers.ReLU()(normalized(x, width, 3, stride))
        return layers.ReLU()(layers.Add()([normalized(x, width, 3), shortcut]))

    image = keras.Input((33, 33, 3))
    x = layers.ReLU()(normalized(image, 64, 7, 2))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))  # zeros are no maxima behind a ReLU
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        x = block(block(x, width, stride), width, 1)
    return keras.Model(image, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


def nnx_resnet18(classes: int = 10) -> Any:
    """Return torchvision's ResNet-18 in Flax NNX, in the names of another code."""
    from flax import nnx

    class Unit(nnx.Module):
        def __init__(self, inputs: int, width: int, size: int, stride: int, rngs: nnx.Rngs) -> None:
            pad = size // 2
            self.bn = nnx.BatchNorm(width, epsilon=EPSILON, rngs=rngs)
            self.conv = nnx.Conv(
                inputs,
                width,
                (size, size),
                stride,
                padding=((pad, pad), (pad, pad)),
                use_bias=False,
                rngs=rngs,
            )

        def __call__(self, x: Any) -> Any:
            return self.bn(self.conv(x))

    class Block(nnx.Module):
        def __init__(self, inputs: int, width: int, stride: int, rngs: nnx.Rngs) -> None:
            self.identity = Unit(inputs, width, 1, stride, rngs) if stride > 1 else None
            self.a = Unit(inputs, width, 3, stride, rngs)
            self.b = Unit(width, width, 3, 1, rngs)

        def __call__(self, x: Any) -> Any:
            y = self.b(nnx.relu(self.a(x)))
            return nnx.relu(y + (x if self.identity is None else self.identity(x)))

    class ResNet(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.first = Unit(3, 64, 7, 2, rngs)
            self.stages = nnx.List()
            width = 64
            for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
                self.stages.append(Block(width, outputs, stride, rngs))
                self.stages.append(Block(outputs, outputs, 1, rngs))
                width = outputs
            self.last = nnx.Linear(width, classes, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = nnx.relu(self.first(x))
            x = nnx.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
            for block in self.stages:
                x = block(x)
            return self.last(x.mean((1, 2)))

    return ResNet(nnx.Rngs(0))
