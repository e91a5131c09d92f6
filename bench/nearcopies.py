"""Near-copies by the mill, datasketch and rensa on the same articles: time an article, and how right each is.

The two others are not installed with the project: `make nearcopies` brings them into a folder of their own. Each is
used as its documentation shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.content.signature import GRAM, SHORTEST, sign
from agents.content.sketch import fold_codes
from agents.runstate import RunState
from agents.stories.grouping import Groups
from agents.stories.index import Index
from agents.stories.memory import Memory, Shelf
from bench.accuracy.clusters import linked
from bench.accuracy.copies import across_scripts, body, items, judge
from bench.accuracy.sample import drafts
from bench.process import corpus
from bench.report import Table
from schemas import Draft, StageName
from schemas.internal import Traits

OTHERS = ("datasketch", "rensa")
PERMUTATIONS = 128
THRESHOLD = 0.55
BANDS = 32
"""For rensa, which does not choose them itself; four rows each, as ours and about as datasketch's."""
ROUNDS = 5


class Text(Struct, frozen=True):
    """One sighting of an article, and its 5-grams."""

    id: str
    grams: list[str]


class Run(Struct, frozen=True):
    """Which articles were linked, and microseconds an article: for its signature, for look-up and insertion."""

    links: list[tuple[str, str]]
    signature: float
    index: float


def main() -> Iterator[Table]:
    folder = corpus()
    if folder is None:
        print("\nThere is no corpus (FEEDMILL_CORPUS): nothing to look for copies in.")
        return
    folded, plain = list(_texts(folder, fold=True)), list(_texts(folder, fold=False))
    runs: dict[str, Callable[[], Run]] = {"feedmill": partial(_ours, folder)}
    if all(map(find_spec, OTHERS)):
        for how, texts in (("folded", folded), ("as published", plain)):
            runs[f"datasketch {version('datasketch')}, {how}"] = partial(_datasketch, texts, check=False)
            runs[f"the same, candidates compared, {how}"] = partial(_datasketch, texts, check=True)
            runs[f"rensa {version('rensa')}, candidates compared, {how}"] = partial(_rensa, texts)
    else:
        print(f"\n{' and '.join(OTHERS)} are not here: make nearcopies")
    ids = {item["id"] for item in items(folder)}
    across = across_scripts(folder)
    rows = []
    for name, run in runs.items():
        taken = [run() for _ in range(ROUNDS)]
        found = linked(ids, taken[0].links)
        judged = judge(folder, found)
        rows.append(
            (
                name,
                f"{1 - len(judged.wrong) / judged.pairs:.2%} of {judged.pairs:,}",
                f"{judged.sure_found / judged.sure:.1%}",
                f"{judged.labelled_found / judged.labelled:.1%}",
                f"{judged.templates} of {judged.templates_of}",
                f"{sum(found[one] == found[other] for one, other in across) / len(across):.0%}",
                min(one.signature for one in taken),
                min(one.index for one in taken),
            )
        )
    yield Table(
        f"Near-copies in {len(ids):,} articles",
        (
            "",
            "pairs right",
            "found, 0.7 alike",
            "found, all labelled",
            "series merged",
            "across scripts",
            "signature, µs",
            "look-up and insertion, µs",
        ),
        rows,
        f"CPU of an article, the least of {ROUNDS} runs. The others are given the 5-grams, cut and folded beforehand, "
        "and hold their sketches in memory; ours begins with the text, and reads what it compares from a state.",
    )


def _texts(folder: Path, *, fold: bool) -> Iterator[Text]:
    """The sample's articles, without those that are too short to be anyone's copy."""
    for item in items(folder):
        text = body(item)
        codes = fold_codes(text)
        if codes.size >= SHORTEST:
            shown = codes.tobytes().decode("utf-32-le") if fold else "".join(text.split())
            yield Text(item["id"], [shown[at : at + GRAM] for at in range(len(shown) - GRAM + 1)])


def _ours(folder: Path) -> Run:
    """The mill's own: drafts without terms, so that no story is looked for."""
    given = [msgspec.msgpack.decode(draft, type=Draft) for draft in drafts(folder)]
    given = [draft for draft in given if draft.item is not None]
    shown = [draft.item.text for draft in given if draft.item is not None]
    began = time.process_time()
    for text in shown:
        sign(text)
    signed = time.process_time()
    alone = [msgspec.structs.replace(draft, traits=_without_terms(draft.traits)) for draft in given]
    groups = Groups(Memory(RunState().of(StageName.STORIES, {})), Index(Shelf(), most=1_000_000))
    links = []
    ready = time.process_time()
    for draft in alone:
        placed, _ = groups.place(draft, draft.item.site if draft.item else None)
        if placed.reprint_of is not None:
            links.append((draft.id, placed.reprint_of.hex()))
    done = time.process_time()
    return Run(links, _micros(signed - began, given), _micros(done - ready, given))


def _without_terms(traits: Traits | None) -> Traits | None:
    return None if traits is None else msgspec.structs.replace(traits, terms=[])


def _datasketch(texts: Sequence[Text], *, check: bool) -> Run:
    from datasketch import MinHash, MinHashLSH

    began = time.process_time()
    made = []
    for text in texts:
        one = MinHash(num_perm=PERMUTATIONS)
        one.update_batch([gram.encode() for gram in text.grams])
        made.append(one)
    signed = time.process_time()
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    links = []
    for number, (text, one) in enumerate(zip(texts, made, strict=True)):
        near = [other for other in index.query(one) if not check or one.jaccard(made[other]) >= THRESHOLD]
        links += [(text.id, texts[other].id) for other in near]
        index.insert(number, one)
    done = time.process_time()
    return Run(links, _micros(signed - began, texts), _micros(done - signed, texts))


def _rensa(texts: Sequence[Text]) -> Run:
    from rensa import RMinHash, RMinHashLSH

    began = time.process_time()
    made = []
    for text in texts:
        one = RMinHash(num_perm=PERMUTATIONS, seed=42)
        one.update(text.grams)
        made.append(one)
    signed = time.process_time()
    index = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=BANDS)
    links = []
    for number, (text, one) in enumerate(zip(texts, made, strict=True)):
        near = [other for other in index.query(one) if one.jaccard(made[other]) >= THRESHOLD]
        links += [(text.id, texts[other].id) for other in near]
        index.insert(number, one)
    done = time.process_time()
    return Run(links, _micros(signed - began, texts), _micros(done - signed, texts))


def _micros(seconds: float, of: Sequence[object]) -> float:
    return seconds / len(of) * 1e6
