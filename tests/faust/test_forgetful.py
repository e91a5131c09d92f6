"""Outputs on their way while the broker is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from tests.faust.mill import Mill, document
from tests.faust.stock import Stock, no_more, until

AWAY = 7.0  # seconds
OUTAGES = 3
"""In which stock Faust may be lucky."""


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def outage(broker: EmbeddedBroker) -> None:
    broker.kill()
    time.sleep(AWAY)
    broker.restart()


def test_stock_faust_commits_what_it_has_not_delivered(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    stock = Stock(own_broker.address, "forgetful", tmp_path)
    for number in range(OUTAGES):
        stock.publish([b"%d-%d" % (number, event) for event in range(4000)])
        with stock.running():
            before = len(stock.outputs())
            assert until(lambda: len(stock.outputs()) > before + 200), stock.log.read_text()[-2000:]  # noqa: B023
            outage(own_broker)
            time.sleep(5.0)  # the commits that were waiting
            if until(lambda: bool(stock.lost()), 30):
                return
    pytest.fail(no_more("outputs lost in an outage, and their inputs committed"))


def test_a_worker_in_an_outage_loses_nothing(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    mill = Mill(own_broker.address, tmp_path)
    mill.publish([document(number) for number in range(1200)])
    with mill.running():
        assert until(lambda: len(mill.outcomes()) > 20), mill.log.read_text()[-2000:]
        outage(own_broker)
        mill.assert_nothing_lost()
