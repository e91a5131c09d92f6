"""The embedded broker: a real Apache Kafka (KRaft) as a child process, for the demo, development and tests."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from agents.engine.folderguard import FolderGuard
from agents.engine.jars import DATA, KAFKA_VERSION, cache_folder, kafka_jars, locked
from agents.engine.java import EmbeddedKafkaError, FolderUnusableError, Java, environment, find_java, property_value
from agents.engine.loopback import LOOPBACK, free_port, live_nodes

START_LIMIT = 60.0  # seconds until it answers; 1 to 3 s is usual
STOP_LIMIT = 20.0  # seconds from SIGTERM to SIGKILL; 0.3 s is usual

# The JVM's guard. Its standard input is a pipe that nobody but the parent holds: `read` returns when the
# parent is gone, also by kill -9. (PR_SET_PDEATHSIG would look at the *thread* that started the JVM, and
# start() is meant to be called in a thread that ends.)
_GUARD = """
read -r _
kill -KILL "$1"
[ -n "$2" ] || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$1" || break
    sleep 0.1
done
rm -rf "$2"
"""

LAST_WORDS = 8
"""Lines of Kafka's log in a message: without what it tells of its life, and without where in its code it was."""

WIDEST = 200  # characters of such a line

_CHATTER = re.compile(r"[\d:.]+ (?:WARN|INFO|DEBUG|TRACE) |Bootstrap metadata: |Formatting |\s+at |\s*\.\.\. \d+ more")

_log = logging.getLogger(__name__)


class BrokerFailedError(EmbeddedKafkaError):
    """It did not start, or not in time, or ended by itself; the text ends with its last log lines."""


class EmbeddedBroker:
    """One Kafka node on loopback. It dies with the process that started it.

    All methods block (start: 1 to 3 s, and the download the first time); in an event loop call them by
    `asyncio.to_thread`. Not for several threads at once.

    `voters` (node -> controller port) makes it one of several nodes with a common `cluster_id`; without, it
    is alone. `settings` are Kafka's own and win over those in embedded/server.properties. `users` (name ->
    password) can log in by SCRAM-SHA-512 where the settings make a listener that asks for it.
    """

    def __init__(
        self,
        *,
        node: int = 1,
        voters: Mapping[int, int] | None = None,
        cluster_id: str | None = None,
        settings: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        memory_mib: int = 512,
        cache: Path | None = None,
        tell: Callable[[str], None] = _log.info,
    ) -> None:
        self.node = node
        self.cluster_id = cluster_id or new_cluster_id()
        self.folder: Path | None = None
        self.port: int | None = None
        self._voters = voters
        self._settings = dict(settings or {})
        self._users = dict(users or {})
        self._memory_mib = memory_mib
        self._cache = cache or cache_folder()
        self._tell = tell
        self._own_folder = False
        self._java: tuple[str, ...] = ()  # the command up to the main class
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    # -- life

    def start(self, folder: Path | None = None, port: int | None = None, *, within: float = START_LIMIT) -> str:
        """Start it and wait until it can take topics; the bootstrap address, `127.0.0.1:port`.

        `folder` keeps the data and is used again where it holds some; without, a temporary one lives until
        `stop`. `within`: seconds for the start itself, downloads not counted. Raises JavaMissingError,
        MavenMissingError, JarsUnavailableError or BrokerFailedError, all of them EmbeddedKafkaError.
        """
        if self.running:
            raise RuntimeError("this broker is already running")
        java = find_java()
        cached = self._cache / f"kafka-{KAFKA_VERSION}"
        if not cached.exists():
            self._tell(f"fetching Kafka {KAFKA_VERSION} with Maven (once, 45 MB)")
        try:
            jars = kafka_jars(java, self._cache)
            archive = _quick_start(java, jars, self._cache, self._tell)
        except OSError as error:
            raise FolderUnusableError(
                f"The folder {self._cache} for Kafka's files cannot be used ({error.strerror or error}). Make it "
                "writable, or name another by FEEDMILL_CACHE."
            ) from error
        shared = (f"-XX:SharedArchiveFile={archive}",) if archive else ()
        self._java = java.command(jars, self._memory_mib, *shared)
        return self._start(folder, port, within)

    def stop(self, within: float = STOP_LIMIT) -> None:
        """End it in order, by SIGKILL after `within` seconds; a temporary folder goes too. Twice is once."""
        self._end(within)
        if self._own_folder and self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def kill(self) -> None:
        """End it by SIGKILL; the folder stays, for `restart`. What it had written stays too (no power cut).

        A transaction that was committed some milliseconds before may come back without its markers: readers
        wait for ever, until the next transaction of the same id ends it as *aborted*. Kafka does this with
        one replica (4.3.1: "likely deleted already and hence can be skipped" in its log; seen after 5 of 12
        kills straight after a commit).
        """
        self._end(0.0)

    def restart(self, *, within: float = START_LIMIT) -> str:
        """Start it again on the same folder and ports; a running one is stopped in order first."""
        if not self.folder:
            raise RuntimeError("this broker was never started, or its temporary folder is gone")
        self._end(STOP_LIMIT)
        self._launch(within)
        return self.address

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nobody answers."""
        self._require().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._require().send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- what one sees

    @property
    def address(self) -> str:
        """The bootstrap address; it stays the same over kill and restart."""
        if self.port is None:
            raise RuntimeError("this broker was never started")
        return f"{LOOPBACK}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process lives (a paused one does)."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        self._dismiss_guard()  # at once: the process number may soon be another's
        return False

    @property
    def pid(self) -> int:
        return self._require().pid

    @property
    def log_file(self) -> Path:
        return self._folder() / "broker.log"

    def failure(self) -> BrokerFailedError:
        """What to raise where it ended and nobody stopped it: it lacked memory, or somebody killed it."""
        code = None if self._process is None else self._process.poll()
        how = "" if code is None else f" (signal {-code})" if code < 0 else f" (exit code {code})"
        return BrokerFailedError(self._with_log(f"Kafka ended by itself{how}"))

    # -- inside

    def _start(self, folder: Path | None, port: int | None, within: float) -> str:
        self._own_folder = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="feedmill-kafka-")) if folder is None else folder.absolute()
        try:
            (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
            shutil.copy(DATA / "log4j2.properties", self.folder)
        except OSError as error:
            raise FolderUnusableError(
                f"The folder {self.folder} for Kafka's data cannot be used ({error.strerror or error})."
            ) from error
        # Before the process runs that has a guard of its own, which ends it first.
        early = FolderGuard(self.folder) if self._own_folder else None
        try:
            for attempts_left in (2, 1, 0):
                self.port = port or free_port()
                try:
                    self._configure()
                    self._launch(within)
                    break
                except BrokerFailedError as failure:
                    if "Address already in use" not in str(failure):
                        raise
                    if port:
                        taken = f"Port {port} of {LOOPBACK} is taken (Address already in use)."
                        raise BrokerFailedError(taken) from failure
                    # Between looking for free ports and Kafka's bind somebody else may take one.
                    if self._voters or not attempts_left:
                        raise
        except BaseException:
            self.stop(0.0)
            raise
        finally:
            if early is not None:
                early.dismiss()
        return self.address

    def _configure(self) -> None:
        folder = self._folder()
        voters = self._voters or {self.node: free_port(besides=self.port)}
        replicas = min(len(voters), 3)
        text = Template((DATA / "server.properties").read_text()).substitute(
            node=self.node,
            voters=",".join(f"{node}@{LOOPBACK}:{port}" for node, port in sorted(voters.items())),
            port=self.port,
            controller_port=voters[self.node],
            data=property_value(str(folder / "data")),
            replicas=replicas,
            in_sync=max(replicas - 1, 1),
        )
        added = [f"{name}={property_value(value)}\n" for name, value in self._settings.items()]
        (folder / "server.properties").write_text(text + "".join(added))
        if kept := self._formatted_as():
            self.cluster_id = kept
            return
        arguments = ["--config", "server.properties", "--cluster-id", self.cluster_id]
        for name, password in self._users.items():
            arguments += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        with self.log_file.open("ab") as log:
            made = subprocess.run(
                (*self._java, "kafka.tools.StorageTool", "format", *arguments),
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if made.returncode:
            raise BrokerFailedError(self._with_log("Kafka could not format its data folder"))

    def _formatted_as(self) -> str | None:
        """The cluster that the folder belongs to for good; None where it is not formatted."""
        try:
            text = (self._folder() / "data" / "meta.properties").read_text()
        except FileNotFoundError:
            return None
        return next((line.partition("=")[2] for line in text.splitlines() if line.startswith("cluster.id=")), None)

    def _launch(self, within: float) -> None:
        folder = self._folder()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                (*self._java, "kafka.Kafka", "server.properties"),
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the parent, which ends it when its workers are done
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(self._process.pid), str(folder) if self._own_folder else ""],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait_until_ready(within)
        except BaseException:
            self._end(0.0)
            raise

    def _wait_until_ready(self, within: float) -> None:
        deadline = time.monotonic() + within
        while True:
            if self.port:
                answering, nodes = live_nodes(self.port)
                if answering == self.cluster_id and self.node in nodes:
                    return
            if not self.running:
                raise BrokerFailedError(self._with_log("Kafka ended while starting"))
            if time.monotonic() > deadline:
                raise BrokerFailedError(self._with_log(f"Kafka did not answer within {within:.0f} s"))
            time.sleep(0.03)

    def _end(self, within: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if within and process.poll() is None:
            process.terminate()
            process.send_signal(signal.SIGCONT)  # a paused one would not hear it
            try:
                process.wait(within)
            except subprocess.TimeoutExpired:
                self._tell(f"Kafka did not stop within {within:.0f} s; killing it")
        process.kill()  # does nothing to one that has been waited for
        process.wait()
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        guard.kill()  # before its pipe is closed, which would be its call to act
        guard.wait()
        if guard.stdin:
            guard.stdin.close()

    def _require(self) -> subprocess.Popen[bytes]:
        if self._process is None or not self.running:
            raise RuntimeError("this broker is not running")
        return self._process

    def _folder(self) -> Path:
        if self.folder is None:
            raise RuntimeError("this broker has no folder: it was never started, or is stopped")
        return self.folder

    def _with_log(self, sentence: str) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        telling = [line[:WIDEST] for line in lines if not _CHATTER.match(line)][-LAST_WORDS:]
        where = "" if self._own_folder else f" {self.log_file} has all it said."  # a temporary folder is gone by then
        if not telling:
            return f"{sentence}.{where}"
        return f"{sentence}.{where} Its last words:\n" + "\n".join(telling)


def new_cluster_id() -> str:
    """22 characters, as Kafka makes them; never with a hyphen first, which its command line would misread."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")


def _quick_start(java: Java, jars: Sequence[Path], cache: Path, tell: Callable[[str], None]) -> Path | None:
    """Kafka's classes as this Java can map them into memory (class data sharing), made once for each Java.

    Cuts format and start from 3.2 to 1.3 s. None where this Java cannot: the file is empty then, so that
    only the first start tries.
    """
    key = hashlib.sha256("\n".join((java.version, str(java.program), *map(str, jars))).encode()).hexdigest()
    archive = cache / f"kafka-{KAFKA_VERSION}-{key[:12]}.jsa"
    if not archive.exists():
        with locked(cache / "kafka.lock"):
            if not archive.exists():
                tell("preparing Kafka's quick start (once, 10 s)")
                _make_archive(java, jars, archive)
    return archive if archive.stat().st_size else None


def _make_archive(java: Java, jars: Sequence[Path], archive: Path) -> None:
    """Write down which classes one whole start loads, then have Java write those; by rename, as downloads are."""
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="archiving-") as name:
        work = Path(name)
        classes, made = work / "classes", work / "made.jsa"
        broker = EmbeddedBroker()
        broker._java = java.command(jars, broker._memory_mib, f"-XX:DumpLoadedClassList={classes}")
        broker._start(work / "broker", None, START_LIMIT)
        broker.stop()
        options = ("-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={made}")
        with (work / "log").open("wb") as log:
            subprocess.run(
                java.command(jars, broker._memory_mib, *options),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if not made.exists():
            _log.warning("this Java cannot share Kafka's classes; each start takes some seconds longer")
            made.touch()
        made.rename(archive)
