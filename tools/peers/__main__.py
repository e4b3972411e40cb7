"""``python -m tools.peers keras`` (or ``flax``): how many tests of its layers pass, without and with ours.

The tests are those of the installed release: Keras has them in its wheel, Flax in its source on PyPI. Each
test that passes without our initializers and not with them is listed.
"""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from xml.etree import ElementTree as ET

LAYERS = {
    "keras": ["core/dense_test.py", "core/einsum_dense_test.py", "core/embedding_test.py", "convolutional",
              "attention", "rnn", "normalization"],
    "flax": ["linen/linen_linear_test.py", "linen/linen_attention_test.py", "linen/linen_recurrent_test.py",
             "linen/linen_test.py", "nnx/nn"],
}  # fmt: skip
MARKERS = ("requires_trainable_backend", "skip_if_backend")


def copy_tests(peer: str, folder: pathlib.Path) -> None:
    """Copy the tests of the installed release into an empty folder."""
    if peer == "keras":
        distribution = importlib.metadata.distribution("keras")
        shutil.copytree(str(distribution.locate_file("keras/src/layers")), folder / "tests")
        return
    release = f"flax=={importlib.metadata.version('flax')}"
    source = ("--no-binary", ":all:", "--no-deps", "--dest", str(folder), release)
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *source], check=True)  # noqa: S603  # pip
    (archive,) = folder.glob("flax-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (folder / archive.name.removesuffix(".tar.gz") / "tests").rename(folder / "tests")


def outcomes(peer: str, folder: pathlib.Path, *options: str) -> dict[str, str]:
    """Run the tests of the layers in a process; return "passed", "failed" or "skipped" of each."""
    report = folder / "report.xml"
    paths = [str(folder / "tests" / name) for name in LAYERS[peer]]
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n" + "".join(f"  {mark}: x\n" for mark in MARKERS)
    )
    fixed = ("-q", "-c", str(folder / "pytest.ini"), "--import-mode=importlib", f"--junitxml={report}")
    path = os.pathsep.join([str(pathlib.Path.cwd()), *sys.path])
    environment = {"PEER": peer, "KERAS_BACKEND": "jax", "PYTHONPATH": path, **os.environ}
    subprocess.run([sys.executable, "-m", "pytest", *fixed, *options, *paths], check=False, env=environment)  # noqa: S603  # pytest
    results = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # pytest wrote it
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        results[f"{case.get('classname')}::{case.get('name')}"] = state
    return results


def main(peer: str) -> int:
    """Print the counts, and the tests that fail with our initializers only."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        copy_tests(peer, folder)
        native = outcomes(peer, folder)
        ours = outcomes(peer, folder, "-p", "tools.peers.replacing")
    lines = []
    for label, results in (("theirs", native), ("ours", ours)):
        states = list(results.values())
        lines.append(
            f"{peer}, {label}: "
            + ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        )
    lines += [test for test, state in native.items() if state == "passed" and ours.get(test) != "passed"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
