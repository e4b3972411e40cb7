"""Calls whose law is not the one that their name, arguments or shape suggest: the rows.

Numbers are those of the laws. None is measured on a sample.
"""

from __future__ import annotations

import math

from tools.pages.difference_rows import FactRow, LawRow, Setting, Topic

from unified_init.spec.distributions import STD_TRUNCATED_AT_2

__all__ = ["DEFAULTS", "FANS", "LAYERS", "NORMAL", "ORTHOGONAL", "TRUNCATION"]

C2 = STD_TRUNCATED_AT_2
# P(|z| > 2 / C2), z a unit normal: the share of an untruncated normal beyond the bounds of a truncated
# one of the same std. The test integrates it.
BEYOND = math.erfc(2 / C2 / math.sqrt(2))
FLAT = Setting((2**20,))
TORCH_DENSE, DENSE = Setting((2048, 512), "OI"), Setting((512, 2048), "IO")
EMBEDDING = Setting((2**14, 64))
TORCH_INIT, KERAS, JAX = "torch.nn.init.", "keras.initializers.", "jax.nn.initializers."
TF1, HAIKU = "tf.compat.v1.initializers.", "haiku.initializers."

TRUNCATION = Topic(
    "Truncated normals",
    "Bounds are absolute in PyTorch and counted in stds elsewhere; the std is the parent's, whose truncation "
    "takes it down to 0.8796 of the number given. `truncated_normal` here counts in stds, `trunc_normal` is "
    "absolute, and the std of both is the parent's.",
    (
        LawRow("torch.trunc_normal_", TORCH_INIT + "trunc_normal_(w, std=0.02)",
               "N(0, 0.02) truncated at ±2, which is ±100 std: not truncated",
               "trunc_normal(0.0, 0.02)", FLAT, "truncated_normal(0.0, 0.02)", FLAT, 1 / C2),
        LawRow("keras.TruncatedNormal", KERAS + "TruncatedNormal(stddev=0.02)",
               "N(0, 0.02) truncated at ±0.04",
               "truncated_normal(0.0, 0.02)", FLAT, "normal(0.0, 0.02)", FLAT, C2),
        LawRow("tensorflow.truncated_normal", TF1 + "truncated_normal(stddev=0.02)",
               "N(0, 0.02) truncated at ±0.04; BERT's",
               "truncated_normal(0.0, 0.02)", FLAT, "normal(0.0, 0.02)", FLAT, C2),
        LawRow("jax.truncated_normal", JAX + "truncated_normal(0.02)", "N(0, 0.02) truncated at ±0.04",
               "truncated_normal(0.0, 0.02)", FLAT, "normal(0.0, 0.02)", FLAT, C2),
        LawRow("haiku.TruncatedNormal", HAIKU + "TruncatedNormal(0.02)", "N(0, 0.02) truncated at ±0.04",
               "truncated_normal(0.0, 0.02)", FLAT, "normal(0.0, 0.02)", FLAT, C2),
        LawRow("jax.truncated_normal bounds", JAX + "truncated_normal(0.5, lower=-1.0, upper=1.0)",
               "N(0, 0.5) truncated at ±0.5, one std", "truncated_normal(0.0, 0.5, -1.0, 1.0)", FLAT,
               "trunc_normal(0.0, 0.5, -1.0, 1.0)", FLAT, 0.6133974003447066),
    ),
)  # fmt: skip

NORMAL = Topic(
    "The word normal",
    "PyTorch's `kaiming_normal_` and `xavier_normal_` are not truncated; `he_normal` and `glorot_normal` of "
    "Keras, TensorFlow and JAX are, at 2.2737 of the realized std; JAX has them by PyTorch's names too. "
    'The stds are equal, the tails are not. Inside variance scaling "normal" is truncated in Keras and '
    "TensorFlow, untruncated in JAX and Haiku; here that word is refused.",
    (
        LawRow("torch.kaiming_normal_", TORCH_INIT + "kaiming_normal_(w)", "not truncated",
               "kaiming_normal()", TORCH_DENSE, "he_normal()", TORCH_DENSE, BEYOND, "beyond", 0.0),
        LawRow("torch.xavier_normal_", TORCH_INIT + "xavier_normal_(w)", "not truncated",
               "xavier_normal()", TORCH_DENSE, "glorot_normal()", TORCH_DENSE, BEYOND, "beyond", 0.0),
        LawRow("jax.kaiming_normal", JAX + "kaiming_normal()", "truncated",
               "he_normal()", DENSE, "kaiming_normal()", DENSE, 0.0, "beyond", BEYOND),
        LawRow("jax.xavier_normal", JAX + "xavier_normal()", "truncated",
               "glorot_normal()", DENSE, "xavier_normal()", DENSE, 0.0, "beyond", BEYOND),
        LawRow("keras.VarianceScaling", KERAS + 'VarianceScaling(2.0, "fan_in", "normal")', "truncated",
               "variance_scaling(2.0, 'fan_in', 'truncated_normal')", DENSE,
               "variance_scaling(2.0, 'fan_in', 'untruncated_normal')", DENSE, 0.0, "beyond", BEYOND),
        LawRow("tensorflow.variance_scaling", TF1 + 'variance_scaling(2.0, "fan_in", "normal")', "truncated",
               "variance_scaling(2.0, 'fan_in', 'truncated_normal')", DENSE,
               "variance_scaling(2.0, 'fan_in', 'untruncated_normal')", DENSE, 0.0, "beyond", BEYOND),
        LawRow("jax.variance_scaling", JAX + 'variance_scaling(2.0, "fan_in", "normal")', "not truncated",
               "variance_scaling(2.0, 'fan_in', 'untruncated_normal')", DENSE,
               "variance_scaling(2.0, 'fan_in', 'truncated_normal')", DENSE, BEYOND, "beyond", 0.0),
        LawRow("haiku.VarianceScaling", HAIKU + 'VarianceScaling(2.0, "fan_in", "normal")', "not truncated",
               "variance_scaling(2.0, 'fan_in', 'untruncated_normal')", DENSE,
               "variance_scaling(2.0, 'fan_in', 'truncated_normal')", DENSE, BEYOND, "beyond", 0.0),
    ),
)  # fmt: skip

DEFAULTS = Topic(
    "Default arguments",
    "`normal` and `uniform` have other defaults everywhere, so here they have none. A gain multiplies the "
    "std, a scale the variance.",
    (
        LawRow("keras.RandomNormal", KERAS + "RandomNormal()", "N(0, 0.05)",
               "normal(0.0, 0.05)", FLAT, "normal(0.0, 1.0)", FLAT, 0.05),
        LawRow("tensorflow.random_normal_initializer", "tf.random_normal_initializer()", "N(0, 0.05)",
               "normal(0.0, 0.05)", FLAT, "normal(0.0, 1.0)", FLAT, 0.05),
        LawRow("tensorflow.random_normal", TF1 + "random_normal()", "N(0, 1)",
               "normal(0.0, 1.0)", FLAT, "normal(0.0, 0.05)", FLAT, 20.0),
        LawRow("jax.normal", JAX + "normal()", "N(0, 0.01)",
               "normal(0.0, 0.01)", FLAT, "normal(0.0, 1.0)", FLAT, 0.01),
        LawRow("haiku.RandomNormal", HAIKU + "RandomNormal(0.5, 0.1)", "N(0.1, 0.5): the std comes first",
               "normal(0.1, 0.5)", FLAT, "normal(0.5, 0.1)", FLAT, 5.0),
        LawRow("keras.RandomUniform", KERAS + "RandomUniform()", "U(-0.05, 0.05)",
               "uniform(-0.05, 0.05)", FLAT, "uniform(0.0, 1.0)", FLAT, 0.1),
        LawRow("tensorflow.random_uniform", TF1 + "random_uniform()", "U(0, 1)",
               "uniform(0.0, 1.0)", FLAT, "uniform(-0.05, 0.05)", FLAT, 10.0),
        LawRow("jax.uniform", JAX + "uniform(0.1)", "U(0, 0.1): not about 0",
               "uniform(0.0, 0.1)", FLAT, "uniform(-0.1, 0.1)", FLAT, 0.5),
        LawRow("keras.VarianceScaling scale",
               KERAS + 'VarianceScaling(5 / 3, "fan_avg", "untruncated_normal")', "std sqrt(5 / 3 / fan)",
               "variance_scaling(5 / 3, 'fan_avg', 'untruncated_normal')", DENSE,
               "xavier_normal(5 / 3)", DENSE, math.sqrt(3 / 5)),
        FactRow("torch.calculate_gain", TORCH_INIT + 'calculate_gain("gelu")', "refuses",
                "calculate_gain('gelu')", "gain", "ValueError", 1.5335304411955353),
    ),
)  # fmt: skip

LAYERS = Topic(
    "Default weights of layers",
    "Porting name for name changes the std by up to 1.73 in a dense layer (512 to 2048, against LeCun's "
    "law, which is Flax's) and by up to 35 in an embedding (64 wide, against PyTorch's).",
    (
        LawRow("torch.Linear", "torch.nn.Linear(512, 2048).weight", "U(±1 / sqrt(fan_in))",
               "kaiming_uniform(5**0.5)", TORCH_DENSE, "lecun_normal()", TORCH_DENSE, math.sqrt(1 / 3)),
        LawRow("equinox.Linear", "equinox.nn.Linear(512, 2048, key=key).weight", "U(±1 / sqrt(fan_in))",
               "kaiming_uniform(5**0.5)", TORCH_DENSE, "lecun_normal()", TORCH_DENSE, math.sqrt(1 / 3)),
        LawRow("keras.Dense", "keras.layers.Dense(2048).kernel", "Glorot's uniform",
               "glorot_uniform()", DENSE, "lecun_normal()", DENSE, math.sqrt(2 / 5)),
        LawRow("haiku.Linear", "haiku.Linear(2048).w",
               "N(0, 1 / sqrt(fan_in)) truncated at 2 std, uncorrected",
               "lecun_normal() * 0.87962566103423978", DENSE, "lecun_normal()", DENSE, C2),
        LawRow("keras.Embedding", "keras.layers.Embedding(2**14, 64).embeddings", "U(-0.05, 0.05)",
               "uniform(-0.05, 0.05)", EMBEDDING, "normal(0.0, 1.0)", EMBEDDING, 0.05 / math.sqrt(3)),
        LawRow("flax.Embed", "flax.linen.Embed(2**14, 64).embedding", "N(0, 1 / sqrt(width))",
               "normal(0.0, 0.125)", EMBEDDING, "normal(0.0, 1.0)", EMBEDDING, 0.125),
        LawRow("haiku.Embed", "haiku.Embed(2**14, 64).embeddings", "N(0, 1) truncated at ±2",
               "truncated_normal(0.0, 1.0)", EMBEDDING, "normal(0.0, 1.0)", EMBEDDING, C2),
    ),
)  # fmt: skip

FANS = Topic(
    "Fans",
    "Each framework reads fans off the shape: axis 1 and 0 in PyTorch, the last two elsewhere, all others "
    "space. Groups, depthwise and transposed kernels, heads, fused and stacked weights then have other fans "
    "than the layer has inputs and outputs. Here a layout says which axis is which, and `fans=` reproduces "
    "theirs.",
    (
        LawRow("torch.Conv2d groups", TORCH_INIT + 'kaiming_normal_(w, mode="fan_out")',
               "w of Conv2d(256, 256, 3, groups=4): fan_out of all groups, 2304",
               "kaiming_normal(mode='fan_out')",
               Setting((256, 64, 3, 3), "(BO)IHW", (("B", 4),), (576, 2304)),
               "kaiming_normal(mode='fan_out')",
               Setting((256, 64, 3, 3), "(BO)IHW", (("B", 4),)), 0.5),
        LawRow("torch.Conv2d depthwise", TORCH_INIT + "xavier_normal_(w)",
               "w of Conv2d(384, 384, 7, groups=384): fans 49 and 18816",
               "xavier_normal()", Setting((384, 1, 7, 7), "(BO)IHW", (("B", 384),), (49, 18816)),
               "xavier_normal()", Setting((384, 1, 7, 7), "(BO)IHW", (("B", 384),)), math.sqrt(2 / 385)),
        LawRow("keras.DepthwiseConv2D", "keras.layers.DepthwiseConv2D(7).kernel",
               "on 384 channels: fans 18816 and 49", "glorot_uniform()",
               Setting((7, 7, 384, 1), "HWBO", (), (18816, 49)), "glorot_uniform()",
               Setting((7, 7, 384, 1), "HWBO", (), (49, 49)), math.sqrt(2 / 385)),
        LawRow("torch.ConvTranspose2d", TORCH_INIT + "kaiming_normal_(w)",
               "w of ConvTranspose2d(256, 64, 3): fan_in of the outputs, 576",
               "kaiming_normal()", Setting((256, 64, 3, 3), "IOHW", (), (576, 2304)), "kaiming_normal()",
               Setting((256, 64, 3, 3), "IOHW"), 2.0),
        LawRow("keras.Conv2DTranspose", 'keras.layers.Conv2DTranspose(64, 3, kernel_initializer="he_normal")',
               "on 256 channels: fan_in of the outputs, 576", "he_normal()",
               Setting((3, 3, 64, 256), "HWOI", (), (576, 2304)), "he_normal()",
               Setting((3, 3, 64, 256), "HWOI"), 2.0),
        LawRow("flax.ConvTranspose", "flax.linen.ConvTranspose(64, (3, 3), transpose_kernel=True)",
               "on 256 channels: fan_in of the outputs, 576", "lecun_normal()",
               Setting((3, 3, 64, 256), "HWOI", (), (576, 2304)), "lecun_normal()",
               Setting((3, 3, 64, 256), "HWOI"), 2.0),
        LawRow("torch.MultiheadAttention", "torch.nn.MultiheadAttention(512, 8).in_proj_weight",
               "fan_out of query, key and value together: 1536", "xavier_uniform()",
               Setting((1536, 512), "(BO)I", (("B", 3),), (512, 1536)), "xavier_uniform()",
               Setting((1536, 512), "(BO)I", (("B", 3),)), math.sqrt(1 / 2)),
        LawRow("keras.GlorotUniform heads", KERAS + "GlorotUniform()((512, 8, 64))",
               "a convolution 512 wide: fans 4096 and 32768", "glorot_uniform()",
               Setting((512, 8, 64), "IOO", (), (4096, 32768)), "glorot_uniform()",
               Setting((512, 8, 64), "IOO"), 1 / 6),
        LawRow("jax.glorot_uniform heads", JAX + "glorot_uniform()(key, (512, 8, 64))",
               "a convolution 512 wide: fans 4096 and 32768", "glorot_uniform()",
               Setting((512, 8, 64), "IOO", (), (4096, 32768)), "glorot_uniform()",
               Setting((512, 8, 64), "IOO"), 1 / 6),
        LawRow("jax.he_normal OIHW", JAX + "he_normal()(key, (256, 64, 3, 3))",
               "an axis of space for the inputs: fan_in 49152", "he_normal()",
               Setting((256, 64, 3, 3), "OIHW", (), (49152, None)), "he_normal()",
               Setting((256, 64, 3, 3), "OIHW"), math.sqrt(576 / 49152)),
        LawRow("flax.DenseGeneral", "flax.linen.DenseGeneral(256, axis=-1, batch_dims=(0,)).kernel",
               "fan_in times the batch of 16: 4096", "lecun_normal()",
               Setting((16, 256, 256), "BIO", (), (4096, None)), "lecun_normal()",
               Setting((16, 256, 256), "BIO"), 0.25),
        LawRow("flax.ConvLocal", "flax.linen.ConvLocal(32, (3, 3)).kernel",
               "fan_in times the 16 x 16 places: 36864", "lecun_normal()",
               Setting((16, 16, 144, 32), "BBIO", (), (36864, None)), "lecun_normal()",
               Setting((16, 16, 144, 32), "BBIO"), 1 / 16),
        LawRow("torch.Bilinear", "torch.nn.Bilinear(64, 64, 256).weight", "fan_in of the first input: 64",
               "kaiming_uniform(5**0.5)", Setting((256, 64, 64), "OII", (), (64, None)),
               "kaiming_uniform(5**0.5)", Setting((256, 64, 64), "OII"), 8.0),
        LawRow("haiku.VarianceScaling fan_in_axes", HAIKU + "VarianceScaling(fan_in_axes=(1,))",
               "ignored on a matrix: fan_in 512", "lecun_normal()",
               Setting((512, 2048), "OI", (), (512, None)),
               "lecun_normal()", Setting((512, 2048), "OI"), 2.0),
    ),
)  # fmt: skip

ORTHOGONAL = Topic(
    "Orthogonal matrices",
    "PyTorch has one row per entry of the first axis, Keras, TensorFlow, JAX and Haiku one column per entry "
    "of the last: the short side of that matrix is orthonormal, and the root mean square of its entries is 1 "
    "over the root of the long one. Here rows are the outputs that the layout names, and `B` keeps gates and "
    "groups apart.",
    (
        LawRow("torch.orthogonal_ transposed", TORCH_INIT + "orthogonal_(w)",
               "w of ConvTranspose2d(64, 32, 3): 64 rows, the inputs", "orthogonal()",
               Setting((64, 32, 3, 3), "OIHW"),
               "orthogonal()", Setting((64, 32, 3, 3), "IOHW"), math.sqrt(2)),
        LawRow("keras.Orthogonal transposed", KERAS + "Orthogonal()",
               "kernel of Conv2DTranspose(32, 3) on 64 channels: 64 columns, the inputs", "orthogonal()",
               Setting((3, 3, 32, 64), "HWIO"),
               "orthogonal()", Setting((3, 3, 32, 64), "HWOI"), math.sqrt(2)),
        LawRow("torch.orthogonal_ depthwise", TORCH_INIT + "orthogonal_(w)",
               "w of Conv2d(64, 64, 3, groups=64): one matrix of 64 rows, not 64 of one", "orthogonal()",
               Setting((64, 1, 3, 3), "OIHW"), "orthogonal()",
               Setting((64, 1, 3, 3), "(BO)IHW", (("B", 64),)), 3 / 8),
        LawRow("keras.LSTM", "keras.layers.LSTM(64).cell.recurrent_kernel", "one matrix for the four gates",
               "orthogonal()", Setting((64, 256), "IO"), "orthogonal()",
               Setting((64, 256), "I(BO)", (("B", 4),)), 0.5),
        LawRow("flax.OptimizedLSTMCell", "flax.nnx.OptimizedLSTMCell(16, 64, rngs=rngs).dense_h.kernel",
               "one matrix for the four gates; flax.linen's has four", "orthogonal()",
               Setting((64, 256), "IO"), "orthogonal()", Setting((64, 256), "I(BO)", (("B", 4),)), 0.5),
    ),
)  # fmt: skip
