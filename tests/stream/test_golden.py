"""Golden digests: the values of the released stream, which never change.

``python tests/stream/test_golden.py --write`` adds the lines of a new preset to ``golden.json``; it refuses to change a
line that is there. Orthogonal draws are not in it: their bits are promised on one machine only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.spec import presets
from unified_init.testing.cases import ELEMENTWISE

FILE = Path(__file__).with_name("golden.json")
SEED = 2**63 + 2**31 + 5
FLOATS = ("float32", "bfloat16", "float64")
COMPLEX = (*FLOATS, "complex64", "complex128")


def triangular() -> ui.Initializer:
    """Return a law by its quantile function, from operations that every platform rounds alike."""
    return ui.from_quantile(lambda p: np.sqrt(2 * p) - 1, lambda p: 1 - np.sqrt(2 * p), low=-1.0, high=1.0)


MATRIX: dict[str, Any] = {"shape": (30, 20), "layout": "OI"}
DENSE: dict[str, Any] = {"shape": (20, 30), "layout": "IO"}
KERNEL: dict[str, Any] = {"shape": (3, 5, 6, 8), "layout": "HWIO"}
WAVES: dict[str, Any] = {"shape": (16, 1, 9)}
GROUPED: dict[str, Any] = {"shape": (12, 4, 3), "layout": "(BO)IW", "sizes": {"B": 3}}
FALLING = ui.along("I", [1.0 / (1 + number) for number in range(20)])
SPECS: dict[str, tuple[ui.Initializer, tuple[dict[str, Any], ...], tuple[str, ...]]] = {
    "normal": (ui.normal(0.0, 0.02), (MATRIX, DENSE, GROUPED), COMPLEX),
    "normal, shifted": (ui.normal(1.5, 0.3), (MATRIX,), FLOATS),
    "uniform": (ui.uniform(-0.05, 0.05), (MATRIX, KERNEL), FLOATS),
    "uniform, one-sided": (ui.uniform(0.0, 1.0), (MATRIX,), FLOATS),
    "truncated_normal": (ui.truncated_normal(0.0, 0.02), (MATRIX,), FLOATS),
    "truncated_normal, asymmetric": (ui.truncated_normal(0.5, 2.0, -1.0, 3.0), (MATRIX,), FLOATS),
    "trunc_normal": (ui.trunc_normal(std=0.02), (MATRIX,), FLOATS),
    "glorot_uniform": (ui.glorot_uniform(), (MATRIX, DENSE, KERNEL, GROUPED), FLOATS),
    "glorot_normal": (ui.glorot_normal(), (KERNEL,), FLOATS),
    "he_uniform": (ui.he_uniform(), (KERNEL,), FLOATS),
    "he_normal": (ui.he_normal(), (MATRIX, DENSE, KERNEL, GROUPED), FLOATS),
    "lecun_uniform": (ui.lecun_uniform(), (KERNEL,), FLOATS),
    "lecun_normal": (ui.lecun_normal(), (KERNEL,), FLOATS),
    "xavier_uniform": (ui.xavier_uniform(5 / 3), (KERNEL,), FLOATS),
    "xavier_normal": (ui.xavier_normal(), (KERNEL,), COMPLEX),
    "kaiming_uniform": (ui.kaiming_uniform(5**0.5), (KERNEL,), FLOATS),
    "kaiming_normal": (ui.kaiming_normal(mode="fan_out"), (KERNEL,), COMPLEX),
    "variance_scaling": (ui.variance_scaling(0.3, "fan_geo_avg", "truncated_normal"), (KERNEL,), FLOATS),
    "uniform_unit_scaling": (ui.uniform_unit_scaling(1.43), (KERNEL,), FLOATS),
    "siren": (ui.siren(), (MATRIX,), FLOATS),
    "siren, first": (ui.siren(first=True), (MATRIX,), FLOATS),
    "from_quantile": (triangular(), (MATRIX,), ("float32", "bfloat16")),
    "icnr": (ui.icnr(ui.he_normal(), 2), (KERNEL,), FLOATS),
    "scaled": (ui.he_normal() * 0.5, (KERNEL,), FLOATS),
    "sparse": (ui.sparse(0.25), (MATRIX, KERNEL), FLOATS),
    "sparse_of": (ui.sparse_of(ui.rademacher(), 0.25, "row"), (MATRIX, KERNEL), FLOATS),
    "sparse_of, all": (ui.sparse_of(ui.he_normal(), 0.98, "all", at_least_one=True), (MATRIX, KERNEL), FLOATS),
    "zeros": (ui.zeros(), (MATRIX,), COMPLEX),
    "ones": (ui.ones(), (MATRIX,), COMPLEX),
    "constant": (ui.constant([[0.1], [0.2]] * 15), (MATRIX,), COMPLEX),
    "identity": (ui.identity(0.5), (MATRIX,), COMPLEX),
    "dirac": (ui.dirac(2), (KERNEL,), FLOATS),
    "hadamard": (ui.hadamard(), (MATRIX, KERNEL), FLOATS),
    "bilinear_upsampling": (ui.bilinear_upsampling(), (KERNEL,), FLOATS),
    "hippo_legs": (ui.hippo_legs(), (MATRIX, DENSE), FLOATS),
    "hippo_legt": (ui.hippo_legt(), (MATRIX,), FLOATS),
    "hippo_b": (ui.hippo_b(), (MATRIX,), FLOATS),
    "s4d_lin": (ui.s4d_lin(), (MATRIX,), FLOATS),
    "s4d_inv": (ui.s4d_inv(), (MATRIX,), FLOATS),
    "s4d_real": (ui.s4d_real(), (MATRIX,), FLOATS),
    "rwkv_time_decay": (ui.rwkv_time_decay(2, 7), (MATRIX,), FLOATS),
    "rwkv_time_first": (ui.rwkv_time_first(), (MATRIX,), FLOATS),
    "rwkv_time_mix": (ui.rwkv_time_mix(2, 7, "receptance"), (MATRIX,), FLOATS),
    "fcn_upsampling": (ui.fcn_upsampling(), (KERNEL,), FLOATS),
    "uniform, ends from a fan": (ui.Initializer(ui.Uniform(), ui.FanInterval(0.0, 1.0, "fan_in")), (KERNEL,), FLOATS),
    "normal, moments from a fan": (ui.Initializer(ui.Normal(), ui.FanMoments(0.5, 2.0, "fan_out")), (KERNEL,), FLOATS),
    "sparse, by a fan": (ui.Initializer(ui.Sparse(0.25), ui.VarianceScaling(1.0, "fan_in")), (KERNEL,), FLOATS),
    "with_norm": (ui.with_norm(ui.normal(0.0, 1.0), "frobenius", 2.0), (MATRIX, GROUPED), FLOATS),
    "identity, plus noise": (ui.identity(-0.7) + ui.normal(0.0, 0.01), (MATRIX, DENSE), FLOATS),
    "he_normal, minus": (ui.he_normal() - ui.sparse(0.25) + 0.1, (MATRIX, KERNEL), FLOATS),
    "truncated_normal, negative": (-ui.truncated_normal(0.5, 2.0, -1.0, 3.0), (MATRIX,), FLOATS),
    "normal, along inputs": (FALLING * ui.normal(0.1, 1.0) + 1.0, (MATRIX, DENSE), FLOATS),
    "stft": (ui.stft(), (WAVES,), FLOATS),
    "stft, taylor": (ui.stft(window="taylor"), (WAVES,), FLOATS),
    "stft, numbers": (ui.stft(window=[0.5, 1.0] * 8, scaling=None), (WAVES,), FLOATS),
    "stft, imaginary": (ui.stft("imag", "blackman", "spectrum", periodic=True), (WAVES,), FLOATS),
}  # fmt: skip
# A preset that is not listed above is drawn on one shape, as its case in the package has it.
SPECS |= {
    name: (spec, (KERNEL,), FLOATS)
    for name, spec in ELEMENTWISE.items()
    if name in presets.__all__ and name not in SPECS
}
NOT_GOLDEN = {"orthogonal", "glorot_orthogonal", "delta_orthogonal", "convolutional_orthogonal"}
CASES = [
    (name, position, dtype)
    for name, (_, shapes, dtypes) in SPECS.items()
    for position in range(len(shapes))
    for dtype in dtypes
]


def line(name: str, position: int, dtype: str) -> tuple[str, str]:
    """Return a case as text, and the digest of its draw."""
    spec, shapes, _ = SPECS[name]
    options = shapes[position]
    drawn = ui.draw(spec, seed=SEED, name="block/0/kernel", dtype=dtype, **options)
    place = {key: value for key, value in options.items() if key != "shape"}
    label = f"{name} {options['shape']} {options.get('layout', '-')} {dtype}"
    return label, ui.digest(drawn, **place)


def golden() -> dict[str, str]:
    """Return the digests of the file."""
    stored: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))["digests"]
    return stored


@pytest.mark.parametrize(("name", "position", "dtype"), CASES)
def test_values_are_those_of_the_golden_file(name: str, position: int, dtype: str) -> None:
    """Every preset, in several shapes, layouts and types, to the bit."""
    label, digest = line(name, position, dtype)
    assert golden()[label] == digest


def test_the_golden_file_is_of_this_stream_and_whole() -> None:
    """Its stream is the one of this release, and it has no line more or less than there are cases."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    assert stored["stream"] == ui.STREAM
    assert sorted(stored["digests"]) == sorted(line(*case)[0] for case in CASES)


def test_layouts_share_their_golden_digests() -> None:
    """A matrix stored the other way round has the same logical tensor."""
    stored = golden()
    for name in ("normal", "he_normal", "glorot_uniform"):
        assert stored[f"{name} (30, 20) OI float32"] == stored[f"{name} (20, 30) IO float32"]


def test_every_preset_has_a_golden_digest() -> None:
    """A new preset joins the file, or is named as one whose bits are not promised everywhere."""
    named = {name.partition(",")[0] for name in SPECS}
    assert set(presets.__all__) == (named | NOT_GOLDEN) - {"from_quantile", "scaled"}


def write(stored: dict[str, str]) -> str:
    """Return the text of the file with all cases; refuse to change a digest that it has."""
    digests = dict(line(*case) for case in CASES)
    changed = [label for label, digest in stored.items() if digests.get(label, digest) != digest]
    if changed:
        msg = f"the values of {', '.join(changed)} have changed, and the stream never changes"
        raise ValueError(msg)
    return json.dumps({"stream": ui.STREAM, "digests": digests}, indent=1) + "\n"


def test_writing_adds_lines_and_changes_none() -> None:
    """The file is what it would be written as; another digest in it is not overwritten."""
    text = FILE.read_text(encoding="utf-8")
    assert write(golden()) == text
    label = next(iter(golden()))
    assert write({name: digest for name, digest in golden().items() if name != label}) == text
    with pytest.raises(ValueError, match="the stream never changes"):
        write({**golden(), label: "0" * 64})


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    FILE.write_text(write(golden()), encoding="utf-8")
