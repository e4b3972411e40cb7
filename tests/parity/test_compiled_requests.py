"""Any request, compiled and eager: the same bits, or the same refusal. ``COMPILED_REQUESTS=1000`` runs a thousand.

Compiling takes a tenth of a second or more per request, whatever is drawn, so that by default there are few.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.helpers import strategies
from tests.helpers.outcomes import outcome

import unified_init as ui

SIZE = int(
    os.environ.get("COMPILED_REQUESTS", "40" if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else "12")
)
DTYPES = ("float32", "float64", "bfloat16", "float16", "complex64")


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of a call. Some specs have no law on their shape: both ways must say so alike."""
    shape, layout, sizes = draw(strategies.geometries(most=4))
    return {
        "spec": draw(strategies.specs),
        "shape": draw(st.sampled_from([shape, list(shape)])),
        "seed": draw(st.integers(0, 2**64 - 1)),
        "name": draw(st.text(max_size=8)),
        "layout": layout,
        "sizes": sizes or None,
        "fans": draw(st.none() | st.tuples(strategies.positives, strategies.positives)),
        "index": draw(st.none() | strategies.indices(shape)),
        "dtype": draw(st.sampled_from(DTYPES)),
        "backend": "torch",
    }


@pytest.mark.needs("torch")
@seed(0)
@settings(max_examples=SIZE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(requests(), st.booleans(), st.sampled_from([None, True]), st.booleans())
def test_a_compiled_request_is_the_eager_one(
    request: dict[str, Any],
    fullgraph: bool,  # noqa: FBT001  # as Hypothesis gives it
    dynamic: bool | None,  # noqa: FBT001
    closed: bool,  # noqa: FBT001
) -> None:
    """Whether its arguments are those of the compiled function, or values that it closes over."""
    import torch

    torch.compiler.reset()
    arguments = {} if closed else request

    def program(**arguments: Any) -> Any:
        return ui.draw(**(arguments or request))

    compiled = torch.compile(program, backend="eager", fullgraph=fullgraph, dynamic=dynamic)
    assert outcome(lambda: compiled(**arguments)) == outcome(lambda: ui.draw(**request))
