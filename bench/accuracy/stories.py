"""Near-copies and stories: what is put together that belongs together, and what is not that does not."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import log, sqrt
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from agents.runstate import RunState
from agents.stage import Topic
from agents.stories.stage import StoriesStage
from bench.accuracy.clusters import Agreement, BCubed, Grouping, agreement, bcubed, linked, paired, share_together
from bench.accuracy.copies import across_scripts, items, judge, labels, reprint_links
from bench.accuracy.labels import FOLDER, rows
from bench.accuracy.measure import Measure
from bench.accuracy.sample import NOW, Known, drafts, mill, milled, milled_stories
from schemas import Draft, StageName
from tests import copies, series

ORDERS = 3
SHUFFLED = timedelta(hours=1)
WEEK = timedelta(days=7)
BATCH = 50
THRESHOLDS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3)

_WORD = re.compile(r"[^\W_]+")


class Groups(Struct, frozen=True):
    """How some items are grouped, by id: into copies of one article, and into stories."""

    copies: dict[str, str]
    stories: dict[str, str]


def measures(corpus: Path) -> list[Measure]:
    return [
        *_reprints(corpus),
        *_invented_series("invented series", series.FOLDER),
        *_invented_series("a second set, written blind", series.BLIND),
        *_invented_copies("invented copies", copies.RECORDS),
        *_invented_copies("a second set, written blind", copies.BLIND),
        *_story_set(corpus),
        *_days(corpus),
        *_strangers(corpus),
        *_orders(corpus),
    ]


def groups(results: list[dict[str, Any]]) -> Groups:
    """How items are grouped in the end: each by its last revision."""
    last = {one["id"]: one for one in results if "story_id" in one}
    links = [link for link in reprint_links(list(last.values())) if link[1] in last]
    return Groups(linked(last, links), {id: one["story_id"] for id, one in last.items()})


def _reprints(corpus: Path) -> Iterator[Measure]:
    found = groups(items(corpus)).copies
    judged = judge(corpus, found)
    across = across_scripts(corpus)
    met = sum(found[one] == found[other] for one, other in across)
    yield Measure("pairs of copies: right", 1 - len(judged.wrong) / judged.pairs, 0.99, judged.pairs)
    yield Measure(
        "the same, by texts with what sites put around them",
        1 - len(judged.wrong_with_all) / judged.pairs,
        0.99,
        judged.pairs,
    )
    yield Measure(
        "labelled reprints of similarity 0.7 and more: found", judged.sure_found / judged.sure, 0.97, judged.sure
    )
    yield Measure("all labelled reprints: found", judged.labelled_found / judged.labelled, 0.80, judged.labelled)
    yield Measure(
        "labelled pairs of a series: merged", judged.templates, 0, judged.templates_of, "at most", share=False
    )
    yield Measure("pairs in Simplified and Traditional, 0.7 alike: found", met / len(across), 0.95, len(across))


def _invented_series(name: str, folder: Path) -> Iterator[Measure]:
    """Items of one series with one number are one article at several publishers."""
    members = {member.record.ref: member for member in series.members(folder)}
    made = mill(member.record for member in members.values()).known
    found = groups([one.result for one in made]).copies
    article = {one.result["id"]: (members[one.ref].series, members[one.ref].number) for one in made}
    merged = sum(article[one] != article[other] for one, other in paired(found))
    same = list(paired(article))
    yield Measure(f"{name}: members merged", merged, 0, len(article), "at most", share=False)
    yield _found("their copies at other publishers: found", found, same, 0.97)


def _invented_copies(name: str, path: Path) -> Iterator[Measure]:
    made = mill(copies.records(path)).known
    found = groups([one.result for one in made]).copies
    ids = {one.ref: str(one.result["id"]) for one in made}
    wanted: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for pair in copies.pairs(path):
        (others if pair.kind == copies.NOT_COPY else wanted).append((ids[pair.a.ref or ""], ids[pair.b.ref or ""]))
    merged = sum(found[one] == found[other] for one, other in others)
    yield _found(f"{name}: found", found, wanted, 0.80)
    yield Measure("pairs that only look like copies: merged", merged, 0, len(others), "at most", share=False)


def _found(name: str, found: Grouping, pairs: Sequence[tuple[str, str]], bound: float) -> Measure:
    return Measure(name, sum(found[one] == found[other] for one, other in pairs) / len(pairs), bound, len(pairs))


def _story_set(corpus: Path) -> Iterator[Measure]:
    known = milled_stories(corpus)
    with (corpus / "stories.tsv").open(encoding="utf-8") as lines:
        wanted = dict(csv.reader(lines, delimiter="\t"))
    wanted.pop("ref", None)
    titles = [(one.ref, str(one.result.get("title", ""))) for one in known if one.ref in wanted]
    at, plain = best_plain(titles, wanted)
    beside = f"plain online TF-IDF {plain.f1:.1%} with the best of {len(THRESHOLDS)} thresholds by these labels, {at:g}"
    yield _graded("English story set", known, wanted, 0.78, beside)


def _days(corpus: Path) -> Iterator[Measure]:
    known = milled(corpus)
    for name, file, bound in (("tuned by", "day", 0.90), ("measured once", "blind", 0.88)):
        wanted = {row["ref"]: row["story"] for row in rows(FOLDER / f"stories.{file}.tsv")}
        yield _graded(f"a Chinese day, {name}", known, wanted, bound)


def _graded(name: str, known: list[Known], wanted: dict[str, str], bound: float, beside: str = "") -> Measure:
    stories = groups([one.result for one in known]).stories
    found = {one.ref: stories.get(str(one.result["id"]), one.ref) for one in known if one.ref in wanted}
    graded = bcubed(found, wanted)
    alone = bcubed({ref: ref for ref in wanted}, wanted).f1
    together = bcubed(dict.fromkeys(wanted, ""), wanted).f1
    detail = [
        f"precision {graded.precision:.1%}, recall {graded.recall:.1%}",
        f"{len(set(found.values()))} stories found, {len(set(wanted.values()))} labelled",
        f"each item alone {alone:.1%}, all together {together:.1%}",
        *([beside] if beside else []),
    ]
    return Measure(f"{name}: B-cubed F1", graded.f1, bound, len(wanted), detail="; ".join(detail))


def best_plain(titles: list[tuple[str, str]], wanted: Grouping) -> tuple[float, BCubed]:
    """The threshold of `plain_stories` that does best, and how well it does."""
    return max(((at, bcubed(plain_stories(titles, at), wanted)) for at in THRESHOLDS), key=lambda graded: graded[1].f1)


def plain_stories(titles: list[tuple[str, str]], threshold: float) -> dict[str, int]:
    """What anyone would try first: each title joins the story whose sum of TF-IDF vectors is nearest by the cosine.

    A word's weight comes of the titles before; nothing is known of languages, places or time.
    """
    seen: Counter[str] = Counter()
    stories: list[dict[str, float]] = []
    norms: list[float] = []
    having: dict[str, set[int]] = defaultdict(set)
    found: dict[str, int] = {}
    for number, (ref, title) in enumerate(titles, 1):
        words = Counter(_WORD.findall(title.lower()))
        seen.update(words.keys())
        vector = {word: count * (log((1 + number) / (1 + seen[word])) + 1) for word, count in words.items()}
        length = sqrt(sum(weight * weight for weight in vector.values())) or 1.0
        dots: Counter[int] = Counter()
        for word, weight in vector.items():
            for story in having[word]:
                dots[story] += weight / length * stories[story][word]  # type: ignore[assignment]
        near, best = max(((dot / norms[story], story) for story, dot in dots.items()), default=(0.0, -1))
        if near < threshold:
            best = len(stories)
            stories.append({})
            norms.append(0.0)
        for word, weight in vector.items():
            stories[best][word] = stories[best].get(word, 0.0) + weight / length
            having[word].add(best)
        norms[best] = sqrt(sum(weight * weight for weight in stories[best].values()))
        found[ref] = best
    return found


def _strangers(corpus: Path) -> Iterator[Measure]:
    found, strangers = groups(items(corpus)).stories, labels(corpus).strangers
    met = sum(found[one] == found[other] for one, other in strangers)
    yield Measure("pairs drawn by chance: in one story", met / len(strangers), 0.001, len(strangers), "at most")
    pairs = len(found) * (len(found) - 1) // 2
    yield Measure("any two items: in one story", share_together(found), 0.001, pairs, "at most")
    yield Measure("the biggest story of any week, of its items", _biggest(corpus), 0.02, len(found), "at most")


def _biggest(corpus: Path) -> float:
    first = {item["id"]: item for item in reversed(items(corpus))}
    seen = sorted((datetime.fromisoformat(item["source"]["received_at"]), item["story_id"]) for item in first.values())
    shares = []
    for start in range(0, len(seen), BATCH):
        week = [story for moment, story in seen[start:] if moment < seen[start][0] + WEEK]
        if seen[-1][0] - seen[start][0] >= WEEK:
            shares.append(max(Counter(week).values()) / len(week))
    return max(shares)


def _orders(corpus: Path) -> Iterator[Measure]:
    """Revisions of one item never overtake each other: the partitions of the mill keep their order."""
    given = [(msgspec.msgpack.decode(draft, type=Draft), draft) for draft in drafts(corpus)]
    usual = settled([draft for _, draft in given])
    copied: list[Agreement] = []
    told: list[Agreement] = []
    for seed in range(ORDERS):
        chance = random.Random(seed)
        late = {draft.id: chance.random() * SHUFFLED for draft, _ in given}
        order = sorted(given, key=lambda one: one[0].arrival + late[one[0].id])
        other = settled([draft for _, draft in order])
        copied.append(agreement(usual.copies, other.copies))
        told.append(agreement(usual.stories, other.stories))
    pairs = len(usual.stories) * (len(usual.stories) - 1) // 2
    for name, agreed, bound in (("copies", copied, 0.98), ("stories", told, 0.85)):
        yield Measure(f"two orders of arrival, {name}: pairs agreed on", min(one.pairs for one in agreed), 0.98, pairs)
        yield Measure(
            f"two orders of arrival, {name}: pairs of either that both have",
            min(one.together for one in agreed),
            bound,
            sum(1 for _ in paired(getattr(usual, name))),
            detail=f"the least of {ORDERS} orders",
        )


def settled(given: list[bytes]) -> Groups:
    """How the last stage groups drafts in an order."""
    stage, state = StoriesStage(), RunState()
    results: list[dict[str, Any]] = []
    for start in range(0, len(given), BATCH):
        outputs = stage.handle(given[start : start + BATCH], state.of(StageName.STORIES, {}), NOW)
        values = [output.value for output in outputs if output.topic is Topic.ENRICHED]
        results += [msgspec.json.decode(value) for value in values if value is not None]
    return groups(results)
