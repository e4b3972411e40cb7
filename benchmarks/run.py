"""Measure ours and the native initializers side by side, and print the ratios.

``python benchmarks/run.py`` measures all; ``python benchmarks/run.py bulk latency --framework torch`` some.
No figure makes it fail: it ends with an error only if something could not be measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # the folder of this file would be in its place
    from benchmarks.command import main

    sys.exit(main(sys.argv[1:]))
