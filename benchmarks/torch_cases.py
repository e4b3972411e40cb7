"""PyTorch's own way: ``torch.nn.init``, and ``torch.rand`` and ``torch.randn``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253  # this file stands for torch

from benchmarks.specs import SPECS, drawn, filled
from benchmarks.timing import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.cases import Case

__all__ = ["limit", "pair"]

DIRECT = {"uniform": torch.rand, "normal": torch.randn}


def limit(threads: int) -> None:
    """Let torch use that many threads."""
    torch.set_num_threads(threads)


def pair(case: Case) -> Pair:
    """Return our call and torch's."""
    dtype = getattr(torch, case.dtype)
    # A generator of our own, as fast as the global one, whose state is not ours to advance.
    generator = torch.Generator().manual_seed(0)
    call, text = _init(case, generator)
    if case.way.startswith("in place"):
        out = torch.empty(case.shape, dtype=dtype)
        if case.way.endswith("plain fill"):
            return Pair(filled(case, out), out.fill_, "torch.Tensor.fill_")
        return Pair(filled(case, out), lambda _: call(out), text)
    direct = DIRECT.get(case.law)
    if direct is not None:
        returned: Callable[[int], Any] = lambda _: direct(case.shape, dtype=dtype, generator=generator)  # noqa: E731
        return Pair(drawn(case), returned, f"torch.{direct.__name__}")
    return Pair(drawn(case), lambda _: call(torch.empty(case.shape, dtype=dtype)), f"torch.empty, {text}")


def _init(case: Case, generator: torch.Generator) -> tuple[Callable[[Any], Any], str]:
    """Return the function of ``torch.nn.init`` that has this law, and its name."""
    name = {
        "he_normal": "trunc_normal_",  # torch has no name for it
        "truncated_normal": "trunc_normal_",
        "glorot_uniform": "xavier_uniform_",
    }.get(case.law, f"{case.law}_")
    options: dict[str, Any] = {"generator": generator}
    if case.law == "he_normal":
        law = SPECS["he_normal"].resolve(case.shape, layout=case.layout())
        options |= {"std": law.high / 2.0, "a": law.low, "b": law.high}  # cut at two sigmas
    return functools.partial(getattr(torch.nn.init, name), **options), f"torch.nn.init.{name}"
