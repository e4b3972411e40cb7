"""Convolutional networks of two frameworks: matched, drawn, run, and their outputs compared."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers import ports_convolutional as ports
from tests.helpers.pairs_convolutional import images

import unified_init as ui

PORTS = [
    pytest.param(lambda _: ports.keras_cnn(), marks=pytest.mark.needs("torch", "keras"), id="keras"),
    pytest.param(lambda _: ports.nnx_cnn(), marks=pytest.mark.needs("torch", "flax"), id="nnx"),
    pytest.param(ports.linen_cnn, marks=pytest.mark.needs("torch", "flax"), id="linen"),
]


@pytest.mark.parametrize("port", PORTS)
def test_two_equally_wide_normalizations_are_told_apart(port: Any) -> None:
    """Scale, offset and statistics of one layer stay together; the outputs are equal to 1e-5."""
    first, last = images(9)
    theirs, ours = ports.torch_cnn().eval(), port(last)
    names = ui.match(theirs, ours)
    assert len(names) == 14
    assert ui.verify_match(theirs, ours, names, inputs=(first, last)).difference < 1e-5
    proven = ui.match(theirs, ours, inputs=(first, last))
    assert dict(proven) == dict(names)
    assert proven.verification is not None
    assert proven.verification.ok
    assert str(proven).endswith(proven.verification.summary)


@pytest.mark.needs("torch", "keras")
def test_a_swapped_pair_is_caught_and_named() -> None:
    """Digests are equal, outputs are not: the first layer of the first model that has the other's counterpart is named."""
    first, last = images(9)
    theirs, ours = ports.torch_cnn(), ports.keras_cnn()
    names = dict(ui.match(theirs, ours))
    norms = [layer.name for layer in ours.layers if "normalization" in layer.name]
    swap = dict(zip(norms, reversed(norms), strict=True))
    swapped = {
        path: names["/".join((swap.get(path.split("/")[0], path.split("/")[0]), path.split("/")[1]))]
        for path in names
    }
    result = ui.verify_match(theirs, ours, swapped, inputs=(first, last))
    assert not result.ok
    assert result.difference > 0.01
    assert result.first is not None
    assert (result.first.first, result.first.second) == ("1", norms[1])


def strided_branches(names: str) -> Any:
    """Return a block whose branch and whose shortcut begin with equal convolutions.

    The names are those of the branch's two convolutions and of the shortcut; their order is that of the calls.
    """
    from torch import nn

    layers = (nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.Conv2d(3, 8, 1, stride=2))

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, layer in sorted(zip(names, layers, strict=True)):
                self.add_module(name, layer)

        def forward(self, x: Any) -> Any:
            first, second, shortcut = (self.get_submodule(name) for name in names)
            if names[2] < names[0]:
                y = shortcut(x)
                return second(first(x).relu()) + y
            return second(first(x).relu()) + shortcut(x)

    return Branches()


@pytest.mark.needs("torch")
def test_branches_that_begin_alike_are_told_apart_by_the_sizes_of_their_outputs() -> None:
    """Two kernels that look alike and take the same input, of which one is applied in strides."""
    first, _ = images(9)
    names = ui.match(strided_branches("abc"), strided_branches("qrp"), inputs=(first, first))
    assert (names["q.weight"], names["p.weight"]) == ("a.weight", "c.weight")
    assert names.verification is not None
    assert names.verification.difference < 1e-5
