"""A value that cannot be decoded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agents.engine.broker import EmbeddedBroker
from agents.stage import Topic
from tests.faust.mill import Mill, document
from tests.faust.stock import Stock, no_more, until


def reports(count: int, poison: int) -> list[bytes]:
    values = [b'{"number": %d}' % number for number in range(count)]
    values[poison] = b'{"number'
    return values


def test_stock_faust_commits_what_it_cannot_read_without_a_trace(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stock = Stock(broker.address, "typed", tmp_path)
    stock.publish(reports(60, poison=20))
    with stock.running():
        assert until(lambda: stock.committed() == {0: 60}), no_more("an unreadable value is committed")
    assert len(stock.outputs()) == 59
    assert b'{"number' in stock.passed(), no_more("an unreadable value is committed")


def test_stock_faust_stands_still_in_batches_before_what_it_cannot_read(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stock = Stock(broker.address, "typed", tmp_path, STOCK_BATCHES="1")
    stock.publish(reports(60, poison=20))
    with stock.running() as process:
        assert until(lambda: "Worker ready" in stock.log.read_text()), stock.log.read_text()[-2000:]
        # three times what a restart of its agent takes
        assert not until(lambda: len(stock.outputs()) >= 59, 15.0), no_more("an agent of batches stands still")
        assert process.poll() is None


def test_a_worker_makes_a_dead_letter_of_what_it_cannot_read(broker: EmbeddedBroker, tmp_path: Path) -> None:
    mill = Mill(broker.address, tmp_path)
    documents = [document(number) for number in range(60)]
    documents[20] = b"\xff\xfe\x00\xd8\x01"
    mill.publish(documents)
    with mill.running():
        mill.assert_nothing_lost()
        assert mill.exits == []
    assert len(asyncio.run(mill.stand.get(Topic.DEAD_LETTER))) == 1
    assert len(asyncio.run(mill.stand.get(Topic.ENRICHED))) == 59
