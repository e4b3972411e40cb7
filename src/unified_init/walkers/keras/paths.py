"""The paths of Keras variables, and their stream names.

A path is the names of the layers below the model, then the variable's: "block/conv2d_3/kernel". Keras
numbers the names that it makes over the whole process, so a second model of the same code has other paths.
Stream names do not depend on that: in them, names of that form ("dense" and "dense_3" of a Dense) are
numbered again, by position among the siblings with names of that form. A name of that form which a user gave
is numbered too, because a saved model does not say who gave it. Every other name is kept.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Occurrence", "children_of", "find", "seeds_of", "walk"]

# ruff: noqa: SLF001  # Keras has no public way to a layer's own variables

# The names that Keras gives to variables without one, on its several backends.
NAMELESS = re.compile(r"(?:jax_|nnx_)?variable(?:_\d+)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Occurrence:
    """A variable at one of its paths. ``stream`` is that path in names that do not depend on the process."""

    path: str
    stream: str
    variable: Any
    layer: Any
    parent: Any

    @property
    def rank(self) -> tuple[bool, int]:
        """Sort key: the layer that made the variable comes before others that hold it, such as wrappers.

        Paths are not part of it, because they have numbers that depend on the process.
        """
        is_maker = self.variable.path == f"{self.layer.path}/{self.variable.name}"
        return not is_maker, self.path.count("/")


def walk(layer: Any, parent: Any, path: str, stream: str, ancestors: tuple[int, ...]) -> Iterator[Occurrence]:
    """Yield every variable of a layer and of the layers below it, at each of its paths."""
    for name, stream_name, variable in _own_variables(layer):
        yield Occurrence(path + name, stream + stream_name, variable, layer, parent)
    path_ids = (*ancestors, id(layer))
    for name, stream_name, child in children_of(layer):
        if id(child) not in path_ids:
            yield from walk(child, layer, f"{path}{name}/", f"{stream}{stream_name}/", path_ids)


def seeds_of(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the states of seed generators, by path."""
    seen: set[int] = set()
    stack = [("", model)]
    while stack:
        path, layer = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield from ((path + name, state) for name, state in _own_seeds(layer))
        stack.extend((f"{path}{name}/", child) for name, _, child in children_of(layer))


def _own_seeds(layer: Any) -> Iterator[tuple[str, Any]]:
    for generator in layer._seed_generators:
        yield f"{generator.name}/{generator.state.name}", generator.state


def _own_variables(layer: Any) -> list[tuple[str, str, Any]]:
    """Return a layer's own variables, each with its name and its stream name."""
    variables = _distinct([*layer._trainable_variables, *layer._non_trainable_variables])
    names = [variable.name for variable in variables]
    return _named(variables, [(name, "variable" if NAMELESS.fullmatch(name) else None) for name in names])


def children_of(layer: Any) -> list[tuple[str, str, Any]]:
    """Return the layers directly below a layer, each with its name and its stream name."""
    children = _distinct(layer._layers)
    bases = []
    for child in children:
        base = _snake_case(type(child).__name__)
        match = re.fullmatch(rf"((?:forward_|backward_)?{base})(?:_\d+)?", child.name)
        bases.append((child.name, match[1] if match else None))
    return _named(children, bases)


def _distinct(objects: Sequence[Any]) -> list[Any]:
    return list({id(obj): obj for obj in objects}.values())


def _snake_case(name: str) -> str:
    """Return the layer name that Keras makes from a class name."""
    spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()


def _named(objects: Sequence[Any], names: Sequence[tuple[str, str | None]]) -> list[tuple[str, str, Any]]:
    """Return layers or variables with unique names, and with unique stream names.

    ``names`` has the name of each and, where Keras may have made it, the name without its number (else None).
    The latter are numbered by position, because the numbers that Keras gives depend on the process.
    """
    counts: dict[str, int] = {}
    stream_names = []
    for name, base in names:
        if base is None:
            stream_names.append(name)
            continue
        rank = counts.setdefault(base, 0)
        stream_names.append(f"{base}_{rank}" if rank else base)
        counts[base] += 1
    return list(zip(_unique([name for name, _ in names]), _unique(stream_names), objects, strict=True))


def _unique(names: Sequence[str]) -> list[str]:
    """Return names made unique: the second "dense" becomes "dense#2"."""
    counts: dict[str, int] = {}
    unique_names = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        unique_names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return unique_names


def find(model: Any, path: str) -> Any:
    """Return the variable of a path. It is called per variable, so it makes no stream names."""
    layer, remainder = model, path
    while True:
        variable = _called([*layer._trainable_variables, *layer._non_trainable_variables], remainder)
        if variable is None:
            variable = dict(_own_seeds(layer)).get(remainder)
        if variable is not None:
            return variable
        head, _, remainder = remainder.partition("/")
        layer = _called(layer._layers, head)


def _called(objects: Sequence[Any], name: str) -> Any:
    """Return the layer or variable with a name; "name#2" is the second with that name."""
    for obj in objects:
        if obj.name == name:
            return obj
    plain, _, count = name.partition("#")
    if not count.isdecimal():
        return None
    namesakes = [obj for obj in _distinct(objects) if obj.name == plain]
    return next(iter(namesakes[int(count) - 1 : int(count)]), None)
