from __future__ import annotations

from agents.engine.contact import Contact


def test_silence_counts_from_the_last_answer_and_up_to_a_limit() -> None:
    now = 100.0
    contact = Contact(60.0, lambda: now)
    now += 59.0
    assert contact.lost() is None
    contact.heard()
    now += 59.0
    assert contact.lost() is None
    now += 1.0
    assert "no broker has answered for 60 s" in (contact.lost() or "")
