"""Calls of the peers' initializers, with their defaults and with other arguments, beside ours."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from tests.parity.gaps import without_geo_avg, without_stft
from tests.parity.natives import (
    KERAS_BACKENDS,
    haiku_draw,
    jax_draw,
    tf1_draw,
    tf2_draw,
    torch_draw,
)
from tests.parity.natives_keras import CASES as KERAS_CASES
from tests.parity.natives_keras import case_key, shape_of
from tools.pages.difference_rows import Setting

import unified_init as ui
from unified_init.spec.distributions import AT_2_SIGMA, Normal, TruncatedNormal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.natives import Array, Keras

    from unified_init.law.law import Law

__all__ = ["CASES", "Case", "wrong_laws"]

# Few shapes: JAX compiles each. The matrices are also those of the rows of the table.
OI, OIHW = Setting((2048, 512), "OI"), Setting((256, 64, 4, 4), "OIHW")
IO, HWIO = Setting((512, 2048), "IO"), Setting((4, 4, 64, 256), "HWIO")
SHORT_OI, SHORT_HWIO = Setting((40, 24, 3, 3), "OIHW"), Setting((3, 3, 24, 40), "HWIO")
FLAT = {"minval": -0.2, "maxval": 1.3}
MOVED = {"mean": 0.4, "stddev": 0.3}
OUT_NORMAL = {"scale": 3.0, "mode": "fan_out", "distribution": "normal"}
IN_UNIFORM = {"scale": 0.7, "mode": "fan_in", "distribution": "uniform"}
AVG_TRUNCATED = {"scale": 0.7, "mode": "fan_avg", "distribution": "truncated_normal"}
# (word, arguments): what each of the places under a prefix has, in the words of that place.
Calls = tuple[tuple[str, dict[str, Any]], ...]

TORCH: Calls = (
    ("uniform_", {}), ("uniform_", {"a": -0.3, "b": 1.7}),
    ("normal_", {}), ("normal_", {"mean": 0.4, "std": 0.3}),
    ("trunc_normal_", {}), ("trunc_normal_", {"std": 0.02}),
    ("trunc_normal_", {"mean": 0.2, "std": 0.5, "a": -0.5, "b": 1.5}),
    ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 5 / 3}),
    ("xavier_normal_", {}), ("xavier_normal_", {"gain": 5 / 3}),
    ("kaiming_uniform_", {}), ("kaiming_uniform_", {"a": 5**0.5}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal_", {}), ("kaiming_normal_", {"a": 0.3}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("constant_", {"val": 0.3}), ("ones_", {}), ("zeros_", {}), ("eye_", {}),
    ("dirac_", {}), ("dirac_", {"groups": 2}),
    ("orthogonal_", {}), ("orthogonal_", {"gain": 1.7}),
    ("sparse_", {"sparsity": 0.35}), ("sparse_", {"sparsity": 0.15, "std": 0.3}),
)  # fmt: skip
JAX: Calls = (
    ("zeros", {}), ("ones", {}), ("constant", {"value": 0.3}),
    ("uniform", {}), ("uniform", {"scale": 0.3}),
    ("normal", {}), ("normal", {"stddev": 0.3}),
    ("truncated_normal", {}), ("truncated_normal", {"stddev": 0.3, "lower": -1.0, "upper": 3.0}),
    ("variance_scaling", OUT_NORMAL), ("variance_scaling", IN_UNIFORM),
    ("variance_scaling", AVG_TRUNCATED), ("variance_scaling", {**AVG_TRUNCATED, "mode": "fan_geo_avg"}),
    ("glorot_uniform", {}), ("glorot_normal", {}), ("he_uniform", {}), ("he_normal", {}),
    ("lecun_uniform", {}), ("lecun_normal", {}),
    ("orthogonal", {}), ("orthogonal", {"scale": 1.7}),
    ("delta_orthogonal", {}), ("delta_orthogonal", {"scale": 1.7}),
)  # fmt: skip
TF1: Calls = (
    ("zeros", {}), ("ones", {}), ("constant", {}), ("constant", {"value": 0.3}),
    ("random_uniform", {}), ("random_uniform", FLAT), ("random_normal", {}), ("random_normal", MOVED),
    ("truncated_normal", {}), ("truncated_normal", MOVED),
    ("uniform_unit_scaling", {}), ("uniform_unit_scaling", {"factor": 1.43}),
    ("variance_scaling", {}), ("variance_scaling", OUT_NORMAL), ("variance_scaling", IN_UNIFORM),
    ("glorot_uniform", {}), ("glorot_normal", {}), ("he_uniform", {}), ("he_normal", {}),
    ("lecun_uniform", {}), ("lecun_normal", {}),
    ("orthogonal", {}), ("orthogonal", {"gain": 1.7}), ("identity", {}), ("identity", {"gain": 1.7}),
)  # fmt: skip
TF2: Calls = (
    ("zeros_initializer", {}), ("ones_initializer", {}),
    ("constant_initializer", {}), ("constant_initializer", {"value": 0.3}),
    ("random_uniform_initializer", {}), ("random_uniform_initializer", FLAT),
    ("random_normal_initializer", {}), ("random_normal_initializer", MOVED),
)  # fmt: skip
HAIKU: Calls = (
    ("Constant", {"constant": 0.3}), ("RandomUniform", {}), ("RandomUniform", FLAT),
    ("RandomNormal", {}), ("RandomNormal", MOVED),
    ("TruncatedNormal", {}), ("TruncatedNormal", {**MOVED, "lower": -1.0, "upper": 3.0}),
    ("VarianceScaling", {}), ("VarianceScaling", OUT_NORMAL), ("VarianceScaling", IN_UNIFORM),
    ("UniformScaling", {}), ("UniformScaling", {"scale": 1.43}),
    ("Orthogonal", {}), ("Orthogonal", {"scale": 1.7}), ("Identity", {}), ("Identity", {"gain": 1.7}),
)  # fmt: skip
MATRICES = {"eye_", "identity", "Identity", "constant", "Constant", "zeros", "ones"}
SHORT = {"orthogonal_", "orthogonal", "Orthogonal", "dirac_", "delta_orthogonal"}


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A call of a peer: its dotted name and arguments, where it draws, and how."""

    name: str
    arguments: tuple[tuple[str, Any], ...]
    place: Setting
    draw: Callable[[Keras], Array]
    needs: tuple[str, ...]
    backend: str = ""

    def __str__(self) -> str:
        """Id in test names."""
        listed = ",".join(f"{key}={value}" for key, value in self.arguments)
        return f"{self.name}({listed}){self.backend}"

    @property
    def spec(self) -> ui.Initializer:
        """Ours, as the name and the arguments are read."""
        return ui.from_native(self.name, **dict(self.arguments))

    @property
    def law(self) -> Law:
        """The law of ours."""
        return self.place.law(self.spec)

    def ours(self, seed: int = 0) -> Array:
        """Draw ours."""
        return ui.draw(
            self.spec, self.place.shape, layout=self.place.layout, sizes=None, fans=self.place.fans, seed=seed
        )


def _place(
    name: str, arguments: dict[str, Any], places: tuple[Setting, Setting, Setting], *, odd: bool
) -> Setting:
    """Return a matrix, or a kernel for every other initializer that has fans; less where all is exact."""
    matrix, kernel, short = places
    word = name.rpartition(".")[2]
    if word in SHORT:
        return short
    if word in MATRICES:
        return dataclasses.replace(matrix, shape=(40, 24))
    if word == "sparse_":
        return dataclasses.replace(matrix, shape=(600, 400))
    return kernel if odd and ui.from_native(name, **arguments).needs else matrix


def _cases() -> tuple[Case, ...]:
    found = []
    peers: tuple[tuple[str, Calls, Any, tuple[Setting, Setting, Setting], str], ...] = (
        ("torch.nn.init.", TORCH, _torch, (OI, OIHW, SHORT_OI), "torch"),
        ("jax.nn.initializers.", JAX, jax_draw, (IO, HWIO, SHORT_HWIO), "jax"),
        ("tf.compat.v1.initializers.", TF1, tf1_draw, (IO, HWIO, SHORT_HWIO), "tensorflow"),
        ("tf.", TF2, tf2_draw, (IO, HWIO, SHORT_HWIO), "tensorflow"),
        ("haiku.initializers.", HAIKU, haiku_draw, (IO, HWIO, SHORT_HWIO), "haiku"),
    )
    for prefix, calls, draw, places, needs in peers:
        for position, (word, arguments) in enumerate(calls):
            place = _place(prefix + word, arguments, places, odd=position % 2 == 1)
            drawn = functools.partial(_drawn, draw, word, place, position, arguments)
            found.append(Case(prefix + word, tuple(arguments.items()), place, drawn, (needs,)))
    for backend in KERAS_BACKENDS:
        for word, arguments in KERAS_CASES:
            shape = shape_of(word)
            place = Setting(shape, "WIO" if word == "STFT" else "HWIO" if len(shape) > 2 else "IO")
            found.append(
                Case(f"keras.initializers.{word}", tuple(arguments.items()), place,
                     functools.partial(_from_keras, backend, case_key(word, arguments)), ("keras", backend),
                     f"@{backend}")
            )  # fmt: skip
    return tuple(found)


def _drawn(draw: Any, word: str, place: Setting, position: int, arguments: dict[str, Any], _: Keras) -> Array:
    if draw is jax_draw:
        without_geo_avg(arguments)
    return draw(word, place.shape, 100 + position, **arguments)


def _torch(word: str, shape: tuple[int, ...], seed: int, **arguments: Any) -> Array:
    return torch_draw(word, shape, seed, **arguments).numpy()


def _from_keras(backend: str, key: str, keras: Keras) -> Array:
    without_stft(key)
    return keras(backend)[key]


def wrong_laws(case: Case) -> list[Law]:
    """Return laws that the draw of a case does not follow: 2 % larger, fans swapped, truncation changed.

    The first needs as many values as ``portion`` has where the law has no ends; 2**14 will do for the others.
    """
    spec, place, law = case.spec, case.place, case.law
    found = [place.law(spec * 1.02)]
    if spec.needs in {("fan_in",), ("fan_out",)}:
        found.append(dataclasses.replace(place, fans=(law.fan_out, law.fan_in)).law(spec))
    if spec.distribution == Normal():
        found.append(place.law(dataclasses.replace(spec, distribution=AT_2_SIGMA)))
    if spec.distribution == AT_2_SIGMA:
        found.append(place.law(dataclasses.replace(spec, distribution=Normal())))
    elif isinstance(spec.distribution, TruncatedNormal):
        found.append(place.law(ui.truncated_normal(law.loc, law.scale)))
    return found


CASES = _cases()
