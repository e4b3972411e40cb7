"""Ours against the peers' own initializers: where they differ, by the numbers of the table, and where not.

Seeds are fixed, so a run is deterministic. Rates are those of a new choice of seeds. A measurement of a row
has a false-alarm rate of 1e-9 on 2**20 values, where the smallest difference in the table is 17 standard
errors: it is missed with a probability below 1e-15 (a mean in low precision states its own rates). A law is
followed, and shared, at a family-wise rate of 1e-9 each; a std that is 2 % off is missed with a probability
below 1e-3.
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.parity.gaps import CHANGED, has_stft, unchanged
from tests.parity.natives import (
    KERAS_BACKENDS,
    Between,
    KerasRuns,
    N,
    Z,
    haiku_draw,
    jax_draw,
    share_interval,
    tf1_draw,
    torch_draw,
)
from tests.parity.natives_agree import CASES, Case, wrong_laws
from tests.parity.natives_facts import FACTS
from tests.parity.natives_laws import LAWS
from tools.pages.difference_rows import FactRow, LawRow
from tools.pages.differences import DIFFERENCES

import unified_init as ui
from unified_init import testing
from unified_init.interop.catalogue import FRAMEWORKS
from unified_init.law.unit_values import SparseMatrices, UnitTruncatedNormal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parity.natives import Array, Keras

    from unified_init.law.law import Law

ROWS = [row for topic in DIFFERENCES for row in topic.rows]
LAW_ROWS = [row for row in ROWS if isinstance(row, LawRow)]
FACT_ROWS = [row for row in ROWS if isinstance(row, FactRow)]
DRAWN = [case for case in CASES if case.law.independent]
# The laws of Keras are the same on its three backends: one has the twins.
TWINS = [case for case in DRAWN if case.backend in {"", "@tensorflow"}]
# A peer and a distribution have one power.
ONE_OF_A_KIND = {(case.needs, case.law.kind): case for case in TWINS}
GIVEN = [case for case in CASES if not case.law.independent]


def each(items: list[Any], needs: Any) -> list[Any]:
    """Return parameters, each with the mark of what it needs; Keras' last, while its processes run."""
    ordered = sorted(items, key=lambda item: "keras" in needs(item))
    return [pytest.param(item, marks=pytest.mark.needs(*needs(item)), id=_id(item)) for item in ordered]


def _id(item: Any) -> str:
    return item.key if isinstance(item, (LawRow, FactRow)) else str(item)


@pytest.fixture(scope="module", autouse=True)
def keras(tmp_path_factory: pytest.TempPathFactory, chosen_backends: tuple[str, ...]) -> Iterator[Keras]:
    """Keras on each backend that is chosen, started before the first test of this file."""
    if "torch" in chosen_backends:
        importlib.import_module("torch")  # before Flax, which may import TensorFlow
    if "jax" in chosen_backends:
        importlib.import_module("flax.linen")  # it advances Python's random numbers, as no test may
    runs = KerasRuns(tmp_path_factory.mktemp("keras"), tuple(set(KERAS_BACKENDS) & set(chosen_backends)))
    yield runs
    runs.stop()


# --- where they differ ----------------------------------------------------------------------------


def test_every_row_has_a_measurement_and_every_measurement_a_row() -> None:
    """No row of the table is a claim that nothing checks."""
    assert {row.key for row in LAW_ROWS} == set(LAWS)
    assert {row.key for row in FACT_ROWS} == set(FACTS)
    assert len({row.key for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", each(LAW_ROWS, lambda row: LAWS[row.key].needs))
def test_the_law_of_a_call_is_the_one_in_the_table(row: LawRow, keras: Keras) -> None:
    """It follows our expression, differs from the other one by the number, and is not that one."""
    law, other = row.at.law(ours(row.ours)), row.against_at.law(ours(row.against))
    sample = np.asarray(LAWS[row.key].draw(keras))
    if law.kind == "orthogonal":  # its root mean square is no matter of chance
        ratio = float(np.sqrt(np.mean(np.square(sample, dtype=np.float64)))) / other.std
        seen = Between(ratio * (1 - 1e-5), ratio * (1 + 1e-5))
        without = 1.0
    else:
        assert sample.size >= N
        testing.assert_follows(sample.ravel()[: 2**16], law)
        seen, without = _std(sample, law, other) if row.quantity == "std" else _beyond(sample, law, other)
    assert seen.holds(row.value), (row.key, seen)
    assert not seen.holds(without), (row.key, seen)


def ours(expression: str) -> ui.Initializer:
    """Return what an expression of the table stands for."""
    return eval(expression, {name: getattr(ui, name) for name in ui.__all__})  # noqa: S307  # our own data


def _std(sample: Array, law: Law, other: Law) -> tuple[Between, float]:
    """Return the interval of the std over that of the other law, and the number without a difference."""
    error = math.sqrt((_kurtosis(law) - 1) / (4 * sample.size))
    ratio = float(sample.astype(np.float64).std()) / other.std
    return Between(ratio * (1 - Z * error), ratio * (1 + Z * error)), 1.0


def _kurtosis(law: Law) -> float:
    """Return the fourth moment over the squared variance."""
    from scipy import stats

    if isinstance(law.unit, UnitTruncatedNormal):
        return 3 + float(stats.truncnorm(law.unit.lower, law.unit.upper).stats("k"))
    return 3 + float({"normal": stats.norm, "uniform": stats.uniform}[law.kind]().stats("k"))


def _beyond(sample: Array, law: Law, other: Law) -> tuple[Between, float]:
    """Return the interval of the share beyond the bounds of whichever law has some, and the other's share."""
    from scipy.stats import norm

    bounded, free = (law, other) if math.isfinite(law.high) else (other, law)
    share = 2 * float(norm.sf(bounded.high / free.std))
    seen = share_interval(int((np.abs(sample) > bounded.high).sum()), sample.size)
    return seen, 0.0 if free is law else share


@pytest.mark.parametrize("row", each(FACT_ROWS, lambda row: FACTS[row.key].needs))
def test_a_call_does_what_the_table_says(row: FactRow, keras: Keras) -> None:
    """Theirs is the one value, what it is compared with the other, and they differ."""
    if row.key in CHANGED:
        unchanged(row.key)
    theirs, other = FACTS[row.key].pair(keras)
    assert _is(theirs, row.value), (row.key, theirs)
    assert _is(other, row.without), (row.key, other)
    assert not _is(theirs, row.without), (row.key, theirs)


def _is(seen: Any, stated: float | str) -> bool:
    if isinstance(seen, Between):
        return seen.holds(float(stated))
    if isinstance(seen, tuple):  # the class of an error and those above it
        return stated in seen
    return bool(seen == stated)


# --- where they agree -----------------------------------------------------------------------------


def has_ends(law: Law) -> bool:
    """Whether a sample of the law reaches its ends."""
    return law.high - law.mean < 5 * law.std


def portion(sample: Array, law: Law) -> Array:
    """As many values as show a std that is 2 % off: an end that is missed shows it sooner."""
    return sample.ravel()[: 2**16 if has_ends(law) else 2**18]


def test_every_entry_of_the_catalogue_has_a_case() -> None:
    """The installed frameworks' initializers, with their defaults, and with others if they have any."""
    installed = ("torch.", "keras.", "tf.", "jax.", "haiku.")
    tried: dict[str, set[bool]] = {}
    for case in CASES:
        tried.setdefault(case.name, set()).add(bool(case.arguments))
    for entry in (entry for _, entries in FRAMEWORKS for entry in entries):
        name = next((one for one in entry.names if one in tried), None)
        if not entry.names[0].startswith(installed) or entry.names[0].startswith("tf.contrib"):
            assert name is None
            continue
        assert name is not None, entry.names
        defaults = all(one.default is not one.empty for one in entry.parameters)
        expected = [False] * defaults + [True] * bool(entry.kept)
        assert tried[name] == set(expected), entry.names


@functools.cache
def drawn(case: Case, keras: Keras) -> Array:
    """Draw theirs, once for the test and its twin."""
    sample = np.asarray(case.draw(keras))
    if case.backend == "@torch" and case.law.kind == "truncated_normal":
        return _without_leak(sample, case.law)
    return sample


def _without_leak(sample: Array, law: Law) -> Array:
    """Leave out what Keras on torch leaves beyond the bounds: no more than the table has."""
    (leak,) = (row.value for row in FACT_ROWS if row.key == "keras.TruncatedNormal leak")
    inside = (sample >= law.low) & (sample <= law.high)
    assert share_interval(int((~inside).sum()), sample.size).holds(float(leak))
    return sample[inside]


@pytest.mark.parametrize("case", each(DRAWN, lambda case: case.needs))
def test_theirs_follows_the_law_of_ours_and_both_have_one_law(case: Case, keras: Keras) -> None:
    """What from_native returns is the law of the peer's own draw."""
    theirs = portion(drawn(case, keras), case.law)
    testing.assert_follows(theirs, case.law)
    if case in TWINS:  # the law of ours is one: it need not be compared thrice
        testing.assert_same_law(theirs, portion(case.ours(), case.law))


@pytest.mark.parametrize("case", each(TWINS, lambda case: case.needs))
def test_a_law_that_is_not_theirs_is_found_out(case: Case, keras: Keras) -> None:
    """Swapped fans, another truncation, ends 2 % wider: the test above would fail, on far fewer values."""
    theirs = drawn(case, keras).ravel()[: 2**14]
    larger, *others = wrong_laws(case)
    wrong = [larger, *others] if has_ends(case.law) else others
    assert wrong
    for law in wrong:
        with pytest.raises(AssertionError, match="does not follow"):
            testing.assert_follows(theirs, law)


@pytest.mark.parametrize("case", each(list(ONE_OF_A_KIND.values()), lambda case: case.needs))
def test_two_percent_more_std_is_found_out(case: Case, keras: Keras) -> None:
    """In the law, and between two samples, with as many values as the test of agreement has."""
    theirs = portion(drawn(case, keras), case.law)
    with pytest.raises(AssertionError, match="does not follow"):
        testing.assert_follows(theirs, wrong_laws(case)[0])
    with pytest.raises(AssertionError, match="not have the same law"):
        testing.assert_same_law(theirs, portion(case.ours() * np.float32(1.02), case.law))


@pytest.mark.parametrize("case", each(GIVEN, lambda case: case.needs))
def test_what_is_no_independent_draw_agrees_in_its_own_way(case: Case, keras: Keras) -> None:
    """Constants to the bit, orthonormality, the number of zeros; another gain or flattening is found out."""
    theirs, ours, law = drawn(case, keras), case.ours(), case.law
    if isinstance(law.unit, SparseMatrices):
        kept = theirs[theirs != 0]
        assert set((theirs == 0).sum(0)) == set((ours == 0).sum(0)) == {law.unit.zeros}
        testing.assert_follows(kept, ui.normal(0.0, law.scale).resolve(kept.shape))
        with pytest.raises(AssertionError, match="does not follow"):
            testing.assert_follows(kept, ui.normal(0.0, 1.02 * law.scale).resolve(kept.shape))
    elif law.kind in {"orthogonal", "delta_orthogonal"}:
        for matrix in (theirs, ours):
            assert _departure(matrix, case) < 1e-5
            assert _departure(matrix * 1.02, case) > 0.01
        if law.kind == "orthogonal":
            assert _departure(theirs.swapaxes(0, -1), case) > 0.1
    else:
        # Float32 holds the angles of a Fourier kernel, up to 2 pi 31 here, to 1e-5.
        slack = 1e-5 if law.kind == "stft" else 0.0
        assert np.abs(theirs - ours).max() <= slack
        assert law.high == 0.0 or np.abs(theirs - ours * 1.02).max() > slack


def _departure(kernel: Array, case: Case) -> float:
    """Return how far the short side is from orthonormal, after the gain, with rows for the outputs."""
    layout = case.place.layout or "OI"
    rows = np.moveaxis(kernel.astype(np.float64) / case.law.scale, layout.index("O"), 0)
    if case.law.kind == "delta_orthogonal":
        assert (np.abs(kernel).sum((2, 3)) > 0).sum() == 1
        rows = np.moveaxis(kernel[1, 1].astype(np.float64) / case.law.scale, 1, 0)
    rows = rows.reshape(len(rows), -1)
    short = rows if rows.shape[0] <= rows.shape[1] else rows.T
    return float(np.abs(short @ short.T - np.eye(len(short))).max())


HAAR = 128  # a sample that is never positive has the probability 2**-128
SMALL = {
    "torch": lambda seed, _: torch_draw("orthogonal_", (3, 3), seed).numpy()[0, 0],
    "jax": lambda seed, _: jax_draw("orthogonal", (3, 3), seed)[0, 0],
    "haiku": lambda seed, _: haiku_draw("Orthogonal", (3, 3), seed)[0, 0],
    "tensorflow": lambda seed, _: tf1_draw("orthogonal", (3, 3), seed)[0, 0],
}


def small_orthogonal(peer: str, keras: Keras) -> Array:
    """Return the first entry of each of 128 orthogonal matrices of 3 rows."""
    if peer.startswith("keras@"):
        return keras(peer.partition("@")[2])["small orthogonal"]
    return np.array([SMALL[peer](seed, None) for seed in range(HAAR)])


@pytest.mark.parametrize(
    "peer", each([*SMALL, *(f"keras@{one}" for one in KERAS_BACKENDS)], lambda peer: peer.split("@"))
)
def test_orthogonal_matrices_are_haar_distributed(peer: str, keras: Keras) -> None:
    """By Archimedes an entry of a 3 x 3 matrix is uniform on (-1, 1); without its random sign it is not."""
    entries, law = small_orthogonal(peer, keras), ui.uniform(-1.0, 1.0).resolve((HAAR,))
    mine = np.array([ui.draw(ui.orthogonal(), (3, 3), seed=seed)[0, 0] for seed in range(HAAR)])
    for sample in (entries, mine):
        testing.assert_follows(sample, law)
        with pytest.raises(AssertionError, match="does not follow"):
            testing.assert_follows(-np.abs(sample), law)


# --- names of one thing ---------------------------------------------------------------------------


@pytest.mark.needs("jax", "flax")
def test_flax_exports_the_functions_of_jax() -> None:
    """So what is measured on JAX's holds for Linen's and NNX's."""
    import flax.linen
    import flax.nnx
    import jax

    words = {case.name.rpartition(".")[2] for case in CASES if case.name.startswith("jax.")}
    for module in (flax.linen.initializers, flax.nnx.initializers):
        for word in words:
            assert getattr(module, word) is getattr(jax.nn.initializers, word)
        assert module.zeros_init() is jax.nn.initializers.zeros
        assert module.ones_init() is jax.nn.initializers.ones


@pytest.mark.needs("tensorflow", "keras")
def test_tensorflow_exports_the_classes_of_keras() -> None:
    """So what is measured on Keras' holds for tf.initializers and tf.keras.initializers."""
    import keras
    import tensorflow as tf

    words = {case.name.rpartition(".")[2] for case in CASES if case.name.startswith("keras.")}
    for word in words - (set() if has_stft() else {"STFT"}):
        theirs = getattr(keras.initializers, word)
        assert getattr(tf.initializers, word) is getattr(tf.keras.initializers, word) is theirs
