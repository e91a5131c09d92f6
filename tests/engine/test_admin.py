"""Topics as they should be against topics as they are."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from agents.engine.admin import Found, Kind, administration, differences, told
from agents.engine.topics import Naming, TopicSpec, topic_table
from agents.engine.transport import UnavailableError

SPEC = TopicSpec("feeds.enriched", 4, {"cleanup.policy": "compact,delete", "retention.ms": "100"})
FINE = Found(4, 1, {"cleanup.policy": "delete,compact", "retention.ms": "100", "segment.ms": "7"})


@pytest.mark.parametrize(
    ("found", "kinds", "says"),
    [
        pytest.param(FINE, [], "", id="as it should be; a policy's parts have no order, other properties are free"),
        pytest.param(None, [Kind.MISSING], "feeds.enriched is missing.", id="missing"),
        pytest.param(
            Found(1, 1, FINE.config),
            [Kind.PARTITIONS],
            "feeds.enriched has 1 partition, should have 4.",
            id="partitions",
        ),
        pytest.param(
            Found(4, 1, {**FINE.config, "retention.ms": "9"}),
            [Kind.PROPERTY],
            "feeds.enriched: retention.ms is 9, should be 100.",
            id="property",
        ),
        pytest.param(
            Found(4, 1, {"retention.ms": "100", "cleanup.policy": "delete"}),
            [Kind.PROPERTY],
            "feeds.enriched: cleanup.policy is delete, should be compact,delete.",
            id="cleanup",
        ),
        pytest.param(
            Found(4, 1, {"cleanup.policy": "compact,delete"}),
            [Kind.PROPERTY],
            "feeds.enriched: retention.ms is not set, should be 100.",
            id="a property that the broker does not have",
        ),
        pytest.param(Found(2, 1, {}), [Kind.PARTITIONS, Kind.PROPERTY, Kind.PROPERTY], None, id="everything at once"),
    ],
)
def test_differences(found: Found | None, kinds: list[Kind], says: str | None) -> None:
    topics = {} if found is None else {SPEC.name: found}
    different = differences([SPEC], topics, 1)
    assert [one.kind for one in different] == kinds
    if says is not None:
        assert " ".join(told(different)) == says


def test_fewer_copies_are_told_and_more_are_fine() -> None:
    assert [one.kind for one in differences([SPEC], {SPEC.name: FINE}, 3)] == [Kind.REPLICATION]
    more = Found(4, 3, FINE.config)
    assert differences([SPEC], {SPEC.name: more}, 1) == []


def test_the_table_agrees_with_itself() -> None:
    table = topic_table(Naming(), partitions=4, replication=3)
    assert differences(table, {spec.name: Found(4, 3, spec.config) for spec in table}, 3) == []


async def test_nobody_there_is_a_sentence_with_the_address() -> None:
    with pytest.raises(UnavailableError, match=r"No Kafka broker answers at 127\.0\.0\.1:1 \(tried for 1 s; .+\)\."):
        async with administration({"bootstrap_servers": "127.0.0.1:1"}, within=1):
            pass


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("there", [pytest.param(False, id="nobody there"), pytest.param(True, id="one that is deaf")])
async def test_who_waits_is_told_for_whom_and_how_long(there: bool, deaf: str) -> None:
    address = deaf if there else "127.0.0.1:1"
    told: list[tuple[str, float]] = []
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        async with administration(
            {"bootstrap_servers": address}, within=2.5, waiting=lambda line: told.append((line, time.monotonic()))
        ):
            pass
    assert time.monotonic() - began < 5, "the limit holds whatever the broker does"
    [(line, at)] = told
    assert line == f"No Kafka broker answers at {address} yet; trying for 2.5 s."
    assert at - began < 2


def test_topics_that_differ_alike_are_one_sentence() -> None:
    """A wrong FEEDMILL_PARTITIONS was eleven lines."""
    table = topic_table(Naming(), partitions=4, replication=1)
    found = {spec.name: Found(2, 1, spec.config) for spec in table}
    del found["feeds.raw"]
    missing, different = told(differences(table, found, 1))
    assert missing == "feeds.raw is missing."
    assert different.startswith(f"{len(table) - 1} topics have 2 partitions, should have 4: ")
    assert all(name in different for name in found)
