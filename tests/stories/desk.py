"""A desk that shows invented articles to the stories stage one after another, and says what became of each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec

from agents.content.language import Language
from agents.content.signature import VERSION
from agents.enrich.dateline import read_dateline
from agents.enrich.prose import read_prose
from agents.enrich.traits import read_traits
from agents.stage import State, Topic
from agents.stories.memory import Membership, Memory
from agents.stories.stage import StoriesStage
from agents.stories.tables import MIN_CAPACITY
from schemas import Draft, Item, ScriptFamily, Verdict
from schemas.internal import Signature, Traits
from tests.states import DictState
from tests.stories.samples import ARRIVAL, item, news

HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)


def sentences(seed: int, count: int = 16) -> str:
    """A text of its own: sentences of Chinese characters that hardly any other seed gives."""
    chance = random.Random(seed)
    return "".join("".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(24)) + "。" for _ in range(count))


@lru_cache(maxsize=2000)
def traits_of(title: str, text: str, language: str = "zh-Hans") -> Traits:
    return read_traits(read_prose(title, text, Language(language, 1.0)), read_dateline(text))


def id_of(name: str) -> bytes:
    """The id of an item that a test calls by a word."""
    return name.encode().ljust(16, b"-")[:16]


def name_of(id: bytes | str | None) -> str | None:
    """The word again."""
    if id is None:
        return None
    return (bytes.fromhex(id) if isinstance(id, str) else id).decode().rstrip("-")


def draft(
    name: str,
    title: str,
    text: str,
    *,
    site: str | None = "lanhai.example",
    after: timedelta = timedelta(),
    seen: timedelta | None = None,
    revision: int = 1,
    language: str = "zh-Hans",
    traits: Traits | None = None,
) -> Draft:
    """An article as enrich leaves it; `after` and `seen` count from the first of all."""
    verdict = Verdict.NEW if revision == 1 else Verdict.REVISION
    one = item(id=id_of(name).hex(), title=title or "。", site=site, revision=revision, verdict=verdict)
    return Draft(
        id=one.id,
        family=ScriptFamily.HAN,
        arrival=ARRIVAL + after,
        item=one,
        news=msgspec.Raw(msgspec.msgpack.encode(news(one))),
        traits=traits or traits_of(title, text, language),
        first_seen=ARRIVAL + (after if seen is None else seen),
    )


def retraction(name: str, after: timedelta = timedelta()) -> Draft:
    return Draft(id=id_of(name).hex(), family=ScriptFamily.HAN, arrival=ARRIVAL + after, item=None)


class Desk:
    """One stage and its state."""

    def __init__(self, state: State | None = None, *, most: int = 1000, smallest: int = MIN_CAPACITY) -> None:
        self.state: State = DictState() if state is None else state
        self.stage = StoriesStage(most, smallest)
        self.memory = Memory(self.state)

    def show(self, *drafts: Draft) -> list[Item]:
        """The items that come of drafts, each in a batch of its own."""
        return [one for each in drafts for one in self.together([each])]

    def together(self, drafts: Sequence[Draft]) -> list[Item]:
        outputs = self.stage.handle([msgspec.msgpack.encode(one) for one in drafts], self.state, ARRIVAL)
        assert all(output.topic is Topic.ENRICHED for output in outputs)
        return [msgspec.json.decode(output.value, type=Item) for output in outputs if output.value is not None]

    def see(self, name: str, title: str, text: str, **given: Any) -> Item:
        (one,) = self.show(draft(name, title, text, **given))
        return one

    def membership(self, name: str) -> Membership | None:
        return self.memory.membership(id_of(name))


def plain(numbers: Sequence[int]) -> Signature:
    """A signature made of chosen hashes: of texts of which nothing is known but these."""
    import numpy as np

    packed = np.array(sorted(numbers), "<u4").tobytes()
    return Signature(VERSION, len(numbers), np.arange(32, dtype="<u4").tobytes(), packed, packed, packed[:128], b"")
