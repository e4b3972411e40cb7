# /// script
# dependencies = ["nox>=2025.5.1"]
# ///
"""The checks of this project: ``nox`` runs the default ones, ``nox -l`` lists all.

Environments come from virtualenv and pip alone. One of them, ``frameworks``, holds torch, TensorFlow,
JAX and Keras side by side; the sessions that need them borrow its interpreter and install nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"  # never uv: it does not see wheels that pip finds on disk
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "core-3.11", "parity", "docs"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
TORCH = "torch==2.13.0"  # this version as a CPU wheel, where pip has one at hand; then Python must be 3.11
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
BIN = "Scripts" if os.name == "nt" else "bin"


def group(name: str) -> tuple[str, ...]:
    """Return the requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def frameworks_bin(session: nox.Session, program: str) -> str:
    """Return the path of a program in the environment of ``frameworks``."""
    return str(Path(session.cache_dir).parent / "frameworks" / BIN / program)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format with every rule of ruff; ``-- --fix`` repairs what it can."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", *([] if "--fix" in session.posargs else ["--check"]))


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strict, over the package, the tests and this file."""
    session.install("-e", ".[cli]", *group("types"))
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def core(session: nox.Session) -> None:
    """Test with NumPy alone: the package as a wheel installs it, and no framework."""
    session.install(".", *group("test"))
    session.run("pytest", "-m", "not frameworks", *session.posargs)


@nox.session(python="3.11", default=False)
def minimums(session: nox.Session) -> None:
    """Test with NumPy alone, and with the oldest dependencies that the package admits."""
    oldest = [requirement.replace(">=", "==") for requirement in PROJECT["project"]["dependencies"]]
    session.install(".", *oldest, *group("test"))
    session.run("pytest", "-m", "not frameworks", *session.posargs)


@nox.session(python="3.11", default=False)
def frameworks(session: nox.Session) -> None:
    """Install torch, TensorFlow, JAX and Keras in one environment, for the sessions that share it."""
    session.install(TORCH)  # first and alone, so that nothing later picks another build of it
    session.install(TORCH, "-e", ".[all]", *group("test"), *group("models"))


@nox.session(venv_backend="none", requires=["frameworks"])
def parity(session: nox.Session) -> None:
    """Test everything with all four frameworks in one process; ``-- -k NAME`` selects."""
    python = frameworks_bin(session, "python")
    session.run(python, "-m", "pytest", *session.posargs, env=QUIET | {"HYPOTHESIS_PROFILE": "ci"})


@nox.session(venv_backend="none", requires=["frameworks"])
def docs(session: nox.Session) -> None:
    """Run every example of the docstrings, of README.md and of docs/*.md."""
    python = frameworks_bin(session, "python")
    pages = ["README.md", *map(str, sorted(Path("docs").glob("*.md")))]
    options = ["--doctest-modules", "--doctest-glob=*.md", *session.posargs]
    session.run(python, "-m", "pytest", *options, "src/unified_init", *pages, env=QUIET)


@nox.session(default=False)
def package(session: nox.Session) -> None:
    """Build wheel and sdist, check both, and draw once from the wheel in a clean environment."""
    session.install(*group("package"))
    dist = Path(session.create_tmp()) / "dist"
    for left in dist.glob("*"):  # from an earlier run
        left.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist))
    built = sorted(dist.iterdir())
    session.run("twine", "check", "--strict", *map(str, built))
    clean = dist.parent / "clean"
    session.run("python", "-m", "venv", "--clear", str(clean))
    python = str(clean / BIN / "python")
    wheel = next(path for path in built if path.suffix == ".whl")
    session.run(python, "-m", "pip", "install", str(wheel), external=True)
    draw = "import unified_init as ui; print(ui.digest(ui.draw(ui.normal(0, 1), (4, 4), seed=0, name='w')))"
    session.run(python, "-c", draw, external=True)


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def demo(session: nox.Session) -> None:
    """Draw GPT-2 small in every framework and compare the digests: ``unified-init demo``."""
    session.run(frameworks_bin(session, "unified-init"), "demo", *session.posargs, env=QUIET)


if __name__ == "__main__":
    nox.main()
