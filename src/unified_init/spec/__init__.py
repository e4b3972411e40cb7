"""The declarative side: what an initializer is, before any shape. Frozen values, no arrays.

An ``Initializer`` is a distribution (``distributions``), a scale rule (``scales``) and a factor; ``presets``
has one function per initializer of the field that makes one. ``Initializer.resolve`` takes a shape and its
layout, finds the fans (``fans``) and returns a law: ``elementwise_law`` for independent draws,
``structured_law`` for matrices and kernels whose entries depend on each other. ``gains`` has the published
multipliers. Laws leave this folder; the stream and the backends never see a spec.
"""
