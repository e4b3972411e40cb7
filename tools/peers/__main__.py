"""``python -m tools.peers keras`` (or ``flax``): how many tests of its layers pass, without and with ours.

The tests are those of the installed release: Keras has them in its wheel, Flax in its source on PyPI. Every
file runs in two processes, with the framework's own initializers and with ours; a row of a table is printed
when both are done, and below it each test that passes with theirs and not with ours. Files may be named:
``python -m tools.peers keras core/dense_test.py``.
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
from collections import Counter
from xml.etree import ElementTree as ET

LAYERS = {
    "keras": ["core/dense_test.py", "core/einsum_dense_test.py", "core/embedding_test.py",
              "rnn/*_test.py", "attention/*_test.py", "convolutional/*_test.py", "normalization/*_test.py"],
    "flax": ["nnx/nn/*_test.py", "linen/initializers_test.py", "linen/linen_recurrent_test.py",
             "linen/linen_attention_test.py", "linen/linen_linear_test.py", "linen/linen_test.py"],
}  # fmt: skip
MARKERS = ("requires_trainable_backend", "skip_if_backend", "multi_device")
SECONDS = 900
STATES = ("passed", "failed", "skipped")
# Tests that need not pass with ours: a vector has no fans (docs/differences.md); of 60 keys 3 give an output
# so near 0 that a scan and its steps differ by more than 1e-6 of it, with Flax' initializers as with ours.
DOCUMENTED = {
    "AdditiveAttentionTest::test_attention_basics": "a vector",
    "AdditiveAttentionTest::test_attention_errors": "a vector",
    "EinsumDenseTest::test_einsum_dense_basics_1d_end_weight": "a vector",
    "EinsumDenseTest::test_einsum_dense_basics_embedding_1d": "a vector",
    "EinsumDenseTest::test_einsum_dense_constraints": "a vector",
    "RNNTest::test_numerical_equivalence_single_batch": "by chance",
}


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


def outcomes(peer: str, folder: pathlib.Path, path: pathlib.Path, *options: str) -> dict[str, str]:
    """Run the tests of a file in a process; return "passed", "failed" or "skipped" of each."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n" + "".join(f"  {mark}: x\n" for mark in MARKERS)
    )
    fixed = ("-q", "--tb=short", "-c", str(folder / "pytest.ini"), "--import-mode=importlib")
    arguments = (*fixed, f"--junitxml={report}", *options, str(path))
    imports = os.pathsep.join([str(pathlib.Path.cwd()), *sys.path])
    environment = {**os.environ, "PEER": peer, "KERAS_BACKEND": "jax", "PYTHONPATH": imports}
    command = [sys.executable, "-m", "pytest", *arguments]
    subprocess.run(command, check=False, env=environment, stdout=sys.stderr, timeout=SECONDS)  # noqa: S603  # pytest
    results = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # pytest wrote it
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        results[f"{case.get('classname')}::{case.get('name')}"] = state
    return results


def row(label: str, native: dict[str, str], ours: dict[str, str]) -> str:
    """Return the row of a table: passed, failed and skipped with theirs, then with ours."""
    counts = [Counter(results.values())[state] for results in (native, ours) for state in STATES]
    return f"| {label} | " + " | ".join(map(str, counts)) + " |\n"


def main(peer: str, *names: str) -> int:
    """Print the counts of each file, and the tests that fail with our initializers only."""
    totals: tuple[dict[str, str], dict[str, str]] = ({}, {})
    sys.stdout.write("| file | theirs: passed | failed | skipped | ours: passed | failed | skipped |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        copy_tests(peer, folder)
        tests = folder / "tests"
        for path in (path for pattern in names or LAYERS[peer] for path in sorted(tests.glob(pattern))):
            label = str(path.relative_to(tests))
            try:
                native = outcomes(peer, folder, path)
                ours = outcomes(peer, folder, path, "-p", "tools.peers.replacing")
            except subprocess.TimeoutExpired:
                sys.stdout.write(f"| {label} | not done in {SECONDS} s | | | | | |\n")
                continue
            sys.stdout.write(row(label, native, ours))
            lost = [test for test in native if native[test] == "passed" and ours.get(test) != "passed"]
            for test in lost:
                reason = DOCUMENTED.get(test.rsplit(".", 1)[-1], "lost")
                sys.stdout.write(f"  {reason}: {test}\n")
            sys.stdout.flush()
            for total, results in zip(totals, (native, ours), strict=True):
                total.update({f"{label} {test}": state for test, state in results.items()})
    sys.stdout.write(row("all", *totals))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
