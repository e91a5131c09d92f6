"""The Faust application: stages, topics and lifecycle in one page.

    feeds.raw -> parse -> dedupe -> enrich -> stories -> feeds.enriched

Faust brings records here and spreads partitions over workers. What becomes of a record is decided by the stages
(`agents/<stage>/stage.py`, plain classes); that nothing is lost or doubled is the engine's work (`agents/engine`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import faust
import uvloop
from aiokafka import errors as kafka_errors
from faust.app.base import BootStrategy
from mode import CrashingSupervisor

from agents import __version__
from agents.engine.access import FORBIDDEN, ForbiddenError, forbidden
from agents.engine.admin import ADVICE, Kind, administration, differences, told
from agents.engine.connection import connection, faust_arguments
from agents.engine.contact import Contact
from agents.engine.guard import change_faust, check_libraries
from agents.engine.health import RESTORE_SECONDS, Health
from agents.engine.inbox import Inbox
from agents.engine.intake import document_intake
from agents.engine.kafka import KafkaTransport
from agents.engine.lag import LagReader
from agents.engine.logs import configure_logs
from agents.engine.loop import StageLoop, frame_intake
from agents.engine.metrics import MillMetrics
from agents.engine.mill import EXIT_ENDED, Mill, end_process, stop_within
from agents.engine.probes import HealthServer, UnservableError
from agents.engine.quarantine import ChildQuarantine
from agents.engine.stacks import write_stacks
from agents.engine.store import RocksTables
from agents.engine.topics import INPUT, MAX_REQUEST, Naming, topic_table
from agents.engine.transport import UnavailableError
from agents.engine.turns import Turns
from agents.engine.watchdog import Watchdog
from agents.engine.watchers import Watchers
from agents.settings import LogLevel, Settings, SettingsError, load_sites
from agents.stages import make_stages
from agents.tried import command
from schemas import StageName

log = logging.getLogger(__name__)

EXIT_CHECK_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_NO_BROKER = 3


NEVER = 10 * 365 * 86400.0


class FeedmillApp(faust.App):
    logger = logging.getLogger("faust.app")
    mill: Mill

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> Inbox:  # noqa: N802
        """The queues that Faust makes for its topics."""
        return Inbox(maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume)

    def _crash(self, reason: BaseException) -> None:
        """Called first of all when a service of Faust's crashes; its own way out is slow, and full of traces."""
        if isinstance(reason, FORBIDDEN):
            end_process(str(forbidden("do this", reason)), EXIT_ENDED)
        super()._crash(reason)


class _Boot(BootStrategy):
    """Starts the mill after Faust's producer and before its consumer and agents; stops in reverse order."""

    def kafka_producer(self) -> Any:
        return [*super().kafka_producer(), cast(FeedmillApp, self.app).mill]


FeedmillApp.BootStrategy = _Boot


def build_app(settings: Settings, metrics: MillMetrics, health: Health) -> FeedmillApp:
    """The application of one worker. Nothing is started and nothing is reached yet."""
    check_libraries()
    change_faust(replaced=lambda why: end_process(why, EXIT_ENDED))
    naming = Naming(settings.topic_prefix, settings.generation)
    app = FeedmillApp(
        naming.group,
        **faust_arguments(settings),
        datadir=str(settings.state_dir / "faust"),
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=True,
        stream_buffer_maxsize=256,  # messages; of 64, a transaction had too few. Bytes are bounded by the inbox
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=1024 * 1024,  # of a partition; a larger record comes all the same
        consumer_group_instance_id=settings.group_instance_id,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.heartbeat_seconds,
        # How long the group waits for a member that does not answer to a rebalance, for it restores its state. A dead
        # one is found out by the session timeout. Faust's 60 s would take a large state's partitions away again and
        # again, at each worker that joins meanwhile.
        broker_rebalance_timeout=settings.restore_timeout_seconds,
        broker_max_poll_interval=86400.0,  # Faust does not poll without partitions; spares would leave for ever
        # health.py judges progress. Faust's guesses count from the last record, however long nothing came: at the first
        # one after an idle quarter of an hour they are errors of many lines.
        stream_processing_timeout=NEVER,
        broker_commit_livelock_soft_timeout=NEVER,
        producer_max_request_size=MAX_REQUEST,
        web_enabled=False,
        loghandlers=[],
    )
    stages = make_stages(__version__, load_sites(settings.sites_file), settings.stories_max_items, sweeps=True)
    watchers = Watchers(metrics, health, naming)
    transport = KafkaTransport(
        connection(settings), group=naming.group, transaction_timeout_seconds=settings.transaction_timeout_seconds
    )
    turns = Turns(time.monotonic)
    quarantine = ChildQuarantine(
        command(
            sites_file=settings.sites_file,
            seconds=settings.stuck_seconds,
            memory_mb=settings.quarantine_memory_mb,
        ),
        seconds=settings.stuck_seconds,
    )
    watchdog = Watchdog(settings.stuck_seconds)
    tables = RocksTables(settings.state_dir / "state", cache_bytes=settings.rocksdb_cache_mb * 1024 * 1024)
    app.mill = Mill(
        app,
        transport,
        LagReader(connection(settings)),
        {
            name: StageLoop(
                stage,
                document_intake if name is StageName.PARSE else frame_intake,
                naming=naming,
                partitions=settings.partitions,
                transport=transport,
                tables=tables,
                owned=lambda topic: app.mill.owned(topic),
                clock=lambda: datetime.now(UTC),
                timer=time.monotonic,
                observer=watchers,
                skip=frozenset(settings.skip_records),
                turns=turns,
                quarantine=quarantine,
                watchdog=watchdog,
                leaving=lambda: not app.flow_control.is_active(),
            )
            for name, stage in stages.items()
        },
        watchers,
        Contact(settings.broker_lost_seconds),
        quarantine,
    )
    for name in stages:
        _agent(app, name, naming)

    async def revoked(*_: Any, **__: Any) -> None:
        """Sent after in-flight batches are done and before the new assignment."""
        await app.mill.unsettle()

    async def assigned(*_: Any, **__: Any) -> None:
        await app.mill.settle()

    async def stopping(*_: Any, **__: Any) -> None:
        """Sent at a stop, after in-flight batches are done and before the member leaves its group."""
        await app.mill.farewell()

    signals: Any = app  # Faust types its signals for functions that are not asynchronous
    signals.on_partitions_revoked.connect(revoked, weak=False)
    signals.on_partitions_assigned.connect(assigned, weak=False)
    signals.on_before_shutdown.connect(stopping, weak=False)
    return app


def run_worker(settings: Settings) -> int:
    """Run one worker until SIGTERM. Returns 0 after an orderly stop; engine failures end the process with 70."""
    _configure_logs(settings)
    metrics = MillMetrics(sites=settings.site_allow_list)
    health = Health(
        stall_seconds=settings.stall_seconds,
        restore_seconds=max(RESTORE_SECONDS, settings.restore_timeout_seconds),
    )
    try:
        with _state_folder(settings.state_dir):
            metrics.watch_process()
            metrics.watch_machine(settings.state_dir)
            metrics.watch_ready(lambda: health.ready().ok)
            server = HealthServer(settings.metrics_host, settings.metrics_port, metrics.registry, health)
            server.start()
            where = f"http://{server.host}:{server.port}"
            log.info("Metrics, health and readiness: %s/metrics /healthz /readyz", where)
            try:
                return _run_worker(settings, metrics, health)
            finally:
                server.stop()
    except (SettingsError, UnservableError) as error:
        log.error("%s", error)
        return EXIT_WRONG_USE
    except UnavailableError as error:
        log.error("%s", error)
        return EXIT_NO_BROKER
    except ForbiddenError as error:
        log.error("%s", error)
        return EXIT_CHECK_FAILED


def _run_worker(settings: Settings, metrics: MillMetrics, health: Health) -> int:
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    if wrong := asyncio.run(_topics_wrong(settings)):
        log.error("%s", " ".join(wrong))
        return EXIT_CHECK_FAILED
    app = build_app(settings, metrics, health)
    worker = _Worker(app, loop=asyncio.new_event_loop(), redirect_stdouts=False, quiet=True, loglevel=None)
    worker.stop_deadline = settings.stop_deadline_seconds
    worker.spinner = None  # it writes escape sequences, also to what is no terminal
    try:
        worker.execute_from_commandline()
    except SystemExit as stopped:
        return EXIT_ENDED if stopped.code else os.EX_OK  # Faust's own failures are a bug's or a broker's too


@contextlib.contextmanager
def _state_folder(folder: Path) -> Iterator[None]:
    """Hold the worker's folder. The kernel lets go of it when the worker dies, however it dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / "worker.lock").open("a")
    except OSError as error:
        raise SettingsError(
            f"FEEDMILL_STATE_DIR cannot be used: {folder} cannot be written to ({error.strerror or error}). Make it "
            "writable, or name another folder."
        ) from error
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"FEEDMILL_STATE_DIR cannot be used: {folder} is the folder of another worker that runs. Each worker "
                "on a machine needs a folder and a metrics port of its own; FEEDMILL_METRICS_PORT=0 finds a port."
            ) from error
        yield


def _configure_logs(settings: Settings) -> None:
    """Our own lines at the level that is set; the libraries' narration of every start and stop only for debugging."""
    password = settings.sasl_password.get_secret_value() if settings.sasl_password else ""
    configure_logs(settings.log_level, settings.log_format, secrets=[password] if password else [])
    if settings.log_level is not LogLevel.DEBUG:
        for library in ("aiokafka", "faust", "mode"):
            logging.getLogger(library).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_in_plain_words)
    # Said at each start, when the first assignment comes without a rebalance before it.
    FeedmillApp.logger.addFilter(lambda record: "Missing sensor state" not in record.getMessage())


def _in_plain_words(record: logging.LogRecord) -> bool:
    """Where a permission is missing, the libraries' traces are that sentence: Faust crashes for it, by stages."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, FORBIDDEN):
        record.msg, record.args, record.exc_info = str(forbidden("do this", error)), (), None
    return True


async def _topics_wrong(settings: Settings) -> list[str]:
    """Wait for the broker, with back-off; then what stands in the way of working on its topics, as sentences."""
    naming = Naming(settings.topic_prefix, settings.generation)
    wanted = topic_table(naming, partitions=settings.partitions, replication=settings.replication)
    reached = administration(connection(settings), within=settings.broker_wait_seconds, waiting=log.warning)
    async with reached as admin:
        found = await admin.topics(f"{naming.prefix}.", configs=False)
        hidden = await admin.hidden([spec.name for spec in wanted if spec.name not in found])
        await admin.join(naming.group)
    standing = [
        difference
        for difference in differences(wanted, found, settings.replication, hidden)
        if difference.kind in (Kind.MISSING, Kind.HIDDEN, Kind.PARTITIONS)
    ]
    advice = dict.fromkeys(ADVICE[difference.kind] for difference in standing)
    return [*told(standing), *advice]


class _Worker(faust.Worker):
    """Faust's worker, with a bound on how long a stop may take and with our logging left alone."""

    stop_deadline: float = 30.0

    async def start(self) -> None:
        try:
            await super().start()
        except (kafka_errors.KafkaError, OSError) as error:
            end_process(f"the broker answered no more while it started ({error}).", EXIT_ENDED)

    def _on_sigterm(self) -> None:
        cast(FeedmillApp, self.app).mill.draining()
        stop_within(self.stop_deadline)
        super()._on_sigterm()

    def _on_sigint(self) -> None:
        self._on_sigterm()

    def _on_sigusr1(self) -> None:
        """Faust's own would write every variable too: documents, and what else they hold; 17 MB in one try."""
        write_stacks(self.loop, sys.__stderr__ or sys.stderr)

    def _setup_logging(self) -> None:
        return None


def _agent(app: FeedmillApp, name: StageName, naming: Naming) -> None:
    """One agent a stage, one actor each: order within a partition is part of the promise."""
    topic = app.topic(
        naming.topic(INPUT[name]), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    async def work(stream: Any) -> None:
        await app.mill.work(name, stream)

    app.agent(topic, name=name.value, concurrency=1, supervisor_strategy=CrashingSupervisor)(work)


__all__ = ["EXIT_NO_BROKER", "FeedmillApp", "build_app", "run_worker"]
