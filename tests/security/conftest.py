"""A secured Kafka for all tests of this folder. Where it cannot start they fail; nothing here skips."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.kafka import SecuredKafka
from tests.security.mill import SecuredMill

HERE = Path(__file__).parent
LIMIT = 900  # seconds; some start several workers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With the other Kafka tests in one worker of pytest-xdist, for its machine has room for one broker."""
    for item in items:
        if HERE in item.path.parents and {"kafka", "mill"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka"))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """Use topics and users of your own."""
    made = SecuredKafka(tmp_path_factory.mktemp("certificates"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def mill(kafka: SecuredKafka, request: pytest.FixtureRequest) -> SecuredMill:
    """A mill of one module's own: its topics, and each role's user with just what the role needs."""
    made = SecuredMill(kafka, request.module.__name__.rpartition("_")[2])
    asyncio.run(made.prepare())
    return made
