"""Sequence models written once more in Flax NNX, for matches that are proven by running."""

from __future__ import annotations

from typing import Any

WIDTH, HEADS, GROUPS, HIDDEN, WORDS, EPSILON = 32, 4, 2, 48, 61, 1e-6


def transformers_llama(layers: int = 2, *, bare: bool = False) -> Any:
    """Return a small Llama of transformers, whose paths begin with "model." unless it is bare."""
    import transformers

    config = transformers.LlamaConfig(
        hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=layers, num_attention_heads=HEADS,
        num_key_value_heads=GROUPS, vocab_size=WORDS, tie_word_embeddings=False, rms_norm_eps=EPSILON,
    )  # fmt: skip
    return (transformers.LlamaModel if bare else transformers.LlamaForCausalLM)(config).eval()


def _rotated(x: Any) -> Any:
    """Return queries or keys turned by their positions, as transformers does it."""
    import jax.numpy as jnp

    size = x.shape[-1]
    angles = jnp.arange(x.shape[1])[:, None] * 10000.0 ** (-jnp.arange(0, size, 2) / size)
    angles = jnp.concatenate([angles, angles], -1)[None, :, None, :]
    halves = jnp.concatenate([-x[..., size // 2 :], x[..., : size // 2]], -1)
    return x * jnp.cos(angles) + halves * jnp.sin(angles)


def _linear(inputs: int, outputs: int, rngs: Any) -> Any:
    from flax import nnx

    return nnx.Linear(inputs, outputs, use_bias=False, rngs=rngs)


def _norm(rngs: Any) -> Any:
    from flax import nnx

    return nnx.RMSNorm(WIDTH, epsilon=EPSILON, rngs=rngs)


def _block_class() -> Any:
    """Return the class of a block, whose layers are made in the order in which they are called."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    size = WIDTH // HEADS

    class Attention(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.wq = _linear(WIDTH, WIDTH, rngs)
            self.wk = _linear(WIDTH, GROUPS * size, rngs)
            self.wv = _linear(WIDTH, GROUPS * size, rngs)
            self.wo = _linear(WIDTH, WIDTH, rngs)

        def __call__(self, x: Any) -> Any:
            batch, length, _ = x.shape
            q = _rotated(self.wq(x).reshape(batch, length, HEADS, size))
            k = _rotated(self.wk(x).reshape(batch, length, GROUPS, size))
            v = self.wv(x).reshape(batch, length, GROUPS, size)
            k, v = (jnp.repeat(states, HEADS // GROUPS, axis=2) for states in (k, v))
            scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / size**0.5
            scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
            y = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
            return self.wo(y.reshape(batch, length, WIDTH))

    class FeedForward(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.w1 = _linear(WIDTH, HIDDEN, rngs)
            self.w2 = _linear(HIDDEN, WIDTH, rngs)
            self.w3 = _linear(WIDTH, HIDDEN, rngs)

        def __call__(self, x: Any) -> Any:
            return self.w2(jax.nn.silu(self.w1(x)) * self.w3(x))

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.attention_norm = _norm(rngs)
            self.attention = Attention(rngs)
            self.ffn_norm = _norm(rngs)
            self.feed_forward = FeedForward(rngs)

        def __call__(self, x: Any) -> Any:
            x = x + self.attention(self.attention_norm(x))
            return x + self.feed_forward(self.ffn_norm(x))

    return Block


def nnx_llama(layers: int = 2, *, bare: bool = False, extra_norm: bool = False) -> Any:
    """Return the same model line by line in Flax NNX, under the names of Meta's code."""
    from flax import nnx

    block_class = _block_class()

    class Llama(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.tok_embeddings = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.layers = nnx.List([block_class(rngs) for _ in range(layers)])
            self.norm = _norm(rngs)
            self.norm_again = _norm(rngs) if extra_norm else None
            self.output = None if bare else _linear(WIDTH, WORDS, rngs)

        def __call__(self, tokens: Any) -> Any:
            x = self.tok_embeddings(tokens)
            for block in self.layers:
                x = block(x)
            x = self.norm(x)
            x = x if self.norm_again is None else self.norm_again(x)
            return x if self.output is None else self.output(x)

    return Llama(nnx.Rngs(0))


def nnx_scanned_llama(layers: int = 2) -> Any:
    """Return the same model with its blocks stacked and scanned."""
    from flax import nnx

    block_class = _block_class()

    @nnx.split_rngs(splits=layers)
    @nnx.vmap(in_axes=0, out_axes=0)
    def stacked(rngs: nnx.Rngs) -> Any:
        return block_class(rngs)

    @nnx.scan(in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
    def scanned(block: Any, x: Any) -> Any:
        return block(x)

    class Llama(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.tok_embeddings = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.layers = stacked(rngs)
            self.norm = _norm(rngs)
            self.output = _linear(WIDTH, WORDS, rngs)

        def __call__(self, tokens: Any) -> Any:
            return self.output(self.norm(scanned(self.layers, self.tok_embeddings(tokens))))

    return Llama(nnx.Rngs(0))


def lstms(*, bidirectional: bool = False) -> tuple[Any, Any]:
    """Return an LSTM of PyTorch and one of Keras, which has one bias where PyTorch has two."""
    import keras
    import torch

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(6, 5, batch_first=True, bidirectional=bidirectional)

        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0]

    layer = keras.layers.LSTM(5, return_sequences=True)
    ours = keras.Sequential([
        keras.Input((7, 6)), keras.layers.Bidirectional(layer) if bidirectional else layer,
    ])  # fmt: skip
    return Theirs(), ours
