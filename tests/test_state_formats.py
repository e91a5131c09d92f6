"""The layouts of the state's records, as bytes: who changes one must raise its byte and keep a reader for the old one.

docs/decisions/0012-state-formats.md has the rules. Where this test fails, no expectation is to be made anew: the record
gets a new byte, the present bytes go to those of older formats below, and a function reads them.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.dedupe import lineage as lineages
from agents.dedupe.fingerprint import Fingerprint
from agents.dedupe.lineage import Lineage, Version, read_lineage
from agents.engine.store import MemoryTables, Overlay, Position, Store, encode_position
from agents.runstate import Changes, RunState
from agents.stage import State, UnknownFormatError
from agents.stories.memory import Membership, Memory, Shelf, Sighting
from schemas import Confidence, GroupingRule, ScriptFamily, StageName
from schemas.internal import Alias, AliasKind, Signature

ID, OTHER = bytes(range(16)), bytes(range(16, 32))
MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)

LINEAGE = Lineage(
    hashing=3,
    aliases=[ID, OTHER],
    revision=2,
    versions=[Version(b"t" * 16, b"x" * 16, MOMENT, None, (1, 22, 3), MOMENT)],
    quick=b"q" * 16,
    print=Fingerprint(
        title_hash=b"t" * 16,
        text_hash=b"x" * 16,
        title_sketch=b"s" * 8,
        text_sketch=b"k" * 64,
        length=70,
        prefixes=b"1234",
    ),
    feed=OTHER,
    present_feed=None,
    site="news.example",
    family=ScriptFamily.LATIN,
    published=(MOMENT, "Fri, 20 Nov 2026", Confidence.DAY),
    first_seen=MOMENT,
    last_seen=MOMENT,
    retracted=True,
)

SIGHTING = Sighting(
    id=ID,
    clock=1_795_176_000,
    seen=1_795_175_000,
    site=12,
    title_form=34,
    title_numbers=0,
    signature=Signature(1, 70, b"b" * 8, b"l" * 8, b"r" * 4, b"", b"f" * 4),
    terms=b"t" * 6,
    story=OTHER,
    rank=2,
    norm=1.5,
)
MEMBERSHIP = Membership(OTHER, ID, ID, GroupingRule.NEAR_COPY, ID, 0.95, 7, 8, True)
SHELF = Shelf(9, 3, 1_795_176_000, ((0, 4096, True), (4096, 4096, False)))


def a_state() -> State:
    return RunState().of(StageName.DEDUPE, {})


def written() -> dict[str, bytes]:
    """Each kind of record as this mill writes it."""
    changes: Changes = {}
    state = RunState().of(StageName.STORIES, changes)
    memory = Memory(state)
    memory.remember(ID, MEMBERSHIP)
    memory.add_sighting(7, SIGHTING)
    memory.note_copies(ID, [(1, 2, 3), (4, 5, 6)])
    memory.note_shelf(SHELF)
    lineages.take_turn(state, _alias(), ID)
    values = [value for value in changes.values() if value is not None]
    names = ("membership", "sighting", "group", "shelf", "pointer")
    return {
        "lineage": lineages.encode(LINEAGE),
        "position": encode_position(Position(5, b"w" * 8, 6)),
        **dict(zip(names, values, strict=True)),
    }


def _alias() -> Alias:
    return Alias(AliasKind.LINK, OTHER, "news.example/1")


PRESENT: dict[str, str] = {
    "lineage": (
        "029e0392c410000102030405060708090a0b0c0d0e0fc410101112131415161718191a1b1c1d1e1f029196c410747474"
        "74747474747474747474747474c41078787878787878787878787878787878d6ff6b003640c093011603d6ff6b003640"
        "c4107171717171717171717171717171717196c41074747474747474747474747474747474c410787878787878787878"
        "78787878787878c4087373737373737373c4406b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
        "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b46c40431323334c41010111213"
        "1415161718191a1b1c1d1e1fc0ac6e6577732e6578616d706c65a56c6174696e93d6ff6b003640b04672692c20323020"
        "4e6f762032303236a3646179d6ff6b003640d6ff6b003640c3"
    ),
    "position": "9305c408777777777777777706",
    "membership": (
        "0299c410101112131415161718191a1b1c1d1e1fc410000102030405060708090a0b0c0d0e0fc4100001020304050607"
        "08090a0b0c0d0e0fa96e6561722d636f7079c410000102030405060708090a0b0c0d0e0fcb3fee6666666666660708c3"
    ),
    "sighting": (
        "029bc410000102030405060708090a0b0c0d0e0fce6b003640ce6b0032580c2200970146c4086262626262626262c408"
        "6c6c6c6c6c6c6c6cc40472727272c400c40466666666c406747474747474c410101112131415161718191a1b1c1d1e1f"
        "02cb3ff8000000000000"
    ),
    "group": "02929301020393040506",
    "shelf": "02940903ce6b003640929300cd1000c393cd1000cd1000c2",
    "pointer": "01000102030405060708090a0b0c0d0e0f",
}
"""The bytes of this version, in hex."""


@pytest.mark.parametrize("kind", PRESENT)
def test_the_layout_is_the_one_of_its_byte(kind: str) -> None:
    assert written()[kind].hex() == PRESENT[kind]


def test_every_kind_has_its_bytes_here() -> None:
    assert PRESENT.keys() == written().keys()


def test_what_is_written_is_read() -> None:
    """From the bytes above, not from what was just encoded."""
    value = {kind: bytes.fromhex(told) for kind, told in PRESENT.items()}
    state = a_state()
    state.put(ID, value["lineage"])
    state.put(OTHER, value["pointer"])
    assert read_lineage(state, ID) == read_lineage(state, OTHER) == (ID, LINEAGE)
    state = a_state()
    for key, kind in ((b"m" + ID, "membership"), (b"s" + bytes(7) + b"\x07", "sighting"), (b"g" + ID, "group")):
        state.put(key, value[kind])
    state.put(b"t", value["shelf"])
    memory = Memory(state)
    assert memory.membership(ID) == MEMBERSHIP
    assert memory.sighting(7) == SIGHTING
    assert memory.copies(ID) == [(1, 2, 3), (4, 5, 6)]
    assert memory.shelf() == SHELF


def test_an_older_membership_is_read_and_written_anew() -> None:
    """Format 1 stood under the bare id, before anything was grouped."""
    state = a_state()
    state.put(ID, bytes.fromhex("0192c410101112131415161718191a1b1c1d1e1fc0"))
    memory = Memory(state)
    known = memory.membership(ID)
    assert known == Membership(OTHER, None, None, GroupingRule.NOT_GROUPED)
    memory.remember(ID, known)
    assert (state.get(b"m" + ID) or b"")[:1] == b"\x02"
    assert memory.membership(ID) == known


@pytest.mark.parametrize("byte", [b"\x03", b"\x7f"], ids=["the next", "a far one"])
@pytest.mark.parametrize("kind", sorted(PRESENT.keys() - {"position", "pointer"}))
def test_a_newer_layout_is_neither_guessed_at_nor_written_over(kind: str, byte: bytes) -> None:
    keys = {
        "lineage": ID, "membership": b"m" + ID, "sighting": b"s" + bytes(7) + b"\x07", "group": b"g" + ID, "shelf": b"t"
    }  # fmt: skip
    newer = byte + bytes.fromhex(PRESENT[kind])[1:] + b"\xc0"
    store = Store(MemoryTables(), "changelog", 0)
    store.committed([(b"k" + keys[kind], newer)], Position(1, b"w", 1), 0)
    overlay = Overlay(store)
    memory = Memory(overlay)
    with pytest.raises(UnknownFormatError, match=f"format byte {byte.hex()}, which this version of the mill"):
        {
            "lineage": lambda: read_lineage(overlay, ID),
            "membership": lambda: memory.membership(ID),
            "sighting": lambda: list(memory.sightings(0)),
            "group": lambda: memory.copies(ID),
            "shelf": memory.shelf,
        }[kind]()
    assert overlay.changes() == []
