"""What a user writes, for type checkers alone: mypy and pyright, both strict. Nothing here is run.

Each line with an ignore is a mistake that both must see: an ignore that is not needed is an error too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import unified_init as ui


class Model:
    """A model of no framework: what ``apply`` takes, it returns."""

    width = 3


def specs() -> list[ui.Initializer]:
    """Return specs from presets, configurations and other libraries."""
    return [
        ui.he_normal(),
        ui.normal(0.0, 0.02) * 0.5,
        ui.trunc_normal(std=0.02),
        ui.kaiming_uniform(a=5**0.5),
        ui.xavier_uniform(gain=ui.calculate_gain("tanh")),
        ui.Initializer(ui.TruncatedNormal(-2, 2), ui.VarianceScaling(2.0, "fan_in")),
        ui.get("zeros"),
        ui.get({"name": "normal", "mean": 0.0, "std": 1.0}),
        ui.from_json(ui.to_json(ui.orthogonal())),
        ui.from_dict(ui.to_dict(ui.ones())),
        ui.from_native("torch.nn.init.kaiming_normal_"),
    ]


def laws(spec: ui.Initializer) -> float:
    """Return numbers of a law."""
    law: ui.Law = spec.resolve((3, 4), layout="OI")
    return law.std + law.high + (law.fan_in or 0.0)


def draws(spec: ui.Initializer) -> str:
    """Draw, fill and compare."""
    weight = ui.draw(spec, (3, 4), layout="OI", seed=0, name="w", dtype="bf16")
    ui.fill(np.zeros((3, 4)), spec, layout="OI", seed=0, name="w")
    init: Any = (ui.as_jax(spec, layout="IO"), ui.as_torch(ui.zeros()), ui.as_keras(ui.constant(1.0)))
    return ui.digest(weight) + str(init) + str(ui.backends())


def models(model: Model, twin: Model) -> int:
    """Give a model its weights; it comes back as what it is."""
    recipe = ui.Recipe(
        "mine",
        (
            ui.Rule(spec=ui.zeros(), role="bias"),
            ui.Rule(spec=ui.he_normal(), kind=("linear", "conv"), role="kernel", fans="torch"),
            ui.Rule(spec=ui.xavier_uniform(), place="attention.qkv", unit="whole"),
        ),
    )
    inventory: ui.Inventory = ui.inspect(model)
    plan: ui.Plan = ui.plan(inventory, recipe)
    names: ui.NameMap = ui.match(model, twin)
    filled, report = ui.apply(model, recipe, seed=0)
    moved = ui.transfer(filled, twin, names)
    audit: ui.Audit = ui.audit(moved, recipe)
    words = (*ui.KINDS, *ui.ROLES, *ui.PLACES, *ui.CONVENTIONS)
    recipe = ui.recipe_from_json(ui.recipe_to_json(ui.recipes.torch_default()))
    try:
        ui.verify(moved, recipe, seed=0)
    except ui.UnifiedInitError as error:
        return len(str(error)) + len(words)
    return moved.width + filled.width + len(str(plan)) + len(str(report)) + audit.ok


def mistakes(model: Model) -> None:
    """Be told of each of these before anything runs."""
    ui.nothing  # type: ignore[attr-defined]  # noqa: B018
    ui.he_norml()  # type: ignore[attr-defined]
    ui.he_normal()((3, 4))  # type: ignore[operator]
    ui.normal(0.0)  # type: ignore[call-arg]
    ui.Rule(spec=ui.zeros(), kind="linaer")  # type: ignore[arg-type]
    ui.Rule(spec=ui.zeros(), role=("bias", "kernal"))  # type: ignore[arg-type]
    ui.Rule(spec=ui.zeros(), place="attention.output")  # type: ignore[arg-type]
    ui.Rule(spec=ui.zeros(), fans="pytorch")  # type: ignore[arg-type]
    ui.Layer(kind="dense")  # type: ignore[arg-type]
    ui.apply(model, ui.recipes.torch_default(), seed=0)[0].height  # type: ignore[attr-defined]  # noqa: B018
