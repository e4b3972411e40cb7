"""The seam: a module imports only what its room may, and no framework at its top."""

from __future__ import annotations

import ast
import pathlib

import pytest

import unified_init as ui

SOURCE = pathlib.Path(ui.__file__).parent

LEAVES = ("errors", "checks", "values", "unit_normal")
LAYOUT = ("layout", "law", "indexmap")
DECLARATIVE = (
    "distributions", "scales", "gains", "fans", "elementwise_law", "structured_law", "initializer", "presets",
)  # fmt: skip
ROOMS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "values": (),
    "unit_normal": (),
    "checks": ("errors",),
    **dict.fromkeys(LAYOUT, (*LEAVES, *LAYOUT)),
    **dict.fromkeys(DECLARATIVE, (*LEAVES, *LAYOUT, *DECLARATIVE)),
    "stream": (*LEAVES, *LAYOUT, "stream"),
    "backends": (*LEAVES, *LAYOUT, "stream", "backends"),
    "inventory": (*LEAVES, *LAYOUT),
    "recipes": (*LEAVES, *LAYOUT, *DECLARATIVE, "inventory", "recipes"),
    "models": (*LEAVES, *LAYOUT, "stream", "backends", "inventory", "models"),
}
# What crosses on purpose, each for a reason that stands beside the import.
CROSSINGS = {
    ("initializer", "explain"),  # spec.explain() lends a method to the front door's text
    ("inventory", "inventory_json"),  # an inventory's digest is that of its text
    ("recipes", "planning"),  # the rows of the page of layer defaults are plans
    ("backends", "frozen_call"),  # the node of a compiled graph calls the front door when it runs
}
# Rooms for whoever checks this library or uses it: nothing that draws may lean on them.
CHECKING: dict[str, set[str]] = {
    "testing": {"testing", "parity", "auditing"},
    "parity": {"parity", "cli"},
}
FRAMEWORKS = {"torch", "tensorflow", "jax", "keras", "numba", "scipy", "typer", "rich"}
# The modules that stand for a framework, imported on demand.
ADAPTERS = {
    "backends/_torch.py": "torch",
    "backends/_tensorflow.py": "tensorflow",
    "backends/_jax.py": "jax",
    "compiled_draw.py": "torch",
    "keras.py": "keras",
    "stream/numba_kernels.py": "numba",
}
# Walkers, and what they share, by the first word of their names; Flax, Haiku and Equinox speak JAX.
WALKERS = {
    "torch": "torch", "keras": "keras", "nnx": "jax", "linen": "jax", "flax": "jax", "haiku": "jax",
    "equinox": "jax", "jax": "jax",
}  # fmt: skip


def framework_of(path: pathlib.Path) -> str | None:
    """Return the framework that a module stands for, if any."""
    if path.parts[0] == "models":
        return WALKERS.get(path.stem.strip("_").partition("_")[0])
    return ADAPTERS.get(path.as_posix())


def imported(text: str) -> set[str]:
    """Return the rooms of this package that a module imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module == "unified_init":
            found |= {alias.name for alias in node.names}
        elif node.module.startswith("unified_init."):
            found.add(node.module.split(".")[1])
    return found


def frameworks(text: str) -> set[str]:
    """Return the frameworks that a module imports when it is imported."""
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found & FRAMEWORKS


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_its_room_may(path: pathlib.Path) -> None:
    """Spec, law, program, array: each room sees those before it alone."""
    room = path.relative_to(SOURCE).with_suffix("").parts[0]
    if room in ROOMS:
        crossed = {other for here, other in CROSSINGS if here == room}
        assert imported(path.read_text(encoding="utf-8")) - crossed <= {*ROOMS[room]}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_checks_the_library_is_no_part_of_it(path: pathlib.Path) -> None:
    """The rooms ``testing`` and ``parity`` are imported by each other and the command line alone."""
    room = path.relative_to(SOURCE).with_suffix("").parts[0]
    barred = {name for name, allowed in CHECKING.items() if room not in allowed}
    assert imported(path.read_text(encoding="utf-8")) & barred == set()


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_framework_is_imported_by_its_own_module_alone(path: pathlib.Path) -> None:
    """At the top of a module stands no framework but the one that the module is for."""
    own = framework_of(path.relative_to(SOURCE))
    assert frameworks(path.read_text(encoding="utf-8")) <= {own}


def test_the_searches_find_what_they_look_for() -> None:
    """Both spellings, and imports inside functions."""
    text = (
        "from unified_init import checks\ndef f():\n    from unified_init.api import draw\nimport torch.nn\n"
    )
    assert imported(text) == {"checks", "api"}
    assert frameworks(text) == {"torch"}
