# /// script
# dependencies = ["nox>=2025.5.1"]
# ///
"""The checks of this project: ``nox`` runs the default ones, ``nox -l`` lists all.

Environments come from virtualenv and pip alone. One of them, ``frameworks``, holds torch, TensorFlow,
JAX and Keras side by side; the sessions that need them borrow its interpreter and install nothing.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tarfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"  # never uv: it does not see wheels that pip finds on disk
nox.options.reuse_venv = "yes"
nox.options.sessions = [
    "lint", "types", "core-3.11", "parity", "triton", "tools", "javascript", "docs", "library",
]  # fmt: skip

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
TORCH = "torch==2.13.0"  # this version as a CPU wheel, where pip has one at hand; then Python must be 3.11
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
FRAMEWORKS = ("torch", "tensorflow", "jax")
# What takes a minute and says the same everywhere, parity runs once; what repeats a test beside it, coverage.
BRIEF = ("-m", "not long and not more")
# Other libraries' layers are those of their newest releases.
OLDEST = ("-m", "not long and not more and not current")
WORKERS = ("-n", "2", "--dist", "loadfile")  # processes; one with all frameworks takes four gigabytes
# The platforms of wheels, in the words of their names and of zig's compiler. Linux: glibc 2.17 is of 2012.
WHEELS = {
    "manylinux_2_17_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
    "macosx_10_13_x86_64": "x86_64-macos.10.13",
    "win_amd64": "x86_64-windows-gnu",
    "win_arm64": "aarch64-windows-gnu",
}
BIN = "Scripts" if os.name == "nt" else "bin"
# One framework an environment. With any Python but 3.11, torch would be a download of gigabytes.
ONE_BY_ONE = [
    nox.param(python, backend, id=f"{backend}-{python}")
    for backend in FRAMEWORKS
    for python in (PYTHONS if backend != "torch" else ["3.11"])
]


def group(name: str) -> tuple[str, ...]:
    """Return the requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def lowest(*extras: str) -> list[str]:
    """Return the requirements of the package and of some of its extras, each at its lowest version."""
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(one for extra in extras for one in optional[extra])]
    return [requirement.replace(">=", "==") for requirement in wanted]


def frameworks_bin(session: nox.Session, program: str) -> str:
    """Return the path of a program in the environment of ``frameworks``."""
    return str(Path(session.cache_dir).parent / "frameworks" / BIN / program)


def run_tests(session: nox.Session, *options: str, python: str = "python", profile: str = "dev") -> None:
    """Run pytest in two processes, and list the slowest tests."""
    arguments = ("-m", "pytest", *WORKERS, "--durations=20", *options, *session.posargs)
    session.run(python, *arguments, env=QUIET | {"HYPOTHESIS_PROFILE": profile})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format with every rule of ruff, the imports, and the prose of README and docs.

    ``-- --fix`` repairs style and format.
    """
    session.install("-e", ".", *group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", *([] if "--fix" in session.posargs else ["--check"]))
    session.run("lint-imports")
    session.run("python", "-m", "tools.prose")
    tests = ("tools/tests/test_import_contracts.py", "tools/tests/test_prose.py")
    session.run("python", "-m", "pytest", "--noconftest", *tests)


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strict, over all that is ours, and a user's script with pyright too."""
    session.install("-e", ".[cli]", *group("types"))
    session.run("mypy", *session.posargs)
    session.run("pyright", "--project", "tests/typing")


@nox.session(python=PYTHONS)
def core(session: nox.Session) -> None:
    """Test with NumPy alone: the package as a wheel installs it, with its C runner, and no framework."""
    session.install(".[cli]", *group("test"))
    run_tests(session, "--backends", "numpy,c", *BRIEF)


@nox.session(default=False)
@nox.parametrize(["python", "backend"], ONE_BY_ONE)
def tests(session: nox.Session, backend: str) -> None:
    """Test one framework in an environment without the others, in its newest version."""
    if backend == "torch":
        session.install(TORCH)
    session.install(f".[{backend},keras,cli]", *group("test"), *group(f"models-{backend}"))
    run_tests(session, "--backends", f"numpy,c,{backend}", *BRIEF)


@nox.session(python="3.11", default=False)
@nox.parametrize("backend", [nox.param(name, id=name) for name in ("numpy", *FRAMEWORKS)])
def minimums(session: nox.Session, backend: str) -> None:
    """Test NumPy alone, or one framework, with the oldest versions that the package admits.

    NumPy alone is tested as it is installed where no compiler is: the reference draws.
    """
    extras = ["testing"] if backend == "numpy" else [backend, "keras", "cli", "testing"]
    models = () if backend == "numpy" else group(f"models-{backend}")
    compiler = {"CC": "false"} if backend == "numpy" else {}
    session.install(".", *lowest(*extras), *group("test"), *models, env=compiler)
    run_tests(session, "--backends", "numpy" if backend == "numpy" else f"numpy,c,{backend}", *OLDEST)


@nox.session(python="3.11", default=False)
def frameworks(session: nox.Session) -> None:
    """Install torch, TensorFlow, JAX and Keras in one environment, for the sessions that share it."""
    session.install(TORCH)  # first and alone, so that nothing later picks another build of it
    groups = [requirement for name in ("test", "models", "outside", "bench") for requirement in group(name)]
    session.install(TORCH, "-e", ".[all]", *groups)


@nox.session(venv_backend="none", requires=["frameworks"])
def parity(session: nox.Session) -> None:
    """Test, with all four frameworks in one process, what ``core`` does not; ``-- -k NAME`` selects."""
    options = ("--beyond", "numpy,c", "-m", "not more")
    run_tests(session, *options, python=frameworks_bin(session, "python"), profile="ci")


@nox.session(python="3.11")
def triton(session: nox.Session) -> None:
    """Interpret the kernels for GPUs on the CPU, and compile them for GPUs that are not here.

    In an environment without TensorFlow, whose LLVM ends a process in which Triton's comes second.
    """
    session.install(TORCH)
    session.install(TORCH, ".[torch]", *group("test"), *group("triton"))
    run_tests(session, "--backends", "torch,triton", "tests/backends/test_triton.py")


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def fuzz(session: nox.Session) -> None:
    """Compare 100,000 eager and 1,000 compiled draws with a direct computation; ``-- SEED`` repeats a run."""
    (seed,) = session.posargs or (str(secrets.randbits(32)),)
    counts = {"FUZZ_SEED": seed, "FUZZ_EAGER": "100000", "FUZZ_COMPILED": "1000", "COMPILED_REQUESTS": "1000"}
    files = ("tests/parity/test_fuzz.py", "tests/parity/test_compiled_requests.py")
    session.run(frameworks_bin(session, "python"), "-m", "pytest", "-s", *files, env=QUIET | counts)


@nox.session(venv_backend="none", requires=["frameworks"])
def tools(session: nox.Session) -> None:
    """Test what only developers run: the generated pages, the benchmarks, the microscope."""
    python = frameworks_bin(session, "python")
    own = ("tools/tests/test_extending.py", "tools/tests/test_release_files.py")
    folders = session.posargs or ("tools/pages", "tools/site", *own, "benchmarks/tests", "microscope/tests")
    session.run(python, "-m", "pytest", *WORKERS, *folders, env=QUIET)


@nox.session
def javascript(session: nox.Session) -> None:
    """Compare the stream in JavaScript with its vectors, and the vectors with the library; brings Node."""
    session.install(".", *group("test"), *group("node"))
    session.run("python", "-m", "pytest", *(session.posargs or ("tools/specification/tests",)))


@nox.session(default=False)
def explorer(session: nox.Session) -> None:
    """Click through the explorer in headless Chromium, which npm brings; Linux on x86-64 only.

    ``-- docs/_build/html`` tests the page of the built site, in place of the page by itself.
    """
    session.install(".", *group("test"), *group("node"))
    folder = "tools/specification/browser"
    session.run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", folder)
    site = {"EXPLORER_SITE": str(Path(session.posargs[0]).absolute())} if session.posargs else {}
    session.run("python", "-m", "pytest", f"{folder}/tests", env=site)


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def messages(session: nox.Session) -> None:
    """Write ``tests/messages.txt`` from what tests are refused with; ``-- tests/law`` selects some."""
    python = frameworks_bin(session, "python")
    refusing = [
        str(path)
        for path in sorted(Path("tests").rglob("test_*.py"))
        if "refused(" in path.read_text(encoding="utf-8") and path.name != "test_messages.py"
    ]
    session.run(python, "-m", "pytest", "--write-messages", *(session.posargs or refusing), env=QUIET)
    session.run(python, "-m", "pytest", "tests/test_messages.py", env=QUIET)  # of what was written


@nox.session(python="3.11", default=False, requires=["frameworks"])
def coverage(session: nox.Session) -> None:
    """Run the tests of ``core`` and ``parity``, measured, and fail unless they cover every line and branch.

    Apart from both, whose tests take half the time without it.
    """
    session.install(".", *group("test"))
    data = {"COVERAGE_FILE": str(Path(session.create_tmp()).absolute() / "coverage")}
    session.run("coverage", "erase", env=data)
    tests = ("-m", "coverage", "run", "-m", "pytest", *WORKERS)
    session.run("python", *tests, "--backends", "numpy,c", *BRIEF, env=QUIET | data)
    session.run(
        frameworks_bin(session, "python"),
        *tests,
        env=QUIET | data | {"HYPOTHESIS_PROFILE": "ci"},
        external=True,
    )
    session.run("coverage", "combine", env=data)
    session.run("coverage", "report", *session.posargs, env=data)


@nox.session(venv_backend="none", requires=["frameworks"])
def docs(session: nox.Session) -> None:
    """Run every example of the docstrings, of README.md and of docs/*.md."""
    python = frameworks_bin(session, "python")
    pages = ["README.md", *map(str, sorted(Path("docs").glob("*.md")))]
    kernels = "src/unified_init/backends/triton_kernels.py"  # it needs Triton, which is not there
    options = ["--doctest-modules", "--doctest-glob=*.md", f"--ignore={kernels}", *session.posargs]
    session.run(python, "-m", "pytest", *options, "src/unified_init", "tools/pages", *pages, env=QUIET)


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """Build the docs as a site in ``docs/_build/html``, and check every link inside it.

    ``-- links`` checks the links to other sites instead, which needs the network.
    """
    session.install("-e", ".[testing,cli]", *group("site"))
    if session.posargs == ["links"]:
        session.run("sphinx-build", "-b", "linkcheck", "docs", "docs/_build/links")
        return
    session.run(
        "sphinx-build", "-W", "--keep-going", "-E", "-b", "html", "docs", "docs/_build/html", *session.posargs
    )
    session.run("python", "-m", "tools.site.links", "docs/_build/html")
    session.run("python", "-m", "doctest", "docs/outside/hydra.md")  # whose libraries no other session has


@nox.session(default=False)
def package(session: nox.Session) -> None:
    """Build wheel and sdist, check both, and use the wheel where no source tree is near."""
    session.install(*group("package"))
    dist = Path(session.create_tmp()).absolute() / "dist"  # also from inside of it
    for left in dist.glob("*"):  # from an earlier run
        left.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist))
    built = sorted(dist.iterdir())
    session.run("twine", "check", "--strict", *map(str, built))
    clean = dist.parent / "clean"
    session.run("python", "-m", "venv", "--clear", str(clean))
    wheel = next(path for path in built if path.suffix == ".whl")
    draw = "import unified_init as ui; print(ui.digest(ui.draw(ui.normal(0, 1), (4, 4), seed=0, name='w')))"
    with session.chdir(dist):
        python = str(clean / BIN / "python")
        session.run(python, "-m", "pip", "install", f"{wheel}[cli]", external=True)
        session.run(python, "-c", draw, external=True)
        version = session.run(str(clean / BIN / "unified-init"), "--version", external=True, silent=True)
        if "(C, " not in str(version):
            session.error(f"the wheel has no C runner that works here: {version}")


@nox.session(python=PYTHONS, default=False)
def release(session: nox.Session) -> None:
    """Build wheel and sdist, check what is in them, and try both where no source tree is near.

    ``-- https://github.com/OWNER/unified_init`` is the repository that the description's links lead to.
    """
    (repository,) = session.posargs or ("https://example.org/o/unified_init",)
    session.install(*group("release"))
    dist = Path(session.create_tmp()).absolute() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), env={"UNIFIED_INIT_REPOSITORY": repository})
    wheel, sdist = sorted(map(str, dist.iterdir()), key=lambda name: not name.endswith(".whl"))
    session.run("twine", "check", "--strict", wheel, sdist)
    session.run("check-wheel-contents", wheel)
    with tarfile.open(sdist) as archive:
        if figures := [name for name in archive.getnames() if name.endswith((".png", "figures.json"))]:
            session.error(f"the sdist has figures: {figures}")
        info = next(name for name in archive.getnames() if name.endswith("PKG-INFO"))
        description = archive.extractfile(info)
        homepage = f"Project-URL: Homepage, {repository.rstrip('/')}\n"
        if not description or homepage not in description.read().decode():
            session.error(f"the description does not lead to {repository}")
    example = shutil.copytree("examples/library_matrix", dist / "example")
    for distribution in (wheel, sdist):
        session.install("--force-reinstall", f"{distribution}[cli,testing]", "pytest")
        with session.chdir(example):
            if "(C, " not in str(session.run("unified-init", "--version", silent=True)):
                session.error(f"{distribution} has no C runner that works here")
            session.run("unified-init", "demo", "--backend", "numpy")
            session.run("pytest", "-q", "--ui-backends", "numpy")


@nox.session(default=False)
def wheels(session: nox.Session) -> None:
    """Build the sdist, and a wheel for each platform, with a compiler for all of them: into ``dist/``.

    ``-- https://github.com/OWNER/unified_init`` is the repository that the description's links lead to.
    """
    session.install("build>=1.2", "ziglang>=0.13", *group("package"))
    address = {"UNIFIED_INIT_REPOSITORY": session.posargs[0]} if session.posargs else {}
    session.run("python", "-m", "build", "--sdist", env=address)
    for platform, target in WHEELS.items():
        compiler = f"{session.bin}/python -m ziglang cc -target {target}"
        session.run(
            "python", "-m", "build", "--wheel",
            env={"CC": compiler, "UNIFIED_INIT_PLATFORM": platform, **address},
        )  # fmt: skip
        if not list(Path("dist").glob(f"*-{platform}.whl")):  # a build without a library succeeds
            session.error(f"The C runner was not compiled for {platform}.")
    session.run("twine", "check", "--strict", *map(str, sorted(Path("dist").iterdir())))


@nox.session(default=False)
def runner(session: nox.Session) -> None:
    """Compile the C runner into the source tree, after a change; an editable installation does it once.

    ``-- count`` counts the instructions of its loops.
    """
    session.install(*PROJECT["build-system"]["requires"], "numpy")
    session.run("python", "hatch_build.py")
    if session.posargs == ["count"]:
        session.run("python", "-m", "tools.instructions")


@nox.session(python="3.11", default=False)
def arm64(session: nox.Session) -> None:
    """Compare the bits of the C runner's arm64 code, in an emulator; needs Debian's qemu-user-static."""
    session.install(".", "ziglang>=0.13")
    session.run("python", "-m", "tools.arm64", *session.posargs)


@nox.session(venv_backend="none", default=False)
def gpu(session: nox.Session) -> None:
    """Compare bits and times on a GPU, with the frameworks of the Python that runs nox: ten minutes."""
    session.run("python", "-m", "tools.gpu", *session.posargs, env=QUIET | {"PYTHONPATH": "src"})


@nox.session(python="3.11", default=False)
def microscope(session: nox.Session) -> None:
    """Put the words of the stream under TestU01: ``-- words crush``; needs Debian's libtestu01-0-dev.

    ``-- exhaustive`` puts all 2**32 words through each law and runner, in an hour.
    """
    if session.posargs[:1] == ["exhaustive"]:
        session.install(TORCH)
        session.install(TORCH, ".[torch,tensorflow,jax,testing]")
        session.run("python", "-m", "microscope.exhaustive", *session.posargs[1:], env=QUIET)
        return
    session.install(".")
    session.run("python", "-m", "microscope.testu01", *(session.posargs or ("words", "smallcrush")))


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def bench(session: nox.Session) -> None:
    """Time ours and the native initializers in turns: ``benchmarks/run.py``, whose options follow ``--``."""
    session.run(frameworks_bin(session, "python"), "benchmarks/run.py", *session.posargs, env=QUIET)


@nox.session(python="3.11", default=False)
def titan(session: nox.Session) -> None:
    """Initialize torchtitan's debug Llama on two ranks, in each of the ways of ``docs/meta.md``."""
    session.install(TORCH)  # first and alone, as above
    session.install(TORCH, "-e", ".[torch]", *group("titan"))
    session.run("python", "-m", "tools.titan")


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def matrix(session: nox.Session) -> None:
    """Compare every preset in every backend and mode, by bits and by law: ``unified-init parity``."""
    session.run(frameworks_bin(session, "unified-init"), "parity", *session.posargs, env=QUIET)


@nox.session(venv_backend="none", requires=["frameworks"])
def library(session: nox.Session) -> None:
    """Test ``examples/library_matrix``, as its authors would, with all four frameworks in one process."""
    project = "examples/library_matrix"
    options = ("-c", f"{project}/pyproject.toml", "--ui-backends", "numpy,torch,tensorflow,jax")
    python = frameworks_bin(session, "python")
    session.run(python, "-m", "pytest", *options, *session.posargs, f"{project}/tests", env=QUIET)


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def pairs(session: nox.Session) -> None:
    """Match, draw and run pairs of models, and write what that shows to ``docs/pairs.md``; some minutes."""
    python = frameworks_bin(session, "python")
    page = session.run(python, "-m", "tools.pages.pairs_page", env=QUIET, silent=True, stderr=None)
    Path("docs/pairs.md").write_text(str(page), encoding="utf-8")


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def peers(session: nox.Session) -> None:
    """Run the layer tests of Keras and Flax without and with our initializers; up to an hour, needs PyPI."""
    for words in (session.posargs,) if session.posargs else (("keras",), ("flax",)):
        session.run(frameworks_bin(session, "python"), "-m", "tools.peers", *words, env=QUIET)


@nox.session(venv_backend="none", default=False, requires=["frameworks"])
def demo(session: nox.Session) -> None:
    """Draw GPT-2 small in every framework and compare the digests: ``unified-init demo``."""
    session.run(frameworks_bin(session, "unified-init"), "demo", *session.posargs, env=QUIET)


if __name__ == "__main__":
    nox.main()
