"""Every public name is documented in one form, and stands on a page."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import unified_init as ui
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

ROOT = Path(__file__).parents[1]
PUBLIC = {name: getattr(ui, name) for name in ui.__all__}
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing)} | {
    f"Initializer.{name}": getattr(ui.Initializer, name) for name in ("resolve", "explain", "scaled")
}
ERRORS = {name for name, thing in PUBLIC.items() if isinstance(thing, type) and issubclass(thing, Exception)}
CLASSES = {name: thing for name, thing in PUBLIC.items() if isinstance(thing, type) and name not in ERRORS}
# Sections that one name has no use for, and why.
EXEMPT = {
    "Law": {"Raises"},  # a record of numbers that Initializer.resolve has checked
    "NameMap": {"Raises"},  # made by match
    "Plan": {"Raises"},  # made by plan
    "Report": {"Raises"},  # made by apply
}


def sections(thing: object) -> dict[str, str]:
    """Return the sections of a docstring by heading, and what stands before them under ""."""
    parts = re.split(r"^(\w[\w ]*):\n(?=    )", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented(thing: object) -> list[str]:
    """Return the names that the section Args describes, in order."""
    return re.findall(r"^    \*{0,2}(\w+): ", sections(thing).get("Args", ""), flags=re.MULTILINE)


def faults(thing: Callable[..., Any], *more: str, exempt: AbstractSet[str] = frozenset()) -> list[str]:
    """Return what the docstring of a function or a dataclass lacks."""
    names = [name for name in inspect.signature(thing).parameters if name not in {"self", "cls"}]
    needed = {"Returns", "Example", *more} if inspect.isfunction(thing) else set()
    if names:
        needed |= {"Args", "Raises", "Example"}
    found = [f"no {name}" for name in sorted(needed - exempt - set(sections(thing)))]
    if documented(thing) != names:
        found.append(f"Args are {documented(thing)}, the parameters {names}")
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_gives_and_refuses(name: str) -> None:
    """Args in the order of the signature, Returns, Raises, and an example; a preset how it differs too."""
    more = ("Differs from",) if name in presets.__all__ else ()
    assert faults(FUNCTIONS[name], *more) == []


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_holds_or_what_makes_it(name: str) -> None:
    """Fields are documented as arguments; a class without any names the preset that documents it."""
    cls = CLASSES[name]
    assert faults(cls, exempt=EXEMPT.get(name, set())) == []
    if not dataclasses.fields(cls):
        maker = re.search(r"Made by ``ui\.(\w+)\(", inspect.getdoc(cls) or "")
        assert maker is not None
        assert maker[1] in presets.__all__


@pytest.mark.needs("torch", "jax", "flax")
@pytest.mark.parametrize("name", CLASSES)
def test_the_examples_of_a_class_run(name: str) -> None:
    """Those of its methods too. ``--doctest-modules`` passes over public classes: their module is the package."""
    import torch

    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with torch.random.fork_rng():  # layers that examples make draw random numbers
        for example in doctest.DocTestFinder().find(CLASSES[name], name, module=False, globs={}):
            runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", ui.recipes.__all__)
def test_a_recipe_says_where_it_is_from_and_what_it_differs_from(name: str) -> None:
    """The same form; a function has its source, and how it differs from its nearest relative."""
    thing = getattr(ui.recipes, name)
    assert faults(thing, *(("Source", "Differs from") if inspect.isfunction(thing) else ())) == []


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_an_error_says_what_it_means(name: str) -> None:
    """One line of its own."""
    assert PUBLIC[name].__doc__


def test_the_search_finds_what_is_missing() -> None:
    """A missing section, a missing or misnamed argument and another order are each noticed."""

    def good(first: int, *rest: int) -> int:
        """Do.

        Args:
            first: a number.
            *rest: more.

        Returns:
            A number.

        Raises:
            ValueError: never.

        Example:
            >>> 1
            1
        """
        return first + len(rest)

    def bad(first: int, second: int) -> int:  # noqa: D417  # wrong on purpose
        """Do.

        Args:
            second: a number.
            third: another.

        Returns:
            A number.
        """
        return first + second

    assert faults(good) == []
    assert faults(good, "Differs from") == ["no Differs from"]
    assert faults(bad) == [
        "no Example",
        "no Raises",
        "Args are ['second', 'third'], the parameters ['first', 'second']",
    ]
    assert faults(bad, exempt={"Raises", "Example"}) == faults(bad)[2:]


def test_no_exemption_is_idle() -> None:
    """What is exempt does lack the section."""
    for name, missing in EXEMPT.items():
        assert not missing & set(sections(PUBLIC[name]))


# --- the pages ------------------------------------------------------------------------------------


def unlisted(names: list[str], text: str) -> list[str]:
    """Return the names that no code of a Markdown text shows."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))
    return [name for name in names if not re.search(rf"(?<![\w.]){name}\b|\bui\.{name}\b", code)]


def test_every_public_name_is_on_a_page() -> None:
    """README.md or a page of docs/ shows each name of the package."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    assert unlisted(ui.__all__, "\n\n".join(page.read_text(encoding="utf-8") for page in pages)) == []


def test_a_name_in_prose_or_of_another_library_is_not_on_a_page() -> None:
    """Only code counts, and only our names."""
    text = "draw is prose, `torch.fill` PyTorch's, `fills` another word; `ui.digest`\n```\nzeros()\n```\n"
    assert unlisted(["draw", "fill", "digest", "zeros"], text) == ["draw", "fill"]
