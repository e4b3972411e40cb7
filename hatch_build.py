"""The build of a wheel: it compiles the C runner (``stream/c_runner.c``) with the system's compiler.

An installation without a compiler succeeds all the same: the wheel has no library then, and draws in NumPy.
``CC`` names another compiler, with arguments if need be, and ``UNIFIED_INIT_PLATFORM`` the platform that it
compiles for (``manylinux_2_17_aarch64``, ``win_amd64``); without it that is the machine that builds.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path(__file__).parent / "src" / "unified_init" / "stream" / "c_runner.c"
COMPILERS = ("cc", "gcc", "clang")
OPTIONS = ("-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fvisibility=hidden")
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
        """Compile; where that fails, say so, and leave the wheel one of Python alone."""
        del version  # an editable installation has the library in the source tree
        target = target_platform()
        try:
            compile_runner(target)
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"The C runner was not compiled, so that draws will be NumPy's: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{target}"  # ctypes loads the library: it serves every Python


def target_platform() -> str:
    """Return the platform of the wheel, in the words of its name."""
    named = os.environ.get("UNIFIED_INIT_PLATFORM", "") or sysconfig.get_platform()
    # A Python for both of Apple's processors: the compiler builds for the one at hand.
    return named.replace("universal2", platform.machine()).replace("-", "_").replace(".", "_")


def compile_runner(target: str) -> Path:
    """Compile it for a platform beside its source, and return the library's path."""
    compiler = shlex.split(os.environ.get("CC", "")) or [next(filter(shutil.which, COMPILERS), COMPILERS[0])]
    library = SOURCE.with_name("lib_c_runner" + SUFFIXES.get(target.partition("_")[0], ".so"))
    library.unlink(missing_ok=True)  # never one of an older source
    options = [*OPTIONS, *(() if target.startswith("win") else ("-fPIC",))]
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    machine = "x86_64" if target.endswith(("x86_64", "amd64")) else ""
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for name, flags in SETS.get(machine, {"baseline": ()}).items():
            made = Path(folder) / f"{name}.o"
            once = ("-DIS_BASELINE", f'-DSOURCE_DIGEST="{digest}"') if name == "baseline" else ()
            run([*compiler, *options, *flags, *once, f"-DVARIANT={name}", "-c", str(SOURCE), "-o", str(made)])
            objects.append(str(made))
        linked = Path(folder) / library.name
        strip = () if target.startswith("macosx") else ("-s",)  # Apple's linker does not know it
        run([*compiler, "-shared", *strip, "-o", str(linked), *objects])
        shutil.copyfile(linked, library)
    return library


def run(command: list[str]) -> None:
    """Run a compiler; an error has what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the builder's own
    if done.returncode:
        print(done.stderr, file=sys.stderr)  # noqa: T201  # as any compiler does
        done.check_returncode()


if __name__ == "__main__":
    print(compile_runner(target_platform()))  # noqa: T201  # a developer asked for it
