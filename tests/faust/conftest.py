"""One real Kafka for this folder, beside other tests with Kafka in the same pytest-xdist worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker

HERE = Path(__file__).parent
LIMIT = 600  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.soak)
            item.add_marker(pytest.mark.xdist_group("kafka"))
            item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """Shared: neither to be killed nor paused."""
    with EmbeddedBroker() as broker:
        yield broker
