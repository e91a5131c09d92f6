"""How well Han characters sound like a name in Latin letters: where 特朗普 begins that renders Trump.

A transliteration renders every consonant of the name by the initial of a character, an `n` or `m` also by the nasal end
of one, and leaves out what is hardly heard. Read from the right, where the name ends for sure, the count rises with
every character that renders something and falls with the first one that does not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib.resources import files

LONGEST = 12
"""Han characters that one part of a name (between two dots) can have."""

_MOST_UNITS = 16
_RENDERS = 1.0
_RENDERS_NOTHING = -1.3
_VOWEL_ALONE = -0.15
_NASAL_END = 0.3

# What a consonant of the name can be rendered by (initials of the characters; `-` none, `er` 尔), and what it costs
# to leave it out.
_CONSONANTS = {
    "b": ("b p w", 0.6), "p": ("p b", 0.6), "m": ("m", 0.6), "f": ("f h", 0.6), "ph": ("f p h", 0.6),
    "v": ("w f b", 0.6), "w": ("w h - y f", 0.2), "wh": ("w h", 0.5),
    "d": ("d t zh", 0.5), "di": ("d j", 0.5), "t": ("t d", 0.4), "ti": ("t d j q", 0.5), "th": ("s t x d f", 0.5),
    "n": ("n", 0.4), "gn": ("n", 0.4), "kn": ("n k", 0.5), "ng": ("g n", 0.1),
    "l": ("l er n", 0.4), "ll": ("l y er n", 0.4), "r": ("l r er", 0.3), "rh": ("l r", 0.5),
    "g": ("g j h zh k q", 0.5), "gh": ("g h j k", 0.2), "k": ("k g h j q", 0.5), "kh": ("h k", 0.4),
    "ck": ("k g j q", 0.4), "c": ("k s x q c ch g z j", 0.5), "cz": ("q ch zh c", 0.5),
    "ch": ("ch q k x sh h j zh s", 0.5), "tch": ("q ch", 0.5), "tsch": ("q ch", 0.5), "q": ("k q g", 0.5),
    "x": ("k s x q h sh", 0.5), "s": ("s x sh z c r", 0.5), "sz": ("sh s x", 0.5), "sh": ("sh x s", 0.6),
    "sch": ("sh x s", 0.6), "j": ("j zh y h x q r -", 0.5), "dj": ("j zh d", 0.6), "h": ("h x", 0.2),
    "z": ("z s c q j zh r x sh", 0.5), "zh": ("r j zh x", 0.6), "ts": ("c z s q j", 0.6), "tz": ("c z s q", 0.5),
    "y": ("y - j", 0.2), "V": ("- y w er h", 0.7),
}  # fmt: skip
# V stands for the vowel that a name begins with.
_UNITS = re.compile(
    r"tsch|sch|tch|ti|di|ch|sh|th|ph|rh|gh|kh|ck|cz|sz|zh|dj|ts|tz|wh|gn|ng(?![aeiou])|ll|y(?=[aeiou])"
    r"|[bcdfghjklmnpqrstvwxz]"
)
_DOUBLED = re.compile(r"([bcdfghjkmnpqrstvwxz])\1")
_SPELLINGS = str.maketrans({
    "ø": "o", "ł": "l", "ß": "ss", "đ": "d", "æ": "e", "œ": "e", "ı": "i", "ð": "d", "þ": "th",
})  # fmt: skip
_INITIAL = re.compile(r"zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]|er$|")
_INITIALS = ("-", *"b p m f d t n l g k h j q x r z c s y w zh ch sh er".split())  # noqa: SIM905
_BIT = {initial: 1 << place for place, initial in enumerate(_INITIALS)}
_NASAL = 1 << len(_INITIALS)
_VOWELS = _BIT["-"] | _BIT["y"] | _BIT["w"] | _BIT["er"]
_MASKS = {
    unit: (sum(_BIT[initial] for initial in initials.split()), cost) for unit, (initials, cost) in _CONSONANTS.items()
}
_HOPELESS = 2.5
"""A count so far below the best before has left the name behind."""

_ENOUGH = 0.6
"""What a character of a rendering renders on average."""

Unit = tuple[int, float, bool]
"""A consonant: the initials that render it as bits, the cost of leaving it out, whether a nasal end renders it too."""


def fit(han: str, token: str) -> list[float]:
    """For every length from 1: how well so many characters at the end of `han` render the whole of `token`.

    About 1 a character where they do; characters are in Simplified. Looks at the last `LONGEST` characters, and no
    further than where they surely render something else.
    """
    units = _units(token)
    total = len(units)
    best = [0.0]  # best[j]: the last j units are accounted for
    for _, cost, _ in units:
        best.append(best[-1] - cost)
    scores: list[float] = []
    table = _sounds()
    most = -_HOPELESS
    for character in reversed(han[-LONGEST:]):
        sound = table.get(character, 0)
        vowel = sound & _VOWELS
        nasal = sound & _NASAL
        idle = _VOWEL_ALONE if vowel else _RENDERS_NOTHING
        new = [score + idle for score in best]
        for done, (mask, _, is_nasal) in enumerate(units):
            if mask & sound and (score := best[done] + _RENDERS) > new[done + 1]:
                new[done + 1] = score
            if nasal and is_nasal:
                # its nasal end renders this unit, its initial the one before, if any
                if vowel and (score := best[done] + _NASAL_END + idle) > new[done + 1]:
                    new[done + 1] = score
                if (
                    done + 1 < total
                    and units[done + 1][0] & sound
                    and (score := best[done] + _RENDERS + _NASAL_END) > new[done + 2]
                ):
                    new[done + 2] = score
        for done, (_, cost, _) in enumerate(units):
            if (score := new[done] - cost) > new[done + 1]:
                new[done + 1] = score
        best = new
        score = best[total]
        scores.append(score)
        if score > most:
            most = score
        elif score < most - _HOPELESS:
            break
    return scores


def renders(han: str, token: str) -> bool:
    """Whether the end of `han` is a rendering of `token`, as far as sound can tell."""
    return any(score >= _ENOUGH * length for length, score in enumerate(fit(han, token), 1))


def is_rendering(han: str, token: str) -> bool:
    """Whether all of `han` is a rendering of `token`, as far as sound can tell."""
    scores = fit(han, token)
    return len(scores) == len(han) and scores[-1] >= _ENOUGH * len(han)


@lru_cache(maxsize=4096)
def _units(token: str) -> tuple[Unit, ...]:
    """What of a token is rendered, the last first."""
    plain = unicodedata.normalize("NFKD", token.lower().translate(_SPELLINGS))
    plain = "".join(letter for letter in plain if "a" <= letter <= "z")
    units = [unit[0] for unit in _UNITS.finditer(_DOUBLED.sub(r"\1", plain))][:_MOST_UNITS]
    if plain[:1] in "aeiou" or not units:
        units.insert(0, "V")
    return tuple((*_MASKS[unit], unit in "nm") for unit in reversed(units))


@lru_cache(maxsize=1)
def _sounds() -> dict[str, int]:
    """For every character the initials of all its readings as bits, and `_NASAL` if one ends in -n or -ng."""
    sounds: dict[str, int] = {}
    text = files("agents.content").joinpath("data", "readings.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        syllable, _, characters = line.partition(" ")
        initial = "er" if syllable == "er" else (match[0] if (match := _INITIAL.match(syllable)) else "")
        bits = _BIT[initial or "-"] | (_NASAL if syllable.endswith(("n", "ng")) else 0)
        for character in characters:
            sounds[character] = sounds.get(character, 0) | bits
    return sounds
