"""The build of a wheel: it compiles the C runner (``stream/c_runner.c``) with the system's compiler.

The library also has the statistics of an audit (``testing/c_survey.c``).

An installation without a compiler succeeds all the same: the wheel has no library then, and draws in NumPy.
``CC`` names another compiler, with arguments if need be, and ``UNIFIED_INIT_PLATFORM`` the platform that it
compiles for (``manylinux_2_17_aarch64``, ``win_amd64``); without it that is the machine that builds.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging import tags

PACKAGE = Path(__file__).parent / "src" / "unified_init"
SOURCE = PACKAGE / "stream" / "c_runner.c"
SOURCES = (SOURCE, PACKAGE / "testing" / "c_survey.c")
NAME = "lib_c_runner"
COMPILERS = ("cc", "gcc", "clang")
# Copies of functions that are not declared inline make the library a third larger, and no faster.
OPTIONS = ("-std=c11", "-O3", "-fno-inline-functions", "-g0", "-ffp-contract=off", "-fvisibility=hidden")
# The instruction sets of each family of processors, the least first; any other family has the first alone.
SETS = {
    "x86_64": {
        "baseline": (),
        "avx2": ("-mavx2",),
        "avx512": ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"),
    }
}  # NEON is in the baseline of arm64
SUFFIXES = {"win": ".dll", "macosx": ".dylib"}  # by the first word of a platform


class RunnerHook(BuildHookInterface[Any]):
    """Compiles the C runner, and names the wheel after the platform that it is for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; where that fails for any reason, say so, and leave the wheel one of Python alone.

        An editable installation has the library in the source tree. A wheel takes it from elsewhere, so that
        the tree stays as it is.
        """
        in_place = version == "editable"
        folder = SOURCE.parent if in_place else Path(tempfile.mkdtemp())
        self.scratch = [] if in_place else [folder]
        try:
            target = target_platform()
            library = compile_runner(target, folder)
        except Exception as error:  # noqa: BLE001  # nobody knows what compilers do
            self.app.display_warning(f"The C runner was not compiled, so that draws will be NumPy's: {error}")
            return
        if not in_place:
            build_data["force_include"][str(library)] = f"unified_init/stream/{library.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{target}"  # ctypes loads the library: it serves every Python

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled for the wheel."""
        del version, build_data, artifact_path
        for folder in self.scratch:
            shutil.rmtree(folder, ignore_errors=True)


def target_platform() -> str:
    """Return the platform of the wheel: one that pip takes on this machine, if none is named."""
    platforms = list(tags.platform_tags())
    # Of Linux "linux_x86_64", without a promise: what is compiled here may need this system's C library.
    local = next((name for name in platforms if name.startswith("linux_")), platforms[0])
    return os.environ.get("UNIFIED_INIT_PLATFORM", "") or local


def compile_runner(target: str, folder: Path) -> Path:
    """Compile it for a platform into a folder, and return the library's path; an older library goes first."""
    compiler = shlex.split(os.environ.get("CC", "")) or [next(filter(shutil.which, COMPILERS), COMPILERS[0])]
    library = folder / (NAME + SUFFIXES.get(target.partition("_")[0], ".so"))
    library.unlink(missing_ok=True)
    options = [*OPTIONS, *(() if target.startswith("win") else ("-fPIC",))]
    machine = "x86_64" if target.endswith(("x86_64", "amd64")) else ""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        objects = []
        for name, flags in SETS.get(machine, {"baseline": ()}).items():
            try:
                objects += [
                    compiled(source, name, [*compiler, *options, *flags], scratch) for source in SOURCES
                ]
            except subprocess.CalledProcessError:
                if name == "baseline":
                    raise
                continue  # an older compiler: the other instruction sets do without
        linked = Path(scratch) / library.name
        strip = () if target.startswith("macosx") else ("-s",)  # Apple's linker does not know it
        run([*compiler, "-shared", *strip, "-o", str(linked), *objects])
        linked.replace(library)  # at once: a process may load it meanwhile
    return library


def compiled(source: Path, variant: str, command: list[str], folder: str) -> str:
    """Compile one source for one instruction set, and return the path of the object."""
    made = Path(folder) / f"{source.stem}_{variant}.o"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    once = ("-DIS_BASELINE", f'-DSOURCE_DIGEST="{digest}"') if variant == "baseline" else ()
    run([*command, *once, f"-DVARIANT={variant}", "-c", str(source), "-o", str(made)])
    return str(made)


def run(command: list[str]) -> None:
    """Run a compiler; an error has what it printed."""
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # the builder's own
    if done.returncode:
        sys.stderr.write(done.stderr.decode(errors="replace"))
        done.check_returncode()


if __name__ == "__main__":
    print(compile_runner(target_platform(), SOURCE.parent))  # noqa: T201  # a developer asked for it
