"""A mark for functions that no tracer has to look into."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["constant_in_traces"]

Function = TypeVar("Function", bound=Callable[..., object])


def constant_in_traces(function: Function) -> Function:
    """Let ``torch.compile`` call a pure function while it traces, and take the result as a constant.

    This is the mark that ``torch.compiler.assume_constant_result`` sets, which would need torch.
    """
    vars(function)["_dynamo_marked_constant"] = True
    return function
