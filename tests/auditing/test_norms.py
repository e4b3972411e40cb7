"""Audits of matrices that were scaled to a norm, and of convolutions that keep one."""

from __future__ import annotations

from typing import Any

import pytest

import unified_init as ui

pytestmark = pytest.mark.needs("torch")

NORMS = ("frobenius", "spectral", "spectral_radius")


def recipe(spec: ui.Initializer, **more: Any) -> ui.Recipe:
    """Return a recipe of one law."""
    return ui.Recipe("mine", (ui.Rule(spec=spec, **more),))


def applied(spec: ui.Initializer, module: Any) -> tuple[Any, ui.Recipe]:
    """Return a module that a spec has filled, and the recipe."""
    expected = recipe(spec)
    model, _ = ui.apply(module, expected, seed=0)
    return model, expected


def linear(outputs: int = 64, inputs: int = 64) -> Any:
    """Return a layer without memory of its own initial weights."""
    import torch

    return torch.nn.utils.skip_init(torch.nn.Linear, inputs, outputs, bias=False)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("base", [ui.normal(0, 1), ui.sparse(0.8)], ids=["normal", "sparse"])
def test_a_norm_is_examined(base: ui.Initializer, norm: str) -> None:
    """What was drawn passes; a norm that is off by a thousandth differs, and the row says by how much."""
    layer, expected = applied(ui.with_norm(base, norm, 0.9), linear())
    audit = ui.audit(layer, expected)
    assert audit.ok, audit
    layer.weight.data *= 1.001
    row = ui.audit(layer, expected)["weight"]
    assert row.verdict == "differs"
    assert "0.9009, expected 0.9" in "; ".join(row.notes)


def test_the_law_that_was_scaled_is_examined_too() -> None:
    """A uniform matrix of the right norm is none of a normal law."""
    layer, _ = applied(ui.with_norm(ui.uniform(-1, 1), "spectral"), linear())
    audit = ui.audit(layer, recipe(ui.with_norm(ui.normal(0, 1), "spectral")))
    assert audit["weight"].verdict == "differs"
    assert "Kolmogorov-Smirnov" in "; ".join(audit["weight"].notes)


@pytest.mark.parametrize("norm", ["frobenius", "spectral"])
def test_a_kernel_is_examined_as_a_matrix(norm: str) -> None:
    """Outputs by inputs and positions, as it was scaled; sparse columns too."""
    import torch

    kernel = torch.nn.utils.skip_init(torch.nn.Conv2d, 6, 20, 3, bias=False)
    layer, expected = applied(ui.with_norm(ui.sparse(0.5), norm), kernel)
    assert ui.audit(layer, expected).ok, ui.audit(layer, expected)


def test_what_cannot_be_examined_is_not_ok() -> None:
    """A base without independent draws, too few values, and a part of a tensor."""
    for spec, shape in (
        (ui.with_norm(ui.orthogonal(), "spectral"), (64, 64)),
        (ui.with_norm(ui.normal(0, 1), "spectral"), (4, 4)),
    ):
        layer, expected = applied(spec, linear(*shape))
        audit = ui.audit(layer, expected)
        assert not audit.ok
        assert audit["weight"].verdict == "unexamined"
    spec = ui.with_norm(ui.normal(0, 1), "frobenius")
    rows = recipe(spec, index=(slice(0, 32),))
    model, _ = ui.apply(linear(), rows, seed=0)
    assert ui.audit(model, rows)["weight"].verdict == "unexamined"


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_an_isometry_is_examined_at_all_frequencies(rank: int) -> None:
    """What was drawn passes; one weight moved by a thousandth of the norm differs."""
    import torch

    convolution = getattr(torch.nn, f"Conv{rank}d")
    layer, expected = applied(
        ui.convolutional_orthogonal(2.0), torch.nn.utils.skip_init(convolution, 4, 6, 3, bias=False)
    )
    assert ui.audit(layer, expected).ok
    layer.weight.data.view(-1)[5] += 2e-3
    row = ui.audit(layer, expected)["weight"]
    assert row.verdict == "differs"
    assert "not an isometry" in "; ".join(row.notes)
