"""unified_init: a network's first weights, the same bits in every framework.

One declarative spec an initializer, one seed, one name a parameter: NumPy, PyTorch, TensorFlow and
JAX return the same values, eager or compiled, in any layout, type or sharding.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

# Bound at once: the package of this name would take its place when something imports it.
from unified_init.backends.registry import backends

if TYPE_CHECKING:
    from unified_init import recipes
    from unified_init.auditing.audit import audit
    from unified_init.auditing.coordinates import CoordCheck, coord_check
    from unified_init.auditing.probing import Probe, probe
    from unified_init.auditing.report import Audit, AuditRow
    from unified_init.drawing.api import draw, fill
    from unified_init.drawing.digests import digest
    from unified_init.drawing.wrap import as_jax, as_keras, as_torch
    from unified_init.errors import (
        ArgumentTypeError,
        ArgumentValueError,
        BackendError,
        UnifiedInitError,
    )
    from unified_init.interop.from_native import from_native
    from unified_init.interop.quantiles import from_quantile
    from unified_init.interop.serialise import from_json, to_json
    from unified_init.inventory.inventory_json import inventory_from_json
    from unified_init.inventory.records import Inventory, Part, Record, inventory_to_json
    from unified_init.law.law import STREAM, Law
    from unified_init.models.applying import Report, apply, inspect, plan
    from unified_init.models.matching import NameMap, match
    from unified_init.models.planning import Plan
    from unified_init.recipes.recipe_json import (
        recipe_from_json,
        recipe_from_yaml,
        recipe_schema,
        recipe_to_json,
    )
    from unified_init.recipes.rule import Recipe, Rule
    from unified_init.spec.distributions import (
        BilinearUpsampling,
        Constant,
        DeltaOrthogonal,
        Dirac,
        Hadamard,
        Identity,
        Normal,
        Orthogonal,
        Quantile,
        Sparse,
        Stft,
        TruncatedNormal,
        Uniform,
    )
    from unified_init.spec.gains import calculate_gain, depth_factor
    from unified_init.spec.initializer import Initializer
    from unified_init.spec.presets import (
        bilinear_upsampling,
        constant,
        delta_orthogonal,
        dirac,
        glorot_normal,
        glorot_uniform,
        hadamard,
        he_normal,
        he_uniform,
        icnr,
        identity,
        kaiming_normal,
        kaiming_uniform,
        lecun_normal,
        lecun_uniform,
        normal,
        ones,
        orthogonal,
        siren,
        sparse,
        stft,
        trunc_normal,
        truncated_normal,
        uniform,
        uniform_unit_scaling,
        variance_scaling,
        xavier_normal,
        xavier_uniform,
        zeros,
    )
    from unified_init.spec.scales import Between, Fixed, Gain, Interval, InverseFan, VarianceScaling
    from unified_init.walkers.trees import Haiku, Linen, haiku, linen

__all__ = [
    "STREAM",
    "ArgumentTypeError",
    "ArgumentValueError",
    "Audit",
    "AuditRow",
    "BackendError",
    "Between",
    "BilinearUpsampling",
    "Constant",
    "CoordCheck",
    "DeltaOrthogonal",
    "Dirac",
    "Fixed",
    "Gain",
    "Hadamard",
    "Haiku",
    "Identity",
    "Initializer",
    "Interval",
    "Inventory",
    "InverseFan",
    "Law",
    "Linen",
    "NameMap",
    "Normal",
    "Orthogonal",
    "Part",
    "Plan",
    "Probe",
    "Quantile",
    "Recipe",
    "Record",
    "Report",
    "Rule",
    "Sparse",
    "Stft",
    "TruncatedNormal",
    "UnifiedInitError",
    "Uniform",
    "VarianceScaling",
    "apply",
    "as_jax",
    "as_keras",
    "as_torch",
    "audit",
    "backends",
    "bilinear_upsampling",
    "calculate_gain",
    "constant",
    "coord_check",
    "delta_orthogonal",
    "depth_factor",
    "digest",
    "dirac",
    "draw",
    "fill",
    "from_json",
    "from_native",
    "from_quantile",
    "glorot_normal",
    "glorot_uniform",
    "hadamard",
    "haiku",
    "he_normal",
    "he_uniform",
    "icnr",
    "identity",
    "inspect",
    "inventory_from_json",
    "inventory_to_json",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "linen",
    "match",
    "normal",
    "ones",
    "orthogonal",
    "plan",
    "probe",
    "recipe_from_json",
    "recipe_from_yaml",
    "recipe_schema",
    "recipe_to_json",
    "recipes",
    "siren",
    "sparse",
    "stft",
    "to_json",
    "trunc_normal",
    "truncated_normal",
    "uniform",
    "uniform_unit_scaling",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
__version__ = "0.1.0"

# Where each public name lives. Importing the package costs next to nothing: the first use of any name
# that draws imports all of those, and each name of whole models its own module. Type checkers read the
# imports above instead.
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
