"""A made-up window of sightings: what the stories stage would remember of many items, without the items.

Shapes are those of real news: lengths, terms by Zipf's law (the commonest in one item of seven), one item in twelve a
copy of another of the last hours, one in twenty a member of a series that shares most of its text with the one before,
half of all in a story with others. The same seed gives the same window.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from agents.content.signature import BANDS, KEPT, KEPT_LEAD, KEPT_RUNS, VERSION
from agents.enrich.traits import MAX_TERMS
from agents.stories.index import pack_terms
from agents.stories.memory import Id, Sighting
from agents.stories.nearcopy import WINDOW
from agents.stories.tables import Floats, Words
from schemas import Draft, ScriptFamily
from schemas.internal import Signature, Traits

BEGIN = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
WORDS = 400_000
SITES = 2000
SERIES = 400
COPIED = 1 / 12
IN_SERIES = 1 / 20
ALONE = 0.5
OF_A_STORY = 9
"""Terms that the items of one story share."""

_CHUNK = 5000
_FIGURES = 11
_BAND_OF_COPY, _HASH_OF_COPY = 0.66, 0.95  # kept by a text that is 0.9 alike, of bands and of hashes
_BAND_OF_SERIES, _HASH_OF_SERIES = 0.41, 0.89


class Made(Struct, frozen=True):
    """One made-up item. `words` are places in the vocabulary, the heaviest first."""

    sighting: Sighting
    words: list[int]
    weights: list[float]

    def draft(self) -> Draft:
        """What the stage would be given of it, without an item to send."""
        moment = datetime.fromtimestamp(self.sighting.clock, UTC)
        terms = [
            (xxhash.xxh32_intdigest(f"word{word}".encode()), weight, f"word{word}")
            for word, weight in zip(self.words, self.weights, strict=True)
        ]
        return Draft(
            id=self.sighting.id.hex(),
            family=ScriptFamily.HAN,
            arrival=moment,
            item=None,
            traits=Traits(self.sighting.signature, [], self.sighting.id.hex(), terms, brief=False),
            first_seen=moment,
        )

    @property
    def site(self) -> str:
        return f"site{self.sighting.site % SITES}.example"


class _Story(Struct):
    id: Id
    words: list[int]
    size: int = 0


def window(count: int, of: int, first: int = 0) -> Iterator[Made]:
    """Items from a number on, of a window that holds `of` in fourteen days."""
    chance, numbers = random.Random(first), np.random.default_rng(first)
    hashes = np.array([xxhash.xxh32_intdigest(f"word{word}".encode()) for word in range(WORDS)], np.uint32)
    ranks = np.arange(WORDS)
    often = (ranks + 6.0) ** -0.8
    reach = np.cumsum(often / often.sum())
    heavy = np.minimum(0.3 + 0.1 * np.log1p(ranks), 1.5)
    recent: deque[Signature] = deque(maxlen=3000)
    series: dict[int, Signature] = {}
    stories: deque[_Story] = deque([_Story(bytes(16), list(range(OF_A_STORY)))], maxlen=300)
    for start in range(first, first + count, _CHUNK):
        fresh = _signatures(numbers)
        drawn = np.searchsorted(reach, numbers.random((_CHUNK, MAX_TERMS)))
        for at in range(min(_CHUNK, first + count - start)):
            number = start + at
            signature = next(fresh)
            if (kind := chance.random()) < COPIED and recent:
                signature = _like(chance.choice(recent), signature, numbers, _BAND_OF_COPY, _HASH_OF_COPY)
            elif kind > 1 - IN_SERIES:
                which = chance.randrange(SERIES)
                if which in series:
                    signature = _like(series[which], signature, numbers, _BAND_OF_SERIES, _HASH_OF_SERIES)
                series[which] = signature
            recent.append(signature)
            id = _id(number)
            words = drawn[at].tolist()
            if chance.random() < ALONE:
                story = _Story(id, words[:OF_A_STORY])
                if chance.random() < 0.25:
                    stories.append(story)
            else:
                story = chance.choice(stories)
                words[:OF_A_STORY] = story.words
            story.size += 1
            yield _made(id, number, of, signature, words, story, hashes, heavy)


def _made(
    id: Id, number: int, of: int, signature: Signature, words: list[int], story: _Story, hashes: Words, heavy: Floats
) -> Made:
    distinct = np.unique(np.array(words))
    weights = heavy[distinct]
    order = np.argsort(-weights, kind="stable")
    distinct, weights = distinct[order], weights[order]
    weights = weights / np.sqrt((weights * weights).sum())
    moment = BEGIN + number * WINDOW // of
    sighting = Sighting(
        id=id,
        clock=moment,
        seen=moment,
        site=number * 7919 % SITES,
        title_form=number,
        title_numbers=0,
        signature=signature,
        terms=pack_terms(hashes[distinct], weights),
        story=story.id,
        rank=story.size,
        norm=story.size + 0.3 * story.size * (story.size - 1),
    )
    return Made(sighting, distinct.tolist(), weights.tolist())


def _id(number: int) -> Id:
    return xxhash.xxh128_digest(number.to_bytes(8, "big"))


def _signatures(numbers: np.random.Generator) -> Iterator[Signature]:
    counts = np.clip(numbers.lognormal(6.4, 0.8, _CHUNK), 60, 20_000).astype(np.int64)
    bands = numbers.integers(0, 1 << 32, (_CHUNK, BANDS), dtype=np.uint32)
    least = _sorted(numbers, KEPT, KEPT / np.maximum(counts, KEPT))
    runs = _sorted(numbers, KEPT_RUNS, KEPT_RUNS / np.maximum(counts, KEPT_RUNS))
    lead = _sorted(numbers, KEPT_LEAD, np.full(_CHUNK, KEPT_LEAD / 116))
    figures = _sorted(numbers, _FIGURES, np.ones(_CHUNK))
    for at in range(_CHUNK):
        yield Signature(
            VERSION,
            int(counts[at]),
            bands[at].tobytes(),
            least[at, : counts[at]].tobytes(),
            runs[at, : counts[at]].tobytes(),
            lead[at].tobytes(),
            figures[at].tobytes(),
        )


def _sorted(numbers: np.random.Generator, kept: int, share: Floats) -> Words:
    """Sorted hashes in rows, spread over a share of all 32 bits: the least of a larger set."""
    steps = numbers.exponential(size=(_CHUNK, kept + 1)).cumsum(axis=1)
    spread = steps[:, :-1] / steps[:, -1:] * share[:, None]
    found: Words = (spread * 4294967295.0).astype(np.uint32)
    return found


def _like(one: Signature, fresh: Signature, numbers: np.random.Generator, bands: float, hashes: float) -> Signature:
    """Another text that shares much with one: some of its bands, most of its hashes, its length."""
    return msgspec.structs.replace(
        one,
        bands=_mixed(one.bands, fresh.bands, numbers, bands),
        least=_mixed(one.least, fresh.least, numbers, hashes, in_order=True),
        runs=_mixed(one.runs, fresh.runs, numbers, hashes, in_order=True),
    )


def _mixed(one: bytes, other: bytes, numbers: np.random.Generator, kept: float, *, in_order: bool = False) -> bytes:
    left, right = np.frombuffer(one, np.uint32), np.frombuffer(other, np.uint32)
    right = np.resize(right, left.size)
    mixed = np.where(numbers.random(left.size) < kept, left, right)
    return (np.unique(mixed) if in_order else mixed).tobytes()
