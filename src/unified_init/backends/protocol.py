"""What a backend must do, declared in full. Adapters are modules; these are their functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from unified_init.law.shards import Spans
    from unified_init.stream.memory import Place
    from unified_init.stream.program import Program

__all__ = [
    "Abstracting", "Addressable", "Backend", "Fillable", "Key", "LinearAlgebra", "Namespace", "Ops",
    "Reserving", "Shardable", "Spreading",
]  # fmt: skip

# ruff: noqa: ANN401  # tensors of any framework

# A root key: two Python ints, or two int32 scalars of a framework that is tracing.
Key = tuple[Any, Any]


class Backend(Protocol):
    """One framework."""

    def root_key(self, seed: object) -> Key | None:
        """Return the root key of this framework's own seed objects; None for any other object."""

    def resolve_device(self, device: object, dtype: str) -> Any:
        """Return the framework's own object for a device; None for the host.

        Refuse what is no device, or cannot hold the element type.
        """

    def wants_graph(self, target: Any) -> bool:
        """Whether the graph program must run: a trace is under way, or the target is no host."""

    def adopt(self, array: NDArray[Any], target: Any) -> Any:
        """Return a host buffer as a tensor of the framework, aliased where it allows that."""

    def ops(self, target: Any) -> Ops:
        """Return what the graph program needs to run in a trace, or on a device."""

    def trace(self, program: Program, key: Key | None, target: Any) -> Any:
        """Draw with the graph program."""

    def to_numpy(self, tensor: Any) -> NDArray[Any]:
        """Return a tensor's values as a NumPy array, aliased where possible."""


class Fillable(Backend, Protocol):
    """A framework whose tensors can be written in place."""

    def check_target(self, tensor: Any) -> None:
        """Refuse a tensor that cannot be written."""

    def writable(self, tensor: Any) -> NDArray[Any] | None:
        """Return a NumPy array that shares a tensor's memory in row-major order, if there is one."""

    def overwrite(self, tensor: Any, values: Any) -> None:
        """Copy values into a tensor; None says that its memory was written already."""


class Addressable(Fillable, Protocol):
    """A framework whose tensors in place can be plain memory of the host."""

    PLAIN: Collection[type]  # the classes of tensors that may be

    def plain_memory(self, tensor: Any) -> Place | None:
        """Return where the host may write a tensor in row-major order, as it is now; None to look closer."""


class Spreading(Fillable, Protocol):
    """A framework whose tensors in place may be a rank's part of a larger one."""

    def spans(self, tensor: Any) -> tuple[Spans, ...] | None:
        """Return which positions of the whole a tensor's memory has, along each axis; None for all."""


class Launching(Fillable, Protocol):
    """A framework that can draw into memory which is not the host's, where it lies."""

    def launcher(self, tensor: Any, program: Program) -> Callable[[Key | None], None] | None:
        """Return the function of a root key that writes a program's values; None where there is none."""


class Reserving(Backend, Protocol):
    """A framework with memory of its own, beside the host's."""

    def reserve(self, shape: tuple[int, ...], dtype: str, target: Any) -> None:
        """Raise an error if a tensor cannot be had on a target (None: the host); it is given back at once."""


class Abstracting(Backend, Protocol):
    """A framework with tensors that have a shape and a type, and no values."""

    def is_abstract(self, target: Any) -> bool:
        """Whether what is drawn for a target has no values."""

    def empty(self, shape: tuple[int, ...], dtype: str, target: Any) -> Any:
        """Return a tensor without values, at no cost; refuse a shape that the framework cannot have."""


class Shardable(Backend, Protocol):
    """A framework that spreads an array over devices."""

    def is_traced(self, seed: object) -> bool:
        """Whether a draw from a seed is part of a program that is being traced."""

    def check_sharding(self, sharding: object) -> Any:
        """Return the sharding that an initializer was asked for; refuse what is none."""

    def place(self, array: NDArray[Any], seed: object) -> Any:
        """Return a host buffer where the framework puts what it draws from the seed."""


class LinearAlgebra(Protocol):
    """The functions of ``Namespace.linalg``, on stacks of matrices."""

    def inv(self, x: Any, /) -> Any:
        """Return the inverses."""

    def diagonal(self, x: Any, /) -> Any:
        """Return the main diagonals of the last two axes."""


class Namespace(Protocol):
    """The 23 functions of the array API that programs use, with the array API's meaning.

    The first six are all that independent draws need; the rest is for orthogonal and sparse laws. Distances
    of shifts are Python ints or arrays of the same type, from 0 to the width minus 1; shifting right copies
    the sign (arithmetic). ``minimum`` and ``maximum`` are of 64-bit integers. A ``matmul`` is in full
    precision, whatever a flag of the process says.
    """

    linalg: LinearAlgebra

    def arange(self, stop: int, /) -> Any:
        """Return the int32 from 0 to stop - 1 (or integers that ``cast`` makes int32)."""

    def reshape(self, x: Any, shape: tuple[int, ...], /) -> Any:
        """Return the same values, row-major, in another shape."""

    def bitwise_left_shift(self, x: Any, distance: Any, /) -> Any:
        """Shift left; what passes the top is lost."""

    def bitwise_right_shift(self, x: Any, distance: Any, /) -> Any:
        """Shift right; copies of the sign come in."""

    def minimum(self, x: Any, y: Any, /) -> Any:
        """Return the smaller, element by element."""

    def maximum(self, x: Any, y: Any, /) -> Any:
        """Return the larger, element by element."""

    def abs(self, x: Any, /) -> Any:
        """Return the magnitude."""

    def argsort(self, x: Any, /, *, axis: int, stable: bool) -> Any:
        """Return the positions that sort along an axis; equal values keep their order."""

    def broadcast_to(self, x: Any, shape: tuple[int, ...], /) -> Any:
        """Repeat along axes of length 1."""

    def concat(self, arrays: Any, /, *, axis: int) -> Any:
        """Join along an axis."""

    def eye(self, rows: int, columns: int, /, *, dtype: Any) -> Any:
        """Return ones on the main diagonal; the type is one of the framework's."""

    def matmul(self, x: Any, y: Any, /) -> Any:
        """Multiply stacks of matrices."""

    def ones_like(self, x: Any, /) -> Any:
        """Return ones of a shape and type."""

    def permute_dims(self, x: Any, axes: tuple[int, ...], /) -> Any:
        """Permute the axes."""

    def sqrt(self, x: Any, /) -> Any:
        """Return the square root."""

    def sum(self, x: Any, /, *, axis: int) -> Any:
        """Sum along an axis."""

    def tril(self, x: Any, /) -> Any:
        """Zero what is above the main diagonal."""

    def triu(self, x: Any, /) -> Any:
        """Zero what is below the main diagonal."""

    def where(self, condition: Any, x: Any, y: Any, /) -> Any:
        """Choose between two arrays."""

    def zeros(self, shape: tuple[int, ...], /, *, dtype: Any) -> Any:
        """Return zeros; the type is one of the framework's."""

    def zeros_like(self, x: Any, /) -> Any:
        """Return zeros of a shape and type."""


class Ops(Protocol):
    """What the graph program asks of a framework.

    Beside these functions it uses the operators ``+ - * // % & | ^ ~ < > >=`` of arrays with arrays and with
    Python ints, and takes entries (``x[i]``) and slices. On int32 and int64, sums and products must wrap
    modulo the width, ``//`` rounds to minus infinity, and nothing is promoted to another type.
    ``testing.check_backend`` tests each of these.
    """

    xp: Namespace

    def cast(self, x: Any, dtype: str, /) -> Any:
        """Convert to another element type: integers wrap, floats round to nearest even."""

    def bits(self, x: Any, dtype: str, /) -> Any:
        """Reinterpret the bits as another type of the same width."""

    def take(self, column: Any, row: Any, /) -> Any:
        """Gather from a one-dimensional column; rows are in range."""

    def complex(self, real: Any, imag: Any, /) -> Any:
        """Join two real arrays."""

    def parts(self, x: Any, /) -> tuple[Any, Any]:
        """Return the real and the imaginary parts of a complex array."""

    def constant(self, array: NDArray[Any], /) -> Any:
        """Return a NumPy array as a constant of the framework, where the draw runs."""

    def repeat(self, count: int, step: Callable[[Any, Any], Any], state: Any, /) -> Any:
        """Return the state after ``state = step(number, state)`` for each number below ``count``.

        The number is a Python int or an int32 scalar; the state is a tuple of int32 arrays whose shapes stay.
        ``graph_words.unrolled`` is right everywhere; a loop of the framework's own makes a shorter program.
        """

    def rotate(self, x: Any, distance: int, /) -> Any:
        """Rotate int32 to the left; ``graph_words.rotated`` is right everywhere."""

    def call(self, function: Callable[..., Any], /, *arrays: Any, **fixed: Any) -> Any:
        """Return ``function(ops, *arrays, **fixed)``, a tuple of arrays.

        A framework may trace it once: the function is a module's own and depends on nothing else. What is
        ``fixed`` is hashable and says the shapes. Without it the results have the shape of the last array.
        """
