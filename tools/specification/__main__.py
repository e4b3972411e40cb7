"""Write the files of ``docs/_static`` that are generated; without ``--write``, only say what differs."""

from __future__ import annotations

import sys

from tools.specification.files import FILES, as_text

if __name__ == "__main__":
    changed = []
    for path, content in FILES.items():
        text = as_text(content())
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        changed.append(path.name)
        if "--write" in sys.argv:
            path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{'written' if '--write' in sys.argv else 'differ'}: {', '.join(changed) or 'none'}\n")
