"""The broker killed at each step of a transaction, on the engine's own transport; then a take-over, or the same worker
going on. What comes out is compared number by number: every record once, every revision in its place.

A broker of one node that is killed between its answer to a commit and the markers may come back, call the transaction
complete and never write them. Each test prints how often it did.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.engine import kafka
from agents.engine.broker import EmbeddedBroker
from agents.engine.kafka import KafkaChangelog
from agents.engine.store import MemoryTables
from agents.engine.topics import partition_of
from agents.engine.transport import Changelog, EngineError, Incoming, Transactions
from agents.stage import Topic
from schemas import StageName
from tests.kafka.deaths import (
    AbandonedError,
    Death,
    Memory,
    MortalTransactions,
    MortalTransport,
    Step,
    Where,
    remembered,
    standing_still,
)
from tests.kafka.test_engine import PARTITIONS, Owner, Place

SEED = 20261129
KILLS = 4
KEYS = [b"key %d" % number for number in range(8)]
TRIES = 30
"""Deaths after which a broker that has lost no markers yet is not expected to."""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


class UnclosedTransactions(MortalTransactions):
    """Takes an id over without the closing transaction."""

    async def fence(self, touch: Iterable[Where]) -> None:
        await self._producer.start()


class UnclosedTransport(MortalTransport):
    async def transactions(self, transactional_id: str) -> Transactions:
        return UnclosedTransactions(self, transactional_id)


class BlindChangelog(KafkaChangelog):
    """Takes the stable offset for the end, wherever the topic really ends."""

    async def bounds(self, topic: str, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        asked = [TopicPartition(topic, number) for number in partitions]
        begins, ends = await self.consumer.beginning_offsets(asked), await self.consumer.end_offsets(asked)
        return {at.partition: (begins[at], ends[at]) for at in asked}


class UncuredTransport(UnclosedTransport):
    async def changelog(self) -> Changelog:
        made = await super().changelog()
        assert isinstance(made, KafkaChangelog)
        made.__class__ = BlindChangelog
        return made


class Mill:
    """One stage on a broker that dies again and again, and the owners that come and go meanwhile."""

    def __init__(self, broker: EmbeddedBroker, seed: int, transport: type[MortalTransport] = MortalTransport) -> None:
        self.broker = broker
        self.rng = random.Random(seed)
        self.place = Place(broker.address)
        self.records: list[Incoming] = []
        self.told: Counter[str] = Counter()
        self._tables = MemoryTables()
        self._transport = transport
        self._owners: list[Owner] = []

    async def hire(self) -> Owner:
        """An owner, every other time without the state of the last one."""
        if self.rng.random() < 0.5:
            self._tables = MemoryTables()
        transport = self._transport(self.place.connection, self.place.naming.group)
        owner = Owner(self.place, self._tables, transport)
        self._owners.append(owner)
        await owner.start()
        return owner

    async def taken_over(self, records: list[Incoming]) -> Owner:
        """An owner that has worked through these records; one that ends is followed by another, as workers are."""
        for _ in range(5):
            try:
                owner = await self.hire()
                await owner.loop.run(records)
                return owner
            except EngineError as error:
                self.told["a next owner ended: " + str(error)[:80]] += 1
        raise AssertionError(f"five owners ended: {dict(self.told)}")

    async def publish(self, keys: Iterable[bytes]) -> list[Incoming]:
        """Add records to the input; all that stand there now."""
        self.records += await self.place.publish(*((key, 0) for key in keys))
        return list(self.records)

    def some(self, count: int) -> list[bytes]:
        return self.rng.choices(KEYS, k=count)

    async def kill(self, owner: Owner, step: Step, work: Callable[[], Any], *, survives: bool) -> asyncio.Task[Any]:
        """Kill the broker at a step of this work, and start it again; the work goes on if the owner survives."""
        transport = transport_of(owner)
        transport.death = death = Death(self.broker, step, self.rng)
        task = asyncio.create_task(work())
        try:
            # Also where the work is done before: the kill was meant for the way of its last answer.
            await asyncio.wait_for(death.came.wait(), 60)
        except TimeoutError:
            raise AssertionError(f"the broker did not come to its death: {task}") from None
        if not survives:
            transport.cut_off()
            task.cancel()
        transport.death = None
        await asyncio.to_thread(self.broker.kill)
        await asyncio.sleep(self.rng.uniform(0, 0.3))
        await asyncio.to_thread(self.broker.restart, within=180.0)
        self.told["kills"] += 1
        return task

    async def memory(self) -> Memory:
        """What the broker knows of the stage's id; counted."""
        naming = self.place.naming
        topics = (naming.topic(Topic.ENRICHED), naming.topic(Topic.DEAD_LETTER), naming.changelog(StageName.STORIES))
        places = [(topic, number) for topic in topics for number in range(PARTITIONS)]
        found = await remembered(self.broker.address, naming.transactional_id(StageName.STORIES, 0), places)
        self.told["last known as " + found.state.name.lower().replace("_", " ")] += 1
        self.told["markers lost"] += found.lost
        self.told["some markers lost, others not"] += found.partly
        return found

    async def outcome(self) -> dict[bytes, list[bytes]]:
        """What readers see once all is decided: the values of each key in their order."""
        topic = self.place.naming.topic(Topic.ENRICHED)
        places = [(topic, number) for number in range(PARTITIONS)]
        for _ in range(100):
            if not await standing_still(self.broker.address, places):
                break
            await asyncio.sleep(0.1)
        found: dict[bytes, list[bytes]] = {}
        for record in await self.place.read(topic):
            found.setdefault(record.key or b"", []).append(record.value or b"")
        return found

    @property
    def expected(self) -> dict[bytes, list[bytes]]:
        counts = Counter(record.key or b"" for record in self.records)
        return {key: [b"%d" % (number + 1) for number in range(count)] for key, count in counts.items()}

    async def end(self) -> None:
        await asyncio.gather(*(owner.stop() for owner in self._owners), return_exceptions=True)


def transport_of(owner: Owner) -> MortalTransport:
    assert isinstance(owner.transport, MortalTransport)
    return owner.transport


@pytest.fixture
async def begin() -> AsyncIterator[Callable[..., Any]]:
    """Begins a mill on a broker of its own."""
    mills: list[Mill] = []
    with EmbeddedBroker() as broker:

        async def begun(seed: int, transport: type[MortalTransport] = MortalTransport) -> Mill:
            mill = Mill(broker, seed, transport)
            mills.append(mill)
            await mill.place.create()
            return mill

        yield begun
        for mill in mills:
            await mill.end()
            print("\n  ", dict(mill.told))  # noqa: T201


Begin = Callable[..., Any]


@pytest.mark.parametrize("step", [one for one in Step if one not in (Step.FENCING, Step.CLOSING)])
async def test_after_a_death_at_work_the_next_owner_gives_each_record_once(begin: Begin, step: Step) -> None:
    mill = await begin(SEED)
    owner = await mill.hire()
    for _ in range(KILLS):
        records = await mill.publish(mill.some(3))
        await mill.kill(owner, step, lambda: owner.loop.run(records), survives=False)  # noqa: B023
        await mill.memory()
        owner = await mill.taken_over(await mill.publish(mill.some(2)))
    assert await mill.outcome() == mill.expected


@pytest.mark.parametrize("step", [Step.FENCING, Step.CLOSING])
async def test_after_a_death_at_take_over_the_next_owner_gives_each_record_once(begin: Begin, step: Step) -> None:
    mill = await begin(SEED)
    for _ in range(KILLS):
        dying = await mill.hire()
        transport_of(dying).abandons = True
        records = await mill.publish(mill.some(3))
        with pytest.raises(AbandonedError):
            await dying.loop.run(records)
        transport_of(dying).cut_off()
        heir = await mill.hire()
        await mill.kill(heir, step, lambda: heir.loop.run(records), survives=False)  # noqa: B023
        await mill.memory()
        await mill.taken_over(await mill.publish(mill.some(2)))
    assert await mill.outcome() == mill.expected


@pytest.mark.parametrize("step", list(Step))
async def test_a_worker_that_lives_through_the_death_goes_on_or_ends(begin: Begin, step: Step) -> None:
    """Its client asks again when the broker is back, and is told that all is well."""
    mill = await begin(SEED + 1)
    owner = await mill.hire()
    for _ in range(KILLS):
        if step in (Step.FENCING, Step.CLOSING):
            owner = await mill.hire()
        first, then = await mill.publish(mill.some(3)), await mill.publish(mill.some(1))

        async def work() -> None:
            await owner.loop.run(first)  # noqa: B023
            await owner.loop.run(then)  # noqa: B023
            await owner.loop.verify()  # noqa: B023

        task = await mill.kill(owner, step, work, survives=True)
        try:
            await asyncio.wait_for(task, 90)
            mill.told["went on"] += 1
        except EngineError as error:
            mill.told["ended: " + str(error)[:60]] += 1
            owner = await mill.taken_over(then)
    assert await mill.outcome() == mill.expected


async def until_markers_are_lost(mill: Mill) -> None:
    """Kill the broker between decision and markers until it comes back without the markers. The owner dies with it."""
    for _ in range(TRIES):
        owner = await mill.hire()
        records = await mill.publish(KEYS)
        await mill.kill(owner, Step.DECIDED, lambda: owner.loop.run(records), survives=False)  # noqa: B023
        if (await mill.memory()).lost:
            return
    pytest.fail(
        f"In {TRIES} deaths between decision and markers the broker lost none. A Kafka that does not any more? "
        "Then this test can go, and docs/guide/brokers.md be shorter."
    )


async def test_without_the_closing_transaction_lost_markers_double_the_outputs(begin: Begin) -> None:
    """What the cure is for: without it, and without the look at the watermark, everything was done twice."""
    mill = await begin(SEED + 2, UncuredTransport)
    await until_markers_are_lost(mill)
    heir = await mill.hire()
    await heir.loop.run(mill.records)
    outcome, expected = await mill.outcome(), mill.expected
    doubled = [key for key in KEYS if Counter(outcome[key]) - Counter(expected[key])]
    assert doubled == KEYS


async def test_without_the_closing_transaction_the_watermark_stops_the_worker(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "STABLE_WITHIN_SECONDS", 2.0)
    mill = await begin(SEED + 3, UnclosedTransport)
    await until_markers_are_lost(mill)
    heir = await mill.hire()
    with pytest.raises(EngineError, match="The stable offset of"):
        await heir.loop.run(mill.records)


def proof_of(owner: Owner) -> int:
    """The changelog offset of its last position."""
    proof = owner.loop.parts[0].store.proof
    assert proof is not None
    return proof[0]


@pytest.mark.parametrize("verifies", [True, False])
async def test_a_commit_that_the_broker_forgot_while_its_worker_lived_on(begin: Begin, verifies: bool) -> None:
    """The client asks again and is answered. The next commit decides the changelog, but not the first one's outputs."""
    one = [key for key in KEYS if partition_of(Topic.ENRICHED, key, 0, PARTITIONS) == 0][:1]
    mill = await begin(SEED + 4)
    for _ in range(TRIES):
        owner = await mill.hire()
        if not verifies:
            owner.loop.verify = _nothing
        first, then = await mill.publish(KEYS), await mill.publish(one)

        async def work() -> int:
            await owner.loop.run(first)  # noqa: B023
            before = proof_of(owner)  # noqa: B023
            await owner.loop.run(then)  # noqa: B023
            return proof_of(owner) - before  # noqa: B023

        task = await mill.kill(owner, Step.DECIDED, work, survives=True)
        forgot, apart = False, 0
        try:
            apart = await asyncio.wait_for(task, 90)
        except EngineError as error:
            forgot = "has lost the end of the last transaction" in str(error)
        await mill.taken_over(mill.records)
        outcome = await mill.outcome()
        if outcome != mill.expected and apart > 2:
            # The second one wrote a key and its position; a marker between shows that the first one's changelog had its
            # own, and the outputs had not. Lost in part is what the mill does not stand (docs/reliability.md).
            mill.told["some markers lost, others not"] += 1
            mill = await begin(mill.rng.randrange(1 << 30))
        elif outcome != mill.expected or forgot:
            break
    else:
        pytest.fail(f"In {TRIES} deaths the broker forgot no commit whose worker lived on.")
    assert (outcome == mill.expected) == verifies
    assert forgot == verifies


async def _nothing(parts: object = None) -> None:
    return None
