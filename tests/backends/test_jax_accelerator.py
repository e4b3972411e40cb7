"""Arrays for one accelerator: what is compiled, and the bits. A CPU device takes its place."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("jax")

SMALL = [
    ((7,), "O"), ((64,), "O"), ((5, 3), "OI"), ((3, 5), "OI"), ((5, 3), "IO"), ((16, 12), "OI"),
    ((4, 3, 2, 2), "OIHW"), ((2, 2, 3, 4), "HWIO"), ((2, 3, 5), "BOI"), ((32, 32), "OI"), ((0, 4), "OI"),
]  # fmt: skip
LARGE = [((33, 32), "OI"), ((32, 33), "IO")]


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lend a device that is taken for an accelerator, on which 1024 values are few."""
    import jax

    from unified_init.backends import _jax

    monkeypatch.setattr(_jax, "wants_graph", lambda target: target is not None)
    monkeypatch.setattr(_jax, "SENT", 1024)
    jax.clear_caches()
    yield jax.devices()[0]
    jax.clear_caches()


def check(device: Any, shape: tuple[int, ...], layout: str, dtype: str, spec: Any = None) -> None:
    """Compare a draw on a device with the host's."""
    options: dict[str, Any] = {"layout": layout, "seed": 3, "name": "w", "dtype": dtype}
    spec = ui.normal(0.0, 1.0) if spec is None else spec
    array = ui.draw(spec, shape, device=device, **options)
    assert array.devices() == {device}
    assert np.asarray(array).tobytes() == ui.draw(spec, shape, **options).tobytes()


def test_few_values_are_drawn_by_the_host_and_compile_nothing(accelerator: Any) -> None:
    """Of any shape, layout, type and law: most shapes of a model are small."""
    from tests.helpers.jax_shards import counted

    with counted() as counts:
        for shape, layout in SMALL:
            for dtype in ("float32", "bfloat16"):
                check(accelerator, shape, layout, dtype)
        for spec in (ui.orthogonal(), ui.sparse(0.5), ui.zeros(), ui.identity()):
            check(accelerator, (32, 32), "OI", "float32", spec)
    assert counts.compilations == 0


def test_many_values_compile_one_program_per_shape_and_type(accelerator: Any) -> None:
    """Another name, seed or law is an argument of it."""
    from tests.helpers.jax_shards import counted

    with counted() as counts:
        for spec in (ui.normal(0.0, 1.0), ui.he_normal(), ui.uniform(-1.0, 1.0)):
            for shape, layout in LARGE:
                for dtype in ("float32", "bfloat16"):
                    check(accelerator, shape, layout, dtype, spec)
    assert counts.compilations == len(LARGE) * 2


@pytest.mark.needs("flax")
@pytest.mark.current
def test_a_model_on_an_accelerator_compiles_its_large_shapes_only(accelerator: Any) -> None:
    """``apply`` to arrays that are committed to it: one program for all kernels of a shape."""
    import jax
    from flax import nnx
    from tests.helpers.jax_shards import counted

    sizes = (40, 40, 40, 8, 40)

    def make() -> Any:
        rngs = nnx.Rngs(0)
        return nnx.Sequential(*(nnx.Linear(a, b, rngs=rngs) for a, b in itertools.pairwise(sizes)))

    whole, _ = ui.apply(make(), ui.recipes.flax_nnx_default(), seed=0)
    model = make()
    nnx.update(model, jax.device_put(nnx.state(model), accelerator))
    with counted() as counts:
        ui.apply(model, ui.recipes.flax_nnx_default(), seed=0)
    assert counts.compilations == 1
    assert ui.digests(model) == ui.digests(whole)
