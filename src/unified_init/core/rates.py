"""The default rate of false alarms, of an assertion and of an audit of a whole model."""

from __future__ import annotations

__all__ = ["ALPHA"]

ALPHA = 1e-9
