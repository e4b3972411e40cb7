"""Runs the layer tests of Keras and of Flax with our initializers in place of their default ones."""
