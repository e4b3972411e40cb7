"""The spec: a distribution, a scale rule and a factor; and how it becomes a law for one shape."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.along import Along
from unified_init.law.layout import Geometry, bind
from unified_init.spec.distributions import (
    Combination,
    Constant,
    Distribution,
    Elementwise,
    Mixed,
    Normed,
    OfSpecs,
    RandomMatrix,
    Scaled,
    Sum,
)
from unified_init.spec.fit import check_fit
from unified_init.spec.labels import label_of
from unified_init.spec.laws import law_of
from unified_init.spec.scales import Gain, Scale, ScaledByFan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.law.law import GivenFans, Law

__all__ = ["Initializer"]

# The distributions that draw something, whatever they are made of.
RANDOM = Elementwise | RandomMatrix | Normed | Mixed


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Initializer:
    """A declarative initializer: a distribution, a scale rule, and a factor on the values.

    Args:
        distribution: the shape of the values before scaling.
        scale: the rule that fixes their size.
        factor: multiplies every value, of either sign; ``spec * 0.5``, ``-spec`` and ``spec.scaled(0.5)``
            set it. A sum or a product keeps none: its terms do.
        upscale: 1, or the factor r of a sub-pixel convolution: groups of r**n outputs
            share one draw, with n spatial axes (``ui.icnr``).

    Raises:
        ArgumentTypeError: no distribution, a rule that does not fit it, or something other than numbers.
        ArgumentValueError: a factor of 0, an ``upscale`` below 1 or of values that
            are not independent draws, or ends of a ``Between`` that are not the distribution's bounds.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.Initializer(ui.TruncatedNormal(-2, 2), ui.VarianceScaling(2.0, "fan_in"))
        >>> spec == ui.he_normal()
        True
        >>> round(spec.resolve((64, 3, 7, 7), layout="OIHW").std, 4)
        0.1166
    """

    distribution: Distribution
    scale: Scale = dataclasses.field(
        default_factory=Gain
    )  # not one object: Dynamo cannot say where it is from
    factor: float = 1.0
    upscale: int = 1
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check that the parts fit, and write the factor in one way."""
        check_fit(self.distribution, self.scale)
        object.__setattr__(self, "factor", checks.nonzero("factor", self.factor))
        object.__setattr__(self, "upscale", checks.count("upscale", self.upscale))
        if self.upscale > 1 and not isinstance(self.distribution, Elementwise):
            msg = (
                "`upscale` repeats independent draws; its base must be a normal, truncated normal, "
                f"uniform or quantile initializer, got {shown(self.distribution)}."
            )
            raise ArgumentValueError(msg)
        self._move_factor()

    def _move_factor(self) -> None:
        """Give the factor of a sum or a product to its terms: equal specs are then written in one way."""
        if not isinstance(self.distribution, Combination):
            return
        assert isinstance(self.scale, Gain)  # noqa: S101  # RULES has no other for these
        factor = self.factor * self.scale.gain
        if factor != 1.0:
            object.__setattr__(self, "distribution", self.distribution.scaled(factor))
        object.__setattr__(self, "scale", Gain())
        object.__setattr__(self, "factor", 1.0)

    if not TYPE_CHECKING:  # for a type checker a spec is no function

        def __call__(self, *_args, **_arguments):  # noqa: ANN002, ANN003, ANN204  # whatever a framework passes
            """Refuse to be called, as frameworks call their initializers; say what they do call."""
            msg = (
                f"{self.label} is a spec, which is not called: ui.draw(spec, shape, ...) draws it, and "
                "ui.as_jax(spec, ...), ui.as_torch(spec, ...) or ui.as_keras(spec, ...) make what a "
                "framework calls."
            )
            raise ArgumentTypeError(msg)

    __array_ufunc__ = None  # NumPy leaves the operators to these

    def __mul__(self, factor: float | Along) -> Initializer:
        """Return the spec whose values are ``factor`` times these: a number, or an array by named axes."""
        if isinstance(factor, Initializer):
            return NotImplemented
        if isinstance(factor, Along):
            return self._along(factor)
        _check_no_array("factor", factor)
        return dataclasses.replace(self, factor=self.factor * checks.nonzero("factor", factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float | Along) -> Initializer:
        """Return the spec whose values are these divided by ``divisor``: a number, or an array."""
        if isinstance(divisor, Initializer):
            return NotImplemented
        if isinstance(divisor, Along):
            return self._along(divisor.inverse())
        _check_no_array("divisor", divisor)
        return self * (1.0 / checks.nonzero("divisor", divisor))

    def __neg__(self) -> Initializer:
        """Return the spec whose values are the negatives of these."""
        return self * -1.0

    def __pos__(self) -> Initializer:
        """Return this spec."""
        return self

    def __add__(self, other: Initializer | float | Along) -> Initializer:
        """Return the sum with a spec, a number, or an array by named axes: each term has its own stream."""
        term = _as_term(other)
        return self if term is None else Initializer(Sum((self, term)), Gain())

    def __radd__(self, other: float | Along) -> Initializer:
        """Return the sum of a number or an array, and this spec."""
        term = _as_term(other)
        return self if term is None else Initializer(Sum((term, self)), Gain())

    def __sub__(self, other: Initializer | float | Along) -> Initializer:
        """Return the difference to a spec, a number, or an array by named axes."""
        term = _as_term(other)
        return self if term is None else Initializer(Sum((self, -term)), Gain())

    def __rsub__(self, other: float | Along) -> Initializer:
        """Return the difference of a number or an array, and this spec."""
        term = _as_term(other)
        return -self if term is None else term + -self

    def _along(self, array: Along) -> Initializer:
        if isinstance(self.distribution, Sum):
            return Initializer(Sum(tuple([term * array for term in self.distribution.terms])), Gain())
        return Initializer(Scaled(self, array), Gain())

    def scaled(self, factor: float) -> Initializer:
        """Return the spec whose values are ``factor`` times these, as ``spec * factor`` does.

        Args:
            factor: of either sign, such as ``depth_factor(n_layer)``.

        Returns:
            A new spec; specs never change.

        Raises:
            ArgumentTypeError: ``factor`` is not a number.
            ArgumentValueError: ``factor`` is 0.

        Example:
            >>> import unified_init as ui
            >>> ui.normal(0.0, 0.02).scaled(0.5).resolve((3,)).std
            0.01
        """
        return self * factor

    @property
    def needs(self) -> tuple[str, ...]:
        """The fans that the scale rule needs: none, ``fan_in``, ``fan_out`` or both."""
        if isinstance(self.distribution, OfSpecs):
            words = {word for part in self.distribution.components for word in part.needs}
            return tuple(sorted(words))
        if not isinstance(self.scale, ScaledByFan):
            return ()
        mode = self.scale.mode
        return (mode,) if mode in {"fan_in", "fan_out"} else ("fan_in", "fan_out")

    @property
    def is_random(self) -> bool:
        """Whether a draw needs a seed."""
        if isinstance(self.distribution, Combination):
            return any(term.is_random for term in self.distribution.components)
        return isinstance(self.distribution, RANDOM)

    def resolve(
        self,
        shape: Sequence[int] | int,
        *,
        layout: str | None = None,
        sizes: Mapping[str, int] | None = None,
        fans: GivenFans | None = None,
    ) -> Law:
        """Return the law of this spec on a shape: its moments, bounds and fans.

        Args:
            shape: the stored shape.
            layout: one letter per axis (``"OIHW"``); needed by specs that scale with a fan.
            sizes: how merged axes split, such as ``{"B": groups}`` for ``"(BO)IHW"``.
            fans: (fan_in, fan_out) instead of the layout's, for a bias or a framework's quirk;
                None for one that is not needed. Each is a number, or an array by named axes,
                ``ui.along("O", [...])``, where outputs have fans of their own.

        Returns:
            The law, plain numbers.

        Raises:
            ArgumentTypeError: an argument of another type.
            ArgumentValueError: the spec needs a fan that neither layout nor fans give, the layout does
                not fit the shape, or the spec has no meaning on it.

        Example:
            >>> import unified_init as ui
            >>> law = ui.xavier_uniform().resolve((300, 100), layout="OI")
            >>> law.fan_in, law.fan_out, round(law.high, 6)
            (100, 300, 0.122474)
        """
        geometry = bind(checks.shape_of(shape), layout, sizes)
        return self.law(geometry, fans)

    def law(self, geometry: Geometry, fans: GivenFans | None = None) -> Law:
        """Return the law on a geometry: ``resolve`` once shape and layout are bound."""
        if not isinstance(geometry, Geometry):
            msg = f"`geometry` must be a Geometry, which resolve() makes from a shape, got {shown(geometry)}."
            raise ArgumentTypeError(msg)
        return law_of(self, geometry, fans)

    def explain(
        self,
        shape: Sequence[int] | int,
        *,
        layout: str | None = None,
        sizes: Mapping[str, int] | None = None,
        fans: GivenFans | None = None,
    ) -> str:
        """Return a text with the fans, gain, std and bounds, and the call of each framework.

        Args:
            shape: the stored shape.
            layout: as for ``resolve``, and so are the others.
            sizes: how merged axes split.
            fans: (fan_in, fan_out) instead of the layout's.

        Returns:
            Lines to print. A framework that has no equivalent is said to have none.

        Raises:
            UnifiedInitError: as for ``resolve``.

        Example:
            >>> import unified_init as ui
            >>> print(ui.he_normal().explain((64, 3, 7, 7), layout="OIHW").splitlines()[0])
            he_normal on (64, 3, 7, 7), layout 'OIHW'
        """
        from unified_init.interop.explain import explain  # noqa: PLC0415  # it imports this module

        return explain(self, shape, layout=layout, sizes=sizes, fans=fans)

    @property
    def label(self) -> str:
        """The preset's name where this is one, else that of its family or of the distribution."""
        return label_of(self.distribution, self.scale)


def _check_no_array(name: str, value: object) -> None:
    """Refuse an array, whose axes have no names."""
    # Numbers first: torch.compile does not follow `has_axes` on those that are symbols.
    if type(value) not in {int, float} and checks.has_axes(value):
        msg = (
            f"`{name}` must be a number, or an array whose axes have names, got {shown(value)}: write "
            'ui.along("OI", array), with the letters of the layout.'
        )
        raise ArgumentTypeError(msg)


def _as_term(value: object) -> Initializer | None:
    """Return what is added as a spec; None for the number 0, which changes nothing."""
    if isinstance(value, Initializer):
        return value
    if isinstance(value, Along):
        return Initializer(Constant(1.0), Gain()) * value
    _check_no_array("other", value)
    number = checks.finite("other", value)
    return Initializer(Constant(number), Gain()) if number else None
