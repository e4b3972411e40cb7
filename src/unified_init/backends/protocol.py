"""What a backend must do, declared in full. Adapters are modules; these are their functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.program import Program

__all__ = ["Backend", "Fillable", "Key", "Ops", "Shardable"]

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


class Shardable(Backend, Protocol):
    """A framework that spreads an array over devices."""

    def constrain(self, array: Any, sharding: Any) -> Any:
        """Return the array with a sharding, in a trace or outside one."""


class Ops(Protocol):
    """What the graph program needs beyond the array API's functions, which ``xp`` has."""

    xp: Any

    def cast(self, x: Any, dtype: str) -> Any:
        """Convert to another element type, to nearest even."""

    def bits(self, x: Any, dtype: str) -> Any:
        """Reinterpret the bits as another type of the same width."""

    def take(self, column: Any, row: Any) -> Any:
        """Gather from a one-dimensional column; rows are in range."""

    def complex(self, real: Any, imag: Any) -> Any:
        """Join two real arrays."""

    def constant(self, array: NDArray[Any]) -> Any:
        """Return a NumPy array as a constant of the framework."""
