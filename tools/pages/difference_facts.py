"""Calls that differ in something other than the law of one value: the rows.

Numbers are counts, or those of laws. None is measured on a sample.
"""

from __future__ import annotations

import math

from tools.pages.difference_rows import FactRow, Topic

__all__ = ["COMPLEX", "EMPTY", "FAULTS", "LOW_PRECISION", "SEEDS", "STRUCTURE"]

OURS = "ours by `as_keras`"
TORCH_INIT, KERAS, JAX = "torch.nn.init.", "keras.initializers.", "jax.nn.initializers."
TF1, HAIKU = "tf.compat.v1.initializers.", "haiku.initializers."
# P(|z| > 2), z a unit normal: the share that truncation at two sigmas should remove.
OUTSIDE_2 = math.erfc(math.sqrt(2))

STRUCTURE = Topic(
    "Centers and zeros",
    "`dirac_` and `delta_orthogonal` take different kernel positions for the center where a width is even; "
    "here each does as its namesake. A sparsity is rounded up, column by column. `bilinear_upsampling` is "
    "the kernel of MXNet and Paddle, which Caffe had first: its top is off the middle unless the width or "
    "the width less 1 is a multiple of 4. `fcn_upsampling` is that of FCN's code, symmetric at every width.",
    (
        FactRow("jax.delta_orthogonal", JAX + "delta_orthogonal()(key, (4, 4, 8, 8))",
                "position (k - 1) // 2", "delta_orthogonal()", "center of a width of 4", 1, 2,
                "torch's dirac_"),
        FactRow("torch.dirac_", TORCH_INIT + "dirac_(w)", "position k // 2", "dirac()",
                "center of a width of 4", 2, 1, "jax's delta_orthogonal"),
        FactRow("torch.sparse_", TORCH_INIT + "sparse_(w, 0.35)", "ceil(0.35 x 10) zeros in each column",
                "sparse(0.35)", "zeros among 10 rows", 4, 3.5, "asked for"),
    ),
)  # fmt: skip

DISTINCT = "distinct values"
LOW_PRECISION = Topic(
    "Low precision",
    "JAX draws bfloat16 from 7 random bits and float16 from 10, TensorFlow does so for uniforms; PyTorch and "
    "TensorFlow round a float32 normal. Here every narrow type is the rounding of float32, orthogonal "
    "matrices included. The figures are of 2^20 values, ours under the seed 0.",
    (
        FactRow("jax.normal bfloat16", JAX + "normal(1.0)(key, (2**20,), bfloat16)", "7 random bits",
                "normal(0.0, 1.0)", DISTINCT, 128, 3622),
        FactRow("jax.normal bfloat16 largest", JAX + "normal(1.0)(key, (2**20,), bfloat16)", "7 random bits",
                "normal(0.0, 1.0)", "largest value", 2.515625, 4.625),
        FactRow("jax.normal bfloat16 mean", JAX + "normal(1.0)(key, (2**20,), bfloat16)", "7 random bits",
                "normal(0.0, 1.0)", "mean over 6 standard errors from 0", "yes", "no"),
        FactRow("jax.normal bfloat16 rounding", JAX + "normal(1.0)(key, (2**20,), bfloat16)",
                "other random bits than in float32", "normal(0.0, 1.0)",
                "the float32 values of that key, rounded", "no", "yes"),
        FactRow("jax.normal float16", JAX + "normal(1.0)(key, (2**20,), float16)", "10 random bits",
                "normal(0.0, 1.0)", DISTINCT, 1024, 22346),
        FactRow("jax.truncated_normal bfloat16", JAX + "truncated_normal(1.0)(key, (2**20,), bfloat16)",
                "7 random bits", "truncated_normal(0.0, 1.0)", DISTINCT, 128, 3348),
        FactRow("jax.uniform bfloat16", JAX + "uniform(1.0)(key, (2**20,), bfloat16)", "7 random bits",
                "uniform(0.0, 1.0)", DISTINCT, 128, 1703),
        FactRow("tensorflow.random_uniform bfloat16", TF1 + "random_uniform(dtype=bfloat16)", "7 random bits",
                "uniform(0.0, 1.0)", DISTINCT, 128, 1703),
        FactRow("keras.RandomNormal bfloat16", KERAS + 'RandomNormal()((2**20,), "bfloat16")',
                "on its JAX backend: 7 random bits", "normal(0.0, 0.05)", DISTINCT, 128, 3600),
        FactRow("torch.orthogonal_ bfloat16", TORCH_INIT + "orthogonal_(w.bfloat16())", "refuses",
                "orthogonal()", "gives", "RuntimeError", "bfloat16"),
        FactRow("jax.orthogonal bfloat16", JAX + "orthogonal()(key, (8, 8), bfloat16)", "refuses",
                "orthogonal()", "gives", "NotImplementedError", "bfloat16"),
        FactRow("keras.Orthogonal bfloat16", KERAS + 'Orthogonal()((8, 8), "bfloat16")',
                "on its TensorFlow backend: refuses", "orthogonal()", "gives", "InvalidArgumentError",
                "bfloat16"),
    ),
)  # fmt: skip

# The mean square of a complex normal with its modulus truncated at 2, over the number by which JAX divides.
JAX_COMPLEX = (1 - 4 * math.exp(-4) / (1 - math.exp(-4))) / 0.95311164380491208**2
POWER = "mean square of the modulus, over its target"
COMPLEX = Topic(
    "Complex weights",
    "The mean square of the modulus should be the variance asked for, and here it is: uniform laws are on a "
    "disk, truncated ones truncate the modulus ([Complex weights](complex.md)).",
    (
        FactRow("torch.xavier_uniform_ complex", TORCH_INIT + "xavier_uniform_(w)", "each part U(±bound)",
                "xavier_uniform()", POWER, 2.0, 1.0),
        FactRow("haiku.VarianceScaling complex", HAIKU + "VarianceScaling()", "each part truncated",
                "lecun_normal()", POWER, 2.0, 1.0),
        FactRow("jax.lecun_normal complex", JAX + "lecun_normal()",
                "the modulus truncated at 2, corrected by 0.9531, not by 0.9620", "lecun_normal()",
                POWER, JAX_COMPLEX, 1.0),
        FactRow("keras.GlorotUniform complex", KERAS + 'GlorotUniform()(shape, "complex64")',
                "on its torch backend: real part U(±bound), imaginary part U(0, 2 bound)", "glorot_uniform()",
                POWER, 5.0, 1.0),
        FactRow("torch.orthogonal_ complex", TORCH_INIT + "orthogonal_(w)", "refuses, where JAX is unitary",
                "orthogonal()", "gives", "RuntimeError", "complex64"),
    ),
)  # fmt: skip

SEEDS = Topic(
    "Seeds",
    "Here a value depends on the seed, the parameter's name and its place in the logical tensor, and on "
    "nothing else.",
    (
        FactRow("torch.normal_ twice", TORCH_INIT + "normal_(w, generator=g)", "advances the generator",
                "normal(0.0, 1.0)", "a second call gives the same values", "no", "yes"),
        FactRow("tensorflow.random_normal twice", TF1 + "random_normal(seed=1)((4,))",
                "eager: advances a counter of the process", "normal(0.0, 1.0)",
                "a second call gives the same values", "no", "yes"),
        FactRow("keras.HeNormal backends", KERAS + "HeNormal(seed=7)", "the backend's own random numbers",
                "he_normal()", "the same values on TensorFlow, JAX and PyTorch", "no", "yes"),
        FactRow("torch.normal_ prefix", TORCH_INIT + "normal_(w, generator=g)",
                "two algorithms, below 16 values and above", "normal(0.0, 1.0)",
                "8 values are the first 8 of 20", "no", "yes"),
        FactRow("jax.he_normal layout", JAX + "he_normal()(key, shape)", "counts in storage order",
                "he_normal()", "a kernel stored IO is that kernel stored OI, transposed", "no", "yes"),
        FactRow("haiku.Linear order", "haiku.Linear", "splits its key call by call", "lecun_normal()",
                "a layer's weights stay if another is called before it", "no", "yes", "ours by `apply`"),
        FactRow("flax.Linear order", "flax.nnx.Linear", "counts the parameters", "lecun_normal()",
                "a layer's weights stay if another is made before it", "no", "yes", "ours by `apply`"),
    ),
)  # fmt: skip

EMPTY = Topic(
    "Scalars, vectors and empty tensors",
    "Where a fan is not known or is 0 the law has no scale. Here that is an error, and an empty tensor whose "
    "fans are known is drawn.",
    (
        FactRow("jax.he_normal empty", JAX + "he_normal()(key, (5, 0))", "divides by a fan it does not need",
                "he_normal()", "gives", "ZeroDivisionError", "(5, 0)"),
        FactRow("keras.HeNormal empty", KERAS + "HeNormal()((0, 5))", "takes a fan of 0 for 1",
                "he_normal()", "gives", "(0, 5)", "ArgumentValueError"),
        FactRow("torch.xavier_normal_ empty", TORCH_INIT + "xavier_normal_(w) on (0, 0)", "divides by 0",
                "xavier_normal()", "gives", "ZeroDivisionError", "ArgumentValueError"),
        FactRow("torch.kaiming_normal_ vector", TORCH_INIT + "kaiming_normal_(w) on (0,)",
                "does nothing, where xavier_normal_ refuses a vector", "kaiming_normal()", "gives", "(0,)",
                "ArgumentValueError"),
        FactRow("keras.GlorotUniform scalar", KERAS + "GlorotUniform()(())", "takes fans of 1 and 1",
                "glorot_uniform()", "gives", "()", "ArgumentValueError"),
        FactRow("keras.EinsumDense vector", 'keras.layers.EinsumDense("ab,b->a", ()).kernel',
                "on 32 inputs: takes fans of 32 and 32", "glorot_uniform()", "gives", "(32,)",
                "ArgumentValueError"),
        FactRow("haiku.VarianceScaling vector", HAIKU + "VarianceScaling()((5,), float32)",
                "takes fans of 5 and 5", "lecun_normal()", "gives", "(5,)", "ArgumentValueError"),
        FactRow("jax.lecun_normal vector", JAX + "lecun_normal()(key, (5,))", "refuses", "lecun_normal()",
                "gives", "ValueError", "(5,)", "Haiku"),
    ),
)  # fmt: skip

FAULTS = Topic(
    "Known faults",
    "Behavior that its authors would call a bug, beside the complex, fan and empty rows above. One object of "
    "`as_keras` with a name is for one weight: the second one of a model is an error. Without a name each "
    "weight has a stream of its own, named by the path of its variable.",
    (
        FactRow("keras.TruncatedNormal leak", KERAS + "TruncatedNormal(stddev=1.0)",
                "on its torch backend: the first of 4 candidates within ±2, or else the first",
                "truncated_normal(0.0, 1.0)", "share beyond ±2", OUTSIDE_2**4, 0.0),
        FactRow("torch.sparse_ generator", TORCH_INIT + "sparse_(w, 0.35, generator=g)",
                "places the zeros by the global generator", "sparse(0.35)",
                "the generator decides where the zeros are", "no", "yes"),
        FactRow("keras.MultiHeadAttention", "keras.layers.MultiHeadAttention(4, 8, kernel_initializer=init)",
                "init with an int seed: copied for each", "glorot_uniform()",
                "query, key and value kernels are equal", "yes", "no", OURS),
        FactRow("keras.Bidirectional", "keras.layers.Bidirectional(keras.layers.LSTM(4, init))",
                "init with an int seed: copied for each", "glorot_uniform()",
                "forward and backward kernels are equal", "yes", "no", OURS),
        FactRow("keras.Dense shared", "keras.layers.Dense(5, kernel_initializer=init), twice",
                "one init for two layers, seeded or not", "he_normal()",
                "the kernels of two layers are equal", "yes", "no", OURS),
    ),
)  # fmt: skip
