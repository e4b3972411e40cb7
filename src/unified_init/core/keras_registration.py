"""Registers the initializer of ``as_keras`` with Keras wherever a process has both packages.

Keras imports no module that a saved model names, so a class must be registered before a model is read. Until
Keras is imported, a finder waits for it, and imports nothing itself.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["register_when_imported"]

KERAS = "keras"
HOME = "unified_init.drawing.keras_initializer"  # importing it registers the class


def register_when_imported() -> None:
    """Register the class now if Keras is imported, else as soon as it is."""
    if KERAS in sys.modules:
        _register()
    elif not any(isinstance(finder, KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, KerasFinder())


def _register() -> None:
    """Register the class; what fails then is a Keras that is not whole, or not Keras 3."""
    with contextlib.suppress(Exception):  # the import of Keras must not fail for it; as_keras says why
        importlib.import_module(HOME)


class KerasFinder(importlib.abc.MetaPathFinder):
    """Finds Keras where it is, with a loader that registers the class when Keras is whole.

    It stays until Keras is imported: others ask for the spec of Keras to see whether it is installed.
    """

    def __init__(self) -> None:
        """Ask no other finder yet."""
        self.asking = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of Keras; None for any other module."""
        if fullname != KERAS or path is not None or getattr(self.asking, "others", False):
            return None
        self.asking.others = True  # this one comes first, and is asked by whoever looks for a spec
        try:
            finders = [
                finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")
            ]
            specs = (finder.find_spec(fullname, path, target) for finder in finders)
            spec = next((spec for spec in specs if spec is not None), None)
        finally:
            self.asking.others = False
        if spec is not None and spec.loader is not None:
            spec.loader = RegisteringLoader(spec.loader, self)
        return spec


class RegisteringLoader(importlib.abc.Loader):
    """Loads a module as its own loader does, and then registers the class."""

    def __init__(self, loader: importlib.abc.Loader, finder: KerasFinder) -> None:
        """Keep the loader, and the finder that is not needed once it has loaded."""
        self.loader = loader
        self.finder = finder

    def __getattr__(self, name: str) -> object:
        """Be the loader in all else: pkgutil and inspect ask it for paths and sources."""
        loader = object.__getattribute__(self, "loader")  # which a copy that is being made has not yet
        return getattr(loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Return the module of the loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Import the module, which from then on has its own loader."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        with contextlib.suppress(ValueError):  # another thread has removed it
            sys.meta_path.remove(self.finder)
        _register()
