"""Room of recipes/width."""
