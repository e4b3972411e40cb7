"""Room of walkers/haiku."""
