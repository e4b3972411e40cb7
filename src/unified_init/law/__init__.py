"""The law: what an initializer becomes for one shape, in plain integers and floats.

``layout`` reads "OIHW" and gives each axis of a shape its role (a ``Geometry``). ``indexmap`` says which
logical index each stored element has, of the whole tensor or of a slice. ``law`` holds the resolved numbers
(moments, bounds, fans) and ``unit_values`` names what is drawn before location and scale. ``unit_normal``
computes the normal's tail and density without libm. The spec makes laws, the stream draws them; neither
knows the other.
"""
