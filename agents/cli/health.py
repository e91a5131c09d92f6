"""`feedmill health`: asks the worker of this machine or container how it is, for whoever supervises it.

Or what else of the mill listens there: `--port 9809` asks the lag exporter, `--port 9810` a ledger that follows.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from agents.cli.exits import CommandError, ExitCode
from agents.cli.terminal import safe_line

# Asked every few seconds beside each worker: what agents.settings loads would be half of what it costs.
HOST, PORT = "127.0.0.1", 9808  # the defaults of agents.settings
ALL = {"0.0.0.0": HOST, "::": "::1"}
"""Where a worker that listens on every address can be asked."""

WORDS = 4096  # bytes of an answer that are read


def register(app: typer.Typer) -> None:
    app.command("health")(health)


def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask whether it works on its partitions, not only whether it lives.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Ask whoever listens there: 9809 the lag exporter, 9810 the ledger."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds to wait for the answer.")] = 4.0,
) -> None:
    """Ask the worker on this machine whether it lives, by its own /healthz; ends with 1 where it does not."""
    host, own = address(os.environ if port is None else {**os.environ, "FEEDMILL_METRICS_PORT": str(port)})
    well, why = ask(host, own, "/readyz" if ready else "/healthz", timeout)
    sys.stdout.write(safe_line(why) + "\n")
    raise typer.Exit(ExitCode.FINE if well else ExitCode.FOUND)


def address(environment: Mapping[str, str]) -> tuple[str, int]:
    """Where a worker with this environment listens."""
    host = environment.get("FEEDMILL_METRICS_HOST") or HOST
    text = environment.get("FEEDMILL_METRICS_PORT") or str(PORT)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CommandError(
            f"FEEDMILL_METRICS_PORT is {text}: the worker cannot be asked unless it has one port, from 1 to 65535."
        )
    return ALL.get(host, host), int(text)


def ask(host: str, port: int, path: str, timeout: float) -> tuple[bool, str]:
    """Whether the answer is 200, and its sentence. No answer is a no."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(WORDS)
    except (OSError, http.client.HTTPException) as error:
        return False, f"Nobody answers on {host} port {port}: {error or type(error).__name__}."
    finally:
        connection.close()
    return answer.status == http.HTTPStatus.OK, _sentence(body)


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["why"])
    except (ValueError, TypeError, KeyError):
        return "What answers is nothing of feedmill's."
