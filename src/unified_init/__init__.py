"""unified_init: a network's initial weights, the same bits in every framework.

One declarative spec per initializer, one seed, one name per parameter: NumPy, PyTorch, TensorFlow and
JAX return the same values, eager or compiled, in any layout, type or sharding.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

# Bound at once: the package of this name would take its place when something imports it.
from unified_init.backends.registry import backends, register_backend

if TYPE_CHECKING:
    # What follows is for type checkers: `as` and `*` say that a name is exported.
    from unified_init import recipes as recipes
    from unified_init.auditing.audit import audit as audit
    from unified_init.auditing.coordinates import CoordCheck as CoordCheck
    from unified_init.auditing.coordinates import coord_check as coord_check
    from unified_init.auditing.probing import Probe as Probe
    from unified_init.auditing.probing import probe as probe
    from unified_init.auditing.report import Audit as Audit
    from unified_init.auditing.report import AuditRow as AuditRow
    from unified_init.drawing.api import draw as draw
    from unified_init.drawing.api import fill as fill
    from unified_init.drawing.digests import digest as digest
    from unified_init.drawing.wrap import as_jax as as_jax
    from unified_init.drawing.wrap import as_keras as as_keras
    from unified_init.drawing.wrap import as_torch as as_torch
    from unified_init.errors import *
    from unified_init.interop.from_native import from_native as from_native
    from unified_init.interop.quantiles import from_quantile as from_quantile
    from unified_init.interop.serialise import from_json as from_json
    from unified_init.interop.serialise import to_json as to_json
    from unified_init.inventory.inventory_json import inventory_from_json as inventory_from_json
    from unified_init.inventory.records import Inventory as Inventory
    from unified_init.inventory.records import Part as Part
    from unified_init.inventory.records import Record as Record
    from unified_init.inventory.records import inventory_to_json as inventory_to_json
    from unified_init.law.law import STREAM as STREAM
    from unified_init.law.law import Law as Law
    from unified_init.models.applying import Report as Report
    from unified_init.models.applying import apply as apply
    from unified_init.models.applying import inspect as inspect
    from unified_init.models.applying import plan as plan
    from unified_init.models.matching import NameMap as NameMap
    from unified_init.models.matching import match as match
    from unified_init.models.planning import Plan as Plan
    from unified_init.recipes.recipe_json import recipe_from_json as recipe_from_json
    from unified_init.recipes.recipe_json import recipe_from_yaml as recipe_from_yaml
    from unified_init.recipes.recipe_json import recipe_schema as recipe_schema
    from unified_init.recipes.recipe_json import recipe_to_json as recipe_to_json
    from unified_init.recipes.rule import Recipe as Recipe
    from unified_init.recipes.rule import Rule as Rule
    from unified_init.spec.distributions import BilinearUpsampling as BilinearUpsampling
    from unified_init.spec.distributions import Constant as Constant
    from unified_init.spec.distributions import DeltaOrthogonal as DeltaOrthogonal
    from unified_init.spec.distributions import Dirac as Dirac
    from unified_init.spec.distributions import Hadamard as Hadamard
    from unified_init.spec.distributions import Identity as Identity
    from unified_init.spec.distributions import Normal as Normal
    from unified_init.spec.distributions import Orthogonal as Orthogonal
    from unified_init.spec.distributions import Quantile as Quantile
    from unified_init.spec.distributions import Sparse as Sparse
    from unified_init.spec.distributions import Stft as Stft
    from unified_init.spec.distributions import TruncatedNormal as TruncatedNormal
    from unified_init.spec.distributions import Uniform as Uniform
    from unified_init.spec.gains import calculate_gain as calculate_gain
    from unified_init.spec.gains import depth_factor as depth_factor
    from unified_init.spec.initializer import Initializer as Initializer
    from unified_init.spec.presets import *
    from unified_init.spec.scales import Between as Between
    from unified_init.spec.scales import Fixed as Fixed
    from unified_init.spec.scales import Gain as Gain
    from unified_init.spec.scales import Interval as Interval
    from unified_init.spec.scales import InverseFan as InverseFan
    from unified_init.spec.scales import VarianceScaling as VarianceScaling
    from unified_init.walkers.trees import Haiku as Haiku
    from unified_init.walkers.trees import Linen as Linen
    from unified_init.walkers.trees import haiku as haiku
    from unified_init.walkers.trees import linen as linen

__version__ = "0.1.0"

# The home of each public name. Importing the package costs next to nothing: the first use of any name that
# draws imports all of those modules, and each name of whole models its own.
_HOMES = {
    "drawing.api": "draw fill",
    "drawing.digests": "digest",
    "spec.distributions": (
        "BilinearUpsampling Constant DeltaOrthogonal Dirac Hadamard Identity Normal Orthogonal "
        "Quantile Sparse Stft TruncatedNormal Uniform"
    ),
    "errors": "ArgumentTypeError ArgumentValueError BackendError UnifiedInitError",
    "spec.gains": "calculate_gain depth_factor",
    "spec.initializer": "Initializer",
    "interop.from_native": "from_native",
    "drawing.wrap": "as_jax as_keras as_torch",
    "law.law": "STREAM Law",
    "spec.presets": (
        "bilinear_upsampling constant delta_orthogonal dirac glorot_normal glorot_uniform "
        "hadamard he_normal he_uniform icnr identity kaiming_normal kaiming_uniform lecun_normal "
        "lecun_uniform normal ones orthogonal siren sparse stft trunc_normal truncated_normal "
        "uniform uniform_unit_scaling variance_scaling xavier_normal xavier_uniform zeros"
    ),
    "interop.quantiles": "from_quantile",
    "spec.scales": "Between Fixed Gain Interval InverseFan VarianceScaling",
    "interop.serialise": "from_json to_json",
}
_MODEL_HOMES = {
    "models.applying": "Report apply inspect plan",
    "auditing.audit": "audit",
    "auditing.report": "Audit AuditRow",
    "auditing.coordinates": "CoordCheck coord_check",
    "inventory.records": "Inventory Part Record inventory_to_json",
    "inventory.inventory_json": "inventory_from_json",
    "models.matching": "NameMap match",
    "walkers.trees": "Haiku Linen haiku linen",
    "models.planning": "Plan",
    "auditing.probing": "Probe probe",
    "recipes.rule": "Recipe Rule",
    "recipes.recipe_json": "recipe_from_json recipe_from_yaml recipe_schema recipe_to_json",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_MODEL_HOME = {name: module for module, names in _MODEL_HOMES.items() for name in names.split()}
__all__ = ["backends", "recipes", "register_backend", *_HOME, *_MODEL_HOME]  # noqa: PLE0604  # keys are text


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name == "recipes":
        return importlib.import_module(f"{__name__}.recipes")
    if name in _MODEL_HOME:
        globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODEL_HOME[name]}"), name)
        return globals()[name]
    if name not in _HOME:
        near = difflib.get_close_matches(name, __all__, n=1)
        hint = f". Did you mean {near[0]!r}?" if near and not name.startswith("_") else ""
        msg = f"module {__name__!r} has no attribute {name!r}{hint}"
        raise AttributeError(msg)
    for key, home in _HOME.items():
        globals()[key] = getattr(importlib.import_module(f"{__name__}.{home}"), key)
    value: object = globals()[name]
    return value


def __dir__() -> list[str]:
    """List the public names, used or not."""
    return sorted(__all__)
