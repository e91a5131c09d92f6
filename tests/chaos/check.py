"""What must hold of everything that came out of a piece. Nothing here knows Kafka: it is told what was read.

Memory grows by some 200 bytes an entry: of what was read only fingerprints are kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from agents.stage import Topic
from schemas import DeadLetterCode

Place = tuple[int, int, int]
"""Partition, offset and index of an entry; -1 for a document as a whole."""

WHENEVER = frozenset({"failed_at"})
GROUPING = frozenset({"story_id", "reprint_of", "grouping"})
"""With several partitions, who came first decides whose copy and whose story an item is (contract, promise 3)."""

SHOWN = 10
_WIDEST = 300

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder(order="sorted")


class Violation(Struct, frozen=True):
    """A broken promise, in words, and the entries that it was broken to."""

    what: str
    places: tuple[Place, ...] = ()


class _Outcome(Struct):
    """What is remembered of one outcome. `print` is a fingerprint of its content."""

    topic: Topic
    print: bytes
    at: str
    refused: str = ""


class Outcomes:
    """The outcomes of a piece. Told all of them, in the order of their partitions, it says what is wrong with them.

    `grouped`: also what the stories stage decides is to be as one process decides it. `refusing`: the broker was made
    to refuse large items, which are dead letters then.
    """

    def __init__(self, *, grouped: bool, refusing: bool = False) -> None:
        self._left_out = WHENEVER if grouped else WHENEVER | GROUPING
        self._grouped = grouped
        self._refusing = refusing
        self._known: dict[Place, _Outcome] = {}
        self._revisions: dict[str, dict[int, Place]] = {}
        self._highest: dict[str, int] = {}
        self._stories: dict[str, tuple[str, str | None]] = {}
        self._violations: list[Violation] = []
        self._count = 0
        self._expected = 0
        self.kinds: Counter[str] = Counter()
        """How many there are of each kind, by topic and verdict, rule or code."""

    @property
    def count(self) -> int:
        return len(self._known)

    def note(self, topic: Topic, at: str, value: bytes | None) -> None:
        """One outcome as it was read; `at` says where it stands."""
        if value is None:
            self._violate(f"{at} is a tombstone, and nothing was retracted")
            return
        told = _decoder.decode(value)
        place = place_of(told)
        self.kinds[f"{topic.value} {_label(told)}"] += 1
        refused = self._refusal(topic, told)
        outcome = _Outcome(topic, self._print(told), at, refused)
        if (earlier := self._known.get(place)) is not None:
            alike = "the same" if (earlier.topic, earlier.print) == (topic, outcome.print) else "another"
            self._violate(f"{name(place)} has an outcome at {earlier.at}, and {alike} one at {at}", place)
            return
        self._known[place] = outcome
        if topic is Topic.DUPLICATES or not told.get("id"):
            return
        self._number(topic, told, place, at)

    def expect(self, topic: Topic, value: bytes) -> None:
        """One outcome as one process has it, each of them once."""
        told = _decoder.decode(value)
        place = place_of(told)
        self._expected += 1
        outcome = self._known.get(place)
        if outcome is None:
            self._violate(f"{name(place)} has no outcome; one process gives {_summary(topic, told)}", place)
        elif outcome.refused:
            if outcome.refused != f"{told.get('id')} r{told.get('revision')}":
                self._violate(f"{name(place)} was refused as {outcome.refused}: it is {_summary(topic, told)}", place)
        elif (outcome.topic, outcome.print) != (topic, self._print(told)):
            shown = _encoder.encode(self._content(told)).decode()
            self._violate(
                f"{name(place)}, at {outcome.at}, differs from what one process gives: {topic.value} {shown[:_WIDEST]}",
                place,
            )

    def violations(self) -> list[Violation]:
        """What is wrong, the first of each kind; to be asked when everything was told."""
        found = list(self._violations)
        if self._count > len(found):
            found.append(Violation(f"and {self._count - len(found)} more"))
        if self._expected < len(self._known):
            more = len(self._known) - self._expected
            found.append(Violation(f"{more} outcomes are of entries that one process does not find"))
        for id, numbers in self._revisions.items():
            if max(numbers) != len(numbers) and len(found) < 2 * SHOWN:
                told = f"{id} has the revisions {sorted(numbers)}"
                found.append(Violation(told[:_WIDEST], tuple(numbers.values())[:2]))
        return found

    def _number(self, topic: Topic, told: dict[str, Any], place: Place, at: str) -> None:
        """Revisions: each once over items and dead letters, in order on `feeds.enriched`, all in one story."""
        id, revision = told["id"], told["revision"]
        numbers = self._revisions.setdefault(id, {})
        if revision in numbers:
            what = f"revision {revision} of {id} has two contents, {name(numbers[revision])} and {name(place)}"
            self._violate(what, numbers[revision], place)
        numbers[revision] = place
        if topic is not Topic.ENRICHED:
            return
        if (before := self._highest.get(id, 0)) > revision:
            self._violate(f"{id}: revision {revision}, at {at}, stands behind {before}", place)
        self._highest[id] = max(before, revision)
        story, original = self._stories.get(id, (told["story_id"], None))
        if told["story_id"] != story or (original and told["reprint_of"] != original):
            self._violate(f"{id}: revision {revision}, at {at}, has moved to another story or original", place)
        self._stories[id] = story, original or told["reprint_of"]  # a later revision may be found to be a copy

    def _refusal(self, topic: Topic, told: dict[str, Any]) -> str:
        """Which revision a dead letter is of that the broker refused, where it was made to; "" for all else."""
        if not self._refusing or topic is not Topic.DEAD_LETTER or told["code"] != DeadLetterCode.REFUSED_BY_BROKER:
            return ""
        return f"{told['id']} r{told['revision']}"

    def _content(self, told: dict[str, Any]) -> dict[str, Any]:
        content = {key: part for key, part in told.items() if key not in self._left_out}
        if not self._grouped and content.get("verdict") == "reprint":
            content["verdict"] = "new"
        return content

    def _print(self, told: dict[str, Any]) -> bytes:
        return hashlib.blake2b(_encoder.encode(self._content(told)), digest_size=16).digest()

    def _violate(self, what: str, *places: Place) -> None:
        self._count += 1
        if len(self._violations) < SHOWN:
            self._violations.append(Violation(what, places))


def compare(outcomes: Outcomes, alone: Iterable[tuple[Topic, bytes]]) -> list[Violation]:
    """What is wrong with outcomes, which were all noted, given those of one process."""
    for topic, value in alone:
        outcomes.expect(topic, value)
    return outcomes.violations()


def place_of(told: dict[str, Any]) -> Place:
    source = told["source"]
    return source["partition"], source["offset"], -1 if source["index"] is None else source["index"]


def name(place: Place) -> str:
    partition, offset, index = place
    return f"{partition}/{offset}" if index < 0 else f"{partition}/{offset}/{index}"


def places(violations: Iterable[Violation]) -> Iterator[Place]:
    """The entries that promises were broken to, each once."""
    yield from dict.fromkeys(place for violation in violations for place in violation.places)


def _label(told: dict[str, Any]) -> str:
    return str(told.get("code") or told.get("verdict") or told["decision"]["rule"])


def _summary(topic: Topic, told: dict[str, Any]) -> str:
    return f"{topic.value}, {_label(told)}, revision {told.get('revision')} of {told.get('id')}"
