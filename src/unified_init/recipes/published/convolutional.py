"""Published initializations of convolutional networks."""

from __future__ import annotations

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.recipes.defaults.beside_layers import BOUND
from unified_init.recipes.published.shared_rules import may, must, rest
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets
from unified_init.spec.distributions import Uniform
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

__all__ = ["densenet", "efficientnet_tf", "fixup", "mobilenet", "regnet", "regnet_timm", "resnet"]

# N(0, 2 / (outputs times window)).
HE_OUT = presets.kaiming_normal(mode="fan_out", nonlinearity="relu")
# U(-1/sqrt(outputs), 1/sqrt(outputs)).
BOUND_OUT = Initializer(Uniform(), VarianceScaling(1.0 / 3.0, "fan_out"))
CONV = {"kind": "conv", "role": "kernel"}


def resnet(*, zero_init_residual: bool = True) -> Recipe:
    """ResNet as torchvision and timm initialize it.

    convolutions N(0, 2 / (outputs window)), all groups' outputs; the last normalization of each residual
    branch 0; other normalizations 1 and 0; the head as PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in))

    Args:
        zero_init_residual: whether branches start at 0: True as in timm, False is torchvision's default.

    Returns:
        The recipe; with ``zero_init_residual`` a model without residual blocks is refused.

    Raises:
        ArgumentTypeError: something other than True or False.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.resnet().rules[0].place
        ('last_norm',)

    Source:
        He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015; Goyal et al.,
        "Accurate, Large Minibatch SGD", 2017; torchvision models/resnet.py; timm models/resnet.py,
        ``zero_init_last``.

    Differs from:
        He's law in Keras: fan_in, truncated. Grouped convolutions count all groups' outputs, as PyTorch.
    """
    checks.switch("zero_init_residual", zero_init_residual)
    rules = (
        *((must(presets.zeros(), role="scale", place="last_norm"),) if zero_init_residual else ()),
        must(HE_OUT, fans="torch", **CONV),
        may(BOUND, kind=("linear", "conv"), role=("kernel", "bias"), fans="torch"),
        *rest(),
    )
    return Recipe("resnet", rules, "He et al. 2015; torchvision models/resnet.py; timm models/resnet.py")


def mobilenet() -> Recipe:
    """MobileNet V2 and V3 as torchvision initializes them.

    convolutions N(0, 2 / (outputs window)), all groups' outputs, depthwise ones too; linear layers
    N(0, 0.01^2); biases 0; normalizations 1 and 0

    Returns:
        The recipe.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.mobilenet().rules[1].spec == ui.normal(0.0, 0.01)
        True

    Source:
        torchvision models/mobilenetv2.py and mobilenetv3.py.

    Differs from:
        ``efficientnet_tf``: a depthwise kernel's fan_out there is only its window.
    """
    rules = (
        must(HE_OUT, fans="torch", **CONV),
        may(presets.normal(0.0, 0.01), kind="linear", role="kernel"),
        *rest(),
    )
    return Recipe("mobilenet", rules, "torchvision models/mobilenetv2.py, mobilenetv3.py")


def efficientnet_tf() -> Recipe:
    """EfficientNet, MnasNet and MobileNet V3 as Google's TensorFlow code and timm initialize them.

    convolutions N(0, 2 / (window outputs / groups)); linear layers U(-1/sqrt(outputs), 1/sqrt(outputs));
    biases 0; normalizations 1 and 0

    Returns:
        The recipe.

    Example:
        >>> import unified_init as ui
        >>> law = ui.recipes.efficientnet_tf().rules[0].spec.resolve((32, 1, 3, 3), layout="(BO)IHW",
        ...                                                          sizes={"B": 32})
        >>> law.std == (2 / 9) ** 0.5
        True

    Source:
        Tan, Le, "EfficientNet", 2019; tensorflow/tpu efficientnet_model.py; timm 1.0,
        models/_efficientnet_builder.py, ``_init_weight_goog``.

    Differs from:
        ``mobilenet``: all groups' outputs there.
    """
    rules = (must(HE_OUT, **CONV), may(BOUND_OUT, kind="linear", role="kernel"), *rest())
    return Recipe("efficientnet_tf", rules, "Tan, Le 2019; timm _efficientnet_builder.py _init_weight_goog")


def densenet() -> Recipe:
    """DenseNet as torchvision and timm initialize it.

    convolutions N(0, 2 / fan_in); the head as PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), with a bias of
    0; normalizations 1 and 0

    Returns:
        The recipe.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.densenet().rules[0].spec.resolve((32, 8, 1, 1), layout="OIHW").std
        0.5

    Source:
        Huang et al., "Densely Connected Convolutional Networks", 2017; torchvision 0.28 models/densenet.py;
        timm 1.0.31 models/densenet.py.

    Differs from:
        ``resnet``: fan_out there. The paper says that it follows He et al. 2015, which allows both.
    """
    rules = (
        must(presets.kaiming_normal(nonlinearity="relu"), **CONV),
        may(BOUND, kind="linear", role="kernel"),
        *rest(),
    )
    return Recipe("densenet", rules, "Huang et al. 2017; torchvision 0.28 models/densenet.py")


def regnet() -> Recipe:
    """RegNet as torchvision initializes it.

    convolutions N(0, 2 / (outputs window)), all groups' outputs; the head N(0, 0.01^2), its bias 0; biases of
    squeeze-and-excitation as PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in)); normalizations 1 and 0

    Returns:
        The recipe.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.regnet().rules[1].spec == ui.normal(0.0, 0.01)
        True

    Source:
        Radosavovic et al., "Designing Network Design Spaces", 2020; torchvision 0.28 models/regnet.py.

    Differs from:
        ``regnet_timm``: one group's outputs, branches that start at 0. transformers: ``resnet`` with
        ``zero_init_residual=False`` has its laws, whose head is PyTorch's.
    """
    rules = (
        must(HE_OUT, fans="torch", **CONV),
        may(presets.normal(0.0, 0.01), kind="linear", role="kernel"),
        may(BOUND, kind="conv", role="bias"),
        *rest(),
    )
    return Recipe("regnet", rules, "Radosavovic et al. 2020; torchvision 0.28 models/regnet.py")


def regnet_timm(*, zero_init_last: bool = True) -> Recipe:
    """RegNet as timm initializes it.

    convolutions N(0, 2 / (outputs window)), one group's outputs; the last normalization of each branch 0;
    the head N(0, 0.01^2); biases 0; other normalizations 1 and 0

    Args:
        zero_init_last: whether branches start at 0; True by default.

    Returns:
        The recipe; with ``zero_init_last`` a model without the third convolution of a bottleneck is refused.

    Raises:
        ArgumentTypeError: something other than True or False.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.regnet_timm().rules[0].spec == ui.zeros()
        True

    Source:
        Radosavovic et al., "Designing Network Design Spaces", 2020; timm 1.0.31 models/regnet.py.

    Differs from:
        ``regnet``: all groups' outputs, and no zeros.
    """
    has_zeros = checks.switch("zero_init_last", zero_init_last)
    last = must(presets.zeros(), kind="batch_norm", role="scale", path="*conv3.bn.*")
    rules = (
        *((last,) if has_zeros else ()),
        must(HE_OUT, **CONV),
        may(presets.normal(0.0, 0.01), kind="linear", role="kernel"),
        *rest(),
    )
    return Recipe("regnet_timm", rules, "Radosavovic et al. 2020; timm 1.0.31 models/regnet.py _init_weights")


def fixup(n_blocks: int, n_layers: int = 2) -> Recipe:
    """Fixup: residual networks without normalization.

    in each branch the last convolution 0, the others N(0, 2 / (outputs window)) times
    n_blocks^(-1 / (2 n_layers - 2)); shortcuts N(0, 2 / (outputs window)); head 0; scalar multipliers 1,
    scalar biases 0; the stem as the reference implementation leaves it, PyTorch's

    Args:
        n_blocks: number of residual blocks of the whole network.
        n_layers: convolutions per branch, at least 2: 2 in a basic block, 3 in a bottleneck.

    Returns:
        The recipe; a model without residual branches of convolutions is refused.

    Raises:
        ArgumentValueError: ``n_blocks`` below 1 or ``n_layers`` below 2.
        ArgumentTypeError: something other than integers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.fixup(n_blocks=16, n_layers=3).rules[3].spec.factor
        0.5

    Source:
        Zhang, Dauphin, Ma, "Fixup Initialization: Residual Learning Without Normalization", 2019;
        hongyi-zhang/Fixup, imagenet/models/fixup_resnet_imagenet.py.

    Differs from:
        The paper, which gives the stem He's law as well.
    """
    blocks, layers = checks.count("n_blocks", n_blocks), checks.count("n_layers", n_layers)
    if layers == 1:
        msg = "`n_layers` must be 2 or more: the last convolution of a branch is 0, got 1."
        raise ArgumentValueError(msg)
    rules = (
        must(presets.zeros(), place="last_conv", **CONV),
        may(HE_OUT, place="shortcut", fans="torch", **CONV),
        may(BOUND, place="stem", fans="torch", **CONV),
        must(HE_OUT * blocks ** (-1.0 / (2 * layers - 2)), fans="torch", **CONV),
        may(presets.zeros(), kind="linear", role=("kernel", "bias")),
        # The names of the scalars are those of the two reference implementations.
        may(presets.ones(), kind="parameter", shape=(1,), path=r"re:(?:.*[./])?(?:scale|mul)\w*"),
        may(presets.zeros(), kind="parameter", shape=(1,), path=r"re:(?:.*[./])?(?:bias|add)\w*"),
        *rest(),
    )
    source = "Zhang et al. 2019; hongyi-zhang/Fixup fixup_resnet_imagenet.py"
    return Recipe("fixup", rules, source, blocks={"*": blocks})
