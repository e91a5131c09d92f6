from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import socket
import warnings
from collections.abc import Callable, Iterator

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.connection import connection
from agents.engine.logs import HIDDEN, Cleaner, FloodFilter, configure_logs
from agents.settings import load_settings

PASSWORD = "Kranich-und-Möwe'7"

Configure = Callable[..., io.StringIO]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """configure_logs with a stream to look into; logging is afterwards as it was before."""
    root = logging.getLogger()
    names = ("aiokafka", "faust", "mode", "asyncio")
    before = root.handlers[:], root.level, [logging.getLogger(name).level for name in names]

    def configured(**arguments: object) -> io.StringIO:
        stream = io.StringIO()
        configure_logs(**{"stream": stream, **arguments})  # type: ignore[arg-type]
        return stream

    yield configured
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    for name, level in zip(names, before[2], strict=True):
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def events(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# -- fields


ABOUT = {"source": "feeds.raw/3/1042/0", "stage": "enrich", "partition": 7, "code": "crashed-worker"}


def test_fields_stand_beside_the_sentence_in_json(configure: Configure) -> None:
    stream = configure(format="json")
    logging.getLogger("agents.example").warning("Refused: %s", "too large", extra={**ABOUT, "colour": "blue"})
    [event] = events(stream)
    assert ABOUT.items() <= event.items()
    assert event["event"] == "Refused: too large"
    assert event.keys() == {*ABOUT, "event", "level", "logger", "timestamp"}, "what has no fixed name is left out"


def test_fields_stand_behind_the_sentence_for_people(configure: Configure) -> None:
    stream = configure(format="console")
    logging.getLogger("agents.example").warning("Refused.", extra=ABOUT)
    [line] = stream.getvalue().splitlines()
    assert line.index("Refused.") < line.index("source=feeds.raw/3/1042/0")
    assert "partition=7" in line
    assert "stage=enrich" in line


@pytest.mark.parametrize("format", ["json", "console"])
def test_fields_are_cleaned_like_sentences(configure: Configure, format: str) -> None:
    stream = configure(format=format, secrets=[PASSWORD])
    source = f"feeds.raw/3/1\n\x1b[2J\u202e{PASSWORD}"
    logging.getLogger("agents.example").warning("Refused.", extra={"source": source})
    [line] = stream.getvalue().splitlines()
    assert not {"\x1b", "\u202e"} & set(line)
    assert PASSWORD not in line
    assert HIDDEN in line


# -- forms


@pytest.mark.parametrize("own", [True, False], ids=["structlog", "the standard library's logging"])
def test_json_lines_are_alike_whoever_logs(configure: Configure, own: bool) -> None:
    stream = configure(format="json")
    logger = structlog.stdlib.get_logger("agents.example") if own else logging.getLogger("agents.example")
    logger.info("restored %d records of %s", 12, "灯塔")
    [event] = events(stream)
    assert event.pop("timestamp")
    assert event == {"event": "restored 12 records of 灯塔", "level": "info", "logger": "agents.example"}


def test_values_keep_their_types(configure: Configure) -> None:
    stream = configure(format="json")
    structlog.stdlib.get_logger("x").warning(
        "lag", records=3, age=1.5, places=[("parse", 0)], nan=float("nan"), raw=b"\x1b"
    )
    [event] = events(stream)
    assert event["records"] == 3
    assert event["age"] == 1.5
    assert event["places"] == [["parse", 0]]
    assert event["nan"] == "nan"
    assert event["raw"] == "b'\\x1b'".replace("\\", "\\")


def test_console_lines_have_no_colours_where_nobody_sees_them(configure: Configure) -> None:
    stream = configure()
    logging.getLogger("agents.example").warning("the broker is away")
    line = stream.getvalue()
    assert re.fullmatch(r"\d{4}-\S+Z \[warning *\] the broker is away +\[agents\.example\]\n", line)


def test_what_is_bound_is_told(configure: Configure) -> None:
    stream = configure(format="json")
    structlog.contextvars.bind_contextvars(stage="dedupe")
    structlog.stdlib.get_logger("x").info("taken over")
    assert events(stream)[0]["stage"] == "dedupe"


def test_an_unknown_form_is_an_error(configure: Configure) -> None:
    with pytest.raises(ValueError, match="console or json"):
        configure(format="xml")


def test_configured_twice_it_writes_once(configure: Configure) -> None:
    configure()
    stream = configure()
    logging.getLogger("agents.example").info("once")
    assert stream.getvalue().count("once") == 1


def test_python_warnings_are_lines_too(configure: Configure) -> None:
    stream = configure(format="json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("an old name", DeprecationWarning, stacklevel=1)
    assert events(stream)[0]["logger"] == "py.warnings"


def test_a_line_that_cannot_be_made_is_told_without_its_content(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = configure()
    logging.getLogger("agents.example").info("%d records", "no number")
    assert "A log line of agents.example" in stream.getvalue()
    assert "no number" not in stream.getvalue() + capsys.readouterr().err


# -- levels


@pytest.mark.parametrize(
    ("level", "name", "at", "written"),
    [
        pytest.param("info", "agents.engine", logging.DEBUG, False, id="below the level"),
        pytest.param("debug", "agents.engine", logging.DEBUG, True, id="our own debug"),
        pytest.param("debug", "aiokafka.conn", logging.DEBUG, False, id="aiokafka's debug: requests with the login"),
        pytest.param("debug", "faust.app.base", logging.DEBUG, False, id="faust's debug: every message"),
        pytest.param("info", "mode.worker", logging.INFO, True, id="what mode has to say"),
        pytest.param("warning", "aiokafka.conn", logging.INFO, False, id="the level is for libraries too"),
    ],
)
def test_levels(configure: Configure, level: str, name: str, at: int, written: bool) -> None:
    stream = configure(level=level)
    logging.getLogger(name).log(at, "here")
    assert ("here" in stream.getvalue()) is written


def test_a_root_set_to_debug_by_faust_lets_no_library_through(configure: Configure) -> None:
    stream = configure(level="warning")
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("aiokafka.conn").debug("request")
    logging.getLogger("faust.transport").info("message")
    assert stream.getvalue() == ""


# -- what must not be written


def test_control_characters_are_escaped(configure: Configure) -> None:
    stream = configure()
    title = "Tide\x1b[2J\x9b plant\u202e gnp.exe\n2024-02-16 [error] forged\u2028\ud800 فارسی‌ها"
    structlog.stdlib.get_logger("x").info("parsed", title=title)
    logging.getLogger("x").info("parsed %s", title)
    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800]", text)
    assert "parsed Tide\\x1b[2J\\x9b plant\\u202e gnp.exe\\n2024" in text
    assert text.count("x1b[2J") == 2
    assert "فارسی\u200cها" in text


def test_the_lines_of_a_trace_are_indented_and_escaped(configure: Configure) -> None:
    stream = configure()
    try:
        raise ValueError("hostile\n2024-02-16T21:03:04Z [error] forged\x1b[31m")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert "it failed" in first
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == "    2024-02-16T21:03:04Z [error] forged\\x1b[31m"


def test_json_keeps_a_trace_in_one_line(configure: Configure) -> None:
    stream = configure(format="json")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    [event] = events(stream)
    assert str(event["exception"]).splitlines()[-1] == "ValueError: broken"


@given(st.text())
def test_a_cleaned_line_is_one_printable_line_and_cleaning_it_again_changes_nothing(text: str) -> None:
    clean = Cleaner(["geheimnis"])
    line = clean.line(text)
    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line  # no lone surrogate is left
    assert clean.line(line) == line
    assert "geheimnis" not in line


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"login with {PASSWORD} failed", id="in a sentence"),
        pytest.param(repr({"sasl_plain_password": PASSWORD}), id="in a repr"),
        pytest.param(json.dumps({"password": PASSWORD}), id="in JSON"),
        pytest.param("kafka://mill:Kranich-und-M%C3%B6we%277@kafka-1.example:9093", id="in an address"),
        pytest.param("kafka://mill:another-password@kafka-1.example:9093", id="another's, in an address"),
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    line = Cleaner([PASSWORD]).line(text)
    assert HIDDEN in line
    assert "ranich" not in line
    assert "another-password" not in line


def test_addresses_without_a_login_stay_as_they_are() -> None:
    text = "https://news.example/@author/1 and kafka://kafka-1.example:9092 and a@b.example"
    assert Cleaner().line(text) == text


async def test_a_password_is_never_logged(configure: Configure) -> None:
    """Settings, aiokafka with a server that hangs up, errors with their causes: all of it at debug."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = load_settings(
        broker=f"127.0.0.1:{port}",
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="mill",
        sasl_password=PASSWORD,
    )
    arguments = connection(settings)
    assert arguments["sasl_plain_password"] == PASSWORD
    for format in ("console", "json"):
        stream = configure(level="debug", format=format, secrets=[PASSWORD])
        logger = structlog.stdlib.get_logger("agents.example")
        logger.info("settings %r", settings, settings=settings, arguments=arguments)
        producer = AIOKafkaProducer(**arguments, request_timeout_ms=500)
        try:
            await producer.start()
        except Exception:
            logger.exception("no broker with %s", arguments)
        finally:
            await producer.stop()
        try:
            raise KafkaConnectionError(f"login {arguments}")
        except KafkaConnectionError:
            logging.getLogger("faust.transport").exception("crashed: %r", arguments)
        text = stream.getvalue()
        assert "no broker with" in text
        assert "crashed" in text
        assert "Kranich" not in text
        assert "ranich-und" not in text
    server.close()


# -- floods


class Timer:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def record(name: str, level: int, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 1, message, arguments, None)


def test_a_flood_is_one_line_and_the_next_says_how_much_was_held_back() -> None:
    timer = Timer()
    flood = FloodFilter(30, timer)
    refused = ConnectionRefusedError(111, "refused")
    passed: list[str] = []
    for second in range(61):
        timer.now = float(second)
        said = [
            record("aiokafka", logging.ERROR, 'Unable connect to "%s:%s": %s', "kafka-1.example", 9092, refused),
            record("aiokafka", logging.ERROR, "Unable to update metadata from %s", [1]),
            record("aiokafka.consumer.fetcher", logging.ERROR, "Failed fetch messages: %s", NodeNotReadyError()),
        ]
        passed += [one.getMessage() for one in said if flood.filter(one)]
    assert passed == [
        'Unable connect to "kafka-1.example:9092": [Errno 111] refused',
        'Unable connect to "kafka-1.example:9092": [Errno 111] refused (and 89 more like it in the last 30 s)',
        'Unable connect to "kafka-1.example:9092": [Errno 111] refused (and 89 more like it in the last 30 s)',
    ]


@pytest.mark.parametrize(
    ("name", "level", "message", "passed"),
    [
        pytest.param("agents.engine.mill", logging.WARNING, "the hint was not committed", 5, id="ours always"),
        pytest.param("faust.app.base", logging.INFO, "[^-App]: Starting...", 5, id="what faust does"),
        pytest.param("faust.app.base", logging.WARNING, "[^-App]: slow", 1, id="what faust warns of"),
        pytest.param("mode.timers", logging.INFO, "Timer %r woke up too late", 1, id="late timers, at any level"),
        pytest.param("aiokafka.producer.sender", logging.INFO, "Discovered coordinator %s", 1, id="64 producers"),
        pytest.param("asyncio", logging.WARNING, "socket.send() raised exception.", 1, id="asyncio on a dead socket"),
    ],
)
def test_what_is_a_flood(name: str, level: int, message: str, passed: int) -> None:
    flood = FloodFilter(30, Timer())
    assert sum(flood.filter(record(name, level, message)) for _ in range(5)) == passed


def test_another_trouble_is_told_beside_the_flood() -> None:
    flood = FloodFilter(30, Timer())
    assert flood.filter(record("aiokafka", logging.ERROR, "Unable to update metadata from %s", [1]))
    assert flood.filter(record("aiokafka.cluster", logging.ERROR, "Topic %s is not authorized", "feeds.raw"))


def test_messages_without_end_take_no_memory_without_end() -> None:
    flood = FloodFilter(30, Timer())
    for number in range(5000):
        flood.filter(record("aiokafka", logging.INFO, f"message {number}"))
    assert len(flood._told) <= 1000


async def test_aiokafka_without_a_broker_writes_a_line_or_two(configure: Configure) -> None:
    stream = configure(format="json")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for _ in range(50):
            consumer = AIOKafkaConsumer(bootstrap_servers=address)
            with pytest.raises(KafkaConnectionError):
                await consumer.start()
            await consumer.stop()
    lines = [event for event in events(stream) if str(event["logger"]).startswith("aiokafka")]
    assert 1 <= len(lines) <= 2
