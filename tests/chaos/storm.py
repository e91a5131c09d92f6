"""Lets the faults of a plan befall a running mill, each at its time, and ends those that last."""

from __future__ import annotations

import heapq
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from agents.stage import Topic
from tests.chaos.cluster import MOST_WORKERS, Cluster
from tests.chaos.schedule import Fault, Kind, Plan
from tests.chaos.workers import ChaosWorker, Disk, wait_for

SESSION = 6
SLOW_SECONDS = 0.2
BREAK_RATE = 0.1
REFUSED_FROM = 24 * 1024
"""Bytes from which on `feeds.enriched` refuses a record for a while; one article in a thousand is longer."""
JUMPS = (2 * 3600.0, 3 * 86400.0, 40 * 86400.0, 400 * 86400.0)
PATIENCE = 20.0
"""Seconds that a fault waits for somebody whom it can hit."""
READY_WITHIN = 120.0


class Event(Struct, frozen=True):
    """Something that befell the mill, at a time of the clock on the wall."""

    time: float
    what: str


End = Callable[[], None]


class Storm:
    """The workers and what befalls them. One thread calls; broker, proxies and workers have their own."""

    def __init__(
        self,
        plan: Plan,
        cluster: Cluster,
        folder: Path,
        tell: Callable[[str], None] = lambda _: None,
        wrong_by: float = 0.0,
    ) -> None:
        self.plan = plan
        self.events: list[Event] = []
        self.hit: Counter[Kind] = Counter()
        self.workers: dict[int, ChaosWorker] = {}
        self.peak_kb = 0
        self.started = 0
        self.exits: Counter[int] = Counter()
        self.disks = [Disk(folder / f"worker-{number}", own=number == 0) for number in range(MOST_WORKERS)]
        self._cluster = cluster
        self._folder = folder
        self._tell = tell
        self._wrong_by = wrong_by
        self._ends: list[tuple[float, int, str, End]] = []
        self._under: set[tuple[Kind, int]] = set()
        self._impatient = False
        for number in range(plan.workers):
            self._begin(number)

    def wait_until_ready(self) -> None:
        """Wait for the first workers: faults that only delay their start are no test."""
        if not wait_for(lambda: all(one.share is not None for one in self.workers.values()), READY_WITHIN):
            raise TimeoutError(
                f"The workers are not ready within {READY_WITHIN:g} s: see their logs in {self._folder}."
            )

    def run(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Let everything befall, then end what lasts."""
        begun = time.monotonic()
        for fault in self.plan.faults:
            while (early := begun + fault.at - time.monotonic()) > 0 and not stopped():
                self._end_due()
                time.sleep(min(early, 0.1))
            if stopped():
                break
            self._befall(fault)
            # What had to wait for somebody puts off the rest, or they would come all at once.
            begun += max(0.0, time.monotonic() - begun - fault.at)
        while self._ends and not stopped():
            self._end_due()
            time.sleep(0.1)
        self.calm()

    def calm(self) -> None:
        """End everything that still lasts; at least one worker stays."""
        while self._ends:
            self._end_due(all_of_them=True)
        self._cluster.restart()
        if not self.workers:
            self._begin(0)

    def dismiss(self) -> None:
        """End all workers and give the disks back, whatever still lasts."""
        try:
            for proxy in self._cluster.proxies.all:  # or their stop would wait for the broker
                proxy.held = proxy.closed = False
            for number in list(self.workers):
                self._forget(number, lambda worker: worker.end())
        finally:
            for disk in self.disks:
                disk.dismiss()

    def tell(self, what: str) -> None:
        self.events.append(Event(time.time(), what))
        self._tell(what)

    def _befall(self, fault: Fault) -> None:
        deadline = time.monotonic() + PATIENCE
        while not (end := _BEFALL[fault.kind](self, fault)):
            self._end_due()
            if time.monotonic() > deadline:
                self.tell(f"{fault.kind.value} found nobody")
                return
            self._impatient = time.monotonic() > deadline - PATIENCE / 2
            time.sleep(0.2)
        self._impatient = False
        what, then = end
        if then is not None:
            heapq.heappush(self._ends, (time.monotonic() + fault.seconds, len(self.events), what, then))

    def _end_due(self, *, all_of_them: bool = False) -> None:
        while self._ends and (all_of_them or self._ends[0][0] <= time.monotonic()):
            _, _, what, end = heapq.heappop(self._ends)
            end()
            self.tell(f"{what}: over")

    def _begin(self, number: int) -> None:
        environment = {
            "FEEDMILL_BROKER": self._cluster.address_for(number),
            "FEEDMILL_TOPIC_PREFIX": self._cluster.naming.prefix,
            "FEEDMILL_PARTITIONS": str(self._cluster.partitions),
            "FEEDMILL_SESSION_TIMEOUT_SECONDS": str(SESSION),
            "FEEDMILL_METRICS_PORT": "0",
        }
        disk = self.disks[number]
        self.workers[number] = ChaosWorker(f"worker-{number}", environment, self._folder, disk, self._wrong_by)

    def _forget(self, number: int, end: Callable[[ChaosWorker], None]) -> None:
        worker = self.workers.pop(number)
        end(worker)
        self.peak_kb = max(self.peak_kb, worker.peak_kb)
        self.started += worker.starts
        self.exits.update(worker.exits)

    def _at_work(self, fault: Fault) -> list[int]:
        """The workers that a fault would hurt: those that hold partitions; when there are none for long, any."""
        awake = [number for number, one in sorted(self.workers.items()) if one.pid is not None and not one.paused]
        free = [number for number in awake if (fault.kind, number) not in self._under]
        return [number for number in free if self.workers[number].share] or (free if self._impatient else [])

    def _some(self, fault: Fault, among: list[int]) -> int | None:
        return among[int(fault.choice * len(among))] if among else None

    def _hit(self, kind: Kind, what: str) -> str:
        self.hit[kind] += 1
        self.tell(what)
        return what

    # --- one method a kind: None where there is nobody to hit, else what befell and how it ends

    def _kill(self, fault: Fault) -> Befallen:
        if (number := self._some(fault, self._at_work(fault))) is None:
            return None
        self.workers[number].signal(signal.SIGKILL)
        return self._hit(fault.kind, f"worker {number} is killed"), None

    def _stop(self, fault: Fault) -> Befallen:
        if (number := self._some(fault, self._at_work(fault))) is None:
            return None
        self.workers[number].signal(signal.SIGTERM)
        return self._hit(fault.kind, f"worker {number} is told to stop, and started again"), None

    def _pause(self, fault: Fault) -> Befallen:
        if (number := self._some(fault, self._at_work(fault))) is None:
            return None
        worker = self.workers[number]
        worker.paused = True
        worker.signal(signal.SIGSTOP)

        def wake() -> None:
            worker.paused = False
            worker.signal(signal.SIGCONT)

        return self._hit(fault.kind, f"worker {number} is paused for {fault.seconds:g} s"), wake

    def _join(self, fault: Fault) -> Befallen:
        free = [number for number in range(MOST_WORKERS) if number not in self.workers]
        if (number := self._some(fault, free)) is None:
            return self._leave(fault)
        self._begin(number)
        return self._hit(Kind.JOIN, f"worker {number} joins"), None

    def _leave(self, fault: Fault) -> Befallen:
        if len(self.workers) < 2:
            return self._join(fault)
        if (number := self._some(fault, self._at_work(fault))) is None:
            return None
        worker = self.workers[number]
        for kind in (Kind.FULL_DISK, Kind.CLOCK):
            if (kind, number) in self._under:
                return None
        killed = fault.choice * 10 % 1 < 0.5
        how = "is killed for good" if killed else "is told to leave"
        what = self._hit(Kind.LEAVE, f"worker {number} {how}")
        self._forget(number, lambda _: worker.kill() if killed else worker.end())
        return what, None

    def _wipe(self, fault: Fault) -> Befallen:
        number = self._some(fault, [one for one in self._at_work(fault) if (Kind.FULL_DISK, one) not in self._under])
        if number is None:
            return None
        worker = self.workers[number]
        ended = signal.SIGKILL if fault.choice * 10 % 1 < 0.5 else signal.SIGTERM
        worker.meanwhile(worker.disk.wipe)
        worker.signal(ended)
        return self._hit(fault.kind, f"worker {number} gets {ended.name} and loses its state folder"), None

    def _full_disk(self, fault: Fault) -> Befallen:
        awake = self._at_work(fault)
        own = [one for one in awake if self.workers[one].disk.own]
        by_limit = not own or fault.choice * 10 % 1 < 0.4
        if (number := self._some(fault, awake if by_limit else own)) is None:
            return None
        worker = self.workers[number]
        if by_limit:
            worker.limit_files(True)
        else:
            worker.disk.fill()
            if fault.choice * 100 % 1 < 0.5:
                worker.signal(signal.SIGKILL)  # it shall also start on a full disk

        def free() -> None:
            self._under.discard((Kind.FULL_DISK, number))
            if by_limit:
                worker.limit_files(False)
            else:
                worker.disk.free()

        self._under.add((Kind.FULL_DISK, number))
        how = "may make no file larger" if by_limit else "has a full disk"
        return self._hit(fault.kind, f"worker {number} {how} for {fault.seconds:g} s"), free

    def _clock(self, fault: Fault) -> Befallen:
        if (number := self._some(fault, self._at_work(fault))) is None:
            return None
        worker = self.workers[number]
        jump = JUMPS[int(fault.choice * 100) % len(JUMPS)] * (1 if int(fault.choice * 1000) % 2 else -1)
        worker.set_clock(jump)
        self._under.add((Kind.CLOCK, number))

        def back() -> None:
            self._under.discard((Kind.CLOCK, number))
            worker.set_clock(0)

        return self._hit(fault.kind, f"the clock of worker {number} jumps by {jump / 3600:g} h"), back

    def _kill_broker(self, fault: Fault) -> Befallen:
        if not self._cluster.broker.running:
            return None
        self._cluster.kill()
        return self._hit(fault.kind, f"the broker is killed, for {fault.seconds:g} s"), self._cluster.restart

    def _cut(self, fault: Fault) -> Befallen:
        return self._cut_off(fault, list(range(MOST_WORKERS)), "all workers are")

    def _isolate(self, fault: Fault) -> Befallen:
        if (number := self._some(fault, self._at_work(fault))) is None:
            return None
        return self._cut_off(fault, [number], f"worker {number} is")

    def _cut_off(self, fault: Fault, numbers: list[int], who: str) -> Befallen:
        silent = fault.choice * 10 % 1 < 0.5
        proxies = [self._cluster.proxies.all[number] for number in numbers]
        if any(proxy.held or proxy.closed for proxy in proxies):
            return None
        for proxy in proxies:
            if silent:
                proxy.held = True
            else:
                proxy.closed = True
                self._cluster.proxies.cut(proxy)

        def heal() -> None:
            for proxy in proxies:
                proxy.held = proxy.closed = False

        how = "without a word" if silent else "and told so"
        return self._hit(fault.kind, f"{who} cut off the broker {how}, for {fault.seconds:g} s"), heal

    def _slow(self, fault: Fault) -> Befallen:
        for proxy in self._cluster.proxies.all:
            proxy.delay = SLOW_SECONDS

        def quick() -> None:
            for proxy in self._cluster.proxies.all:
                proxy.delay = 0.0

        return self._hit(
            fault.kind, f"the broker is slow, by {SLOW_SECONDS:g} s each way, for {fault.seconds:g} s"
        ), quick

    def _break(self, fault: Fault) -> Befallen:
        for proxy in self._cluster.proxies.all:
            proxy.break_rate = BREAK_RATE

        def whole() -> None:
            for proxy in self._cluster.proxies.all:
                proxy.break_rate = 0.0

        return self._hit(fault.kind, f"requests of producers are broken off, for {fault.seconds:g} s"), whole

    def _refuse(self, fault: Fault) -> Befallen:
        if not self._cluster.broker.running:
            return None
        self._cluster.limit(Topic.ENRICHED, REFUSED_FROM)

        def take() -> None:
            self._cluster.restart()
            self._cluster.limit(Topic.ENRICHED, None)

        what = f"feeds.enriched takes no records of more than {REFUSED_FROM:,} bytes, for {fault.seconds:g} s"
        return self._hit(fault.kind, what), take


Befallen = tuple[str, End | None] | None

_BEFALL: dict[Kind, Callable[[Storm, Fault], Befallen]] = {
    Kind.KILL: Storm._kill,
    Kind.STOP: Storm._stop,
    Kind.PAUSE: Storm._pause,
    Kind.JOIN: Storm._join,
    Kind.LEAVE: Storm._leave,
    Kind.WIPE: Storm._wipe,
    Kind.FULL_DISK: Storm._full_disk,
    Kind.CLOCK: Storm._clock,
    Kind.BROKER_KILL: Storm._kill_broker,
    Kind.CUT: Storm._cut,
    Kind.ISOLATE: Storm._isolate,
    Kind.SLOW: Storm._slow,
    Kind.BREAK: Storm._break,
    Kind.REFUSE: Storm._refuse,
}
