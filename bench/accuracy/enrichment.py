"""Enrichment: what the mill finds in items, against hand labels and independent checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from msgspec import Struct

from agents.content.language import detect
from bench.accuracy.labels import BLIND_TITLES, TITLES, caption_hash, drawn, folded, labels, listed, rows
from bench.accuracy.measure import Measure
from bench.accuracy.sample import Known, milled, solid

SCRIPTS = {"cna.com.tw": "zh-Hant", "bitterwinter.org": "zh-Hant", "economist.com": "en"}
"""The language of a publisher; all others of the sample write `zh-Hans`."""

TOP = 5
LEAST_OF_A_CAPTION = 25

Item = dict[str, Any]


class Score(Struct):
    """Counts over all items. `neutral` finds are those that the labels allow but do not ask for."""

    right: int = 0
    wrong: int = 0
    wanted: int = 0
    met: int = 0
    neutral: int = 0
    errors: list[str] = []

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.met / self.wanted if self.wanted else 0.0


def measures(corpus: Path) -> list[Measure]:
    items = {one.ref: one.result for one in milled(corpus) if one.result.get("schema") == "feedmill.item.v1"}
    raw = {one.ref: one for one in milled(corpus)}
    return [
        *_languages(items),
        *_pair("names with a gloss", names(items), 0.98, 0.95),
        *_pair("places", places(items), 0.95, 0.85),
        _keywords(items),
        *_pair("datelines", datelines(items), 0.99, 0.95),
        _lead_images(items, raw),
        *_captions(items, raw),
        *_summaries(items),
    ]


def _pair(name: str, score: Score, precision: float, recall: float) -> list[Measure]:
    return [
        Measure(f"{name}: precision", score.precision, precision, score.right + score.wrong),
        Measure(f"{name}: recall", score.recall, recall, score.wanted),
    ]


def _languages(items: dict[str, Item]) -> list[Measure]:
    right = sum(item["language"] == SCRIPTS.get(item["site"], "zh-Hans") for item in items.values())
    return [
        Measure("language and script of the publisher", right / len(items), 0.995, len(items)),
        _titles("language of short titles, the first set", TITLES),
        _titles("language of short titles, a set nobody tuned on", BLIND_TITLES),
    ]


def _titles(name: str, path: Path) -> Measure:
    titles = rows(path)
    hit = sum(detect("", row["title"]).tag == row["language"] for row in titles)
    languages = len({row["language"] for row in titles})
    return Measure(name, hit / len(titles), 0.95, len(titles), detail=f"{languages} languages")


def names(items: dict[str, Item]) -> Score:
    """Names that came with a gloss: persons and organisations are wanted, other glosses allowed."""
    score, known = Score(), labels("names")
    for ref in drawn("names"):
        rows_of = known[ref]
        found = {(folded(one["name"]), folded(one["gloss"])) for one in items[ref]["names"] if one["gloss"]}
        label = {(folded(row["name"]), folded(row["gloss"])): row["kind"] for row in rows_of}
        for pair in sorted(found):
            kind = label.get(pair)
            if kind == "other":
                score.neutral += 1
            elif kind:
                score.right += 1
            else:
                score.wrong += 1
                score.errors.append(f"{ref} wrong {pair}")
        for pair, kind in label.items():
            if kind != "other":
                score.wanted += 1
                score.met += pair in found
                if pair not in found:
                    score.errors.append(f"{ref} missed {pair}")
    return score


_OF_A_PLACE = re.compile(r"(?<=..)[市省州县縣国國]$")


def place_key(name: str) -> str:
    return _OF_A_PLACE.sub("", folded(name))


def places(items: dict[str, Item]) -> Score:
    """Countries and cities; what the labels have as optional counts neither way."""
    score, known = Score(), labels("places")
    for ref in drawn("places"):
        wanted, optional, anywhere = {}, set(), set()
        for number, row in enumerate(known[ref]):
            keys = {(place_key(form), row["country"]) for form in listed(row["name"])}
            if row["kind"] == "wanted":
                wanted[number] = keys
            elif row["country"] == "-":
                anywhere |= {name for name, _ in keys}
            else:
                optional |= keys
        met = set()
        for one in items[ref]["places"]:
            key = (place_key(one["name"]), one["country"])
            rows_met = [number for number, keys in wanted.items() if key in keys]
            if rows_met:
                score.right += 1
                met.update(rows_met)
            elif key in optional or key[0] in anywhere:
                score.neutral += 1
            else:
                score.wrong += 1
                score.errors.append(f"{ref} wrong {one['name']} {one['country']}")
        score.wanted += len(wanted)
        score.met += len(met)
        score.errors += [f"{ref} missed {sorted(keys)}" for number, keys in wanted.items() if number not in met]
    return score


def keywords(items: dict[str, Item]) -> Score:
    """The first keywords of an item: each is a term that the label accepts, or not."""
    score, known = Score(), labels("keywords")
    for ref in drawn("keywords"):
        accepted = {folded(term) for row in known[ref] for term in listed(row["terms"])}
        for one in items[ref]["keywords"][:TOP]:
            if folded(one["term"]) in accepted:
                score.right += 1
            else:
                score.wrong += 1
                score.errors.append(f"{ref} {one['term']}")
    return score


def _keywords(items: dict[str, Item]) -> Measure:
    score = keywords(items)
    return Measure(f"first {TOP} keywords that the labels accept", score.precision, 0.9, score.right + score.wrong)


def datelines(items: dict[str, Item]) -> Score:
    score, known = Score(), labels("datelines")
    for ref in drawn("datelines"):
        label = {folded(row["place"]) for row in known[ref]}
        found = items[ref]["dateline"]
        if found is not None:
            right = folded(found) in label
            score.right += right
            score.wrong += not right
            if not right:
                score.errors.append(f"{ref} wrong {found}, label {label}")
        score.wanted += len(label)
        score.met += found is not None and folded(found) in label
        if label and found is None:
            score.errors.append(f"{ref} missed {label}")
    return score


def captions(items: dict[str, Item], raw: dict[str, Known]) -> Score:
    """Of each labelled image, the caption or that it has none. An image that stands twice is one item's image.

    Neutral: what a reader takes for the caption is a paragraph of the text, as in galleries: the article is what
    stands under the pictures.
    """
    score, known = Score(), labels("captions")
    for ref in drawn("captions"):
        shown = _images(raw[ref].body)
        for row in known[ref]:
            addresses = shown[int(row["number"])]
            found = [image for image in items[ref]["images"] if _same(image["original_url"], addresses)]
            if found and caption_hash(found[0]["caption"]) == row["caption"]:
                score.right += 1
            elif row["caption"] in {caption_hash(paragraph) for paragraph in items[ref]["text"].split("\n\n")}:
                score.neutral += 1
            else:
                score.wrong += 1
                score.errors.append(f"{ref} image {row['number']}")
    return score


def _captions(items: dict[str, Item], raw: dict[str, Known]) -> list[Measure]:
    score = captions(items, raw)
    every = score.right + score.wrong + score.neutral
    return [
        Measure("captions, or that there is none, but for galleries", score.precision, 0.98, every - score.neutral),
        Measure("the same with galleries", score.right / every, 0.86, every),
    ]


class _Images(HTMLParser):
    """The addresses that each `<img>` gives that shows something."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag != "img" or given.get("width") in {"0", "1"} or given.get("height") in {"0", "1"}:
            return
        addresses = [given.get("src", ""), given.get("data-src", "")]
        addresses += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]
        if addresses := [address for address in addresses if address and not address.startswith("data:")]:
            self.shown.append(addresses)


def _images(body: str) -> list[list[str]]:
    reader = _Images()
    reader.feed(body)
    return reader.shown


def _lead_images(items: dict[str, Item], raw: dict[str, Known]) -> Measure:
    shown, other = 0, []
    for ref, item in items.items():
        if not (images := _images(raw[ref].body)):
            continue
        shown += 1
        lead = item["images"][0] if item["images"] else None
        if lead is None or lead["role"] != "lead" or not _same(lead["original_url"], images[0]):
            other.append(ref)
    return Measure(
        "lead image where the source shows one", 1 - len(other) / shown, 0.995, shown, detail=f"{len(other)} are not"
    )


def _same(address: str, addresses: Iterable[str]) -> bool:
    bare = re.sub(r"^https?:", "", address)
    return any(bare.endswith(re.sub(r"^https?:", "", one.strip())) for one in addresses)


_ENDS = re.compile(r"(?:[。！？｡!?.…]|…)[」』”’）)】》〉\]\"']*$")
_OPENS = re.compile(r"[。！？｡!?.…：:\n」』”’）)】》〉\]\"']\s*$")


def _summaries(items: dict[str, Item]) -> list[Measure]:
    """Every summary is whole sentences of its text, without dateline and captions; long texts have one."""
    given = [(ref, item) for ref, item in items.items() if item["summary"]]
    bad = [ref for ref, item in given if not _is_whole(item)]
    long = [item for item in items.values() if len(item["text"]) >= 300]
    return [
        Measure(
            "summaries of whole sentences, no dateline, no caption",
            1 - len(bad) / len(given),
            1.0,
            len(given),
            detail=f"{len(bad)} are not",
        ),
        Measure(
            "items of 300 characters or more with a summary",
            sum(bool(i["summary"]) for i in long) / len(long),
            0.99,
            len(long),
        ),
    ]


def _is_whole(item: Item) -> bool:
    """An independent look at a summary: it is runs of the text, each of which begins and ends as sentences do."""
    summary, text = item["summary"], item["text"]
    if len(summary) > 280 or not _ENDS.search(summary):
        return False
    if (
        item["dateline"]
        and summary.startswith(item["dateline"])
        and not re.match(r"\w", summary[len(item["dateline"]) :])
    ):
        return False
    # a caption of a few words is a name, which sentences may hold
    captions_of = [solid(image["caption"]) for image in item["images"] if image["caption"]]
    if any(len(caption) >= LEAST_OF_A_CAPTION and caption in solid(summary) for caption in captions_of):
        return False
    rest = summary
    while rest:
        run = _longest_run(rest, text)
        if run is None:
            return False
        rest = rest[run:].lstrip(" ")
    return True


def _longest_run(rest: str, text: str) -> int | None:
    """How much of `rest` stands in the text as one piece that begins and ends as a sentence does."""
    marks = re.finditer(r"([。！？｡!?.…]+)[」』”’）)】》〉\]\"']*", rest)
    # a straight quote behind may open the next one
    ends = {end for match in marks for end in range(match.end(1), match.end() + 1)}
    for end in sorted(ends, reverse=True):
        place = text.find(rest[:end])
        while place >= 0:
            if place == 0 or _OPENS.search(text[max(0, place - 4) : place]) or _opens_behind_dateline(text, place):
                return end
            place = text.find(rest[:end], place + 1)
    return None


def _opens_behind_dateline(text: str, place: int) -> bool:
    return place < 120 and bool(re.search(r"[-–—─]\s*$|[讯訊電电]\s*$", text[:place]))


def errors(kind: str, corpus: Path) -> list[str]:
    """What a measure holds against the mill, for whoever mends it."""
    items = {one.ref: one.result for one in milled(corpus) if one.result.get("schema") == "feedmill.item.v1"}
    if kind == "captions":
        return captions(items, {one.ref: one for one in milled(corpus)}).errors
    found = {"names": names, "places": places, "keywords": keywords, "datelines": datelines}
    if kind == "summaries":
        return [ref for ref, item in items.items() if item["summary"] and not _is_whole(item)]
    return found[kind](items).errors
