"""The command line: one file per kind of command, each of which adds its commands to one typer application.

``specs`` explains and draws single initializers, ``models`` looks at models, ``weights`` writes and proves
files, ``demo`` and ``parity`` compare backends. ``sources`` turns the words of a command into a model or a
recipe, ``spec_words`` into a spec. ``options`` has the options of several commands, ``output`` what is the
same in all: ``--json`` prints one JSON document on standard output; an error of ours, also about an option
that would have no effect, is one line on standard error and exit status 2; a negative verdict is exit
status 1.

It needs the extra ``cli`` (typer and rich), which is imported when a command runs; ``audit`` and ``parity``
need ``testing`` (SciPy) too.
"""

# No `from __future__ import annotations`: typer evaluates the annotations of a command, and those below
# name local variables, which it could not reach from a string.

import os
import sys
from typing import TYPE_CHECKING, Annotated

import unified_init as ui
from unified_init.cli import demo, models, parity, specs, weights
from unified_init.parity.demo import INSTALL
from unified_init.stream import host

if TYPE_CHECKING:
    import typer

__all__ = ["application", "main"]


def application() -> "typer.Typer":
    """Return the command line as a typer application.

    Raises:
        ModuleNotFoundError: the extra ``cli`` is not installed.
    """
    import typer  # the extra `cli`

    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # a traceback of Python's can be reported as it is
        rich_markup_mode=None,  # an example is shown as it is typed
        help="The same initial weights, to the bit, in NumPy, PyTorch, TensorFlow and JAX.",
    )

    def print_version(value: bool) -> None:  # noqa: FBT001  # typer's signature
        if value:
            typer.echo(f"unified-init {ui.__version__} ({host.runner_name()})")
            raise typer.Exit

    version_option = typer.Option(
        "--version", callback=print_version, is_eager=True, help="Print the version and exit."
    )

    @app.callback()
    def common(*, version: Annotated[bool, version_option] = False) -> None:
        """Take the options before a command."""

    for room in (specs, models, weights, demo, parity):
        room.add(app)
    return app


def main(name: str = "unified-init") -> None:
    """Run the command line, or say how to install it; ``name`` is how it was called."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # only the errors of TensorFlow
    try:
        import rich  # noqa: F401  # typer has it, but may do without

        app = application()
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write(f"unified-init needs typer and rich to run: {INSTALL.format(extras='cli')}\n")
        sys.exit(2)
    app(prog_name=name)
