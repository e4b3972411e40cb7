"""Room of law."""
