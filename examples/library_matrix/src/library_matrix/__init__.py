"""An example of a library that has an initializer, and a model in two frameworks."""
