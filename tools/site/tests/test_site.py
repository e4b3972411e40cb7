"""The generated part of the site: every name has a page, every formula TeX, every picture the density of its law."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tools.site import gallery, links, reference, signals
from tools.site.formulas import TEX

import unified_init as ui
from unified_init.spec import presets

if TYPE_CHECKING:
    from pathlib import Path

PAGES = reference.pages()


def test_every_public_name_has_a_page_that_the_index_lists() -> None:
    """Names of the package and of ``ui.recipes``; no two of them share a file, also where a disk ignores case."""
    named = reference.things()
    files = [reference.slug(name, thing) for name, thing in named.items()]
    assert len({file.lower() for file in files}) == len(files) == len(PAGES) - 1
    assert set(ui.__all__) <= set(named)
    for name, file in zip(named, files, strict=True):
        assert PAGES[file].startswith(f"# {name}\n")
        assert f"\n{file}\n" in PAGES["index"]


def test_a_group_names_what_exists() -> None:
    """A name that was removed would be a row less, without a word."""
    listed = [name for names in reference.GROUPS.values() for name in names.split()]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= set(ui.__all__)


@pytest.mark.parametrize("name", presets.__all__)
def test_the_formula_of_a_preset_is_rendered(name: str) -> None:
    """Each has one in its docstring; one that changed there has no TeX."""
    paragraphs = (inspect.getdoc(getattr(ui, name)) or "").split("\n\n")
    assert any(" ".join(paragraph.split()) in TEX for paragraph in paragraphs), paragraphs[:3]
    assert "```{math}" in PAGES[name]


def test_no_tex_is_idle() -> None:
    """Each formula is in the docstring of some public name."""
    docs = [inspect.getdoc(thing) or "" for thing in reference.things().values()]
    lines = {" ".join(paragraph.split()) for doc in docs for paragraph in doc.split("\n\n")}
    assert set(TEX) <= lines


def test_text_of_a_docstring_is_not_markup() -> None:
    """Stars and brackets stay as they are; code is code."""
    assert reference.markdown("a*b [0, 2**64) ``x*y``") == r"a\*b \[0, 2\*\*64) `x*y`"


@pytest.mark.parametrize("name", gallery.HISTOGRAMS)
def test_a_line_is_the_density_of_the_values(name: str) -> None:
    """Its integral is 1, and its mean and std are the law's: to 1e-3, and a line 1 % too wide is off by more."""
    law = gallery.spec_of(name).resolve(gallery.FLAT, layout=gallery.KERNEL)
    low, high = max(law.low, law.mean - 16 * law.std), min(law.high, law.mean + 16 * law.std)
    edges = np.linspace(low, high, 20001)
    points, step = (edges[1:] + edges[:-1]) / 2, (high - low) / 20000
    weights = gallery.density(law, points) * step
    assert abs(weights.sum() - 1) < 1e-3
    assert abs((weights * points).sum() - law.mean) < 1e-3 * law.std
    assert abs((weights * (points - law.mean) ** 2).sum() ** 0.5 / law.std - 1) < 1e-3


def test_the_gallery_shows_every_preset_that_is_not_constant() -> None:
    """Some are missing on purpose: they are another name, or a general case, of one that is there."""
    missing = set(presets.__all__) - set(gallery.SPECS)
    assert missing == {
        "constant", "lecun_uniform", "ones", "uniform_unit_scaling", "variance_scaling", "xavier_normal", "xavier_uniform",
        "kaiming_uniform", "zeros", "discrete", "rademacher",
    }  # fmt: skip


def test_signals_stay_or_fade() -> None:
    """He's initializer keeps the size of a signal through ReLU, forward and backward; LeCun's loses it."""
    forward, backward = signals.signals(ui.he_normal(), "relu")
    assert 0.3 < forward[-1] / forward[0] < 3
    assert 0.3 < backward[0] / backward[-1] < 3
    fading, _ = signals.signals(ui.lecun_normal(), "relu")
    assert fading[-1] / fading[0] < 1e-3


def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    """A missing file, a missing anchor, and a script from a server; a good site has no faults."""
    (tmp_path / "b.html").write_text('<h1 id="top">B</h1>', encoding="utf-8")
    good = '<a href="b.html#top">b</a><a href="#here" id="here">h</a><a href="https://example.org">e</a>'
    (tmp_path / "a.html").write_text(good, encoding="utf-8")
    assert links.faults(tmp_path) == []
    bad = '<a href="c.html"></a><a href="b.html#no"></a><script src="https://example.org/x.js"></script>'
    (tmp_path / "a.html").write_text(bad, encoding="utf-8")
    assert [fault.rpartition(": ")[2] for fault in links.faults(tmp_path)] == [
        "loaded from the network",
        "no such file",
        "no such anchor",
    ]
    assert links.main(tmp_path) == 1
