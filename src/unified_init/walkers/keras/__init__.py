"""Room of walkers/keras."""
