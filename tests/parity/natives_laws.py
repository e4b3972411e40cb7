"""A sample for each row of the table that is about a law: the real call, N values or more."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tests.parity.natives import (
    N,
    enough,
    flax_init,
    haiku_draw,
    haiku_init,
    jax_draw,
    tf1_draw,
    tf2_draw,
    torch_draw,
    torch_layer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.natives import Array, Keras

__all__ = ["LAWS", "Sampler"]

FLAT, DENSE, TORCH_DENSE = (N,), (512, 2048), (2048, 512)


@dataclasses.dataclass(frozen=True, slots=True)
class Sampler:
    """How to draw, and what a run must have to do it."""

    draw: Callable[[Keras], Array]
    needs: tuple[str, ...]


def _torch(name: str, shape: tuple[int, ...], **kwargs: Any) -> Sampler:
    return Sampler(lambda _: enough(lambda seed: torch_draw(name, shape, seed, **kwargs).numpy()), ("torch",))


def _torch_layer(make: Callable[[Any], Any], weight: str = "weight") -> Sampler:
    return Sampler(lambda _: enough(lambda seed: torch_layer(make, weight, seed)), ("torch",))


def _jax(name: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Sampler:
    return Sampler(
        lambda _: enough(lambda seed: jax_draw(name, shape, seed, "float32", *args, **kwargs)), ("jax",)
    )


def _haiku(name: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Sampler:
    return Sampler(lambda _: haiku_draw(name, shape, 0, "float32", *args, **kwargs), ("haiku",))


def _tf1(name: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Sampler:
    return Sampler(lambda _: tf1_draw(name, shape, 0, "float32", *args, **kwargs), ("tensorflow",))


def _keras(key: str) -> Sampler:
    return Sampler(lambda keras: keras("tensorflow")[key], ("keras", "tensorflow"))


def _haiku_linear(_: Keras) -> Array:
    import haiku as hk
    import jax.numpy as jnp

    return haiku_init(lambda: hk.Linear(2048)(jnp.ones((1, 512))))["linear"]["w"]


def _haiku_embed(_: Keras) -> Array:
    import haiku as hk
    import jax.numpy as jnp

    return haiku_init(lambda: hk.Embed(2**14, 64)(jnp.ones((1,), jnp.int32)))["embed"]["embeddings"]


def _flax_embed(_: Keras) -> Array:
    import jax.numpy as jnp
    from flax import linen

    return flax_init(linen.Embed(2**14, 64), jnp.ones((1,), jnp.int32))["embedding"]


def _flax_transposed(_: Keras) -> Array:
    import jax.numpy as jnp
    import numpy as np
    from flax import linen

    layer = linen.ConvTranspose(64, (3, 3), transpose_kernel=True)
    return enough(lambda seed: np.asarray(flax_init(layer, jnp.ones((1, 4, 4, 256)), seed=seed)["kernel"]))


def _flax_general(_: Keras) -> Array:
    import jax.numpy as jnp
    from flax import linen

    return flax_init(linen.DenseGeneral(256, axis=-1, batch_dims=(0,)), jnp.ones((16, 256)))["kernel"]


def _flax_local(_: Keras) -> Array:
    import jax.numpy as jnp
    from flax import linen

    return flax_init(linen.ConvLocal(32, (3, 3), padding="VALID"), jnp.ones((1, 18, 18, 16)))["kernel"]


def _flax_lstm(_: Keras) -> Array:
    from flax import nnx

    return nnx.OptimizedLSTMCell(16, 64, rngs=nnx.Rngs(0)).dense_h.kernel[...]


def _equinox_linear(_: Keras) -> Array:
    import equinox
    import jax

    return equinox.nn.Linear(512, 2048, key=jax.random.key(0)).weight


def _tf2_normal(_: Keras) -> Array:
    return tf2_draw("random_normal_initializer", FLAT)


LAWS: dict[str, Sampler] = {
    "torch.trunc_normal_": _torch("trunc_normal_", FLAT, std=0.02),
    "keras.TruncatedNormal": _keras("keras.TruncatedNormal"),
    "tensorflow.truncated_normal": _tf1("truncated_normal", FLAT, stddev=0.02),
    "jax.truncated_normal": _jax("truncated_normal", FLAT, 0.02),
    "haiku.TruncatedNormal": _haiku("TruncatedNormal", FLAT, 0.02),
    "jax.truncated_normal bounds": _jax("truncated_normal", FLAT, 0.5, lower=-1.0, upper=1.0),
    "torch.kaiming_normal_": _torch("kaiming_normal_", TORCH_DENSE),
    "torch.xavier_normal_": _torch("xavier_normal_", TORCH_DENSE),
    "jax.kaiming_normal": _jax("kaiming_normal", DENSE),
    "jax.xavier_normal": _jax("xavier_normal", DENSE),
    "keras.VarianceScaling": _keras("keras.VarianceScaling"),
    "tensorflow.variance_scaling": _tf1("variance_scaling", DENSE, 2.0, "fan_in", "normal"),
    "jax.variance_scaling": _jax("variance_scaling", DENSE, 2.0, "fan_in", "normal"),
    "haiku.VarianceScaling": _haiku("VarianceScaling", DENSE, 2.0, "fan_in", "normal"),
    "keras.RandomNormal": _keras("keras.RandomNormal"),
    "tensorflow.random_normal_initializer": Sampler(_tf2_normal, ("tensorflow",)),
    "tensorflow.random_normal": _tf1("random_normal", FLAT),
    "jax.normal": _jax("normal", FLAT),
    "haiku.RandomNormal": _haiku("RandomNormal", FLAT, 0.5, 0.1),
    "keras.RandomUniform": _keras("keras.RandomUniform"),
    "tensorflow.random_uniform": _tf1("random_uniform", FLAT),
    "jax.uniform": _jax("uniform", FLAT, 0.1),
    "keras.VarianceScaling scale": _keras("keras.VarianceScaling scale"),
    "torch.Linear": _torch_layer(lambda nn: nn.Linear(512, 2048)),
    "equinox.Linear": Sampler(_equinox_linear, ("equinox",)),
    "keras.Dense": _keras("keras.Dense"),
    "haiku.Linear": Sampler(_haiku_linear, ("haiku",)),
    "keras.Embedding": _keras("keras.Embedding"),
    "flax.Embed": Sampler(_flax_embed, ("flax",)),
    "haiku.Embed": Sampler(_haiku_embed, ("haiku",)),
    "torch.Conv2d groups": _torch("kaiming_normal_", (256, 64, 3, 3), mode="fan_out"),
    "torch.Conv2d depthwise": _torch("xavier_normal_", (384, 1, 7, 7)),
    "keras.DepthwiseConv2D": _keras("keras.DepthwiseConv2D"),
    "torch.ConvTranspose2d": _torch("kaiming_normal_", (256, 64, 3, 3)),
    "keras.Conv2DTranspose": _keras("keras.Conv2DTranspose"),
    "flax.ConvTranspose": Sampler(_flax_transposed, ("flax",)),
    "torch.MultiheadAttention": _torch_layer(lambda nn: nn.MultiheadAttention(512, 8), "in_proj_weight"),
    "keras.GlorotUniform heads": _keras("keras.GlorotUniform heads"),
    "jax.glorot_uniform heads": _jax("glorot_uniform", (512, 8, 64)),
    "jax.he_normal OIHW": _jax("he_normal", (256, 64, 3, 3)),
    "flax.DenseGeneral": Sampler(_flax_general, ("flax",)),
    "flax.ConvLocal": Sampler(_flax_local, ("flax",)),
    "torch.Bilinear": _torch_layer(lambda nn: nn.Bilinear(64, 64, 256)),
    "haiku.VarianceScaling fan_in_axes": _haiku("VarianceScaling", DENSE, fan_in_axes=(1,)),
    "torch.orthogonal_ transposed": Sampler(
        lambda _: torch_draw("orthogonal_", (64, 32, 3, 3)).numpy(), ("torch",)
    ),
    "keras.Orthogonal transposed": _keras("keras.Orthogonal transposed"),
    "torch.orthogonal_ depthwise": Sampler(
        lambda _: torch_draw("orthogonal_", (64, 1, 3, 3)).numpy(), ("torch",)
    ),
    "keras.LSTM": _keras("keras.LSTM"),
    "flax.OptimizedLSTMCell": Sampler(_flax_lstm, ("flax",)),
}
