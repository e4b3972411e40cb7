"""Transformers and recurrent networks of two libraries each."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.helpers import ports_sequential, ports_transformers
from tests.helpers.model_pairs import ModelPair
from tests.helpers.pairs_convolutional import images, images_twice

__all__ = ["SEQUENTIAL"]

CLASSES, SIZE, PATCH, WIDTH, HEADS, LAYERS = 10, 32, 16, 192, 3, 2


def _tokens() -> tuple[Any, Any]:
    """Return the same indices of words twice."""
    tokens = np.random.default_rng(0).integers(0, ports_sequential.WORDS, (2, 7))
    return tokens, tokens


def _by_example(model: Any) -> Any:
    """Run a model of Equinox, which takes one example."""
    import jax

    return jax.vmap(model)(jax.numpy.asarray(_tokens()[0]))


def _torchvision_vit() -> Any:
    import torchvision

    return torchvision.models.VisionTransformer(
        SIZE, PATCH, LAYERS, HEADS, WIDTH, 4 * WIDTH, num_classes=CLASSES
    )


def _timm_vit(name: str) -> Any:
    import timm

    return timm.create_model(name, img_size=SIZE, depth=LAYERS, num_classes=CLASSES)


def _transformers_vit(name: str, config: str) -> Any:
    """Return a vision transformer of transformers, with the epsilon of torchvision and timm."""
    import transformers

    options: dict[str, Any] = {
        "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "intermediate_size": 4 * WIDTH, "image_size": SIZE, "patch_size": PATCH, "layer_norm_eps": 1e-6,
        "num_labels": CLASSES,
    }  # fmt: skip
    return getattr(transformers, name)(getattr(transformers, config)(**options))


def _logits(model: Any) -> Any:
    """Run DeiT, which returns the logits of its two heads beside their mean."""
    import torch

    return model(torch.from_numpy(images(SIZE)[0])).logits


def _swin() -> tuple[Any, Any]:
    import timm
    import torchvision

    second = timm.create_model("swin_tiny_patch4_window7_224", num_classes=CLASSES)
    return torchvision.models.swin_t(num_classes=CLASSES), second


def _sequences() -> tuple[Any, Any]:
    values = np.random.default_rng(0).standard_normal((2, 7, 6), dtype=np.float32)
    return values, values


SEQUENTIAL = (
    ModelPair(
        first="ViT, torchvision", second="ViT, timm",
        make=lambda: (_torchvision_vit(), _timm_vit("vit_tiny_patch16_224")), inputs=lambda: images_twice(SIZE),
        needs=("torchvision", "timm"), tensors=32,
    ),
    ModelPair(
        first="ViT, transformers", second="ViT, timm",
        make=lambda: (
            _transformers_vit("ViTForImageClassification", "ViTConfig"), _timm_vit("vit_tiny_patch16_224")
        ),
        inputs=lambda: images_twice(SIZE), needs=("transformers", "timm"), tensors=40,
    ),
    ModelPair(
        first="ViT, transformers", second="ViT, torchvision",
        make=lambda: (_transformers_vit("ViTForImageClassification", "ViTConfig"), _torchvision_vit()),
        inputs=lambda: images_twice(SIZE), needs=("transformers", "torchvision"), tensors=40,
    ),
    ModelPair(
        first="DeiT with two heads, transformers", second="DeiT with two heads, timm",
        make=lambda: (
            _transformers_vit("DeiTForImageClassificationWithTeacher", "DeiTConfig"),
            _timm_vit("deit_tiny_distilled_patch16_224"),
        ),
        inputs=lambda: (_logits, images(SIZE)[0]), needs=("transformers", "timm"), tensors=43,
    ),
    ModelPair(
        first="Swin tiny, torchvision", second="Swin tiny, timm", make=_swin, inputs=lambda: images_twice(224),
        needs=("torchvision", "timm"), tensors=173, is_long=True,
    ),
    ModelPair(
        first="Llama, transformers", second="a port to NNX",
        make=lambda: (ports_sequential.transformers_llama(), ports_sequential.nnx_llama()), inputs=_tokens,
        needs=("transformers", "flax"), tensors=21,
    ),
    ModelPair(
        first="GPT-2, transformers", second="a port to NNX, with its attention layer",
        make=lambda: (ports_transformers.transformers_gpt2(), ports_transformers.nnx_gpt2()), inputs=_tokens,
        needs=("transformers", "flax"), tensors=36,
    ),
    ModelPair(
        first="GPT-2, transformers", second="a port to NNX, queries, keys and values fused",
        make=lambda: (ports_transformers.transformers_gpt2(), ports_transformers.nnx_fused_gpt2()),
        inputs=_tokens, needs=("transformers", "flax"), tensors=28,
    ),
    ModelPair(
        first="GPT-2 with scanned blocks, in Linen", second="GPT-2 with scanned blocks, in NNX",
        make=lambda: (
            ports_transformers.linen_scanned_gpt2(_tokens()[0]), ports_transformers.nnx_scanned_gpt2()
        ),
        inputs=_tokens, needs=("flax",), tensors=20, given={"blocks/norm1": "blocks/LayerNorm_0"},
    ),
    ModelPair(
        first="Llama, transformers", second="a port to NNX, its blocks scanned",
        make=lambda: (ports_sequential.transformers_llama(), ports_sequential.nnx_scanned_llama()),
        inputs=_tokens, needs=("transformers", "flax"), tensors=21,
    ),
    ModelPair(
        first="GPT-2, transformers", second="a port to Linen, its blocks scanned",
        make=lambda: (
            ports_transformers.transformers_gpt2(), ports_transformers.linen_scanned_gpt2(_tokens()[0])
        ),
        inputs=_tokens, needs=("transformers", "flax"), tensors=36,
    ),
    ModelPair(
        first="GPT-2, transformers", second="a port to Equinox, its blocks scanned",
        make=lambda: (ports_transformers.transformers_gpt2(), ports_transformers.equinox_scanned_gpt2()),
        inputs=lambda: (_tokens()[0], _by_example), needs=("transformers", "equinox"), tensors=28,
    ),
    ModelPair(
        first="GPT-2 with scanned blocks, in NNX", second="GPT-2 with separate blocks, in NNX",
        make=lambda: (ports_transformers.nnx_scanned_gpt2(), ports_transformers.nnx_gpt2()),
        inputs=_tokens, needs=("flax",), tensors=36,
    ),
    ModelPair(
        first="GPT-NeoX, fused head by head, transformers", second="a port to NNX, not fused",
        make=lambda: (ports_transformers.transformers_neox(), ports_transformers.nnx_neox()), inputs=_tokens,
        needs=("transformers", "flax"), tensors=36,
    ),
    ModelPair(
        first="BERT, transformers", second="a port to Linen",
        make=lambda: (
            ports_transformers.transformers_bert(), ports_transformers.linen_bert(_tokens()[1])
        ),
        inputs=_tokens, needs=("transformers", "flax"), tensors=39,
    ),
    ModelPair(
        first="LSTM, PyTorch", second="LSTM, Keras", make=ports_sequential.lstms, inputs=_sequences,
        needs=("torch", "keras"), tensors=3, given={"lstm.bias_hh_l0": None},
    ),
)  # fmt: skip
