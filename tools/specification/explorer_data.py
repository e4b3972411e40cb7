"""x."""

from typing import Any


def explorer_data() -> dict[str, Any]:
    """X."""
    return {}
