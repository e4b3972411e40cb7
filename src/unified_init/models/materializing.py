"""Models without memory: built so, then given memory and values in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from unified_init.backends import registry
from unified_init.drawing.seeds import check_seed
from unified_init.errors import ArgumentValueError
from unified_init.models.applying import apply, inspect, plan
from unified_init.models.names import all_paths
from unified_init.walkers.registry import beside, materializer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from unified_init.inventory.layer import Layer
    from unified_init.models.planning import Plan
    from unified_init.models.report import Report
    from unified_init.recipes.recipe import Recipe
    from unified_init.walkers.protocol import Materializer

Model = TypeVar("Model")

__all__ = ["materialize", "unfilled"]

# ruff: noqa: ANN401  # models, seeds and devices of any kind


def unfilled() -> AbstractContextManager[None]:
    """Build PyTorch models whose parameters have no memory: ``with ui.unfilled(): model = Model(config)``.

    What a constructor allocates to be filled later (``torch.empty``, as all layers of PyTorch do for their
    parameters) is on ``meta``. What has values (buffers, tables, constants) is real, unlike under
    ``torch.device("meta")``, and ties are kept. ``ui.materialize`` gives the model memory and values, before
    or after it is sharded. torch's generator is as it was.

    Returns:
        A context manager.

    Raises:
        BackendError: PyTorch is not installed.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> with ui.unfilled():
        ...     norm = torch.nn.BatchNorm2d(4)
        >>> norm.weight.is_meta, norm.running_var.is_meta
        (True, False)

    Differs from:
        ``torch.device("meta")``: buffers have their values, and constructors that compute with theirs work.
    """
    registry.get("torch")
    context: AbstractContextManager[None] = beside("torch.walker", "unfilled").unfilled()
    return context


def materialize(
    model: Model,
    recipe: Recipe,
    *,
    seed: Any = None,
    device: Any = None,
    dtype: Any = None,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
    layers: Mapping[Any, Layer] | None = None,
    places: Mapping[str, str] | None = None,
    strip: Sequence[str] | str | None = None,
) -> tuple[Model, Report]:
    """Give a PyTorch model on ``meta`` memory and the values of a recipe, in place.

    The model may be sharded by then: each rank has memory for its part only. Ties, ``requires_grad`` and
    what has values already are kept. Buffers on ``meta``, which only a model that was built on
    ``torch.device("meta")`` has, are restored by models of transformers themselves; anywhere else, and for
    whatever such a model forgets, they are refused by name.

    Args:
        model: a ``torch.nn.Module`` that was built under ``ui.unfilled()`` or on ``torch.device("meta")``.
        recipe: as for ``apply``.
        seed: as for ``apply``.
        device: where the model is to be. None leaves what has memory where it is, and puts the rest on the
            device of its mesh, or torch's default one. With FSDP's CPU offload it is "cpu".
        dtype: of floating-point parameters and of buffers that are saved with them. None is each its own.
            Buffers that are not saved, such as rotary frequencies, keep theirs.
        names: as for ``apply``.
        only: as for ``apply``.
        skip: as for ``apply``.
        layers: as for ``apply``.
        places: as for ``apply``.
        strip: as for ``apply``.

    Returns:
        The model and the report of ``apply``.

    Raises:
        UnifiedInitError: as for ``apply``; or tensors on ``meta`` that the recipe does not write and nobody
            can restore. Where the model's own method leaves some out, they hold NaN (integers 1) by then.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> with ui.unfilled():
        ...     model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
        >>> model, report = ui.materialize(model, ui.recipes.torch_default(), seed=0)
        >>> expected, _ = ui.apply(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)),
        ...                        ui.recipes.torch_default(), seed=0)
        >>> ui.digests(model) == ui.digests(expected)
        True

    Differs from:
        ``to_empty()``: it unties what is tied, leaves buffers without values, and says neither.
    """
    own = materializer_of(model)
    element_type = own.checked_dtype(dtype)
    options: dict[str, Any] = {
        "names": names, "only": only, "skip": skip, "layers": layers, "places": places, "strip": strip,
    }  # fmt: skip
    model_plan = plan(inspect(model), recipe, **options)
    for assignment in model_plan:
        for piece in assignment.pieces:
            if piece.law.random:
                check_seed(seed, piece.spec)
    pending = _pending(own, model, model_plan)
    own.materialize(model, device, element_type)
    missing = own.restore(model, pending) if pending else []
    if missing:
        msg = (
            f"{_listed(missing)}: on meta they had no values, and the model's own initialize_weights() gives "
            "none or draws them at random. Give frozen tables a rule that names them; build the model under "
            "ui.unfilled(), which keeps buffers. They hold NaN now, integers 1."
        )
        raise ArgumentValueError(msg)
    return apply(model, recipe, seed=seed, **options)


def _pending(own: Materializer, model: Any, model_plan: Plan) -> list[str]:
    """Return what the model itself has to restore; refuse what nobody can."""
    written = {
        path for assignment in model_plan if assignment.pieces for path in all_paths(assignment.record)
    }
    own.check_tied(model, written)
    attributes = own.unregistered(model)
    if attributes:
        msg = (
            f"{_listed(attributes)}: on meta, and neither a parameter nor a buffer, so that nothing can "
            "restore the values. Build the model under ui.unfilled()."
        )
        raise ArgumentValueError(msg)
    pending = {path for path, aliases in own.on_meta(model).items() if written.isdisjoint(aliases)}
    tables = {*model_plan.inventory.left, *model_plan.frozen}
    chosen = sorted(pending - tables)
    if chosen:
        msg = (
            f"{_listed(chosen)}: on meta, and the recipe, `only` or `skip` leaves them without values: "
            "write them, or load them before."
        )
        raise ArgumentValueError(msg)
    lost = sorted(pending - own.restorable(model, pending))
    if lost:
        msg = (
            f"{_listed(lost)}: on meta, with values that no recipe knows: build the model under "
            "ui.unfilled(), which leaves buffers and tables real, or assign them before."
        )
        raise ArgumentValueError(msg)
    return sorted(pending)


def _listed(paths: Iterable[str]) -> str:
    names = list(paths)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004
    return f"{', '.join(map(repr, names[:5]))}{more}"
