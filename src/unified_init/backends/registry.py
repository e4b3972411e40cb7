"""The registry of backends: which are installed, whose a tensor is, and how to get an adapter.

Four adapters come with the package. Others are registered by ``register_backend``, or by a distribution that
declares an entry point in the group ``unified_init.backends``; neither imports anything before it is used.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import keyword
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, cast

from unified_init.core import checks
from unified_init.core.imports import uncollected
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unified_init.backends.protocol import Addressable, Backend

__all__ = [
    "GROUP",
    "NAMES",
    "backend_of",
    "backends",
    "get",
    "names",
    "one_import",
    "owner_of_plain",
    "register_backend",
]

# The one list of the adapters of this package: backend, and the packages whose types belong to it.
PACKAGES: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy", "ml_dtypes"),
    "torch": ("torch",),
    "tensorflow": ("tensorflow",),
    "jax": ("jax", "jaxlib"),
}
NAMES = tuple(PACKAGES)
# Whose a type is, by the name of the package that defines it, which is public. No class would do instead: the
# question is asked of tensors, seeds, devices and whatever else a caller passes by mistake.
OWNERS = {package: name for name, packages in PACKAGES.items() for package in packages}

GROUP = "unified_init.backends"  # of entry points
# What an adapter must have before it is used; ``testing.check_backend`` looks further.
FUNCTIONS = ("root_key", "resolve_device", "wants_graph", "adopt", "ops", "trace", "to_numpy")

# Packages whose types belong to no framework of their own.
RESERVED = frozenset({"builtins", "keras", "unified_init", "__main__"})

# Adapters from outside, by name: a module, or the dotted path of one; and those that have been used. Another
# module may take a name until then.
_registered: dict[str, ModuleType | str] = {}
_loaded: dict[str, ModuleType] = {}
# Those that have been used, by the classes of tensors that are memory and nothing else.
_plain: dict[type, Addressable] = {}


def register_backend(name: str, module: ModuleType | str) -> None:
    """Make a backend of another package known, for this process.

    A distribution does the same for all processes by an entry point in the group ``unified_init.backends``,
    whose name is the backend's and whose value is the module.

    Args:
        name: what ``backend=`` says, and the top-level package of the framework's own types: "mlx" for
            ``mlx.core.array``.
        module: the adapter, or its dotted path, which is imported when the backend is first used. It has
            the functions of ``unified_init.backends.protocol.Backend``; docs/extending.md has a worked
            example, and ``unified_init.testing.check_backend`` compares it with the others bit by bit.

    Returns:
        None.

    Raises:
        ArgumentTypeError: no name, or no module.
        ArgumentValueError: a backend of this package, or another module under a name that is taken.

    Example:
        >>> import unified_init as ui
        >>> ui.register_backend("my_arrays", "my_arrays_adapter")
        >>> ui.register_backend("jax", "my_jax")
        Traceback (most recent call last):
        ...
        unified_init.ArgumentValueError: `name` must be a new one, got 'jax', which is a backend already.
    """  # the message is one line
    name = checks.text("name", name)
    if not isinstance(module, ModuleType) and not _is_path(module):
        msg = f"`module` must be a module or the dotted path of one, got {shown(module)}."
        raise ArgumentTypeError(msg)
    if not _is_package(name):
        msg = f"`name` must be the top-level package of a framework's own types, got {shown(name)}."
        raise ArgumentValueError(msg)
    if name in OWNERS or _path(_loaded.get(name, module)) != _path(module):
        msg = f"`name` must be a new one, got {shown(name)}, which is a backend already."
        raise ArgumentValueError(msg)
    _registered[name] = module
    _load.cache_clear()


def _is_package(name: str) -> bool:
    """Whether a name can be the package of a framework that Keras, Python or this library is not."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED


def _is_path(module: object) -> bool:
    return isinstance(module, str) and all(map(str.isidentifier, module.split(".")))


def _path(module: ModuleType | str) -> str:
    return module if isinstance(module, str) else module.__name__


@functools.cache
def _declared() -> Mapping[str, str]:
    """Return the adapters that installed distributions declare: dotted paths by name."""
    from importlib import metadata  # noqa: PLC0415  # 20 ms, which most processes need not pay

    points = metadata.entry_points(group=GROUP)
    return {
        point.name: point.module for point in points if point.name not in OWNERS and _is_package(point.name)
    }


def _external() -> dict[str, ModuleType | str]:
    return {**_declared(), **_registered}


def names() -> tuple[str, ...]:
    """Return the names of all backends, installed or not."""
    return (*NAMES, *_external())


def backends() -> tuple[str, ...]:
    """Return the names of the installed backends; nothing is imported.

    Returns:
        Some of ``("numpy", "torch", "tensorflow", "jax")``, in this order, then those from outside.

    Example:
        >>> import unified_init as ui
        >>> "numpy" in ui.backends()
        True
    """
    return tuple(name for name in names() if _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # a module that was put in place by hand, without a spec
        return name in sys.modules


def get(name: object) -> Backend:
    """Return a backend by name, importing its framework."""
    word = checks.plain(name)
    return _load(word if word in NAMES else checks.choice("backend", name, names()))


# Python finds a deadlock where two threads import one framework by different ways in, as Keras and its
# backend, and hands one of them half a module or an error. So the library imports one framework at a time.
# But a thread inside an import may wait for this one, so nobody waits for more than PATIENCE seconds.
_one_import = threading.RLock()
PATIENCE = 60.0


@contextlib.contextmanager
def one_import() -> Iterator[None]:
    """Let no other thread import a framework for this library meanwhile, and the garbage collector wait."""
    has_lock = _one_import.acquire(timeout=PATIENCE)
    try:
        with uncollected():
            yield
    finally:
        if has_lock:
            _one_import.release()


@functools.cache
def _load(name: str) -> Backend:
    home = f"unified_init.backends._{name}" if name in PACKAGES else _external()[name]
    try:
        with one_import():
            module = importlib.import_module(home) if isinstance(home, str) else home
    except ImportError as error:
        remedy = f' with `pip install "unified-init[{name}]"`' if name in PACKAGES else ""
        msg = f"backend {name!r} needs {name}, which cannot be imported ({error}): install it{remedy}."
        raise BackendError(msg) from error
    except Exception as error:
        msg = f"backend {name!r} cannot be imported from {home!r}: {type(error).__name__}: {error}."
        raise BackendError(msg) from error
    adapter = _complete(name, module)
    _loaded[name] = module
    if hasattr(module, "plain_memory"):
        _plain.update(dict.fromkeys(module.PLAIN, cast("Addressable", module)))
    return adapter


def _complete(name: str, module: ModuleType) -> Backend:
    """Return an adapter, unless it lacks a function."""
    missing = [function for function in FUNCTIONS if not callable(getattr(module, function, None))]
    if missing:
        msg = (
            f"backend {name!r} must have the functions of unified_init.backends.protocol.Backend; "
            f"{module.__name__} lacks {', '.join(missing)}."
        )
        raise BackendError(msg)
    return cast("Backend", module)


def owner_of_plain(tensor: object) -> Addressable | None:
    """Return the adapter, if it has been used, of a tensor that may be plain memory of the host."""
    return _plain.get(type(tensor))


def backend_of(value: object) -> str | None:
    """Return the name of the framework that an object's type belongs to, if any."""
    device = getattr(sys.modules.get("torch"), "device", None)  # None while another thread imports torch
    if device is not None and isinstance(value, device):
        return "torch"  # asked inside torch.compile, where older releases cannot look at a type's module
    for cls in type(value).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in OWNERS:
            return OWNERS[package]
        if package != "builtins" and package in _external():
            return package
    return None
