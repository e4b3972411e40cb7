"""What every other folder may use: it knows only the errors, and imports no array library.

``checks`` turns arguments into plain ints, floats, strings and shapes, or raises the message that says
what was wrong. ``reprs`` writes frozen values as the calls that make them, and ``text_table`` writes
aligned tables; ``json_text`` reads JSON with one error for all that is none. ``public`` names the package
as the module of its public classes. ``peers`` finds classes of other libraries by their public paths and
imports nothing. Values go in, checked values or text come out; nothing is kept.
"""
