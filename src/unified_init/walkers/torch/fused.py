"""The fused projections of PyTorch codebases: how each class splits the outputs of one layer.

A class of transformers, timm, torchvision or torchtitan is known by its name, since none of them has public
classes for these layers. Of a class that is not in the tables, the name of the layer is what is known
(``by_name``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.walkers.fused import GATED, KV, QKV, THIRDS, Split, by_name
from unified_init.walkers.torch.classes import class_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

__all__ = ["split_of"]

LIBRARIES = ("transformers.", "transformers_modules.", "timm.", "torchvision.", "torchtitan.")
DEPTH = 2  # how far above a tensor's own layer the fused layer's name may be: qkv.conv, qkv.linear


def split_of(modules: Mapping[str, nn.Module], path: str, inputs: int, outputs: int) -> Split | None:
    """Return how the outputs of a layer are split; None if it is one projection, or nobody knows.

    Args:
        modules: the modules of the model by path.
        path: that of the layer.
        inputs: its inputs.
        outputs: its outputs.
    """
    owner_path = path
    for _ in range(DEPTH):
        owner_path, _, layer = owner_path.rpartition(".")
        split = _of_layer(modules.get(owner_path), layer, inputs, outputs)
        if split is not None or not owner_path:
            return split
    return None


def _of_layer(owner: Any, layer: str, inputs: int, outputs: int) -> Split | None:
    """Return the split of the layer that a module has under a name."""
    cls = type(None) if owner is None else class_of(owner)
    if not cls.__module__.startswith(LIBRARIES):
        return by_name(layer, inputs, outputs)
    rule = KNOWN.get((cls.__name__, layer)) or ANY_CLASS.get(layer)
    try:
        split = None if rule is None else rule(owner, outputs)
    except AttributeError:  # a class of the same name in another release, which keeps other fields
        return None
    if split is None and THIRDS.search(layer) and outputs % len(QKV) == 0:
        split = Split(QKV, (outputs // len(QKV),) * len(QKV))
    return split if split is not None and split.outputs == outputs else None


def _config(owner: Any, *names: str) -> int:
    """Return the first number that a module, or its configuration, has under one of several names."""
    for holder in (owner, getattr(owner, "config", None)):
        for name in names:
            value = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
    return 0


def _heads(owner: Any) -> int:
    return _config(owner, "num_heads", "num_attention_heads", "n_head", "n_heads")


def _by_head(owner: Any, outputs: int) -> Split | None:
    """Queries, keys and values, equally long, head by head."""
    heads = _heads(owner)
    return Split(QKV, (outputs // (heads * len(QKV)),) * len(QKV), blocks=heads) if heads else None


def _key_value(_owner: Any, outputs: int) -> Split:
    return Split(KV, (outputs // 2,) * 2)


def _gated(_owner: Any, outputs: int) -> Split:
    return Split(GATED, (outputs // 2,) * 2)


def _up_first(_owner: Any, outputs: int) -> Split:
    return Split(GATED[::-1], (outputs // 2,) * 2)


def _grouped(owner: Any, _outputs: int) -> Split:
    """Queries of all heads, then the keys and the values of fewer."""
    size = _config(owner, "head_dim")
    queries, others = _heads(owner) * size, _config(owner, "num_key_value_heads") * size
    return Split(QKV, (queries, others, others))


def _falcon(owner: Any, _outputs: int) -> Split:
    heads, size = owner.num_heads, owner.head_dim
    if owner.new_decoder_architecture:
        return Split(QKV, (heads // owner.num_kv_heads * size, size, size), blocks=owner.num_kv_heads)
    return Split(QKV, (heads * size, size, size)) if owner.multi_query else Split(QKV, (size,) * 3, heads)


def _titan(owner: Any, outputs: int) -> Split:
    """torchtitan: by groups, the queries that share a key and a value, and those."""
    size, queries = owner.head_dim, owner.heads_per_kv * owner.head_dim
    return Split(QKV, (queries, size, size), blocks=outputs // (queries + 2 * size))


def _bigcode(owner: Any, _outputs: int) -> Split | None:
    if owner.is_cross_attention:
        return None
    if owner.multi_query:
        return Split(QKV, (owner.embed_dim, owner.kv_dim, owner.kv_dim))
    return Split(QKV, (owner.head_dim,) * 3, blocks=owner.num_heads)


def _gpt2(owner: Any, _outputs: int) -> Split:
    width = owner.embed_dim
    return Split(KV, (width, width)) if owner.is_cross_attention else Split(QKV, (width,) * 3)


def _codegen(owner: Any, _outputs: int) -> Split:
    length = owner.embed_dim // owner.mp_num
    return Split(("q", "v", "k"), (length,) * 3, blocks=owner.mp_num)


def _gated_delta(owner: Any, _outputs: int) -> Split:
    """Qwen3-Next: by groups of heads, queries, keys, values and the gate of the output."""
    values = owner.num_v_heads // owner.num_k_heads * owner.head_v_dim
    return Split(
        ("q", "k", "v", "z"), (owner.head_k_dim, owner.head_k_dim, values, values), blocks=owner.num_k_heads
    )


def _gated_delta_rates(owner: Any, _outputs: int) -> Split:
    rates = owner.num_v_heads // owner.num_k_heads
    return Split(("b", "a"), (rates, rates), blocks=owner.num_k_heads)


def _delta(owner: Any, _outputs: int) -> Split:
    return Split(QKV, (owner.key_dim, owner.key_dim, owner.value_dim))


def _narrow_keys(owner: Any, _outputs: int) -> Split:
    """Of LeViT and those after it: head by head, queries and keys narrower than values."""
    return Split(QKV, (owner.key_dim, owner.key_dim, owner.val_dim), blocks=owner.num_heads)


def _narrow_halves(owner: Any, _outputs: int) -> Split:
    return Split(KV, (owner.key_dim, owner.val_dim), blocks=owner.num_heads)


def _attention(owner: Any, outputs: int) -> Split | None:
    """The class ``Attention`` of several files of timm: by head where it has keys of their own width."""
    return _narrow_keys(owner, outputs) if hasattr(owner, "val_dim") and hasattr(owner, "key_dim") else None


def _head_first(owner: Any, _outputs: int) -> Split:
    if not owner.head_first:
        return Split(QKV, (owner.num_heads * owner.dim_head,) * 3)
    return Split(QKV, (owner.dim_head,) * 3, blocks=owner.num_heads)


def _one_head(owner: Any, _outputs: int) -> Split:
    return Split(QKV, (owner.qk_dim, owner.qk_dim, owner.pdim))


def _cascaded(owner: Any, _outputs: int) -> Split:
    return Split(QKV, (owner.key_dim, owner.key_dim, owner.val_dim))


def _multi_scale(owner: Any, outputs: int) -> Split:
    return Split(QKV, (owner.dim,) * 3, blocks=outputs // (3 * owner.dim))


def _separate_channels(owner: Any, _outputs: int) -> Split:
    """Bottleneck and halo attention: queries, keys and values of two widths."""
    return Split(QKV, (owner.dim_out_qk, owner.dim_out_qk, owner.dim_out_v))


def _halo(owner: Any, _outputs: int) -> Split:
    """By head, keys and values."""
    return Split(KV, (owner.dim_head_qk, owner.dim_head_v), blocks=owner.num_heads)


def _lambda(owner: Any, _outputs: int) -> Split:
    return Split(QKV, (owner.num_heads * owner.dim_qk, owner.dim_qk, owner.dim_v))


KNOWN: dict[tuple[str, str], Callable[[Any, int], Split | None]] = {
    # transformers
    ("GPTNeoXAttention", "query_key_value"): _by_head,
    ("GPTNeoXJapaneseAttention", "query_key_value"): _by_head,
    ("BloomAttention", "query_key_value"): _by_head,
    ("PersimmonAttention", "query_key_value"): _by_head,
    ("DisentangledSelfAttention", "in_proj"): _by_head,
    ("MiniMaxLightningAttention", "qkv_proj"): _by_head,
    ("FalconAttention", "query_key_value"): _falcon,
    ("GPTBigCodeAttention", "c_attn"): _bigcode,
    ("GPT2Attention", "c_attn"): _gpt2,
    ("DecisionTransformerGPT2Attention", "c_attn"): _gpt2,
    ("ImageGPTAttention", "c_attn"): _gpt2,
    ("CodeGenAttention", "qkv_proj"): _codegen,
    ("Phi3Attention", "qkv_proj"): _grouped,
    ("Phi4MultimodalAttention", "qkv_proj"): _grouped,
    ("DbrxAttention", "Wqkv"): _grouped,
    ("Exaone4_5_VisionAttention", "qkv"): _grouped,
    ("JetMoeAttention", "kv_proj"): _key_value,
    ("Qwen3NextGatedDeltaNet", "in_proj_qkvz"): _gated_delta,
    ("Qwen3NextGatedDeltaNet", "in_proj_ba"): _gated_delta_rates,
    ("ModernBertMLP", "Wi"): _gated,
    ("ModernBertDecoderMLP", "Wi"): _gated,
    ("Phi4MultimodalAudioMLP", "gate_up_proj"): _up_first,
    # torchtitan
    ("FusedQKVLinear", "wqkv"): _titan,
    ("AllGatherFusedQKVLinear", "wqkv"): _titan,
    # timm
    ("Attention", "qkv"): _attention,
    ("AttentionDownsample", "kv"): _narrow_halves,
    ("AttentionCl", "qkv"): _head_first,
    ("Attention2d", "qkv"): _head_first,
    ("SHSA", "qkv"): _one_head,
    ("CascadedGroupAttention", "qkvs"): _cascaded,
    ("LiteMLA", "qkv"): _multi_scale,
    ("BottleneckAttn", "qkv"): _separate_channels,
    ("HaloAttn", "kv"): _halo,
    ("LambdaLayer", "qkv"): _lambda,
}
ANY_CLASS: dict[str, Callable[[Any, int], Split | None]] = {
    "gate_up_proj": _gated,  # the classes of transformers that have it, except the one above
    "in_proj_qkv": _delta,  # the gated delta networks after Qwen3-Next
}
