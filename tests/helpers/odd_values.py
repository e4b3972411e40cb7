"""Values that nobody means to pass: what the tests of refusals put into every argument.

Each has a name and a function that makes it anew, since some (generators) can be used only once. ``CORE`` needs NumPy;
``FRAMEWORKS`` has what torch, TensorFlow with Keras, and JAX add, in functions that import them.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import fractions
import functools
import itertools
import pathlib
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import ml_dtypes
import numpy as np

__all__ = ["CORE", "FRAMEWORKS", "Values"]

Values = Mapping[str, Callable[[], Any]]

HUGE = 10**5000  # longer than Python prints


class Unprintable:
    """Its repr raises."""

    def __repr__(self) -> str:
        """Raise what no handler of ours expects."""
        message = "no repr"
        raise RuntimeError(message)


def failing(*methods: str, error: type[Exception] = RuntimeError, base: type = object) -> Any:
    """Return an object whose methods of these names raise."""

    def method(*_: object, **__: object) -> NoReturn:
        raise error(", ".join(methods))

    return type("Failing", (base,), dict.fromkeys(methods, method))()


class Lying:
    """Answers every protocol with another type than it asks for."""

    def _wrong(self, *_: object) -> Any:
        return "wrong"

    __index__ = __float__ = __int__ = __len__ = __array__ = __str__ = _wrong
    __eq__ = _wrong
    __hash__ = None  # type: ignore[assignment]


class Eager:
    """Has every attribute that it is asked for, as mocks do."""

    def __getattr__(self, name: str) -> Any:
        """Return another one, but for the protocols of Python."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Eager()


class Closed:
    """Every attribute raises an error that is no AttributeError."""

    def __getattr__(self, name: str) -> Any:
        """Raise."""
        message = f"closed: {name}"
        raise RuntimeError(message)


class Truthless:
    """Comparisons give an object without a truth value, as the arrays of frameworks do."""

    def __eq__(self, other: object) -> Any:
        """Return itself, which is neither true nor false."""
        return self

    def __bool__(self) -> bool:
        """Raise, as NumPy does."""
        message = "ambiguous"
        raise ValueError(message)

    __hash__ = object.__hash__


class Word(str):
    """A subclass of str that prints otherwise."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return another text than it holds."""
        return "other"


class Whole(int):
    """A subclass of int that prints otherwise."""

    def __repr__(self) -> str:
        """Raise."""
        message = "no repr"
        raise RuntimeError(message)

    __str__ = __repr__


class Color(enum.Enum):
    """An enumeration."""

    RED = "float32"


class Number(enum.IntEnum):
    """An enumeration of integers."""

    THREE = 3


class Pair(NamedTuple):
    """A named tuple."""

    a: int
    b: int


class Thing:
    """An object that can be referred to weakly."""


THING = Thing()


def recursive_list() -> list[Any]:
    """Return a list that holds itself."""
    value: list[Any] = [1]
    value.append(value)
    return value


def recursive_dict() -> dict[str, Any]:
    """Return a dict that holds itself."""
    value: dict[str, Any] = {"class_name": "HeNormal"}
    value["config"] = value
    return value


@functools.cache
def deep_list() -> list[Any]:
    """Return a list nested deeper than Python recurses; made once, since taking it apart costs time."""
    value: list[Any] = []
    for _ in range(20_000):
        value = [value]
    return value


def read_only() -> Any:
    """Return an array that cannot be written."""
    array = np.zeros(3, np.float32)
    array.flags.writeable = False
    return array


def records() -> Any:
    """Return a structured array."""
    return np.zeros(2, [("a", "f4"), ("b", "i4")])


def objects(*entries: Any) -> Any:
    """Return an array of objects."""
    array = np.empty(len(entries), object)
    array[:] = entries
    return array


CORE: Values = {
    # singletons and words
    "None": lambda: None,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "True": lambda: True,
    "False": lambda: False,
    "empty str": str,
    "str": lambda: "nonsense",
    "str of digits": lambda: "3",
    "str nan": lambda: "nan",
    "long str": lambda: "x" * 100_000,
    "str with NUL": lambda: "a\0b",
    "str with a surrogate": lambda: "\ud800",
    "str with a newline": lambda: "a\nb",
    "str with braces": lambda: "{0.__class__}%s",
    "str of a bad pattern": lambda: "re:(",
    "subclass of str": lambda: Word("float32"),
    "np.str_": lambda: np.str_("OI"),
    "bytes": lambda: b"OI",
    "bytearray": lambda: bytearray(b"OI"),
    "memoryview": lambda: memoryview(b"OI"),
    "Enum": lambda: Color.RED,
    "IntEnum": lambda: Number.THREE,
    "path": lambda: pathlib.PurePosixPath("a/b"),
    # numbers
    "0": lambda: 0,
    "1": lambda: 1,
    "3": lambda: 3,
    "-1": lambda: -1,
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "-2**63 - 1": lambda: -(2**63) - 1,
    "huge int": lambda: HUGE,
    "negative huge int": lambda: -HUGE,
    "subclass of int": lambda: Whole(3),
    "0.0": lambda: 0.0,
    "-0.0": lambda: -0.0,
    "0.5": lambda: 0.5,
    "3.0": lambda: 3.0,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "1e308": lambda: 1e308,
    "5e-324": lambda: 5e-324,
    "1j": lambda: 1j,
    "Decimal": lambda: decimal.Decimal("0.5"),
    "Decimal sNaN": lambda: decimal.Decimal("sNaN"),
    "Fraction": lambda: fractions.Fraction(1, 2),
    "huge Fraction": lambda: fractions.Fraction(HUGE, 3),
    "huge fractions of one": lambda: fractions.Fraction(HUGE + 1, HUGE),
    # scalars of NumPy
    "np.int64": lambda: np.int64(3),
    "np.uint8": lambda: np.uint8(3),
    "np.bool": lambda: np.bool(1),
    "np.float32": lambda: np.float32(0.5),
    "np.float16 inf": lambda: np.float16("inf"),
    "np.float64 nan": lambda: np.float64("nan"),
    "np.longdouble": lambda: np.longdouble("0.5"),
    "np.complex64": lambda: np.complex64(1),
    "ml_dtypes.bfloat16": lambda: ml_dtypes.bfloat16(0.5),
    "ml_dtypes.int4": lambda: ml_dtypes.int4(3),
    "np.timedelta64": lambda: np.timedelta64(3, "s"),
    "np.timedelta64 bare": lambda: np.timedelta64(3),
    "np.timedelta64 NaT": lambda: np.timedelta64("NaT"),
    "np.datetime64": lambda: np.datetime64("2020-01-01"),
    "np.datetime64 NaT": lambda: np.datetime64("NaT"),
    "np.bytes_": lambda: np.bytes_(b"OI"),
    "np.void": lambda: np.void(b"\x03\0\0\0"),
    "np.void record": lambda: records()[0],
    "np.ma.masked": lambda: np.ma.masked,
    "timedelta": lambda: dt.timedelta(seconds=3),
    "datetime": lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    # arrays
    "0-d int array": lambda: np.array(3),
    "0-d float array": lambda: np.array(0.5),
    "0-d bool array": lambda: np.array(True),  # noqa: FBT003
    "0-d str array": lambda: np.array("OI"),
    "0-d object array": lambda: np.array(3, dtype=object),
    "0-d timedelta array": lambda: np.array(3, "m8[s]"),
    "int array": lambda: np.array([3, 4]),
    "int array of one": lambda: np.array([3]),
    "float array": lambda: np.array([0.5, 1.5]),
    "float32 matrix": lambda: np.ones((3, 4), np.float32),
    "bool array": lambda: np.array([True, False]),
    "nan array": lambda: np.full(3, np.nan, np.float32),
    "inf array": lambda: np.full(3, np.inf, np.float32),
    "complex array": lambda: np.array([1j, 2.0]),
    "empty array": lambda: np.zeros(0),
    "str array": lambda: np.array(["OI", "IO"]),
    "bytes array": lambda: np.array([b"OI", b"IO"]),
    "timedelta array": lambda: np.array([3, 4], "m8[s]"),
    "datetime array": lambda: np.array(["2020-01-01"], "M8[D]"),
    "object array": lambda: objects(3, 0.5, None),
    "object array of ints": lambda: objects(3, 4),
    "object array of huge ints": lambda: objects(HUGE, 3),
    "object array of arrays": lambda: objects(np.zeros(2), np.zeros(3)),
    "object array of the unprintable": lambda: objects(Unprintable(), 3),
    "structured array": records,
    "void array": lambda: np.zeros(2, "V4"),
    "masked array": lambda: np.ma.array([3, 4], mask=[False, True]),
    "0-d masked array": lambda: np.ma.array(3, mask=True),
    "masked array without masked values": lambda: np.ma.array([3, 4]),
    "read-only array": read_only,
    "array of the other byte order": lambda: np.ones(3, ">f4"),
    "expanded array": lambda: np.broadcast_to(np.float32(1), (3, 4)),
    "array of 33 axes": lambda: np.zeros((1,) * 33, np.float32),
    "np.dtype": lambda: np.dtype("int32"),
    "structured np.dtype": lambda: np.dtype([("a", "f4")]),
    "np.float32 class": lambda: np.float32,
    "np.random.Generator": lambda: np.random.default_rng(0),
    "np.random.RandomState": lambda: np.random.RandomState(0),
    "np.s_": lambda: np.s_[0:1, ...],
    # containers
    "empty tuple": tuple,
    "tuple": lambda: (3, 4),
    "tuple of floats": lambda: (3.0, 4.0),
    "tuple of None": lambda: (None, None),
    "tuple of huge ints": lambda: (HUGE, HUGE),
    "tuple of the unprintable": lambda: (Unprintable(), 3),
    "tuple of failing": lambda: (failing("__index__", "__float__", "__repr__"), 3),
    "tuple of timedelta64": lambda: (np.timedelta64(3, "s"), 4),
    "list": lambda: [3, 4],
    "empty list": list,
    "list of str": lambda: ["OI", "weight"],
    "list of lists": lambda: [[3], [4, 5]],
    "recursive list": recursive_list,
    "recursive dict": recursive_dict,
    "deep list": deep_list,
    "dict": lambda: {"B": 2},
    "dict of ints": lambda: {3: 4},
    "dict of the unprintable": lambda: {"B": Unprintable()},
    "empty dict": dict,
    "dict of a class name": lambda: {"class_name": "HeNormal", "config": 3},
    "mapping proxy": lambda: types.MappingProxyType({"B": 2}),
    "failing mapping": lambda: failing("__getitem__", "__iter__", "__len__", base=collections.UserDict),
    "failing dict": lambda: failing("items", "keys", "get", "__iter__", base=dict),
    "set": lambda: {3, 4},
    "frozenset": lambda: frozenset({3, 4}),
    "deque": lambda: collections.deque([3, 4]),
    "range": lambda: range(3, 5),
    "long range": lambda: range(10**12),
    "slice": lambda: slice(0, 1),
    "slice of nonsense": lambda: slice("a", Unprintable(), HUGE),
    "generator": lambda: (length for length in (3, 4)),
    "endless generator": lambda: itertools.count(1),
    "failing generator": lambda: (1 // (2 - length) for length in (1, 2)),
    "map": lambda: map(int, "34"),
    "zip": lambda: zip([3], [4], strict=True),
    "namedtuple": lambda: Pair(3, 4),
    "Counter": lambda: collections.Counter("OI"),
    # code
    "class": lambda: int,
    "own class": lambda: Thing,
    "lambda": lambda: lambda *_, **__: 3,
    "failing function": lambda: lambda *_, **__: 1 // 0,
    "builtin": lambda: len,
    "module": lambda: itertools,
    "method": lambda: "a".upper,
    "type of types": lambda: type,
    "exception": lambda: ValueError("a"),
    "weakref": lambda: weakref.ref(THING),
    "weak proxy": lambda: weakref.proxy(THING),
    # objects
    "object": object,
    "unprintable": Unprintable,
    "unprintable class": lambda: type("Meta", (type,), {"__repr__": Unprintable.__repr__})("Cls", (), {}),
    "__eq__ raises": lambda: failing("__eq__"),
    "__hash__ raises": lambda: failing("__hash__"),
    "__len__ raises": lambda: failing("__len__"),
    "__bool__ raises": lambda: failing("__bool__"),
    "__index__ raises": lambda: failing("__index__"),
    "__index__ raises a TypeError": lambda: failing("__index__", error=TypeError),
    "__index__ overflows": lambda: failing("__index__", "__float__", error=OverflowError),
    "__float__ raises": lambda: failing("__float__"),
    "__array__ raises": lambda: failing("__array__"),
    "__iter__ raises": lambda: failing("__iter__"),
    "__getitem__ raises": lambda: failing("__getitem__", "__len__"),
    "__str__ raises": lambda: failing("__str__"),
    "__call__ raises": lambda: failing("__call__"),
    "Real whose __float__ raises": lambda: failing("__float__", base=fractions.Fraction),
    "int whose __index__ raises": lambda: failing("__index__", "__eq__", "__lt__", base=int),
    "str whose methods raise": lambda: failing(
        "__eq__", "__hash__", "__len__", "encode", "__str__", base=str
    ),
    "list whose methods raise": lambda: failing("__iter__", "__len__", "__repr__", base=list),
    "everything raises": lambda: failing(
        "__repr__",
        "__eq__",
        "__len__",
        "__bool__",
        "__index__",
        "__array__",
        "__hash__",
        "__float__",
        "__iter__",
    ),
    "lying": Lying,
    "eager": Eager,
    "closed": Closed,
    "truthless": Truthless,
}


def _torch() -> Values:
    """Return the values of torch."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    def fake(*shape: int) -> Any:
        with FakeTensorMode():
            return torch.ones(shape)

    def quantized() -> Any:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8)

    def nested() -> Any:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])

    def freed() -> Any:
        tensor = torch.ones(3)
        tensor.untyped_storage().resize_(0)
        return tensor

    return {
        "torch int": lambda: torch.tensor(3),
        "torch float": lambda: torch.tensor(0.5),
        "torch bool": lambda: torch.tensor(True),  # noqa: FBT003
        "torch complex": lambda: torch.tensor(1j),
        "torch bfloat16": lambda: torch.tensor(0.5, dtype=torch.bfloat16),
        "torch ints": lambda: torch.tensor([3, 4]),
        "torch floats": lambda: torch.ones(3),
        "torch matrix": lambda: torch.ones(3, 4),
        "torch of one": lambda: torch.tensor([3]),
        "torch empty": lambda: torch.zeros(0),
        "torch nan": lambda: torch.tensor(float("nan")),
        "torch with a gradient": lambda: torch.ones(3, requires_grad=True),
        "torch float with a gradient": lambda: torch.tensor(0.5, requires_grad=True),
        "torch.nn.Parameter": lambda: torch.nn.Parameter(torch.ones(3, 4)),
        "torch lazy parameter": torch.nn.UninitializedParameter,
        "torch meta": lambda: torch.ones(3, 4, device="meta"),
        "torch meta scalar": lambda: torch.tensor(3, device="meta"),
        "torch fake": lambda: fake(3, 4),
        "torch fake scalar": fake,
        "torch sparse": lambda: torch.eye(3).to_sparse(),
        "torch quantized": quantized,
        "torch nested": nested,
        "torch conjugate": lambda: torch.tensor([1j]).conj(),
        "torch expanded": lambda: torch.ones(1).expand(3, 4),
        "torch freed": freed,
        "torch.Size": lambda: torch.Size([3, 4]),
        "torch.dtype": lambda: torch.int32,
        "torch.device": lambda: torch.device("cpu"),
        "torch.Generator": torch.Generator,
        "torch class": lambda: torch.Tensor,
        "torch function": lambda: torch.nn.init.dirac_,
        "torch module": lambda: torch.nn.Linear(4, 3),
        "torch.nn.Identity class": lambda: torch.nn.Identity,
        "torch package": lambda: torch,
        "torch tuple": lambda: (torch.tensor(3), torch.tensor(4)),
        "torch float tuple": lambda: (torch.tensor(3.0), torch.tensor(4.0)),
        "torch fake tuple": lambda: (fake(), fake(3)),
        "torch dict": lambda: {"B": torch.tensor(2)},
        "torch state": lambda: torch.nn.Linear(4, 3).state_dict(),
    }


def _tensorflow() -> Values:
    """Return the values of TensorFlow and Keras."""
    import keras
    import tensorflow as tf

    def symbolic(*shape: int) -> Any:
        with tf.Graph().as_default():
            return tf.compat.v1.placeholder(tf.int32, shape)

    return {
        "tf int": lambda: tf.constant(3),
        "tf float": lambda: tf.constant(0.5),
        "tf bool": lambda: tf.constant(True),  # noqa: FBT003
        "tf string": lambda: tf.constant("OI"),
        "tf ints": lambda: tf.constant([3, 4]),
        "tf floats": lambda: tf.ones(3),
        "tf matrix": lambda: tf.ones((3, 4)),
        "tf of one": lambda: tf.constant([3]),
        "tf empty": lambda: tf.zeros(0),
        "tf variant": lambda: tf.data.experimental.to_variant(tf.data.Dataset.range(1)),
        "tf.Variable": lambda: tf.Variable(tf.ones((3, 4))),
        "tf int variable": lambda: tf.Variable(3),
        "tf.RaggedTensor": lambda: tf.ragged.constant([[1], [2, 3]]),
        "tf.SparseTensor": lambda: tf.sparse.from_dense(tf.eye(3)),
        "tf symbolic": lambda: symbolic(3, 4),
        "tf symbolic scalar": symbolic,
        "tf.TensorShape": lambda: tf.TensorShape([3, 4]),
        "tf.TensorShape of an unknown length": lambda: tf.TensorShape([None, 4]),
        "tf.TensorShape of an unknown rank": lambda: tf.TensorShape(None),
        "tf.DType": lambda: tf.int32,
        "tf resource dtype": lambda: tf.resource,
        "tf.random.Generator": lambda: tf.random.Generator.from_seed(0),
        "tf module": tf.Module,
        "tf.function": lambda: tf.function(lambda x: x),
        "tf package": lambda: tf,
        "tf tuple": lambda: (tf.constant(3), tf.constant(4)),
        "tf symbolic tuple": lambda: (symbolic(), symbolic()),
        "tf dict": lambda: {"B": tf.constant(2)},
        "keras.KerasTensor": lambda: keras.KerasTensor((3, 4)),
        "keras scalar": lambda: keras.KerasTensor((), "int32"),
        "keras.Input": lambda: keras.Input((3,)),
        "keras.Variable": lambda: keras.Variable(np.ones((3, 4), np.float32)),
        "keras tuple": lambda: (keras.KerasTensor(()), keras.KerasTensor((3,))),
        "keras layer": lambda: keras.layers.Dense(3),
        "keras class": lambda: keras.layers.Dense,
        "keras initializer": keras.initializers.HeNormal,
        "keras seed": lambda: keras.random.SeedGenerator(0),
    }


def _jax() -> Values:
    """Return the values of JAX."""
    import jax
    import jax.numpy as jnp

    def traced(value: Any) -> Any:
        kept: list[Any] = []

        def keep(x: Any) -> Any:
            kept.append(x)
            return x

        jax.make_jaxpr(keep)(value)
        return kept[0]

    def deleted(value: Any) -> Any:
        array = jnp.array(value)
        array.delete()
        return array

    return {
        "jax int": lambda: jnp.array(3),
        "jax float": lambda: jnp.array(0.5),
        "jax bool": lambda: jnp.array(True),  # noqa: FBT003
        "jax bfloat16": lambda: jnp.array(0.5, jnp.bfloat16),
        "jax ints": lambda: jnp.array([3, 4]),
        "jax floats": lambda: jnp.ones(3),
        "jax matrix": lambda: jnp.ones((3, 4)),
        "jax of one": lambda: jnp.array([3]),
        "jax empty": lambda: jnp.zeros(0),
        "jax complex": lambda: jnp.array(1j),
        "jax tracer": lambda: traced(jnp.ones((3, 4))),
        "jax int tracer": lambda: traced(3),
        "jax bool tracer": lambda: traced(jnp.array(True)),  # noqa: FBT003
        "jax key": lambda: jax.random.key(0),
        "jax keys": lambda: jax.random.split(jax.random.key(0), 3),
        "jax key of another implementation": lambda: jax.random.key(0, impl="rbg"),
        "jax old key": lambda: jax.random.PRNGKey(0),
        "jax key tracer": lambda: traced(jax.random.key(0)),
        "jax.ShapeDtypeStruct": lambda: jax.ShapeDtypeStruct((3, 4), jnp.float32),
        "jax scalar ShapeDtypeStruct": lambda: jax.ShapeDtypeStruct((), jnp.int32),
        "jax deleted": lambda: deleted([3.0, 4.0]),
        "jax deleted scalar": lambda: deleted(3),
        "jax dtype": lambda: jnp.int32,
        "jax key dtype": lambda: jax.random.key(0).dtype,
        "jax device": lambda: jax.devices()[0],
        "jax sharding": lambda: jax.sharding.SingleDeviceSharding(jax.devices()[0]),
        "jax function": lambda: jax.nn.initializers.normal(1.0),
        "jax jitted": lambda: jax.jit(lambda x: x),
        "jax package": lambda: jax,
        "jax tuple": lambda: (jnp.array(3), jnp.array(4)),
        "jax traced tuple": lambda: (traced(3), traced(4)),
        "jax deleted tuple": lambda: (deleted(3), deleted(4)),
        "jax dict": lambda: {"B": jnp.array(2)},
    }


FRAMEWORKS: Mapping[str, Callable[[], Values]] = {"torch": _torch, "tensorflow": _tensorflow, "jax": _jax}
