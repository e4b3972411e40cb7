"""Backends: one small adapter a framework, imported by name and on demand.

An adapter sees programs, keys and buffers, never specs. See ``protocol`` for what one must do.
"""
