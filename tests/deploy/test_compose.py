"""The Compose file says what it must: read as YAML here, run in test_stack.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import agents
from agents.engine.jars import KAFKA_VERSION
from agents.settings import Settings, load_settings, variable
from tests.conftest import ROOT
from tests.deploy.checks import WATCHERS

FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")


def filled(text: object) -> str:
    """A value with the defaults of its variables."""
    return DEFAULT.sub(lambda match: match[2], str(text))


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(\d+)(s|m)", duration)
    assert match, duration
    return int(match[1]) * {"s": 1, "m": 60}[match[2]]


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    else:
        yield str(value)


def test_what_runs_without_a_profile_is_the_mill() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "kafka", "topics", "worker", "lag-exporter", "auditor",
    }  # fmt: skip
    assert set(OURS) == {"topics", "worker", "lag-exporter", "auditor", "samples"}


def test_no_version_at_the_top() -> None:
    """Obsolete; Compose warns of it each time."""
    assert "version" not in COMPOSE


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_one_release(name: str) -> None:
    image = filled(SERVICES[name]["image"])
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image), image


def test_the_kafka_is_the_one_that_is_tested() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.parametrize("name", OURS)
def test_our_image_has_our_version(name: str) -> None:
    assert filled(OURS[name]["image"]) == f"feedmill:{agents.__version__}"
    assert filled(OURS[name]["build"]["args"]["VERSION"]) == agents.__version__


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_for_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", filled(port)), port
    assert "network_mode" not in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "user"} & set(service)
    limits = service["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+(m|g)", filled(limits["memory"]))
    assert 32 <= limits["pids"] <= 1024
    if name != "kafka":  # its image writes its configuration beside its programs
        assert service["read_only"] is True
    assert not any("docker.sock" in text for text in texts(service.get("volumes", [])))


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_an_init_and_a_small_tmp(name: str) -> None:
    assert OURS[name]["init"] is True
    assert OURS[name]["tmpfs"] == ["/tmp:size=64m,mode=1777"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_a_setting(name: str) -> None:
    known = {variable(field) for field in Settings.model_fields}
    given = OURS[name]["environment"]
    assert set(given) <= known
    for key, value in given.items():
        for inner, default in DEFAULT.findall(str(value)):
            assert inner == key, f"{key} is taken from another variable, {inner}"
            field = Settings.model_fields[key.removeprefix("FEEDMILL_").lower()]
            expected = field.get_default()
            assert default == ("" if expected == () else str(expected)), f"{key} has another default here"


def test_the_settings_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in OURS["worker"]["environment"].items():
        monkeypatch.setenv(key, filled(value))
    assert load_settings().broker == "kafka:29092"


def test_a_worker_may_finish_before_it_is_killed() -> None:
    worker = OURS["worker"]
    deadline = int(filled(worker["environment"]["FEEDMILL_STOP_DEADLINE_SECONDS"]))
    assert deadline == Settings.model_fields["stop_deadline_seconds"].default
    assert seconds(worker["stop_grace_period"]) >= deadline + 5  # docs/guide/health.md


def test_workers_wait_for_their_topics_and_those_for_kafka() -> None:
    assert OURS["worker"]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    assert OURS["samples"]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    assert OURS["topics"]["depends_on"]["kafka"] == {"condition": "service_healthy"}


def test_commands_do_not_repeat_the_entrypoint() -> None:
    """`feedmill feedmill worker` ends with a usage message; `[feedmill, topics]` once ran a worker for ever."""
    assert {name: service["command"] for name, service in OURS.items()} == {
        "topics": ["topics", "apply"],
        "worker": ["worker"],
        "lag-exporter": ["lag-exporter"],
        "auditor": ["ledger", "--follow"],
        "samples": ["ingest", "samples"],
    }
    assert OURS["topics"]["restart"] == OURS["samples"]["restart"] == "no"
    assert OURS["topics"]["healthcheck"] == OURS["samples"]["healthcheck"] == {"disable": True}


def test_each_worker_has_a_state_of_its_own() -> None:
    """A volume with a name is one for all replicas: two RocksDBs on one folder."""
    assert OURS["worker"]["volumes"] == ["/var/lib/feedmill"]
    assert "container_name" not in OURS["worker"]
    assert OURS["worker"]["deploy"]["replicas"] == "${WORKERS:-2}"


def test_a_worker_is_healthy_when_it_is_ready() -> None:
    assert OURS["worker"]["healthcheck"]["test"] == ["CMD", "feedmill", "health", "--ready"]


@pytest.mark.parametrize("name", ["lag-exporter", "auditor"])
def test_what_watches_the_workers_is_healthy_when_what_it_shows_is_of_now(name: str) -> None:
    check = ["CMD", "feedmill", "health", "--ready", "--port", *OURS[name]["expose"]]
    assert OURS[name]["healthcheck"]["test"] == check
    assert OURS[name]["depends_on"] == OURS["worker"]["depends_on"]


def test_kafka_is_told_everything() -> None:
    """The image forgets all its defaults as soon as one variable is set."""
    given = {key: filled(value) for key, value in SERVICES["kafka"]["environment"].items()}
    one_broker = {
        f"KAFKA_{name}": "1"
        for name in (
            "DEFAULT_REPLICATION_FACTOR", "MIN_INSYNC_REPLICAS", "OFFSETS_TOPIC_REPLICATION_FACTOR",
            "TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "TRANSACTION_STATE_LOG_MIN_ISR",
            "SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR",
        )
    }  # fmt: skip
    assert given.items() >= one_broker.items()
    assert given["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert given["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    assert SERVICES["kafka"]["volumes"] == ["kafka-data:/var/lib/kafka/data"]
    assert int(given["KAFKA_LOG_RETENTION_HOURS"]) == 168
    assert len(given["CLUSTER_ID"]) == 22
    assert all(name.startswith("KAFKA_") for name in given if name != "CLUSTER_ID")
    listeners = dict(part.split("://") for part in given["KAFKA_LISTENERS"].split(","))
    advertised = dict(part.split("://") for part in given["KAFKA_ADVERTISED_LISTENERS"].split(","))
    protocols = dict(part.split(":") for part in given["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(listeners) == set(protocols) == {*advertised, given["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert advertised[given["KAFKA_INTER_BROKER_LISTENER_NAME"]] == OURS["worker"]["environment"]["FEEDMILL_BROKER"]
    voter = f"{given['KAFKA_NODE_ID']}@{listeners[given['KAFKA_CONTROLLER_LISTENER_NAMES']]}"
    assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voter
    assert [filled(port) for port in SERVICES["kafka"]["ports"]] == [f"{advertised['HOST']}:9092"]


def test_kafka_takes_what_the_embedded_broker_takes() -> None:
    lines = (ROOT / "agents/engine/embedded/server.properties").read_text().splitlines()
    embedded = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for key in ("message.max.bytes", "replica.fetch.max.bytes"):
        assert str(SERVICES["kafka"]["environment"]["KAFKA_" + key.upper().replace(".", "_")]) == embedded[key]


def test_the_broker_fits_its_limit() -> None:
    heap = re.search(r"-Xmx(\d+)m", filled(SERVICES["kafka"]["environment"]["KAFKA_HEAP_OPTS"]))
    assert heap
    limit = re.fullmatch(r"(\d+)m", filled(SERVICES["kafka"]["deploy"]["resources"]["limits"]["memory"]))
    assert limit
    assert int(limit[1]) >= 2 * int(heap[1])  # a JVM takes as much again beside its heap


def test_the_example_has_every_variable_and_its_default() -> None:
    used = dict(DEFAULT.findall(FILE.read_text()))
    lines = (ROOT / "compose.example.env").read_text().splitlines()
    assert dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line)) == used
    assert all(line.startswith("#") or not line for line in lines), "the example changes nothing by itself"
    assert all(len(set(values)) == 1 for values in _by_name(DEFAULT.findall(FILE.read_text())).values())


def _by_name(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def test_what_is_mounted_is_there() -> None:
    mounts = [text for service in SERVICES.values() for text in texts(service.get("volumes", []))]
    for source in (mount.split(":")[0] for mount in mounts):
        if source.startswith("./"):
            assert (ROOT / source).is_dir(), source
        elif not source.startswith("/"):
            assert source in COMPOSE["volumes"]


def test_prometheus_looks_where_the_workers_are() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    ports = {"feedmill-worker": Settings.model_fields["metrics_port"].default, **dict(WATCHERS.values())}
    for job in config["scrape_configs"]:
        if job["job_name"] == "prometheus":
            continue
        [found] = job["dns_sd_configs"]
        [name] = found["names"]
        assert SERVICES[name]["expose"] == [str(found["port"])]
        assert found["port"] == ports.pop(job["job_name"])
    assert ports == {}


def test_grafana_asks_the_prometheus_beside_it() -> None:
    folder = ROOT / "deploy/grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES
    assert source["uid"] == "prometheus"
    [provider] = yaml.safe_load((folder / "dashboards/feedmill.yml").read_text())["providers"]
    targets = [Path(mount.split(":")[1]) for mount in SERVICES["grafana"]["volumes"]]
    assert Path(provider["options"]["path"]) in targets
