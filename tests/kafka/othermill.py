"""A worker of another version, or one with faults that a later version has cured: `python -m tests.kafka.othermill`.

MILL_VERSION   what its items name as their `pipeline`
MILL_READS     a sentence that it finds in every body, as a newer reading finds what an older one missed
MILL_FAILS     the stages, by comma, that fail over documents which hold `FAILS-AT-` and the stage's name
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from agents.stage import Output, Stage, State
from schemas import DeadLetterCode, StageName
from tests.kafka.faults import ROOT, Worker

MARK = "FAILS-AT-"


class OtherMill(Worker):
    """A process of this module, started again whenever it ends while it is wanted."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path, **mill: str) -> None:
        settings = {f"MILL_{key.upper()}": value for key, value in mill.items()}
        super().__init__(name, {**environment, **settings, "FEEDMILL_METRICS_PORT": "0"}, folder)

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.othermill"],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )


class Failing:
    """A stage that leaves a dead letter in the place of what it makes of marked documents."""

    def __init__(self, stage: Stage[Any]) -> None:
        self.name = stage.name
        self._stage = stage
        self._mark = f"{MARK}{stage.name}".encode()

    def prepare(self, state: State) -> Iterator[None]:
        return self._stage.prepare(state)

    def handle(self, batch: Sequence[Any], state: State, now: datetime) -> list[Output]:
        return [self._failed(output, now) for output in self._stage.handle(batch, state, now)]

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self._stage.refused(output, code, message, now)

    def condemned(self, one: Any, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self._stage.condemned(one, code, message, now)

    def _failed(self, output: Output, now: datetime) -> Output:
        if output.entry is None or output.value is None or self._mark not in output.value:
            return output
        if output.topic in ("dead-letter", "duplicates"):
            return output
        return self._stage.refused(output, DeadLetterCode.CRASHED_WORKER, "It killed the worker.", now)


def main() -> None:
    import agents

    agents.__version__ = os.environ.get("MILL_VERSION", agents.__version__)
    from agents.cli.main import main as feedmill
    from agents.enrich.findings import Readable
    from agents.enrich.stage import EnrichStage
    from agents.parse.rejection import Rejection

    app: Any = import_module("agents.app")
    parse: Any = import_module("agents.parse.stage")
    fails = {StageName(name) for name in os.environ.get("MILL_FAILS", "").split(",") if name}
    make_stages, sniff, read = app.make_stages, parse.sniff, EnrichStage._read

    def failing(*arguments: Any, **settings: Any) -> dict[StageName, Stage[Any]]:
        made = make_stages(*arguments, **settings)
        return {name: Failing(stage) if name in fails else stage for name, stage in made.items()}

    def unable(text: str) -> Any:
        if StageName.PARSE in fails and "FAILS-AT-sniff" in text:
            raise Rejection(DeadLetterCode.UNSUPPORTED_FORMAT, "This version reads no such form.")
        return sniff(text)

    def more(self: EnrichStage, entry: Any) -> Readable:
        return read(self, msgspec.structs.replace(entry, body=entry.body + f"<p>{os.environ['MILL_READS']}</p>"))

    app.make_stages = failing
    parse.sniff = unable
    if "MILL_READS" in os.environ:
        EnrichStage._read = more  # type: ignore[method-assign]
    sys.argv = ["feedmill", "worker"]
    feedmill()


if __name__ == "__main__":
    main()
