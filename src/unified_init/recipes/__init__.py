"""Recipes: ordered rules that give each parameter of a model its initializer, as data.

A ``Rule`` (``rule``) has conditions on a record and a spec; of a ``Recipe`` (``recipe``) the first rule that
matches decides. ``assignment`` gives one record what a recipe says; plans, audits and muP all use it.
``fan_conventions`` has the fans that each framework computes, ``near_misses`` what a rule that matches
nothing may have meant, ``recipe_json`` reads and writes recipes by ``recipe_schema``. ``defaults`` has the
frameworks' layer defaults, ``published`` the recipes of papers, ``width`` muP. Nothing here knows a framework
or an array.
"""

from __future__ import annotations

from unified_init.recipes.defaults.equinox import equinox_default
from unified_init.recipes.defaults.flax import (
    flax_linen_default,
    flax_linen_default_corrected,
    flax_nnx_default,
    flax_nnx_default_corrected,
)
from unified_init.recipes.defaults.haiku import haiku_default, haiku_default_corrected
from unified_init.recipes.defaults.keras import keras_default, keras_default_corrected
from unified_init.recipes.defaults.torch import torch_default, torch_default_corrected
from unified_init.recipes.defaults.transformers import transformers_default
from unified_init.recipes.published.convolutional import (
    densenet,
    efficientnet_tf,
    fixup,
    mobilenet,
    regnet,
    regnet_timm,
    resnet,
)
from unified_init.recipes.published.decoders import (
    gpt2,
    llama,
    megatron,
    olmo_full_megatron,
    olmo_mitchell,
    small_init,
    wang_init,
)
from unified_init.recipes.published.depth import deepnorm, magneto, t_fixup
from unified_init.recipes.published.encoders import bert_google, bert_hf, t5
from unified_init.recipes.published.hugging_face import clip, deit_hf, whisper
from unified_init.recipes.published.others import lora, siren
from unified_init.recipes.published.sequence import lru, normformer, rwkv, s4d
from unified_init.recipes.published.state_space import mamba, mamba2
from unified_init.recipes.published.vision import convnext, deit, swin
from unified_init.recipes.published.vit import dit, vit_jax, vit_jax_nlhb, vit_moco, vit_timm
from unified_init.recipes.width.mup import MuP, mup

__all__ = [
    "MuP",
    "bert_google",
    "bert_hf",
    "clip",
    "convnext",
    "deepnorm",
    "deit",
    "deit_hf",
    "densenet",
    "dit",
    "efficientnet_tf",
    "equinox_default",
    "fixup",
    "flax_linen_default",
    "flax_linen_default_corrected",
    "flax_nnx_default",
    "flax_nnx_default_corrected",
    "gpt2",
    "haiku_default",
    "haiku_default_corrected",
    "keras_default",
    "keras_default_corrected",
    "llama",
    "lora",
    "lru",
    "magneto",
    "mamba",
    "mamba2",
    "megatron",
    "mobilenet",
    "mup",
    "normformer",
    "olmo_full_megatron",
    "olmo_mitchell",
    "regnet",
    "regnet_timm",
    "resnet",
    "rwkv",
    "s4d",
    "siren",
    "small_init",
    "swin",
    "t5",
    "t_fixup",
    "torch_default",
    "torch_default_corrected",
    "transformers_default",
    "vit_jax",
    "vit_jax_nlhb",
    "vit_moco",
    "vit_timm",
    "wang_init",
    "whisper",
]
