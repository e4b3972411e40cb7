"""The peers' own initializers, drawn and returned as NumPy arrays. Every draw has a fixed seed."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Array = np.ndarray[Any, Any]
    Keras = Callable[[str], Mapping[str, Array]]

KERAS_BACKENDS = ("tensorflow", "jax", "torch")
KERAS_SCRIPT = pathlib.Path(__file__).with_name("natives_keras.py")
# What a row is measured on: enough for a relative error of 0.0007 in the std of a normal.
N = 2**20


def torch_draw(
    name: str, shape: tuple[int, ...], seed: int = 0, dtype: str = "float32", **kwargs: Any
) -> Any:
    """Call a function of torch.nn.init with a generator of its own, on a new tensor, which is returned."""
    import torch

    function = getattr(torch.nn.init, name)
    tensor = torch.empty(shape, dtype=getattr(torch, dtype))
    if "generator" in inspect.signature(function).parameters:
        kwargs["generator"] = torch.Generator().manual_seed(seed)
    with torch_seed(seed):  # sparse_ places its zeros by the global one
        return function(tensor, **kwargs)


def torch_seed(seed: int) -> Any:
    """Return a context in which PyTorch's global generator has a seed, and behind which it has its state."""
    import contextlib

    import torch

    @contextlib.contextmanager
    def seeded() -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield

    return seeded()


def torch_layer(make: Callable[[Any], Any], weight: str, seed: int = 0) -> Array:
    """Return a weight of a module that is made under a seed."""
    import torch

    with torch_seed(seed):
        tensor = getattr(make(torch.nn), weight)
    return tensor.detach().numpy()


def jax_draw(
    name: str, shape: tuple[int, ...], seed: int = 0, dtype: str = "float32", *args: Any, **kwargs: Any
) -> Array:
    """Draw with an initializer of jax.nn.initializers."""
    import jax

    made = getattr(jax.nn.initializers, name)
    if name not in {"zeros", "ones"}:  # initializers already
        made = made(*args, **kwargs)
    return np.asarray(made(jax.random.key(seed), shape, jax.numpy.dtype(dtype)))


def haiku_draw(
    name: str, shape: tuple[int, ...], seed: int = 0, dtype: str = "float32", *args: Any, **kwargs: Any
) -> Array:
    """Draw with an initializer of Haiku, inside the transform that it needs."""
    import haiku
    import jax

    def program() -> Any:
        return getattr(haiku.initializers, name)(*args, **kwargs)(shape, jax.numpy.dtype(dtype))

    return np.asarray(haiku.transform(program).apply({}, jax.random.key(seed)))


def haiku_init(program: Callable[[], object], seed: int = 0) -> Any:
    """Return the parameters that a Haiku program makes."""
    import haiku
    import jax

    return haiku.transform(program).init(jax.random.key(seed))


def flax_init(module: Any, *inputs: Any, seed: int = 0) -> Any:
    """Return the parameters of a Linen module."""
    import jax

    return module.init(jax.random.key(seed), *inputs)["params"]


def tf1_draw(
    name: str, shape: tuple[int, ...], seed: int = 0, dtype: str = "float32", *args: Any, **kwargs: Any
) -> Array:
    """Draw with an initializer of TensorFlow 1, in a graph of its own: eager, a seed counts its uses."""
    import tensorflow as tf

    make = getattr(tf.compat.v1.initializers, name)
    if "seed" in inspect.signature(make).parameters:
        kwargs["seed"] = seed + 1
    with tf.Graph().as_default():
        tensor = make(*args, **kwargs)(shape, dtype=getattr(tf, dtype))
        with tf.compat.v1.Session() as session:
            return np.asarray(session.run(tensor))


def tf2_draw(name: str, shape: tuple[int, ...], seed: int = 0, **kwargs: Any) -> Array:
    """Draw with one of the initializers that TensorFlow 2 itself has."""
    import tensorflow as tf

    make = getattr(tf, name)
    if "seed" in inspect.signature(make).parameters:
        kwargs["seed"] = seed + 1
    return make(**kwargs)(shape, dtype=tf.float32).numpy()


def enough(draw: Callable[[int], Array]) -> Array:
    """Draw under the seeds 0, 1, ... until there are N values."""
    first = draw(0).ravel()
    return np.concatenate([first, *(draw(seed).ravel() for seed in range(1, math.ceil(N / first.size)))])


def outcome(call: Callable[[], Any]) -> str:
    """Return what a call gives: the shape, or the class of its error."""
    try:
        result = call()
    except Exception as error:  # noqa: BLE001  # the class is the result
        return type(error).__name__
    return str(tuple(result.shape))


def refusal(call: Callable[[], Any]) -> tuple[str, ...]:
    """Return the class of a call's error and those above it: releases may raise different ones of a kind."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # the class is the result
        return tuple(one.__name__ for one in type(error).__mro__)
    return ()


@dataclasses.dataclass(frozen=True, slots=True)
class Between:
    """An interval that holds the true number but for the false-alarm rate."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a number is inside."""
        return self.low <= value <= self.high


# Two-sided, 1e-9 of a normal lies beyond.
Z = 6.109410204869


def mean_interval(values: Array) -> Between:
    """Return the interval of a mean."""
    mean, error = float(values.mean()), float(values.std()) / math.sqrt(values.size)
    return Between(mean - Z * error, mean + Z * error)


def share_interval(hits: int, n: int) -> Between:
    """Return Clopper and Pearson's interval of a probability."""
    from scipy.stats import beta

    alpha = 1e-9
    low = float(beta.ppf(alpha / 2, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.isf(alpha / 2, hits + 1, n - hits)) if hits < n else 1.0
    return Between(low, high)


class KerasRuns:
    """Keras on each of its backends, in a process each: all start at once, and are waited for when asked."""

    def __init__(self, folder: pathlib.Path, backends: tuple[str, ...]) -> None:
        """Start them."""
        self.folder = folder
        self.processes = {backend: self._start(backend) for backend in backends}

    def _start(self, backend: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{backend}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, str(KERAS_SCRIPT), str(self.folder / f"{backend}.npz")],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            )

    @functools.cache  # noqa: B019  # as long as the module's tests run
    def __call__(self, backend: str) -> dict[str, Array]:
        """Return what a backend drew, by name."""
        status = self.processes[backend].wait(timeout=600)
        assert status == 0, (self.folder / f"{backend}.log").read_text(errors="replace")[-2000:]
        with np.load(self.folder / f"{backend}.npz") as arrays:
            return dict(arrays)

    def stop(self) -> None:
        """End those that still run."""
        for process in self.processes.values():
            process.kill()
            process.wait()
