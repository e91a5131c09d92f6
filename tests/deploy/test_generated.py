"""What of deploy/k8s follows from the code is as the code has it; the alert rules have a page each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.engine.acls import Role
from agents.engine.topics import Naming
from tests.conftest import ROOT
from tests.deploy.checks import WATCHERS, metric_names, metrics_in
from tools.manifests import RULES, kafka_topics, kafka_user, main, resource_name, written

PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"


@pytest.mark.parametrize("path", sorted(written()), ids=lambda path: path.name)
def test_committed_is_what_would_be_written(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], "run `make manifests`"


def test_topics_of_another_mill(capsys: pytest.CaptureFixture[str]) -> None:
    main(["topics", "--prefix", "News_2", "--generation", "3", "--partitions", "8", "--replication", "1"])
    found = list(yaml.safe_load_all(capsys.readouterr().out))
    assert found == kafka_topics(Naming("News_2", 3), partitions=8, replication=1, cluster="feeds")
    assert {one["spec"]["partitions"] for one in found} == {8}
    raw = next(one for one in found if one["spec"]["topicName"] == "News_2.raw")
    assert raw["metadata"]["name"] == "news-2.raw", "an underscore is no character of a resource's name"
    assert "News_2.internal.entries.g3" in {one["spec"]["topicName"] for one in found}


@pytest.mark.parametrize("role", Role)
def test_the_user_of_each_role(role: Role, capsys: pytest.CaptureFixture[str]) -> None:
    main(["user", role.value, "--cluster", "kafka-1"])
    assert yaml.safe_load(capsys.readouterr().out) == kafka_user(role, Naming(), cluster="kafka-1")


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        pytest.param("feeds.dead-letter", "feeds.dead-letter", id="as it is"),
        pytest.param("Feeds.raw", "feeds.raw", id="capitals"),
        pytest.param("my_feeds.raw", "my-feeds.raw", id="underscore"),
        pytest.param("_feeds.raw", "feeds.raw", id="at the edge"),
    ],
)
def test_resource_names(topic: str, name: str) -> None:
    assert resource_name(topic) == name


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_is_about_metrics_that_are_there_and_has_a_page(alert: dict[str, Any]) -> None:
    assert metrics_in(alert["expr"]) <= metric_names()
    assert (ROOT / alert["annotations"]["guide"]).is_file()
    assert alert["labels"]["severity"] in ("page", "ticket")


def test_compose_and_kubernetes_have_one_name_for_the_job() -> None:
    jobs = {job["job_name"] for job in yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]}
    assert {"feedmill-worker", *(job for job, _ in WATCHERS.values())} < jobs
    assert all(set(re.findall(r'job="([^"]*)"', alert["expr"])) & jobs for alert in alerts())
