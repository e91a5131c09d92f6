"""Behind a mirror: Maven by a settings file and pip by its own index, each seen to ask there and only there."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agents.engine.jars import DATA, KAFKA_VERSION, JarsUnavailableError, kafka_jars
from agents.engine.java import find_java
from tests.conftest import ROOT

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


INSIDE = "http://maven.inside.example/"
"""A host that is nowhere but behind the proxy."""


class Mirror:
    """An HTTP server on loopback over a folder; it notes what it was asked for and what it had."""

    def __init__(self, folder: Path) -> None:
        self.had: list[str] = []
        self.lacked: list[str] = []
        self.proxied = 0
        noting = partial(_Handler, self, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), noting)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, mirror: Mirror, *arguments: object, directory: str) -> None:
        self._mirror = mirror
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """A proxy is asked for whole addresses; this one has what stands on the one host that it knows."""
        if self.path.startswith(INSIDE):
            self._mirror.proxied += 1
            self.path = "/" + self.path.removeprefix(INSIDE)
        super().do_GET()

    def send_response(self, code: int, message: str | None = None) -> None:
        (self._mirror.had if code == 200 else self._mirror.lacked).append(self.path)
        super().send_response(code, message)

    def log_message(self, format: str, *arguments: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    (tmp_path / "mirrored").mkdir()
    mirror = Mirror(tmp_path / "mirrored")
    yield mirror
    mirror.close()


PROXY = """<proxies>
    <proxy>
      <id>inside</id>
      <protocol>http</protocol>
      <host>127.0.0.1</host>
      <port>{port}</port>
      <nonProxyHosts>localhost|127.0.0.1</nonProxyHosts>
    </proxy>
  </proxies>"""

SETTINGS = """<settings>
  <localRepository>{local}</localRepository>
  <mirrors>
    <mirror>
      <id>inside</id>
      <mirrorOf>*</mirrorOf>
      <url>{address}</url>
    </mirror>
  </mirrors>
  {proxies}
</settings>
"""
"""As on docs/guide/offline.md, and an empty repository, so that nothing is there without the mirror."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that Maven needs for Kafka, plugins included, in the layout of a repository: what a mirror holds."""
    folder = tmp_path_factory.mktemp("repository")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAVEN_ARGS", "")
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(DATA / "pom.xml"), f"-Dmaven.repo.local={folder}"]
        command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder / 'out'}", "-DincludeScope=runtime"]
        subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, env={**os.environ, "JAVA_HOME": str(find_java().home)}
        )
    return folder


@pytest.fixture
def settings(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.xml"
    path.write_text(SETTINGS.format(local=tmp_path / "m2", address=mirror.address, proxies=""))
    monkeypatch.setenv("FEEDMILL_MAVEN_SETTINGS", str(path))
    return path


def test_kafka_comes_from_a_mirror_of_maven(repository: Path, mirror: Mirror, settings: Path, tmp_path: Path) -> None:
    (tmp_path / "mirrored").rmdir()
    (tmp_path / "mirrored").symlink_to(repository)
    found = kafka_jars(find_java(), tmp_path / "cache")
    asked = {Path(path).name for path in mirror.had}
    assert {jar.name for jar in found} <= asked, "some jars came from elsewhere"
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in asked
    assert any(name.startswith("maven-dependency-plugin") for name in asked), "plugins too"
    assert not mirror.proxied


def test_kafka_comes_through_a_proxy(repository: Path, mirror: Mirror, settings: Path, tmp_path: Path) -> None:
    (tmp_path / "mirrored").rmdir()
    (tmp_path / "mirrored").symlink_to(repository)
    port = mirror.address.rstrip("/").rpartition(":")[2]
    settings.write_text(
        SETTINGS.format(local=tmp_path / "m2", address=INSIDE, proxies=PROXY.format(port=port)), encoding="utf-8"
    )
    found = kafka_jars(find_java(), tmp_path / "cache")
    assert mirror.proxied == len(mirror.had) + len(mirror.lacked) > len(found)


def test_without_the_mirror_there_is_a_sentence(mirror: Mirror, settings: Path, tmp_path: Path) -> None:
    """The mirror is empty: the settings count, or Kafka would have come from elsewhere."""
    with pytest.raises(JarsUnavailableError, match="FEEDMILL_MAVEN_SETTINGS"):
        kafka_jars(find_java(), tmp_path / "cache")
    assert mirror.lacked
    assert not mirror.had


PACKAGE = "typing-extensions"


def test_pip_takes_locked_releases_from_a_mirror(mirror: Mirror, tmp_path: Path) -> None:
    """A lock names no index: PIP_INDEX_URL decides, and the hashes hold for whatever it serves."""
    lock = tmp_path / "one.lock"
    lock.write_text(_locked(PACKAGE))
    folder = tmp_path / "mirrored" / PACKAGE
    folder.mkdir()
    _pip("download", "--no-deps", "--dest", str(folder), "--require-hashes", "--requirement", str(lock))
    (wheel,) = folder.iterdir()
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')

    alone = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
        "PIP_INDEX_URL": mirror.address,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
    }
    wanted = ("install", "--no-deps", "--require-hashes", "--requirement", str(lock), "--target")
    _pip(*wanted, str(tmp_path / "installed"), environment=alone)
    assert (tmp_path / "installed" / "typing_extensions.py").exists()
    assert f"/{PACKAGE}/{wheel.name}" in mirror.had

    wheel.write_bytes(wheel.read_bytes() + b"\0")  # a mirror that changes what it serves
    with pytest.raises(subprocess.CalledProcessError) as refused:
        _pip(*wanted, str(tmp_path / "again"), environment=alone)
    assert "DO NOT MATCH THE HASHES" in refused.value.stderr
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in refused.value.stderr


def _locked(name: str) -> str:
    """The lines of one release in the lock, with its hashes."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(number for number, line in enumerate(lines) if number >= start and not line.endswith("\\"))
    return "\n".join(lines[start : end + 1]) + "\n"


def _pip(*arguments: str, environment: dict[str, str] | None = None) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
