"""Room of spec."""
