"""The functions that every walker has, every prober and every runner. All are modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from unified_init.inventory.inventory import Inventory
    from unified_init.walkers.runs import Run
    from unified_init.walkers.writes import Write

    Piece = tuple[tuple[int, ...], tuple[int, ...], Callable[[], NDArray[Any]]]  # first index, end, values

__all__ = ["Holding", "Keeping", "Materializer", "Prober", "Runner", "Tying", "Walker"]

# ruff: noqa: ANN401  # models of any framework


class Walker(Protocol):
    """The models of one framework. A native path names one tensor, the same in all of these functions."""

    def inspect(self, model: Any) -> Inventory:
        """Return the records of a model's parameters and buffers."""

    def read(self, model: Any, path: str) -> NDArray[Any]:
        """Return a tensor's values as a NumPy array, as the model sees them."""

    def shape_and_dtype(self, model: Any, path: str) -> tuple[tuple[int, ...], str]:
        """Return the shape and the element type's name of a native tensor."""

    def state(self, model: Any, paths: Collection[str]) -> dict[str, str]:
        """Return the stream names of those tensors without a record that training or data may change.

        These are what a checkpoint has of them, without random state and caches. The paths of a
        shared tensor have one stream.
        """

    def loaded(self, model: Any) -> frozenset[str]:
        """Return the paths that the model itself marks as holding loaded values."""

    def check(self, model: Any, paths: Collection[str]) -> None:
        """Refuse if one of these tensors cannot be written, or if the model would be incomplete after it."""

    def commit(self, model: Any, writes: Mapping[str, Write]) -> Any:
        """Write (in place, where the framework can) and return the model; all checks have passed."""


class Keeping(Protocol):
    """What a walker has whose models have buffers that no checkpoint has."""

    def kept(self, model: Any) -> frozenset[str]:
        """Return the buffers that a checkpoint of the model has."""


class Holding(Protocol):
    """What a walker has whose models may be spread over several processes or devices."""

    def pieces(self, model: Any, path: str) -> Iterator[Piece]:
        """Yield the boxes of a tensor that this process holds, each once, and what reads each."""


class Tying(Walker, Protocol):
    """A framework whose models say which of their tensors are one."""

    def untied(self, model: Any) -> tuple[tuple[str, str], ...]:
        """Return the (path, other path) pairs that a model declares to be one tensor and that are two."""


class Materializer(Protocol):
    """What gives the models of one framework memory."""

    def checked_dtype(self, dtype: Any) -> Any:
        """Return an element type for parameters; None for each its own."""

    def on_meta(self, model: Any) -> dict[str, tuple[str, ...]]:
        """Return the tensors without memory: by path, the paths under which an inventory may have them."""

    def unregistered(self, model: Any) -> list[str]:
        """Return the paths of tensors without memory that nothing can give any."""

    def restorable(self, model: Any, paths: Collection[str]) -> frozenset[str]:
        """Return the paths to which the model itself may give values."""

    def check_tied(self, model: Any, paths: Collection[str]) -> None:
        """Refuse to write one of two tensors that should be one."""

    def materialize(self, model: Any, device: Any, dtype: Any) -> None:
        """Give all tensors memory, in place, with values that show where they are not written."""

    def restore(self, model: Any, paths: Collection[str]) -> list[str]:
        """Let the model give some tensors their values; return the paths of those that it left out."""


class Prober(Protocol):
    """What runs one framework's models and looks at their layers."""

    def probe(self, model: Any, batch: Any, loss: Callable[[Any], Any] | None) -> list[dict[str, Any]]:
        """Return the fields of a ``ProbedLayer`` for each output of a layer, in order of the calls."""


class Runner(Protocol):
    """What runs one framework's models to compare them with another's."""

    def scratch(self, model: Any) -> AbstractContextManager[Any]:
        """Lend a model of the same kind that may be written and run; the original stays as it is."""

    def run(self, model: Any, inputs: Any) -> Run:
        """Run a lent model as at inference: on one input, a tuple, a dict, or by a function of the model."""
