"""Every preset drawn in every way: what ``unified-init parity`` measures and the parity tests assert.

``testing.cases`` has a spec and shapes for each preset, ``variants`` every way in which a tensor is drawn
(backends, eager or compiled) behind one function. ``matrix`` draws each case in each variant, compares
the bits with the reference runner's and tests the law; ``report`` shows the matrix. ``demo`` does the
same for one model, by digest. None of this is public: it may change between releases. Importing it
imports no framework.
"""
