"""Events of one partition that are done out of order."""

from __future__ import annotations

from pathlib import Path

from agents.engine.broker import EmbeddedBroker
from tests.faust.mill import Mill, document
from tests.faust.stock import Stock, no_more, until


def test_stock_faust_commits_past_an_event_that_is_still_in_hand(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stock = Stock(broker.address, "concurrent", tmp_path)
    stock.publish([b"poison", *(b"%d" % number for number in range(59))])
    with stock.running():
        assert until(lambda: len(stock.outputs()) >= 40), stock.log.read_text()[-2000:]
        assert until(lambda: stock.committed().get(0, 0) > 1, 20), no_more("commits passed over an event in hand")
    assert b"poison" in stock.lost(), no_more("commits passed over an event in hand")


def test_a_worker_that_is_killed_with_a_document_in_hand_does_it_again(broker: EmbeddedBroker, tmp_path: Path) -> None:
    mill = Mill(broker.address, tmp_path, fault="time.sleep(3600)")
    mill.publish([document(0, "poison"), *(document(number) for number in range(1, 60))])
    with mill.running():
        assert until((tmp_path / "met").exists), mill.log.read_text()[-2000:]
        mill.publish([document(number) for number in range(60, 80)])
        mill.kill()
        mill.assert_nothing_lost()
        assert mill.exits == [-9]
