"""What every test can use: the corpus of real documents, and hypothesis's settings."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so, and everything that a test starts would inherit it: no Ctrl-C would end it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.watchdog"]

ROOT = Path(__file__).parent.parent
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
NOT_RUN = "corpus tests DID NOT RUN"

# No deadlines: two workers and a Kafka share two cores, and a slow moment is not a wrong answer. In CI the
# examples are the same each time; on a developer's machine they differ and may find something.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "here")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real documents: FEEDMILL_CORPUS, else ../shared/corpus. It is not part of the project."""
    folder = Path(os.environ.get("FEEDMILL_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not folder.is_dir():
        why = f"{NOT_RUN}: there is no folder {folder} (FEEDMILL_CORPUS names another)"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m corpus` is every test that asks for the fixture."""
    for item in items:
        if "corpus" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.corpus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what did not run: a skip in a line of dots is read by nobody."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NOT_RUN in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{NOT_RUN}: {len(skipped)} skipped", sep="!", red=True, bold=True)
        terminalreporter.line(str(skipped[0].longrepr[2]) if isinstance(skipped[0].longrepr, tuple) else "")
