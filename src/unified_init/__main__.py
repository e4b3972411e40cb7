"""``python -m unified_init`` is the command ``unified-init``."""

from __future__ import annotations

from unified_init.cli import main

if __name__ == "__main__":
    main("python -m unified_init")
