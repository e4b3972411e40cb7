"""The matrix: each framework by itself, and all in one process. ``nox -s "tests(jax)"`` runs one."""

from __future__ import annotations

import nox

nox.options.reuse_venv = "yes"
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
    package = ".[test]" if extra == "numpy" else f".[{extra},test]"
    session.install("-e", package)
    session.run("pytest", "--ui-backends", BACKENDS[extra], *session.posargs)
