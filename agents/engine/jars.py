"""Kafka's jars in a cache folder, copied there once by Maven and checked against a committed list."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agents.engine.java import WITHOUT, EmbeddedKafkaError, Java

KAFKA_VERSION = "4.3.1"  # as in embedded/pom.xml
DATA = Path(__file__).with_name("embedded")

_MARKER = "complete"
_FETCH_LIMIT = 900.0  # seconds; 45 MB over a slow line


class MavenMissingError(EmbeddedKafkaError):
    pass


class JarsUnavailableError(EmbeddedKafkaError):
    pass


def cache_folder() -> Path:
    """Where downloads are kept between runs: FEEDMILL_CACHE, else `feedmill` in the user's cache folder."""
    if chosen := os.environ.get("FEEDMILL_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "feedmill"


def kafka_jars(java: Java, cache: Path | None = None) -> list[Path]:
    """The class path of Kafka, sorted; fetched by Maven where the cache does not have all of it.

    Safe to call from several processes at once: the first fetches, the others wait for it. Maven reads the
    user's own settings (mirrors, proxies), or those that FEEDMILL_MAVEN_SETTINGS names. Raises MavenMissingError
    or JarsUnavailableError.
    """
    cache = cache or cache_folder()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    listed = _listed()
    # The marker holds the list it was made from, so that a newer feedmill fetches again.
    wanted = _digest((DATA / "jars.sha256").read_bytes())
    if not _is_complete(folder, wanted, listed):
        with locked(cache / "kafka.lock"):
            if not _is_complete(folder, wanted, listed):
                _fetch(java, folder, listed)
                (folder / _MARKER).write_text(wanted)
    return [folder / name for name in sorted(listed)]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when the holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _listed() -> dict[str, str]:
    """Name and SHA-256 of every jar, as committed."""
    lines = (DATA / "jars.sha256").read_text().splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def _is_complete(folder: Path, wanted: str, listed: dict[str, str]) -> bool:
    try:
        if (folder / _MARKER).read_text() != wanted:
            return False
    except OSError:
        return False
    return all((folder / name).is_file() for name in listed)  # cleaners of cache folders delete file by file


def _fetch(java: Java, folder: Path, listed: dict[str, str]) -> None:
    """Fill a folder beside the final one and rename it: what has the final name is whole, whatever dies here."""
    maven = _find_maven()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as name:
        work = Path(name)
        shutil.copy(DATA / "pom.xml", work)
        jars = work / "jars"
        command = [maven, "--batch-mode", "--quiet", "--file", str(work / "pom.xml")]
        if settings := os.environ.get("FEEDMILL_MAVEN_SETTINGS"):
            command += ["--settings", settings]
        command += ["dependency:copy-dependencies", f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        try:
            # JAVA_HOME, because the Java may be one that Maven would not find by itself.
            made = subprocess.run(
                command,
                cwd=work,
                env={**os.environ, "JAVA_HOME": str(java.home)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_FETCH_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise JarsUnavailableError(
                f"Maven did not fetch Kafka {KAFKA_VERSION} within {_FETCH_LIMIT:.0f} s. Is its repository reachable?"
            ) from None
        if made.returncode:
            raise JarsUnavailableError(
                f"Maven could not fetch Kafka {KAFKA_VERSION}. Behind a mirror or proxy it needs a settings.xml in "
                "~/.m2, or one named by FEEDMILL_MAVEN_SETTINGS (docs/guide/offline.md). Its last words:\n"
                + _tail(made.stdout)
            )
        _verify(jars, listed)
        shutil.rmtree(folder, ignore_errors=True)
        jars.rename(folder)


def _verify(jars: Path, listed: dict[str, str]) -> None:
    fetched = {path.name: _digest(path.read_bytes()) for path in jars.glob("*.jar")}
    if odd := sorted(name for name, _ in fetched.items() ^ listed.items()):
        raise JarsUnavailableError(
            f"What Maven fetched is not the Kafka {KAFKA_VERSION} that feedmill was tested with: "
            f"{', '.join(dict.fromkeys(odd))} differ from agents/engine/embedded/jars.sha256. A mirror that changes "
            "files does this, or a damaged ~/.m2/repository."
        )


def _find_maven() -> str:
    for home in (os.environ.get("MAVEN_HOME"), os.environ.get("M2_HOME")):
        if home and (program := shutil.which("mvn", path=str(Path(home, "bin")))):
            return program
    if program := shutil.which("mvn"):
        return program
    raise MavenMissingError(
        "The embedded Kafka's jars (45 MB) are fetched by Maven the first time, and there is no `mvn` here. "
        "Install it: `apt install maven` (Debian, Ubuntu), `dnf install maven` (Fedora), `brew install maven` "
        "(macOS). " + WITHOUT
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
