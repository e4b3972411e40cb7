"""Specs as initializers that frameworks take: ``as_jax``, ``as_keras``, ``as_torch``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from unified_init.backends import registry
from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.drawing.api import draw, fill
from unified_init.drawing.seeds import check_seed, integral
from unified_init.drawing.spec_call import SpecCall, named_call, spec_call
from unified_init.errors import ArgumentTypeError, BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.backends.protocol import Shardable
    from unified_init.law.law import GivenFans
    from unified_init.spec.initializer import Initializer

__all__ = ["JaxInitializer", "TorchInitializer", "as_jax", "as_keras", "as_torch"]

# ruff: noqa: ANN401  # tensors of any framework


@dataclasses.dataclass(frozen=True, slots=True, weakref_slot=True)  # jax.jit keeps a weak reference
class JaxInitializer:
    """``(key, shape, dtype) -> array``, as the functions of ``jax.nn.initializers`` are called."""

    call: SpecCall

    def __call__(self, key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> Any:
        """Draw under a key, concrete or traced; without a type, float32."""
        adapter = cast("Shardable", registry.get("jax"))
        sharding = adapter.check_sharding(out_sharding)
        options = {"seed": key, "dtype": "float32" if dtype is None else dtype, **self.call.options(shape)}
        if sharding is not None or adapter.is_traced(key):
            return draw(self.call.spec, shape, backend="jax", device=sharding, **options)
        array = draw(self.call.spec, shape, backend="numpy", **options)
        return adapter.place(array, key if self.call.spec.is_random else None)


@dataclasses.dataclass(frozen=True, slots=True, weakref_slot=True)
class TorchInitializer:
    """``tensor_ -> tensor_``, as the functions of ``torch.nn.init`` are used."""

    call: SpecCall
    seed: Any

    def __call__(self, tensor: Any) -> Any:
        """Overwrite a tensor and return it."""
        shape = attribute(tensor, "shape")
        options = self.call.options(shape if isinstance(shape, tuple) else ())  # fill() refuses all else
        return fill(tensor, self.call.spec, seed=self.seed, **options)


def as_jax(
    spec: Initializer,
    *,
    layout: str | Mapping[int, str | None] | None = None,
    name: str = "",
    sizes: Mapping[str, int] | None = None,
    fans: GivenFans | None = None,
) -> JaxInitializer:
    """Return ``(key, shape, dtype, out_sharding) -> array``, for Flax's ``kernel_init=`` and the like.

    Called without ``dtype`` it draws float32, also where JAX's 64-bit types are on. ``out_sharding`` is a
    Sharding, or a PartitionSpec for the mesh of ``jax.set_mesh``, on automatic and explicit axes. Without it
    the array is where JAX's own initializers put theirs: on the mesh of ``jax.set_mesh``, else on the devices
    that the key is committed to.

    Args:
        spec: the initializer.
        layout: one letter per axis, "IO" for a Dense kernel; specs with a fan raise without it. For one
            initializer of several layers, one per rank: ``{2: "IO", 4: "HWIO"}``.
        name: names the stream under the key; "" is the key's own, since Flax gives each parameter
            a key of its own.
        sizes: how merged axes split.
        fans: (fan_in, fan_out) instead of the layout's.

    Returns:
        A frozen, hashable callable; it works inside ``jax.jit``, ``jax.vmap`` and ``jax.shard_map``.

    Raises:
        ArgumentTypeError: no spec. ArgumentValueError: a layout that cannot be read. The callable raises them
        for an ``out_sharding`` that is none, or that has no devices or does not fit the shape.

    Example:
        >>> import unified_init as ui
        >>> kernel_init = ui.as_jax(ui.lecun_normal(), layout="IO")

    Differs from:
        ``jax.nn.initializers``: axes come from the layout, never from a default of -2 and -1; low
        precision is the rounding of float32.
    """
    return JaxInitializer(spec_call(spec, name, layout, sizes, fans))


def as_torch(
    spec: Initializer,
    *,
    seed: Any = None,
    name: str = "",
    layout: str | Mapping[int, str | None] | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: GivenFans | None = None,
) -> TorchInitializer:
    """Return ``tensor_ -> tensor_``, used as the functions of ``torch.nn.init`` are.

    Args:
        spec: the initializer.
        seed: as for ``draw``.
        name: the parameter's name; required for a random law, since one name on two layers would give them
            the same values.
        layout: one letter per axis, "OI" for a Linear weight, or one per rank, ``{2: "OI", 4: "OIHW"}``;
            specs with a fan raise without it.
        sizes: how merged axes split.
        fans: (fan_in, fan_out) instead of the layout's.

    Returns:
        A frozen callable that fills a tensor in place and returns it.

    Raises:
        ArgumentTypeError: no spec, or no seed for a random one. ArgumentValueError: no name for a random one.

    Example:
        >>> import unified_init as ui
        >>> init_ = ui.as_torch(ui.he_normal(), seed=0, name="fc.weight", layout="OI")

    Differs from:
        ``torch.nn.init``: calling it twice gives the same values twice, on two tensors too, whose names
        PyTorch does not tell it. For a whole model use ``apply``, which has the names.
    """
    call = named_call(spec, name, layout, sizes, fans)
    if spec.is_random:
        check_seed(seed, spec)
    return TorchInitializer(call, seed)


def as_keras(
    spec: Initializer,
    *,
    seed: SupportsIndex | None = None,
    name: str = "",
    layout: str | Mapping[int, str | None] | Mapping[str, str | None] | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: GivenFans | None = None,
) -> Any:
    """Return a ``keras.initializers.Initializer``, for any backend of Keras 3.

    With a name it is the initializer of one weight, whose values are those of ``draw`` under that name. Keras
    may use one object, or copies of it, for several: query, key and value of an attention, both directions
    of a ``Bidirectional``, two layers. A second weight of the model is then refused, since it would get the
    values of the first. A model that is made again, cloned or loaded has the same values again.

    Without a name the stream of each weight is named by the path of its variable, such as "fc/kernel", so
    one object serves a whole model. Give the layers names then: Keras numbers those without one over the
    process.

    Args:
        spec: the initializer.
        seed: an int in [0, 2**64), which is serialized; required for a random law.
        name: the parameter's name; "" takes the path of the variable that Keras makes.
        layout: one letter per axis, "IO" for a Dense kernel; specs with a fan raise without it. For several
            weights a mapping, whose first entry that fits counts: by rank, ``{2: "IO", 4: "HWIO"}``, or by a
            pattern of the path, ``{"*/attention_output/kernel": "IIO", "*": "IOO"}``.
        sizes: how merged axes split.
        fans: (fan_in, fan_out) instead of the layout's.

    Returns:
        An object with ``spec``, ``get_config`` and ``from_config``; it is saved with a ``.keras`` file and
        read back from it wherever ``unified_init`` is imported.

    Raises:
        BackendError: Keras is not installed. ArgumentTypeError: the seed is no int. ArgumentValueError, by
        the object: a second weight of its name, or a random law with neither a name nor a variable.

    Example:
        >>> import unified_init as ui
        >>> ui.as_keras(ui.glorot_uniform(), seed=0, name="dense/kernel", layout="IO").get_config()["name"]
        'dense/kernel'
        >>> zeros = ui.as_keras(ui.zeros())
        >>> every = ui.as_keras(ui.glorot_uniform(), seed=0, layout={2: "IO", 4: "HWIO"})
        >>> every.spec == ui.glorot_uniform()
        True

    Differs from:
        ``keras.initializers``: the same values on every backend of Keras. Keras copies an initializer with
        its seed, so that two weights are equal; here they never are.
    """
    call = spec_call(spec, name, layout, sizes, fans, has_paths=True)
    if spec.is_random or seed is not None:
        check_seed(seed, spec)
    number = integral(checks.scalar(seed))
    if seed is not None and number is None:
        msg = f"`seed` of a Keras initializer is serialized and must be an int, got {shown(seed)}."
        raise ArgumentTypeError(msg)
    try:
        with registry.one_import():
            from unified_init.drawing.keras_initializer import UnifiedInitializer  # noqa: PLC0415  # imports Keras
    except (
        ImportError,
        AttributeError,
    ) as error:  # the second of another Keras than 3
        msg = (
            f"as_keras() needs Keras 3, which cannot be imported ({error}): "
            'install it with `pip install "unified-init[keras]"`.'
        )
        raise BackendError(msg) from error
    return UnifiedInitializer.of(call, number)
