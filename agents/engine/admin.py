"""The broker's own affairs, asked and changed: which topics there are, how they are set, what a group has committed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from msgspec import Struct
from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

from agents.engine.access import ADVICE as ACLS
from agents.engine.access import FORBIDDEN, ForbiddenError, hint, locked_out
from agents.engine.alterconfigs import SET, IncrementalAlterConfigs
from agents.engine.away import shown, unavailable
from agents.engine.topics import TopicSpec
from agents.engine.transport import EngineError, UnavailableError

REACH_SECONDS = 30.0
"""How long a command tries to reach the broker before it gives up."""

NOTICE_SECONDS = 1.0
"""Who waits longer than this is told what for."""

TRY_SECONDS = 10.0
"""Limit of one try: of a broker that hangs, or that a firewall hides, aiokafka would wait four times as long."""

LEAST_SECONDS = 1.0
"""For one try at least, also where nobody wants to wait."""

T = TypeVar("T")

Tell = Callable[[str], None]
"""Takes a sentence for people."""

LEADERS_WITHIN_SECONDS = 30.0
SEEN_WITHIN_SECONDS = 5.0

_NO_COORDINATOR = (
    kafka_errors.GroupLoadInProgressError,
    kafka_errors.GroupCoordinatorNotAvailableError,
    kafka_errors.NotCoordinatorForGroupError,
)
_TRIED_AGAIN = (kafka_errors.KafkaError, OSError, TimeoutError)

_UNORDERED = frozenset({"cleanup.policy"})  # a list in which order means nothing


class Found(Struct, frozen=True):
    """A topic as the broker has it. `config` holds the values in force, also those that are its defaults."""

    partitions: int
    replication: int
    config: dict[str, str]


class Kind(StrEnum):
    MISSING = "missing"
    HIDDEN = "hidden"
    PROPERTY = "property"
    PARTITIONS = "partitions"
    REPLICATION = "replication"


ADVICE = {
    Kind.MISSING: "`feedmill topics apply` creates what is missing.",
    Kind.HIDDEN: f"An ACL is missing, or the topic is. {ACLS}",
    Kind.PROPERTY: "`feedmill topics apply` sets properties.",
    Kind.PARTITIONS: "A partition count cannot be changed in place: the copies of one feed would no longer meet. Set "
    "FEEDMILL_PARTITIONS to the count that all topics have, or migrate to a new generation.",
    Kind.REPLICATION: "Reassign with Kafka's own tools, or set FEEDMILL_REPLICATION to what the topics have.",
}
"""What to do about each kind of difference; said once however many topics differ."""

APPLIED = frozenset({Kind.MISSING, Kind.PROPERTY})
"""The kinds that `topics apply` ends."""


class Difference(Struct, frozen=True):
    """One way in which a topic is not as it should be. `key` and `value`: the property to set.

    `several`: what is said of several topics that differ alike, `are missing`.
    """

    topic: str
    kind: Kind
    sentence: str
    several: str
    key: str = ""
    value: str = ""


def differences(
    wanted: Iterable[TopicSpec], found: Mapping[str, Found], replication: int, hidden: Collection[str] = ()
) -> list[Difference]:
    """Compare topics as they should be with topics as they are; empty where all is well.

    `hidden`: those that the broker does not show to this user.
    """
    result: list[Difference] = []
    for spec in wanted:
        topic = found.get(spec.name)
        if topic is None and spec.name in hidden:
            what = "not shown to this user"
            result.append(Difference(spec.name, Kind.HIDDEN, f"{spec.name} is {what}.", f"are {what}"))
            continue
        if topic is None:
            result.append(Difference(spec.name, Kind.MISSING, f"{spec.name} is missing.", "are missing"))
            continue
        if topic.partitions != spec.partitions:
            what = f"{_count(topic.partitions, 'partition')}, should have {spec.partitions}"
            result.append(Difference(spec.name, Kind.PARTITIONS, f"{spec.name} has {what}.", f"have {what}"))
        if topic.replication < replication:
            what = f"kept by {_count(topic.replication, 'broker')}, should be by {replication}"
            result.append(Difference(spec.name, Kind.REPLICATION, f"{spec.name} is {what}.", f"are {what}"))
        for key, value in spec.config.items():
            present = topic.config.get(key)
            if present is None or not _same(key, present, value):
                what = f"{key} is {present or 'not set'}, should be {value}"
                several = f"differ in one property ({what})"
                result.append(
                    Difference(spec.name, Kind.PROPERTY, f"{spec.name}: {what}.", several, key=key, value=value)
                )
    return result


def told(found: Iterable[Difference]) -> list[str]:
    """Differences as sentences: one for all topics that differ alike."""
    alike: dict[tuple[Kind, str], list[Difference]] = {}
    for one in found:
        alike.setdefault((one.kind, one.several), []).append(one)
    return [
        first.sentence
        if not others
        else f"{len(others) + 1} topics {several}: {', '.join(one.topic for one in (first, *others))}."
        for (_, several), (first, *others) in alike.items()
    ]


class Admin:
    """Asks and changes, over one connection. All methods raise EngineError with a sentence."""

    def __init__(self, client: AIOKafkaAdminClient, connection: Mapping[str, Any]) -> None:
        self._client = client
        self._connection = connection

    async def topics(self, prefix: str = "", *, configs: bool = True) -> dict[str, Found]:
        """Every topic whose name begins with `prefix`. Without `configs` no more is needed than to see them."""
        with self._translated("list the topics"):
            # All of them, then filtered: to ask for a topic by name creates it on brokers that auto-create.
            described = await self._client.describe_topics()
            sizes = {
                topic["topic"]: (len(topic["partitions"]), min(len(p["replicas"]) for p in topic["partitions"]))
                for topic in described
                if topic["topic"].startswith(prefix) and topic["partitions"]
            }
            properties = await self._configs(sizes) if configs else {}
        return {name: Found(*size, properties.get(name, {})) for name, size in sizes.items()}

    async def hidden(self, names: Collection[str]) -> set[str]:
        """Of topics that are not among those listed, the ones that an ACL hides: they may be there or not."""
        if not names:
            return set()
        with self._translated("list the topics"):
            asked = MetadataRequest(list(names), allow_auto_topic_creation=False)
            answer = (await self._client._send_request(asked)).to_object()
        refused = kafka_errors.TopicAuthorizationFailedError.errno
        return {topic["topic"] for topic in answer["topics"] if topic["error_code"] == refused}

    async def leaders(self, names: Collection[str]) -> dict[str, dict[int, bool]]:
        """Of the topics that are there, each partition and whether a broker leads it. Creates none."""
        with self._translated("list the topics"):
            asked = MetadataRequest(list(names), allow_auto_topic_creation=False)
            answer = (await self._client._send_request(asked)).to_object()
            refused = kafka_errors.TopicAuthorizationFailedError
            if hidden := {topic["topic"] for topic in answer["topics"] if topic["error_code"] == refused.errno}:
                raise refused(hidden)
        return {
            topic["topic"]: {one["partition"]: one["leader"] >= 0 for one in topic["partitions"]}
            for topic in answer["topics"]
            if topic["partitions"]
        }

    async def create(self, specs: Sequence[TopicSpec], replication: int) -> None:
        """Create topics and wait until each partition has a leader. One that exists already is left alone."""
        if not specs:
            return
        new = [NewTopic(spec.name, spec.partitions, replication, topic_configs=spec.config) for spec in specs]
        with self._translated("create topics"):
            answer = await self._client.create_topics(new)
            for name, code, message in answer.topic_errors:
                if code and kafka_errors.for_code(code) is not kafka_errors.TopicAlreadyExistsError:
                    raise EngineError(f"The broker did not create {name}: {_why(code, message)}")
            await self._led({spec.name: spec.partitions for spec in specs})

    async def configure(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set properties of topics; all others stay as they are."""
        if not changes:
            return
        resources = [
            (ConfigResourceType.TOPIC, name, [(key, SET, value) for key, value in properties.items()])
            for name, properties in changes.items()
        ]
        with self._translated("set topic properties"):
            answer = await self._client._send_to_controller(IncrementalAlterConfigs(resources))
            for code, message, _, name in answer.resources:
                if code:
                    raise EngineError(f"The broker did not change {name}: {_why(code, message)}")
            await self._in_force(changes)

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Every offset that a group has committed; empty for a group that the broker does not know."""
        with self._translated("read the group's offsets"):
            found = await _coordinated(group, lambda: self._client.list_consumer_group_offsets(group))
        return {(at.topic, at.partition): kept.offset for at, kept in found.items() if kept.offset >= 0}

    async def members(self, group: str) -> int:
        """How many members a group has; 0 for one that the broker does not know."""

        async def ask() -> int:
            [answer] = await self._client.describe_consumer_groups([group])
            [(code, _, _, _, _, members, *_)] = answer.groups
            if code:
                raise kafka_errors.for_code(code)(group)
            return len(members)

        with self._translated("describe the group"):
            return await _coordinated(group, ask)

    async def join(self, group: str) -> None:
        """Make sure that this user may be a member: aiokafka's consumers ask again for ever, and say nothing."""
        with self._translated("work in the group"):
            try:
                coordinator = await _coordinated(group, lambda: self._client.find_coordinator(group))
            except _NO_COORDINATOR:
                return  # a consumer waits for one, and says so
            # of a member that there is not: whoever may not be one is told so, others that it is unknown
            answer = await self._client._send_request(HeartbeatRequest(group, -1, "nobody"), coordinator)
            if kafka_errors.for_code(answer.error_code) is kafka_errors.GroupAuthorizationFailedError:
                raise kafka_errors.GroupAuthorizationFailedError(group)

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            raise unavailable(self._connection, what, error) from error

    async def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        configs: dict[str, dict[str, str]] = {}
        for answer in await self._client.describe_configs(resources) if resources else ():
            for code, message, _, name, entries in answer.resources:
                if code:
                    kind = ForbiddenError if kafka_errors.for_code(code) in FORBIDDEN else EngineError
                    raise kind(f"The broker does not tell how {name} is set: {_why(code, message)}")
                configs[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        return configs

    async def _in_force(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Brokers learn of a change from the controller a moment after it has answered."""
        deadline = asyncio.get_running_loop().time() + SEEN_WITHIN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            present = await self._configs(changes)
            if all(
                _same(key, present[name].get(key, ""), value)
                for name, properties in changes.items()
                for key, value in properties.items()
            ):
                return
            await asyncio.sleep(0.05)

    async def _led(self, wanted: Mapping[str, int]) -> None:
        deadline = asyncio.get_running_loop().time() + LEADERS_WITHIN_SECONDS
        while True:
            led = {
                topic["topic"]: sum(1 for partition in topic["partitions"] if partition["leader"] >= 0)
                for topic in await self._client.describe_topics()
            }
            waiting = [name for name, partitions in wanted.items() if led.get(name, 0) < partitions]
            if not waiting:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(f"{', '.join(waiting)}: created, but no broker leads all partitions.")
            await asyncio.sleep(0.05)


async def _coordinated(group: str, ask: Callable[[], Awaitable[T]]) -> T:
    """What a group's coordinator answers. A broker that has just made its offsets topic has none for a moment."""
    for attempt in range(20):
        try:
            return await ask()
        except kafka_errors.GroupAuthorizationFailedError:
            raise kafka_errors.GroupAuthorizationFailedError(group) from None  # aiokafka's has words in its place
        except _NO_COORDINATOR:
            if attempt == 19:
                raise
            await asyncio.sleep(0.25)
    raise AssertionError("the last attempt returns or raises")


@contextlib.asynccontextmanager
async def administration(
    connection: Mapping[str, Any], *, within: float = REACH_SECONDS, waiting: Tell = lambda _: None
) -> AsyncIterator[Admin]:
    """An Admin, once the broker answers.

    `connection`: aiokafka's arguments. `waiting` gets a sentence where there is no answer for a second. Raises
    UnavailableError after `within` seconds without one.
    """
    client = await _reached(connection, within, waiting)
    try:
        yield Admin(client, connection)
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 5)


async def _reached(connection: Mapping[str, Any], within: float, waiting: Tell) -> AIOKafkaAdminClient:
    addresses = shown(connection)
    sentence = f"No Kafka broker answers at {addresses} yet; trying for {within:g} s."
    patient = within > NOTICE_SECONDS
    notice = asyncio.get_running_loop().call_later(NOTICE_SECONDS, waiting, sentence) if patient else None
    with _overheard() as reasons:

        def why_never() -> str | None:
            return next((why for reason in reasons if (why := locked_out(connection, addresses, reason))), None)

        retrying = AsyncRetrying(
            wait=wait_exponential_jitter(multiplier=0.2, max=3, jitter=0.2),
            retry=retry_if_exception(lambda error: isinstance(error, _TRIED_AGAIN) and why_never() is None),
        )
        try:
            async with asyncio.timeout(max(within, LEAST_SECONDS)):
                async for attempt in retrying:
                    with attempt:
                        return await _started(connection)
        except _TRIED_AGAIN as error:
            if (why := why_never()) is not None:
                raise UnavailableError(why) from error
            last = reasons[-1] if reasons else None
            reason = (str(last) or type(last).__name__) if last else "it accepts connections and says nothing"
            raise UnavailableError(
                f"No Kafka broker answers at {addresses} (tried for {within:g} s; {reason}). Is it running, and does "
                f"FEEDMILL_BROKER name it? `feedmill broker` starts one for development.{hint(connection, last)}"
            ) from error
        finally:
            if notice is not None:
                notice.cancel()
    raise AssertionError("it is tried until it succeeds or the time is over")


async def _started(connection: Mapping[str, Any]) -> AIOKafkaAdminClient:
    """A client of one broker of the list, whose order is another at each try: one may be there and say nothing."""
    client = AIOKafkaAdminClient(**connection)
    try:
        async with asyncio.timeout(TRY_SECONDS):
            await client.start()
    except BaseException:
        with contextlib.suppress(Exception):
            await client.close()
        raise
    return client


@contextlib.contextmanager
def _overheard() -> Iterator[Sequence[Exception]]:
    """Why connections failed: aiokafka says it to its log only, and there it is kept from."""
    logger = logging.getLogger("aiokafka")
    level, propagates, handler = logger.level, logger.propagate, _Reasons()
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield handler.heard
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
        logger.setLevel(level)


class _Reasons(logging.Handler):
    """Keeps the last reasons: `Unable connect to "%s:%s": %s`, and what else ends with an error."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: deque[Exception] = deque(maxlen=16)

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and record.args and isinstance(error := record.args[-1], Exception):
            self.heard.append(error)


def _same(key: str, present: str, wanted: str) -> bool:
    if key in _UNORDERED:
        return {part.strip() for part in present.split(",")} == {part.strip() for part in wanted.split(",")}
    return present == wanted


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _why(code: int, message: str | None) -> str:
    error = kafka_errors.for_code(code)
    advice = f" {ACLS}" if error in FORBIDDEN else ""
    return f"{message or error.description or error.__name__}".rstrip(".") + f" ({error.__name__}).{advice}"
