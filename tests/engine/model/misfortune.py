"""What befalls the workers, their disks, the group and the broker: at most one thing a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agents.engine.transport import Outgoing
from agents.stage import INTERNAL
from tests.engine.model.faults import rates
from tests.engine.model.names import CHANGELOGS, INPUTS, TOPICS
from tests.engine.model.worker import Disk, Worker

if TYPE_CHECKING:
    from tests.engine.model.world import World

MOST_WORKERS = 4

WORKER_FAULTS = ("kill", "stop", "pause", "evict", "cut_off")


class Misfortune:
    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self._faults = world.faults
        self._rates = rates(world.faults)
        self._any_of_worker = sum(self._rates[kind] for kind in WORKER_FAULTS)
        self._any_of_broker = sum(self._rates[kind] for kind, _ in self._broker_faults)
        self.to_lose = self._rng.random() < self._faults.lose_changelog
        """Whether somebody is going to delete a changelog."""

    def befall(self) -> bool:
        """Let a fault happen, or mostly none. True where it was a worker's: it takes the whole step."""
        rng, alive = self._rng, self._world.alive
        chance = rng.random() - self._any_of_worker * len(alive)
        if chance < 0:
            self._befall_worker(rng.choice(alive))
            return True
        paused = self._world.asleep
        if paused and rng.random() < self._faults.wake * len(paused):
            self._expire_or_wake(rng.choice(paused))
            return True
        if chance > self._any_of_broker:
            return False
        for kind, happen in self._broker_faults:
            chance -= self._rates[kind]
            if chance < 0:
                if happen(self):
                    self._world.tally[kind] += 1
                return False
        return False

    def _befall_worker(self, worker: Worker) -> None:
        kind = self._rng.choices(WORKER_FAULTS, [self._rates[kind] for kind in WORKER_FAULTS])[0]
        if kind == "kill":
            self._kill(worker, self._faults.restart)
        elif kind == "stop" and not worker.stopping:
            worker.stopping = True
            self._world.tell(f"{worker.name} is told to stop")
        elif kind == "pause" and not worker.paused:
            self.pause(worker)
            self._world.tell(f"{worker.name} is paused")
        elif kind == "evict" and worker in self._world.group.members:
            self.end_session(worker)
        elif kind == "cut_off":
            worker.cut_off = True
            self._world.tell(f"{worker.name} is cut off")
        else:
            return
        self._world.tally[kind] += 1

    def _kill(self, worker: Worker, restart: float) -> None:
        self._world.tell(f"{worker.name} is killed")
        worker.kill()
        self._befall_disk(worker)
        rng, faults = self._rng, self._faults
        if rng.random() >= restart:
            self._world.group.leave(worker)
            return
        heir = self._world.spawn(worker.disk, f"{worker.name}'")
        if rng.random() < faults.seat and self._world.group.seat(worker, heir):
            self._world.tell(f"{heir.name} takes the seat of {worker.name}")
            self._world.tally["seat"] += 1
        else:
            self._world.group.leave(worker)

    def _befall_disk(self, worker: Worker) -> None:
        rng, faults, disk = self._rng, self._faults, worker.disk
        chance = rng.random()
        names = sorted(name for name in disk.tables.content if disk.tables.content[name])
        if (chance := chance - faults.wipe) < 0:
            worker.disk, kind = Disk(), "wipe"
        elif (chance := chance - faults.power_cut) < 0:
            disk.power_cut(lambda writes: rng.randint(0, min(writes, 4)))
            kind = "power_cut"
        elif (chance := chance - faults.foreign) < 0 and self._world.foreign:
            worker.disk, kind = self._as_it_once_was(self._world.foreign), "foreign"
        elif (chance := chance - faults.stale) < 0:
            worker.disk, kind = self._as_it_once_was([one.disk for one in self._world.workers]), "stale"
        elif chance - faults.damage < 0 and names:
            disk.damage(rng.choice(names), rng.choice(("newer", "unreadable")))
            kind = "damage"
        else:
            return
        self._world.tally[kind] += 1
        self._world.tell(f"the disk of {worker.name}: {kind.replace('_', ' ')}")

    def _as_it_once_was(self, disks: Sequence[Disk]) -> Disk:
        copy = self._rng.choice(disks).copy()
        copy.power_cut(lambda writes: self._rng.randint(0, writes))
        return copy

    def pause(self, worker: Worker) -> None:
        if not worker.paused:
            worker.paused = True
            self._world.asleep.append(worker)

    def _expire_or_wake(self, worker: Worker) -> None:
        if worker in self._world.group.members and self._rng.random() < 0.6:
            self.end_session(worker)
        else:
            self._world.tell(f"{worker.name} goes on")
            self._world.tally["wake"] += 1
            worker.paused = False
            self._world.asleep.remove(worker)

    def end_session(self, worker: Worker) -> None:
        self._world.tell(f"the session of {worker.name} ends")
        self._world.tally["session ends"] += 1
        self._world.group.leave(worker)

    def _time_out(self) -> bool:
        open_ = sorted(id for id, producer in self._world.broker.producers.items() if producer.current is not None)
        if not open_:
            return False
        id = self._rng.choice(open_)
        self._world.tell(f"the transaction of {id} times out")
        self._world.broker.time_out(id)
        return True

    def _compact(self) -> bool:
        place = self._rng.choice(CHANGELOGS)
        end = self._world.broker.end_offset(place)
        if end < 3:
            return False
        self._world.broker.compact(place, self._rng.randint(0, end - 2))
        return True

    def _join(self) -> bool:
        if len(self._world.alive) >= MOST_WORKERS:
            return False
        self._world.spawn(Disk(), f"w{len(self._world.workers)}")
        return True

    def _forget_hints(self) -> bool:
        place = self._rng.choice(INPUTS)
        if (offset := self._world.broker.offsets.get(place)) is None:
            return False
        if self._rng.random() < 0.5:
            del self._world.broker.offsets[place]
        else:
            self._world.broker.offsets[place] = self._rng.randint(0, offset)
        return True

    def _outage(self) -> bool:
        self._world.tell("the broker cannot be reached")
        for worker in self._world.alive:
            worker.cut_off = True
        return True

    def _slow(self) -> bool:
        self._world.slept += 3.0
        return True

    def _write_garbage(self) -> bool:
        topic, partition = self._rng.choice([place for place in INPUTS if TOPICS[place[0]] in INTERNAL])
        value = self._rng.choice((b"\xc1", b"\x93\x01\x02\x03", b""))
        offset = self._world.broker.publish(Outgoing(topic, partition, None, value))
        self._world.garbage[f"{topic}/{partition}/{offset}"] = 0
        self._world.tell(f"somebody writes {topic}/{partition}/{offset}, which is no frame")
        return True

    _broker_faults: tuple[tuple[str, Callable[[Misfortune], bool]], ...] = (
        ("time_out", _time_out),
        ("compact", _compact),
        ("join", _join),
        ("forget_hints", _forget_hints),
        ("outage", _outage),
        ("slow", _slow),
        ("garbage", _write_garbage),
    )

    def lose_changelog(self) -> None:
        """Somebody deletes a changelog while no worker is alive; the group's offset says that there was one."""
        hinted = [number for number, place in enumerate(INPUTS) if self._world.broker.offsets.get(place)]
        if not hinted:
            return
        self.to_lose = False
        self._world.lost = CHANGELOGS[self._rng.choice(hinted)]
        for worker in list(self._world.alive):
            self._kill(worker, restart=0.0)
        self._world.tell(f"{self._world.lost[0]}/{self._world.lost[1]} is lost")
        self._world.broker.recreate(self._world.lost)
