"""`feedmill health`: what a supervisor in the same container asks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from agents.cli.exits import CommandError
from agents.cli.health import HOST, PORT, address, ask
from agents.engine.health import Health
from agents.engine.probes import HealthServer
from agents.settings import Settings


@pytest.fixture
def server() -> Iterator[HealthServer]:
    """Of a worker that lives, and is not ready."""
    server = HealthServer("127.0.0.1", 0, CollectorRegistry(), Health())
    server.start()
    yield server
    server.stop()


def feedmill(*arguments: str, port: int) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from agents.cli.main import main; sys.argv = ['feedmill', 'health', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally:\n"
        "    dear = {'faust', 'aiokafka', 'agents.settings', 'numpy', 'rjieba'}\n"
        "    print(sorted(dear & set(sys.modules)), file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "FEEDMILL_METRICS_HOST": "0.0.0.0", "FEEDMILL_METRICS_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_worker_that_lives(server: HealthServer) -> None:
    """Asked twice a minute beside each worker, and so loads nothing that takes long."""
    done = feedmill(port=server.port)
    assert (done.returncode, done.stdout) == (0, "Every partition with work to do makes progress.\n")
    assert done.stderr == "[]\n"


def test_a_worker_that_is_not_ready(server: HealthServer) -> None:
    done = feedmill("--ready", port=server.port)
    assert done.returncode == 1
    assert done.stdout.startswith("No partitions are assigned")


def test_no_worker() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        well, why = ask("127.0.0.1", port, "/healthz", 1.0)
    assert not well
    assert why.startswith(f"Nobody answers on 127.0.0.1 port {port}: ")


def test_one_that_takes_the_call_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        well, why = ask("127.0.0.1", mute.getsockname()[1], "/healthz", 0.2)
    assert not well
    assert "timed out" in why


def test_somebody_else_on_the_port(server: HealthServer) -> None:
    assert ask(server.host, server.port, "/metrics", 5.0)[1] == "What answers is nothing of feedmill's."


def test_the_defaults_are_those_of_the_settings() -> None:
    fields = Settings.model_fields
    assert (fields["metrics_host"].default, fields["metrics_port"].default) == (HOST, PORT)
    assert address({}) == (HOST, PORT)


@pytest.mark.parametrize(
    ("host", "port", "asked"),
    [
        pytest.param("0.0.0.0", "9808", ("127.0.0.1", 9808), id="all addresses"),
        pytest.param("::", "9808", ("::1", 9808), id="all addresses of IPv6"),
        pytest.param("10.1.2.3", "80", ("10.1.2.3", 80), id="one address"),
        pytest.param("", "", (HOST, PORT), id="empty counts as not set"),
    ],
)
def test_where_it_asks(host: str, port: str, asked: tuple[str, int]) -> None:
    assert address({"FEEDMILL_METRICS_HOST": host, "FEEDMILL_METRICS_PORT": port}) == asked


@pytest.mark.parametrize("port", ["0", "65536", "http", "²"])
def test_no_port_to_ask(port: str) -> None:
    with pytest.raises(CommandError, match=f"FEEDMILL_METRICS_PORT is {port}"):
        address({"FEEDMILL_METRICS_PORT": port})
