"""Logging: lines for people or JSON for machines, the same for our own code, Faust and aiokafka.

Three things are kept out whoever logs them: secrets, characters that do more on a terminal than be read, and floods
(aiokafka tries to reconnect without a pause: some 3,000 lines in an outage of 18 s).
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import threading
import time
from collections.abc import Callable, Collection, Hashable
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agents.content.unsafe import UNSAFE, visible
from agents.engine.about import FIELDS

FLOOD_SECONDS = 30.0
"""What a library says again and again is written once in so long, with how often it was said."""

HIDDEN = "[hidden]"

MIN_SECRET = 4
"""A shorter one would hide half of every line, and protects nothing."""

# Below info aiokafka logs every request, the login's with its password among them, and Faust every message.
_LIBRARIES = ("aiokafka", "faust", "mode", "asyncio")
_LIBRARY_LEVEL = logging.INFO

_MAX_FAMILIES = 1000

# `user:password@` in an address
_USERINFO = re.compile(r"(?<=://)[^/\s@'\"]*:[^/\s@'\"]*(?=@)")

# In a log a line is one line: tab and line feed are shown too.
_UNSAFE = re.compile(f"[\t\n{UNSAFE}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

_TRACES = ("exception", "stack")


def configure_logs(
    level: str = "info",
    format: str = "console",
    *,
    secrets: Collection[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged to one handler; calling again replaces it.

    `level` and `format` (`console`, `json`) are those of the settings. `secrets` are never written, whoever logs
    them. `stream` is standard error where none is given: standard output is for results. A worker must keep Faust
    from setting logging up anew.
    """
    out = stream or sys.stderr
    clean = Cleaner(secrets, indent="" if format == "json" else "    ")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        clean,
    ]
    handler = _Handler(out)
    handler.addFilter(FloodFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(format, out)],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # modules make their loggers before a command configures them
    )
    chosen = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(chosen)
    # Named ones too, not the root alone: under `-l warn` Faust sets the root to DEBUG.
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(max(chosen, _LIBRARY_LEVEL))
    logging.captureWarnings(True)


class Cleaner:
    """A processor that hides secrets and writes unsafe characters as `\\x1b`. Traces keep their lines, indented.

    A message cannot begin a line of its own, so that none can pass for another's.
    """

    def __init__(self, secrets: Collection[str] = (), *, indent: str = "") -> None:
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if forms else None
        self._indent = indent

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        for key, value in event.items():
            if key in _TRACES:
                event[key] = self.trace(str(value))
            elif not key.startswith("_"):  # structlog's own: the record
                event[key] = self._value(value, 3)
        return event

    def line(self, text: str) -> str:
        """One line, with nothing in it that does more than be read."""
        return _UNSAFE.sub(_visible, self._hide(text))

    def trace(self, text: str) -> str:
        """Several lines, each indented."""
        lines = self._hide(text).split("\n")
        return "\n".join(self._indent + _UNSAFE.sub(_visible, line) for line in lines)

    def _hide(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        return _USERINFO.sub(HIDDEN, text) if "@" in text else text

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.line(value)
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        if depth and isinstance(value, list | tuple):
            return [self._value(one, depth - 1) for one in value]
        if depth and isinstance(value, dict):
            return {self.line(str(key)): self._value(one, depth - 1) for key, one in value.items()}
        return self.line(repr(value))


class FloodFilter(logging.Filter):
    """Lets through once in `seconds` what a library says again and again, with how often it was held back.

    All of aiokafka's troubles with connections are one thing. Our own lines always pass.
    """

    def __init__(self, seconds: float = FLOOD_SECONDS, timer: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._told: dict[Hashable, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        family = _family(record)
        if family is None:
            return True
        now = self._timer()
        with self._lock:
            at, held = self._told.get(family, (-math.inf, 0))
            if now - at < self._seconds:
                self._told[family] = (at, held + 1)
                return False
            if len(self._told) >= _MAX_FAMILIES:
                self._told.clear()
            self._told[family] = (now, 0)
        if held:
            record.msg = f"{record.getMessage()} (and {held:,} more like it in the last {now - at:.0f} s)"
            record.args = ()
        return True


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """The library's own prints message and arguments as they are, secrets and all."""
        try:
            self.stream.write(
                f"A log line of {record.name} ({record.filename}:{record.lineno}) could not be written.\n"
            )
        except (OSError, ValueError):  # the stream is gone: there is nobody to tell
            return


def _family(record: logging.LogRecord) -> Hashable | None:
    """What a record of a library repeats; None for what is always told."""
    library = record.name.partition(".")[0]
    if library not in _LIBRARIES:
        return None
    if library == "aiokafka" and record.levelno >= logging.WARNING and _is_connection_trouble(record):
        return "connection"
    if library == "aiokafka" or record.levelno >= logging.WARNING or record.name == "mode.timers":
        return (record.name, record.levelno, str(record.msg))
    return None


def _is_connection_trouble(record: logging.LogRecord) -> bool:
    """Known by its arguments: what aiokafka would try again carries `retriable`."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    return str(record.msg).startswith("Unable") or any(
        isinstance(one, OSError) or getattr(one, "retriable", False) for one in arguments
    )


def _renderer(format: str, stream: TextIO) -> Processor:
    if format == "json":
        return structlog.processors.JSONRenderer(serializer=_json)
    if format == "console":
        return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    raise ValueError(f"'{format}' is no form of logs: console or json")


def _json(event: Any, **_: Any) -> str:
    return json.dumps(event, ensure_ascii=False, default=repr)


def _forms(secret: str) -> set[str]:
    """A secret as it may stand in a line: plain, in a repr, in JSON, in an address."""
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    return visible(character)
