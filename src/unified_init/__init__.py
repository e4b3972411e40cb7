"""unified_init: a network's initial weights, the same bits in every framework.

One declarative spec per initializer, one seed, one name per parameter: NumPy, PyTorch, TensorFlow and
JAX return the same values, eager or compiled, in any layout, type or sharding.
"""

import difflib as _difflib
import importlib as _importlib
import typing as _typing

# Bound at once: the package of this name would take its place when something imports it.
from unified_init.backends.registry import backends as backends
from unified_init.backends.registry import register_backend as register_backend
from unified_init.core.keras_registration import register_when_imported as _register_when_imported

if _typing.TYPE_CHECKING:
    # What follows is for type checkers: `as` and `*` say that a name is exported.
    __all__: list[str]
    from unified_init import recipes as recipes
    from unified_init.auditing.audit import audit as audit
    from unified_init.auditing.coordinates import CoordCheck as CoordCheck
    from unified_init.auditing.coordinates import coord_check as coord_check
    from unified_init.auditing.plotting import plot as plot
    from unified_init.auditing.probing import Probe as Probe
    from unified_init.auditing.probing import probe as probe
    from unified_init.auditing.report import Audit as Audit
    from unified_init.auditing.report import AuditRow as AuditRow
    from unified_init.checkpoints.proving import verify as verify
    from unified_init.checkpoints.recomputation import Recomputation as Recomputation
    from unified_init.checkpoints.recomputation import WrongBox as WrongBox
    from unified_init.checkpoints.saving import save as save
    from unified_init.drawing.api import draw as draw
    from unified_init.drawing.api import fill as fill
    from unified_init.drawing.digests import digest as digest
    from unified_init.drawing.wrap import as_jax as as_jax
    from unified_init.drawing.wrap import as_keras as as_keras
    from unified_init.drawing.wrap import as_torch as as_torch
    from unified_init.errors import *
    from unified_init.interop.from_native import from_native as from_native
    from unified_init.interop.getting import get as get
    from unified_init.interop.quantiles import from_quantile as from_quantile
    from unified_init.interop.serialise import from_dict as from_dict
    from unified_init.interop.serialise import from_json as from_json
    from unified_init.interop.serialise import to_dict as to_dict
    from unified_init.interop.serialise import to_json as to_json
    from unified_init.inventory.inventory import Inventory as Inventory
    from unified_init.inventory.inventory import inventory_to_json as inventory_to_json
    from unified_init.inventory.inventory_json import inventory_from_json as inventory_from_json
    from unified_init.inventory.layer import Layer as Layer
    from unified_init.inventory.layer import Split as Split
    from unified_init.inventory.parts import Part as Part
    from unified_init.inventory.records import Record as Record
    from unified_init.inventory.vocabulary import KINDS as KINDS
    from unified_init.inventory.vocabulary import PLACES as PLACES
    from unified_init.inventory.vocabulary import ROLES as ROLES
    from unified_init.law.along import Along as Along
    from unified_init.law.along import along as along
    from unified_init.law.law import STREAM as STREAM
    from unified_init.law.law import Law as Law
    from unified_init.models.agreeing import agree as agree
    from unified_init.models.applying import apply as apply
    from unified_init.models.applying import inspect as inspect
    from unified_init.models.applying import plan as plan
    from unified_init.models.matching import match as match
    from unified_init.models.materializing import materialize as materialize
    from unified_init.models.materializing import unfilled as unfilled
    from unified_init.models.name_map import NameMap as NameMap
    from unified_init.models.planning import Plan as Plan
    from unified_init.models.report import Report as Report
    from unified_init.models.tensors import digests as digests
    from unified_init.models.tensors import read as read
    from unified_init.models.transferring import transfer as transfer
    from unified_init.models.verification import Verification as Verification
    from unified_init.models.verifying import verify_match as verify_match
    from unified_init.recipes.fan_conventions import CONVENTIONS as CONVENTIONS
    from unified_init.recipes.recipe import Recipe as Recipe
    from unified_init.recipes.recipe_json import recipe_from_json as recipe_from_json
    from unified_init.recipes.recipe_json import recipe_from_yaml as recipe_from_yaml
    from unified_init.recipes.recipe_json import recipe_to_json as recipe_to_json
    from unified_init.recipes.recipe_schema import recipe_schema as recipe_schema
    from unified_init.recipes.rule import Rule as Rule
    from unified_init.spec.distributions import BilinearUpsampling as BilinearUpsampling
    from unified_init.spec.distributions import Cauchy as Cauchy
    from unified_init.spec.distributions import Constant as Constant
    from unified_init.spec.distributions import ConvolutionalOrthogonal as ConvolutionalOrthogonal
    from unified_init.spec.distributions import DeltaOrthogonal as DeltaOrthogonal
    from unified_init.spec.distributions import Dirac as Dirac
    from unified_init.spec.distributions import Discrete as Discrete
    from unified_init.spec.distributions import FcnUpsampling as FcnUpsampling
    from unified_init.spec.distributions import Formula as Formula
    from unified_init.spec.distributions import Hadamard as Hadamard
    from unified_init.spec.distributions import Identity as Identity
    from unified_init.spec.distributions import Laplace as Laplace
    from unified_init.spec.distributions import Listed as Listed
    from unified_init.spec.distributions import Logistic as Logistic
    from unified_init.spec.distributions import LogNormal as LogNormal
    from unified_init.spec.distributions import Mixture as Mixture
    from unified_init.spec.distributions import Normal as Normal
    from unified_init.spec.distributions import Normed as Normed
    from unified_init.spec.distributions import Orthogonal as Orthogonal
    from unified_init.spec.distributions import Quantile as Quantile
    from unified_init.spec.distributions import Scaled as Scaled
    from unified_init.spec.distributions import Sparse as Sparse
    from unified_init.spec.distributions import SparseOf as SparseOf
    from unified_init.spec.distributions import Stft as Stft
    from unified_init.spec.distributions import StudentT as StudentT
    from unified_init.spec.distributions import Sum as Sum
    from unified_init.spec.distributions import Transform as Transform
    from unified_init.spec.distributions import TruncatedNormal as TruncatedNormal
    from unified_init.spec.distributions import Uniform as Uniform
    from unified_init.spec.gains import calculate_gain as calculate_gain
    from unified_init.spec.gains import depth_factor as depth_factor
    from unified_init.spec.initializer import Initializer as Initializer
    from unified_init.spec.presets import *
    from unified_init.spec.scales import Between as Between
    from unified_init.spec.scales import FanInterval as FanInterval
    from unified_init.spec.scales import FanMoments as FanMoments
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

_register_when_imported()

# The homes of the public names: modules, and what each has. (Presets are in their own ``__all__``.) Importing
# the package costs next to nothing. The first use of a name that draws imports all of those modules, so that
# a function which torch.compile traces finds them, and each name of the others its own.
_HOMES = {
    "drawing.api": "draw fill",
    "drawing.wrap": "as_jax as_keras as_torch",
    "errors": "ArgumentTypeError ArgumentValueError BackendError UnifiedInitError",
    "law.along": "Along along",
    "law.law": "STREAM Law",
    "spec.distributions": (
        "BilinearUpsampling Cauchy Constant ConvolutionalOrthogonal DeltaOrthogonal Dirac Discrete "
        "FcnUpsampling Formula Hadamard Identity Laplace Listed LogNormal Logistic Mixture Normal Normed "
        "Orthogonal Quantile Scaled Sparse SparseOf Stft StudentT Sum Transform TruncatedNormal Uniform"
    ),
    "spec.gains": "calculate_gain depth_factor",
    "spec.initializer": "Initializer",
    "spec.scales": "Between FanInterval FanMoments Fixed Gain Interval InverseFan VarianceScaling",
}
_OTHER_HOMES = {
    "drawing.digests": "digest",
    "interop.from_native": "from_native",
    "interop.quantiles": "from_quantile",
    "interop.getting": "get",
    "interop.serialise": "from_dict from_json to_dict to_json",
    "models.agreeing": "agree",
    "models.applying": "apply inspect plan",
    "auditing.audit": "audit",
    "auditing.report": "Audit AuditRow",
    "auditing.coordinates": "CoordCheck coord_check",
    "inventory.inventory": "Inventory inventory_to_json",
    "inventory.inventory_json": "inventory_from_json",
    "inventory.parts": "Part",
    "inventory.records": "Record",
    "inventory.vocabulary": "KINDS PLACES ROLES",
    "inventory.layer": "Layer Split",
    "models.matching": "match",
    "models.materializing": "materialize unfilled",
    "models.name_map": "NameMap",
    "models.report": "Report",
    "models.tensors": "digests read",
    "models.transferring": "transfer",
    "checkpoints.proving": "verify",
    "checkpoints.recomputation": "Recomputation WrongBox",
    "checkpoints.saving": "save",
    "models.verification": "Verification",
    "models.verifying": "verify_match",
    "walkers.trees": "Haiku Linen haiku linen",
    "models.planning": "Plan",
    "auditing.probing": "Probe probe",
    "recipes.fan_conventions": "CONVENTIONS",
    "recipes.recipe": "Recipe",
    "recipes.recipe_json": "recipe_from_json recipe_from_yaml recipe_to_json",
    "recipes.recipe_schema": "recipe_schema",
    "recipes.rule": "Rule",
    "auditing.plotting": "plot",
}
_OTHER_HOME = {name: module for module, names in _OTHER_HOMES.items() for name in names.split()}


if not _typing.TYPE_CHECKING:  # to a type checker a name that is not above is an error

    def __getattr__(name: str) -> object:
        """Import a public name on first use."""
        if name == "recipes":
            return _importlib.import_module(f"{__name__}.recipes")
        if name in _OTHER_HOME:
            globals()[name] = getattr(_importlib.import_module(f"{__name__}.{_OTHER_HOME[name]}"), name)
            return globals()[name]
        if name.startswith("_") and name != "__all__":
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        globals().update(_drawing_names())
        if name in globals():
            value: object = globals()[name]
            return value
        near = _difflib.get_close_matches(name, globals()["__all__"], n=1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        msg = f"module {__name__!r} has no attribute {name!r}{hint}"
        raise AttributeError(msg)


def _drawing_names() -> dict[str, object]:
    """Import all that is not of whole models, and list the public names as ``__all__``."""
    from unified_init.core.imports import uncollected  # noqa: PLC0415  # on first use, as everything here

    with uncollected():
        from unified_init.spec import presets  # noqa: PLC0415

        values: dict[str, object] = {name: getattr(presets, name) for name in presets.__all__}
        for home, names in _HOMES.items():
            module = _importlib.import_module(f"{__name__}.{home}")
            values.update({name: getattr(module, name) for name in names.split()})
    public = ["backends", "recipes", "register_backend", *values, *_OTHER_HOME]
    return {**values, "__all__": sorted(public)}


def __dir__() -> list[str]:
    """List the public names, used or not."""
    globals().update(_drawing_names())
    return __all__
