"""Every preset in every variant: what ``unified-init parity`` measures and the parity tests assert.

A room of this library's own, not part of its public names: what stands here may change between
releases. Importing it imports no framework.
"""
