"""Memory of PyTorch's tensors: one memory is written once, and what cannot be written is refused before."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")

NORMAL = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))


def holding(**tensors: Any) -> Any:
    """Return a module of these parameters."""
    import torch

    module = torch.nn.Module()
    for name, tensor in tensors.items():
        module.register_parameter(name, torch.nn.Parameter(tensor, requires_grad=False))
    return module


def test_a_transposed_view_of_a_parameter_is_refused() -> None:
    """Both paths are named, nothing is written, and one of them can be skipped."""
    import torch

    base = torch.zeros(8, 4)
    module = holding(first=base, second=base.t())
    with refused(ui.UnifiedInitError):
        ui.apply(module, NORMAL, seed=0)
    assert not base.any()
    _, report = ui.apply(module, NORMAL, seed=0, skip="second")
    assert report.written == ("first",)
    assert torch.equal(module.second, module.first.t())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("base[:5]", "base[4:]"),
        ("base", "base[2]"),
        ("base[:, :3]", "base[:, 2:]"),
        ("base", "base.view(torch.int32)[0]"),
        ("base", "base._neg_view()"),
    ],
)
def test_tensors_that_share_an_element_are_refused(first: str, second: str) -> None:
    """Rows, columns, other types and other readings of one memory."""
    import torch

    names = {"base": torch.zeros(8, 4), "torch": torch}
    if "_neg_view" in second:
        names["base"], second = torch.zeros(8, 4), "torch._neg_view(base)"
    one, other = (eval(text, names) for text in (first, second))  # noqa: S307  # written above
    module = holding(a=one, b=other)
    zeros = ui.Recipe("zeros", (ui.Rule(spec=ui.zeros()),))
    with refused(ui.UnifiedInitError):
        ui.apply(module, zeros, seed=0)


def test_columns_and_rows_that_lie_apart_are_written() -> None:
    """Ranges of addresses that intersect are no overlap: interleaved columns get their own draws."""
    import torch

    base = torch.zeros(8, 6)
    module = holding(q=base[:, :2], k=base[:, 2:4], v=base[:, 4:])
    ui.apply(module, NORMAL, seed=0)
    for name in "qkv":
        drawn = ui.draw(ui.normal(0.0, 1.0), (8, 2), seed=0, name=name, backend="torch")
        assert torch.equal(getattr(module, name), drawn)
    halves = torch.zeros(8, 3)
    ui.apply(holding(up=halves[:4], down=halves[4:], none=halves[:0]), NORMAL, seed=0)
    assert halves.all()


def test_two_parameters_of_one_memory_are_a_tie() -> None:
    """Address, shape, strides and type say so, not the identity of the object."""
    import torch

    base = torch.zeros(8, 4)
    module = holding(a=base, b=base.detach())
    assert module.a is not module.b
    _, report = ui.apply(module, NORMAL, seed=0)
    assert (report.written, report.ties) == (("a",), (("a", "b"),))
    assert torch.equal(module.b, ui.draw(ui.normal(0.0, 1.0), (8, 4), seed=0, name="a", backend="torch"))


def test_a_tensor_that_overlaps_itself_is_refused() -> None:
    """Windows over one memory; strides that merely interleave are no overlap."""
    import torch

    windows = torch.zeros(10).as_strided((4, 3), (2, 1))
    with refused(ui.UnifiedInitError):
        ui.apply(holding(w=windows), NORMAL, seed=0)
    assert not windows.any()
    with pytest.raises(ui.ArgumentValueError):
        ui.fill(windows, ui.ones())
    interleaved = torch.zeros(8).as_strided((2, 3), (3, 2))
    ui.apply(holding(w=interleaved), NORMAL, seed=0)
    drawn = ui.draw(ui.normal(0.0, 1.0), (2, 3), seed=0, name="w", backend="torch")
    assert torch.equal(interleaved, drawn)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental:UserWarning")  # once a process
@pytest.mark.parametrize(
    "name", ["float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "complex32", "qint8"]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_type_that_cannot_be_written_is_refused_before_the_first_write(name: str) -> None:
    """Also for a constant, which the type could hold."""
    import torch

    made = torch.ones(3)
    odd = torch.quantize_per_tensor(made, 0.1, 0, torch.qint8) if name == "qint8" else None
    module = holding(a=torch.zeros(3), b=made.to(getattr(torch, name)) if odd is None else odd)
    with refused(ui.UnifiedInitError):
        ui.apply(module, ui.Recipe("ones", (ui.Rule(spec=ui.ones()),)), seed=0)
    assert not module.a.any()


def test_tensors_that_wrap_others_are_refused_before_the_first_write() -> None:
    """Fake tensors and subclasses that dispatch to tensors of their own: their memory is not their values."""
    import torch
    from torch._subclasses import FakeTensorMode
    from torch.testing._internal.two_tensor import TwoTensor

    with FakeTensorMode():
        fake = torch.zeros(3)
    two = TwoTensor(torch.zeros(3), torch.zeros(3))
    for tensor in (fake, two):
        module = torch.nn.Module()
        module.a = torch.nn.Parameter(torch.zeros(3))
        module.b = torch.nn.Parameter(tensor)
        with refused(ui.UnifiedInitError):
            ui.apply(module, NORMAL, seed=0)
        assert not module.a.any()


def test_tensors_without_memory_are_inspected() -> None:
    """On meta, empty and sparse ones each are their own record."""
    import torch

    module = holding(
        meta=torch.empty(3, device="meta"),
        other=torch.empty(3, device="meta"),
        none=torch.empty(0, 3),
        neither=torch.empty(0, 3),
        sparse=torch.zeros(3, 3).to_sparse(),
    )
    assert [(record.path, record.ties) for record in ui.inspect(module)] == [
        (path, ()) for path in ("meta", "other", "none", "neither", "sparse")
    ]


def test_a_column_of_a_wider_tensor_is_written_in_place() -> None:
    """An axis of length 1 may have any stride: no two elements share an address."""
    import torch

    wide = torch.zeros(5, 4)
    ui.fill(wide[:, 1:2], ui.ones())
    assert wide.sum(dim=0).tolist() == [0.0, 5.0, 0.0, 0.0]


def test_tensors_without_values_share_no_memory() -> None:
    """Two of them may have one address."""
    import torch

    base = torch.empty(0)
    module = holding(a=base.view(0, 3), b=base.view(0, 4))
    assert {record.path for record in ui.inspect(module)} == {"a", "b"}
