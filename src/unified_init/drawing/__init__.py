"""Room of drawing."""
