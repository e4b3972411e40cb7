"""Norms and isometries inside a framework's program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.backends import registry
from unified_init.drawing.eager import program_of
from unified_init.stream import threefry

NAMES = ("numpy", "torch", "tensorflow", "jax")
BACKENDS = [name if name == "numpy" else pytest.param(name, marks=pytest.mark.needs(name)) for name in NAMES]


def traced(spec: ui.Initializer, shape: tuple[int, ...], backend: str, **options: Any) -> Any:
    """Draw with the graph program of a backend."""
    arguments = {"layout": None, "sizes": None, "fans": None, "index": None, "dtype": "float32"} | options
    program = program_of(spec, shape, name="w", **arguments)
    adapter = registry.get(backend)
    return np.asarray(adapter.to_numpy(adapter.trace(program, threefry.root_key(7), None)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("norm", ["frobenius", "spectral"])
@pytest.mark.parametrize(
    ("base", "shape"),
    [
        (ui.normal(0.0, 1e-24), (300, 40)),
        (ui.uniform(0.0, 1e24), (40, 300)),
        (ui.orthogonal(), (50, 50)),
        (ui.sparse(0.9), (64, 64)),
        (ui.identity(1e25) + ui.normal(0.0, 1e25), (33, 33)),
        (ui.identity(1e-25) + ui.normal(0.0, 1e-25), (30, 31)),
        (ui.student_t(1.0, 0.0, 1e20), (30, 40)),
    ],
    ids=["tiny", "huge", "equal singular values", "sparse", "huge sum", "tiny sum", "no std"],
)
def test_a_program_computes_the_norm_itself(
    base: ui.Initializer, shape: tuple[int, int], norm: str, backend: str
) -> None:
    """To 1e-5 of the largest entry, of bases whose squares float32 does not hold."""
    spec = ui.with_norm(base, norm, 3.0)
    expected = ui.draw(spec, shape, seed=7, name="w")
    gap = np.abs(traced(spec, shape, backend) - expected).max()
    assert gap <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("backend", BACKENDS)
def test_groups_and_slices_of_a_program(backend: str) -> None:
    """Each group has its own norm or isometry, and a slice is of the whole."""
    options: dict[str, Any] = {"layout": "(BO)IW", "sizes": {"B": 2}, "index": (slice(3, 9), 1)}
    for spec in (ui.with_norm(ui.normal(0, 1), "spectral"), ui.convolutional_orthogonal()):
        expected = ui.draw(spec, (12, 4, 3), seed=7, name="w", **options)
        np.testing.assert_allclose(traced(spec, (12, 4, 3), backend, **options), expected, rtol=0, atol=1e-5)
        empty = {"layout": "OIW"}
        assert traced(spec, (4, 0, 3), backend, **empty).shape == (4, 0, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_program_refuses_a_spectral_radius(backend: str) -> None:
    """It needs eigenvalues, which frameworks do not compute on every device."""
    with refused(ui.ArgumentValueError):
        traced(ui.with_norm(ui.normal(0, 1), "spectral_radius"), (9, 9), backend)


@pytest.mark.needs("jax")
def test_a_spectral_radius_is_refused_under_jit() -> None:
    """The public call says so, before a program is made."""
    import jax

    spec = ui.with_norm(ui.normal(0, 1), "spectral_radius")
    with refused(ui.ArgumentValueError):
        jax.jit(lambda key: ui.draw(spec, (9, 9), seed=key, name="w"))(jax.random.key(0))
    drawn = ui.draw(spec, (9, 9), seed=0, name="w", backend="jax")
    assert (np.asarray(drawn) == ui.draw(spec, (9, 9), seed=0, name="w")).all()


@pytest.mark.needs("torch")
def test_a_spectral_radius_is_drawn_under_torch_compile() -> None:
    """There a draw is an eager node: the same bits."""
    import torch

    spec = ui.with_norm(ui.sparse(0.5), "spectral_radius", 0.9)
    compiled = torch.compile(lambda: ui.draw(spec, (9, 9), seed=0, name="w", backend="torch") * 1.0)
    assert (compiled().numpy() == ui.draw(spec, (9, 9), seed=0, name="w")).all()
