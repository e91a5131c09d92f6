"""The page that draws the dashboards: built by node from tools/render-dashboard, served on loopback."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from agents.engine.loopback import LOOPBACK, free_port
from deploy.grafana.dashboards import FOLDER as DASHBOARDS

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "tools" / "render-dashboard"
BUILT = ROOT / "build" / "render-dashboard"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


class PageMissingError(Exception):
    pass


def is_built() -> bool:
    """Whether the page is built from what stands in tools/render-dashboard now."""
    mark = BUILT / "dist" / "built-from"
    return mark.exists() and mark.read_text() == _digest()


def build() -> None:
    """Install the locked packages (470 MB, the first time) and build. Raises PageMissingError where that cannot be."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        raise PageMissingError(f"{' and '.join(missing)} not found. On Debian and Ubuntu: apt-get install nodejs npm")
    lock = (SOURCE / "package-lock.json").read_bytes()
    mark = BUILT / "complete"
    if not mark.exists() or mark.read_bytes() != lock:
        shutil.rmtree(BUILT, ignore_errors=True)
        shutil.copytree(SOURCE, BUILT, ignore=shutil.ignore_patterns("node_modules", "dist"))
        _run(*INSTALL)
        mark.write_bytes(lock)
    if not is_built():
        for path in _sources():
            (BUILT / path.relative_to(SOURCE)).parent.mkdir(exist_ok=True)
            shutil.copy(path, BUILT / path.relative_to(SOURCE))
        _run("npx", "--no-install", "vite", "build", "--logLevel", "warn")
        (BUILT / "dist" / "built-from").write_text(_digest())


def _sources() -> list[Path]:
    return sorted(path for path in [*SOURCE.glob("*.*"), SOURCE / ".npmrc", *SOURCE.glob("src/*")] if path.is_file())


def _digest() -> str:
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.relative_to(SOURCE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=BUILT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=os.environ
    )
    if done.returncode:
        raise PageMissingError(f"{' '.join(command)} failed:\n{(done.stderr or done.stdout)[-1500:]}")


class Page:
    """Serves what was built, and the dashboards beside it, until the end of the `with`."""

    def __init__(self, dashboards: Path = DASHBOARDS) -> None:
        self._port = free_port()
        handler = partial(_Handler, dashboards, directory=str(BUILT / "dist"))
        self._server = ThreadingHTTPServer((LOOPBACK, self._port), handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def address(self, **parameters: str | int) -> str:
        return f"http://{LOOPBACK}:{self._port}/?{urlencode(parameters)}"


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, dashboards: Path, *arguments: object, directory: str) -> None:
        self._dashboards = dashboards
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        wanted = path.partition("?")[0]
        if wanted.startswith("/dashboards/"):
            return str(self._dashboards / Path(wanted).name)
        return super().translate_path(path)

    def log_message(self, *arguments: object) -> None:
        """Says nothing: its reader looks at the page."""
