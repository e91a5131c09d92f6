"""What the commands have in common that watch a mill for as long as they are let: a server, rounds, a quick end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from agents.cli.exits import CommandError, ExitCode
from agents.engine.access import ForbiddenError
from agents.engine.admin import administration
from agents.engine.connection import connection
from agents.engine.logs import configure_logs
from agents.engine.probes import HealthServer, UnservableError
from agents.engine.rounds import Rounds, watch_process
from agents.engine.topics import Naming
from agents.engine.transport import UnavailableError
from agents.settings import LogLevel, Settings

log = logging.getLogger(__name__)

Watcher = Callable[[Mapping[str, Any], Naming, CollectorRegistry], Rounds]
"""Makes the rounds: of aiokafka's arguments, the mill's names, and where the figures go."""


def watch(settings: Settings, host: str | None, port: int, make: Watcher) -> None:
    """Serve the figures and do rounds until SIGTERM. Ends the command where it cannot even begin."""
    _configure_logs(settings)
    registry = CollectorRegistry()
    arguments = connection(settings)
    naming = Naming(settings.topic_prefix, settings.generation)
    rounds = make(arguments, naming, registry)
    watch_process(registry)
    try:
        server = HealthServer(
            host or settings.metrics_host,
            port,
            registry,
            rounds,
            advice="Give --host an address of this machine and --port a free port; 0 finds one.",
        )
    except UnservableError as error:
        raise CommandError(str(error)) from error
    server.start()
    log.info("Metrics, health and readiness: http://%s:%d/metrics /healthz /readyz", server.host, server.port)
    try:
        asyncio.run(_watch(settings, arguments, rounds))
    except UnavailableError as error:
        raise CommandError(str(error), ExitCode.NO_BROKER) from error
    except ForbiddenError as error:
        raise CommandError(str(error), ExitCode.FOUND) from error
    finally:
        server.stop()


async def _watch(settings: Settings, arguments: Mapping[str, Any], rounds: Rounds) -> None:
    async def reach() -> None:
        # A broker that never answers is a wrong address, and to be told as such; one that goes away later comes back.
        async with administration(arguments, within=settings.broker_wait_seconds, waiting=log.warning):
            pass

    await rounds.run(reach)


def _configure_logs(settings: Settings) -> None:
    password = settings.sasl_password.get_secret_value() if settings.sasl_password else ""
    configure_logs(settings.log_level, settings.log_format, secrets=[password] if password else [])
    if settings.log_level is not LogLevel.DEBUG:
        # It logs an error for each lost connection; what comes of it is said in sentences.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
