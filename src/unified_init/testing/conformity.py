"""Whether a backend draws the bits of every other: the conformity kit for adapters.

Every kind of initializer is drawn on shapes of every kind of layout, eagerly and by the graph program, and
compared bit by bit with the reference runner. The arithmetic that the graph program relies on is tested
first, so that an adapter that cannot work is told which operation differs.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import registry
from unified_init.backends.protocol import Backend
from unified_init.core import checks
from unified_init.drawing.api import draw
from unified_init.drawing.eager import program_of
from unified_init.errors import UnifiedInitError
from unified_init.spec import presets
from unified_init.stream import host, numpy_runner, run, threefry
from unified_init.stream.dtypes import DTYPES
from unified_init.testing.bits import differing
from unified_init.testing.cases import CASES, ELEMENTWISE, ICNR, ORTHOGONAL, STRUCTURED
from unified_init.testing.protocols import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from unified_init.backends.protocol import Ops
    from unified_init.spec.initializer import Initializer
    from unified_init.stream.program import Program

__all__ = ["Conformity", "check_backend"]

# ruff: noqa: ANN401  # arrays and adapters of any framework

SHOWN = 20  # faults of one message
CLOSE = 1e-5  # what design allows an orthogonal draw inside a traced program to differ by
SEEDS = (0, 2**32 + 5, 2**64 - 1)
SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (3, 0, 2))
OPTIONS: dict[str, Any] = {"name": "w", "layout": None, "sizes": None, "fans": None, "index": None}
INT32 = np.array([-(2**31), -(2**31) + 1, -65537, -7, -1, 0, 1, 6, 65537, 2**31 - 1], dtype=np.int32)
INT64 = np.concatenate([INT32.astype(np.int64) << 32, INT32.astype(np.int64)])  # where float64 is drawn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conformity:
    """What ``check_backend`` compared, and what was wrong.

    Args:
        backend: its name.
        draws: how many tensors were compared.
        dtypes: the element types that it draws.
        refused: those that it refuses, with one of our errors.
        faults: a line for each fault; none for a backend that conforms.
    """

    backend: str
    draws: int
    dtypes: tuple[str, ...]
    refused: tuple[str, ...]
    faults: tuple[str, ...]

    def __str__(self) -> str:
        """Return the counts, and the first faults below."""
        faults = [f"  {fault}" for fault in self.faults[:SHOWN]]
        more = len(self.faults) - len(faults)
        counts = f"backend {self.backend!r}: {self.draws} draws compared, {len(self.faults)} faults"
        dtypes = f"draws {', '.join(self.dtypes)}; refuses {', '.join(self.refused) or 'none'}"
        return "\n".join([f"{counts}; {dtypes}", *faults, *([f"  and {more} more"] if more else [])])


def check_backend(name: str) -> Conformity:
    """Compare a backend with the reference, bit by bit, in every kind of draw.

    Args:
        name: a backend, of this package or registered (``ui.register_backend``).

    Returns:
        What was compared: protocol, integer arithmetic, and draws of every preset, eagerly and by the graph
        program (orthogonal draws of the latter to 1e-5), in each element type that the backend does not
        refuse, at the ends of the seeds, of slices and of empty shapes. Not tested are the framework's own
        seeds, other devices, traces, aliasing, filling in place, and sharding.

    Raises:
        AssertionError: a fault; the message has the first twenty, the first line counts them.
        BackendError: the backend's framework cannot be imported, or the adapter lacks functions.

    Example:
        >>> from unified_init import testing
        >>> testing.check_backend("numpy").faults
        ()
    """
    checks.choice("name", name, registry.names())
    adapter: Any = registry.get(name)
    dtypes, refusals = _element_types(adapter)
    faults = [
        *differences(adapter, Backend), *_argument_faults(adapter), *refusals,
        *_arithmetic_faults(adapter, dtypes),
    ]  # fmt: skip
    if "float32" not in dtypes:
        faults.append("resolve_device: float32 is refused, and must be drawn by every backend")
    draws = [*_preset_draws(), *_edge_draws(dtypes)]
    faults += [fault for wanted in draws for fault in _draw_faults(name, adapter, wanted)]
    refused = tuple(dtype for dtype in DTYPES if dtype not in dtypes)
    report = Conformity(
        backend=name, draws=2 * len(draws), dtypes=dtypes, refused=refused, faults=tuple(faults)
    )
    if faults:
        raise AssertionError(str(report))
    return report


def _element_types(adapter: Any) -> tuple[tuple[str, ...], list[str]]:
    """Return the element types that a backend draws, and what is wrong with how it refuses the others."""
    drawn, faults = [], []
    for dtype in DTYPES:
        try:
            adapter.resolve_device(None, dtype)
            drawn.append(dtype)
        except UnifiedInitError:
            continue
        except Exception as error:  # noqa: BLE001  # of a framework that we do not know
            faults.append(
                f"resolve_device: {dtype} is refused by {type(error).__name__}, which is none of ours"
            )
    return tuple(drawn), faults


def _argument_faults(adapter: Any) -> Iterator[str]:
    """Say what a backend takes for a seed or a device, and should not."""
    if adapter.root_key(object()) is not None:
        yield "root_key: must return None for what is no seed of the framework"
    try:
        adapter.resolve_device("no such device", "float32")
    except UnifiedInitError:
        return
    except Exception as error:  # noqa: BLE001  # of a framework that we do not know
        yield f"resolve_device: an unknown device is refused by {type(error).__name__}, which is none of ours"
        return
    yield "resolve_device: an unknown device is not refused"


# --- the arithmetic of the graph program ------------------------------------------------------------


def _sum(_: Any, x: Any, y: Any) -> tuple[Any]:
    return (x + y,)


# Of two integer arrays of one type each, by the operators and functions of a framework.
ARITHMETIC: dict[str, Callable[[Any, Any, Any], Any]] = {
    "+ must wrap": lambda _, x, y: x + y,
    "* must wrap": lambda _, x, y: x * y,
    "- and ~": lambda _, x, y: x - ~y,
    "^": lambda _, x, y: x ^ y,
    "& and |": lambda _, x, y: (x & y) | 5,
    "// must round down": lambda _, x, y: x // 7 + 0 * y,
    "% must be of the divisor's sign": lambda _, x, y: x % 7 + 0 * y,
    "<, cast of truth values": lambda ops, x, y: ops.cast(x < y, "int32"),
    ">, >=": lambda ops, x, y: ops.cast(x > y, "int32") + ops.cast(x >= y, "int32"),
    "minimum, maximum": lambda ops, x, y: ops.xp.minimum(ops.xp.maximum(x, y), x),
    "bitwise_left_shift": lambda ops, x, _: ops.xp.bitwise_left_shift(x, 13),
    "bitwise_right_shift must copy the sign": lambda ops, x, _: ops.xp.bitwise_right_shift(x, 13),
    "take": lambda ops, x, _: ops.take(ops.xp.reshape(x, (-1,)), ops.cast(x & 7, "int32")),
    "rotate": lambda ops, x, _: ops.rotate(ops.cast(x, "int32"), 13),
    "call": lambda ops, x, y: ops.call(_sum, x * y, x ^ y)[0],
    "repeat": lambda ops, x, y: ops.repeat(3, lambda number, state: (state[0] * 3 + number,), (x ^ y,))[0],
}
# Of one integer array; the float of its width, and the bits of that as integers.
ROUNDING = "cast to {} must round to nearest even, bits must reinterpret"


def _arithmetic_faults(adapter: Any, dtypes: tuple[str, ...]) -> Iterator[str]:
    """Say which operations on integers are not those of NumPy."""
    try:
        ops = adapter.ops(None)
    except Exception as error:  # noqa: BLE001  # of a framework that we do not know
        yield f"ops: {type(error).__name__}: {error}"
        return
    widths = [(INT32, "int32", "float32"), *([(INT64, "int64", "float64")] if "float64" in dtypes else [])]
    for integers, name, float_name in widths:
        tests = ARITHMETIC | {
            ROUNDING.format(float_name): lambda ops, x, _: ops.bits(ops.cast(x, float_name), name)  # noqa: B023
        }
        for label, function in tests.items():
            fault = _unequal(ops, function, integers)
            if fault:
                yield f"{name} {label}: {fault}"


def _unequal(ops: Ops, function: Callable[[Any, Any, Any], Any], integers: NDArray[Any]) -> str:
    """Say how a function of integers differs from what NumPy makes of it."""
    left, right = integers[:, None], integers[None, :]
    with np.errstate(over="ignore"):
        expected = np.asarray(function(registry.get("numpy").ops(None), left, right))
    try:
        result = np.asarray(function(ops, ops.constant(left), ops.constant(right)))
    except Exception as error:  # noqa: BLE001  # of a framework that we do not know
        return f"{type(error).__name__}: {error}"
    if result.dtype == expected.dtype and np.array_equal(result, expected):
        return ""
    first = int(np.argmax(result != expected)) if result.shape == expected.shape else 0
    return f"{result.reshape(-1)[first]} ({result.dtype}), expected {expected.reshape(-1)[first]}"


# --- draws ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Draw:
    """One tensor that is compared, eagerly and by the graph program.

    ``close`` says that the graph program may be off by ``CLOSE``, as matrix products of frameworks are.
    """

    label: str
    spec: Initializer
    shape: tuple[int, ...]
    options: Mapping[str, Any]
    seed: int = 7
    close: bool = False


def _preset_draws() -> Iterator[Draw]:
    """Yield every preset, on every kind of layout that it has a meaning on."""
    elementwise = {name: (spec, CASES) for name, spec in ELEMENTWISE.items()}
    groups = {**elementwise, **STRUCTURED, **ORTHOGONAL, "icnr": ICNR}
    for name, (spec, cases) in groups.items():
        for case in cases:
            yield Draw(f"{name} on {case}", spec, case.shape, case.options, close=name in ORTHOGONAL)


def _edge_draws(dtypes: tuple[str, ...]) -> Iterator[Draw]:
    """Yield element types, shapes without values, the ends of the seeds, slices."""
    normal, uniform = presets.normal(0.25, 0.02), presets.uniform(-0.3, 1.7)
    for dtype in dtypes:
        if DTYPES[dtype].is_complex:
            for spec in (presets.normal(0.0, 0.5), presets.he_normal(), presets.he_uniform()):
                yield Draw(f"{spec} in {dtype}", spec, (24, 3, 5), {"dtype": dtype, "layout": "WIO"})
            options = {"dtype": dtype, "layout": "OI"}
            yield Draw(f"unitary in {dtype}", presets.orthogonal(), (24, 15), options, close=True)
            continue
        yield Draw(f"normal in {dtype}", normal, (24, 3, 5), {"dtype": dtype})
        yield Draw(f"uniform in {dtype}", uniform, (24, 3, 5), {"dtype": dtype})
    for shape in SHAPES:
        yield Draw(f"normal on {shape}", normal, shape, {})
        yield Draw(f"ones on {shape}", presets.ones(), shape, {})
    for seed in SEEDS:
        yield Draw(f"normal of seed {seed}", normal, (5, 3), {"name": ""}, seed)
    parts = (slice(2), [slice(0, 1), slice(2, 3)], [slice(3, 5), slice(0, 5, 2)])
    for index in ((slice(1, 19, 3), 2), (slice(0, 0),), (-1, slice(None), slice(3, 5)), parts):
        yield Draw(f"slice {index}", normal, (24, 3, 5, 7), {"index": index, "layout": "OIHW"})
        yield Draw(
            f"slice {index} of dirac", presets.dirac(), (24, 3, 5, 7), {"index": index, "layout": "OIHW"}
        )
    far = {"layout": "OI", "index": (slice(2**19, 2**19 + 3), slice(0, 5))}
    yield Draw("slice of 2**40 values", normal, (2**20, 2**20), far)


def _draw_faults(name: str, adapter: Any, wanted: Draw) -> Iterator[str]:
    """Say where a draw differs from the reference: eagerly, by the graph program, or both."""
    options = {**OPTIONS, **wanted.options}
    program = program_of(wanted.spec, wanted.shape, **{"dtype": "float32", **options})
    expected = reference_of(program, wanted.seed)

    def eagerly() -> Any:
        return draw(wanted.spec, wanted.shape, seed=wanted.seed, backend=name, **options)

    def by_graph_program() -> Any:
        key = threefry.root_key(wanted.seed) if program.law.random else None
        return adapter.trace(program, key, None)

    for mode, make, allowed in (
        ("eager", eagerly, 0.0), ("graph program", by_graph_program, CLOSE if wanted.close else 0.0),
    ):  # fmt: skip
        try:
            tensor = make()
            owner = registry.backend_of(tensor)
            fault = _difference(np.asarray(adapter.to_numpy(tensor)), expected, allowed)
            if owner != name and not fault:
                fault = f"is a tensor of {owner}, not of {name}"
        except Exception as error:  # noqa: BLE001  # of a framework that we do not know
            fault = f"{type(error).__name__}: {error}"
        if fault:
            yield f"{wanted.label}, {mode}: {fault}"


def reference_of(program: Program, seed: int) -> NDArray[Any]:
    """Draw with the reference runner."""
    root = threefry.root_key(seed)
    if program.table is None:
        return run.on_host(program, root)
    out = run.buffer(program)
    key = threefry.named_key(root, program.name)
    host.fill(out, index=program.index, key=key, table=program.table, runner=numpy_runner.prepare)
    return out


def _difference(values: NDArray[Any], expected: NDArray[Any], allowed: float) -> str:
    """Say how an array differs from the expected one, if it does in a bit (or by more than is allowed)."""
    if (values.dtype, values.shape) != (expected.dtype, expected.shape):
        return f"{values.dtype} {values.shape}, expected {expected.dtype} {expected.shape}"
    count = differing(values, expected)
    if not count:
        return ""
    wide = np.complex128 if np.iscomplexobj(values) else np.float64
    largest = float(np.abs(values.astype(wide) - expected.astype(wide)).max())
    if largest <= allowed:
        return ""
    return f"differs by {largest:.3g} at the most, in {count} of {values.size} values"
