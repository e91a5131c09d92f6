from __future__ import annotations

from typing import Any

import pytest

from agents.cli.tail import shown
from schemas import Changed, Decision, DedupeRule, Flag, Verdict
from tests.kafka.stand import Stand, item

SOURCE = Stand("", "feeds").source(0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {},
            ["2026-11-20 12:00  The bridge is open again", f"  new · en · news.example  {'0' * 32}", "  Since noon."],
            id="new",
        ),
        pytest.param(
            {
                "verdict": Verdict.REVISION,
                "revision": 3,
                "decision": Decision(DedupeRule.CONTENT_CHANGED, changed=[Changed.TITLE, Changed.TEXT]),
                "summary": "",
            },
            [
                "2026-11-20 12:00  The bridge is open again",
                f"  revision 3 (title, text) · en · news.example  {'0' * 32}",
            ],
            id="revision, without a summary",
        ),
        pytest.param(
            {"verdict": Verdict.REPRINT, "reprint_of": "2" * 32, "site": None, "summary": ""},
            ["2026-11-20 12:00  The bridge is open again", f"  reprint · en · no site · of {'2' * 32}  {'0' * 32}"],
            id="reprint",
        ),
        pytest.param(
            {"published_at": None, "flags": [Flag.NO_DATE], "summary": "x" * 200},
            [
                "2026-11-20 12:00  The bridge is open again",
                f"  new · en · news.example · no-date  {'0' * 32}",
                f"  {'x' * 159}…",
            ],
            id="undated, long",
        ),
        pytest.param(
            {"title": "a\x1b[31m\n\u202eb", "summary": "\x07", "site": "x\u2066.example"},
            ["2026-11-20 12:00  a\\x1b[31m \\u202eb", f"  new · en · x\\u2066.example  {'0' * 32}", "  \\x07"],
            id="what strangers write",
        ),
    ],
)
def test_shown(fields: dict[str, Any], expected: list[str]) -> None:
    assert list(shown(item(SOURCE, **{"title": "The bridge is open again", **fields}))) == expected
