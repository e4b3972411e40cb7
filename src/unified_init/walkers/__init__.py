"""Walkers: what turns a model of one framework into an inventory, and writes back."""
