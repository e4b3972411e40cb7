"""Transformers that other libraries publish, written once more in Flax, for matches that are proven by running."""

from __future__ import annotations

from typing import Any

WIDTH, HEADS, WORDS, LENGTH = 64, 4, 101, 32


def transformers_gpt2(layers: int = 2) -> Any:
    """Return a small GPT-2 of transformers, without dropout."""
    import transformers

    config = transformers.GPT2Config(
        n_layer=layers, n_embd=WIDTH, n_head=HEADS, vocab_size=WORDS, n_positions=LENGTH, attn_pdrop=0.0,
        embd_pdrop=0.0, resid_pdrop=0.0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).eval()


def _causal(length: int) -> Any:
    import jax.numpy as jnp

    return jnp.tril(jnp.ones((1, 1, length, length), dtype=bool))


def _attended(q: Any, k: Any, v: Any) -> Any:
    """Return the sum of values that each position and those before it have, from arrays with axes for heads."""
    import jax
    import jax.numpy as jnp

    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
    scores = jnp.where(_causal(q.shape[1]), scores, -jnp.inf)
    y = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
    return y.reshape(*y.shape[:2], -1)


def nnx_fused_gpt2(layers: int = 2) -> Any:
    """Return GPT-2 in Flax NNX, with one projection for queries, keys and values, and a tied head."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    class Attention(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.qkv = nnx.Linear(WIDTH, 3 * WIDTH, rngs=rngs)
            self.out = nnx.Linear(WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            heads = (*x.shape[:2], HEADS, WIDTH // HEADS)
            return self.out(_attended(*(y.reshape(heads) for y in jnp.split(self.qkv(x), 3, -1))))

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.norm1 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.norm2 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.attention = Attention(rngs)
            self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
            self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.down(jax.nn.gelu(self.up(self.norm2(x)), approximate=True))

    class Gpt2(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.tokens = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.positions = nnx.Embed(LENGTH, WIDTH, rngs=rngs)
            self.blocks = nnx.List([Block(rngs) for _ in range(layers)])
            self.norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)

        def __call__(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.positions(jnp.arange(tokens.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.tokens.attend(self.norm(x))

    return Gpt2(nnx.Rngs(0))


def nnx_gpt2(layers: int = 2) -> Any:
    """Return a GPT-2 in Flax NNX, with separate queries, keys and values and a tied head."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    class Mlp(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.c_fc = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
            self.c_proj = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.c_proj(jax.nn.gelu(self.c_fc(x), approximate=True))

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.ln_1 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.attn = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
            self.ln_2 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.mlp = Mlp(rngs)

        def __call__(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x), mask=_causal(x.shape[1]))
            return x + self.mlp(self.ln_2(x))

    class GPT2(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.wte = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.wpe = nnx.Embed(LENGTH, WIDTH, rngs=rngs)
            self.h = nnx.List([Block(rngs) for _ in range(layers)])
            self.ln_f = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)

        def __call__(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe(jnp.arange(tokens.shape[1]))
            for block in self.h:
                x = block(x)
            return self.wte.attend(self.ln_f(x))

    return GPT2(nnx.Rngs(0))


def linen_scanned_gpt2(tokens: Any, layers: int = 2) -> Any:
    """Return GPT-2 in Flax Linen, whose blocks are one, scanned: each tensor has an axis for the layers."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    import unified_init as ui

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x: Any, _: None) -> tuple[Any, None]:
            y = nn.LayerNorm(epsilon=1e-5)(x)
            x = x + nn.MultiHeadDotProductAttention(HEADS)(y, mask=_causal(x.shape[1]))
            y = nn.Dense(4 * WIDTH)(nn.LayerNorm(epsilon=1e-5)(x))
            return x + nn.Dense(WIDTH)(nn.gelu(y, approximate=True)), None

    class Gpt2(nn.Module):
        @nn.compact
        def __call__(self, tokens: Any) -> Any:
            table = nn.Embed(WORDS, WIDTH, name="tokens")
            x = table(tokens) + nn.Embed(LENGTH, WIDTH, name="positions")(jnp.arange(tokens.shape[1]))
            blocks = nn.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=layers)
            x, _ = blocks(name="blocks")(x, None)
            return table.attend(nn.LayerNorm(epsilon=1e-5, name="norm")(x))

    module = Gpt2()
    return ui.linen(module, module.init(jax.random.key(0), tokens), tokens)


def nnx_scanned_gpt2(layers: int = 2) -> Any:
    """Return GPT-2 in Flax NNX, whose blocks are stacked and scanned."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.norm1 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
            self.norm2 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
            self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x), mask=_causal(x.shape[1]))
            return x + self.down(jax.nn.gelu(self.up(self.norm2(x)), approximate=True))

    @nnx.split_rngs(splits=layers)
    @nnx.vmap(in_axes=0, out_axes=0)
    def stacked(rngs: nnx.Rngs) -> Block:
        return Block(rngs)

    @nnx.scan(in_axes=(0, nnx.Carry), out_axes=nnx.Carry)
    def scanned(block: Block, x: Any) -> Any:
        return block(x)

    class Gpt2(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.tokens = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.positions = nnx.Embed(LENGTH, WIDTH, rngs=rngs)
            self.blocks = stacked(rngs)
            self.norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)

        def __call__(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.positions(jnp.arange(tokens.shape[1]))
            return self.tokens.attend(self.norm(scanned(self.blocks, x)))

    return Gpt2(nnx.Rngs(0))


def equinox_scanned_gpt2(layers: int = 2) -> Any:
    """Return GPT-2 in Equinox for one example, whose blocks are stacked and scanned, and a tied head."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    class Block(eqx.Module):
        norm_attention: eqx.nn.LayerNorm
        attention: eqx.nn.Linear
        attention_out: eqx.nn.Linear
        norm_mlp: eqx.nn.LayerNorm
        up: eqx.nn.Linear
        down: eqx.nn.Linear

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key, 4)
            self.norm_attention, self.norm_mlp = (eqx.nn.LayerNorm(WIDTH, eps=1e-5) for _ in range(2))
            self.attention = eqx.nn.Linear(WIDTH, 3 * WIDTH, key=keys[0])
            self.attention_out = eqx.nn.Linear(WIDTH, WIDTH, key=keys[1])
            self.up = eqx.nn.Linear(WIDTH, 4 * WIDTH, key=keys[2])
            self.down = eqx.nn.Linear(4 * WIDTH, WIDTH, key=keys[3])

        def __call__(self, x: Any) -> Any:
            heads = (1, x.shape[0], HEADS, WIDTH // HEADS)
            y = jax.vmap(self.attention)(jax.vmap(self.norm_attention)(x))
            y = _attended(*(part.reshape(heads) for part in jnp.split(y, 3, -1)))[0]
            x = x + jax.vmap(self.attention_out)(y)
            y = jax.nn.gelu(jax.vmap(self.up)(jax.vmap(self.norm_mlp)(x)), approximate=True)
            return x + jax.vmap(self.down)(y)

    class Gpt2(eqx.Module):
        tokens: eqx.nn.Embedding
        positions: eqx.nn.Embedding
        blocks: Block
        norm: eqx.nn.LayerNorm

        def __init__(self, key: Any) -> None:
            keys = jax.random.split(key, layers + 2)
            self.tokens = eqx.nn.Embedding(WORDS, WIDTH, key=keys[0])
            self.positions = eqx.nn.Embedding(LENGTH, WIDTH, key=keys[1])
            self.blocks = eqx.filter_vmap(Block)(keys[2:])
            self.norm = eqx.nn.LayerNorm(WIDTH, eps=1e-5)

        def __call__(self, tokens: Any) -> Any:
            x = jax.vmap(self.tokens)(tokens) + self.positions.weight[: tokens.shape[0]]
            arrays, static = eqx.partition(self.blocks, eqx.is_array)
            x, _ = jax.lax.scan(lambda x, block: (eqx.combine(block, static)(x), None), x, arrays)
            return jax.vmap(self.norm)(x) @ self.tokens.weight.T

    return Gpt2(jax.random.key(0))


def transformers_neox(layers: int = 2) -> Any:
    """Return a small GPT-NeoX of transformers, whose queries, keys and values are fused head by head."""
    import transformers

    config = transformers.GPTNeoXConfig(
        num_hidden_layers=layers, hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_attention_heads=HEADS,
        vocab_size=WORDS, max_position_embeddings=LENGTH,
    )  # fmt: skip
    return transformers.GPTNeoXForCausalLM(config).eval()


def _partly_rotated(x: Any) -> Any:
    """Return queries or keys of which the first quarter of a head is turned by the positions."""
    import jax.numpy as jnp

    size = x.shape[-1] // 4
    angles = jnp.arange(x.shape[1])[:, None] * 10000.0 ** (-jnp.arange(0, size, 2) / size)
    angles = jnp.concatenate([angles, angles], -1)[None, :, None, :]
    turned = x[..., :size]
    halves = jnp.concatenate([-turned[..., size // 2 :], turned[..., : size // 2]], -1)
    return jnp.concatenate([turned * jnp.cos(angles) + halves * jnp.sin(angles), x[..., size:]], -1)


def nnx_neox(layers: int = 2) -> Any:
    """Return GPT-NeoX in Flax NNX, with separate queries, keys and values."""
    import jax
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.pre_attention_norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.q_proj = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
            self.k_proj = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
            self.v_proj = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
            self.o_proj = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
            self.pre_mlp_norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.up_proj = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
            self.down_proj = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            heads = (*x.shape[:2], HEADS, WIDTH // HEADS)
            y = self.pre_attention_norm(x)
            q, k, v = (layer(y).reshape(heads) for layer in (self.q_proj, self.k_proj, self.v_proj))
            attended = self.o_proj(_attended(_partly_rotated(q), _partly_rotated(k), v))
            hidden = jax.nn.gelu(self.up_proj(self.pre_mlp_norm(x)), approximate=False)
            return x + attended + self.down_proj(hidden)

    class NeoX(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.embed = nnx.Embed(WORDS, WIDTH, rngs=rngs)
            self.blocks = nnx.List([Block(rngs) for _ in range(layers)])
            self.final_norm = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
            self.unembed = nnx.Linear(WIDTH, WORDS, use_bias=False, rngs=rngs)

        def __call__(self, tokens: Any) -> Any:
            x = self.embed(tokens)
            for block in self.blocks:
                x = block(x)
            return self.unembed(self.final_norm(x))

    return NeoX(nnx.Rngs(0))


def transformers_bert(layers: int = 2) -> Any:
    """Return a small BERT of transformers."""
    import transformers

    config = transformers.BertConfig(
        num_hidden_layers=layers, hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_attention_heads=HEADS,
        vocab_size=WORDS, max_position_embeddings=LENGTH,
    )  # fmt: skip
    return transformers.BertModel(config).eval()


def linen_bert(tokens: Any, layers: int = 2) -> Any:
    """Return BERT in Flax Linen, with Linen's attention and the names that Linen gives."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    import unified_init as ui

    class EncoderLayer(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.LayerNorm(epsilon=1e-12)(x + nn.MultiHeadDotProductAttention(HEADS)(x))
            y = nn.Dense(WIDTH)(nn.gelu(nn.Dense(4 * WIDTH)(x), approximate=False))
            return nn.LayerNorm(epsilon=1e-12)(x + y)

    class Bert(nn.Module):
        @nn.compact
        def __call__(self, tokens: Any) -> tuple[Any, Any]:
            x = nn.Embed(WORDS, WIDTH, name="token_embed")(tokens)
            x += nn.Embed(LENGTH, WIDTH, name="position_embed")(jnp.arange(tokens.shape[1]))
            x += nn.Embed(2, WIDTH, name="segment_embed")(jnp.zeros_like(tokens))
            x = nn.LayerNorm(epsilon=1e-12)(x)
            for _ in range(layers):
                x = EncoderLayer()(x)
            return x, nn.tanh(nn.Dense(WIDTH, name="pooler")(x[:, 0]))

    module = Bert()
    return ui.linen(module, module.init(jax.random.key(0), tokens), tokens)
