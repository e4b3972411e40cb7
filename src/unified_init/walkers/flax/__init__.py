"""Room of walkers/flax."""
