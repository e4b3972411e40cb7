"""Draws inside the user's own compiled programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.drawing.eager import program_of
from unified_init.parity.variants import DEFAULTS, Variant, draw, reference
from unified_init.testing.bits import differing
from unified_init.testing.cases import ELEMENTWISE

SHAPE = (24, 3, 5, 7)
OPTIONS: dict[str, Any] = {"layout": "OIHW", "name": "conv/kernel"}
SPECS = {
    "he_normal": ui.he_normal(),
    "normal": ui.normal(0.25, 0.02),
    "uniform": ui.uniform(-0.3, 1.7),
    "asymmetric": ui.truncated_normal(0.5, 0.1, -1.0, 3.0),
    "negated": -ui.truncated_normal(0.5, 0.1, -1.0, 3.0),
    "sum": ui.he_normal() - ui.normal(0.25, 0.02) + 0.1 - 0.7,
    "product": ui.along("I", [1.0, 0.3, 0.1]) * ui.normal(0.25, 0.02),
    "product and sum": ui.along("OI", [[1.0, 0.3, 0.1]] * 24) * ui.normal(0.0, 1.0) + ui.normal(1.0, 0.01),
}


def inputs() -> list[Any]:
    """Scalars and a tensor that follow a draw in a program."""
    rng = np.random.default_rng(1)
    return [np.float32(1.2345), np.float32(0.333), np.float32(7.7), rng.normal(size=SHAPE).astype(np.float32)]


@pytest.mark.needs("jax")
@pytest.mark.parametrize("name", SPECS)
def test_a_jitted_draw_is_the_eager_one_whatever_follows_it(name: str) -> None:
    """In jax.jit, draw and what follows equal the draw and the same program on a finished draw."""
    import jax

    def after(w: Any, a: Any, b: Any, c: Any, v: Any) -> Any:
        return w * a + b, w + v, w * c, w + 0.3

    def program(key: Any, *rest: Any) -> Any:
        w = ui.draw(SPECS[name], SHAPE, seed=key, **OPTIONS)
        return w, after(w, *rest)

    w, results = jax.jit(program)(jax.random.key(7), *inputs())
    assert differing(np.asarray(w), reference(SPECS[name], SHAPE, seed=7, **OPTIONS)) == 0
    for result, expected in zip(results, jax.jit(after)(w, *inputs()), strict=True):
        assert differing(np.asarray(result), np.asarray(expected)) == 0


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("xla", [False, True], ids=["function", "xla"])
@pytest.mark.parametrize("name", SPECS)
def test_a_tf_function_draw_is_the_eager_one_whatever_follows_it(name: str, *, xla: bool) -> None:
    """In tf.function, with and without XLA, the same."""
    import tensorflow as tf

    def after(w: Any, a: Any, b: Any, c: Any, v: Any) -> Any:
        return w * a + b, w + v, w * c, w + 0.3

    def program(*rest: Any) -> Any:
        w = ui.draw(SPECS[name], SHAPE, seed=7, backend="tensorflow", **OPTIONS)
        return w, after(w, *rest)

    tensors = [tf.constant(x) for x in inputs()]
    w, results = tf.function(program, jit_compile=xla)(*tensors)
    assert differing(w.numpy(), reference(SPECS[name], SHAPE, seed=7, **OPTIONS)) == 0
    for result, expected in zip(results, tf.function(after, jit_compile=xla)(w, *tensors), strict=True):
        assert differing(result.numpy(), expected.numpy()) == 0


HALF = ui.normal(0.0, 0.5)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("fullgraph", [True, False], ids=["one graph", "breaks allowed"])
def test_a_torch_compiled_draw_of_symbolic_lengths_is_the_eager_one(
    fullgraph: bool,  # noqa: FBT001  # as torch.compile takes it
) -> None:
    """With a slice, a device by name, and floats of a spec, which Dynamo would make symbols of."""
    import torch

    def drawn(x: Any) -> Any:
        options: dict[str, Any] = {"seed": 7, "name": "w", "layout": "OI", "backend": "torch"}
        part = ui.draw(HALF, x.shape, index=(slice(1, 3), slice(0, 2)), device="cpu", **options)
        return x * 0 + ui.draw(ui.he_normal() * 0.3, x.shape, **options), part

    torch.compiler.reset()
    compiled = torch.compile(drawn, fullgraph=fullgraph, dynamic=True)
    for length in (4, 5, 9):
        whole, part = compiled(torch.ones(length, 3))
        expected = reference(ui.he_normal() * 0.3, (length, 3), seed=7, name="w", layout="OI")
        assert differing(whole.numpy(), expected) == 0
        expected = reference(HALF, (length, 3), seed=7, name="w", layout="OI")[1:3, :2]
        assert differing(np.ascontiguousarray(part.numpy()), np.ascontiguousarray(expected)) == 0


@pytest.mark.needs("torch")
def test_a_torch_compiled_draw_is_the_eager_one() -> None:
    """In torch.compile a draw is one node of the whole graph, for any seed, type and slice."""
    import torch

    def program(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        w = ui.draw(ui.he_normal(), SHAPE, seed=7, backend="torch", **OPTIONS)
        v = ui.draw(
            ui.normal(0.0, 0.02), (40, 9), seed=2**64 - 1, name="v", backend="torch", dtype=torch.bfloat16,
            index=(slice(1, None, 2), -1),
        )  # fmt: skip
        return w, v, w * x, ui.draw(ui.orthogonal(), (5, 7), seed=1, backend="torch")

    w, v, scaled, q = torch.compile(program, fullgraph=True)(torch.tensor(2.0))
    expected = reference(ui.he_normal(), SHAPE, seed=7, **OPTIONS)
    assert differing(w.numpy(), expected) == 0
    assert differing(scaled.numpy(), 2 * expected) == 0
    part = reference(ui.normal(0.0, 0.02), (40, 9), seed=2**64 - 1, name="v", dtype="bfloat16",
                     index=(slice(1, None, 2), -1))  # fmt: skip
    assert differing(v.view(torch.int16).numpy(), part.view(np.int16)) == 0
    assert differing(q.numpy(), reference(ui.orthogonal(), (5, 7), seed=1)) == 0


@pytest.mark.needs("jax")
def test_a_vmapped_draw_is_one_draw_a_key() -> None:
    """jax.vmap over keys gives what each key gives alone, jitted and not."""
    import jax

    keys = jax.random.split(jax.random.key(7), 3)

    def one(key: Any) -> Any:
        return ui.draw(ui.he_normal(), SHAPE, seed=key, **OPTIONS)

    for mapped in (jax.vmap(one), jax.jit(jax.vmap(one))):
        rows = np.asarray(mapped(keys))
        for row, key in zip(rows, keys, strict=True):
            assert differing(row, np.asarray(one(key))) == 0


@pytest.mark.needs("jax")
def test_a_jitted_draw_takes_an_int_seed() -> None:
    """An int seed inside jax.jit is the same stream, and does not become a constant of the program."""
    import jax

    jitted = jax.jit(lambda: ui.draw(ui.he_normal(), SHAPE, seed=7, backend="jax", **OPTIONS))
    assert differing(np.asarray(jitted()), reference(ui.he_normal(), SHAPE, seed=7, **OPTIONS)) == 0
    assert "threefry" not in str(jax.make_jaxpr(jitted)())
    assert str(SHAPE[0]) in str(jax.make_jaxpr(jitted)().jaxpr.eqns[0].params["jaxpr"])


@pytest.mark.needs("tensorflow")
def test_a_traced_generator_is_the_eager_one() -> None:
    """A tf.random.Generator inside tf.function gives the seed that it gives outside."""
    import tensorflow as tf

    def program(generator: Any) -> Any:
        return ui.draw(ui.he_normal(), SHAPE, seed=generator, backend="tensorflow", **OPTIONS)

    generator = tf.random.Generator.from_seed(3)
    traced = tf.function(lambda: program(generator))()
    assert differing(traced.numpy(), program(tf.random.Generator.from_seed(3)).numpy()) == 0


@pytest.mark.needs("jax")
def test_a_jitted_orthogonal_draw_agrees_to_a_tolerance() -> None:
    """Inside jax.jit, with a traced key, an orthogonal draw is the host's to 1e-5."""
    import jax

    expected = ui.draw(ui.orthogonal(), (130, 70), seed=7)
    jitted = jax.jit(lambda key: ui.draw(ui.orthogonal(), (130, 70), seed=key))(jax.random.key(7))
    assert np.abs(np.asarray(jitted) - expected).max() <= 1e-5


@pytest.mark.needs("tensorflow")
def test_an_orthogonal_draw_under_xla_agrees_to_a_tolerance() -> None:
    """Compiled with tf.function, an orthogonal draw is the host's to 1e-5."""
    import tensorflow as tf

    expected = ui.draw(ui.orthogonal(), (130, 70), seed=7)
    xla = tf.function(
        lambda: ui.draw(ui.orthogonal(), (130, 70), seed=7, backend="tensorflow"), jit_compile=True
    )()
    assert np.abs(xla.numpy() - expected).max() <= 1e-5


X64 = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
import unified_init as ui
for spec in (ui.normal(0.1, 0.5), ui.uniform(-0.3, 1.7), ui.truncated_normal(0.5, 0.1, -1.0, 3.0)):
    for dtype in ("float32", "bfloat16", "float64"):
        for seed in (3, 2**32 + 5, 2**63 + 1, 2**64 - 1):
            w = ui.draw(spec, (7, 30), seed=seed, name="w", dtype=dtype)
            for device in (None, jax.sharding.SingleDeviceSharding(jax.devices()[0])):
                v = ui.draw(spec, (7, 30), seed=seed, name="w", dtype=dtype, backend="jax", device=device)
                assert v.dtype == w.dtype and np.asarray(v).tobytes() == w.tobytes(), (spec, dtype, seed)
specs = (ui.normal(0.0, 1.0), ui.he_normal(), ui.he_uniform(), ui.uniform(-1.0, 2.0), ui.constant(0.1 - 2j))
for dtype in ("complex64", "complex128"):
    for spec in (*specs, ui.orthogonal()):
        options = {"seed": 3, "layout": "OI", "dtype": dtype}
        w = ui.draw(spec, (7, 30), **options)
        v = jax.jit(lambda: ui.draw(spec, (7, 30), backend="jax", **options))()
        if spec == ui.orthogonal():
            assert np.abs(np.asarray(v) - w).max() <= 1e-5
        else:
            assert np.asarray(v).tobytes() == w.tobytes(), (spec, dtype)
print("agreed")
"""


@pytest.mark.needs("jax")
def test_jax_with_64_bit_types_has_the_same_bits() -> None:
    """With x64 on, eager and compiled, float32 and float64 draws are NumPy's."""
    run = subprocess.run([sys.executable, "-c", X64], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "agreed"), run.stderr


SHARDS = """
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
jax.config.update("jax_default_prng_impl", "rbg")
import unified_init as ui
mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("x", "y"))
w = ui.draw(ui.he_normal(), (64, 48), layout="OI", seed=3, name="w")
for spec in (P("x", "y"), P("y"), P(None, "x"), P(("x", "y"))):
    v = ui.draw(ui.he_normal(), (64, 48), layout="OI", seed=3, name="w", backend="jax",
                device=NamedSharding(mesh, spec))
    assert v.sharding.spec == spec and len({str(s.index) for s in v.addressable_shards}) > 1
    assert np.asarray(v).tobytes() == w.tobytes()
q = ui.draw(ui.orthogonal(), (64, 48), seed=3, backend="jax", device=NamedSharding(mesh, P("x")))
assert np.abs(np.asarray(q) - ui.draw(ui.orthogonal(), (64, 48), seed=3)).max() <= 1e-5
print("agreed")
"""


@pytest.mark.needs("jax")
def test_sharded_draws_have_the_same_bits() -> None:
    """On 8 devices and several partitions, under another default generator, nothing changes."""
    run = subprocess.run(
        [sys.executable, "-c", SHARDS], capture_output=True, text=True, check=False,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"},
    )  # fmt: skip
    assert (run.returncode, run.stdout.strip()) == (0, "agreed"), run.stderr


@pytest.mark.needs("jax")
def test_one_compilation_serves_every_preset_of_a_shape() -> None:
    """Key, table and power of two are arguments: all presets compile six times.

    Those are two lengths of tables and a line; rows in units of their own; two and three or four values.
    """
    from unified_init.backends import registry

    jax_adapter: Any = registry.get("jax")
    before = jax_adapter.compiled._cache_size()
    for seed, (name, spec) in enumerate(ELEMENTWISE.items()):
        draw(Variant.JAX_JIT, spec, (7, 11, 13), seed=seed, name=name, layout="IOW")
    assert jax_adapter.compiled._cache_size() - before == 6


@pytest.mark.needs("tensorflow")
def test_one_trace_serves_every_preset_of_a_shape() -> None:
    """The same in TensorFlow, which has no line: one traced function, and five traces of it."""
    from unified_init.backends import registry

    tensorflow_adapter: Any = registry.get("tensorflow")
    program = program_of(ui.he_normal(), (7, 11, 13), **{**DEFAULTS, "layout": "IOW"})
    function = tensorflow_adapter.compiled(program.index, "float32", xla=True)
    for seed, (name, spec) in enumerate(ELEMENTWISE.items()):
        draw(Variant.TENSORFLOW_XLA, spec, (7, 11, 13), seed=seed, name=name, layout="IOW")
    assert function.experimental_get_tracing_count() == 5


@pytest.mark.needs("torch")
def test_bad_seeds_inside_torch_compile_are_refused() -> None:
    """A missing seed is no seed 0: the same error as outside, or that of a compiled draw."""
    import torch

    for seed in (None, True, 2**64, -1):

        def program(seed: Any = seed) -> Any:
            return ui.draw(ui.normal(0.0, 1.0), (3,), seed=seed, backend="torch")

        with refused(ui.UnifiedInitError):
            torch.compile(program)()


@pytest.mark.needs("torch")
def test_constants_and_devices_work_inside_torch_compile() -> None:
    """Specs made inside the program, constants too, and the backend that a device names."""
    import torch

    def program() -> Any:
        z = ui.draw(ui.zeros(), (3,), backend="torch")
        return (
            z,
            ui.draw(ui.ones(), (3,), device=torch.device("cpu")),
            ui.draw(ui.constant(0.5), (), backend="torch"),
        )

    zeros, ones, half = torch.compile(program, fullgraph=True)()
    assert (zeros.tolist(), ones.tolist(), half.item()) == ([0.0] * 3, [1.0] * 3, 0.5)


@pytest.mark.needs("jax")
def test_a_traced_bfloat16_draw_converts_no_float() -> None:
    """XLA spells that conversion out once more for each reader: compiling then takes minutes."""
    import jax

    def lowered(dtype: str) -> str:
        program = jax.jit(lambda key: ui.draw(SPECS["normal"], (96, 64), seed=key, name="w", dtype=dtype))
        text: str = program.lower(jax.random.key(0)).as_text()
        return text

    conversion = re.compile(r"convert .*\(tensor<96x64xf32>\) -> tensor<96x64x(bf16|f16)>")
    assert not conversion.search(lowered("bfloat16"))
    assert conversion.search(lowered("float16"))  # the pattern finds what it looks for
