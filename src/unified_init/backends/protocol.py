"""What a backend must do, declared in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.request import Request

__all__ = ["Backend", "Key", "Ops"]

# A root key: two Python ints, or two int32 scalars of a framework that is tracing.
Key = tuple[Any, Any]


class Backend(Protocol):
    """One framework. Adapters are modules: each of these is a function of the module."""

    def root_key(self, seed: object) -> Key | None:
        """Return the root key of this framework's own seed objects; None for any other object."""

    def wants_graph(self, key: Key | None, device: object) -> bool:
        """Whether the graph program must run: a trace is under way, or the device is no host."""

    def adopt(self, array: NDArray[Any], device: object) -> Any:  # noqa: ANN401
        """Return a host buffer as a tensor of the framework, aliased where it allows that."""

    def trace(self, request: Request, key: Key | None, device: object) -> Any:  # noqa: ANN401
        """Draw with the graph program."""

    def to_numpy(self, tensor: Any) -> NDArray[Any]:  # noqa: ANN401
        """Return a tensor's values as a NumPy array, aliased where possible."""


class Ops(Protocol):
    """What the graph program needs beyond the array API's functions, which ``xp`` has."""

    xp: Any

    def cast(self, x: Any, dtype: str) -> Any:  # noqa: ANN401
        """Convert to another element type, to nearest even."""

    def bits(self, x: Any, dtype: str) -> Any:  # noqa: ANN401
        """Reinterpret the bits as another type of the same width."""

    def take(self, column: Any, row: Any) -> Any:  # noqa: ANN401
        """Gather from a one-dimensional column; rows are in range."""

    def complex(self, real: Any, imag: Any) -> Any:  # noqa: ANN401
        """Join two real arrays."""

    def constant(self, array: NDArray[Any]) -> Any:  # noqa: ANN401
        """Return a NumPy array as a constant of the framework."""
