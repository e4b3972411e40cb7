"""Count the models of torchvision and transformers that are built without memory and materialized rightly.

``python -m tools.count_unfilled transformers 240`` builds the base models with two layers, in a random order
and for at most so many seconds: once with memory and once under ``ui.unfilled``. It compares ties, buffers,
types and marks after ``ui.materialize``. ``torchvision`` does so for its models, and a third word, ``meta``,
builds on ``torch.device("meta")``. One line is printed for each model that differs or is refused.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import random
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import torch

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unified_init.inventory.vocabulary import Role

__all__ = ["outcome_of"]

# ruff: noqa: ANN401, TID253  # models of any library

LARGEST = 10_000_000  # values of a model, of which two are in memory
# What makes a configuration small, where it has the field.
SMALL = {
    "num_hidden_layers": 2, "num_layers": 2, "encoder_layers": 2, "decoder_layers": 2, "n_layer": 2,
    "n_layers": 2, "num_decoder_layers": 2, "num_encoder_layers": 2, "vocab_size": 256, "hidden_size": 64,
    "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16,
    "d_model": 64, "max_position_embeddings": 128, "num_experts": 4, "num_local_experts": 4,
    "n_routed_experts": 4, "pad_token_id": 0,
}  # fmt: skip
RULES: tuple[tuple[tuple[Role, ...] | None, ui.Initializer], ...] = (
    (("count", "bias"), ui.zeros()),
    (None, ui.normal(0.0, 0.02)),
)
RECIPE = ui.Recipe("mine", tuple(ui.Rule(spec=spec, role=role, optional=True) for role, spec in RULES))


def torchvision_models() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield every model of torchvision."""
    import torchvision  # noqa: PLC0415  # as asked for

    for name in torchvision.models.list_models():
        options: dict[str, Any] = {"weights": None}
        if "weights_backbone" in torchvision.models.get_model_builder(name).__annotations__ or "rcnn" in name:
            options["weights_backbone"] = None
        yield name, functools.partial(torchvision.models.get_model, name, **options)


def transformers_models() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the base model of every configuration of transformers, made small."""
    import transformers  # noqa: PLC0415  # as asked for
    from transformers.models.auto.modeling_auto import MODEL_MAPPING  # noqa: PLC0415

    transformers.logging.set_verbosity_error()
    for config_class in MODEL_MAPPING:

        def build(config_class: Any = config_class) -> Any:
            classes = MODEL_MAPPING[config_class]
            return (classes[0] if isinstance(classes, tuple) else classes)(_small(config_class()))

        yield config_class.__name__, build


def _small(config: Any, *, depth: int = 0) -> Any:
    """Return a configuration with fewer and narrower layers, and its inner ones."""
    for name, value in SMALL.items():
        if isinstance(getattr(config, name, None), int) and getattr(config, name) > value:
            with contextlib.suppress(Exception):
                setattr(config, name, value)
    for inner in vars(config).values():
        if hasattr(inner, "to_dict") and hasattr(inner, "model_type") and depth < 3:  # noqa: PLR2004
            _small(inner, depth=depth + 1)
    return config


def outcome_of(build: Callable[[], Any], *, meta: bool) -> str:
    """Return what becomes of a model: "equal", or a word and what is wrong."""
    context: Any = torch.device("meta") if meta else ui.unfilled()
    state = torch.get_rng_state()
    try:
        with context:
            model = build()
    except Exception as error:  # noqa: BLE001  # of any constructor
        word = "not built with memory either" if _raises(build) else "not built"
        return f"{word}: {type(error).__name__}: {str(error)[:150]}"
    if not meta and not torch.equal(state, torch.get_rng_state()):
        return "moved the generator"
    if sum(parameter.numel() for parameter in model.parameters()) > LARGEST:
        return "too large"
    try:
        ui.materialize(model, RECIPE, seed=0)
    except ui.UnifiedInitError as error:
        return f"refused: {error}"
    torch.set_rng_state(state)
    expected = build()
    try:
        ui.apply(expected, RECIPE, seed=0)
    except ui.UnifiedInitError as error:
        return f"apply refuses: {error}"
    wrong = _differing(_tensors(model), _tensors(expected))
    return f"differs: {', '.join(wrong[:4])}" if wrong else "equal"


def _raises(build: Callable[[], Any]) -> bool:
    try:
        build()
    except Exception:  # noqa: BLE001  # as above
        return True
    return False


def _tensors(model: Any) -> dict[str, Any]:
    return dict(model.named_parameters(remove_duplicate=False)) | dict(
        model.named_buffers(remove_duplicate=False)
    )


def _differing(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return the paths whose values, types, marks or ties differ."""
    groups = [
        {path: frozenset(name for name, other in by_id[id(tensor)]) for path, tensor in tensors.items()}
        for tensors in (first, second)
        for by_id in [_by_id(tensors)]
    ]
    return sorted(first.keys() ^ second.keys()) + [
        path
        for path, tensor in first.items()
        if path in second and (not _same(tensor, second[path]) or groups[0][path] != groups[1][path])
    ]


def _by_id(tensors: dict[str, Any]) -> dict[int, list[tuple[str, Any]]]:
    grouped = collections.defaultdict(list)
    for path, tensor in tensors.items():
        grouped[id(tensor)].append((path, tensor))
    return grouped


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    if (
        first.dtype != second.dtype
        or first.shape != second.shape
        or first.requires_grad != second.requires_grad
    ):
        return False
    bits = first.detach().contiguous().view(torch.uint8) if first.ndim else first.detach().reshape(1)
    others = second.detach().contiguous().view(torch.uint8) if second.ndim else second.detach().reshape(1)
    return bool(torch.equal(bits, others))


def main() -> None:
    """Print an outcome per model that is not equal, and the counts."""
    library, seconds, *rest = sys.argv[1:]
    models = {"torchvision": torchvision_models, "transformers": transformers_models}[library]
    counts: collections.Counter[str] = collections.Counter()
    start = time.monotonic()
    warnings.simplefilter("ignore")
    chosen = list(models())
    random.Random(0).shuffle(chosen)  # noqa: S311  # a sample
    for name, build in chosen:
        if time.monotonic() - start > float(seconds):
            counts["no time"] += 1
            continue
        result = outcome_of(build, meta="meta" in rest)
        counts[result.partition(":")[0]] += 1
        if result != "equal":
            print(f"{name}: {result}", flush=True)
    print(dict(counts))


if __name__ == "__main__":
    main()
