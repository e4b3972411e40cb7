"""The command line: ``unified-init demo`` draws GPT-2 small in every installed backend and compares.

It needs the extra ``cli`` (typer and rich), which is imported when a command runs. The functions that
measure and compare need neither.
"""

import dataclasses
import functools
import hashlib
import importlib.resources
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import unified_init as ui
from unified_init.errors import ArgumentValueError
from unified_init.stream.host import NUMBA_FROM

if TYPE_CHECKING:
    import typer

__all__ = [
    "Inventory",
    "Outcome",
    "Parameter",
    "application",
    "differing",
    "load",
    "main",
    "measure",
    "start",
]

MODEL = "gpt2_small.json"
BACKENDS = ("numpy", "torch", "tensorflow", "jax")
START = NUMBA_FROM  # values of a first draw: so many that the fastest runner is loaded too
INSTALL = 'pip install "unified-init[{extras}]"'


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a model: what ``draw`` needs to know of it."""

    name: str
    shape: tuple[int, ...]
    layout: str
    spec: ui.Initializer

    @property
    def size(self) -> int:
        """Number of values."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """The parameters of one model, in order."""

    model: str
    parameters: tuple[Parameter, ...]

    @property
    def size(self) -> int:
        """Number of values of all parameters together."""
        return sum(parameter.size for parameter in self.parameters)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What one backend did: the seconds that drawing took, and a digest a parameter."""

    backend: str
    seconds: float
    digests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the parameters, in order."""
        return hashlib.sha256("".join(self.digests).encode("ascii")).hexdigest()


def load(path: Path | None = None) -> Inventory:
    """Read an inventory, by default that of GPT-2 small.

    Args:
        path: a JSON file of the form of ``examples/gpt2_small.json``.

    Raises:
        ArgumentValueError: the file is no such inventory, or is meant for another stream.

    Example:
        >>> inventory = load()
        >>> inventory.model, len(inventory.parameters), inventory.size
        ('gpt2', 148, 124439808)
    """
    try:
        tree = json.loads(_default_text() if path is None else path.read_text(encoding="utf-8"))
        stream = tree["stream"]
        parameters = tuple(
            Parameter(
                name=record["name"],
                shape=tuple(record["shape"]),
                layout=record["layout"],
                spec=ui.from_json(json.dumps(record["spec"])),
            )
            for record in tree["parameters"]
        )
        inventory = Inventory(tree["model"], parameters)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        msg = (
            "The inventory must be a JSON object with `model`, `stream` and `parameters`, each of them with "
            f"`name`, `shape`, `layout` and `spec`, as in examples/{MODEL}; "
            f"got {MODEL if path is None else str(path)!r}: {type(error).__name__}: {error}."
        )
        raise ArgumentValueError(msg) from error
    if stream != ui.STREAM:
        msg = f"The inventory must be for the stream {ui.STREAM!r} of this release, got {stream!r}."
        raise ArgumentValueError(msg)
    if not inventory.parameters:
        msg = f"The inventory must have at least one parameter, got none in {str(path)!r}."
        raise ArgumentValueError(msg)
    return inventory


def _default_text() -> str:
    """The inventory of GPT-2 small: inside the package, or beside it in a working tree."""
    inside = importlib.resources.files("unified_init") / "examples" / MODEL
    beside = Path(__file__).parents[2] / "examples" / MODEL
    return (inside if inside.is_file() else beside).read_text(encoding="utf-8")


def start(backend: str) -> float:
    """Import a backend, make it draw once, and return the seconds that this took."""
    started = time.perf_counter()
    _wait(ui.draw(ui.normal(0.0, 1.0), (START,), seed=0, name="start-up", backend=backend))
    return time.perf_counter() - started


def measure(
    inventory: Inventory,
    backend: str,
    *,
    seed: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Outcome:
    """Draw every parameter in one backend, one at a time in memory.

    The clock runs while drawing, not for the digests; `start` keeps imports out of it.

    Args:
        inventory: what to draw.
        backend: where.
        seed: the seed of all parameters; each is drawn under its own name.
        advance: is called after each parameter with its number of values.

    Returns:
        The time and the digests.
    """
    seconds = 0.0
    digests = []
    for parameter in inventory.parameters:
        started = time.perf_counter()
        array = ui.draw(
            parameter.spec,
            parameter.shape,
            seed=seed,
            name=parameter.name,
            layout=parameter.layout,
            backend=backend,
        )
        _wait(array)
        seconds += time.perf_counter() - started
        digests.append(ui.digest(array, layout=parameter.layout))
        del array  # before the next one is drawn
        advance(parameter.size)
    return Outcome(backend, seconds, tuple(digests))


def _wait(array: object) -> None:
    """Wait until an array is there, where the framework answers before it is (JAX)."""
    ready: Callable[[], Any] | None = getattr(array, "block_until_ready", None)
    if ready is not None:
        ready()


def differing(inventory: Inventory, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the names of the parameters whose digests are not the same in all outcomes."""
    columns = zip(*(outcome.digests for outcome in outcomes), strict=True)
    pairs = zip(inventory.parameters, columns, strict=True)
    return tuple(parameter.name for parameter, digests in pairs if len(set(digests)) > 1)


def missing_message(installed: Sequence[str]) -> str | None:
    """Say which backends are not installed and how to add them, or None if all are."""
    missing = [name for name in BACKENDS if name not in installed]
    if not missing:
        return None
    return f"Not installed: {', '.join(missing)}. To add: {INSTALL.format(extras=','.join(missing))}"


def verdict(inventory: Inventory, outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """Return the closing line and whether the backends agree."""
    what = f"{len(inventory.parameters)} tensors, {inventory.size:,} values"
    names = ", ".join(outcome.backend for outcome in outcomes)
    odd = differing(inventory, outcomes)
    if odd:
        more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""  # noqa: PLR2004  # enough to start with
        return f"DISAGREE: {len(odd)} of {what} differ between {names}: {', '.join(odd[:3])}{more}", False
    if len(outcomes) == 1:
        return f"Nothing to compare: {what} in 1 backend ({names})", True
    return f"All agree, bit for bit: {what}, the same in {len(outcomes)} backends ({names})", True


def _select(requested: Sequence[str], installed: Sequence[str]) -> list[str]:
    """Return the backends to run, in their usual order.

    Raises:
        ArgumentValueError: one of those requested is unknown or not installed.
    """
    for name in requested:
        if name not in BACKENDS:
            msg = f"`--backend` must be one of {', '.join(BACKENDS)}, got {name!r}."
            raise ArgumentValueError(msg)
        if name not in installed:
            msg = f"`--backend {name}` is not installed. To add it: {INSTALL.format(extras=name)}"
            raise ArgumentValueError(msg)
    return [name for name in installed if not requested or name in requested]


def _demo(inventory: Inventory, backends: Sequence[str], *, seed: int) -> list[Outcome]:
    """Measure all backends behind a progress bar and print the table of times."""
    from rich.console import Console  # noqa: PLC0415  # the extra `cli`
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("backend", title=f"{inventory.model}, seed {seed}")
    for heading in ("start-up", "drawing", "values a second"):
        table.add_column(heading, justify="right")
    table.add_column("SHA-256")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # What frameworks say on standard error when they are imported shall not break the bar.
    startups = {backend: start(backend) for backend in backends}
    outcomes = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for backend in backends:
            task = progress.add_task(backend, total=inventory.size)
            advance = functools.partial(progress.advance, task)
            outcome = measure(inventory, backend, seed=seed, advance=advance)
            outcomes.append(outcome)
            table.add_row(
                backend,
                f"{startups[backend]:.2f} s",
                f"{outcome.seconds:.2f} s",
                f"{inventory.size / outcome.seconds / 1e6:,.1f} million",
                f"{outcome.digest[:16]}...",
            )
    Console().print(table)
    return outcomes


def application() -> "typer.Typer":
    """Return the command line as a typer application.

    Raises:
        ModuleNotFoundError: the extra ``cli`` is not installed.
    """
    import typer  # noqa: PLC0415  # the extra `cli`

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        help="The same initial weights, to the bit, in NumPy, PyTorch, TensorFlow and JAX.",
    )

    def print_version(value: bool) -> None:  # noqa: FBT001  # typer's signature
        if value:
            typer.echo(f"unified-init {ui.__version__}")
            raise typer.Exit

    version_option = typer.Option(
        "--version", callback=print_version, is_eager=True, help="Print the version and exit."
    )

    @app.callback()
    def common(*, version: Annotated[bool, version_option] = False) -> None:
        """Take the options that stand before a command."""

    @app.command()
    def demo(
        *,
        seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="The seed of every parameter.")] = 0,
        backend: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME", help=f"Of {', '.join(BACKENDS)}; repeatable. All installed ones."),
        ] = None,
        path: Annotated[
            Path | None,
            typer.Option(
                "--json", exists=True, dir_okay=False, help="An inventory in place of that of GPT-2 small."
            ),
        ] = None,
    ) -> None:
        """Draw all parameters of GPT-2 small in every installed backend and compare them bit for bit."""
        installed = ui.backends()
        try:
            inventory = load(path)
            outcomes = _demo(inventory, _select(backend or (), installed), seed=seed)
        except ui.UnifiedInitError as error:
            typer.echo(error, err=True)
            raise typer.Exit(2) from error
        line, agree = verdict(inventory, outcomes)
        typer.echo(line)
        if agree:
            typer.echo(f"SHA-256 over the digests of all tensors: {outcomes[0].digest}")
        if (note := missing_message(installed)) is not None:
            typer.echo(note)
        if not agree:
            raise typer.Exit(1)

    return app


def main() -> None:
    """Run the command line, or say how to install it."""
    try:
        app = application()
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write(f"unified-init needs typer and rich to run: {INSTALL.format(extras='cli')}\n")
        sys.exit(1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # only the errors of TensorFlow
    app()
