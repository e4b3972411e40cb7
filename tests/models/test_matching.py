"""Matching twins: pairs by kind, shape, place and order; what stays undecided is said."""

from __future__ import annotations

from typing import Any

from tests.helpers.messages import refused

import unified_init as ui

BASE: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear", "role": "kernel", "layout": "OI"},
    "bias": {"kind": "linear", "role": "bias", "layout": "O"},
    "conv": {"kind": "conv", "role": "kernel", "layout": "OIHW"},
    "norm": {"kind": "batch_norm", "role": "scale", "layout": "O"},
}


def record(path: str, base: str, shape: tuple[int, ...], **fields: Any) -> ui.Record:
    """Return a record of one of the usual kinds."""
    return ui.Record(name=path, path=path, shape=shape, **(BASE[base] | fields))


def model(*records: ui.Record) -> ui.Inventory:
    """Return an inventory in the given order."""
    return ui.Inventory("torch", records)


def test_layouts_do_not_matter() -> None:
    """Extents are compared in logical order: (O, I) is (I, O), (d, h, e) is (d, h * e)."""
    a = model(record("q", "linear", (12, 8)), record("c", "conv", (4, 3, 5, 7)))
    b = model(
        record("kernel", "linear", (8, 3, 4), layout="IOO"), record("w", "conv", (5, 7, 3, 4), layout="HWIO")
    )
    assert dict(ui.match(a, b)) == {"kernel": "q", "w": "c"}


def test_equal_layers_are_paired_in_order() -> None:
    """The k-th of one is the k-th of the other."""
    a = model(*(record(f"a.{i}.w", "linear", (4, 4)) for i in range(3)))
    b = model(*(record(f"b.{i}.w", "linear", (4, 4)) for i in range(3)))
    found = ui.match(a, b)
    assert dict(found) == {f"b.{i}.w": f"a.{i}.w" for i in range(3)}
    assert str(found).splitlines()[0] == "b.0.w  a.0.w  by order of registration"


def test_places_come_before_order() -> None:
    """A shortcut that stands first in one model and last in the other is still the shortcut."""

    def block(*order: str) -> ui.Inventory:
        known = {
            "conv1": record("conv1.w", "conv", (8, 4, 3, 3)),
            "bn1": record("bn1.w", "norm", (8,)),
            "conv2": record("conv2.w", "conv", (8, 8, 3, 3)),
            "bn2": record("bn2.w", "norm", (8,)),
            "down": record("down.w", "conv", (8, 4, 1, 1), place="shortcut"),
            "bn3": record("bn3.w", "norm", (8,), place="shortcut"),
        }
        return model(*(known[name] for name in order))

    a = block("conv1", "bn1", "conv2", "bn2", "down", "bn3")
    b = block("down", "bn3", "conv1", "bn1", "conv2", "bn2")
    assert all(path == name for path, name in ui.match(a, b).items())


def test_an_order_that_the_weights_contradict_is_not_followed() -> None:
    """Without places the shortcut's normalization would be taken for the first; it follows its convolution."""
    a = model(
        record("conv1.w", "conv", (8, 4, 3, 3)), record("bn1.w", "norm", (8,)),
        record("down.w", "conv", (8, 4, 1, 1)), record("bn3.w", "norm", (8,)),
    )  # fmt: skip
    b = model(
        record("side.w", "conv", (8, 4, 1, 1)), record("p.w", "norm", (8,)),
        record("main.w", "conv", (8, 4, 3, 3)), record("q.w", "norm", (8,)),
    )  # fmt: skip
    names = ui.match(a, b)
    assert dict(names) == {"side.w": "down.w", "p.w": "bn3.w", "main.w": "conv1.w", "q.w": "bn1.w"}
    assert ("p.w", "bn3.w", "by the layers around it") in names.reasons


def test_an_order_that_the_weights_contradict_is_refused() -> None:
    """Where the normalizations do not stand beside their convolutions, nothing says which is which."""
    a = model(
        record("conv1.w", "conv", (8, 4, 3, 3)), record("down.w", "conv", (8, 4, 1, 1)),
        record("bn1.w", "norm", (8,)), record("bn3.w", "norm", (8,)),
    )  # fmt: skip
    b = model(
        record("side.w", "conv", (8, 4, 1, 1)), record("main.w", "conv", (8, 4, 3, 3)),
        record("p.w", "norm", (8,)), record("q.w", "norm", (8,)),
    )  # fmt: skip
    with refused(ui.ArgumentValueError):
        ui.match(a, b)
    settled = ui.match(a, b, given={"p": "bn3", "q": "bn1"})
    assert dict(settled) == {"side.w": "down.w", "main.w": "conv1.w", "p.w": "bn3.w", "q.w": "bn1.w"}


def test_a_shortcut_that_one_model_does_not_name_is_refused() -> None:
    """It may come before its branch or behind it: the order of two equal kernels says nothing then."""
    a = model(
        record("down.w", "conv", (8, 4, 1, 1), place="shortcut"), record("conv1.w", "conv", (8, 4, 1, 1))
    )
    b = model(record("main.w", "conv", (8, 4, 1, 1)), record("side.w", "conv", (8, 4, 1, 1)))
    with refused(ui.ArgumentValueError):
        ui.match(a, b)
    assert dict(ui.match(a, b, given={"side": "down"})) == {"side.w": "down.w", "main.w": "conv1.w"}


def test_equal_names_come_before_order() -> None:
    """Models that hold the same layers in another order, as JAX's sorted trees do."""
    names = ("zeta", "alpha", "mid")
    a = model(*(record(f"{name}.weight", "linear", (4, 4)) for name in names))
    b = model(*(record(f"{name}/kernel", "linear", (4, 4), layout="IO") for name in sorted(names)))
    found = ui.match(a, b)
    assert dict(found) == {f"{name}/kernel": f"{name}.weight" for name in names}
    assert {reason for _, _, reason in found.reasons} == {"by name"}


def test_numbers_are_in_the_order_of_numbers() -> None:
    """Ten comes after two, whatever a sorted tree makes of it."""
    a = model(*(record(f"layers.{at}.w", "linear", (4, 4)) for at in range(12)))
    b = model(*(record(f"Dense_{at}/w", "linear", (4, 4)) for at in sorted(range(12), key=str)))
    assert dict(ui.match(a, b)) == {f"Dense_{at}/w": f"layers.{at}.w" for at in range(12)}


def test_places_that_contradict_are_no_pair() -> None:
    """One layer without a place does not make the others forget theirs."""

    def layers(*known: tuple[str, str]) -> ui.Inventory:
        return model(*(record(path, "linear", (4, 4), place=place) for path, place in known))

    query, key, out = "attention.query", "attention.key", "attention.out"
    a = layers(("a.q", query), ("a.k", key), ("a.o", ""))
    b = layers(("b.wk", key), ("b.wq", query), ("b.wo", out))
    assert dict(ui.match(a, b)) == {"b.wq": "a.q", "b.wk": "a.k", "b.wo": "a.o"}
    c = layers(("c.x", query), ("c.y", query), ("c.o", ""))
    with refused(ui.ArgumentValueError):
        ui.match(a, c)


def test_sides_that_contradict_are_no_pair() -> None:
    """An encoder is no decoder, a second layer no other direction."""
    a = model(record("lstm.encoder.w", "linear", (4, 4)), record("lstm.other.w", "linear", (4, 4)))
    b = model(record("net.decoder.w", "linear", (4, 4)), record("net.last.w", "linear", (4, 4)))
    with refused(ui.ArgumentValueError):
        ui.match(a, b)
    twin = model(record("x.dec.w", "linear", (4, 4)), record("x.enc.w", "linear", (4, 4)))
    other = model(record("y.encoder.w", "linear", (4, 4)), record("y.decoder.w", "linear", (4, 4)))
    assert dict(ui.match(twin, other)) == {"y.encoder.w": "x.enc.w", "y.decoder.w": "x.dec.w"}


def test_different_numbers_are_refused() -> None:
    """A bias that one model has not; None says that it has no twin."""
    a = model(record("w", "linear", (4, 3)), record("b", "bias", (4,)))
    b = model(record("kernel", "linear", (3, 4), layout="IO"))
    with refused(ui.ArgumentValueError):
        ui.match(a, b)
    assert dict(ui.match(a, b, given={"b": None})) == {"kernel": "w"}


def test_given_must_name_something() -> None:
    """On the right side."""
    a, b = model(record("w", "linear", (4, 3))), model(record("v", "linear", (4, 3)))
    with refused(ui.ArgumentValueError):
        ui.match(a, b, given={"x": "w"})
    with refused(ui.ArgumentValueError):
        ui.match(a, b, given={"v": "weight"})


def test_given_must_pair_what_looks_alike() -> None:
    """And be a mapping of paths."""
    a = model(record("w", "linear", (4, 3)), record("b", "bias", (4,)))
    b = model(record("v", "linear", (4, 3)), record("c", "bias", (4,)))
    with refused(ui.ArgumentValueError):
        ui.match(a, b, given={"v": "b"})
    for given in (["v"], {"v": 3}):
        with refused(ui.ArgumentTypeError):
            ui.match(a, b, given=given)  # type: ignore[arg-type]  # wrong on purpose


def qkv(path: str) -> ui.Record:
    """Return a fused projection of width 4."""
    parts = tuple(
        ui.Part(label=label, length=4, path=path, box=((4 * at, 4 * at + 4), (0, 4)))
        for at, label in enumerate("qkv")
    )
    return record(path, "linear", (12, 4), axis=0, parts=parts, place="attention.qkv")


def apart() -> ui.Inventory:
    """Return the three projections as layers of their own."""
    return model(*(record(f"{name}_proj", "linear", (4, 4), place=f"attention.{name}") for name in NAMES))


NAMES = ("query", "key", "value")


def test_fused_and_separate_projections_are_twins() -> None:
    """Either way round; two fused matrices are one entry."""
    assert dict(ui.match(model(qkv("in")), apart())) == {f"{name}_proj": f"in/{name[0]}" for name in NAMES}
    assert dict(ui.match(apart(), model(qkv("in")))) == {f"in/{name[0]}": f"{name}_proj" for name in NAMES}
    assert dict(ui.match(model(qkv("in")), model(qkv("qkv.w")))) == {"qkv.w": "in"}


def test_fused_and_separate_twins_have_equal_bits() -> None:
    """The plan draws each part under the name of its twin."""
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.normal(0, 1)),))
    names = ui.match(apart(), model(qkv("in")))
    pieces = ui.plan(model(qkv("in")), recipe, names=names)["in"].pieces
    assert [piece.name for piece in pieces] == [f"{name}_proj" for name in NAMES]


def test_counters_have_no_twins() -> None:
    """PyTorch counts batches, others do not."""
    count = ui.Record(name="n", path="n", shape=(), kind="batch_norm", role="count", dtype="int64")
    a, b = model(record("w", "linear", (4, 3)), count), model(record("v", "linear", (4, 3)))
    assert dict(ui.match(a, b)) == {"v": "w"}


def test_tensors_without_axes_are_compared_by_size() -> None:
    """A parameter of unknown meaning has no layout."""
    free = {"kind": "parameter", "role": "parameter", "layout": None}
    a = model(record("x", "linear", (4, 3), **free), record("y", "linear", (5,), **free))
    b = model(record("v", "linear", (5,), **free), record("u", "linear", (12,), **free))
    assert dict(ui.match(a, b)) == {"v": "y", "u": "x"}


def test_places_pair_what_looks_alike_in_every_block() -> None:
    """By place, and in order within a place."""

    def layers(prefix: str, *places: str) -> list[ui.Record]:
        return [
            record(f"{prefix}{at}.{place[-3:]}", "linear", (4, 4), place=place)
            for at in range(2)
            for place in places
        ]

    a = model(*layers("a", "attention.query", "attention.out"))
    b = model(*layers("b", "attention.out", "attention.query"))
    found = ui.match(a, b)
    assert found["b1.ery"] == "a1.ery"
    assert {reason for _, _, reason in found.reasons} == {"by place and order of registration"}


def test_a_part_without_a_label_is_no_fusing() -> None:
    """A scale to which the forward pass adds 1 is the twin of one to which it adds nothing."""
    shifted = ui.Part(label="", length=4, path="norm.w", shift=1.0)
    norm = {"kind": "rms_norm", "role": "scale", "layout": "O"}
    a = model(record("norm.w", "norm", (4,), axis=0, parts=(shifted,), **norm))
    b = model(record("scale", "norm", (4,), **norm))
    assert dict(ui.match(a, b)) == {"scale": "norm.w"}
    assert dict(ui.match(b, a)) == {"norm.w": "scale"}


def test_a_feed_forward_layer_has_no_direction() -> None:
    """Its name has the word, and a decoder is no other direction."""
    a = model(record("x.feed_forward.w", "linear", (4, 4)), record("x.head.w", "linear", (4, 3)))
    b = model(record("y.decoder.mlp.w", "linear", (4, 4)), record("y.out.w", "linear", (4, 3)))
    assert dict(ui.match(a, b)) == {"y.decoder.mlp.w": "x.feed_forward.w", "y.out.w": "x.head.w"}


def normalized(prefix: str, *names: str) -> list[ui.Record]:
    """Return equally wide layers of a kernel and a bias each, all kernels listed first."""
    kernels = [record(f"{prefix}{name}.w", "linear", (4, 4)) for name in names]
    return [*kernels, *(record(f"{prefix}{name}.b", "bias", (4,)) for name in names)]


def test_tensors_of_a_layer_stay_together() -> None:
    """Whether a model lists all kernels first, or layer by layer."""
    a = model(*normalized("a.", "p", "q"))
    listed = normalized("b.", "r", "s")
    b = model(listed[0], listed[2], listed[1], listed[3])
    assert dict(ui.match(a, b)) == {"b.r.w": "a.p.w", "b.r.b": "a.p.b", "b.s.w": "a.q.w", "b.s.b": "a.q.b"}


def test_numbers_that_count_something_else_are_no_names() -> None:
    """A sequence with activations in it counts 0, 2, 4, and one without them 0, 1, 2."""
    a = model(*(record(f"layers.{index}.w", "linear", (4, 4)) for index in (0, 2, 4)))
    b = model(*(record(f"layers.{index}.w", "linear", (4, 4)) for index in (0, 1, 2)))
    assert dict(ui.match(a, b)) == {
        "layers.0.w": "layers.0.w",
        "layers.1.w": "layers.2.w",
        "layers.2.w": "layers.4.w",
    }


def test_one_more_layer_is_one_doubt() -> None:
    """The others are paired, and returned with it; a strict match refuses."""
    sizes = ((4, 4), (4, 4), (4, 8), (8, 4), (4, 4))
    a = model(*(record(f"a.{index}.w", "linear", size) for index, size in enumerate(sizes)))
    b = model(*(record(f"b.{index}.w", "linear", size) for index, size in enumerate(sizes[:4])))
    names = ui.match(a, b, strict=False)
    assert dict(names) == {f"b.{index}.w": f"a.{index}.w" for index in range(4)}
    assert names.doubts == (
        "'a.4' (linear of extents (4, 4)) of the first model has no counterpart, beside 2 like it in both",
    )
    assert str(names).endswith(f"undecided: {names.doubts[0]}")
    with refused(ui.ArgumentValueError):
        ui.match(a, b)


def test_given_may_name_layers() -> None:
    """With all their tensors, or None for a layer without a counterpart."""
    a, b = model(*normalized("a.", "p", "q")), model(*normalized("b.", "r", "s", "t"))
    names = ui.match(a, b, given={"b.r": "a.q", "b.s": None})
    assert dict(names) == {"b.r.w": "a.q.w", "b.r.b": "a.q.b", "b.t.w": "a.p.w", "b.t.b": "a.p.b"}


def test_strict_and_inputs_are_checked() -> None:
    """And an inventory cannot be run."""
    a = model(record("w", "linear", (4, 3)))
    with refused(ui.ArgumentTypeError):
        ui.match(a, a, strict=None)  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentTypeError):
        ui.match(a, a, inputs=[1])  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentTypeError):
        ui.match(a, a, inputs=(1, 1))
