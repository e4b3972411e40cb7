"""A mark for functions that no tracer has to look into."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["constant_in_traces"]

P = ParamSpec("P")
T = TypeVar("T")


def constant_in_traces(function: Callable[P, T]) -> Callable[P, T]:
    """Let ``torch.compile`` call a pure function while it traces, and take the result as a constant.

    The mark is the one that ``torch.compiler.assume_constant_result`` sets, which would need torch. A new
    function has it, because Dynamo ignores the cache of a cached function, and warns.
    """

    def constant(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    constant.__name__, constant.__doc__ = function.__name__, function.__doc__
    vars(constant)["_dynamo_marked_constant"] = True
    return constant
