"""Room of recipes/defaults."""
