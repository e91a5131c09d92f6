"""The workers of a piece, each with its own way to the broker, its folder, its disk and its clock."""

from __future__ import annotations

import contextlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kafka.faults import ROOT, Worker

DISK_MB = 1024
"""Of the file system under the worker that gets one of its own; RocksDB reserves 13 MB for each store."""

_READY = re.compile(rb"Ready, restored in .* Partitions: (.*)\.")
_HIGHEST = re.compile(r"VmHWM:\s+(\d+) kB")


class Disk:
    """What is under a worker's state folder. Full, writing fails: by a file system of its own, or by a limit on files.

    A file system of one's own takes a privileged user; where it cannot be had, the kernel refuses the worker each
    write that would make a file larger.
    """

    def __init__(self, folder: Path, *, own: bool) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.own = own and _mounted(folder)
        self._filler = folder / "filler"

    def fill(self) -> None:
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def wipe(self) -> None:
        """Delete what is in the folder."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def dismiss(self) -> None:
        if self.own:
            subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)
            self.own = False


def _mounted(folder: Path) -> bool:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "feedmill-chaos", str(folder)]
    try:
        return subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class ChaosWorker(Worker):
    """A worker that can also lose its disk or its time. What befalls it between two lives is given to `meanwhile`."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path, disk: Disk, wrong_by: float) -> None:
        self.disk = disk
        self.peak_kb = 0
        self.share: int | None = None
        """How many partitions it works on, of all stages; None where it is still starting."""
        self.paused = False
        self.no_larger_files = False
        self._clock = folder / f"{name}.clock"
        self.set_clock(wrong_by)
        self._meanwhile: list[Callable[[], None]] = []
        super().__init__(name, environment, folder)

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def meanwhile(self, action: Callable[[], None]) -> None:
        """Do this when the process has ended and before it is started again."""
        self._meanwhile.append(action)

    def set_clock(self, wrong_by: float) -> None:
        self._clock.write_text(f"{wrong_by:g}")

    def limit_files(self, limited: bool) -> None:
        """Refuse each write that would make a file larger, to this process and to those after it."""
        self.no_larger_files = limited
        if (pid := self.pid) is not None:
            self._apply_limit(pid)

    def measure(self) -> None:
        """Note the most memory that the process ever had."""
        with contextlib.suppress(OSError):
            if found := _HIGHEST.search(Path(f"/proc/{self.pid}/status").read_text()):
                self.peak_kb = max(self.peak_kb, int(found[1]))

    def kill(self) -> None:
        """End for good, by SIGKILL."""
        self._wanted = False
        while self._thread.is_alive():  # it may just be starting the next process
            self.signal(signal.SIGKILL)
            self._thread.join(0.2)
        self._log.close()

    def _launch(self) -> subprocess.Popen[bytes]:
        while self._meanwhile:
            self._meanwhile.pop(0)()
        self.share = None
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.clock", str(self._clock), "worker"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,  # no file: where no file may grow it shall still say why it ends
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self.no_larger_files:
            self._apply_limit(process.pid)
        threading.Thread(target=self._copy, args=(process,), daemon=True).start()
        return process

    def _apply_limit(self, pid: int) -> None:
        size = 0 if self.no_larger_files else resource.RLIM_INFINITY
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _copy(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout:
            for line in process.stdout:
                with contextlib.suppress(ValueError):  # closed: it was ended for good
                    self._log.write(line)
                    self._log.flush()
                if process is self._process and (ready := _READY.search(line)):
                    self.share = sum(int(number) for number in re.findall(rb"\d+", ready[1]))


class Memory:
    """Looks each second how much memory the workers have."""

    def __init__(self, workers: Callable[[], Sequence[ChaosWorker]]) -> None:
        self._workers = workers
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            for worker in self._workers():
                worker.measure()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true within some time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
