from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from agents.engine import probes as module
from agents.engine.health import Health
from agents.engine.probes import MAX_CONNECTIONS, HealthServer, UnservableError


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("feedmill_example", "An example.", registry=registry).set(7)
    return registry


@pytest.fixture
def server(registry: CollectorRegistry, health: Health) -> Iterator[HealthServer]:
    server = HealthServer("127.0.0.1", 0, registry, health)
    server.start()
    yield server
    server.stop()


def ask(server: HealthServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("content-type", ""), answer.read().decode()
    finally:
        connection.close()


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_metrics_are_served(server: HealthServer) -> None:
    status, content_type, body = ask(server, "/metrics")
    assert (status, content_type.split(";")[0]) == (200, "text/plain")
    [family] = text_string_to_metric_families(body)
    assert (family.name, family.samples[0].value) == ("feedmill_example", 7.0)


def test_openmetrics_where_it_is_asked_for(server: HealthServer) -> None:
    status, content_type, body = ask(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert (status, content_type.split(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_states_are_json_with_a_sentence(server: HealthServer, health: Health) -> None:
    status, content_type, body = ask(server, "/readyz")
    assert (status, content_type, json.loads(body)["ready"]) == (503, "application/json", False)
    health.assigned({})
    health.settled()
    status, _, body = ask(server, "/readyz?verbose=1")
    assert status == 200
    assert json.loads(body) == {"ready": True, "why": health.ready().why}
    status, _, body = ask(server, "/healthz")
    assert (status, json.loads(body)["alive"]) == (200, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/", 404, id="another path"),
        pytest.param("GET", "/metrics/../etc/passwd", 404, id="no files"),
        pytest.param("POST", "/metrics", 501, id="nothing is taken"),
        pytest.param("HEAD", "/healthz", 200, id="HEAD"),
    ],
)
def test_other_requests(server: HealthServer, method: str, path: str, status: int) -> None:
    assert ask(server, path, method)[0] == status


def test_metrics_that_cannot_be_written_cost_no_probe(server: HealthServer, registry: CollectorRegistry) -> None:
    def fail() -> float:
        raise RuntimeError("the store is closed")

    Gauge("feedmill_broken", "Raises.", registry=registry).set_function(fail)
    assert ask(server, "/metrics")[0] == 500
    assert ask(server, "/healthz")[0] == 200


def test_it_answers_while_another_thread_never_rests(server: HealthServer) -> None:
    done = threading.Event()

    def spin() -> None:
        while not done.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        assert ask(server, "/healthz")[0] == 200
    finally:
        done.set()
        thread.join()


def test_connections_are_bounded_and_slow_ones_are_cut_off(
    registry: CollectorRegistry, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECTION_SECONDS", 1.0)
    server = HealthServer("127.0.0.1", 0, registry, health)
    server.start()
    address = (server.host, server.port)
    slow = [socket.create_connection(address) for _ in range(MAX_CONNECTIONS)]
    try:
        for connection in slow:
            connection.sendall(b"GET /heal")
        time.sleep(0.1)  # until all are being served
        with socket.create_connection(address) as one_more:
            one_more.settimeout(5)
            assert one_more.recv(1) == b""
        started = time.monotonic()
        while time.monotonic() - started < 1.5:  # a byte now and then, within the time-out of each
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
            time.sleep(0.2)
        assert until(lambda: ask(server, "/healthz")[0] == 200)
    finally:
        for connection in slow:
            connection.close()
        server.stop()


def test_after_stop_nobody_answers(registry: CollectorRegistry, health: Health) -> None:
    server = HealthServer("127.0.0.1", 0, registry, health)
    server.start()
    server.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((server.host, server.port), timeout=1)


def test_a_server_that_was_never_started_stops(registry: CollectorRegistry, health: Health) -> None:
    HealthServer("127.0.0.1", 0, registry, health).stop()


def test_a_port_that_is_taken_is_a_sentence(server: HealthServer, registry: CollectorRegistry, health: Health) -> None:
    with pytest.raises(UnservableError, match=rf"127\.0\.0\.1 port {server.port}: .*FEEDMILL_METRICS_PORT"):
        HealthServer("127.0.0.1", server.port, registry, health)


def test_ipv6(registry: CollectorRegistry, health: Health) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    server = HealthServer("::1", 0, registry, health)
    server.start()
    assert ask(server, "/healthz")[0] == 200
    server.stop()
