"""What a call that draws ends with, as a value that is compared: a tensor to its bits, or an error to its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """Return type, shape, device and bits of a tensor, or module, class and words of an error."""
    import torch

    try:
        drawn = call()
    except Exception as error:  # noqa: BLE001  # Dynamo's too
        return type(error).__module__, type(error).__name__, str(error)
    drawn = torch.as_tensor(drawn)
    without_values = drawn.device.type == "meta" or not drawn.numel()
    bits = b"" if without_values else bytes(drawn.reshape(-1).view(torch.uint8).numpy())
    return drawn.dtype, tuple(drawn.shape), drawn.device, bits
