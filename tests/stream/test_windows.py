"""Windows of Fourier kernels: by name, as SciPy has them, and as numbers."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.spec.distributions import WINDOW_NAMES
from unified_init.stream.windows import WINDOWS, window_values


def test_the_names_of_specs_and_streams_are_the_same() -> None:
    """A spec accepts each window that is computed, and no other."""
    assert tuple(WINDOWS) == WINDOW_NAMES


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("name", WINDOW_NAMES)
def test_windows_are_those_of_scipy(name: str, periodic: bool) -> None:  # noqa: FBT001  # parametrized
    """To rounding, of every small length and a large one."""
    signal = pytest.importorskip("scipy.signal")
    for length in (*range(1, 12), 64, 501):
        ours = window_values(name, length, periodic=periodic)
        np.testing.assert_allclose(
            ours, signal.get_window(name, length, periodic), rtol=0, atol=1e-15 * length
        )


def test_every_name_of_scipy_that_needs_no_number_is_a_window() -> None:
    """Aliases too; a name that needs a number is refused there and here."""
    windows = pytest.importorskip("scipy.signal.windows._windows")
    if not hasattr(windows, "_WIN_FUNC_DATA"):
        pytest.skip("this SciPy lists its windows elsewhere")
    for name in (name for names in windows._WIN_FUNC_DATA for name in names):
        try:
            values = windows.get_window(name, 9, fftbins=False)
        except ValueError:
            with pytest.raises(ui.ArgumentValueError):
                ui.stft(window=name)
            continue
        window = cast("ui.Stft", ui.stft(window=name).distribution).window
        assert isinstance(window, str)
        np.testing.assert_allclose(window_values(window, 9, periodic=False), values, atol=1e-14, err_msg=name)


def test_suffixes_of_scipy_say_whether_a_window_is_periodic() -> None:
    """They win over the argument, as there."""
    assert ui.stft(window="hann_periodic") == ui.stft(window="hann", periodic=True)
    assert ui.stft(window="han_symmetric", periodic=True) == ui.stft(window="hann")


@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("make", [list, tuple, np.array], ids=["list", "tuple", "array"])
def test_numbers_are_a_window(make: Any, scaling: str | None) -> None:
    """The values of a named window give its kernel."""
    numbers = make(window_values("hamming", 16, periodic=False).tolist())
    spec = ui.stft("imag", numbers, scaling)
    kernel = ui.draw(spec, (16, 1, 9))
    assert (kernel == ui.draw(ui.stft("imag", "hamming", scaling), (16, 1, 9))).all()
    assert ui.from_json(ui.to_json(spec)) == spec
    assert eval(repr(spec), vars(ui)) == spec  # noqa: S307
    law = spec.resolve((16, 1, 9))
    assert np.abs(kernel).max() <= law.high


def test_the_ends_of_a_law_are_those_of_its_window() -> None:
    """Without scaling a kernel reaches the largest number of its window."""
    spec = ui.stft(window=[0.5, -3.0, 1.0], scaling=None)
    assert spec.resolve((3, 1, 2)).high == 3.0
    assert ui.draw(spec, (3, 1, 2))[1, 0, 0] == -3.0
    flattop = ui.draw(ui.stft(window="flattop", scaling=None), (65, 1, 9), dtype="float64")
    assert 1.0 < flattop.max() <= ui.stft(window="flattop", scaling=None).resolve((65, 1, 9)).high


def looped() -> list[Any]:
    """Return a list that holds itself."""
    values: list[Any] = [1.0]
    values.append(values)
    return values


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.stft(window="kaiser"),
        lambda: ui.stft(window=cast("Any", [[1.0, 2.0]])),
        lambda: ui.stft(window=cast("Any", 1.0)),
        lambda: ui.stft(window=[1.0, float("nan")]),
        lambda: ui.stft(window=looped()),
        lambda: ui.stft(window=[1.0, 2.0]).resolve((3, 1, 5)),
    ],
    ids=range(6),
)
def test_what_is_no_window_is_refused(make: Any) -> None:
    """Names that need a number, tables, single numbers, and another length than the shape's."""
    with refused(ui.ArgumentValueError):
        make()


@pytest.mark.parametrize("entry", [["1"], ("kaiser", 8.0), True], ids=range(3))
def test_what_is_no_number_is_refused(entry: Any) -> None:
    """Words inside a sequence: SciPy's tuples are for SciPy, whose values are numbers."""
    with refused(ui.ArgumentTypeError):
        ui.stft(window=entry)


@pytest.mark.needs("keras")
@pytest.mark.parametrize("name", [*WINDOW_NAMES, "numbers"])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("side", ["real", "imag"])
def test_kernels_are_those_of_keras(name: str, scaling: str | None, side: str) -> None:
    """Each window, side and scaling, to Keras' float32; and what explain() prints is the call that was made."""
    import keras

    window: Any = name if name != "numbers" else [0.5, -1.0, 2.0, 0.25] * 8
    native = keras.initializers.STFT(side, window, scaling, periodic=True)
    spec = ui.from_native(native)
    assert spec == ui.stft(side, window, scaling, periodic=True)
    ours = ui.draw(spec, (32, 1, 17))
    # The angles of Keras, up to 16 pi, are off by a few times 2**-19 in float32; the window multiplies that.
    np.testing.assert_allclose(ours, np.asarray(native((32, 1, 17))), rtol=0, atol=2e-5)
    lines = spec.explain((32, 1, 17)).splitlines()
    call = next(line.split(maxsplit=1)[1] for line in lines if line.startswith("keras"))
    assert ui.from_native(eval(call)) == spec  # noqa: S307


@pytest.mark.parametrize(("size", "line"), [(1, [1.0]), (2, [0.5, 0.5]), (3, [0.5, 1.0, 0.5])])
def test_fcn_upsampling_is_symmetric(size: int, line: list[float]) -> None:
    """The smallest kernels, where Caffe's first filler is off the middle."""
    kernel = ui.draw(ui.fcn_upsampling(), (size, 1, 1), layout="WIO")
    assert kernel.reshape(-1).tolist() == line


@pytest.mark.parametrize("size", range(1, 13))
def test_both_upsampling_kernels_are_those_of_their_sources(size: int) -> None:
    """FCN's upsample_filt and Caffe's first BilinearFiller, written out; they agree for sizes of 4n and 4n + 1."""
    half = (size + 1) // 2
    center = half - 1 if size % 2 == 1 else half - 0.5
    fcn = 1 - np.abs(np.arange(size) - center) / half
    caffe = 1 - np.abs(np.arange(size) / half - (2 * half - 1 - half % 2) / (2.0 * half))
    ours = ui.draw(ui.fcn_upsampling(), (size, size, 2, 2), layout="HWIO", dtype="float64")
    np.testing.assert_allclose(ours[:, :, 0, 0], np.outer(fcn, fcn), rtol=1e-14)
    assert not ours[:, :, 0, 1].any()
    first = ui.draw(ui.bilinear_upsampling(), (size, size, 2, 2), layout="HWIO", dtype="float64")
    np.testing.assert_allclose(first[:, :, 1, 1], np.outer(caffe, caffe), rtol=1e-14)
    assert np.allclose(first, ours) == (size % 4 in {0, 1})
