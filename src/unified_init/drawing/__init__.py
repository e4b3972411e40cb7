"""The front door: ``draw`` a tensor in any framework, ``fill`` one in place.

``api`` has the two public functions. ``eager`` checks their arguments, makes the program, takes the root
key of the seed (``seeds``) and either runs it on the host or has the backend trace it; ``torch_compile``
makes a draw one node of a compiled graph, whose arguments ``frozen_call`` writes as text. ``wrap`` and
``keras_initializer`` lend specs to the frameworks as their own initializers; ``spec_call`` is what those
hold. ``digests`` hashes a tensor's values in logical order.
"""
