"""What running a model shows: its outputs, and what goes into and comes out of each layer."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Activation", "Recorder", "Run", "at_inference", "call", "patched"]

# ruff: noqa: ANN401  # models, inputs and outputs of any framework

# The names of the flags that say whether a model is trained, and their values where it is not.
FLAGS = {
    "train": False, "training": False, "is_training": False, "deterministic": True,
    "use_running_average": True, "inference": True,
}  # fmt: skip
Convert = Callable[[Any], "NDArray[Any] | None"]
ModulesOf = Callable[[Any], Iterable[tuple[str, Any]]]


@dataclasses.dataclass(frozen=True, slots=True)
class Activation:
    """The first floating-point array of a layer's inputs, and of its outputs; None where there is none."""

    inputs: NDArray[Any] | None = None
    outputs: NDArray[Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A model's floating-point outputs, and its layers' activations in the order in which their calls began.

    A layer that is called again has those of its first call. ``labels`` are the keys of each output, from
    the outermost mapping in; () for one that is in none.
    """

    outputs: tuple[NDArray[Any], ...]
    calls: Mapping[str, Activation]
    labels: tuple[tuple[str, ...], ...]


class Recorder:
    """Notes the first call of each layer. ``convert`` gives a tensor as an array, None for anything else."""

    def __init__(self, convert: Convert) -> None:
        """Start without calls."""
        self.calls: dict[str, Activation] = {}
        self.convert = convert

    def begin(self, path: str, *inputs: Any) -> bool:
        """Note that a call begins; return whether it is the layer's first."""
        if path in self.calls:
            return False
        self.calls[path] = Activation(inputs=self._first(inputs))
        return True

    def end(self, path: str, outputs: Any) -> None:
        """Note what the first call of a layer returns."""
        self.calls[path] = dataclasses.replace(self.calls[path], outputs=self._first(outputs))

    def recorded(
        self, path: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call a layer's function, and note what it takes and returns if that is the layer's first call."""
        is_first = self.begin(path, *args, *kwargs.values())
        outputs = function(*args, **kwargs)
        if is_first:
            self.end(path, outputs)
        return outputs

    def run(self, outputs: Any) -> Run:
        """Return what was noted, with the model's outputs."""
        labeled = list(self._arrays(outputs))
        return Run(tuple(array for array, _ in labeled), self.calls, tuple(label for _, label in labeled))

    def _first(self, value: Any) -> NDArray[Any] | None:
        return next((array for array, _ in self._arrays(value)), None)

    def _arrays(
        self, value: Any, label: tuple[str, ...] = ()
    ) -> Iterator[tuple[NDArray[Any], tuple[str, ...]]]:
        if isinstance(value, Mapping):
            for key, entry in value.items():
                yield from self._arrays(entry, (*label, str(key)))
            return
        if isinstance(value, (tuple, list)):
            for entry in value:
                yield from self._arrays(entry, label)
            return
        array = self.convert(value)
        if array is not None and array.size and array.dtype.kind not in "iubO":
            yield array, label


def call(function: Callable[..., Any], inputs: Any, **keywords: Any) -> Any:
    """Call a function with one input, a tuple of several, or a dict of named ones."""
    if isinstance(inputs, Mapping):
        return function(**{**keywords, **inputs})
    return function(*inputs, **keywords) if isinstance(inputs, tuple) else function(inputs, **keywords)


def at_inference(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords with the flags that say whether a model is trained as they are at inference."""
    return {name: FLAGS.get(name, value) for name, value in keywords.items()}


class _Known:
    """The modules of a model by their ids, and those that stand for some of them inside a transformation."""

    def __init__(self, modules_of: ModulesOf, model: Any, separator: str) -> None:
        self.modules_of, self.separator = modules_of, separator
        self.own: dict[int, tuple[str, Any]] = {}
        for path, module in modules_of(model):
            self.own.setdefault(id(module), (path, module))
        self.by_id: dict[int, tuple[str | None, Any]] = {
            **self.own
        }  # holds them, so that no id is used again

    def path_of(self, module: Any, called: Collection[str]) -> str | None:
        """Return the path of a module; None for one that is not of the model.

        ``scan`` makes new modules from stacked arrays. Such a module stands for the only one of its structure
        that was not called before.
        """
        if id(module) not in self.by_id:
            structure = self._structure(module)
            fitting = [
                path
                for path, other in self.own.values()
                if type(other) is type(module) and path not in called and self._structure(other) == structure
            ]
            path = fitting[0] if len(fitting) == 1 else None
            for end, inner in self.modules_of(module):
                words = filter(None, (path, end))
                self.by_id[id(inner)] = (None if path is None else self.separator.join(words), inner)
        return self.by_id[id(module)][0]

    def _structure(self, module: Any) -> list[tuple[str, type[Any]]]:
        return [(path, type(inner)) for path, inner in self.modules_of(module)]


@contextlib.contextmanager
def patched(modules_of: ModulesOf, model: Any, recorder: Recorder, separator: str) -> Iterator[None]:
    """Record the calls of modules without hooks, through their classes, while the context lasts.

    Args:
        modules_of: yields the modules of a module, each with its path, itself first.
        model: whose modules are recorded. Other objects of these classes are called as ever.
        recorder: of the calls.
        separator: of the words of a path.
    """
    known = _Known(modules_of, model, separator)
    classes = {type(module) for _, module in known.own.values() if callable(module)}
    own = {cls: vars(cls).get("__call__") for cls in classes}

    def recording(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def recorded(module: Any, *args: Any, **kwargs: Any) -> Any:
            path = known.path_of(module, recorder.calls)
            if path is None:
                return function(module, *args, **kwargs)
            return recorder.recorded(path, functools.partial(function, module), args, kwargs)

        return recorded

    try:
        for cls in classes:
            type.__setattr__(cls, "__call__", recording(cls.__call__))
        yield
    finally:
        for cls, function in own.items():
            if function is None:
                type.__delattr__(cls, "__call__")
            else:
                type.__setattr__(cls, "__call__", function)
