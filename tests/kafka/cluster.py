"""Three Kafka nodes on loopback, each a broker and a controller, that can be killed one by one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

from agents.engine.broker import EmbeddedBroker, new_cluster_id
from agents.engine.loopback import free_port, live_nodes

T = TypeVar("T")

MEMORY_MIB = 256
START_WITHIN = 120.0  # seconds: three Java machines share the cores with what works on them


class Cluster:
    """Copies of everything on all three nodes; two must have a record before it is acknowledged."""

    def __init__(self) -> None:
        ports: dict[int, int] = {}
        while len(set(ports.values())) < 3:
            ports = {node: free_port() for node in (1, 2, 3)}
        self.id = new_cluster_id()
        self.nodes = {
            node: EmbeddedBroker(
                node=node,
                voters=ports,
                cluster_id=self.id,
                memory_mib=MEMORY_MIB,
                # By itself the controller gives no leadership back: the test does, when it wants to.
                settings={"auto.leader.rebalance.enable": "false"},
            )
            for node in ports
        }

    def __enter__(self) -> Self:
        self._together(self.nodes, lambda broker: broker.start(within=START_WITHIN))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._together(self.nodes, lambda broker: broker.stop(5.0))

    @property
    def address(self) -> str:
        return ",".join(broker.address for broker in self.nodes.values())

    def kill(self, *nodes: int) -> None:
        for node in nodes:
            self.nodes[node].kill()

    def restart(self, *nodes: int) -> None:
        """Start nodes again; those that still run are stopped in order first. Waits until all three are there."""
        self._together(nodes, lambda broker: broker.restart(within=START_WITHIN))
        deadline = time.monotonic() + START_WITHIN
        while live_nodes(self.nodes[1].port or 0) != (self.id, set(self.nodes)):
            if time.monotonic() > deadline:
                raise AssertionError("the nodes do not find each other")
            time.sleep(0.1)

    def _together(self, nodes: Iterable[int], what: Any) -> None:
        with ThreadPoolExecutor(3) as pool:  # none is ready before a majority is up
            list(pool.map(what, [self.nodes[node] for node in nodes]))

    async def leaders(self, prefix: str) -> dict[tuple[str, int], tuple[int, int, int]]:
        """Of each partition of topics of a prefix: who leads, who should, and how many nodes have all of it."""
        return await self._asked(lambda: self._leaders(prefix))

    async def prefer(self) -> None:
        """Give every partition's leadership back to the node that is named first (`kafka-leader-election`)."""
        await self._asked(self._prefer)

    async def _asked(self, what: Callable[[], Awaitable[T]]) -> T:
        """Ask until a node answers: one has just gone, or has just come back."""
        deadline = time.monotonic() + START_WITHIN
        while True:
            try:
                return await what()
            except (kafka_errors.KafkaError, OSError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)

    async def _leaders(self, prefix: str) -> dict[tuple[str, int], tuple[int, int, int]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await admin.start()
        try:
            return {
                (topic["topic"], part["partition"]): (part["leader"], part["replicas"][0], len(part["isr"]))
                for topic in await admin.describe_topics()
                if topic["topic"].startswith(prefix)
                for part in topic["partitions"]
            }
        finally:
            await admin.close()

    async def _prefer(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await admin.start()
        try:
            answer = await admin._send_to_controller(_ElectLeaders())
            assert not answer.error_code, answer
        finally:
            await admin.close()


class _ElectLeadersResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 43
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("partition", Int32), ("error_code", Int16), ("error_message", String("utf-8"))),
                ),
            ),
        ),
    )


class _ElectLeadersRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 43
    API_VERSION = 1
    RESPONSE_TYPE = _ElectLeadersResponse
    SCHEMA = Schema(
        ("election_type", Int8),
        ("topic_partitions", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))),
        ("timeout_ms", Int32),
    )


class _ElectLeaders(Request[_ElectLeadersRequest]):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 43

    def build(self, request_struct_class: type[_ElectLeadersRequest]) -> _ElectLeadersRequest:
        return request_struct_class(0, None, 30_000)  # preferred leaders, of all partitions
