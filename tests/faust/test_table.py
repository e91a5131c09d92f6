"""The race of table recovery, over a link of 20 ms: seek back, fetched already, gap, acked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import free_port
from tests.faust.mill import Mill, document
from tests.faust.proxy import Proxy
from tests.faust.stock import Stock, no_more, until

DELAY = 0.02
STARTS = 5


@pytest.fixture
def distant() -> Iterator[str]:
    """The address of a broker behind the link; it names itself by it."""
    port = free_port()
    with (
        EmbeddedBroker(settings={"advertised.listeners": f"BROKER://127.0.0.1:{port}"}) as broker,
        Proxy(port, broker.port or 0, DELAY),
    ):
        yield f"127.0.0.1:{port}"


def test_stock_faust_loses_events_when_its_table_recovers(distant: str, tmp_path: Path) -> None:
    stock = Stock(distant, "table", tmp_path, partitions=8)
    stock.publish([b"%d" % number for number in range(16000)])
    for _ in range(STARTS):
        before = len(stock.outputs())
        with stock.running():
            assert until(lambda: len(stock.outputs()) > before + 150), stock.log.read_text()[-2000:]  # noqa: B023
            time.sleep(3.0)  # some commits
        if stock.lost():
            return
    pytest.fail(no_more("a table's recovery lost events"))


def test_a_worker_that_is_killed_and_restores_loses_nothing(distant: str, tmp_path: Path) -> None:
    mill = Mill(distant, tmp_path)
    mill.publish([document(number) for number in range(800)])
    with mill.running():
        for kills in range(1, 4):
            assert until(lambda: len(mill.outcomes()) > 100 * kills), mill.log.read_text()[-2000:]  # noqa: B023
            mill.kill()
            assert until(lambda: len(mill.exits) == kills)  # noqa: B023
        mill.assert_nothing_lost()
