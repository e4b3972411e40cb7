"""The layer defaults of the frameworks as recipes, each with a corrected variant where it has quirks.

One module per framework. Its rules go by kind of layer and role, and compute fans by the framework's own
convention ("torch", "keras" ...); the corrected variant uses the true fans. All rules are optional, because
no model has every layer.
"""
