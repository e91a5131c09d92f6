"""An agent that raises."""

from __future__ import annotations

from pathlib import Path

from agents.engine.broker import EmbeddedBroker
from tests.faust.mill import Mill, document
from tests.faust.stock import Stock, no_more, until


def test_stock_faust_commits_the_event_that_its_agent_failed_at(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stock = Stock(broker.address, "raising", tmp_path)
    values = [b"%d" % number for number in range(40)]
    values[10] = b"poison"
    stock.publish(values)
    with stock.running():
        assert until(lambda: stock.committed() == {0: 40}), stock.log.read_text()[-2000:]
    assert stock.lost() == {b"poison"}, no_more("an event whose agent raised was committed")


def test_a_worker_whose_stage_fails_ends_and_loses_nothing(broker: EmbeddedBroker, tmp_path: Path) -> None:
    mill = Mill(broker.address, tmp_path, fault="raise RuntimeError('a service is away')")
    mill.publish([document(number, "poison" if number == 10 else "news") for number in range(40)])
    with mill.running():
        mill.assert_nothing_lost()
        assert mill.exits == [70]
