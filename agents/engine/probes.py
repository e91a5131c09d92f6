"""`/metrics`, `/healthz` and `/readyz`, from a small server in a thread of its own."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import socketserver
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import msgspec
import prometheus_client
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from agents.engine.health import State
from agents.engine.transport import EngineError

log = logging.getLogger(__name__)

# One more series for each counter, in a gauge of its own that nobody asked for: of whatever is served here.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

MAX_CONNECTIONS = 8
CONNECTION_SECONDS = 10.0


class Probe(Protocol):
    """What the server asks."""

    def ready(self) -> State: ...

    def alive(self) -> State: ...


class UnservableError(EngineError):
    """The address of the metrics cannot be listened on."""


CANNOT_LISTEN = (OSError, UnicodeError, OverflowError)
"""The second is raised for a name that can be none, such as `metrics..example`."""


class AddressFault(Struct, frozen=True):
    """Why an address cannot be listened on, and what to do. `taken`: somebody else does."""

    sentence: str
    taken: bool


def address_fault(host: str, port: int) -> AddressFault | None:
    """Try an address of the metrics; None where it can be listened on."""
    try:
        with socket.socket(_family(host)) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
            tried.listen(1)
    except CANNOT_LISTEN as error:
        return _fault(host, port, error)
    return None


TAKEN = (
    "A second worker on one machine needs a FEEDMILL_METRICS_PORT of its own (0 finds a free one) and a "
    "FEEDMILL_STATE_DIR of its own."
)
CHOOSE = (
    "Set FEEDMILL_METRICS_HOST to an address of this machine, and FEEDMILL_METRICS_PORT to a free port; 0 finds one."
)


def _fault(host: str, port: int, error: Exception, advice: str | None = None) -> AddressFault:
    where = f"The metrics cannot be served on {host} port {port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return AddressFault(f"{where}: another program listens there. {advice or TAKEN}", taken=True)
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return AddressFault(f"{where} ({why}). {advice or CHOOSE}", taken=False)


class HealthServer:
    """`/metrics`, `/healthz` and `/readyz` over HTTP, from threads that answer while the event loop is busy.

    It reads nothing but the request line and headers, serves at most MAX_CONNECTIONS at once and none longer than
    CONNECTION_SECONDS. Port 0 takes a free one; `port` says which. Raises UnservableError where it cannot listen;
    `advice` is what to do then, where it is no worker's.
    """

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, probe: Probe, *, advice: str | None = None
    ) -> None:
        try:
            self._server = _Server((host, port), registry, probe)
        except CANNOT_LISTEN as error:
            raise UnservableError(_fault(host, port, error, advice).sentence) from error
        self.host = host
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="feedmill-health", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; what is being answered is not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(5.0)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, probe: Probe) -> None:
        self.address_family = _family(address[0])
        self.registry = registry
        self.probe = probe
        self.scraping = threading.Lock()
        self._open: dict[Any, float] = {}
        self._opening = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks DNS for this machine's name, which can take seconds and is used for nothing here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._opening:
            if len(self._open) >= MAX_CONNECTIONS:
                return False
            self._open[request] = time.monotonic() + CONNECTION_SECONDS
        return True

    def shutdown_request(self, request: Any) -> None:
        with self._opening:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second: cut off whoever sends a request byte by byte."""
        now = time.monotonic()
        with self._opening:
            late = [request for request, deadline in self._open.items() if deadline < now]
        for request in late:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a request to the health server broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = CONNECTION_SECONDS / 2
    server_version = "feedmill"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._metrics()
        elif path == "/healthz":
            self._state("alive", self.server.probe.alive())
        elif path == "/readyz":
            self._state("ready", self.server.probe.ready())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"/metrics /healthz /readyz\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("accept", ""))
        try:
            with self.server.scraping:  # it holds the interpreter for some 10 ms: never two at once
                body = encode(self.server.registry)
        except Exception:
            log.exception("The metrics could not be written")
            body = b"The metrics could not be written; the log says why.\n"
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", body)
        else:
            self._answer(HTTPStatus.OK, content_type, body)

    def _state(self, name: str, state: State) -> None:
        status = HTTPStatus.OK if state.ok else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, "application/json", msgspec.json.encode({name: state.ok, "why": state.why}) + b"\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return None  # a probe every few seconds is no news


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
