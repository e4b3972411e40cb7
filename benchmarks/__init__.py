"""What initializers cost, ours and the native ones side by side: ``python benchmarks/run.py``."""
