"""Published initializations of state-space models: Mamba and Mamba-2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.recipes.defaults.beside_layers import BOUND
from unified_init.recipes.published.shared_rules import may, must, rest, tables
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.recipes.rule import Rule

__all__ = ["mamba", "mamba2"]


def mamba(state_size: int = 16, *, std: float = 0.1, n_layer: int | None = None) -> Recipe:
    """Mamba as transformers initializes it.

    A_log = log(1), ..., log(N) along the states; D 1; steps U(-r^-1/2, r^-1/2) with r their rank, their bias
    softplus^-1 of a log-uniform variable between 0.001 and 0.1; the convolution and the output projection
    as PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), with a convolution bias of 0; other matrices and the
    embedding N(0, std^2); normalizations 1

    Args:
        state_size: N, the number of states; 16 as published.
        std: ``initializer_range``; 0.1 by default.
        n_layer: number of layers, which divides output projections by its root, as
            ``rescale_prenorm_residual`` does; None, the default of transformers, leaves them.

    Returns:
        The recipe; a model without ``A_log`` or ``dt_proj`` is refused.

    Raises:
        ArgumentValueError: a number below 1, or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.recipes.mamba().rules[2].spec.resolve((1536,))
        >>> round(law.mean, 4), round(law.std, 4)
        (-4.5944, 1.3404)

    Source:
        Gu, Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023; transformers
        5.24.0, ``MambaPreTrainedModel._init_weights`` and ``MambaMixer.init_mamba_weights``.

    Differs from:
        The paper's code (state-spaces/mamba): embedding N(0, 0.02^2), other matrices as PyTorch's, output
        projections divided by sqrt(n_layer).
    """
    states = checks.count("state_size", state_size)
    rules = (
        *_states(states),
        must(presets.mamba_dt_bias(), kind="linear", role="bias", path="*dt_proj*"),
        must(BOUND, kind="linear", role="kernel", path="*dt_proj*"),
        *_others(std, n_layer),
    )
    source = "Gu, Dao 2023; transformers 5.24.0 MambaPreTrainedModel._init_weights"
    return Recipe("mamba", rules, source, blocks=_blocks(n_layer))


def mamba2(n_heads: int, *, std: float = 0.1, n_layer: int | None = None) -> Recipe:
    """Mamba-2 as transformers initializes it.

    A_log = log(1), ..., log(H), one per head; D 1; dt_bias softplus^-1 of a log-uniform variable between
    0.001 and 0.1: mean -4.594376, std 1.340382; all else as in ``mamba``

    Args:
        n_heads: H, the number of heads.
        std: as for ``mamba``.
        n_layer: as for ``mamba``.

    Returns:
        The recipe; a model without ``A_log`` or ``dt_bias`` is refused.

    Raises:
        ArgumentValueError: a number below 1, or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.mamba2(n_heads=4).rules[0].spec.resolve((4,)).high == math.log(4)
        True

    Source:
        Dao, Gu, "Transformers are SSMs", 2024; transformers 5.24.0, ``Mamba2PreTrainedModel._init_weights``
        and ``Mamba2Mixer.init_mamba2_weights``.

    Differs from:
        The paper's code (state-spaces/mamba), which draws A uniformly between 1 and 16.
    """
    heads = checks.count("n_heads", n_heads)
    rules = (*_states(heads), must(presets.mamba_dt_bias(), path="*dt_bias"), *_others(std, n_layer))
    source = "Dao, Gu 2024; transformers 5.24.0 Mamba2PreTrainedModel._init_weights"
    return Recipe("mamba2", rules, source, blocks=_blocks(n_layer))


def _states(count: int) -> Iterator[Rule]:
    logs = tuple(math.log(index) for index in range(1, count + 1))
    yield must(presets.constant(logs), path="*A_log")
    yield must(presets.ones(), kind="parameter", path=r"re:(.*[./])?D")


def _blocks(n_layer: int | None) -> dict[str, int]:
    return {} if n_layer is None else {"*": n_layer}


def _others(std: float, n_layer: int | None) -> Iterator[Rule]:
    spec = presets.normal(0.0, checks.positive("std", std))
    depth = 1 if n_layer is None else checks.count("n_layer", n_layer)
    ends = BOUND if depth == 1 else BOUND * depth**-0.5
    yield must(BOUND, kind="conv", role="kernel")
    yield must(ends, kind="linear", role="kernel", path="*out_proj*")
    yield must(spec, kind="linear", role="kernel")
    yield from tables(spec, padding="zero")
    yield may(presets.zeros(), kind="conv", role="bias")
    yield from rest()
