"""One podman for all tests of containers, and a loud word where there is none."""

from __future__ import annotations

from collections.abc import Iterator

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NOT_RUN in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{NOT_RUN}: {len(skipped)} skipped", sep="!", red=True, bold=True)
        terminalreporter.line(str(skipped[0].longrepr[2]) if isinstance(skipped[0].longrepr, tuple) else "")
