"""What to say when a broker that was there answers no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import errors as kafka_errors

from agents.engine.access import FORBIDDEN, forbidden
from agents.engine.transport import EngineError, UnavailableError

AWAY = (
    OSError,
    TimeoutError,
    kafka_errors.KafkaConnectionError,
    kafka_errors.KafkaTimeoutError,
    kafka_errors.NodeNotReadyError,
    kafka_errors.RequestTimedOutError,
)
"""What aiokafka raises where a broker does not answer; its other errors are answers."""


def shown(connection: Mapping[str, Any]) -> str:
    """The addresses in aiokafka's arguments, for people."""
    servers = connection.get("bootstrap_servers", "localhost")
    return servers if isinstance(servers, str) else ", ".join(servers)


def away(connection: Mapping[str, Any], why: str) -> str:
    """That the broker went away, as sentences with the way out."""
    return (
        f"The Kafka broker at {shown(connection)} does not answer any more ({why}). See that it runs, or that "
        "FEEDMILL_BROKER names one that does, and run the command again."
    )


def unavailable(connection: Mapping[str, Any], what: str, error: Exception) -> EngineError:
    """An error of aiokafka's as the engine's. `what`: `list the topics`."""
    if isinstance(error, FORBIDDEN):
        return forbidden(what, error)
    name = type(error).__name__
    if isinstance(error, AWAY):
        return UnavailableError(away(connection, str(error) or name))
    return UnavailableError(f"The broker did not {what} ({name}: {error}).")
