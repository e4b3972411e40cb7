"""Room of recipes/published."""
