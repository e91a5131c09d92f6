"""`feedmill broker`: the embedded broker alone, in the foreground."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from agents.cli.exits import CommandError, ExitCode
from agents.engine.broker import EmbeddedBroker
from agents.engine.java import EmbeddedKafkaError, FolderUnusableError


def register(app: typer.Typer) -> None:
    app.command("broker")(broker)


def broker(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 9092,
    folder: Annotated[Path | None, typer.Option(help="Keep the data here, and go on with what is there.")] = None,
) -> None:
    """Run the embedded broker until Ctrl-C. Prints the address on stdout when it takes records."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = EmbeddedBroker(tell=_tell)
    try:
        address = running.start(folder, port or None)
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        _tell(f"Kafka runs at {address}; in another shell: export FEEDMILL_BROKER={address}. Ctrl-C stops it.")
        while running.running:
            time.sleep(0.5)
        raise running.failure()
    except FolderUnusableError as error:
        raise CommandError(str(error)) from error
    except EmbeddedKafkaError as error:
        advice = " `--port 0` takes a free one." if "Address already in use" in str(error) else ""
        raise CommandError(f"{error}{advice}", ExitCode.NO_BROKER) from error
    except KeyboardInterrupt:
        _tell("stopping Kafka")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would leave the stopping half done
        running.stop()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
