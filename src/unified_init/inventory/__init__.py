"""Room of inventory."""
