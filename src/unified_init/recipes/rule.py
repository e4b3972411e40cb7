"""Rules: conditions on records, and the initializer of those that fulfill them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from unified_init.core import checks
from unified_init.core.patterns import compiled, matches
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.records import Record
from unified_init.inventory.vocabulary import KINDS, PLACES, ROLES
from unified_init.law.along import Along
from unified_init.law.layout import parse, size_items
from unified_init.recipes.fan_conventions import CONVENTIONS, FANS_BY_CONVENTION
from unified_init.spec.fans import explicit_fans
from unified_init.spec.initializer import Initializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.inventory.layer import Named
    from unified_init.inventory.parts import Box
    from unified_init.inventory.vocabulary import Kind, Place, Role
    from unified_init.law.law import Fans
    from unified_init.recipes.fan_conventions import Convention

__all__ = ["PADDINGS", "UNITS", "Rule", "check_record"]

Unit = Literal["part", "whole"]
Padding = Literal["drawn", "zero"]
UNITS: tuple[Unit, ...] = get_args(Unit)
PADDINGS: tuple[Padding, ...] = get_args(Padding)

Words = str | tuple[str, ...]  # one word, or alternatives; a rule keeps a tuple


@public
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions on parameters, and the initializer of those that meet them.

    A record matches if every condition that is given holds; a tuple of alternatives holds if one does.

    Args:
        spec: their initializer; None leaves them as they are.
        kind: kinds of layer, of ``ui.KINDS``, such as "linear".
        role: roles in the layer, of ``ui.ROLES``, such as "kernel" or "bias".
        place: places in the architecture, of ``ui.PLACES``, such as "attention.out".
        name: patterns of the stream name: a glob, whose ``*`` crosses dots and slashes, or "re:" and a
            regular expression that the whole name must match.
        path: patterns of the native path, in the same way.
        shape: the exact shape.
        block: indices of repeated blocks.
        depthwise: whether the convolution is depthwise.
        fused: whether the record has parts.
        predicate: a function of the record; such a rule cannot be written as JSON.
        fans: the convention that computes the fans, of ``ui.CONVENTIONS``, such as "own" (the true ones) or
            "torch"; or a pair of numbers.
        unit: "part" draws each part of a fused record as its own tensor, "whole" all as one.
        layout: the layout of these tensors, in place of the record's; its fans are then those of the layout.
        sizes: sizes of merged axes of ``layout``, such as {"B": groups}.
        index: the region that is drawn, as slices of the native axes, such as ``slice(10, None)`` for the
            rows from 10 on; the rest is left as it is. The values are those that the same rule without an
            index gives there.
        stream: a pair (old, new): the values are drawn under the stream name of the parameter whose native
            path has ``new`` in place of ``old``. The same random words decide both: so ``ui.lru_gamma_log``
            belongs to a ``nu_log``, and an orthogonal matrix may be another one's transpose, by ``layout``.
        parts: (label, spec) pairs: the specs of single parts, in place of ``spec``.
        padding: "zero" sets the row of an embedding that stands for padding to 0.
        by_block: the values are multiplied by (block + 1) ** by_block.
        optional: a rule that may match nothing; for catalogues such as a framework's defaults.
        note: why, for whoever reads the plan.

    Raises:
        UnifiedInitError: a field of the wrong type, an unknown word, a pattern that cannot be read.

    Example:
        >>> import unified_init as ui
        >>> rule = ui.Rule(spec=ui.normal(0, 0.02), kind=("linear", "conv"), role="kernel")
        >>> rule.matches(ui.Record(name="fc.weight", path="fc.weight", shape=(3, 2), layout="OI",
        ...                        kind="linear", role="kernel"))
        True
    """

    spec: Initializer | None
    kind: Kind | tuple[Kind, ...] | None = None
    role: Role | tuple[Role, ...] | None = None
    place: Place | tuple[Place, ...] | None = None
    name: Words | None = None
    path: Words | None = None
    shape: tuple[int, ...] | None = None
    block: int | tuple[int, ...] | None = None
    depthwise: bool | None = None
    fused: bool | None = None
    predicate: Callable[[Record], bool] | None = None
    fans: Convention | tuple[float | None, float | None] = "own"
    unit: Unit = "part"
    layout: str | None = None
    sizes: Named = ()
    index: slice | tuple[slice | tuple[int | None, int | None], ...] = ()
    stream: tuple[str, str] | None = None
    parts: tuple[tuple[str, Initializer], ...] = ()
    padding: Padding = "drawn"
    by_block: float = 0.0
    optional: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        """Check the fields; single words become tuples of one."""
        if self.spec is not None and not isinstance(self.spec, Initializer):
            msg = f"`spec` of a rule must be an Initializer or None, got {shown(self.spec)}."
            raise ArgumentTypeError(msg)
        for field, options in (("kind", KINDS), ("role", ROLES), ("place", PLACES)):
            for word in self._alternatives(field):
                checks.choice(field, word, options)
        for field in ("name", "path"):
            for pattern in self._alternatives(field):
                compiled(pattern)
        self._alternatives("block")
        if self.shape is not None:
            object.__setattr__(self, "shape", checks.shape_of(self.shape))
        if self.predicate is not None and not callable(self.predicate):
            msg = f"`predicate` must be a function of a record, got {shown(self.predicate)}."
            raise ArgumentTypeError(msg)
        self._check_switches()
        self._check_effects()

    def _check_switches(self) -> None:
        for field, none_allowed in (("depthwise", " or None"), ("fused", " or None"), ("optional", "")):
            value = getattr(self, field)
            if not isinstance(value, bool) and not (none_allowed and value is None):
                msg = f"`{field}` must be True, False{none_allowed}, got {shown(value)}."
                raise ArgumentTypeError(msg)

    def _alternatives(self, field: str) -> tuple[Any, ...]:
        """Return the alternatives of a condition, and keep them as a tuple; () if there is no condition."""
        value = getattr(self, field)
        if value is None:
            return ()
        entries = checks.entries(value)
        alternatives: tuple[Any, ...] = (value,) if entries is None else entries
        if not alternatives:
            msg = f"`{field}` must have at least one alternative, got {shown(value)}: leave it out for any."
            raise ArgumentValueError(msg)
        if field == "block":
            alternatives = tuple(checks.count(field, index, least=0) for index in alternatives)
        else:
            alternatives = tuple(checks.text(field, word) for word in alternatives)
        object.__setattr__(self, field, alternatives)
        return alternatives

    def _check_effects(self) -> None:
        if isinstance(self.fans, str):
            object.__setattr__(self, "fans", checks.choice("fans", self.fans, CONVENTIONS))
        elif len(checks.entries(self.fans) or ()) != 2:  # noqa: PLR2004  # a pair
            msg = f"`fans` must be a convention or a pair (fan_in, fan_out), got {shown(self.fans)}."
            raise ArgumentTypeError(msg)
        else:
            object.__setattr__(self, "fans", explicit_fans(self.fans))
            if any(isinstance(fan, Along) for fan in self.fans):
                msg = (
                    f"`fans` of a rule must be numbers, got {shown(self.fans)}: multiply `spec` by an array."
                )
                raise ArgumentTypeError(msg)
        object.__setattr__(self, "unit", checks.choice("unit", self.unit, UNITS))
        self._check_axes()
        self._check_stream()
        object.__setattr__(self, "padding", checks.choice("padding", self.padding, PADDINGS))
        pairs = _labelled(self.parts)
        object.__setattr__(self, "parts", pairs)
        if pairs and (self.unit == "whole" or self.spec is None):
            msg = "`parts` of a rule need unit='part' and a `spec` for the other parts."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "by_block", checks.finite("by_block", self.by_block))
        object.__setattr__(self, "note", checks.text("note", self.note))

    def _check_stream(self) -> None:
        if self.stream is None:
            return
        words = checks.entries(self.stream) or ()
        if len(words) != 2:  # noqa: PLR2004  # a pair
            msg = f"`stream` of a rule must be a pair of texts (old, new), got {shown(self.stream)}."
            raise ArgumentTypeError(msg)
        old, new = (checks.text("stream", word) for word in words)
        if not old or old == new:
            msg = f"`stream` of a rule must replace a text by another one, got {shown(self.stream)}."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "stream", (old, new))

    def _check_axes(self) -> None:
        if self.layout is not None:
            object.__setattr__(self, "layout", checks.text("layout", self.layout))
            parse(self.layout)
        pairs = checks.pairs(self.sizes)
        if pairs is None or any(checks.plain(letter) is None for letter, _ in pairs):
            msg = f"`sizes` of a rule must be a mapping of letters to integers, got {shown(self.sizes)}."
            raise ArgumentTypeError(msg)
        sizes = {checks.text("sizes", letter): size for letter, size in pairs}
        object.__setattr__(self, "sizes", size_items(sizes))
        if self.sizes and self.layout is None:
            msg = "`sizes` of a rule says how merged axes of its `layout` split; got no layout."
            raise ArgumentValueError(msg)
        entries = checks.entries(self.index)
        slices = (self.index,) if entries is None else entries
        object.__setattr__(self, "index", tuple(_ends(entry) for entry in slices))

    def region(self, shape: tuple[int, ...]) -> Box | None:
        """Return the region of a tensor that is drawn, as the start and stop of each axis; None for all."""
        shape = checks.shape_of(shape)
        if not self.index:
            return None
        pairs = cast("tuple[tuple[int | None, int | None], ...]", self.index)
        if len(pairs) > len(shape):
            msg = f"`index` has {len(pairs)} slices, and the tensor {len(shape)} axes."
            raise ArgumentValueError(msg)
        axes = list(zip(pairs, shape, strict=False))
        spans = [slice(*ends).indices(size)[:2] for ends, size in axes]
        is_inside = all(-size <= (end or 0) <= size for ends, size in axes for end in ends)
        if not is_inside or any(stop <= start for start, stop in spans):
            msg = f"`index` must be inside of shape {shape} and not empty, got {shown(pairs)}."
            raise ArgumentValueError(msg)
        return (*spans, *((0, size) for size in shape[len(spans) :]))

    def matches(self, record: Record) -> bool:
        """Whether every condition that is given holds for a record."""
        check_record(record)
        words = ((self.kind, record.kind), (self.role, record.role), (self.place, record.place))
        if any(allowed and value not in allowed for allowed, value in words):
            return False
        for patterns, values in ((self.name, (record.name,)), (self.path, (record.path, *record.ties))):
            if patterns and not any(matches(pattern, text) for pattern in patterns for text in values):
                return False
        if self.block and record.block not in cast("tuple[int, ...]", self.block):
            return False
        facts = (
            (self.shape, record.shape),
            (self.depthwise, record.depthwise),
            (self.fused, bool(record.parts)),
        )
        if any(allowed is not None and allowed != value for allowed, value in facts):
            return False
        return self.predicate is None or self._predicate_holds(self.predicate, record)

    def _predicate_holds(self, predicate: Callable[[Record], bool], record: Record) -> bool:
        try:
            return bool(predicate(record))
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            msg = f"`predicate` of the rule ({self}) failed on {record.path!r}: {failure}."
            raise ArgumentValueError(msg) from error

    def fans_of(self, record: Record) -> Fans:
        """Return the fans that the rule gives to a record."""
        check_record(record)
        return FANS_BY_CONVENTION[self.fans](record) if isinstance(self.fans, str) else self.fans

    def __str__(self) -> str:
        """Return the conditions in a few words."""
        conditions = []
        for field in ("kind", "role", "place", "name", "path", "block"):
            values = getattr(self, field)
            if values:
                conditions.append(f"{field} {' or '.join(map(repr, values))}")
        for field in ("shape", "depthwise", "fused"):
            value = getattr(self, field)
            if value is not None:
                conditions.append(f"{field} {value!r}")
        if self.predicate is not None:
            conditions.append(f"predicate {getattr(self.predicate, '__name__', 'function')}")
        return ", ".join(conditions) or "any parameter"


def _ends(entry: Any) -> tuple[int | None, int | None]:  # noqa: ANN401  # a slice, or a pair
    """Return the start and the stop of a slice of consecutive positions."""
    ends = checks.entries(entry) or ()
    if isinstance(entry, slice) and (entry.step is None or checks.integer(entry.step) == 1):
        ends = (entry.start, entry.stop)
    if len(ends) != 2:  # noqa: PLR2004  # a pair
        msg = (
            f"`index` of a rule must have slices without a step, or (start, stop) pairs, got {shown(entry)}."
        )
        raise ArgumentTypeError(msg)
    start, stop = (end if end is None else checks.integer(end) for end in ends)
    if (start is None) != (ends[0] is None) or (stop is None) != (ends[1] is None):
        msg = f"`index` of a rule must have integers or None as ends, got {shown(entry)}."
        raise ArgumentTypeError(msg)
    return start, stop


def _labelled(value: Any) -> tuple[tuple[str, Initializer], ...]:  # noqa: ANN401  # pairs or a mapping
    pairs = checks.pairs(value)
    if pairs is None:
        msg = f"`parts` must be (label, Initializer) pairs or a mapping, got {shown(value)}."
        raise ArgumentTypeError(msg)
    specs: dict[str, Initializer] = {}
    for label, spec in pairs:
        word = checks.text("parts", label)
        if not isinstance(spec, Initializer):
            msg = f"`parts` must give an Initializer a label, got {shown(spec)} for {word!r}."
            raise ArgumentTypeError(msg)
        specs[word] = spec
    return tuple(specs.items())


def check_record(record: object) -> None:
    """Refuse what is no record."""
    if not isinstance(record, Record):
        msg = f"`record` must be a Record, such as inspect(model) lists, got {shown(record)}."
        raise ArgumentTypeError(msg)
