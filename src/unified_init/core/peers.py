"""Classes and functions of other libraries, looked up by their public paths; nothing is imported.

The module that defines a class (``keras.src.layers.layer``) is private and moves between releases; its public
path (``keras.Layer``) does not. If there is an object of the class, the library has been imported, and the
path can be followed through ``sys.modules``.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["attribute", "is_a", "is_freed", "public"]


# What was found, with its library's module and where it stands: to look it up anew takes a microsecond. There
# are as many as paths in this package.
_known: dict[str, tuple[str, Any, dict[str, Any], str, Any]] = {}


def public(path: str) -> Any:  # noqa: ANN401  # a class or a function of any library
    """Return the object at a dotted path such as "torch.nn.Module"; None if nothing imported has it.

    None is also the answer where a library is half imported, or is of a release without that name.

    Example:
        >>> import collections.abc
        >>> public("collections.abc.Mapping") is collections.abc.Mapping
        True
        >>> public("collections.abc.Maping") is None
        True
    """
    known = _known.get(path)
    if known is not None:
        library, module, home, name, target = known
        if sys.modules.get(library) is module and home.get(name) is target:
            return target
    library, *names = path.split(".")
    module = target = sys.modules.get(library)
    home, name = sys.modules, library
    for name in names:
        # Not getattr: some modules import what they are asked for.
        home = getattr(target, "__dict__", {})
        target = home.get(name)
    if target is not None:  # what is not there yet may be imported later
        _known[path] = (library, module, home, name, target)
    return target


def attribute(value: object, name: str, default: Any = None) -> Any:  # noqa: ANN401  # of any object
    """Return an attribute of an object of any kind; the default where asking for it raises.

    Example:
        >>> attribute(3, "imag"), attribute(3, "imaginary", "none")
        (0, 'none')
    """
    try:
        return getattr(value, name, default)
    except Exception:  # noqa: BLE001  # the code of whoever made its class
        return default


def is_a(value: object, path: str) -> bool:
    """Whether an object is an instance of the class at a public path.

    Example:
        >>> import collections.abc
        >>> is_a({}, "collections.abc.Mapping"), is_a({}, "torch.nn.Module")
        (True, False)
    """
    cls = public(path)
    return isinstance(cls, type) and isinstance(value, cls)


def is_freed(value: Any) -> bool:  # noqa: ANN401  # of any kind
    """Whether a value is a tensor of torch with less memory than its values need."""
    # Such tensors are common: sharded training gives the memory of whole parameters back.
    if not is_a(value, "torch.Tensor"):
        return False
    try:
        if str(value.layout) != "torch.strided" or value.is_nested:
            return False
        return bool(value.untyped_storage().nbytes() < value.numel() * value.element_size())
    except Exception:  # noqa: BLE001  # of a tensor without a shape, or of a subclass
        return False
