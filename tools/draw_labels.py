"""Draw the items that readers label by hand: tests/corpus/labels/draw.tsv, the same whenever it runs.

python tools/draw_labels.py PATH_OF_THE_CORPUS
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

TARGET = Path(__file__).parents[1] / "tests" / "corpus" / "labels" / "draw.tsv"
SECOND = 60
_LINK = re.compile(r"\]\((https?://\S*)\)\n------")
_GLOSS = re.compile(r"[\u3400-\u9fff\u30a0-\u30ff][（(]\s*[A-Z][A-Za-z]")
_TAG = re.compile(r"<[^>]+>")
_DATELINES = {
    "cna.com.tw": 60, "voachinese.com": 45, "epochtimes.com": 45, "reuters.com": 45, "rfi.fr": 20, "zaobao.com": 20,
    "dw.com": 15, "economist.com": 15, "bbc.com": 10, "rfa.org": 10, "nytimes.com": 5, "bitterwinter.org": 5,
    "chinadigitaltimes.net": 5,
}  # fmt: skip

Document = dict[str, str]


def main(corpus: Path) -> None:
    with gzip.open(corpus / "waimei-sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    first: dict[str, Document] = {}  # one document a link: revisions are no further items
    for document in documents:
        first.setdefault(_link(document), document)
    random.seed(20201014)
    pool = sorted(first.values(), key=lambda document: document["ref"])
    random.shuffle(pool)
    drawn = {
        "names": [d for d in pool if _GLOSS.search(_TAG.sub("", d["body"]))][:200],
        "places": pool[300:450],
        "keywords": _of(pool, lambda site: site != "economist.com")[600:680] + _of(pool, _is("economist.com"))[:20],
        "datelines": [d for site, wanted in _DATELINES.items() for d in _of(pool, _is(site))[-wanted:]],
        "captions": [d for d in pool if "<img" in d["body"]][-200:],
    }
    rows = ["kind\tref\tsecond"]
    for kind, items in drawn.items():
        random.shuffle(items)
        rows += [f"{kind}\t{d['ref']}\t{'second' if place < SECOND else '-'}" for place, d in enumerate(items)]
    TARGET.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _link(document: Document) -> str:
    return match[1] if (match := _LINK.search(document["body"])) else document["ref"]


def _site(document: Document) -> str:
    return urlsplit(_link(document)).hostname or ""


def _is(site: str) -> Callable[[str], bool]:
    return lambda host: host.endswith(site)


def _of(pool: list[Document], wanted: Callable[[str], bool]) -> list[Document]:
    return [document for document in pool if wanted(_site(document))]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
