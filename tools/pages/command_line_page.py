"""docs/command_line.md with what its commands print now: ``python -m tools.pages.command_line_page``."""

from __future__ import annotations

import contextlib
import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from unified_init import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGE", "command_line_page"]

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"


def command_line_page(text: str) -> str:
    """Return a page with the output of each ``$`` line of its console blocks; its Python blocks are files."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, code in re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL):
            Path(name).write_text(code, encoding="utf-8")
        return re.sub(r"(?<=```console\n).*?(?=```)", _block, text, flags=re.DOTALL)


def _block(match: re.Match[str]) -> str:
    commands = [line for line in match[0].splitlines() if line.startswith("$ ")]
    return "".join(f"{line}\n" for command in commands for line in (command, *_printed(command[2:])))


def _printed(command: str) -> Iterator[str]:
    """Run a command, and yield the lines that it prints, unless they go to a file."""
    from typer.testing import CliRunner  # the extra `cli`

    words, _, target = command.partition(" > ")
    runner = CliRunner()
    if hasattr(runner, "mix_stderr"):  # before click 8.2 an option, and on
        runner.mix_stderr = False
    result = runner.invoke(cli.application(), shlex.split(words)[1:])
    if target:
        Path(target).write_text(result.stdout, encoding="utf-8")
        return
    yield from result.stdout.splitlines()
    if result.exit_code == 2:  # noqa: PLR2004  # of a command that could not run; else this is a progress bar
        yield from result.stderr.splitlines()


if __name__ == "__main__":
    PAGE.write_text(command_line_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
