"""Laws of the structured distributions: those whose entries are not independent draws.

A kernel is one matrix per independent group (``B``): outputs by inputs, or by inputs and kernel positions.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.nested import leaves, shape_of
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.law.law import Law
from unified_init.law.named_values import MATRICES, formula_ends
from unified_init.law.unit_values import (
    BilinearKernels,
    ConstantValues,
    ConvolutionalOrthogonalKernels,
    DeltaOrthogonalKernels,
    DiracKernels,
    FormulaValues,
    FourierKernels,
    HadamardKernels,
    IdentityMatrices,
    OrthogonalMatrices,
    SparseMatrices,
)
from unified_init.spec.distributions import (
    BilinearUpsampling,
    Constant,
    ConvolutionalOrthogonal,
    DeltaOrthogonal,
    Dirac,
    FcnUpsampling,
    Formula,
    Hadamard,
    Identity,
    Listed,
    Orthogonal,
    Sparse,
    Stft,
    Structured,
)
from unified_init.spec.scales import Fixed, Gain, InverseFan, VarianceScaling

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.law.layout import Geometry
    from unified_init.spec.scales import Scale

__all__ = ["matrix_sizes", "scaled_law", "structured_law"]

NAN = math.nan
MATRIX_RANK = 2
FLATTOP_PEAK = 1.000000004  # its coefficients have the sum 1.000000003


def scaled_law(
    dist: Structured,
    rule: Scale,
    geometry: Geometry,
    *,
    factor: float,
    fan_in: float | None,
    fan_out: float | None,
) -> Law:
    """Return the law of a structured distribution under a scale rule; the fans that it needs are known.

    A rule that says a variance is met by the entries of what is random: of orthogonal matrices, and of sparse
    ones with their zeros. What a formula gives is multiplied by the root of that variance.

    Raises:
        ArgumentValueError: the distribution has no meaning on the geometry, or no variance to scale.
    """
    match rule:
        case Gain():
            gain = abs(rule.gain)  # the law is made without its sign
        case Fixed(std):  # of the entries of a sparse matrix that are not zero
            gain = std if isinstance(dist, Sparse) else _gain_of_std(dist, geometry, std)
        case _:
            assert isinstance(rule, VarianceScaling | InverseFan)  # noqa: S101  # no other fits
            gain = _gain_of_std(dist, geometry, rule.std_of(fan_in, fan_out))
    law = structured_law(dist, geometry, checks.positive("gain", factor * gain))
    return dataclasses.replace(law, fan_in=fan_in, fan_out=fan_out)


def _gain_of_std(dist: Structured, geometry: Geometry, std: float) -> float:
    """Return what multiplies the natural size of a distribution so that its entries have a std."""
    natural = structured_law(dist, geometry, 1.0)
    if not natural.random or not math.prod(geometry.shape):
        return std
    if natural.std == 0.0:
        msg = (
            "a sparse initializer whose entries are all zero has no variance to scale, got "
            f"{dist!r} on shape {geometry.shape}."
        )
        raise ArgumentValueError(msg)
    return std / natural.std


def structured_law(dist: Structured, geometry: Geometry, gain: float) -> Law:
    """Return the law of a structured distribution, without its fans.

    Raises:
        ArgumentValueError: the distribution has no meaning on the geometry.
    """
    return LAWS[type(dist)](dist, geometry, gain)


def _constant(dist: Constant, geometry: Geometry, gain: float) -> Law:
    if isinstance(dist.value, float):
        value = dist.value * gain
        return Law(unit=ConstantValues(dist.value), mean=value, std=0.0, low=value, high=value, scale=gain)
    _check_broadcast(shape_of(dist.value), geometry.shape)
    return _given(dist.value, gain)


def _given(value: complex | tuple[Any, ...], gain: float) -> Law:
    """Return the law of given numbers; of complex ones, both parts are within the largest modulus."""
    entries = leaves(value) or [0.0]
    if any(isinstance(entry, complex) for entry in entries):
        high = gain * max(map(abs, entries))
        return Law(unit=ConstantValues(value), mean=NAN, std=NAN, low=-high, high=high, scale=gain)
    low, high = gain * min(entries), gain * max(entries)
    return Law(unit=ConstantValues(value), mean=NAN, std=NAN, low=low, high=high, scale=gain)


def _listed(dist: Listed, geometry: Geometry, gain: float) -> Law:
    values, size = dist.values, math.prod(geometry.shape)
    if len(values) == 1:
        return _constant(Constant(values[0]), geometry, gain)
    fits = len(values) <= size if dist.pads else len(values) == size
    if not fits:
        msg = (
            f"`values` of a list of constants must be {'at most ' if dist.pads else ''}as many as the shape "
            f"has entries, got {len(values)} for {size} of shape {geometry.shape}."
        )
        raise ArgumentValueError(msg)
    entries: tuple[Any, ...] = values + values[-1:] * (size - len(values))
    for length in reversed(geometry.shape[1:]):
        entries = tuple(entries[start : start + length] for start in range(0, len(entries), length))
    return _given(entries, gain)


def _stft(dist: Stft, geometry: Geometry, gain: float) -> Law:
    shape = geometry.shape
    if geometry.layout not in {None, "WIO"} or len(shape) != 3 or shape[1] != 1:  # noqa: PLR2004  # as the message says
        msg = (
            "stft fills kernels stored as (window length, 1, frequencies), layout 'WIO' or none, "
            f"got shape {shape} with layout {geometry.layout!r}."
        )
        raise ArgumentValueError(msg)
    peak = 1.0
    if isinstance(dist.window, tuple):
        if len(dist.window) != shape[0]:
            msg = (
                f"`window` of stft has {len(dist.window)} numbers, and the window length of shape {shape} is "
                f"{shape[0]}: they must be equal."
            )
            raise ArgumentValueError(msg)
        peak = max(map(abs, dist.window), default=1.0) if dist.scaling is None else 1.0
    elif dist.window == "flattop" and dist.scaling is None:
        peak = FLATTOP_PEAK
    unit = FourierKernels(dist.side, dist.window, dist.scaling, dist.periodic)
    return Law(unit=unit, mean=NAN, std=NAN, low=-gain * peak, high=gain * peak, scale=gain)


def _sparse(dist: Sparse, geometry: Geometry, gain: float) -> Law:
    groups, rows, columns = matrix_sizes(geometry, "sparse")
    zeros = math.ceil(dist.sparsity * rows)
    nonzero = 1.0 - zeros / rows if rows else 0.0
    unit = SparseMatrices(groups, rows, columns, zeros)
    return Law(unit=unit, mean=0.0, std=gain * math.sqrt(nonzero), scale=gain)


def _orthogonal(dist: Orthogonal, geometry: Geometry, gain: float) -> Law:
    del dist
    unit = OrthogonalMatrices(*matrix_sizes(geometry, "orthogonal"))
    std = gain / math.sqrt(max(unit.rows, unit.columns, 1))
    return Law(unit=unit, mean=0.0, std=std, low=-gain, high=gain, scale=gain)


def _delta_orthogonal(dist: DeltaOrthogonal, geometry: Geometry, gain: float) -> Law:
    del dist
    return _isometry(geometry, "delta_orthogonal", DeltaOrthogonalKernels, gain)


def _convolutional_orthogonal(dist: ConvolutionalOrthogonal, geometry: Geometry, gain: float) -> Law:
    del dist
    return _isometry(geometry, "convolutional_orthogonal", ConvolutionalOrthogonalKernels, gain)


def _isometry(
    geometry: Geometry,
    name: str,
    kernels: type[DeltaOrthogonalKernels | ConvolutionalOrthogonalKernels],
    gain: float,
) -> Law:
    spatial = _spatial(geometry, name)
    outputs, inputs = geometry.extent("O"), geometry.extent("I")
    if outputs < inputs:
        msg = (
            f"{name} needs at least as many outputs as inputs, "
            f"got {outputs} and {inputs} for shape {geometry.shape}."
        )
        raise ArgumentValueError(msg)
    std = gain / math.sqrt(max(outputs * math.prod(spatial), 1))
    unit = kernels(geometry.extent("B"), outputs, inputs, spatial)
    return Law(unit=unit, mean=0.0, std=std, low=-gain, high=gain, scale=gain)


def _identity(dist: Identity, geometry: Geometry, gain: float) -> Law:
    del dist
    unit = IdentityMatrices(*matrix_sizes(geometry, "identity"))
    if geometry.spatial():
        msg = f"identity fills matrices: use dirac() for a convolution, got shape {geometry.shape}."
        raise ArgumentValueError(msg)
    return Law(unit=unit, mean=NAN, std=NAN, low=0.0, high=gain, scale=gain)


def _dirac(dist: Dirac, geometry: Geometry, gain: float) -> Law:
    spatial = _spatial(geometry, "dirac")
    outputs = geometry.extent("O")
    if outputs % dist.groups:
        msg = f"`groups` of dirac must divide the outputs, got {dist.groups} and {outputs}."
        raise ArgumentValueError(msg)
    unit = DiracKernels(geometry.extent("B"), outputs, geometry.extent("I"), spatial, dist.groups)
    return Law(unit=unit, mean=NAN, std=NAN, low=0.0, high=gain, scale=gain)


def _hadamard(dist: Hadamard, geometry: Geometry, gain: float) -> Law:
    del dist
    groups, outputs, _ = matrix_sizes(geometry, "hadamard")
    if geometry.spatial():
        _spatial(geometry, "hadamard")
    inputs = geometry.extent("I") if geometry.layout is not None else geometry.shape[1]
    unit = HadamardKernels(groups, outputs, inputs, geometry.spatial())
    return Law(unit=unit, mean=NAN, std=NAN, low=-gain, high=gain, scale=gain)


def _bilinear(dist: BilinearUpsampling, geometry: Geometry, gain: float) -> Law:
    del dist
    return _tents(geometry, "bilinear_upsampling", _caffe_middle, gain)


def _fcn(dist: FcnUpsampling, geometry: Geometry, gain: float) -> Law:
    del dist
    return _tents(geometry, "fcn_upsampling", _middle, gain)


def _caffe_middle(size: int) -> float:
    """Where Caffe's first bilinear filler has its top, in half widths: not always the middle."""
    half = (size + 1) // 2
    return (2.0 * half - 1.0 - half % 2) / (2.0 * half)


def _middle(size: int) -> float:
    return (size - 1) / (2.0 * ((size + 1) // 2))


def _tents(geometry: Geometry, name: str, middle: Callable[[int], float], gain: float) -> Law:
    spatial = _spatial(geometry, name)
    unit = BilinearKernels(
        geometry.extent("B"), geometry.extent("O"), geometry.extent("I"), spatial, tuple(map(middle, spatial))
    )
    return Law(unit=unit, mean=NAN, std=NAN, low=0.0, high=gain, scale=gain)


def _formula(dist: Formula, geometry: Geometry, gain: float) -> Law:
    rows, columns = (1, 1, *geometry.logical_shape)[-2:]
    roles = [digit.role for digit in geometry.digits[-2:]]
    if dist.name in MATRICES and roles not in (["", ""], ["O", "I"]):
        msg = (
            f"{dist.name} fills matrices: pass a layout of B, O and I, or none, got shape {geometry.shape} "
            f"with layout {geometry.layout!r}."
        )
        raise ArgumentValueError(msg)
    unit = FormulaValues(dist.name, dist.arguments, rows, columns)
    low, high = (gain * end for end in formula_ends(unit))
    return Law(unit=unit, mean=NAN, std=NAN, low=low, high=high, scale=gain)


LAWS: dict[type, Callable[[Any, Geometry, float], Law]] = {
    Constant: _constant,
    Listed: _listed,
    Stft: _stft,
    Sparse: _sparse,
    Orthogonal: _orthogonal,
    DeltaOrthogonal: _delta_orthogonal,
    ConvolutionalOrthogonal: _convolutional_orthogonal,
    Identity: _identity,
    Dirac: _dirac,
    Hadamard: _hadamard,
    BilinearUpsampling: _bilinear,
    Formula: _formula,
    FcnUpsampling: _fcn,
}


def matrix_sizes(geometry: Geometry, name: str) -> tuple[int, int, int]:
    """Groups, rows (outputs) and columns (inputs and kernel positions) of a kernel seen as matrices."""
    if geometry.layout is None:
        if len(geometry.shape) != MATRIX_RANK:
            msg = (
                f"{name} on a tensor that is not a matrix needs layout=, such as 'OIHW', to say "
                f"which axes are rows; got shape {geometry.shape}."
            )
            raise ArgumentValueError(msg)
        return 1, geometry.shape[0], geometry.shape[1]
    if not geometry.has("O") or not geometry.has("I"):
        msg = f"{name} needs a layout with both O and I, got {shown(geometry.layout)}."
        raise ArgumentValueError(msg)
    columns = geometry.extent("I") * math.prod(geometry.spatial())
    return geometry.extent("B"), geometry.extent("O"), columns


def _spatial(geometry: Geometry, name: str) -> tuple[int, ...]:
    """Spatial sizes of a convolution kernel."""
    if geometry.layout is None or not geometry.spatial() or not geometry.has("O"):
        msg = (
            f"{name} fills convolution kernels: pass a layout with O and spatial axes, such as "
            f"'OIHW'; got shape {geometry.shape} with layout {geometry.layout!r}."
        )
        raise ArgumentValueError(msg)
    if 0 in geometry.spatial():
        msg = f"{name} needs spatial axes that are not empty, got shape {geometry.shape}."
        raise ArgumentValueError(msg)
    return geometry.spatial()


def _check_broadcast(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    padded = (1,) * (len(target) - len(source)) + source
    if len(padded) != len(target) or any(
        length not in {1, target_length} for length, target_length in zip(padded, target, strict=True)
    ):
        msg = f"`value` of a constant must broadcast to the shape, got {source} for {target}."
        raise ArgumentValueError(msg)
