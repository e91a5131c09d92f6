"""From a killed worker to the pager: a real mill, Prometheus and Alertmanager, and a receiver of the test's own.

The rules are deploy/prometheus/rules.yml with every window, `for` and age a twentieth of what it is; the routes and
inhibitions are deploy/alertmanager/alertmanager.yml with its waits shortened and its receivers replaced.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.engine.loopback import LOOPBACK, free_port
from tests.conftest import IN_CI, ROOT
from tests.deploy.recording.mill import BASE, Mill
from tests.deploy.recording.scraper import until

pytestmark = pytest.mark.soak  # two minutes; recordings and amtool show the same apart

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
FASTER = 20
PATIENCE = 180.0


class Pager:
    """Takes what Alertmanager sends, by receiver."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager.messages += [(self.path.strip("/"), alert) for alert in body["alerts"]]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                return None

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def heard(self, receiver: str, name: str, status: str) -> list[dict[str, Any]]:
        return [
            alert
            for where, alert in list(self.messages)
            if where == receiver and alert["labels"]["alertname"] == name and alert["status"] == status
        ]


@pytest.fixture
def pager() -> Iterator[Pager]:
    pager = Pager()
    yield pager
    pager.server.shutdown()
    pager.server.server_close()


@pytest.fixture
def alertmanager(pager: Pager, tmp_path: Path) -> Iterator[int]:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None or shutil.which("prometheus") is None:
        why = "the way to the pager WAS NOT TRIED: Debian's prometheus and prometheus-alertmanager are not both there"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    config = yaml.safe_load(CONFIG.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    config["receivers"] = [
        {
            "name": receiver["name"],
            "webhook_configs": [{"url": f"http://{LOOPBACK}:{pager.server.server_port}/{receiver['name']}"}],
        }
        for receiver in config["receivers"]
    ]
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (tmp_path / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={tmp_path / 'alertmanager.yml'}",
                f"--storage.path={tmp_path / 'alertmanager'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    yield port
    process.kill()
    process.wait()


@pytest.mark.timeout(600)
def test_killed_workers_page_once_and_the_page_ends_when_they_are_back(
    pager: Pager, alertmanager: int, tmp_path: Path
) -> None:
    with Mill(tmp_path / "mill") as mill:
        mill.run()
        prometheus = mill.watch(by=FASTER, alertmanager=alertmanager)
        until(lambda: bool(prometheus.value('min(up{job="feedmill-worker"})')), PATIENCE, "nothing is scraped")
        for worker in mill.workers:
            worker.kill()
        until(lambda: bool(pager.heard("page", "FeedmillAbsent", "firing")), PATIENCE, "nobody was paged")
        until(lambda: "FeedmillLagGrowing" in prometheus.firing(), PATIENCE, "documents pile up, and no alert says so")
        (page, *_) = pager.heard("page", "FeedmillAbsent", "firing")
        assert page["annotations"]["runbook_url"] == f"{BASE}/no-worker.md"
        assert "runbooks" not in page["labels"]
        assert not pager.heard("page", "FeedmillLagGrowing", "firing"), "it only follows, and was to be held back"
        for worker in mill.workers:
            worker.back()
        until(lambda: bool(pager.heard("page", "FeedmillAbsent", "resolved")), PATIENCE, "the page does not end")
        assert not pager.heard("ticket", "FeedmillAbsent", "firing")
