"""The matrix: each framework by itself, and all in one process. ``nox -s "tests(jax)"`` runs one."""

from __future__ import annotations

import nox

nox.options.reuse_venv = "yes"
PROJECT = nox.project.load_toml("pyproject.toml")
BACKENDS = {
    "numpy": "numpy",
    "torch": "numpy,torch",
    "tensorflow": "numpy,tensorflow",
    "jax": "numpy,jax",
    "all": "numpy,torch,tensorflow,jax",
}


@nox.session
@nox.parametrize("extra", [nox.param(name, id=name) for name in BACKENDS])
def tests(session: nox.Session, extra: str) -> None:
    """Test with one framework; a backend that an environment should have and lacks is a failure."""
    package = "." if extra == "numpy" else f".[{extra}]"
    session.install("-e", package, *nox.project.dependency_groups(PROJECT, "test"))
    session.run("pytest", "--ui-backends", BACKENDS[extra], *session.posargs)
