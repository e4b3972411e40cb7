"""Room of walkers/equinox."""
