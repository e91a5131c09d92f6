from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from agents.engine.intake import raw_document
from agents.engine.transport import Incoming
from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.stage import Topic
from tests.chaos.documents import documents

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENTRIES = 4000


@pytest.mark.heavy
def test_the_input_is_what_is_promised() -> None:
    """A quarter repeated, one in twenty revised, one in a hundred poison; all forms; no story for everything."""
    pipeline, state = Pipeline(), RunState()
    kinds, forms, languages, stories = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for offset, raw in enumerate(documents(ENTRIES, seed=11)):
        record = Incoming("feeds.raw", 0, offset, int(NOW.timestamp() * 1000), raw.key, raw.body, raw.headers)
        results = pipeline.process(raw_document(record), state, NOW)
        assert len(results) == raw.entries
        for result in results:
            told = msgspec.json.decode(result.value or b"")
            kinds[told.get("verdict") or result.role.value] += 1
            forms[told["source"]["format"]] += 1
            if result.role is Topic.ENRICHED:
                languages[told["language"]] += 1
                stories[told["story_id"]] += 1
    assert sum(kinds.values()) == ENTRIES
    assert 0.17 < kinds["duplicates"] / ENTRIES < 0.28  # the first documents of a site have nothing to repeat
    assert 0.03 < kinds["revision"] / ENTRIES < 0.06
    assert 0.004 < kinds["dead-letter"] / ENTRIES < 0.02
    assert kinds["reprint"] > 5
    assert len(forms.keys() & {"json-item", "rss", "atom", "json-feed", "markdown"}) == 5, forms
    assert languages.keys() >= {"en", "de", "fr", "ru", "ar", "ja", "zh-Hans", "zh-Hant"}
    assert stories.most_common(1)[0][1] < ENTRIES / 10


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert list(documents(300, seed=5)) == list(documents(300, seed=5))
