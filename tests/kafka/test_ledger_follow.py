"""`feedmill ledger --follow` on real topics: what is planted is found once and stands, and goes when it is mended."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.following import Follower, Terms, certainty
from agents.engine.frames import encode_frames
from agents.engine.rolling import Findings
from agents.stage import EntryRef, Topic
from schemas import StageName
from tests.kafka.lone import until
from tests.kafka.stand import Stand, dead_letter, duplicate
from tests.kafka.test_ledger import item, put_at
from tests.kafka.watchers import watching

DAY = 86_400.0


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"follow-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


class Audited:
    """A follower of a stand, and the rounds that it has done."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.ahead = 0.0  # seconds that its clock is ahead
        self.rounds: list[Findings] = []
        self.since_ms = 0
        self.follower = self.another()

    def another(self, window: float = DAY, grace: float = 0.0) -> Follower:
        return Follower(
            self._stand.connection,
            self._stand.naming,
            Terms(window=window, grace=grace, sure=0.2),
            self._show,
            clock=lambda: time.time() + self.ahead,
        )

    def _show(self, findings: Findings, since_ms: int) -> None:
        self.rounds.append(findings)
        self.since_ms = since_ms

    async def round(self) -> Findings:
        await asyncio.sleep(0.02)  # what was just written is older than now
        await self.follower.work()
        return self.rounds[-1]

    async def faults(self) -> dict[str, int]:
        """Those of a round, by kind; none of a kind is left out."""
        found = await self.round()
        counts = {kind: getattr(found, kind) for kind in ("missing", "doubled", "contradicting", "altered")}
        return {kind: count for kind, count in counts.items() if count}

    def news(self) -> dict[str, list[str]]:
        """What the last round was the first to find."""
        return {kind: [one.text for one in news.shown] for kind, news in self.rounds[-1].news.items() if news.count}


@pytest.fixture
async def audited(stand: Stand) -> AsyncIterator[Audited]:
    audited = Audited(stand)
    yield audited
    await audited.follower.close()


@pytest.mark.heavy
async def test_a_whole_mill_has_no_fault(stand: Stand, audited: Audited) -> None:
    await stand.put(Topic.RAW, [b"a", b"b"])
    await stand.put(Topic.RAW, [b"c"], partition=1)
    await stand.put(Topic.ENRICHED, [item(stand.source(0, 0, 2)), None, item(stand.source(0, partition=1))])
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(0, 1, 2))])
    await stand.put(Topic.DEAD_LETTER, [dead_letter(stand.source(1, None, None))])
    await stand.commit(Topic.RAW, 2)
    assert await audited.faults() == {}
    found = audited.rounds[-1]
    assert (found.entries, found.waiting, found.in_flight) == (4, 0, 0)
    await stand.put(Topic.RAW, [b"d"])
    await stand.put(Topic.ENRICHED, [item(stand.source(2))])
    assert (await audited.round()).entries == 5
    assert await audited.faults() == {}


async def test_what_an_open_transaction_hides_is_waited_for_until_kafka_has_looked(stand: Stand) -> None:
    """Kafka looks for transactions that are over time now and then: a dead worker's hides outcomes for so long too."""
    name = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
    async with administration(stand.connection) as admin:
        [answer] = await admin._client.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")])
    [(_, _, _, _, entries)] = answer.resources
    every = next(float(entry[1]) / 1000 for entry in entries if entry[0] == name)
    assert certainty(transaction_timeout=15.0) > 15.0 + every


async def test_outcomes_of_a_topic_that_had_the_name_before_are_nobodys(stand: Stand, audited: Audited) -> None:
    an_hour_ago = int(time.time() * 1000) - 3_600_000
    await put_at(stand, stand.naming.topic(Topic.ENRICHED), [(an_hour_ago, item(stand.source(0)))])
    await stand.put(Topic.RAW, [b"a"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0))])
    await stand.commit(Topic.RAW, 1)
    assert await audited.faults() == {}
    assert audited.rounds[-1].entries == 1


async def test_what_is_missing_stands_until_it_comes_and_is_told_of_once(stand: Stand, audited: Audited) -> None:
    await stand.put(Topic.RAW, [b"a", b"b", b"c"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0, 0, 3))])
    await stand.commit(Topic.RAW, 2)
    raw = stand.naming.topic(Topic.RAW)
    assert await audited.faults() == {"missing": 3}
    what = "has no outcome and is not on its way"
    assert audited.news() == {"Missing": [f"{raw}/0/0/1 {what}", f"{raw}/0/0/2 {what}", f"{raw}/0/1 {what}"]}
    assert audited.rounds[-1].waiting == 1
    await stand.put(Topic.RAW, [b"d"], partition=1)
    await stand.put(Topic.ENRICHED, [item(stand.source(0, partition=1))])
    assert await audited.faults() == {"missing": 3}
    assert audited.news() == {}
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(0, 1, 3))])
    await stand.put(Topic.DEAD_LETTER, [dead_letter(stand.source(1, None, None))])
    assert await audited.faults() == {"missing": 1}
    assert audited.news() == {}
    await stand.commit(Topic.RAW, 3)
    assert await audited.faults() == {"missing": 2}
    assert audited.news() == {"Missing": [f"{raw}/0/2 {what}"]}


@pytest.mark.heavy
async def test_what_is_between_the_stages_is_on_its_way(stand: Stand, audited: Audited) -> None:
    await stand.put(Topic.RAW, [b"a"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0, 0, 3))])
    frames = encode_frames([(EntryRef(0, 0, 1), b"entry"), (EntryRef(0, 0, 0), b"entry")])
    (offset,) = await stand.put(Topic.NEWS, [value for value, _ in frames])
    await stand.commit(Topic.RAW, 1)
    assert await audited.faults() == {"missing": 1}
    assert audited.rounds[-1].in_flight == 1
    await stand.commit(Topic.NEWS, offset + 1)
    assert await audited.faults() == {"missing": 2}
    assert len(audited.news()["Missing"]) == 1


@pytest.mark.heavy
async def test_where_the_groups_offsets_expired_the_changelogs_say_what_is_done(stand: Stand, audited: Audited) -> None:
    await stand.put(Topic.RAW, [b"a", b"b"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0))])
    await stand.commit(Topic.RAW, 2)
    assert await audited.faults() == {"missing": 1}
    await stand.lose_offsets()
    await stand.stand_at(StageName.PARSE, 2)
    assert await audited.faults() == {"missing": 1}


@pytest.mark.heavy
async def test_young_documents_are_not_judged(stand: Stand, audited: Audited) -> None:
    audited.follower = audited.another(grace=600)
    await stand.put(Topic.RAW, [b"a", b"b"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0, 0, 3))])
    await stand.commit(Topic.RAW, 2)
    assert await audited.faults() == {}
    found = audited.rounds[-1]
    assert (found.entries, found.waiting, found.in_flight) == (0, 0, 3)
    audited.ahead = 601
    assert await audited.faults() == {"missing": 3}


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("planted", "kind", "text"),
    [
        pytest.param(
            lambda stand: [item(stand.source(0)), item(stand.source(0))],
            "doubled",
            "{raw}/0/0/0: has another outcome, and the one at {enriched}/0/1",
            id="doubled",
        ),
        pytest.param(
            lambda stand: [item(stand.source(0)), item(stand.source(0, 1, 2))],
            "contradicting",
            "{raw}/0/0/1: of 1 entries by one outcome, of 2 by {enriched}/0/1",
            id="two counts",
        ),
        pytest.param(
            lambda stand: [item(stand.source(0), id="not hex" + "0" * 25)],
            "altered",
            "{enriched}/0/0: 'not hex0000000000000000000000000' and 1 are no item's id and revision",
            id="no id",
        ),
    ],
)
async def test_what_is_wrong_is_counted_and_told_of_once(
    stand: Stand, audited: Audited, planted: Callable[[Stand], list[object]], kind: str, text: str
) -> None:
    await stand.put(Topic.RAW, [b"a"])
    await stand.put(Topic.ENRICHED, planted(stand))
    await stand.commit(Topic.RAW, 1)
    for number in range(2):
        assert await audited.faults() == {kind: 1}
        names = {"raw": stand.naming.topic(Topic.RAW), "enriched": stand.naming.topic(Topic.ENRICHED)}
        assert audited.news() == ({} if number else {kind.capitalize(): [text.format(**names)]})


@pytest.mark.heavy
async def test_a_number_that_was_left_out_and_comes_later(stand: Stand, audited: Audited) -> None:
    """Not judged while something is on its way: it may be that one."""
    name = "0" * 32
    await stand.put(Topic.RAW, [b"a", b"b", b"c"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0), id=name), item(stand.source(2), id=name, revision=3)])
    await stand.commit(Topic.RAW, 1)
    assert await audited.faults() == {}
    await stand.commit(Topic.RAW, 3)
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(1))])
    raw = stand.naming.topic(Topic.RAW)
    for _ in range(2):
        assert await audited.faults() == {"altered": 1}
    assert [news.shown[0].text for found in audited.rounds if (news := found.news["Altered"]).count] == [
        f"{raw}/0/2/0: revision 3 of its item, and the one before is revision 1"
    ]


@pytest.mark.heavy
async def test_the_window_moves_on_and_faults_go_with_it(stand: Stand, audited: Audited) -> None:
    audited.follower = audited.another(window=3600)
    await stand.put(Topic.RAW, [b"lost", b"doubled"])
    await stand.put(Topic.ENRICHED, [item(stand.source(1)), item(stand.source(1))])
    await stand.commit(Topic.RAW, 2)
    assert await audited.faults() == {"missing": 1, "doubled": 1}
    audited.ahead = 3700
    assert await audited.faults() == {}
    assert audited.rounds[-1].entries == 0
    audited.ahead = 0
    await stand.put(Topic.RAW, [b"lost too"])
    await stand.commit(Topic.RAW, 3)
    assert await audited.faults() == {"missing": 1}


@pytest.mark.heavy
@pytest.mark.parametrize("began", ["before", "after"])
async def test_a_backlog_older_than_the_window_is_judged(stand: Stand, audited: Audited, began: str) -> None:
    """The ledger was there when they came, or began when they were older than its window."""
    audited.follower = audited.another(window=3600)
    now, hour = int(time.time() * 1000), 3_600_000
    raw = stand.naming.topic(Topic.RAW)
    await put_at(stand, raw, [(now - 3 * hour, b"done before"), (now - 2 * hour, b"moving"), (now - 2 * hour, b"lost")])
    await put_at(stand, stand.naming.topic(Topic.ENRICHED), [(now - 3 * hour, item(stand.source(0)))])
    if began == "before":
        audited.ahead = -2.5 * 3600
        await audited.round()
        audited.ahead = 0
    assert await audited.faults() == {}
    assert audited.rounds[-1].waiting == 2
    frames = encode_frames([(EntryRef(0, 1, 0), b"entry")])
    (offset,) = await stand.put(Topic.NEWS, [value for value, _ in frames])
    await stand.commit(Topic.RAW, 2)
    assert await audited.faults() == {}
    assert (audited.rounds[-1].waiting, audited.rounds[-1].in_flight) == (1, 1)
    await stand.commit(Topic.RAW, 3)
    await stand.commit(Topic.NEWS, offset + 1)
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(1))])
    assert await audited.faults() == {"missing": 1}
    assert audited.news() == {"Missing": [f"{raw}/0/2 has no outcome and is not on its way"]}


@pytest.mark.heavy
async def test_what_retention_deletes_before_the_mill_took_it_is_missing(stand: Stand, audited: Audited) -> None:
    """A worker finds it gone and goes on behind it; nobody else would say so."""
    await stand.put(Topic.RAW, [b"never taken", b"b"])
    assert await audited.faults() == {}
    await stand.forget(Topic.RAW, 1)
    assert await audited.faults() == {}, "it waits, as far as the mill knows"
    await stand.commit(Topic.RAW, 2)
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(1))])
    assert await audited.faults() == {"missing": 1}
    assert audited.news() == {"Missing": [f"{stand.naming.topic(Topic.RAW)}/0/0 has no outcome and is not on its way"]}


@pytest.mark.heavy
async def test_what_retention_eats_is_no_fault(stand: Stand, audited: Audited) -> None:
    """Of the raw topic: what is gone is judged no more. Of the outcomes: what was read is known."""
    await stand.put(Topic.RAW, [b"lost", b"b", b"c"])
    await stand.put(Topic.ENRICHED, [item(stand.source(1)), item(stand.source(2))])
    await stand.commit(Topic.RAW, 3)
    assert await audited.faults() == {"missing": 1}
    await stand.forget(Topic.RAW, 1)
    assert await audited.faults() == {}
    assert audited.rounds[-1].entries == 2
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(9))])
    await audited.round()
    await stand.forget(Topic.DUPLICATES, 1)
    assert await audited.faults() == {}
    assert audited.rounds[-1].entries == 2


@pytest.mark.heavy
async def test_outcomes_that_went_before_they_were_read_move_the_horizon(stand: Stand, audited: Audited) -> None:
    """While nobody was looking: what they were outcomes of cannot be judged, and is not said to be missing."""
    now, hour = int(time.time() * 1000), 3_600_000
    raw, duplicates = stand.naming.topic(Topic.RAW), stand.naming.topic(Topic.DUPLICATES)
    await put_at(stand, raw, [(now - 10 * hour, b"old"), (now - hour, b"new")])
    await stand.put(Topic.ENRICHED, [item(stand.source(1))])
    await stand.commit(Topic.RAW, 2)
    assert await audited.faults() == {"missing": 1}
    await put_at(
        stand, duplicates, [(now - 10 * hour, duplicate(stand.source(0))), (now - 2 * hour, duplicate(stand.source(9)))]
    )
    await stand.forget(Topic.DUPLICATES, 1)
    assert await audited.faults() == {}
    assert audited.since_ms == now - 2 * hour + 60_000
    assert audited.rounds[-1].entries == 1


def fault_lines(said: str) -> list[str]:
    return [line for line in said.splitlines() if "warning" in line and ("Missing: " in line or "Doubled: " in line)]


@pytest.mark.heavy
def test_the_service_through_a_broker_that_goes_and_comes(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        stand = Stand(broker.address, "service")
        asyncio.run(stand.create())
        asyncio.run(stand.put(Topic.RAW, [b"a", b"b"]))
        asyncio.run(stand.put(Topic.ENRICHED, [item(stand.source(0))]))
        asyncio.run(stand.commit(Topic.RAW, 2))
        words = ("ledger", "--follow", "--every", "1", "--grace", "1s")
        environment = {**stand.environment, "FEEDMILL_TRANSACTION_TIMEOUT_SECONDS": "1"}
        with watching(environment, tmp_path, *words) as watcher:
            assert watcher.settles(ledger_missing=1, ledger_entries=1, ledger_doubled=0), watcher.said
            began = watcher.figure("ledger_timestamp_seconds") or 0
            assert abs(began - time.time()) < 30
            assert abs((watcher.figure("ledger_horizon_timestamp_seconds") or 0) - (time.time() - DAY)) < 60
            broker.kill()
            assert until(lambda: (watcher.figure("ledger_failures_total") or 0) >= 1, 90), watcher.said
            assert watcher.probe("healthz")[0] == 200
            assert watcher.figure("ledger_missing") == 1
            assert until(lambda: watcher.probe("readyz")[0] == 503, 90)
            broker.restart()
            asyncio.run(stand.put(Topic.ENRICHED, [item(stand.source(0)), item(stand.source(1))]))
            assert watcher.settles(ledger_missing=0, ledger_doubled=1, ledger_entries=2), watcher.said
            assert until(lambda: watcher.probe("readyz")[0] == 200, 60)
            lines = fault_lines(watcher.said)
            assert len(lines) == 2, lines
            assert "service.raw/0/1 has no outcome" in lines[0]
            assert "service.raw/0/0/0: has another outcome" in lines[1]
            assert "Traceback" not in watcher.said
            assert watcher.end() == 0


def test_follow_has_terms_that_can_be(stand: Stand) -> None:
    for words, says in (
        (("--json",), "belong to a single audit"),
        (("--grace", "2d"), "Nothing would ever be judged"),
        (("--window", "long"), "is no span of time"),
    ):
        done = stand.run("ledger", "--follow", *words)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr
