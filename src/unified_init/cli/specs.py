"""The commands about one initializer: ``explain``, ``draw`` and ``names``."""

# No `from __future__ import annotations`: typer evaluates the annotations of a command.

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import unified_init as ui
from unified_init.checkpoints import safetensors_files
from unified_init.cli import naming, options, output
from unified_init.cli.spec_words import shape_of, sizes_of, spec_of
from unified_init.errors import ArgumentValueError
from unified_init.interop.native_calls import native_calls
from unified_init.law.layout import bind
from unified_init.stream.dtypes import DTYPES, dtype_of

if TYPE_CHECKING:
    import typer

__all__ = ["add", "check_file"]

NUMBERS = ("mean", "std", "low", "high", "fan_in", "fan_out")
BY_NUMPY = frozenset(name for name, dtype in DTYPES.items() if dtype.numpy.isbuiltin == 1)  # 2: by ml_dtypes


def add(app: "typer.Typer") -> None:
    """Add the commands to an application."""
    for register in (_add_explain, _add_draw, _add_names):
        register(app)


def _add_explain(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    spec_argument = options.spec_argument()
    sizes_option = options.sizes_option()
    json_option = options.json_option()

    @app.command(epilog=output.examples("unified-init explain he_normal 64,3,7,7 OIHW"))
    def explain(
        spec: Annotated[str, spec_argument],
        shape: Annotated[str, typer.Argument(help="Such as 64,3,7,7.")],
        layout: Annotated[str | None, typer.Argument(help="A letter per axis, such as OIHW.")] = None,
        *,
        sizes: Annotated[list[str] | None, sizes_option] = None,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Say what an initializer does to a shape: fans, std, bounds, and each framework's own call."""
        with output.errors(source="SPEC", shape="SHAPE", layout="LAYOUT", sizes="--sizes"):
            initializer, extent, merged = spec_of(spec), shape_of(shape), sizes_of(sizes or [])
            text = initializer.explain(extent, layout=layout, sizes=merged)
            law = initializer.resolve(extent, layout=layout, sizes=merged)
            tree = {
                "spec": json.loads(ui.to_json(initializer)),
                "shape": list(extent),
                "layout": layout,
                "sizes": merged,
                "law": {"kind": law.kind, **{name: _number(getattr(law, name)) for name in NUMBERS}},
                "calls": native_calls(initializer, bind(extent, layout, merged), law),
            }
            output.show(text, tree, as_json=as_json)


def _number(value: float | None) -> float | str | None:
    """Return a number as JSON has it; infinities and NaN as text, as in a spec's own JSON."""
    return value if value is None or math.isfinite(value) else str(value)


def _add_draw(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    spec_argument = options.spec_argument()
    sizes_option = options.sizes_option()
    seed_option = options.seed_option()
    json_option = options.json_option()

    @app.command(
        epilog=output.examples("unified-init draw he_normal 64,3,7,7 OIHW --seed 0 --name conv1 --out w.npy")
    )
    def draw(
        spec: Annotated[str, spec_argument],
        shape: Annotated[str, typer.Argument(help="Such as 64,3,7,7.")],
        layout: Annotated[str | None, typer.Argument(help="A letter per axis, such as OIHW.")] = None,
        *,
        out: Annotated[Path, typer.Option(help="The file to write: .npy or .safetensors.")],
        seed: Annotated[int, seed_option] = 0,
        name: Annotated[str, typer.Option(help="The name of the parameter, which picks its stream.")] = "",
        sizes: Annotated[list[str] | None, sizes_option] = None,
        dtype: Annotated[str, typer.Option(help="Such as bfloat16.")] = "float32",
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Draw one tensor into a file, and print its digest. A safetensors file has it under its name."""
        with output.errors(
            source="SPEC", shape="SHAPE", layout="LAYOUT", sizes="--sizes", dtype="--dtype", name="--name"
        ):
            extent, merged = shape_of(shape), sizes_of(sizes or [])
            check_file(out, dtype)
            array = ui.draw(
                spec_of(spec), extent, seed=seed, name=name, layout=layout, sizes=merged, dtype=dtype,
                backend="numpy",
            )  # fmt: skip
            _write(out, name or "tensor", array)
            digest = ui.digest(array, layout=layout, sizes=merged)
            tree = {
                "file": str(out), "shape": list(extent), "dtype": dtype_of(dtype).name, "seed": seed,
                "name": name, "digest": digest,
            }  # fmt: skip
            output.show(f"{out}: {extent}, {tree['dtype']}, SHA-256 {digest}", tree, as_json=as_json)


def check_file(path: Path, dtype: str) -> None:
    """Refuse a file that could not hold the type, before anything is drawn."""
    if path.suffix not in {".npy", ".safetensors"}:
        msg = f"`--out` must end in .npy or .safetensors, got {str(path)!r}."
        raise ArgumentValueError(msg)
    name = dtype_of(dtype).name
    if path.suffix == ".npy" and name not in BY_NUMPY:
        msg = f"`--out` must end in .safetensors for {name}, which a .npy file cannot hold."
        raise ArgumentValueError(msg)
    if path.suffix == ".safetensors":
        safetensors_files.itemsize(name)


def _write(path: Path, name: str, array: Any) -> None:  # noqa: ANN401  # of NumPy, which is imported on demand
    """Write a file; a reader sees what was there before, or all of it."""
    import numpy as np  # noqa: PLC0415  # as above

    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # a .part is that of an interrupted `save`
    try:
        with part.open("wb") as file:
            if path.suffix == ".npy":
                np.save(file, array)
            else:
                entries = safetensors_files.ordered({name: (array.shape, dtype_of(array.dtype).name)})
                file.write(safetensors_files.header_of(entries, {}))
                file.write(np.ascontiguousarray(array).tobytes())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _add_names(app: "typer.Typer") -> None:
    import typer  # the extra `cli`

    json_option = options.json_option()

    @app.command(epilog=output.examples("unified-init names kaiming_normal_"))
    def names(
        word: Annotated[
            str, typer.Argument(help="A name of PyTorch, Keras, JAX, Flax, ... or of this library.")
        ],
        *,
        as_json: Annotated[bool, json_option] = False,
    ) -> None:
        """Say which initializer here is another framework's, and what differs under the same name."""
        with output.errors():
            rows = naming.rows_of(word)
            tree = [dict(zip(("theirs", "ours", "note"), row, strict=True)) for row in rows]
            output.show(naming.text_of(rows), tree, as_json=as_json)
