"""Room of models."""
