"""Every public function and method with one valid call, for tests that replace its arguments one by one."""

from __future__ import annotations

import collections
import dataclasses
import functools
import inspect
import tempfile
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import unified_init as ui
from unified_init.law.layout import bind

__all__ = ["CALLS", "RESULTS", "Call", "lacking", "public_callables"]

Arguments = dict[str, Any]
FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
Inside = dict[str, Callable[[Any], Arguments]]

# Classes of results, which this library makes: their fields are not checked, as their docstrings say. Errors take
# whatever an exception takes, and a spec refuses every call.
RESULTS = frozenset({
    "Audit", "AuditRow", "CoordCheck", "Law", "NameMap", "Plan", "Probe", "Report", "testing.Conformity",
    "Initializer.__call__", "Recomputation", "testing.Finding", "UnifiedInitError", "Verification", "WrongBox", "ArgumentTypeError", "ArgumentValueError", "BackendError",
})  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Call:
    """One valid call.

    ``valid`` makes its arguments by the names of the signature. ``inside`` has further places for a value, such as an
    entry of a shape: functions from it to the arguments that it changes. ``on`` makes the object of a method, ``run``
    is called in place of the public function where that takes no keywords, and ``needs`` are frameworks.
    ``watched`` are arguments that a refusal must leave as they were. ``expected`` are errors that are part of what the
    function does: a KeyError of a mapping, an AssertionError of an assertion.
    """

    valid: Callable[[], Arguments] = dict
    inside: Mapping[str, Callable[[Any], Arguments]] = dataclasses.field(default_factory=dict)
    on: Callable[[], Any] | None = None
    run: Callable[..., Any] | None = None
    needs: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    expected: tuple[type[Exception], ...] = ()

    def function(self, path: str) -> Callable[..., Any]:
        """Return what to call."""
        if self.run is not None:
            return self.run
        if self.on is not None:
            function: Callable[..., Any] = getattr(self.on(), path.rpartition(".")[2])
            return function
        return resolved(path)

    def places(self) -> Iterator[tuple[str, Callable[[Any], Arguments]]]:
        """Yield each place for a value: the arguments, and what is inside them."""
        for name in self.valid():
            if name not in self.inside:
                yield name, lambda value, name=name: {name: value}  # type: ignore[misc]
        yield from self.inside.items()


def hashable(value: object) -> bool:
    """Whether a value can be the key of a dict."""
    try:
        hash(value)
    except Exception:  # noqa: BLE001  # of a class that is not ours
        return False
    return True


def resolved(path: str) -> Any:
    """Return the public object of a path, such as "testing.examine"."""
    import unified_init.testing  # noqa: F401  # an extra, which is no attribute before

    return functools.reduce(getattr, path.split("."), ui)


def public_callables() -> Mapping[str, tuple[str, ...]]:
    """Return the parameters of every public function, class and method by its path."""
    import unified_init.testing

    rooms = (
        ("", ui, ui.__all__),
        ("recipes.", ui.recipes, ui.recipes.__all__),
        ("testing.", unified_init.testing, unified_init.testing.__all__),
    )
    parameters: dict[str, tuple[str, ...]] = {}
    for prefix, room, names in rooms:
        for name in names:
            member = getattr(room, name)
            if isinstance(member, type):
                parameters |= {f"{prefix}{path}": names for path, names in methods_of(name, member).items()}
            elif callable(member):
                parameters[f"{prefix}{name}"] = tuple(inspect.signature(member).parameters)
    return parameters


def lacking(paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the parameters that the calls of these paths leave out."""
    parameters = public_callables()
    missing = {path: set(parameters.get(path, ())) - set(CALLS[path].valid()) for path in paths}
    return {path: names for path, names in missing.items() if names}


OPERATORS = frozenset({"__mul__", "__rmul__", "__truediv__", "__getitem__", "__call__"})


def methods_of(name: str, cls: type) -> dict[str, tuple[str, ...]]:
    """Return the parameters of a class and of its own methods."""
    is_error = issubclass(cls, Exception)
    parameters = {name: () if is_error else tuple(inspect.signature(cls).parameters)}
    for method, function in vars(cls).items():
        if isinstance(function, types.FunctionType) and (not method.startswith("_") or method in OPERATORS):
            parameters[f"{name}.{method}"] = tuple(inspect.signature(function).parameters)[1:]
    return parameters


# --- what the calls use -------------------------------------------------------------------------


def kernel(**fields: Any) -> ui.Record:
    """Return the record of a matrix."""
    return ui.Record(
        name="fc.weight", path="fc.weight", shape=(3, 4), layout="OI", kind="linear", role="kernel", inputs=4, outputs=3
    ) if not fields else ui.Record(**fields)  # fmt: skip


def fused() -> ui.Record:
    """Return the record of a matrix of two parts."""
    return ui.Record(
        name="qv", path="qv", shape=(4, 4), layout="OI", kind="attention", role="kernel", inputs=4, outputs=2, axis=0,
        parts=(ui.Part(label="q", length=2, path="qv"), ui.Part(label="v", length=2, path="qv")),
    )  # fmt: skip


def inventory(width: int = 4) -> ui.Inventory:
    """Return the records of one layer."""
    weight = ui.Record(
        name="fc.weight", path="fc.weight", shape=(3, width), layout="OI", kind="linear", role="kernel", inputs=width,
        outputs=3, native="Linear",
    )  # fmt: skip
    bias = ui.Record(
        name="fc.bias", path="fc.bias", shape=(3,), layout="O", kind="linear", role="bias", native="Linear"
    )
    return ui.Inventory("torch", (weight, bias))


def layer() -> ui.Layer:
    """Return a description of that layer."""
    return ui.Layer(kind="linear")


def recipe() -> ui.Recipe:
    """Return a recipe for that layer."""
    return ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), role="bias"), ui.Rule(spec=ui.he_normal())))


@functools.cache
def saved() -> str:
    """Return a folder of weights, which is removed as the process ends."""
    FOLDERS.append(tempfile.TemporaryDirectory())
    ui.save(inventory(), recipe(), FOLDERS[-1].name, seed=0)
    return FOLDERS[-1].name


def audit() -> ui.Audit:
    """Return an audit of one parameter."""
    row = ui.AuditRow(path="w", shape=(3,), kind="linear", role="bias", dtype="float32", verdict="ok")
    return ui.Audit("mine", "torch", 1e-9, (row,))


def coordinates() -> ui.CoordCheck:
    """Return a coordinate check of one layer."""
    from unified_init.auditing.coordinates import Curve

    return ui.CoordCheck((64, 128), 1, (Curve("fc", 1, (1.0, 2.0), 1.0),))


def probed() -> ui.Probe:
    """Return a probe of one layer."""
    from unified_init.auditing.probing import ProbedLayer

    return ui.Probe((ProbedLayer("fc", "Linear", (8, 4), 0.0, 1.0),))


def report() -> ui.Report:
    """Return a report."""
    return ui.Report("mine", 0, ui.STREAM, "digest", ("w",))


def sample(seed: int = 0) -> Any:
    """Return values of a uniform law."""
    return np.random.default_rng(seed).uniform(-1, 1, 200).astype(np.float32)


def law() -> ui.Law:
    """Return that law."""
    return ui.uniform(-1, 1).resolve(200)


@functools.cache
def array_by_names() -> ui.Along:
    """Return an array by named axes."""
    return ui.along("O", (1.0, 2.0))


def quantile() -> ui.Quantile:
    """Return a distribution of our own."""
    distribution = ui.from_quantile(lambda p: p - 0.5).distribution
    assert isinstance(distribution, ui.Quantile)
    return distribution


class Function:
    """What hk.transform returns, as far as it is looked at."""

    @staticmethod
    def init(*_: object) -> dict[str, Any]:
        """Return no parameters."""
        return {}

    apply = init


# --- what needs a framework ---------------------------------------------------------------------


def torch_tensor() -> Any:
    """Return a tensor of sevens."""
    import torch

    return torch.full((3, 4), 7.0)


def torch_batch() -> Any:
    """Return a batch for the model below."""
    import torch

    return torch.ones(2, 4)


def torch_state() -> Any:
    """Return values for the model below."""
    return {"fc.weight": np.ones((3, 4), np.float32), "fc.bias": np.ones(3, np.float32)}


def torch_model(width: int = 3) -> Any:
    """Return a layer under the name that the records above have."""
    import torch

    return torch.nn.Sequential(collections.OrderedDict(fc=torch.nn.Linear(4, width)))


def agreed(**arguments: Any) -> None:
    """Call ``agree`` as the only rank of a world."""
    import torch
    from torch.testing._internal.distributed.fake_pg import FakeStore

    torch.distributed.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
    try:
        ui.agree(**arguments)
    finally:
        torch.distributed.destroy_process_group()


@functools.cache
def keras_model() -> Any:
    """Return a model of one layer, which takes too long to make for every value."""
    import keras

    inputs = keras.Input((4,), name="inputs")
    return keras.Model(inputs, keras.layers.Dense(3, name="fc")(inputs), name="model")


def linen_model() -> Any:
    """Return a tree of parameters."""
    return ui.linen(
        None, {"params": {"Dense_0": {"kernel": np.ones((4, 3), np.float32), "bias": np.ones(3, np.float32)}}}
    )


def jax_key() -> Any:
    """Return a key."""
    import jax

    return jax.random.key(0)


def keras_again(config: Arguments) -> Any:
    """Return an initializer of Keras from a configuration; without a spec that of a normal."""
    spec = ui.as_keras(ui.normal(0, 1), seed=0, name="a")
    return type(spec).from_config(
        {**config, "spec": spec.get_config()["spec"] if config["spec"] is None else config["spec"]}
    )


def described() -> Arguments:
    """Return the arguments that describe layers."""
    return {"layers": {"Linear": layer()}, "places": {"fc": "head"}}


def drawn(**more: Any) -> Callable[[], Arguments]:
    """Return the arguments that ``draw`` shares with others."""
    return lambda: {
        "spec": ui.he_normal(), "seed": 0, "name": "fc", "layout": "(BO)I", "sizes": {"B": 1}, "fans": (4, 3)
    } | {name: make() if callable(make) else make for name, make in more.items()}  # fmt: skip


SIZES: Inside = {
    "sizes[B]": lambda value: {"sizes": {"B": value}},
    "sizes{key}": lambda value: {"sizes": {value: 1}},
}
FANS: Inside = {
    "fans[0]": lambda value: {"fans": (value, 3)},
    "fans[1]": lambda value: {"fans": (4, value)},
}
ENTRY: Inside = {"values[0]": lambda value: {"values": (value, 2.0)}}
SHAPE: Inside = {
    "shape[0]": lambda value: {"shape": (value, 4)},
    "shape[1]": lambda value: {"shape": [3, value]},
}
NAMES: Inside = {
    "names[path]": lambda value: {"names": {"fc.weight": value}},
    "names{key}": lambda value: {"names": {value: "fc.weight"}},
}
PATTERNS: Inside = {
    "only[0]": lambda value: {"only": [value]},
    "skip[0]": lambda value: {"skip": ("fc.bias", value)},
}


LAYERS: Inside = {
    "layers[key]": lambda value: {"layers": {"Linear": value}},
    "layers{key}": lambda value: {"layers": {value: layer()}},
    "places[glob]": lambda value: {"places": {"fc": value}},
    "places{key}": lambda value: {"places": {value: "head"}},
}
UNDESCRIBED: Inside = {"model": lambda value: {"model": value, "layers": None, "places": None}}
STRIP: Inside = {"strip[0]": lambda value: {"strip": [value]}}


def numbers(**valid: Any) -> Call:
    """Return a call with plain arguments."""
    return Call(valid=lambda: dict(valid))


def config_of_keras(**changes: Any) -> Arguments:
    """Return a configuration of Keras with changes."""
    return {
        "source": {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_in", **changes}}
    }


RECORD_FIELDS: Arguments = {
    "name": "qv", "path": "qv", "shape": (4, 4), "layout": "(BO)I", "sizes": (("B", 2),), "kind": "attention",
    "role": "kernel", "place": "attention.qkv", "block": 0, "dtype": "float32", "inputs": 4, "outputs": 2, "space": 1,
    "groups": 1, "hidden": 0, "features": 0, "padding": None, "axis": None, "parts": (), "ties": ("w",), "native": "Linear",
    "trainable": False, "flipped": True, "doubt": "what it is", "stack": (0, 3, 1),
}  # fmt: skip
RULE_PLACES: Inside = {
    f"{field}[0]": lambda value, field=field: {field: (value,)}  # type: ignore[misc]
    for field in ("kind", "role", "place", "name", "path", "shape", "block", "parts")
}
RULE_PLACES |= {
    "parts{key}": lambda value: {"parts": ((value, ui.zeros()),)},
    "parts[q]": lambda value: {"parts": {"q": value}},
}
DRAW_PLACES: Inside = {
    "seed of zeros": lambda value: {"spec": ui.zeros(), "seed": value},
    "index[0]": lambda value: {"index": (value,)},
    "index[0][0]": lambda value: {"index": ([value],)},
    "index[0][0].start": lambda value: {"index": ([slice(value, None)],)},
    "index[0].start": lambda value: {"index": (slice(value, None),)},
    "index[0].stop": lambda value: {"index": (slice(None, value),)},
    "index[0].step": lambda value: {"index": (slice(None, None, value),)},
    "layout of a vector": lambda value: {
        "spec": ui.normal(0, 1),
        "layout": value,
        "shape": (3,),
        "sizes": None,
    },
    "seed for no backend": lambda value: {"seed": value, "backend": None, "device": None},
    "device for no backend": lambda value: {"device": value, "backend": None},
}
FILL_PLACES: Inside = {
    "tensor of a normal": lambda value: {
        "tensor": value, "spec": ui.normal(0, 1), "layout": None, "sizes": None, "fans": None, "shape": None,
        "index": None,
    },
}  # fmt: skip
RULE_FIELDS: Arguments = {
    "spec": ui.he_normal(), "kind": "linear", "role": ("kernel", "bias"), "place": None, "name": "fc*", "path": "fc*",
    "shape": (3, 4), "block": 1, "depthwise": False, "fused": True, "predicate": bool, "fans": "own", "unit": "part",
    "layout": "(BO)I", "sizes": {"B": 1}, "index": slice(1, None), "stream": ("gamma", "nu"), "parts": (("q", ui.zeros()),), "padding": "drawn", "by_block": 0.5, "optional": True, "note": "why",
}  # fmt: skip

FEW_VALUES = Call(
    lambda: {"values": (0.0, 1.0), "probabilities": (0.5, 0.5)},
    {
        "values[0]": lambda value: {"values": (value, 10.0)},
        "probabilities[0]": lambda value: {"probabilities": (value, 0.5)},
    },
)

MIXTURE = Call(
    lambda: {"weights": (0.5, 0.5), "components": (ui.normal(0, 1), ui.uniform(-1, 1))},
    {
        "weights[0]": lambda value: {"weights": (value, 0.5)},
        "components[0]": lambda value: {"components": (value, ui.normal(0, 1))},
    },
)
SPARSE_OF = numbers(values=ui.normal(0, 1), sparsity=0.5, along="row", at_least_one=True)

CALLS: dict[str, Call] = {
    # distributions and scale rules
    "Normal": Call(), "TruncatedNormal": numbers(lower=-2, upper=2), "Uniform": Call(),
    "Constant": Call(
        lambda: {"value": 1.0},
        {"value[0]": lambda value: {"value": (1.0, value)}, "value[0][0]": lambda value: {"value": [[value, 1.0]]}},
    ),
    "Listed": Call(
        lambda: {"values": (1.0, 2.0), "pads": False},
        {"values[0]": lambda value: {"values": (1.0, value)}},
    ),
    "Quantile": Call(lambda: dataclasses.asdict(quantile())),
    "Laplace": numbers(loc=0.0, scale=1.0), "Logistic": numbers(loc=0.0, scale=1.0),
    "StudentT": numbers(df=4.0, loc=0.0, scale=1.0), "LogNormal": numbers(mu=0.0, sigma=1.0),
    "Cauchy": numbers(loc=0.0, scale=1.0, low=-5.0, high=5.0), "Discrete": FEW_VALUES,
    "Mixture": MIXTURE, "SparseOf": SPARSE_OF,
    "Orthogonal": Call(), "DeltaOrthogonal": Call(), "Identity": Call(), "Dirac": numbers(groups=2),
    "Sparse": numbers(sparsity=0.5), "Hadamard": Call(), "BilinearUpsampling": Call(), "FcnUpsampling": Call(),
    "ConvolutionalOrthogonal": Call(), "Normed": Call(lambda: {"base": ui.normal(0.0, 1.0), "norm": "spectral"}),
    "Formula": Call(
        lambda: {"name": "zigzag", "arguments": (0.0, 1.0)},
        {"arguments[1]": lambda value: {"arguments": (0.0, value)}},
    ),
    "Transform": Call(
        lambda: {"name": "lru_nu_log", "arguments": (0.25, 0.75)},
        {"arguments[0]": lambda value: {"arguments": (value, 0.75)}},
    ),
    "Stft": numbers(side="imag", window="hann", scaling="density", periodic=False),
    "Fixed": numbers(std=1.0, mean=0.0), "Between": numbers(std=1.0, mean=0.0, low=-1.0, high=1.0),
    "Interval": numbers(low=-1.0, high=1.0), "Gain": numbers(gain=1.0),
    "VarianceScaling": numbers(scale=2.0, mode="fan_in"), "InverseFan": numbers(gain=2.0, mode="fan_in"),
    "FanInterval": numbers(low=0.0, high=1.0, mode="fan_in", power=0.5),
    "FanMoments": numbers(std=1.0, mean=0.5, mode="fan_in", power=0.5, mean_power=1.0),
    "VarianceScaling.std_of": Call(
        lambda: {"fan_in": 4, "fan_out": 3}, on=lambda: ui.VarianceScaling(2.0, "fan_avg")
    ),
    "FanInterval.ends_of": Call(
        lambda: {"fan_in": 4, "fan_out": 3}, on=lambda: ui.FanInterval(0.0, 1.0, "fan_avg")
    ),
    "FanMoments.moments_of": Call(
        lambda: {"fan_in": 4, "fan_out": 3}, on=lambda: ui.FanMoments(1.0, 0.5, "fan_avg")
    ),
    "InverseFan.std_of": Call(lambda: {"fan_in": 4, "fan_out": 3}, on=lambda: ui.InverseFan(2.0, "fan_geo_avg")),
    # presets
    **{
        name: Call()
        for name in (
            "bilinear_upsampling", "fcn_upsampling", "glorot_normal", "glorot_uniform", "hadamard", "he_normal", "he_uniform",
            "hippo_b", "hippo_legs", "hippo_legt", "lecun_normal", "lecun_uniform", "ones", "rwkv_time_first",
            "s4d_inv", "s4d_lin", "s4d_real", "zeros", "backends", "recipe_schema",
        )
    },
    "constant": Call(
        lambda: {"value": 1.0},
        {"value[0]": lambda value: {"value": (1.0, value)}, "value[0][0]": lambda value: {"value": [[value, 1.0]]}},
    ),
    "lru_gamma_log": numbers(r_min=0.25, r_max=0.75), "lru_nu_log": numbers(r_min=0.25, r_max=0.75),
    "lru_theta_log": numbers(max_phase=3.0), "mamba2_a_log": numbers(low=1.0, high=16.0),
    "mamba_dt_bias": numbers(shortest=0.001, longest=0.1), "rwkv_time_decay": numbers(layer=1, n_layer=4),
    "rwkv_time_mix": numbers(layer=1, n_layer=4, of="value"),
    "delta_orthogonal": numbers(gain=1.0), "convolutional_orthogonal": numbers(gain=1.0),
    "glorot_orthogonal": numbers(scale=2.0),
    "with_norm": Call(lambda: {"base": ui.normal(0.0, 1.0), "norm": "spectral", "value": 1.0}),
    "dirac": numbers(groups=2), "identity": numbers(gain=1.0),
    "orthogonal": numbers(gain=1.0), "normal": numbers(mean=0.0, std=1.0), "sparse": numbers(sparsity=0.5, std=1.0),
    "kaiming_normal": numbers(a=0.5, mode="fan_in", nonlinearity="leaky_relu"),
    "kaiming_uniform": numbers(a=0.5, mode="fan_in", nonlinearity="leaky_relu"),
    "siren": numbers(w0=30.0, first=False), "uniform": numbers(low=-1.0, high=1.0),
    "stft": numbers(side="real", window="hann", scaling="density", periodic=True),
    "trunc_normal": numbers(mean=0.0, std=1.0, a=-2.0, b=2.0),
    "laplace": numbers(loc=0.0, scale=1.0), "logistic": numbers(loc=0.0, scale=1.0),
    "student_t": numbers(df=4.0, loc=0.0, scale=1.0), "lognormal": numbers(mu=0.0, sigma=1.0),
    "cauchy": numbers(loc=0.0, scale=1.0, low=-5.0, high=5.0), "discrete": FEW_VALUES,
    "rademacher": Call(), "bernoulli": numbers(p=0.5), "mixture": MIXTURE, "sparse_of": SPARSE_OF,
    "truncated_normal": numbers(mean=0.0, std=1.0, lower=-2.0, upper=2.0),
    "uniform_unit_scaling": numbers(factor=1.0),
    "variance_scaling": numbers(scale=2.0, mode="fan_in", distribution="uniform"),
    "xavier_normal": numbers(gain=1.0), "xavier_uniform": numbers(gain=1.0),
    "icnr": Call(lambda: {"base": ui.he_normal(), "factor": 2}),
    "calculate_gain": numbers(nonlinearity="leaky_relu", param=0.1),
    "depth_factor": numbers(n_layer=2, per_layer=2),
    "from_quantile": Call(
        lambda: {"quantile": lambda p: p - 0.5, "upper": None, "low": -0.5, "high": 0.5},
        {
            "quantile()": lambda value: {"quantile": lambda _: value, "low": -9.0, "high": 9.0},
            "upper()": lambda value: {"upper": lambda _: value},
        },
    ),
    # the spec
    "Initializer": Call(
        lambda: {"distribution": ui.Normal(), "scale": ui.Fixed(1.0), "factor": 1.0, "upscale": 1}
    ),
    "Initializer.__mul__": Call(lambda: {"factor": 2.0}, on=ui.he_normal),
    "Initializer.__rmul__": Call(lambda: {"factor": 2.0}, on=ui.he_normal),
    "Initializer.__truediv__": Call(lambda: {"divisor": 2.0}, on=ui.he_normal),
    "Initializer.scaled": Call(lambda: {"factor": 2.0}, on=ui.he_normal),
    **{
        f"Initializer.{method}": Call(
            lambda: {"shape": (3, 4), "layout": "(BO)I", "sizes": {"B": 1}, "fans": None},
            SHAPE | SIZES | FANS,
            on=ui.he_normal,
        )
        for method in ("resolve", "explain")
    },
    "Initializer.law": Call(lambda: {"geometry": bind((3, 4), "OI"), "fans": (4, 3)}, FANS, on=ui.he_normal),
    "Initializer.__neg__": Call(on=ui.he_normal), "Initializer.__pos__": Call(on=ui.he_normal),
    **{
        f"Initializer.{method}": Call(lambda: {"other": ui.normal(0.0, 1.0)}, on=ui.he_normal)
        for method in ("__add__", "__radd__", "__sub__", "__rsub__")
    },
    "along": Call(lambda: {"axes": "O", "values": (1.0, 2.0)}, ENTRY),
    "Along": Call(lambda: {"axes": "O", "values": (1.0, 2.0)}, ENTRY),
    "Along.__neg__": Call(on=array_by_names), "Along.entries": Call(on=array_by_names),
    "Along.inverse": Call(on=array_by_names),
    "Sum": Call(
        lambda: {"terms": (ui.he_normal(), ui.ones())}, {"terms[0]": lambda value: {"terms": (value, ui.ones())}}
    ),
    "Sum.scaled": Call(lambda: {"factor": 2.0}, on=lambda: ui.Sum((ui.he_normal(), ui.ones()))),
    "Scaled": Call(lambda: {"base": ui.he_normal(), "by": array_by_names()}),
    "Scaled.scaled": Call(lambda: {"factor": 2.0}, on=lambda: ui.Scaled(ui.he_normal(), array_by_names())),
    # JSON, and other libraries' initializers
    "to_json": Call(lambda: {"spec": ui.he_normal()}),
    "from_json": Call(lambda: {"text": ui.to_json(ui.he_normal())}),
    "to_dict": Call(lambda: {"spec": ui.he_normal()}),
    "from_dict": Call(
        lambda: {"data": ui.to_dict(ui.he_normal())},
        {"data.scale": lambda value: {"data": ui.to_dict(ui.he_normal()) | {"scale": value}}},
    ),
    "get": Call(
        lambda: {"source": {"name": "normal", "mean": 0.0, "std": 1.0}},
        {
            "source.name": lambda value: {"source": {"name": value}},
            "source.std": lambda value: {"source": {"name": "normal", "mean": 0.0, "std": value}},
            "source.base": lambda value: {"source": {"name": "icnr", "base": value, "factor": 2}},
            "source.key": lambda value: {"source": {"name": "zeros", value: 1} if hashable(value) else value},
        },
        run=ui.get,
    ),
    "plot": Call(
        lambda: {"sample": np.linspace(-1, 1, 50), "law": ui.uniform(-1, 1).resolve((50,)), "axes": None},
    ),
    "from_native": Call(
        lambda: {"source": "jax.nn.initializers.normal", "args": (0.5,), "kwargs": {}},
        {
            "args": lambda value: {"args": (value,)},
            "kwargs": lambda value: {"kwargs": {"stddev": value}, "args": ()},
            "source.class_name": lambda value: {"source": {"class_name": value, "config": {}}, "args": ()},
            "source.config": lambda value: {"source": {"class_name": "Constant", "config": value}, "args": ()},
            "source.config.scale": lambda value: {**config_of_keras(scale=value), "args": ()},
            "source.config.mode": lambda value: {**config_of_keras(mode=value), "args": ()},
            "source.config.seed": lambda value: {**config_of_keras(seed=value), "args": ()},
            "source.config{key}": lambda value: {
                "source": {"class_name": "HeNormal", "config": {value: 1}}, "args": (),
            },
            "source.array": lambda value: {
                "source": {"class_name": "Constant", "config": {"value": {"class_name": "__numpy__", "config": value}}},
                "args": (),
            },
            "source.array.value": lambda value: {
                "source": {
                    "class_name": "Constant",
                    "config": {"value": {"class_name": "__numpy__", "config": {"value": value}}},
                },
                "args": (),
            },
            "source.spec": lambda value: {
                "source": {"class_name": "unified_init>UnifiedInitializer", "config": {"spec": value}}, "args": (),
            },
        },
        run=lambda source, args, kwargs: ui.from_native(source, *args, **kwargs),
    ),
    # draws
    "draw": Call(
        drawn(shape=(3, 4), index=None, dtype="float32", backend="numpy", device="cpu"),
        SHAPE | SIZES | FANS | DRAW_PLACES,
    ),
    "fill": Call(
        drawn(tensor=lambda: np.full((3, 4), 7.0, np.float32), shape=(6, 4), index=(slice(3, 6),)),
        SIZES | FANS | FILL_PLACES,
        watched=("tensor",),
    ),
    "digest": Call(
        lambda: {"tensor": np.ones((2, 3), np.float32), "layout": "(BO)I", "sizes": {"B": 1}},
        SIZES | {"tensor without a layout": lambda value: {"tensor": value, "layout": None, "sizes": None}},
    ),
    "as_jax": Call(
        lambda: {"spec": ui.he_normal(), "layout": "(BO)I", "name": "fc", "sizes": {"B": 1}, "fans": (4, 3)},
        SIZES | FANS,
    ),
    "as_torch": Call(drawn(), SIZES | FANS),
    "register_backend": Call(lambda: {"name": "my_arrays", "module": "my_arrays_adapter"}),
    # records
    "Part": Call(
        lambda: {"label": "q", "length": 2, "path": "w", "box": ((0, 2), (0, 4)), "shift": 0.5, "view": (4, 4)},
        {
            "view[0]": lambda value: {"view": (value, 4)},
            "box": lambda value: {"box": value, "view": None},
            "box[0]": lambda value: {"box": (value,), "view": None},
            "box[0][0]": lambda value: {"box": ((value, 4),), "view": None},
        },
    ),
    "Part.region": Call(
        lambda: {"values": np.ones((4, 4), np.float32)},
        on=lambda: ui.Part(label="q", length=2, path="w", box=((0, 2), (0, 2), (0, 2)), view=(2, 2, 4)),
    ),
    "Record.of_part": Call(lambda: {"part": fused().parts[0]}, on=fused),
    "Split": Call(
        lambda: {"labels": ("q", "k"), "lengths": (2, 1), "blocks": 2},
        {
            "labels[0]": lambda value: {"labels": (value, "k")},
            "lengths[0]": lambda value: {"lengths": [value, 1]},
        },
    ),
    "Split.on": Call(lambda: {"length": 4}, on=lambda: ui.Split(("q", "k"), blocks=2)),
    "Split.parts": Call(
        lambda: {"path": "w", "shape": (3, 4), "axis": 1}, SHAPE, on=lambda: ui.Split(("q", "k"), blocks=2)
    ),
    "Layer": Call(
        lambda: {
            "kind": "linear", "tensors": {"w": ("kernel", "(BO)I"), "b": "bias"}, "centred": False, "fans": (4, 3),
            "sizes": {"B": 1}, "parts": {"w": ("q", "k")},
        },
        SIZES | FANS | {
            "tensors[w]": lambda value: {"tensors": {"w": value}},
            "tensors[w][0]": lambda value: {"tensors": {"w": (value, "OI")}},
            "tensors[w][1]": lambda value: {"tensors": {"w": ("kernel", value)}},
            "tensors{key}": lambda value: {"tensors": {value: "kernel"}},
            "parts[w]": lambda value: {"parts": {"w": value}},
            "parts[w][0]": lambda value: {"parts": {"w": (value, "k")}},
            "parts{key}": lambda value: {"parts": {value: ("q", "k")}},
        },
    ),
    "Record": Call(
        lambda: dict(RECORD_FIELDS),
        {
            "shape[0]": lambda value: {"shape": (value, 4)},
            "sizes[0]": lambda value: {"sizes": (value,)},
            "sizes[0][0]": lambda value: {"sizes": ((value, 2),)},
            "sizes[0][1]": lambda value: {"sizes": (("B", value),)},
            "parts[0]": lambda value: {"parts": (value,), "axis": 0},
            "ties[0]": lambda value: {"ties": (value,)},
            "axis of parts": lambda value: {"parts": fused().parts, "axis": value},
        },
    ),
    "Record.part_shape": Call(lambda: {"part": fused().parts[0]}, on=fused),
    "Inventory": Call(
        lambda: {"framework": "torch", "records": (kernel(),), "left": ("w",)},
        {"records[0]": lambda value: {"records": [value]}, "left[0]": lambda value: {"left": [value, "a"]}},
    ),
    "Inventory.__getitem__": Call(lambda: {"path": "fc.weight"}, on=inventory, expected=(KeyError,)),
    "inventory_to_json": Call(lambda: {"inventory": inventory(), "indent": 2}),
    "inventory_from_json": Call(lambda: {"text": ui.inventory_to_json(inventory())}),
    # recipes
    "Rule": Call(
        lambda: dict(RULE_FIELDS),
        FANS | SIZES | RULE_PLACES | {
            "index[0]": lambda value: {"index": (value,)},
            "index[0].start": lambda value: {"index": (slice(value, None),)},
            "index[0].stop": lambda value: {"index": [(None, value)]},
            "index[0].step": lambda value: {"index": slice(None, None, value)},
        },
    ),
    "Rule.region": Call(lambda: {"shape": (3, 4)}, SHAPE, on=lambda: ui.Rule(spec=ui.zeros(), index=slice(1, None))),
    "Rule.matches": Call(lambda: {"record": kernel()}, on=lambda: ui.Rule(spec=ui.zeros(), kind="linear")),
    "Rule.fans_of": Call(lambda: {"record": kernel()}, on=lambda: ui.Rule(spec=ui.zeros(), fans="torch")),
    "Recipe": Call(
        lambda: {"name": "mine", "rules": (ui.Rule(spec=ui.zeros()),), "source": "here", "blocks": {"*": 2}}
        | described(),
        LAYERS | {
            "rules[0]": lambda value: {"rules": (value,)},
            "blocks{}": lambda value: {"blocks": {value: 2}},
            "blocks[]": lambda value: {"blocks": {"*": value}},
        },
    ),
    "Recipe.rule_for": Call(lambda: {"record": kernel()}, on=recipe),
    "Recipe.before": Call(
        lambda: {"rules": (ui.Rule(spec=ui.zeros()),)},
        {"rules": lambda value: {"rules": (value,)}},
        run=lambda rules: recipe().before(*rules),
    ),
    "recipe_to_json": Call(lambda: {"recipe": recipe(), "indent": None}),
    "recipe_from_json": Call(lambda: {"text": ui.recipe_to_json(recipe())}),
    "recipe_from_yaml": Call(lambda: {"text": ui.recipe_to_json(recipe())}),
    **{
        f"recipes.{name}": Call()
        for name in ui.recipes.__all__
        if not inspect.signature(getattr(ui.recipes, name)).parameters
    },
    **{f"recipes.{name}": numbers(std=0.02) for name in ("bert_google", "bert_hf", "deit_hf", "llama", "whisper")},
    **{f"recipes.{name}": numbers(n_layer=2, std=0.02) for name in ("gpt2", "megatron", "olmo_full_megatron")},
    **{f"recipes.{name}": numbers(d_model=64) for name in ("olmo_mitchell", "small_init")},
    **{f"recipes.{name}": numbers(layer_scale=1e-5) for name in ("deit", "vit_moco", "vit_timm")},
    "recipes.clip": numbers(n_text=2, n_vision=2, factor=1.0, std=0.02),
    "recipes.convnext": numbers(layer_scale=1e-5, head_scale=1.0),
    "recipes.mamba": numbers(state_size=4, std=0.1, n_layer=2),
    "recipes.mamba2": numbers(n_heads=4, std=0.1, n_layer=2),
    "recipes.regnet_timm": numbers(zero_init_last=True),
    "recipes.swin": numbers(zero_init_norms=True),
    "recipes.transformers_default": numbers(initializer_range=0.02, layer_scale=1e-5),
    "recipes.deepnorm": numbers(n_encoder=2, n_decoder=2, encoder_gain=0.87),
    "recipes.fixup": numbers(n_blocks=2, n_layers=2),
    "recipes.magneto": numbers(n_encoder=2, n_decoder=2),
    "recipes.resnet": numbers(zero_init_residual=True),
    "recipes.lru": numbers(r_min=0.25, r_max=0.75, max_phase=3.0), "recipes.normformer": Call(),
    "recipes.rwkv": numbers(n_layer=2, d_model=8, vocab_size=11, d_attention=12, d_ff=16),
    "recipes.s4d": numbers(inverse=True, shortest=0.001, longest=0.1),
    "recipes.siren": numbers(first="0.*", omega=30.0),
    "recipes.t5": numbers(d_model=64, d_kv=8, n_heads=8, d_ff=128, factor=1.0),
    "recipes.t_fixup": numbers(n_encoder=2, n_decoder=2, d_model=64),
    "recipes.vit_jax": numbers(layer_scale=1e-5, fused=True),
    "recipes.vit_jax_nlhb": numbers(num_classes=10, layer_scale=1e-5, fused=True),
    "recipes.wang_init": numbers(n_layer=2, d_model=64),
    "recipes.mup": Call(lambda: {"recipe": recipe(), "base": inventory(), "delta": inventory(8)}),
    "recipes.MuP": Call(lambda: {"recipe": recipe(), "base": inventory(), "delta": inventory(8)}),
    **{
        f"recipes.MuP.{method}": Call(
            lambda: {"inventory": inventory(16)},
            on=lambda: ui.recipes.mup(recipe(), base=inventory(), delta=inventory(8)),
        )
        for method in ("table", "recipe_for")
    },
    # models
    "inspect": Call(lambda: {"model": inventory(), "strip": None} | described(), LAYERS | STRIP | UNDESCRIBED),
    "plan": Call(
        lambda: {"model": inventory(), "recipe": recipe(), "names": {}, "only": "*", "skip": None, "strip": None}
        | described(),
        NAMES | PATTERNS | LAYERS | STRIP | UNDESCRIBED,
    ),
    "Plan.__getitem__": Call(
        lambda: {"path": "fc.weight"}, on=lambda: ui.plan(inventory(), recipe()), expected=(KeyError,)
    ),
    "Plan.to_json": Call(lambda: {"indent": 2}, on=lambda: ui.plan(inventory(), recipe())),
    "match": Call(
        lambda: {"model_a": inventory(), "model_b": inventory(), "given": {}, "inputs": None, "strict": True}
        | described(),
        LAYERS | {
            "given[path]": lambda value: {"given": {"fc.weight": value}},
            "given{key}": lambda value: {"given": {value: "fc.weight"}},
        },
    ),
    "NameMap.__getitem__": Call(
        lambda: {"path": "a"}, on=lambda: ui.NameMap((("a", "b"),)), expected=(KeyError,)
    ),
    "Report.to_json": Call(on=report),
    **{f"{name}.to_json": Call(lambda: {"indent": 2}, on=on) for name, on in (
        ("Audit", audit), ("CoordCheck", coordinates), ("Probe", probed),
    )},
    "Audit.__getitem__": Call(lambda: {"path": "w"}, on=audit, expected=(KeyError,)),
    "Probe.__getitem__": Call(lambda: {"name": "fc"}, on=probed, expected=(KeyError,)),
    "Audit.table": Call(on=audit),
    **{
        f"{name}.chart": Call(lambda: {"path": "chart.png"}, on=on, needs=("matplotlib",))
        for name, on in (("Audit", audit), ("CoordCheck", coordinates), ("Probe", probed))
    },
    "haiku": Call(
        lambda: {
            "transformed": Function(), "params": {"linear": {}}, "example_args": (1,), "state": {}, "kwargs": {"x": 1},
        },
        {
            "params[0]": lambda value: {"params": {"linear": value}}, "state[0]": lambda value: {"state": {"a": value}},
            "example_args": lambda value: {"example_args": (value,)}, "kwargs": lambda value: {"kwargs": {"x": value}},
        },
        run=lambda transformed, params, example_args, state, kwargs: ui.haiku(
            transformed, params, *example_args, state=state, **kwargs
        ),
    ),
    "Haiku": Call(
        lambda: {"transformed": Function(), "params": {"linear": {}}, "state": {}, "args": (), "kwargs": {}},
    ),
    "linen": Call(
        lambda: {"module": None, "variables": {"params": {}}, "args": (1,), "kwargs": {"x": 1}},
        {"args": lambda value: {"args": (value,)}, "kwargs": lambda value: {"kwargs": {"x": value}}},
        run=lambda module, variables, args, kwargs: ui.linen(module, variables, *args, **kwargs),
    ),
    "Linen": Call(lambda: {"module": None, "variables": {"params": {}}, "args": (), "kwargs": {}}),
    # tests
    "testing.assert_follows": Call(
        lambda: {"sample": sample(), "law": law(), "alpha": 1e-9}, expected=(AssertionError,)
    ),
    "testing.assert_identical": Call(
        lambda: {
            "a": np.ones((2, 3)), "b": np.ones((2, 3)), "layout_a": "(BO)I", "layout_b": "(BO)I", "sizes_a": {"B": 1},
            "sizes_b": {"B": 1},
        },
        expected=(AssertionError,),
    ),
    "testing.assert_independent": Call(
        lambda: {"samples": (sample(), sample(1)), "alpha": 1e-9},
        {"samples": lambda value: {"samples": (value, sample())}},
        run=lambda samples, alpha: resolved("testing.assert_independent")(*samples, alpha=alpha),
        expected=(AssertionError,),
    ),
    "testing.assert_same_law": Call(
        lambda: {"sample_a": sample(), "sample_b": sample(1), "alpha": 1e-9}, expected=(AssertionError,)
    ),
    "testing.check_backend": Call(lambda: {"name": "numpy"}),
    "testing.compare": Call(lambda: {"sample_a": sample(), "sample_b": sample(1)}),
    "testing.examine": Call(lambda: {"sample": sample(), "law": law()}),
    "testing.family_p": Call(
        lambda: {"findings": resolved("testing.examine")(sample(), law())},
        {"findings[0]": lambda value: {"findings": [value]}},
    ),
    # what needs a framework
    **{
        f"draw in {backend}": Call(
            drawn(shape=(3, 4), index=None, dtype="float32", backend=backend, device=None),
            SHAPE | SIZES | FANS,
            run=ui.draw,
            needs=(backend,),
        )
        for backend in ("torch", "tensorflow", "jax")
    },
    "fill a torch.Tensor": Call(
        drawn(tensor=torch_tensor, shape=None, index=None), SIZES | FANS | FILL_PLACES, run=ui.fill, needs=("torch",),
        watched=("tensor",),
    ),
    "as_jax()": Call(
        lambda: {"key": jax_key(), "shape": (3, 4), "dtype": "float32"},
        SHAPE,
        run=ui.as_jax(ui.he_normal(), layout="OI"),
        needs=("jax",),
    ),
    "as_torch()": Call(
        lambda: {"tensor": torch_tensor()},
        run=ui.as_torch(ui.he_normal(), seed=0, name="fc", layout="OI"),
        needs=("torch",),
    ),
    "as_torch() of a seed": Call(
        lambda: {"seed": 0},
        run=lambda seed: ui.as_torch(ui.he_normal(), seed=seed, name="fc", layout="OI")(torch_tensor()),
        needs=("torch",),
    ),
    "as_keras": Call(drawn(), SIZES | FANS, needs=("tensorflow",)),
    "as_keras()": Call(
        lambda: {"shape": (3, 4), "dtype": "float32", "layout": None},
        SHAPE,
        run=lambda shape, dtype, layout: ui.as_keras(ui.he_normal(), seed=0, name="fc", layout="OI")(
            shape, dtype, layout=layout
        ),
        needs=("tensorflow",),
    ),
    "as_keras().from_config": Call(
        lambda: {"spec": None, "seed": 0, "name": "fc", "layout": "OI", "sizes": None, "fans": None},
        SIZES | FANS,
        run=lambda **config: keras_again(config),
        needs=("tensorflow",),
    ),
    **{
        name: Call(
            lambda model=model: {"model": model(), "recipe": recipe()} | {  # type: ignore[misc]
                "seed": 0, "names": None, "only": None, "skip": None, "loaded": None, "overwrite": False,
                "inventory": None, "strip": None, "layers": None, "places": None,
            } | (described() if model is torch_model else {}),
            NAMES | PATTERNS | STRIP | {"loaded[0]": lambda value: {"loaded": [value]}}
            | (LAYERS | UNDESCRIBED if model is torch_model else {}),
            run=ui.apply,
            needs=needs,
            watched=() if needs == ("jax",) else ("model",),
        )
        for name, model, needs in (
            ("apply", torch_model, ("torch",)),
            ("apply to a keras.Model", keras_model, ("tensorflow",)),
            ("apply to a Linen tree", linen_model, ("jax",)),
        )
    },
    "save": Call(
        lambda: {
            "source": inventory(), "recipe": recipe(), "folder": "folder", "seed": 0, "dtype": None, "names": None,
            "max_shard_size": "5GB", "format": "safetensors", "overwrite": True, "progress": None,
        },
        NAMES,
    ),
    "verify": Call(
        lambda: {"source": saved(), "recipe": None, "seed": None, "names": None, "samples": None},
        NAMES,
    ),
    "materialize": Call(
        lambda: {
            "model": torch_model(), "recipe": recipe(), "seed": 0, "device": None, "dtype": None, "names": None,
            "only": None, "skip": None, "strip": None, "layers": None, "places": None,
        } | described(),
        NAMES | PATTERNS | STRIP | LAYERS | UNDESCRIBED,
        needs=("torch",),
        watched=("model",),
    ),
    "unfilled": Call(needs=("torch",)),
    "agree": Call(
        lambda: {"report": ui.Report("r", 0, "s", "", ()), "recipe": recipe(), "group": None},
        run=agreed,
        needs=("torch",),
    ),
    "audit": Call(
        lambda: {
            "model": torch_model(), "recipe": recipe(), "alpha": 1e-9, "inventory": None, "strip": None,
        } | described(),
        LAYERS | UNDESCRIBED,
        needs=("torch",),
    ),
    "read": Call(lambda: {"model": torch_model(), "path": "fc.weight"}, needs=("torch",)),
    "digests": Call(lambda: {"model": torch_model(), "names": {}}, NAMES, needs=("torch",)),
    "transfer": Call(
        lambda: {
            "source": torch_state(), "target": torch_model(), "names": None, "inventory": inventory(), "strict": True,
        },
        NAMES | {
            "source[path]": lambda value: {"source": torch_state() | {"fc.bias": value}},
            "source{key}": lambda value: {"source": torch_state() | {value: torch_batch()}},
        },
        needs=("torch",),
        watched=("target",),
    ),
    "verify_match": Call(
        lambda: {
            "model_a": torch_model(), "model_b": torch_model(), "names": {},
            "inputs": (torch_batch(), torch_batch()), "recipe": None, "seed": 0, "tolerance": 1e-3,
        },
        NAMES | {
            "inputs[0]": lambda value: {"inputs": (value, torch_batch())},
            "inputs[0]()": lambda value: {"inputs": (lambda _: value, torch_batch())},
            "inputs[1][0]": lambda value: {"inputs": (torch_batch(), (value,))},
        },
        needs=("torch",),
        watched=("model_a", "model_b"),
    ),
    "match of torch.nn.Modules": Call(
        lambda: {"model_a": torch_model(), "model_b": torch_model(), "inputs": (torch_batch(), torch_batch())},
        {"inputs[0]": lambda value: {"inputs": (value, torch_batch())}},
        run=ui.match,
        needs=("torch",),
        watched=("model_a", "model_b"),
    ),
    "probe": Call(lambda: {"model": torch_model(), "batch": torch_batch(), "loss": None}, needs=("torch",)),
    "probe of a keras.Model": Call(
        lambda: {"model": keras_model(), "batch": np.ones((2, 4), np.float32), "loss": None},
        run=ui.probe,
        needs=("tensorflow",),
    ),
    "coord_check": Call(
        lambda: {
            "make_model": torch_model, "widths": (4, 8), "batch": torch_batch(), "recipe": None, "loss": None,
            "optimizer": "sgd", "lr": 0.1, "steps": 1, "seeds": (0,),
        },
        {
            "make_model()": lambda value: {"make_model": lambda _: value},
            "widths[0]": lambda value: {"widths": [value, 8]},
            "seeds[0]": lambda value: {"seeds": [value]},
            "loss()": lambda value: {"loss": lambda _: value},
            "optimizer()": lambda value: {"optimizer": lambda _: value},
        },
        needs=("torch",),
    ),
    **{
        f"{function} a {kind}": Call(lambda model=model: {"model": model()}, run=getattr(ui, function), needs=needs)  # type: ignore[misc]
        for function in ("inspect",)
        for kind, model, needs in (
            ("torch.nn.Module", torch_model, ("torch",)),
            ("keras.Model", keras_model, ("tensorflow",)),
            ("Linen tree", linen_model, ("jax",)),
        )
    },
}  # fmt: skip
