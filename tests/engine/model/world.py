"""The world of the model: one history, in which things happen to workers, their group and the broker."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from agents.engine.frames import decode_frame
from agents.engine.loop import StageLoop
from agents.engine.transport import EngineError, FencedError, Outgoing, UnavailableError
from agents.stage import INTERNAL, Stage, Topic
from schemas import StageName
from tests.engine.model.broker import ModelBroker, Place
from tests.engine.model.documents import MARKS, plan
from tests.engine.model.eventloop import Quiet, answer
from tests.engine.model.faults import Faults, rates
from tests.engine.model.group import Group
from tests.engine.model.misfortune import Misfortune
from tests.engine.model.names import INPUTS, NAMING, NOW, OUTPUTS, PARTITIONS, TOPICS
from tests.engine.model.senders import Senders
from tests.engine.model.worker import Disk, Waiting, Worker

MOST_STEPS = 5_000
HISTORIES_OF_A_PLAN = 10
"""Neighbouring seeds publish the same records: what the stages make of them need not be worked out each time."""

Stages = Mapping[StageName, Stage[Any]]
LoopMaker = type[StageLoop[Any]]

REFUSAL = "the model's topic takes no such record"


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
        self.senders = Senders(self.broker, plan(seed // HISTORIES_OF_A_PLAN, PARTITIONS, self.faults))
        self.workers: list[Worker] = []
        self.waiting: list[Waiting] = []
        self.peace = False
        self.ended = False
        self.skip: set[str] = set()
        """What the operator has named in FEEDMILL_SKIP_RECORDS."""
        self.garbage: Counter[str] = Counter()
        """Records that are no frames, and how many workers ended at each."""
        self.deaths: Counter[tuple[StageName, Any]] = Counter()
        """How many died of an input that was theirs; who was paused, and has lost it meanwhile, is not counted."""
        self.history: list[Event] = []
        self.tally: Counter[str] = Counter()
        self.wrong: list[str] = []
        """What no history may bring: bugs, and alarms that are false."""
        self.calls = self.commits = self.commits_among_faults = 0
        self.alive: list[Worker] = []
        self.asleep: list[Worker] = []
        """Those of them who are paused."""
        self.survivors: list[Worker] = []
        """Who lives when the history is over."""
        self.slept = 0.0
        """Seconds that went by without a step."""
        self._rates = rates(self.faults)
        self._restarting = 0.0
        self._limited = self._limited_topics()
        self.batch_records = self.rng.choice((1, 2)) if self.rng.random() < self.faults.small_batches else 1000
        self.misfortune = Misfortune(self)
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
            self.survivors = list(self.alive)
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
                "raw records": len(self.senders.records),
                "entries": sum(planned.entries for planned in self.senders.records),
                **Counter(f"raw {planned.about}" for planned in self.senders.records),
            }
        )

    def forget(self) -> None:
        """Break the circles of a history that is over, so that its memory is free at once."""
        loops = [loop for worker in self.workers for loop in worker.loops.values()]
        for one in (*loops, *self.workers, self.broker, self.group, self.senders, self.misfortune, self):
            one.__dict__.clear()

    # -- what the workers ask of it

    def drop(self, worker: Worker) -> None:
        """Forget the calls of a dead worker: they never return."""
        self.waiting = [one for one in self.waiting if one.worker is not worker]
        self.alive = [one for one in self.alive if one is not worker]
        self.asleep = [one for one in self.asleep if one is not worker]

    def timer(self) -> float:
        return self.broker.step * 0.01 + self.slept

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
            self.misfortune.pause(worker)
            self.tell(f"{worker.name} is paused {where}")
            if self.rng.random() < 0.5:
                self.misfortune.end_session(worker)

    def committed(self) -> None:
        self.commits += 1
        self.commits_among_faults += not self.peace

    def broker_restarts(self) -> None:
        """Takes some seconds, from the next step on."""
        self._restarting = 5.0

    @property
    def restarting(self) -> bool:
        return self._restarting > 0

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
        self.spawn(worker.disk, f"{worker.name}+")

    def killed_by(self, worker: Worker, stage: StageName, one: Any) -> None:
        """Working on a record was the end of a process; its manager starts another."""
        self.tell(f"{worker.name} dies of a record in {stage.value}")
        self.tally["killed by a record"] += 1
        if worker in self.group.members and worker.generation == self.group.generation:
            self.deaths[stage, one] += 1
        worker.kill()
        self.group.leave(worker)
        self.spawn(worker.disk, f"{worker.name}+")

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
            self.spawn(Disk(), f"w{number}")

    def _happen(self) -> bool:
        """Let one thing happen; False at the end of the history."""
        broker = self.broker
        broker.step += 1
        if self._restarting:
            self.slept += self._restarting
            self._restarting = 0.0
        if self.wrong or broker.step > MOST_STEPS:
            return False
        if not self.peace:
            if self.misfortune.to_lose and broker.step > self.faults.steps // 2:
                self.misfortune.lose_changelog()
            if broker.step > self.faults.steps:
                self._make_peace()
            elif self.misfortune.befall():
                return True
        elif broker.step % 8 == 0 and self.senders.done and self._done():
            self.ended = True
            return False
        if self.lost and (self.stopped_there >= 3 or broker.step > self.faults.steps + 300):
            return False
        if not self.alive:
            self.spawn(Disk(), f"w{len(self.workers)}")
        self._progress()
        self._let_go()
        return True

    def _progress(self) -> None:
        """What is no fault: records come, timers are due, markers are written, senders decide."""
        rng, broker = self.rng, self.broker
        if not self.senders.done and rng.random() < (0.3 if self.peace else 0.06):
            self.senders.publish()
        if broker.late and rng.random() < 0.4:
            broker.write_markers(rng.choice(broker.late), most=rng.randint(1, 3))
        if self.senders.open and rng.random() < 0.1:
            self.senders.decide(next(iter(self.senders.open)))

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

    def _make_peace(self) -> None:
        self.peace = True
        self.tell("peace")
        for worker in self.asleep:
            worker.paused = False
        self.asleep.clear()

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
        elif "passed over records" in text and self.tally["ended: passed over"] < self.tally["pass_over"]:
            kind = "passed over"
        elif self.lost is not None and f"{self.lost[0]}/{self.lost[1]} stands at" in text:
            kind = "lost changelog"
            self.stopped_there += 1
        else:
            kind = "alarm"
            self.wrong.append(f"an alarm ended a worker: {text}")
        self.tally[f"ended: {kind}"] += 1

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

    def spawn(self, disk: Disk, name: str) -> Worker:
        worker = Worker(self, disk, name)
        self.workers.append(worker)
        self.alive.append(worker)
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
        if broker.late or self.senders.open or any(broker.logs[place].open for place in (*INPUTS, *OUTPUTS)):
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
