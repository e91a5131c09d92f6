"""What of deploy/k8s follows from the code is as the code has it; the alert rules have a page each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.engine.acls import Role
from agents.engine.topics import Naming
from agents.settings import Settings, variable
from tests.conftest import ROOT
from tests.deploy.checks import WATCHERS
from tools.manifests import RULES, kafka_topics, kafka_user, main, resource_name, written
from tools.metrics_page import JOBS, PAGE, asked, family, recordings, tables

RUNBOOKS = ROOT / "docs" / "runbooks"
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


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_metrics_that_its_job_has(rule: dict[str, Any]) -> None:
    """By the page, which is compared with the code and with live scrapes; `up` and `process_…` are Prometheus' own."""
    page = tables(PAGE.read_text())
    recorded = recordings()
    for one in asked(rule["expr"]):
        if one.name in recorded or one.name == "up" or one.name.startswith("process_"):
            continue
        sections = [section for section, job in JOBS.items() if one.of(job)]
        assert one.job[0], f"{one.name}: of which job?"
        assert any(family(one.name, page[section]) in page[section] for section in sections), one.name


@pytest.mark.parametrize("base", ["docs/runbooks", "https://git.example/feedmill/blob/main/docs/runbooks"])
@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_so_and_has_a_runbook(alert: dict[str, Any], base: str) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    for name in ("summary", "description"):
        text = alert["annotations"][name]
        assert text[0].isupper() or text.startswith("{{")
        assert text.endswith(".")
    template = alert["annotations"]["runbook_url"]
    configurable = "{{ with $externalLabels.runbooks }}{{ . }}{{ else }}docs/runbooks{{ end }}"
    assert template.startswith(f"{configurable}/")
    url = template.replace(configurable, base)
    page, _, anchor = url.removeprefix(base).lstrip("/").partition("#")
    text = (RUNBOOKS / page).read_text()
    assert not anchor or anchor in {_anchor(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert f"`{alert['alert']}`" in text, "the page does not name its alert"


def test_the_index_of_runbooks_names_each_alert_and_each_page() -> None:
    index = (RUNBOOKS / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(Feedmill\w+)` \| (yes|no, a ticket) \|", index, re.MULTILINE))
    assert rows == {
        alert["alert"]: "yes" if alert["labels"]["severity"] == "page" else "no, a ticket" for alert in alerts()
    }
    linked = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", index)} - {""}
    assert linked == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_what_a_runbook_points_to_is_there(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor in {_anchor(title) for title in titles}, link
    named = set(re.findall(r"\bfeedmill_\w+", text))
    page_of_metrics = {name for rows in tables(PAGE.read_text()).values() for name in rows}
    assert {family(name, page_of_metrics) for name in named} <= page_of_metrics
    known = {variable(name) for name in Settings.model_fields}
    assert set(re.findall(r"\bFEEDMILL_[A-Z_]+", text)) <= known


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_compose_and_kubernetes_have_one_name_for_the_job() -> None:
    jobs = {job["job_name"] for job in yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]}
    assert {"feedmill-worker", *(job for job, _ in WATCHERS.values())} < jobs
    assert {one.job[1] for rule in rules() for one in asked(rule["expr"]) if one.job[0] == "="} <= jobs
