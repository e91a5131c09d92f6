"""The four stages in order, in one process: what `feedmill process` and the tests drive.

    read (parse) -> judge (dedupe) -> enrich -> settle (stories)

Each step takes the outputs of the one before it and puts, in the place of each record for its stage, what the
stage makes of it. So the results stand in the order of the entries, whatever is worked on together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from agents import __version__
from agents.content.sites import Sites
from agents.deadletters import document_dead_letter
from agents.engine.delivery import Dispatch
from agents.engine.topics import Naming
from agents.runstate import Changes, RunState
from agents.sources.records import Read, Refused, raw_document
from agents.stage import Headers, NoState, Output, Stage, State, Topic
from agents.stages import MOST_SIGHTINGS, make_stages
from schemas import RawDocument, StageName


class Result(Struct, frozen=True, gc=False):
    """One record as a consumer would read it; `value` is None for a tombstone.

    `role` is which topic it is, whatever its name; `label` the verdict, the rule or the code, as in `Output`.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    role: Topic
    label: str


class Pipeline:
    """The stages of one mill. It holds no state: the steps that need some are given it."""

    def __init__(
        self,
        naming: Naming | None = None,
        *,
        version: str = __version__,
        sites: Sites | None = None,
        most_sightings: int = MOST_SIGHTINGS,
    ) -> None:
        self.naming = naming or Naming()
        self.version = version
        self.sites = sites
        self._names = {topic: self.naming.topic(topic) for topic in Topic}
        self._stages = make_stages(version, sites, most_sightings)
        self._stateless = NoState()
        self._dispatch = {name: Dispatch(stage, self.naming, 1) for name, stage in self._stages.items()}

    def read(self, document: RawDocument, now: datetime) -> list[Output]:
        """Take a document into its entries."""
        parse = self._stages[StageName.PARSE]
        return self._sendable(parse, parse.handle([document], self._stateless, now), now)

    def read_record(self, record: Read, offset: int, now: datetime) -> list[Output]:
        """The same of a raw record that no broker held; what was refused becomes its dead letter."""
        if isinstance(record, Refused):
            document = raw_document(record.record, offset, now)
            return [document_dead_letter(StageName.PARSE, record.code, record.message, document, now)]
        return self.read(raw_document(record, offset, now), now)

    def judge(self, outputs: Sequence[Output], state: State, now: datetime) -> list[Output]:
        """Tell news from duplicates."""
        return self._through(self._stages[StageName.DEDUPE], Topic.ENTRIES, outputs, state, now)

    def enrich(self, outputs: Sequence[Output], now: datetime) -> list[Output]:
        """Make drafts of news."""
        return self._through(self._stages[StageName.ENRICH], Topic.NEWS, outputs, self._stateless, now)

    def settle(self, outputs: Sequence[Output], state: State, now: datetime) -> list[Result]:
        """Make items of drafts, and results of everything."""
        settled = self._through(self._stages[StageName.STORIES], Topic.DRAFTS, outputs, state, now)
        return [
            Result(self._names[output.topic], output.key, output.value, output.headers, output.topic, output.label)
            for output in settled
        ]

    def process(self, document: RawDocument, state: RunState, now: datetime) -> list[Result]:
        """All four steps over one document, in the order of its entries; the state is written down."""
        changes: Changes = {}
        judged = self.judge(self.read(document, now), state.of(StageName.DEDUPE, changes), now)
        results = self.settle(self.enrich(judged, now), state.of(StageName.STORIES, changes), now)
        state.commit(changes, max(state.next, document.offset + 1))
        return results

    def _through(
        self, stage: Stage[bytes], topic: Topic, outputs: Sequence[Output], state: State, now: datetime
    ) -> list[Output]:
        made: list[Output] = []
        for output in outputs:
            if output.topic is topic and output.value is not None:
                made.extend(self._sendable(stage, stage.handle([output.value], state, now), now))
            else:
                made.append(output)
        return made

    def _sendable(self, stage: Stage[Any], outputs: list[Output], now: datetime) -> list[Output]:
        """What no topic would take becomes a dead letter, as in the engine: the same results as with a broker."""
        return self._dispatch[stage.name].settle(outputs, {}, lambda: now)
