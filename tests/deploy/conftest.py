"""One podman for all tests of containers, and a loud word where there is none."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.deploy.containers import Engine, Unavailable

NOT_RUN = "container tests DID NOT RUN"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Skips where the machine has no podman that can run anything, also in CI: that Debian's archive is away says
    nothing about the mill. What fails once a container has run is a failure."""
    engine = Engine(tmp_path_factory.mktemp("podman"))
    running = engine.running()
    try:
        running.__enter__()
    except Unavailable as why:
        pytest.skip(f"{NOT_RUN}: {why}")
    try:
        yield engine
    finally:
        running.__exit__(None, None, None)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """A build that reaches nothing from its container is a matter of the machine too."""
    try:
        return (yield)
    except Unavailable as why:
        pytest.skip(f"{NOT_RUN}: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NOT_RUN in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{NOT_RUN}: {len(skipped)} skipped", sep="!", red=True, bold=True)
        terminalreporter.line(str(skipped[0].longrepr[2]) if isinstance(skipped[0].longrepr, tuple) else "")
