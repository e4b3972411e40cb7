"""The initializers of the frameworks, as data: what ``from_native`` reads and docs/names.md shows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from unified_init.interop.catalogue_entry import Entry
from unified_init.spec import presets as p
from unified_init.spec.distributions import STD_TRUNCATED_AT_2, Constant, Listed
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["EXCLUDED", "FRAMEWORKS"]


# --- translations of one word into another --------------------------------------------------------


def keras_variance_scaling(scale: float, mode: str, distribution: str) -> Initializer:
    """Read "normal" as Keras and TensorFlow do: truncated."""
    word = "truncated_normal" if distribution == "normal" else distribution
    return p.variance_scaling(scale, mode, word)


def jax_variance_scaling(scale: float, mode: str, distribution: str) -> Initializer:
    """Read "normal" as JAX and Haiku do: untruncated."""
    word = "untruncated_normal" if distribution == "normal" else distribution
    return p.variance_scaling(scale, mode, word)


def tensorflow_constant(value: complex | Sequence[object], *, pads: bool = False) -> Initializer:
    """Read a list as TensorFlow does: row by row, whatever its own shape; one number is for every entry."""
    spec = p.constant(value)
    assert isinstance(spec.distribution, Constant)  # noqa: S101  # a constant's
    if not isinstance(spec.distribution.value, tuple):
        return spec
    return Initializer(Listed(spec.distribution.value, pads=pads), Gain())  # type: ignore[arg-type]  # flattened


# contrib compensates for the truncation with a factor of 1.3 on the variance, where 1 / 0.7737 = 1.2924 would
# be exact: the realized variance is this times the requested one.
CONTRIB = 1.3 * STD_TRUNCATED_AT_2 * STD_TRUNCATED_AT_2


def contrib_variance_scaling(factor: float, mode: str, uniform: bool) -> Initializer:  # noqa: FBT001  # as published
    """Return the law of tf.contrib.layers.variance_scaling_initializer."""
    if uniform:
        return p.variance_scaling(factor, str(mode).lower(), "uniform")
    return p.variance_scaling(CONTRIB * factor, str(mode).lower(), "truncated_normal")


def mxnet_xavier(rnd_type: str, factor_type: str, magnitude: float) -> Initializer:
    """Return the law of mxnet.init.Xavier: +-sqrt(magnitude / fan), or a std of that."""
    if rnd_type == "uniform":
        return p.variance_scaling(magnitude / 3, f"fan_{factor_type}", "uniform")
    word = "untruncated_normal" if rnd_type == "gaussian" else rnd_type
    return p.variance_scaling(magnitude, f"fan_{factor_type}", word)


# --- remarks that several frameworks share --------------------------------------------------------

TRUNCATED = "truncated at 2 sigmas, realized std as stated; PyTorch's is not truncated"
UNTRUNCATED = "not truncated; the function of this name in Keras and JAX is"
UNCORRECTED = "bounds in sigmas; the realized std is 0.8796 of the given one"
ABSOLUTE = "absolute bounds: a std below 0.5 is hardly truncated by the defaults"
STORAGE_AXIS = "takes the last axis for the outputs"
MXNET_SCALE = "scale is the bound"
BOTH_CHANNELS = "theirs repeats one kernel over all pairs of channels; equal on depthwise kernels"


def names(prefixes: tuple[str, ...], *words: str) -> tuple[str, ...]:
    """Return every word under every prefix."""
    return tuple(prefix + word for prefix in prefixes for word in words)


# --- PyTorch --------------------------------------------------------------------------------------

TORCH = ("torch.nn.init.",)
KAIMING = "a=0, mode='fan_in', nonlinearity='leaky_relu', generator=None"
TORCH_ENTRIES = (
    Entry(names(TORCH, "uniform_", "uniform"), "a=0.0, b=1.0, generator=None", p.uniform),
    Entry(names(TORCH, "normal_", "normal"), "mean=0.0, std=1.0, generator=None", p.normal),
    Entry(names(TORCH, "trunc_normal_"), "mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None", p.trunc_normal,
          differs=ABSOLUTE),
    Entry(names(TORCH, "constant_", "constant"), "val", p.constant),
    Entry(names(TORCH, "ones_"), "", p.ones),
    Entry(names(TORCH, "zeros_"), "", p.zeros),
    Entry(names(TORCH, "eye_", "eye"), "", p.identity),
    Entry(names(TORCH, "dirac_", "dirac"), "groups=1", p.dirac),
    Entry(names(TORCH, "xavier_uniform_", "xavier_uniform"), "gain=1.0, generator=None", p.xavier_uniform),
    Entry(names(TORCH, "xavier_normal_", "xavier_normal"), "gain=1.0, generator=None", p.xavier_normal,
          differs=UNTRUNCATED),
    Entry(names(TORCH, "kaiming_uniform_", "kaiming_uniform"), KAIMING, p.kaiming_uniform,
          differs="torch.nn.Linear calls it with a=sqrt(5): bound 1 / sqrt(fan_in), 0.4082 of he_uniform"),
    Entry(names(TORCH, "kaiming_normal_", "kaiming_normal"), KAIMING, p.kaiming_normal, differs=UNTRUNCATED),
    Entry(names(TORCH, "orthogonal_", "orthogonal"), "gain=1, generator=None", p.orthogonal,
          differs="takes the first axis for the outputs"),
    Entry(names(TORCH, "sparse_", "sparse"), "sparsity, std=0.01, generator=None", p.sparse),
)  # fmt: skip

# --- Keras, and TensorFlow 2, whose tf.initializers it is -----------------------------------------

KERAS = ("keras.initializers.", "tf.keras.initializers.", "tf.initializers.")
SEEDED = "seed=None, input_axes=None, output_axes=None"
SCALING = "scale=1.0, mode='fan_in', distribution='truncated_normal', "
KERAS_ENTRIES = (
    Entry(names(KERAS, "Zeros", "zeros", "zero"), "", p.zeros),
    Entry(names(KERAS, "Ones", "ones", "one"), "", p.ones),
    Entry(names(KERAS, "Constant", "constant"), "value=0.0", p.constant),
    Entry(names(KERAS, "RandomUniform", "random_uniform", "uniform"), "minval=-0.05, maxval=0.05, seed=None",
          p.uniform),
    Entry(names(KERAS, "RandomNormal", "random_normal", "normal"), "mean=0.0, stddev=0.05, seed=None",
          p.normal),
    Entry(names(KERAS, "TruncatedNormal", "truncated_normal"), "mean=0.0, stddev=0.05, seed=None",
          p.truncated_normal, differs=UNCORRECTED),
    Entry(names(KERAS, "VarianceScaling", "variance_scaling"), SCALING + SEEDED, keras_variance_scaling,
          "variance_scaling(scale, mode, distribution)", "'normal' is 'truncated_normal'"),
    Entry(names(KERAS, "GlorotUniform", "glorot_uniform"), SEEDED, p.glorot_uniform),
    Entry(names(KERAS, "GlorotNormal", "glorot_normal"), SEEDED, p.glorot_normal, differs=TRUNCATED),
    Entry(names(KERAS, "HeUniform", "he_uniform"), SEEDED, p.he_uniform),
    Entry(names(KERAS, "HeNormal", "he_normal"), SEEDED, p.he_normal, differs=TRUNCATED),
    Entry(names(KERAS, "LecunUniform", "lecun_uniform"), SEEDED, p.lecun_uniform),
    Entry(names(KERAS, "LecunNormal", "lecun_normal"), SEEDED, p.lecun_normal, differs=TRUNCATED),
    Entry(names(KERAS, "Orthogonal", "orthogonal", "OrthogonalInitializer"), "gain=1.0, seed=None",
          p.orthogonal, differs=STORAGE_AXIS),
    Entry(names(KERAS, "Identity", "identity", "IdentityInitializer"), "gain=1.0", p.identity),
    Entry(names(KERAS, "STFT", "stft", "STFTInitializer"),
          "side='real', window='hann', scaling='density', periodic=False", p.stft),
)  # fmt: skip

TF2_ENTRIES = (
    Entry(("tf.zeros_initializer",), "", p.zeros),
    Entry(("tf.ones_initializer",), "", p.ones),
    Entry(("tf.constant_initializer",), "value=0, support_partition=False", tensorflow_constant,
          "constant(value)", "Initializer(Listed(value)) of a list, which fills the shape row by row"),
    Entry(("tf.random_uniform_initializer",), "minval=-0.05, maxval=0.05, seed=None", p.uniform,
          differs="TensorFlow 1's function of this name is on (0, 1)"),
    Entry(("tf.random_normal_initializer",), "mean=0.0, stddev=0.05, seed=None", p.normal,
          differs="TensorFlow 1's function of this name has std 1"),
)  # fmt: skip


# --- TensorFlow 1 ---------------------------------------------------------------------------------


def v1(word: str, *, unprefixed: bool = True) -> tuple[str, ...]:
    """Return the names of TensorFlow 1; ``unprefixed`` adds tf.X_initializer, if its law is the same in 2."""
    names_v1 = (f"tf.compat.v1.initializers.{word}", f"tf.compat.v1.{word}_initializer")
    return (*names_v1, f"tf.{word}_initializer") if unprefixed else names_v1


def v1_only(word: str) -> tuple[str, ...]:
    """Return the name of a TensorFlow 1 initializer that has no _initializer spelling."""
    return (f"tf.compat.v1.initializers.{word}",)


TF1_ENTRIES = (
    Entry(v1("zeros", unprefixed=False), "dtype=None", p.zeros),
    Entry(v1("ones", unprefixed=False), "dtype=None", p.ones),
    Entry(v1("constant", unprefixed=False), "value=0, dtype=None, verify_shape=False",
          functools.partial(tensorflow_constant, pads=True), "constant(value)",
          "Initializer(Listed(value, pads=True)) of a list, which fills the shape row by row; the last value "
          "repeats, as in a graph: eagerly a shorter list is refused"),
    Entry(v1("random_uniform", unprefixed=False), "minval=0.0, maxval=None, seed=None, dtype=None",
          lambda minval, maxval: p.uniform(minval, 1.0 if maxval is None else maxval),
          "uniform(minval, 1.0 if maxval is None else maxval)",
          "TensorFlow 2's tf.random_uniform_initializer is on (-0.05, 0.05)"),
    Entry(v1("random_normal", unprefixed=False), "mean=0.0, stddev=1.0, seed=None, dtype=None", p.normal,
          differs="TensorFlow 2's tf.random_normal_initializer has std 0.05"),
    Entry(v1("truncated_normal"), "mean=0.0, stddev=1.0, seed=None, dtype=None", p.truncated_normal,
          differs=UNCORRECTED),
    Entry(v1("uniform_unit_scaling"), "factor=1.0, seed=None, dtype=None", p.uniform_unit_scaling,
          differs="takes every axis but the last for inputs"),
    Entry(v1("variance_scaling"), SCALING + "seed=None, dtype=None", keras_variance_scaling,
          "variance_scaling(scale, mode, distribution)", "'normal' is 'truncated_normal'"),
    Entry(v1("glorot_uniform"), "seed=None, dtype=None", p.glorot_uniform),
    Entry(v1("glorot_normal"), "seed=None, dtype=None", p.glorot_normal, differs=TRUNCATED),
    Entry(v1_only("he_uniform"), "seed=None", p.he_uniform),
    Entry(v1_only("he_normal"), "seed=None", p.he_normal, differs=TRUNCATED),
    Entry(v1_only("lecun_uniform"), "seed=None", p.lecun_uniform),
    Entry(v1_only("lecun_normal"), "seed=None", p.lecun_normal, differs=TRUNCATED),
    Entry(v1("orthogonal"), "gain=1.0, seed=None, dtype=None", p.orthogonal, differs=STORAGE_AXIS),
    Entry(v1_only("identity"), "gain=1.0, dtype=None", p.identity),
    Entry(names(("tf.contrib.framework.",), "convolutional_orthogonal_1d", "convolutional_orthogonal_2d",
                "convolutional_orthogonal_3d"),
          "gain=1.0, seed=None, dtype=None", p.convolutional_orthogonal,
          differs="takes the last axis for the outputs, and kernels of one size along all axes only"),
    Entry(names(("tf.contrib.layers.",), "xavier_initializer", "xavier_initializer_conv2d"),
          "uniform=True, seed=None, dtype=None",
          lambda uniform: contrib_variance_scaling(1.0, "FAN_AVG", uniform),
          f"glorot_uniform() if uniform else variance_scaling({CONTRIB!r}, 'fan_avg', 'truncated_normal')",
          "its normal is truncated, at a parent std of sqrt(1.3 / fan): 1.0029 of glorot_normal"),
    Entry(("tf.contrib.layers.variance_scaling_initializer",),
          "factor=2.0, mode='FAN_IN', uniform=False, seed=None, dtype=None", contrib_variance_scaling,
          f"variance_scaling(factor, mode.lower(), 'uniform') if uniform else "
          f"variance_scaling({CONTRIB!r} * factor, mode.lower(), 'truncated_normal')",
          "its normal is truncated, at a parent std of sqrt(1.3 factor / fan): 1.0029 of he_normal"),
)  # fmt: skip

# --- JAX and Flax, which exports the same functions -----------------------------------------------

JAX = ("jax.nn.initializers.", "flax.linen.initializers.", "flax.nnx.initializers.")
FLAX = ("flax.linen.initializers.", "flax.nnx.initializers.")
IN_OUT = "in_axis=-2, out_axis=-1, batch_axis=(), dtype=None"
JAX_ENTRIES = (
    Entry(names(JAX, "zeros"), "", p.zeros),
    Entry(names(JAX, "ones"), "", p.ones),
    Entry(names(FLAX, "zeros_init"), "", p.zeros),
    Entry(names(FLAX, "ones_init"), "", p.ones),
    Entry(names(JAX, "constant"), "value, dtype=None", p.constant),
    Entry(names(JAX, "uniform"), "scale=0.01, dtype=None", lambda scale: p.uniform(0.0, scale),
          "uniform(0.0, scale)", "scale is the upper end, the lower one is 0"),
    Entry(names(JAX, "normal"), "stddev=0.01, dtype=None", lambda stddev: p.normal(0.0, stddev),
          "normal(0.0, stddev)"),
    Entry(names(JAX, "truncated_normal"), "stddev=0.01, dtype=None, lower=-2.0, upper=2.0",
          lambda stddev, lower, upper: p.truncated_normal(0.0, stddev, lower, upper),
          "truncated_normal(0.0, stddev, lower, upper)", UNCORRECTED),
    Entry(names(JAX, "variance_scaling"), "scale, mode, distribution, " + IN_OUT, jax_variance_scaling,
          "variance_scaling(scale, mode, distribution)", "'normal' is 'untruncated_normal'"),
    Entry(names(JAX, "glorot_uniform", "xavier_uniform"), IN_OUT, p.glorot_uniform),
    Entry(names(JAX, "glorot_normal", "xavier_normal"), IN_OUT, p.glorot_normal, differs=TRUNCATED),
    Entry(names(JAX, "he_uniform", "kaiming_uniform"), IN_OUT, p.he_uniform),
    Entry(names(JAX, "he_normal", "kaiming_normal"), IN_OUT, p.he_normal, differs=TRUNCATED),
    Entry(names(JAX, "lecun_uniform"), IN_OUT, p.lecun_uniform),
    Entry(names(JAX, "lecun_normal"), IN_OUT, p.lecun_normal, differs=TRUNCATED),
    Entry(names(JAX, "orthogonal"), "scale=1.0, column_axis=-1, dtype=None", p.orthogonal,
          differs=STORAGE_AXIS),
    Entry(names(JAX, "delta_orthogonal"), "scale=1.0, column_axis=-1, dtype=None", p.delta_orthogonal),
)  # fmt: skip

# --- Haiku ----------------------------------------------------------------------------------------

HAIKU = ("haiku.initializers.",)
HAIKU_ENTRIES = (
    Entry(names(HAIKU, "Constant"), "constant", p.constant),
    Entry(names(HAIKU, "RandomUniform"), "minval=0.0, maxval=1.0", p.uniform),
    Entry(names(HAIKU, "RandomNormal"), "stddev=1.0, mean=0.0",
          lambda stddev, mean: p.normal(mean, stddev), "normal(mean, stddev)", "the std comes first"),
    Entry(names(HAIKU, "TruncatedNormal"), "stddev=1.0, mean=0.0, lower=-2.0, upper=2.0",
          lambda stddev, mean, lower, upper: p.truncated_normal(mean, stddev, lower, upper),
          "truncated_normal(mean, stddev, lower, upper)",
          "the std comes first; " + UNCORRECTED + ", as in the default of Haiku's layers"),
    Entry(names(HAIKU, "VarianceScaling"), SCALING + "fan_in_axes=None", jax_variance_scaling,
          "variance_scaling(scale, mode, distribution)", "'normal' is 'untruncated_normal'"),
    Entry(names(HAIKU, "UniformScaling"), "scale=1.0", p.uniform_unit_scaling,
          differs="takes every axis but the last for inputs"),
    Entry(names(HAIKU, "Orthogonal"), "scale=1.0, axis=-1", p.orthogonal, differs=STORAGE_AXIS),
    Entry(names(HAIKU, "Identity"), "gain=1.0", p.identity),
)  # fmt: skip

# --- Paddle ---------------------------------------------------------------------------------------

PADDLE = ("paddle.nn.initializer.",)
PADDLE_FANS = "takes axis 0 of a matrix, axis 1 of a convolution kernel for the inputs"
PADDLE_KAIMING = "fan_in=None, negative_slope=0.0, nonlinearity='relu', mode='fan_in'"
PADDLE_XAVIER = "fan_in=None, fan_out=None, gain=1.0, name=None"


def _paddle_kaiming(preset: Callable[..., Initializer]) -> Callable[..., Initializer]:
    return lambda slope, nonlinearity, mode: preset(slope, mode, nonlinearity)


PADDLE_ENTRIES = (
    Entry(names(PADDLE, "Constant"), "value=0.0", p.constant),
    Entry(names(PADDLE, "Assign"), "value, name=None", p.constant),
    Entry(names(PADDLE, "Uniform"), "low=-1.0, high=1.0, name=None", p.uniform),
    Entry(names(PADDLE, "Normal"), "mean=0.0, std=1.0, name=None", p.normal),
    Entry(names(PADDLE, "TruncatedNormal"), "mean=0.0, std=1.0, a=-2.0, b=2.0, name=None", p.trunc_normal,
          differs=ABSOLUTE),
    Entry(names(PADDLE, "XavierUniform"), PADDLE_XAVIER, p.xavier_uniform, differs=PADDLE_FANS),
    Entry(names(PADDLE, "XavierNormal"), PADDLE_XAVIER, p.xavier_normal,
          differs=f"{UNTRUNCATED}; {PADDLE_FANS}"),
    Entry(names(PADDLE, "KaimingUniform"), PADDLE_KAIMING, _paddle_kaiming(p.kaiming_uniform),
          "kaiming_uniform(negative_slope, mode, nonlinearity)", PADDLE_FANS),
    Entry(names(PADDLE, "KaimingNormal"), PADDLE_KAIMING, _paddle_kaiming(p.kaiming_normal),
          "kaiming_normal(negative_slope, mode, nonlinearity)", f"{UNTRUNCATED}; {PADDLE_FANS}"),
    Entry(names(PADDLE, "Orthogonal"), "gain=1.0, name=None", p.orthogonal,
          differs="takes the first axis for the outputs, though its Linear stores inputs first"),
    Entry(names(PADDLE, "Dirac"), "groups=1, name=None", p.dirac),
    Entry(names(PADDLE, "Bilinear"), "", p.bilinear_upsampling, differs=BOTH_CHANNELS),
)  # fmt: skip

# --- MXNet ----------------------------------------------------------------------------------------

MXNET = ("mxnet.init.", "mxnet.initializer.")
MXNET_ENTRIES = (
    Entry(names(MXNET, "Zero", "zeros"), "", p.zeros),
    Entry(names(MXNET, "One", "ones"), "", p.ones),
    Entry(names(MXNET, "Constant"), "value=0.0", p.constant),
    Entry(names(MXNET, "Uniform"), "scale=0.07", lambda scale: p.uniform(-scale, scale),
          "uniform(-scale, scale)", MXNET_SCALE),
    Entry(names(MXNET, "Normal"), "sigma=0.01", lambda sigma: p.normal(0.0, sigma), "normal(0.0, sigma)"),
    Entry(names(MXNET, "Orthogonal"), "scale=1.414, rand_type='uniform'",
          lambda scale, rand_type: p.orthogonal(scale),  # noqa: ARG005  # one law for both
          "orthogonal(scale)",
          "default gain 1.414, not 1; singular vectors of a uniform or normal matrix: orthogonal as "
          "ours, but not uniformly distributed"),
    Entry(names(MXNET, "Xavier"), "rnd_type='uniform', factor_type='avg', magnitude=3", mxnet_xavier,
          "variance_scaling(magnitude / 3, 'fan_' + factor_type, 'uniform') if rnd_type == 'uniform' else "
          "variance_scaling(magnitude, 'fan_' + factor_type, 'untruncated_normal')",
          "at rnd_type='gaussian' the default has sqrt(3) times Glorot's std"),
    Entry(names(MXNET, "MSRAPrelu"), "factor_type='avg', slope=0.25",
          lambda factor_type, slope: p.kaiming_normal(slope, f"fan_{factor_type}"),
          "kaiming_normal(slope, 'fan_' + factor_type)", "default fan_avg and slope 0.25; not truncated"),
    Entry(names(MXNET, "Bilinear"), "", p.bilinear_upsampling, differs=BOTH_CHANNELS),
)  # fmt: skip

# Title, then entries, in the order of the page.
FRAMEWORKS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("PyTorch", TORCH_ENTRIES),
    ("Keras, and tf.initializers and tf.keras.initializers of TensorFlow 2", KERAS_ENTRIES),
    ("TensorFlow 2", TF2_ENTRIES),
    ("TensorFlow 1", TF1_ENTRIES),
    ("JAX and Flax", JAX_ENTRIES),
    ("Haiku", HAIKU_ENTRIES),
    ("Paddle", PADDLE_ENTRIES),
    ("MXNet", MXNET_ENTRIES),
)

_BASE = "it is the base class"
_OPERATION = "it is an operation of a TensorFlow 1 graph that runs initializers"
# Public names among the initializers that have no law, and why.
EXCLUDED: dict[str, str] = (
    {
        "torch.nn.init.calculate_gain": "it is a gain, which calculate_gain gives",
        "jax.nn.initializers.Initializer": _BASE,
        "flax.linen.initializers.Initializer": _BASE,
        "flax.nnx.initializers.Initializer": _BASE,
        "haiku.initializers.Initializer": _BASE,
        "paddle.nn.initializer.calculate_gain": "it is a gain, which calculate_gain gives",
        "paddle.nn.initializer.set_global_initializer": "it sets a global default, as a recipe does",
        "mxnet.init.Load": "it copies saved parameters",
        "mxnet.init.Mixed": "it chooses by the parameter's name, as a recipe does",
        "mxnet.init.LSTMBias": "it sets the parts of a fused bias, as a recipe does",
        "mxnet.init.FusedRNN": "it sets the parts of fused weights, as a recipe does",
    }
    | {f"{prefix}Initializer": _BASE for prefix in KERAS}
    | {f"{prefix}{word}": "it reads or writes configurations" for prefix in KERAS
       for word in ("deserialize", "get", "serialize")}
    | {f"tf.compat.v1.initializers.{word}": _OPERATION
       for word in ("global_variables", "local_variables", "tables_initializer", "variables")}
    | {f"tf.compat.v1.{word}_initializer": _OPERATION
       for word in ("global_variables", "local_variables", "tables", "variables")}
)  # fmt: skip
