"""Published initializations of implicit representations and of adapters."""

from __future__ import annotations

from unified_init.core import checks
from unified_init.recipes.defaults.beside_layers import BOUND
from unified_init.recipes.published.shared_rules import may, must
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets

__all__ = ["lora", "siren"]


def siren(*, first: str, omega: float = 30.0) -> Recipe:
    """SIREN: networks with sine activations.

    first layer U(-1 / fan_in, 1 / fan_in); all others, the linear last one too, U(-b, b),
    b = sqrt(6 / fan_in) / omega; biases PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in))

    Args:
        first: a pattern of the native path of the first layer's weight, such as "net.0.*": nothing else
            tells it from the others.
        omega: the frequency, sin(omega x); 30 as published.

    Returns:
        The recipe; a model in which ``first`` matches nothing is refused.

    Raises:
        ArgumentValueError: ``omega`` is not positive, or ``first`` is no pattern.
        ArgumentTypeError: something of another type.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.siren(first="net.0.*").rules[0].spec == ui.siren(first=True)
        True

    Source:
        Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", 2020;
        vsitzmann/siren modules.py, ``sine_init`` and ``first_layer_sine_init``.

    Differs from:
        ``ui.siren``: the law of one matrix.
    """
    pattern, omega = checks.text("first", first), checks.positive("omega", omega)
    rules = (
        must(presets.siren(first=True), kind="linear", role="kernel", path=pattern),
        must(presets.siren(omega), kind="linear", role="kernel"),
        may(BOUND, kind="linear", role="bias"),
    )
    return Recipe("siren", rules, "Sitzmann et al. 2020; vsitzmann/siren modules.py")


def lora() -> Recipe:
    """LoRA adapters: their product starts at 0. All other parameters are left as they are.

    A ~ U(-1/sqrt(fan_in), 1/sqrt(fan_in)), B = 0; of embeddings A = 0, B ~ N(0, 1)

    Returns:
        The recipe; a model without adapters is refused.

    Example:
        >>> import unified_init as ui
        >>> [rule.role for rule in ui.recipes.lora().rules[2:4]]
        [('adapter_a',), ('adapter_b',)]

    Source:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021; microsoft/LoRA
        loralib/layers.py; peft tuners/lora/layer.py, ``reset_lora_parameters``.

    Differs from:
        The paper's text says that A is normal; both implementations draw it uniformly.
    """
    rules = (
        may(presets.zeros(), kind="lora", path="*lora_embedding_A*"),
        may(presets.normal(0.0, 1.0), kind="lora", path="*lora_embedding_B*"),
        must(BOUND, kind="lora", role="adapter_a"),
        must(presets.zeros(), kind="lora", role="adapter_b"),
        may(None, note="what is adapted keeps its values"),
    )
    return Recipe("lora", rules, "Hu et al. 2021; peft tuners/lora/layer.py reset_lora_parameters")
