"""Backends: one small adapter per framework, imported by name and on demand.

``protocol`` says what an adapter must do and ``registry`` imports it. A program and a root key come in. On
the host the stream draws it and the adapter aliases the buffer as a tensor of its framework. In a trace, or
on another device, ``trace`` runs the program with ``graph``: the stream written once as array operations,
which the adapter lends. Tensors of the framework go out, with the same bits on both ways. No adapter sees a
spec.
"""
