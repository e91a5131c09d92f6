"""A command's session with the broker: reached once, with the sentence and exit code of what can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from agents.cli.exits import CommandError, ExitCode, pipe_may_close
from agents.cli.terminal import safe_line
from agents.engine.admin import ADVICE, Admin, Found, Kind, administration
from agents.engine.connection import connection
from agents.engine.topics import Naming
from agents.engine.transport import EngineError, UnavailableError
from agents.settings import Settings
from agents.stage import Topic

T = TypeVar("T")


class Session(Struct, frozen=True):
    """What a command needs to talk to the broker. `connection` holds the arguments for aiokafka's clients."""

    settings: Settings
    naming: Naming
    connection: Mapping[str, Any]
    admin: Admin

    async def topics(self, *needed: Topic) -> dict[str, Found]:
        """The mill's topics as the broker has them; ends the command where a needed one is missing."""
        found = await self.admin.topics(f"{self.naming.prefix}.", configs=False)
        names = [self.naming.topic(topic) for topic in needed]
        if hidden := await self.admin.hidden([name for name in names if name not in found]):
            verb = "is" if len(hidden) == 1 else "are"
            raise CommandError(
                f"{', '.join(sorted(hidden))} {verb} not shown to this user. {ADVICE[Kind.HIDDEN]}", ExitCode.FOUND
            )
        require(found, names)
        return found


@contextlib.asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Session]:
    """A session, once the broker answers; within `broker_wait_seconds`, else UnavailableError.

    Who has to wait for it is told so on stderr.
    """
    # aiokafka logs an error for each lost connection; what comes of it is said in sentences.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    arguments = connection(settings)
    async with administration(arguments, within=settings.broker_wait_seconds, waiting=tell) as admin:
        yield Session(settings, Naming(settings.topic_prefix, settings.generation), arguments, admin)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end. Ends the command with code 3 where the broker cannot be reached."""
    try:
        with pipe_may_close():
            return asyncio.run(work)
    except UnavailableError as error:
        raise CommandError(str(error), ExitCode.NO_BROKER) from error
    except EngineError as error:
        raise CommandError(str(error), ExitCode.FOUND) from error


def tell(sentence: str) -> None:
    """A sentence for who waits, on stderr."""
    sys.stderr.write(f"feedmill: {safe_line(sentence)}\n")
    sys.stderr.flush()


def require(found: Mapping[str, Found], names: Iterable[str]) -> None:
    """Raise CommandError, with the way out, where one of the topics is not there."""
    if missing := [name for name in names if name not in found]:
        verb = "does" if len(missing) == 1 else "do"
        raise CommandError(
            f"{', '.join(missing)} {verb} not exist on this broker. `feedmill topics apply` creates the mill's topics; "
            "FEEDMILL_TOPIC_PREFIX and FEEDMILL_GENERATION say how they are called."
        )
