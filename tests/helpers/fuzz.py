"""Requests at random, each drawn in one of the library's ways and compared with ``tests.helpers.direct``.

Request ``number`` of a seed is the same on every machine: ``python -m tests.helpers.fuzz SEED NUMBER`` repeats it.
Four requests in a row share a spec and a shape, so that they share a table.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
from tests.helpers import direct

import unified_init as ui
from unified_init.backends import registry
from unified_init.parity import variants
from unified_init.parity.variants import Variant
from unified_init.stream.dtypes import DTYPES
from unified_init.testing.bits import differing
from unified_init.testing.cases import ELEMENTWISE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["WAYS", "Request", "fault", "faults", "is_close", "request", "ways_of"]

CLOSE = 2e-5  # of the largest entry: orthogonal draws of a program may be summed in another order
SHARED = 4  # requests in a row with one spec and shape
FILLS = ("numpy:fill", "torch:fill")
WAYS = (*(variant.value for variant in variants.EAGER), *FILLS, "jax:key")
HOST_EDGES = (1023, 1024, 1025, 2048, 4095, 4097, 8191)
LARGE_EDGES = (131_071, 131_072, 131_073, 262_145)
NAMES = ("", "w", "layer0/kernel", "λ/Ω", "重み", "a" * 70, "\U0001f600", "é", "\x00")
SEEDS = (0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1)
LENGTHS = (1, 1, 2, 3, 4, 6, 8, 2, 3, 5, 7, 11, 13)
MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")

# options of ``draw``, and tensors of any framework


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One draw, and the way in which it is made."""

    number: int
    way: str
    spec: ui.Initializer
    shape: tuple[int, ...]
    options: dict[str, Any]
    seed: int
    kind: str  # of the seed: "int", or the backend whose generator is seeded with it

    def __str__(self) -> str:
        """Say all of it in one line."""
        return (
            f"{self.way}: ui.draw(ui.from_json({ui.to_json(self.spec)!r}), {self.shape}, seed={self.seed} "
            f"({self.kind}), **{self.options!r})"
        )


def ways_of(backends: Iterable[str]) -> tuple[str, ...]:
    """Return the ways that need no other backends than these."""
    names = set(backends)
    return tuple(
        way for way in WAYS if set(way.split(":")) & {"numpy", "c", "torch", "tensorflow", "jax"} <= names
    )


def _size(rng: np.random.Generator, least: float = 1e-3, most: float = 1e3) -> float:
    return float(np.exp(rng.uniform(math.log(least), math.log(most))))


def _bounds(rng: np.random.Generator) -> tuple[float, float]:
    lower = float(rng.uniform(-4, 3))
    return [(lower, lower + float(rng.uniform(0.1, 5))), (-2.0, 2.0), (lower, math.inf), (-math.inf, -lower)][
        rng.integers(4)
    ]


def _variance(rng: np.random.Generator) -> ui.Initializer:
    distribution = ("truncated_normal", "untruncated_normal", "uniform")[rng.integers(3)]
    return ui.variance_scaling(_size(rng), MODES[rng.integers(4)], distribution)


SPECS: tuple[Callable[[np.random.Generator], ui.Initializer], ...] = (
    lambda rng: list(ELEMENTWISE.values())[rng.integers(len(ELEMENTWISE))],
    lambda rng: ui.normal(float(rng.normal()), _size(rng)),
    lambda rng: ui.normal(0.0, _size(rng)),
    lambda rng: ui.uniform(low := float(rng.normal()), low + _size(rng)),
    lambda rng: ui.truncated_normal(float(rng.normal()), _size(rng), *_bounds(rng)),
    lambda rng: ui.trunc_normal(0.0, std := _size(rng), -std * float(rng.uniform(0.5, 3)), 3 * std),
    _variance,
    lambda rng: ui.kaiming_uniform(float(rng.uniform(0, 3)), MODES[rng.integers(2)]),
    lambda rng: ui.Initializer(ui.Normal(), ui.InverseFan(_size(rng), MODES[rng.integers(4)])),
    lambda rng: ui.constant(float(rng.normal())),
    lambda rng: (ui.zeros(), ui.ones())[rng.integers(2)],
    lambda rng: ui.orthogonal(_size(rng)),
    lambda rng: ui.delta_orthogonal(_size(rng)),
    lambda rng: ui.sparse(float(rng.uniform()), _size(rng)),
    lambda rng: ui.identity(_size(rng)),
    lambda rng: ui.dirac(int(rng.integers(1, 3))),
    lambda rng: (ui.hadamard(), ui.bilinear_upsampling())[rng.integers(2)],
    lambda rng: ui.icnr(_variance(rng), int(rng.integers(1, 3))),
    lambda rng: _variance(rng) * _size(rng),
    lambda rng: -list(ELEMENTWISE.values())[rng.integers(len(ELEMENTWISE))],
)
COMPLEX = ui.Normal | ui.Uniform | ui.Orthogonal | ui.Constant
WEIGHTS = np.array([3, 2, 2, 2, 2, 1, 4, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 2])


def _geometry(rng: np.random.Generator) -> tuple[tuple[int, ...], str | None, dict[str, int] | None]:
    """Return a shape, a layout or none, and the sizes of its merged axes."""
    edge = rng.random()
    if edge < 0.04:  # rare: they take longer
        size = int(rng.choice(LARGE_EDGES if edge < 0.001 else HOST_EDGES))
        inner = int(rng.choice([1, 2, 3, 7]))
        return (
            ((size,), None, None)
            if inner == 1
            else ((-(-size // inner), inner), ("OI", "IO")[rng.integers(2)], None)
        )

    def length() -> int:
        return 0 if rng.random() < 0.03 else int(rng.choice(LENGTHS))

    if rng.random() < 0.15:
        return tuple(length() for _ in range(rng.integers(0, 5))), None, None
    spatial = list(rng.permutation(list("DHW"))[: rng.integers(0, 3)])
    letters = [
        *("B" * rng.integers(0, 2)),
        *("O" * rng.choice([1, 1, 1, 2])),
        *("I" * rng.choice([1, 1, 1, 2])),
        *spatial,
    ]
    rng.shuffle(letters)
    groups: list[str] = []
    for letter in letters:
        if groups and letter not in groups[-1] and rng.random() < 0.25:
            groups[-1] += letter
        else:
            groups.append(letter)
    merged = {letter for group in groups if len(group) > 1 for letter in group}
    sizes = {letter: int(rng.integers(1, 5)) for letter in sorted(merged)}
    shape = tuple(
        math.prod(sizes[letter] for letter in group) if len(group) > 1 else length() for group in groups
    )
    layout = "".join(f"({group})" if len(group) > 1 else group for group in groups)
    return shape, layout, sizes or None


def _index(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    if rng.random() < 0.4:
        return None
    entries: list[Any] = []
    for length in shape[: rng.integers(0, len(shape) + 1)]:
        if length and rng.random() < 0.4:
            entries.append(int(rng.integers(-length, length)))
        else:
            parts = [_slice(rng, length) for _ in range(rng.integers(0, 4))]
            entries.append(parts if rng.random() < 0.3 else _slice(rng, length))
    return tuple(entries)


def _slice(rng: np.random.Generator, length: int) -> slice:
    ends = [None if rng.random() < 0.3 else int(rng.integers(-length, length + 1)) for _ in range(2)]
    return slice(ends[0], ends[1], None if rng.random() < 0.5 else int(rng.integers(1, 5)))


def request(seed: int, number: int, ways: Sequence[str] = WAYS) -> Request:
    """Return a request of a seed."""
    rng = np.random.default_rng([seed, number // SHARED])
    make: Any = SPECS[rng.choice(len(SPECS), p=WEIGHTS / WEIGHTS.sum())]
    spec: ui.Initializer = make(rng)
    shape, layout, sizes = _geometry(rng)
    fans = None
    if layout is None or rng.random() < 0.2:
        fans = float(rng.integers(1, 50)), float(rng.integers(1, 50))
    rng = np.random.default_rng([seed, number // SHARED, number % SHARED])
    way = ways[int(rng.integers(len(ways)))]
    backend = way.partition(":")[0]
    # Not all laws are defined for complex numbers.
    plain = isinstance(spec.distribution, COMPLEX) or rng.random() < 0.1
    names = [name for name, kind in DTYPES.items() if plain or not kind.is_complex]
    names = [name for name in names if backend != "jax" or DTYPES[name].bits == 32]
    options = {
        "name": NAMES[rng.integers(len(NAMES))] or f"{rng.integers(9)}",
        "layout": layout,
        "sizes": sizes,
        "fans": fans,
        "index": None if way in FILLS else _index(rng, shape),
        "dtype": names[rng.integers(len(names))],
    }
    if way not in FILLS and rng.random() < 0.1:
        options["name"] = ""
    value = int(rng.integers(2**64, dtype=np.uint64))
    if rng.random() < 0.2:
        value = SEEDS[rng.integers(len(SEEDS))]
    kinds = ["int", "int", "numpy", backend] if way in {"numpy", "torch", "tensorflow"} else ["int"]
    if way == "jax:key":
        kinds, value = ["jax"], value % 2**32
    return Request(number, way, spec, shape, options, value, str(kinds[rng.integers(len(kinds))]))


def _seed_and_root(item: Request) -> tuple[Any, tuple[int, int]]:
    """Return the seed to pass, and the root key that it must give."""
    value = item.seed
    if item.kind == "numpy":
        return np.random.default_rng(value), _root(
            int(np.random.default_rng(value).integers(2**64, dtype=np.uint64))
        )
    if item.kind == "torch":
        import torch

        twin = torch.Generator().manual_seed(value % 2**63)
        words = [int(torch.randint(0, 2**32, (), generator=twin, dtype=torch.int64)) for _ in range(2)]
        return torch.Generator().manual_seed(value % 2**63), (words[0], words[1])
    if item.kind == "tensorflow":
        import tensorflow as tf

        word = tf.random.Generator.from_seed(value % 2**63).uniform_full_int([], dtype=tf.uint64)
        return tf.random.Generator.from_seed(value % 2**63), _root(int(word))
    if item.kind == "jax":
        import jax

        return jax.random.key(value), _root(value)
    return value, _root(value)


def _root(value: int) -> tuple[int, int]:
    return value >> 32, value & 0xFFFFFFFF


def _drawn(item: Request, seed: Any) -> NDArray[Any]:
    if item.way in FILLS:
        return _filled(item, seed)
    if item.kind != "int":
        backend = item.way.partition(":")[0]
        tensor = ui.draw(item.spec, item.shape, seed=seed, backend=backend, **item.options)
        return np.asarray(registry.get(backend).to_numpy(tensor))
    return variants.draw(Variant(item.way), item.spec, item.shape, seed=seed, **item.options)


def _filled(item: Request, seed: Any) -> NDArray[Any]:
    """Return a view that was filled: permuted, offset, with steps; what lies between its elements stays."""
    rng = np.random.default_rng([item.seed, 7])
    options = {key: value for key, value in item.options.items() if key not in {"index", "dtype"}}
    dtype = DTYPES[item.options["dtype"]].numpy
    order = rng.permutation(len(item.shape))
    plain = rng.random() < 0.3  # contiguous, which is written directly
    steps = [1 if plain else int(rng.integers(1, 4)) for _ in item.shape]
    pads = [0 if plain else int(rng.integers(0, 3)) for _ in item.shape]
    lengths = [n * step + pad for n, step, pad in zip(item.shape, steps, pads, strict=True)]
    inverse = np.argsort(order)
    base = np.ones([lengths[axis] for axis in order], dtype)
    if item.way == "numpy:fill":
        if not plain and rng.random() < 0.2 and dtype.kind in "fc":
            base = base.astype(dtype.newbyteorder())
        view = base.transpose(inverse)
        parts = tuple(
            slice(pad, pad + n * step, step) for n, step, pad in zip(item.shape, steps, pads, strict=True)
        )
        flips = tuple(slice(None, None, -1 if not plain and rng.random() < 0.3 else 1) for _ in parts)
        target = view[parts][flips]
        target = target if isinstance(target, np.ndarray) else base
        ui.fill(target, item.spec, seed=seed, **options)
        result = np.ascontiguousarray(target.astype(dtype)).reshape(item.shape)
        target[...] = 1
        assert (base.astype(np.complex64) == 1).all(), "memory outside of the view was written"
        return result
    import torch

    adapter: Any = registry.get("torch")
    memory = adapter.adopt(base, None)
    view = memory.permute(*(int(axis) for axis in inverse)) if item.shape else memory
    for axis, (n, step, pad) in enumerate(zip(item.shape, steps, pads, strict=True)):
        view = view.narrow(axis, pad, n * step)
        view = view.as_strided(
            [n if i == axis else size for i, size in enumerate(view.shape)],
            [step * stride if i == axis else stride for i, stride in enumerate(view.stride())],
            view.storage_offset(),
        )
    if rng.random() < 0.3:
        view = torch.nn.Parameter(view, requires_grad=view.is_floating_point())
    ui.fill(view, item.spec, seed=seed, **options)
    result = np.array(adapter.to_numpy(view), order="C", copy=True).reshape(item.shape)
    base_view = view.detach()
    base_view.copy_(torch.ones(item.shape).to(base_view.dtype))
    assert (base.astype(np.complex64) == 1).all(), "memory outside of the view was written"
    return result


def fault(item: Request) -> str | None:
    """Return what is wrong with a request's draw; None where nothing is. "" where both sides refuse it."""
    seed, root = _seed_and_root(item)
    try:
        expected: NDArray[Any] | None = direct.draw(item.spec, item.shape, root=root, **item.options)
    except ui.UnifiedInitError:
        expected = None
    try:
        drawn = _drawn(item, seed)
    except ui.UnifiedInitError as error:
        return "" if expected is None else f"refused: {error}"
    except Exception as error:  # noqa: BLE001  # any other error is what the fuzzer looks for
        return f"{type(error).__name__}: {error}"
    if expected is None:
        return "drawn, though the reference refuses it"
    exact = not item.way.endswith(":graph") or not isinstance(
        item.spec.distribution, ui.Orthogonal | ui.DeltaOrthogonal
    )
    if exact or drawn.shape != expected.shape or drawn.dtype != expected.dtype:
        count = differing(np.ascontiguousarray(expected), np.ascontiguousarray(drawn))
        return f"{count} of {expected.size} values differ" if count else None
    return None if is_close(drawn, expected) else "an orthogonal draw differs by more than 1e-5"


def is_close(drawn: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether orthogonal draws of the graph program are as near as promised: two steps of the type at most."""
    kind = np.complex128 if np.iscomplexobj(expected) else np.float64
    wide: NDArray[Any] = expected.astype(kind)
    near = CLOSE * max(np.abs(wide).max(initial=0.0), 1.0) + _step_of(expected.dtype) * np.abs(wide)
    return bool((np.abs(drawn.astype(kind) - wide) <= near + _least_of(expected.dtype)).all())


def _step_of(dtype: np.dtype[Any]) -> float:
    """Return two relative steps of a type."""
    return 2 * float(ml_dtypes.finfo(dtype).eps)


def _least_of(dtype: np.dtype[Any]) -> float:
    """Return the smallest number of a type."""
    return float(ml_dtypes.finfo(dtype).smallest_subnormal)


def faults(seed: int, count: int, ways: Sequence[str] = WAYS, *, most: int = 10) -> tuple[list[str], int]:
    """Return a line for each request that goes wrong, and how many were refused by both sides."""
    lines: list[str] = []
    refusals = 0
    for number in range(count):
        item = request(seed, number, ways)
        text = fault(item)
        refusals += text == ""
        if text:
            again = f"python -m tests.helpers.fuzz {seed} {number} {','.join(ways)}"
            lines.append(f"{text}: {again}: {item}")
            if len(lines) == most:
                break
    return lines, refusals


if __name__ == "__main__":
    chosen = request(
        int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",") if len(sys.argv) > 3 else WAYS
    )
    print(chosen, fault(chosen) or "no fault", sep="\n")  # noqa: T201  # it is a command
