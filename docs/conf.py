"""How Sphinx builds the site: ``nox -s site`` writes it to ``docs/_build/html``.

Pages are Markdown, as they are read in the repository. ``tools.site`` writes the reference and the gallery
into ``docs/reference``, which git ignores. Nothing is loaded from the network, so the site works from a disk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for `tools`, which is no part of the package

from tools.site import gallery, reference  # noqa: E402

import unified_init as ui  # noqa: E402

project = "unified_init"
author = "The unified_init authors"
version = release = ui.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",  # MathJax from the package, not from a server
]
exclude_patterns = ["_build"]
nitpicky = True
suppress_warnings = ["myst.xref_missing_external"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # `page.md#a-heading` is a link that the build checks
smartquotes = False  # quotes of code stay as they are typed

html_theme = "furo"
html_title = f"unified_init {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}

copybutton_prompt_text = r">>> |\.\.\. |\$ "  # a copied example has no prompts and no output
copybutton_prompt_is_regexp = True


def write_pages(app: Sphinx) -> None:
    """Write the pages that are made of docstrings and draws, before the pages are read."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {**reference.pages(), "gallery": gallery.page()}
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # else Sphinx reads it again
            path.write_text(text, encoding="utf-8")
    gallery.draw(folder / "pictures")


def trim_code(_app: Sphinx, doctree: nodes.document) -> None:
    """Drop the empty line that ends an example, which doctest needs and a reader does not."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        block.rawsource = text
        block[:] = [nodes.Text(text)]


def setup(app: Sphinx) -> None:
    """Let Sphinx write the generated pages first."""
    app.connect("builder-inited", write_pages)
    app.connect("doctree-read", trim_code)
