from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.engine import jars
from agents.engine.jars import JarsUnavailableError, MavenMissingError, cache_folder, kafka_jars
from agents.engine.java import Java

JARS = {"kafka.jar": b"kafka", "log.jar": b"log"}


@pytest.fixture
def java(tmp_path: Path) -> Java:
    return Java(tmp_path / "jdk" / "bin" / "java", 'openjdk version "21"')


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two small jars, their list, and a `mvn` on PATH that copies them and keeps a diary."""
    (tmp_path / "data").mkdir()
    (tmp_path / "repository").mkdir()
    (tmp_path / "bin").mkdir()
    for name, content in JARS.items():
        (tmp_path / "repository" / name).write_bytes(content)
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in JARS.items()]
    (tmp_path / "data" / "jars.sha256").write_text("# a note\n" + "".join(lines))
    shutil.copy(jars.DATA / "pom.xml", tmp_path / "data")
    program = tmp_path / "bin" / "mvn"
    program.write_text(f"""#!{sys.executable}
import os, shutil, sys, time
with open({str(tmp_path / "diary")!r}, "a") as diary:
    print(os.environ["JAVA_HOME"], *sys.argv[1:], file=diary)
time.sleep(0.2)
if os.path.exists({str(tmp_path / "offline")!r}):
    sys.exit("Could not transfer artifact org.apache.kafka:kafka_2.13")
target = next(word for word in sys.argv if word.startswith("-DoutputDirectory=")).split("=")[1]
shutil.copytree({str(tmp_path / "repository")!r}, target)
""")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for name in ("MAVEN_HOME", "M2_HOME", "FEEDMILL_MAVEN_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(jars, "DATA", tmp_path / "data")
    return tmp_path


def diary(maven: Path) -> list[str]:
    return (maven / "diary").read_text().splitlines() if (maven / "diary").exists() else []


def test_they_are_fetched_once(maven: Path, java: Java) -> None:
    cache = maven / "cache"
    found = kafka_jars(java, cache)
    assert [path.name for path in found] == ["kafka.jar", "log.jar"]
    assert [path.read_bytes() for path in found] == [b"kafka", b"log"]
    assert kafka_jars(java, cache) == found
    assert len(diary(maven)) == 1
    assert diary(maven)[0].startswith(f"{java.home} ")  # a Java that Maven would not find by itself
    assert {path.name for path in cache.iterdir()} == {found[0].parent.name, "kafka.lock"}


def test_two_at_once_do_not_break_each_other(maven: Path, java: Java) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: kafka_jars(java, maven / "cache"), range(4)))
    assert all(paths == found[0] for paths in found)
    assert len(diary(maven)) == 1


def test_what_a_cleaner_of_cache_folders_took_is_fetched_again(maven: Path, java: Java) -> None:
    found = kafka_jars(java, maven / "cache")
    found[1].unlink()
    assert kafka_jars(java, maven / "cache")[1].read_bytes() == b"log"
    assert len(diary(maven)) == 2


def test_another_list_is_fetched_again(maven: Path, java: Java) -> None:
    kafka_jars(java, maven / "cache")
    with (maven / "data" / "jars.sha256").open("a") as file:
        file.write("# a newer feedmill\n")
    kafka_jars(java, maven / "cache")
    assert len(diary(maven)) == 2


def test_a_half_done_fetch_is_no_cache(maven: Path, java: Java) -> None:
    folder = maven / "cache" / f"kafka-{jars.KAFKA_VERSION}"
    folder.mkdir(parents=True)
    (folder / "kafka.jar").write_bytes(b"kaf")  # and no marker
    assert kafka_jars(java, maven / "cache")[0].read_bytes() == b"kafka"


def test_a_changed_jar_is_refused(maven: Path, java: Java) -> None:
    (maven / "repository" / "kafka.jar").write_bytes(b"kafka, and more")
    for _ in range(2):
        with pytest.raises(JarsUnavailableError, match=r"kafka\.jar differ"):
            kafka_jars(java, maven / "cache")


def test_a_failing_maven_is_quoted(maven: Path, java: Java) -> None:
    (maven / "offline").touch()
    with pytest.raises(JarsUnavailableError, match="FEEDMILL_MAVEN_SETTINGS") as raised:
        kafka_jars(java, maven / "cache")
    assert "Could not transfer artifact" in str(raised.value)
    (maven / "offline").unlink()
    assert kafka_jars(java, maven / "cache")


def test_the_settings_of_a_mirror_are_handed_on(maven: Path, java: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_MAVEN_SETTINGS", "/etc/mirror/settings.xml")
    kafka_jars(java, maven / "cache")
    assert "--settings /etc/mirror/settings.xml" in diary(maven)[0]


def test_maven_home_comes_before_the_path(maven: Path, java: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAVEN_HOME", str(maven))
    monkeypatch.setenv("PATH", os.devnull)
    kafka_jars(java, maven / "cache")
    assert len(diary(maven)) == 1


def test_without_maven_it_says_what_to_install(maven: Path, java: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MavenMissingError) as raised:
        kafka_jars(java, maven / "cache")
    for needed in ("apt install maven", "apache/kafka:4.3.1", "feedmill process"):
        assert needed in str(raised.value)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        pytest.param({"FEEDMILL_CACHE": "/srv/cache"}, Path("/srv/cache"), id="named"),
        pytest.param({"XDG_CACHE_HOME": "/var/me"}, Path("/var/me/feedmill"), id="the user's cache folder"),
        pytest.param({"HOME": "/home/me"}, Path("/home/me/.cache/feedmill"), id="default"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: Path) -> None:
    for name in ("FEEDMILL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == folder
