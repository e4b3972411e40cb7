"""What the runners execute for independent draws: a table, steps, or the two tables of a polar law."""

from __future__ import annotations

from unified_init.stream.polar import PolarTable
from unified_init.stream.steps import Steps
from unified_init.stream.table import Table

__all__ = ["AnyTable"]

AnyTable = Table | Steps | PolarTable
