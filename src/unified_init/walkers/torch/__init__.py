"""Room of walkers/torch."""
