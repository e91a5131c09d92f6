"""One real Kafka for all tests of this folder. Where it cannot start they fail; nothing here skips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker

HERE = Path(__file__).parent
LIMIT = 300  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under pytest-xdist (`--dist loadgroup`) these tests stay in one worker, which starts the one broker.

    Their limit is wider than others': the first of them may have to fetch Kafka.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka"))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """The run's broker. It is shared: use topics of your own, and neither kill nor pause it.

    A test that hurts its broker starts one for itself (1.3 s).
    """
    with EmbeddedBroker() as broker:
        yield broker
