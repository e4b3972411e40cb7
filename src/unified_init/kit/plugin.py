"""What pytest loads: options, a marker and fixtures, none of which does anything before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unified_init.backends.registry import NAMES, backends
from unified_init.core import checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.kit.golden_files import Golden, GoldenFiles
    from unified_init.kit.modes import Mode
    from unified_init.kit.statistics import Statistics

__all__ = ["WRITE_GOLDEN"]

WRITE_GOLDEN = "--ui-write-golden"

MARKER = (
    "ui_modes(*names, compiled=None): run ui_mode in these backends or modes, such as 'torch' or 'jax:jit'; "
    "compiled=True or False keeps compiled or eager modes"
)
GOLDEN: pytest.StashKey[GoldenFiles] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add two options."""
    group = parser.getgroup("unified_init")
    group.addoption(
        "--ui-backends",
        metavar="NAMES",
        help="comma-separated: the backends that ui_mode runs; all installed by default",
    )
    group.addoption(
        WRITE_GOLDEN, action="store_true", help="write the digests that ui_golden compares, and pass"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse options that cannot be met."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption("--ui-backends") is not None:
        _chosen_backends(config)
    if config.getoption(WRITE_GOLDEN) and config.getoption("numprocesses", default=None):
        msg = f"{WRITE_GOLDEN} writes files from one process: leave out -n"
        raise pytest.UsageError(msg)


@pytest.hookimpl(hookwrapper=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Iterator[None]:
    """Run a test that asks for ``ui_mode`` once per backend and mode.

    As a wrapper it comes before all other parametrizations: the mode is the first word of a test's id.
    """
    if "ui_mode" in metafunc.fixturenames:
        _parametrize(metafunc)
    yield


def _parametrize(metafunc: pytest.Metafunc) -> None:
    from unified_init.kit import modes  # noqa: PLC0415  # on demand

    marker = metafunc.definition.get_closest_marker("ui_modes")
    args, kwargs = (marker.args, marker.kwargs) if marker else ((), {})
    try:
        names = modes.mode_names(_chosen_backends(metafunc.config), args, **kwargs)
    except (ValueError, TypeError) as error:
        msg = f"{metafunc.definition.nodeid}: ui_modes: {error}"
        raise pytest.UsageError(msg) from error
    metafunc.parametrize("ui_mode", names, indirect=True)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember which files do not run all of their tests: their digests are not called unused."""
    for item in items:
        _golden_files(item.config).incomplete.add(item.path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the digests of this run, if that was asked for."""
    if GOLDEN in session.config.stash:
        session.config.stash[GOLDEN].finish(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the files that were written, and the digests that no test compares."""
    if GOLDEN in config.stash:
        for line in config.stash[GOLDEN].lines(config.rootpath):
            terminalreporter.write_line(line)


@pytest.fixture
def ui_mode(request: pytest.FixtureRequest) -> Mode:
    """A backend and a mode, such as torch:compile: the test runs once for each that is installed.

    ``ui_mode.run(function)`` calls a function as the mode does, ``ui_mode.backend`` is the backend's name.
    """
    from unified_init.kit import modes  # noqa: PLC0415  # on demand

    return modes.mode_of(request.param, _chosen_backends(request.config))


@pytest.fixture(scope="session")
def ui_backends(pytestconfig: pytest.Config) -> tuple[str, ...]:
    """The names of the backends that this run tests: all that are installed, or those of --ui-backends."""
    return _chosen_backends(pytestconfig)


@pytest.fixture(scope="session")
def ui_statistics() -> Statistics:
    """Assertions about samples: ``follows``, ``same_law``, ``independent`` and ``identical``."""
    from unified_init.kit.statistics import Statistics  # noqa: PLC0415  # on demand

    return Statistics()


@pytest.fixture
def ui_golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a tensor's digest with the one in a file beside the test: ``ui_golden(tensor, "kernel")``."""
    from unified_init.kit.golden_files import Golden  # noqa: PLC0415  # on demand

    return Golden(request.node, _golden_files(request.config))


def _chosen_backends(config: pytest.Config) -> tuple[str, ...]:
    """Return the backends that are asked for, in the usual order; refuse one that is not there."""
    installed = tuple(name for name in backends() if name in NAMES)
    option = config.getoption("--ui-backends")
    if option is None:
        return installed
    words = [word.strip() for word in option.split(",") if word.strip()]
    for word in words or [option]:
        if word not in NAMES:
            hint = checks.nearest(word, NAMES)
            msg = f"--ui-backends must be of {','.join(NAMES)}, got {word!r}{'; ' if hint else ''}{hint}"
            raise pytest.UsageError(msg)
        if word not in installed:
            msg = f'--ui-backends: {word} is not installed; pip install "unified-init[{word}]"'
            raise pytest.UsageError(msg)
    return tuple(name for name in installed if name in words)


def _golden_files(config: pytest.Config) -> GoldenFiles:
    from unified_init.kit.golden_files import GoldenFiles  # noqa: PLC0415  # on demand

    return config.stash.setdefault(GOLDEN, GoldenFiles(write=config.getoption(WRITE_GOLDEN)))
