"""The world of the model: one history, in which things happen to workers, their group and the broker."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from agents.engine.frames import decode_frame
from agents.engine.loop import StageLoop
from agents.engine.topics import INPUT, Naming
from agents.engine.transport import EngineError, FencedError, Outgoing, UnavailableError
from agents.stage import INTERNAL, Headers, Stage, Topic
from schemas import StageName
from tests.engine.model.broker import ModelBroker, Place
from tests.engine.model.documents import MARKS, Planned, plan, replay_header
from tests.engine.model.eventloop import Quiet, answer
from tests.engine.model.faults import Faults, rates
from tests.engine.model.group import Group
from tests.engine.model.worker import Disk, Waiting, Worker

PARTITIONS = 2
NOW = datetime(2026, 11, 1, tzinfo=UTC)
MOST_STEPS = 5_000
MOST_WORKERS = 4

HISTORIES_OF_A_PLAN = 10
"""Neighbouring seeds publish the same records: what the stages make of them need not be worked out each time."""

WORKER_FAULTS = ("kill", "stop", "pause", "evict", "cut_off")

Stages = Mapping[StageName, Stage[Any]]
LoopMaker = type[StageLoop[Any]]

REFUSAL = "the model's topic takes no such record"


ENDS = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)

_NAMES = {topic: Naming("m").topic(topic) for topic in Topic}
TOPICS = {name: topic for topic, name in _NAMES.items()}


class Names(Naming, frozen=True):
    """The mill's own names, made once: a history asks for them a thousand times."""

    def topic(self, topic: Topic) -> str:
        return _NAMES[topic]


NAMING = Names("m")

INPUTS: list[Place] = [(NAMING.topic(INPUT[stage]), number) for stage in StageName for number in range(PARTITIONS)]
CHANGELOGS: list[Place] = [(NAMING.changelog(stage), number) for stage in StageName for number in range(PARTITIONS)]
OUTPUTS: list[Place] = [(NAMING.topic(topic), number) for topic in ENDS for number in range(PARTITIONS)]


class Event(NamedTuple):
    """One line of the history. `producer` is the transactional id that it is about; empty: everybody's."""

    step: int
    producer: str
    what: str


class World:
    """`run` plays one history to its end: faults first, then peace until everything is worked off.

    With `diary` it writes down what the broker was asked, too.
    """

    def __init__(
        self,
        seed: int,
        stages: Stages,
        make_loop: LoopMaker = StageLoop,
        faults: Faults | None = None,
        *,
        foreign: Sequence[Disk] = (),
        diary: bool = False,
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.naming = NAMING
        self.partitions = PARTITIONS
        self.stages = stages
        self.make_loop = make_loop
        self.faults = faults or Faults()
        self.foreign = foreign
        self.broker = ModelBroker(self._refusal)
        self.group = Group(self.rng, INPUTS, self._assigned)
        self.records: Sequence[Planned] = plan(seed // HISTORIES_OF_A_PLAN, PARTITIONS, self.faults)
        self.places: list[tuple[int, int]] = []
        """Partition and offset of each record that was published."""
        self.workers: list[Worker] = []
        self.waiting: list[Waiting] = []
        self.peace = False
        self.ended = False
        self.skip: set[str] = set()
        """What the operator has named in FEEDMILL_SKIP_RECORDS."""
        self.garbage: Counter[str] = Counter()
        """Records that are no frames, and how many workers ended at each."""
        self.history: list[Event] = []
        self.tally: Counter[str] = Counter()
        self.wrong: list[str] = []
        """What no history may bring: bugs, and alarms that are false."""
        self.calls = self.commits = self.commits_among_faults = 0
        self._alive: list[Worker] = []
        self._paused: list[Worker] = []
        self._rates = rates(self.faults)
        self._any_of_worker = sum(self._rates[kind] for kind in WORKER_FAULTS)
        self._any_of_broker = sum(self._rates[kind] for kind, _ in self._broker_faults)
        self._slept = self._restarting = 0.0
        self._limited = self._limited_topics()
        self._outsiders: dict[int, str] = {}
        self.batch_records = self.rng.choice((1, 2)) if self.rng.random() < self.faults.small_batches else 1000
        self._to_lose = self.rng.random() < self.faults.lose_changelog
        self.lost: Place | None = None
        """The changelog that was lost: from then on the mill has to stand still there."""
        self.stopped_there = 0
        self.loop = Quiet()
        if diary:
            self.broker.diary = lambda producer, what: self.history.append(Event(self.broker.step, producer, what))

    @property
    def steps(self) -> int:
        return self.broker.step

    def run(self) -> None:
        """Play: whenever every task waits for a step, one thing happens."""
        try:
            self.loop.play(self._begin, self._happen)
        finally:
            for worker in self.workers:
                worker.kill()
            self.loop.end()

    def count(self, tally: Counter[str]) -> None:
        """Add what this history consisted of."""
        tally.update(self.tally)
        tally.update(
            {
                "histories": 1,
                "steps": self.steps,
                "calls": self.calls,
                "transactions": self.broker.transactions,
                "commits": self.commits,
                "commits among faults": self.commits_among_faults,
                "assignments": self.group.generation,
                "raw records": len(self.records),
                "entries": sum(planned.entries for planned in self.records),
                **Counter(f"raw {planned.about}" for planned in self.records),
            }
        )

    def forget(self) -> None:
        """Break the circles of a history that is over, so that its memory is free at once."""
        loops = [loop for worker in self.workers for loop in worker.loops.values()]
        for one in (*loops, *self.workers, self.broker, self.group, self):
            one.__dict__.clear()

    # -- what the workers ask of it

    def drop(self, worker: Worker) -> None:
        """Forget the calls of a dead worker: they never return."""
        self.waiting = [one for one in self.waiting if one.worker is not worker]
        self._alive = [one for one in self._alive if one is not worker]
        self._paused = [one for one in self._paused if one is not worker]

    def timer(self) -> float:
        return self.broker.step * 0.01 + self._slept

    def clock(self) -> datetime:
        return NOW

    def chance(self, fault: str) -> bool:
        """Whether a fault befalls a call."""
        if self.peace or self.rng.random() >= self._rates[fault]:
            return False
        self.tally[fault] += 1
        return True

    def now_and_then(self) -> bool:
        return not self.peace and self.rng.random() < self.faults.within

    def maybe_pause(self, worker: Worker, fault: str, where: str) -> None:
        """At the worst moments to be paused; and the session may end."""
        if self.chance(fault):
            self._pause(worker)
            self.tell(f"{worker.name} is paused {where}")
            if self.rng.random() < 0.5:
                self._end_session(worker)

    def committed(self) -> None:
        self.commits += 1
        self.commits_among_faults += not self.peace

    def broker_restarts(self) -> None:
        """Takes some seconds, from the next step on."""
        self._restarting = 5.0

    def stopped(self, worker: Worker) -> None:
        self.tell(f"{worker.name} has stopped in order")
        self.drop(worker)
        self.group.leave(worker)

    def died(self, worker: Worker, why: EngineError) -> None:
        """A worker ended itself, as the engine does on any failure; its manager starts another."""
        self.tell(f"{worker.name} ended: {why}")
        self._count_end(worker, why)
        worker.kill()
        self.group.leave(worker)
        self._spawn(worker.disk, f"{worker.name}+")

    def bug(self, worker: Worker, error: Exception) -> None:
        self.wrong.append(f"a bug ended {worker.name}: {error!r}")
        worker.kill()
        self.group.leave(worker)

    def restored(self, worker: Worker, stage: StageName, partition: int, records: int, rebuilt: str | None) -> None:
        self.tally["restores"] += 1
        if rebuilt is not None:
            self.tally[f"rebuilt: {_rebuilt(rebuilt)}"] += 1
        if self.broker.diary is not None:
            because = f", rebuilt: {rebuilt}" if rebuilt else ""
            id = self.naming.transactional_id(stage, partition)
            self.broker.diary(id, f"{worker.name} restores {stage.value}/{partition}: {records} records{because}")

    def tell(self, what: str) -> None:
        self.history.append(Event(self.broker.step, "", what))

    # -- what happens

    def _begin(self) -> None:
        workers = self.rng.randint(1, 3)
        self.group.expect(workers)
        for number in range(workers):
            self._spawn(Disk(), f"w{number}")

    def _happen(self) -> bool:
        """Let one thing happen; False at the end of the history."""
        broker = self.broker
        broker.step += 1
        if self._restarting:
            self._slept += self._restarting
            self._restarting = 0.0
        if self.wrong or broker.step > MOST_STEPS:
            return False
        if not self.peace:
            if self._to_lose and broker.step > self.faults.steps // 2:
                self._lose_changelog()
            if broker.step > self.faults.steps:
                self._make_peace()
            elif self._befall():
                return True
        elif broker.step % 8 == 0 and len(self.places) == len(self.records) and self._done():
            self.ended = True
            return False
        if self.lost and (self.stopped_there >= 3 or broker.step > self.faults.steps + 300):
            return False
        if not self._alive:
            self._spawn(Disk(), f"w{len(self.workers)}")
        self._progress()
        self._let_go()
        return True

    def _progress(self) -> None:
        """What is no fault: records come, timers are due, markers are written, senders decide."""
        rng, broker = self.rng, self.broker
        if len(self.places) < len(self.records) and rng.random() < (0.3 if self.peace else 0.06):
            self._publish(self.records[len(self.places)])
        if broker.late and rng.random() < 0.4:
            broker.write_markers(rng.choice(broker.late), most=rng.randint(1, 3))
        if self._outsiders and rng.random() < 0.1:
            self._decide_outsider(next(iter(self._outsiders)))

    def _let_go(self) -> None:
        """Let one of the calls go on that can; each with the same chance."""
        waiting, random = self.waiting, self.rng.random
        count = len(waiting)
        while count:
            place = int(random() * count)
            one = waiting[place]
            if not one.worker.paused and (one.may is None or one.may()):
                waiting[place] = waiting[-1]
                waiting.pop()
                if one.worker.cut_off:
                    one.worker.cut_off = False
                    answer(one.future, UnavailableError("the broker cannot be reached"))
                else:
                    answer(one.future, one.answer)
                self.calls += 1
                return
            count -= 1
            waiting[place], waiting[count] = waiting[count], one

    # -- faults

    def _befall(self) -> bool:
        """Let a fault happen, or mostly none. True where it was a worker's: it takes the whole step."""
        rng, alive = self.rng, self._alive
        chance = rng.random() - self._any_of_worker * len(alive)
        if chance < 0:
            self._befall_worker(rng.choice(alive))
            return True
        paused = self._paused
        if paused and rng.random() < self.faults.wake * len(paused):
            self._expire_or_wake(rng.choice(paused))
            return True
        if chance > self._any_of_broker:
            return False
        for kind, happen in self._broker_faults:
            chance -= self._rates[kind]
            if chance < 0:
                if happen(self):
                    self.tally[kind] += 1
                return False
        return False

    def _befall_worker(self, worker: Worker) -> None:
        kind = self.rng.choices(WORKER_FAULTS, [self._rates[kind] for kind in WORKER_FAULTS])[0]
        if kind == "kill":
            self._kill(worker, self.faults.restart)
        elif kind == "stop" and not worker.stopping:
            worker.stopping = True
            self.tell(f"{worker.name} is told to stop")
        elif kind == "pause" and not worker.paused:
            self._pause(worker)
            self.tell(f"{worker.name} is paused")
        elif kind == "evict" and worker in self.group.members:
            self._end_session(worker)
        elif kind == "cut_off":
            worker.cut_off = True
            self.tell(f"{worker.name} is cut off")
        else:
            return
        self.tally[kind] += 1

    def _kill(self, worker: Worker, restart: float) -> None:
        self.tell(f"{worker.name} is killed")
        worker.kill()
        self._befall_disk(worker)
        rng, faults = self.rng, self.faults
        if rng.random() >= restart:
            self.group.leave(worker)
            return
        heir = self._spawn(worker.disk, f"{worker.name}'")
        if rng.random() < faults.seat and self.group.seat(worker, heir):
            self.tell(f"{heir.name} takes the seat of {worker.name}")
            self.tally["seat"] += 1
        else:
            self.group.leave(worker)

    def _befall_disk(self, worker: Worker) -> None:
        rng, faults, disk = self.rng, self.faults, worker.disk
        chance = rng.random()
        names = sorted(name for name in disk.tables.content if disk.tables.content[name])
        if (chance := chance - faults.wipe) < 0:
            worker.disk, kind = Disk(), "wipe"
        elif (chance := chance - faults.power_cut) < 0:
            disk.power_cut(lambda writes: rng.randint(0, min(writes, 4)))
            kind = "power_cut"
        elif (chance := chance - faults.foreign) < 0 and self.foreign:
            worker.disk, kind = self._as_it_once_was(self.foreign), "foreign"
        elif (chance := chance - faults.stale) < 0:
            worker.disk, kind = self._as_it_once_was([one.disk for one in self.workers]), "stale"
        elif chance - faults.damage < 0 and names:
            disk.damage(rng.choice(names), rng.choice(("newer", "unreadable")))
            kind = "damage"
        else:
            return
        self.tally[kind] += 1
        self.tell(f"the disk of {worker.name}: {kind.replace('_', ' ')}")

    def _as_it_once_was(self, disks: Sequence[Disk]) -> Disk:
        copy = self.rng.choice(disks).copy()
        copy.power_cut(lambda writes: self.rng.randint(0, writes))
        return copy

    def _pause(self, worker: Worker) -> None:
        if not worker.paused:
            worker.paused = True
            self._paused.append(worker)

    def _expire_or_wake(self, worker: Worker) -> None:
        if worker in self.group.members and self.rng.random() < 0.6:
            self._end_session(worker)
        else:
            self.tell(f"{worker.name} goes on")
            self.tally["wake"] += 1
            worker.paused = False
            self._paused.remove(worker)

    def _end_session(self, worker: Worker) -> None:
        self.tell(f"the session of {worker.name} ends")
        self.tally["session ends"] += 1
        self.group.leave(worker)

    def _time_out(self) -> bool:
        open_ = sorted(id for id, producer in self.broker.producers.items() if producer.current is not None)
        if not open_:
            return False
        id = self.rng.choice(open_)
        self.tell(f"the transaction of {id} times out")
        self.broker.time_out(id)
        return True

    def _compact(self) -> bool:
        place = self.rng.choice(CHANGELOGS)
        end = self.broker.end_offset(place)
        if end < 3:
            return False
        self.broker.compact(place, self.rng.randint(0, end - 2))
        return True

    def _join(self) -> bool:
        if len(self._alive) >= MOST_WORKERS:
            return False
        self._spawn(Disk(), f"w{len(self.workers)}")
        return True

    def _forget_hints(self) -> bool:
        place = self.rng.choice(INPUTS)
        if (offset := self.broker.offsets.get(place)) is None:
            return False
        if self.rng.random() < 0.5:
            del self.broker.offsets[place]
        else:
            self.broker.offsets[place] = self.rng.randint(0, offset)
        return True

    def _outage(self) -> bool:
        self.tell("the broker cannot be reached")
        for worker in self._alive:
            worker.cut_off = True
        return True

    def _slow(self) -> bool:
        self._slept += 3.0
        return True

    def _write_garbage(self) -> bool:
        topic, partition = self.rng.choice([place for place in INPUTS if TOPICS[place[0]] in INTERNAL])
        value = self.rng.choice((b"\xc1", b"\x93\x01\x02\x03", b""))
        offset = self.broker.publish(Outgoing(topic, partition, None, value))
        self.garbage[f"{topic}/{partition}/{offset}"] = 0
        self.tell(f"somebody writes {topic}/{partition}/{offset}, which is no frame")
        return True

    _broker_faults: tuple[tuple[str, Callable[[World], bool]], ...] = (
        ("time_out", _time_out),
        ("compact", _compact),
        ("join", _join),
        ("forget_hints", _forget_hints),
        ("outage", _outage),
        ("slow", _slow),
        ("garbage", _write_garbage),
    )

    def _lose_changelog(self) -> None:
        """Somebody deletes a changelog while no worker is alive; the group's offset says that there was one."""
        hinted = [number for number, place in enumerate(INPUTS) if self.broker.offsets.get(place)]
        if not hinted:
            return
        self.batch_records = self.rng.choice((1, 2)) if self.rng.random() < self.faults.small_batches else 1000
        self._to_lose = False
        self.lost = CHANGELOGS[self.rng.choice(hinted)]
        for worker in list(self._alive):
            self._kill(worker, restart=0.0)
        self.tell(f"{self.lost[0]}/{self.lost[1]} is lost")
        self.broker.recreate(self.lost)

    def _make_peace(self) -> None:
        self.peace = True
        self.tell("peace")
        for worker in self._paused:
            worker.paused = False
        self._paused.clear()

    def _count_end(self, worker: Worker, why: EngineError) -> None:
        text = str(why)
        if "is no frame" in text:
            kind = "unreadable frame"
            for place in self.garbage:
                if f"{place} is" in text:
                    self.garbage[place] += 1
                    if self.garbage[place] >= 3 or self.rng.random() < 0.4:
                        self.skip.add(place)
                        self.tell(f"the operator names {place} to be skipped")
        elif "out of sequence" in text:
            kind = "its own refusal"
            self.wrong.append(f"what followed a refusal ended a worker: {text}")
        elif isinstance(why, FencedError):
            kind = "fenced"
        elif isinstance(why, UnavailableError):
            kind = "broker unavailable"
        elif "has lost the end" in text:
            kind = "commit forgotten"
        elif "stable offset" in text:
            kind = "stable offset behind"
        elif "while a refused batch was tried again" in text:
            kind = "overtaken after a refusal"
        elif self.lost is not None and f"{self.lost[0]}/{self.lost[1]} stands at" in text:
            kind = "lost changelog"
            self.stopped_there += 1
        elif "lost-changelog" in text and worker not in self.group.members:
            kind = "alarm of one who was replaced"  # asleep between its restore and its look at the group's offset
        else:
            kind = "alarm"
            self.wrong.append(f"an alarm ended a worker: {text}")
        self.tally[f"ended: {kind}"] += 1

    # -- records

    def _publish(self, planned: Planned) -> None:
        topic = self.naming.topic(Topic.RAW)
        partition = planned.partition
        headers: Headers = ()
        if planned.replay is not None:
            number, index = planned.replay
            headers = (replay_header(self.naming, *self.places[number], index),)
        record = Outgoing(topic, partition, planned.key, planned.body, headers)
        if partition in self._outsiders:
            self._decide_outsider(partition)
        offset = self._publish_outside(record, planned.outside) if planned.outside else self.broker.publish(record)
        self.places.append((partition, offset))

    def _publish_outside(self, record: Outgoing, fate: str) -> int:
        """In a transaction of the sender's own, which is decided later."""
        id = f"outsider.{record.partition}"
        epoch = self.broker.init_producer(id, "outsider")
        self.broker.begin(id, epoch, "outsider")
        offset = self.broker.send(id, epoch, [record])
        self._outsiders[record.partition] = fate
        self.tally["outsider"] += 1
        return offset

    def _decide_outsider(self, partition: int) -> None:
        id = f"outsider.{partition}"
        fate = self._outsiders.pop(partition)
        if self.broker.producers[id].current is not None:  # it may have timed out
            self.broker.end(id, self.broker.producers[id].epoch, fate)

    def _refusal(self, record: Outgoing) -> str | None:
        topic = TOPICS.get(record.topic)
        if topic is None or not record.value:
            return None
        mark = MARKS.get(topic)
        if (mark and mark in record.value) or (topic in self._limited and len(decode_frame(record.value)) > 1):
            self.tally["refused records"] += 1
            return REFUSAL
        return None

    def _limited_topics(self) -> frozenset[Topic]:
        if self.rng.random() >= self.faults.lower_limit:
            return frozenset()
        return frozenset({self.rng.choice(sorted(INTERNAL))})

    # -- workers

    def _spawn(self, disk: Disk, name: str) -> Worker:
        worker = Worker(self, disk, name)
        self.workers.append(worker)
        self._alive.append(worker)
        self.tell(f"{name} starts")
        worker.start()
        return worker

    def _assigned(self) -> None:
        for worker, mine in self.group.assigned.items():
            shares = ", ".join(f"{TOPICS[topic].value}/{partition}" for topic, partition in mine)
            self.tell(f"{worker.name} gets {shares}")

    # -- the end

    def _done(self) -> bool:
        """Every stage stands at the end of its input, and everything is decided."""
        broker = self.broker
        if broker.late or self._outsiders or any(broker.logs[place].open for place in (*INPUTS, *OUTPUTS)):
            return False
        return not any(broker.read(place, self.position(place), 1)[0] for place in INPUTS)

    def position(self, place: Place) -> int:
        """Where the owner of an input partition stands; 0 where it has none that is ready."""
        for worker, owned in self.group.members.items():
            if place in owned:
                for loop in worker.loops.values():
                    part = loop.parts.get(place[1])
                    if loop.input == place[0] and part is not None and part.ready:
                        return part.next
        return 0


def _rebuilt(why: str) -> str:
    for part, label in (
        ("it has read to", "ahead of its changelog"),
        ("its changelog begins", "begun behind it"),
        ("its first restore", "half restored"),
        ("its last record", "another log"),
        ("it is of format", "newer format"),
        ("its own record", "unreadable"),
    ):
        if why.startswith(part):
            return label
    return why
