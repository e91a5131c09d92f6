"""Mutated documents through the whole pipeline: none may crash it, hang it or fill the memory.

Each number is a seed: it chooses a real document, or two, and what happens to its bytes. `FEEDMILL_MUTATIONS` says how
many (100,000 take some minutes with two processes); the same numbers give the same documents on the same corpus.
"""

from __future__ import annotations

import faulthandler
import gzip
import json
import os
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.samples import records as sample_records
from agents.sources.records import RawRecord, raw_document
from bench.process import corpus
from bench.report import Table

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CHUNK = 500
SLOW_SECONDS = 2.0
STUCK_SECONDS = 60
MANY = 100_000

TOKENS = (
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"&",
    b"&amp;amp;",
    b"&#0;",
    b"&#xD800;",
    b"&nbsp;",
    b"<",
    b">",
    b"</",
    b"/>",
    b"\x00",
    b"\x1b[2J",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc2\x92",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"\x0b",
    b"\r",
    b"\r\n",
    b"<?xml version='1.1' encoding='gb2312'?>",
    b"<?xml encoding='utf-16'?>",
    b"<!DOCTYPE rss [<!ENTITY a '&b;'>]>",
    b"<item>",
    b"</item>",
    b"<entry>",
    b"<title>",
    b"</title>",
    b"<link>",
    b"<guid>",
    b"<p hidden>",
    b"<table><tr>",
    b"<svg><script>",
    b"<noscript>",
    b"<plaintext>",
    b"<base href='//'>",
    b"javascript:alert(1)",
    b"data:text/html,x",
    b"<!--NaN-->\n",
    b"<!--1708119543000-->\n",
    b"](",
    b"[",
    b")\n------\n",
    b"---\ntitle: x\n---\n",
    b'{"items":[',
    b"}]",
    b"\\ud83d",
    b"1e999",
    b"null",
    b"\xe3\x80\x80",
    b"9" * 400,
    b"a" * 5000,
    b"<div>" * 300,
    b'="' * 50,
)
COMMON = (b"<item", b"</", b">", b'"', b"http", b"\n", b"encoding", b"version", b"xmlns", b"title", b"link")
CODECS = ("utf-16", "utf-16-le", "gb18030", "big5", "shift_jis", "latin-1", "utf-7", "cp1252", "utf-32")


class Tried(Struct):
    """What became of some mutated documents."""

    documents: int = 0
    results: Counter[str] = msgspec.field(default_factory=Counter)
    crashed: list[str] = []
    slow: list[str] = []
    slowest: float = 0.0
    peak_mib: float = 0.0


def main() -> Iterator[Table]:
    folder = corpus()
    if folder is None:
        print("\nThere is no corpus (FEEDMILL_CORPUS): no mutated documents.")
        return
    many = int(os.environ.get("FEEDMILL_MUTATIONS", MANY))
    total = Tried(crashed=[], slow=[])
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for tried in pool.map(attempt, [folder] * -(-many // CHUNK), range(0, many, CHUNK)):
            total.documents += tried.documents
            total.results += tried.results
            total.crashed += tried.crashed
            total.slow += tried.slow
            total.slowest = max(total.slowest, tried.slowest)
            total.peak_mib = max(total.peak_mib, tried.peak_mib)
    outcomes = ", ".join(f"{label} {count:,}" for label, count in total.results.most_common())
    yield Table(
        "Mutated documents",
        ("documents", "crashes", f"over {SLOW_SECONDS:g} s", "slowest, s", "RSS MiB of a process, most"),
        [(f"{total.documents:,}", len(total.crashed), len(total.slow), total.slowest, total.peak_mib)],
        f"{outcomes}. {' '.join([*total.crashed[:5], *total.slow[:5]])}".rstrip(),
    )


def attempt(folder: Path, first: int, count: int = CHUNK) -> Tried:
    """The documents of some seeds, one after the other through one mill."""
    bodies = real_bodies(folder)
    pipeline, state, tried = Pipeline(), RunState(), Tried(crashed=[], slow=[])
    for seed in range(first, first + count):
        body = mutated(bodies, seed)
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
        begun = time.process_time()
        try:
            tried.results.update(_outcomes(pipeline, state, body, seed))
        except Exception as error:
            tried.crashed.append(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}")
        took = time.process_time() - begun
        tried.documents += 1
        tried.slowest = max(tried.slowest, took)
        if took > SLOW_SECONDS:
            tried.slow.append(f"seed {seed}: {took:.1f} s, {len(body):,} bytes")
    faulthandler.cancel_dump_traceback_later()
    tried.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return tried


def _outcomes(pipeline: Pipeline, state: RunState, body: bytes, seed: int) -> list[str]:
    """What the results are; raises where an entry of the document has no result, or two."""
    results = pipeline.process(raw_document(RawRecord(body=body), seed, NOW), state, NOW)
    indexes: Counter[int | None] = Counter()
    count = None
    for result in results:
        if result.value is None:
            continue
        source = msgspec.json.decode(result.value)["source"]
        indexes[source["index"]] += 1
        count = source["count"]
    if indexes != Counter(range(count) if count else [None]):
        raise AssertionError(f"of {count} entries, results are of {dict(indexes)}")
    return [result.label if result.role == "dead-letter" else result.role.value for result in results]


@lru_cache(maxsize=1)
def real_bodies(folder: Path) -> list[bytes]:
    """Feeds, a part of the sample, and the project's own documents."""
    bodies = [path.read_bytes() for path in sorted((folder / "feeds").iterdir())]
    bodies += [record.body for record in sample_records()]
    with gzip.open(folder / "waimei-sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        bodies += [json.loads(line)["body"].encode() for number, line in enumerate(lines) if number % 16 == 0]
    return [body for body in bodies if body]


def mutated(bodies: Sequence[bytes], seed: int) -> bytes:
    """One document and what happens to it, one to twelve times."""
    chance = random.Random(seed)
    body = chance.choice(bodies)
    if len(body) > 60_000 and chance.random() < 0.9:  # the few long ones would be most of the time
        start = chance.randrange(len(body) - 50_000)
        body = body[:5_000] + body[start : start + 45_000]
    for _ in range(chance.choice((1, 1, 2, 3, 5, 12))):
        body = chance.choice(MUTATIONS)(body, chance, bodies)
        if not body:
            return chance.choice(TOKENS)
    return body


def _place(body: bytes, chance: random.Random) -> int:
    return chance.randrange(len(body) + 1)


def _span(body: bytes, chance: random.Random) -> tuple[int, int]:
    start = _place(body, chance)
    return start, min(len(body), start + chance.choice((1, 3, 10, 100, 1000)))


def _flip(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(body)
    for _number in range(chance.choice((1, 4, 40))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(body, chance)
    return body[:start] + body[end:]


def _end(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return body[: _place(body, chance)]


def _behead(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return body[_place(body, chance) :]


def _repeat(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(body, chance)
    times = chance.choice((1, 2, 10, 300))
    return body[:end] + body[start:end] * times + body[end:]


def _insert(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    for _number in range(chance.choice((1, 1, 5, 50))):
        at = _place(body, chance)
        body = body[:at] + chance.choice(TOKENS) + body[at:]
    return body


def _flood(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(body, chance)
    return body[:at] + chance.choice(TOKENS)[:40] * chance.choice((1_000, 10_000)) + body[at:]


def _replace(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    wanted = chance.choice(
        (b"<item", b"</", b">", b'"', b"http", b"\n", b"encoding", b"version", b"xmlns", b"title", b"link")
    )
    return body.replace(wanted, chance.choice(TOKENS), chance.choice((1, 3, -1)))


def _splice(body: bytes, chance: random.Random, bodies: Sequence[bytes]) -> bytes:
    other = chance.choice(bodies)
    start, end = _span(other, chance)
    at = _place(body, chance)
    return body[:at] + (other[start:end] if chance.random() < 0.7 else other[:50_000]) + body[at:]


def _recode(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return body.decode("utf-8", "replace").encode(chance.choice(CODECS), "replace")


def _swap(body: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    (a, b), (c, d) = sorted((_span(body, chance), _span(body, chance)))
    if b > c:
        return body
    return body[:a] + body[c:d] + body[b:c] + body[a:b] + body[d:]


MUTATIONS: tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...] = (
    _flip,
    _cut,
    _end,
    _behead,
    _repeat,
    _insert,
    _insert,
    _flood,
    _replace,
    _splice,
    _recode,
    _swap,
)
