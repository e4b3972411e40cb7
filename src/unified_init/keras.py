"""The class that Keras saves, at the path that users import: importing it registers the class with Keras."""

from unified_init.drawing.keras_initializer import UnifiedInitializer

__all__ = ["UnifiedInitializer"]
