"""Specs to and from other forms: JSON, text, a quantile function, the initializers of other libraries.

``serialise`` writes a spec as JSON and reads it. ``explain`` writes its law on a shape as text, with the call
of each framework that draws the same law (``native_calls``, by the fans of ``native_fans``). ``from_native``
goes the other way: an object, configuration or name of another library, looked up in the ``catalogue``,
becomes a spec. ``quantiles`` makes a spec from any quantile function. No framework is imported.
"""
