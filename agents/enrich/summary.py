"""Summaries: the sentences of the text itself that say most, its lead before all.

Whole sentences or none: a reader is told nothing that the text does not say, and never half of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from agents.content.sentences import is_balanced, sentences
from schemas import Keyword

MAX_LENGTH = 280
"""Characters, as the contract has it."""
_READ = 2_400
"""Characters of the text that are looked at."""
_SENTENCES = 7
"""Looked at; what matters stands in the first of them."""
_SHORTEST = 12
"""Characters; what is shorter says nothing by itself. Of a language with spaces three times as many."""
_SHORTEST_LEAD = 24
_NAME = 24
"""Characters; a title or caption as short may stand in any sentence."""
_BRIEF = 60
"""Characters; a longer line is no by-line."""

# Captions that stand in the text, credits and by-lines: sentences for the eye, none of the article.
_NONE_BEGINS = re.compile(
    r"图为|圖為|[上下左右][图圖]|资料图|資料圖|图片|圖片|视频|視頻|影片|点击|點擊|相关|相關|延伸|更多|订阅|訂閱|欢迎|歡迎"
    r"|(?:Photo|Image|Picture|Caption|File photo|Read|Watch|Listen|Click|Sign up|Subscribe|Follow|Advertisement)\b"
    r"|©|\(c\)",
    re.IGNORECASE,
)
_NONE_ENDS = re.compile(
    r"(?:摄影|攝影|记者\S{2,4}[摄攝]|記者\S{2,4}[摄攝]|图片来源|圖片來源|图取自\S*|圖取自\S*|照片|提供|资料图|資料圖)[）)]*。?$"
)
_NAMED_ONLY = re.compile(r"[^。]{0,12}[：:][^。]{0,4}$")
_CREDIT = re.compile(
    r"[（(][^（）()]{0,40}(?:[摄攝]|照片|图|圖|提供|法新社|路透社?|美联社|美聯社|AFP|AP|Reuters|Getty[^（）()]*)[）)]\s*$"
)
_BY_LINE = re.compile(
    r"^(?:(?:AP|AFP|Associated Press|Reuters)\b.{0,60} contributed to this report\.?"
    r"|[（(]?(?:[记記]者|[编編][辑輯]|[责責][编編]|撰文|作者|文)[：:／/ ]|By [A-Z]"
    r"|.{0,30}(?:[报報][导導道]|[综綜]合[报報][导導道])[）)]?[。]?$)"
)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Who filed a report, in brackets before its first sentence: （德国之声中文网） （本报记者…报导）
_FILED = re.compile(r"(?:[（(【\[][^（）()【】\[\]]{2,40}[）)】\]]\s*){1,2}|[가-힣]{2,4} (?:기자|특파원) = ")


class _Sentence(Struct, frozen=True):
    text: str
    place: int


def summarize(
    text: str, begin: int, title: str, keywords: Sequence[Keyword] = (), captions: Iterable[str | None] = ()
) -> str:
    """At most MAX_LENGTH characters of whole sentences, in the order of the text; "" where none fits.

    `text` is without boilerplate; `begin` is where its dateline ends. A sentence that stands under a picture as well is
    left to the picture.
    """
    found = _candidates(text, begin, [solid for one in (title, *captions) if one and (solid := _solid(one))])
    if not found:
        return ""
    lead = next((one for one in found if len(one.text) >= _SHORTEST_LEAD), found[0])
    room = MAX_LENGTH - len(lead.text)
    others = [one for one in found if one.place > lead.place and len(one.text) < room]
    chosen = [lead, *_best(others, room, keywords)]
    chosen.sort(key=lambda one: one.place)
    return _joined([one.text for one in chosen])


def _best(found: list[_Sentence], room: int, keywords: Sequence[Keyword]) -> list[_Sentence]:
    """The sentences that say most, as many as there is room for; each needs a space as well."""
    if sum([len(one.text) + 1 for one in found]) <= room:
        return found
    terms = [(keyword.term, keyword.weight) for keyword in keywords]
    chosen = []
    for one in sorted(found, key=lambda one: -_gain(one, terms)):
        if len(one.text) < room:
            chosen.append(one)
            room -= len(one.text) + 1
    return chosen


def _candidates(text: str, begin: int, elsewhere: Sequence[str]) -> list[_Sentence]:
    found: list[_Sentence] = []
    seen: set[str] = set()
    place = begin
    for paragraph in text[begin:_READ].split("\n"):
        is_last = place + len(paragraph) >= _READ  # may be cut in a sentence, but never behind one's end
        place += len(paragraph) + 1
        line = paragraph.strip()
        if not line or (len(line) <= _BRIEF and _BY_LINE.match(line)) or (line[-1] in "）)" and _CREDIT.search(line)):
            continue
        for start, end in sentences(line):
            sentence = line[start:end]
            if start == 0 and (filed := _FILED.match(sentence)):
                sentence = sentence[filed.end() :]
            least = _SHORTEST if _WIDE.search(sentence) else 3 * _SHORTEST
            if not least <= len(sentence) <= MAX_LENGTH or sentence in seen or _is_none(sentence):
                continue
            solid = _solid(sentence)
            if True in [_repeats(solid, other) for other in elsewhere] or not is_balanced(sentence):
                continue
            if is_last and end == len(line):
                continue
            seen.add(sentence)
            found.append(_Sentence(sentence, len(found)))
            if len(found) == _SENTENCES:
                return found
    return found


def _repeats(sentence: str, other: str) -> bool:
    """Whether a sentence stands within the title or a caption, or holds it and little else."""
    return sentence in other or (other in sentence and (len(other) > _NAME or 2 * len(other) > len(sentence)))


def _is_none(sentence: str) -> bool:
    return bool(
        _NONE_BEGINS.match(sentence)
        or _NONE_ENDS.search(sentence, max(0, len(sentence) - 16))
        or (len(sentence) < 20 and _NAMED_ONLY.match(sentence))
    )


def _solid(text: str) -> str:
    return "".join(text.split())


def _gain(sentence: _Sentence, terms: Sequence[tuple[str, float]]) -> float:
    """How much a sentence says of what the item is about, the early ones before the later."""
    said = sum([weight for term, weight in terms if term in sentence.text])
    return (said + 0.2) / (1.0 + 0.25 * sentence.place)


def _joined(chosen: Sequence[str]) -> str:
    """Sentences in one line; Chinese ones need no space between them."""
    pieces = [chosen[0]]
    for sentence in chosen[1:]:
        if not _ends_wide(pieces[-1]):
            pieces.append(" ")
        pieces.append(sentence)
    return "".join(pieces)


def _ends_wide(sentence: str) -> bool:
    return sentence.rstrip("」』”’）】》〉])\"'")[-1:] in {"。", "！", "？", "｡", "…"}
