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

from msgspec import Struct

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
_UNITS = 16
_RENDERS = 1.0
_RENDERS_NOTHING = -1.3
_VOWEL_ALONE = -0.15
_NASAL_END = 0.3

# What a consonant of the name can be rendered by (initials of the characters; `-` none, `er` 尔), and what it costs
# to leave it out.
_CONSONANTS = {
    "b": ("b p w", 0.6), "p": ("p b", 0.6), "m": ("m", 0.6), "f": ("f h", 0.6), "ph": ("f p h", 0.6),
    "v": ("w f b", 0.6), "w": ("w h - y f", 0.2), "wh": ("w h", 0.5),
    "d": ("d t zh", 0.5), "t": ("t d", 0.4), "ti": ("t d j q", 0.5), "di": ("d j", 0.5), "th": ("s t x d f", 0.5), "n": ("n", 0.4), "l": ("l er n", 0.4),
    "r": ("l r er", 0.3), "rh": ("l r", 0.5), "g": ("g j h zh k q", 0.5), "gh": ("g h j k", 0.2), "k": ("k g h j q", 0.5),
    "kh": ("h k", 0.4), "ck": ("k g j q", 0.4), "c": ("k s x q c ch g z j", 0.5), "cz": ("q ch zh c", 0.5),
    "ch": ("ch q k x sh h j zh s", 0.5), "tch": ("q ch", 0.5), "tsch": ("q ch", 0.5), "q": ("k q g", 0.5),
    "x": ("k s x q h sh", 0.5), "s": ("s x sh z c r", 0.5), "sz": ("sh s x", 0.5), "sh": ("sh x s", 0.6),
    "sch": ("sh x s", 0.6), "sk": ("s", 0.6), "j": ("j zh y h x q r -", 0.5), "dj": ("j zh d", 0.6), "h": ("h x", 0.2),
    "z": ("z s c q j zh r x sh", 0.5), "zh": ("r j zh x", 0.6), "ts": ("c z s q j", 0.6), "tz": ("c z s q", 0.5),
    "y": ("y - j", 0.2), "gn": ("n", 0.5), "kn": ("n k", 0.5), "ll": ("l y er n", 0.4), "ng": ("g n", 0.1),
    "V": ("- y w er h", 0.7),
}  # fmt: skip
_UNITS = re.compile(  # V stands for the vowel that a name begins with
    r"tsch|ti|di|sch|tch|ch|sh|th|ph|rh|gh|kh|ck|cz|sz|zh|dj|ts|tz|wh|gn|ng(?![aeiou])|ll|y(?=[aeiou])|[bcdfghjklmnpqrstvwxz]"
)
_DOUBLED = re.compile(r"([bcdfghjkmnpqrstvwxz])\1")
_SPELLINGS = str.maketrans({
    "ø": "o", "ł": "l", "ß": "ss", "đ": "d", "æ": "e", "œ": "e", "ı": "i", "ð": "d", "þ": "th",
})  # fmt: skip
_INITIAL = re.compile(r"zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]|er$|")
_INITIALS = ("-", *"b p m f d t n l g k h j q x r z c s y w zh ch sh er".split())  # noqa: SIM905
_BIT = {initial: 1 << place for place, initial in enumerate(_INITIALS)}
_MASKS = {
    unit: (sum(_BIT[initial] for initial in initials.split()), cost) for unit, (initials, cost) in _CONSONANTS.items()
}
_VOWELS = _BIT["-"] | _BIT["y"] | _BIT["w"] | _BIT["er"]


class Sound(Struct, frozen=True):
    """A character: the initials it is read with as bits, and whether it ends in -n or -ng."""

    initials: int
    nasal: bool


def fit(han: str, token: str) -> list[float]:
    """For every length from 1: how well so many characters at the end of `han` render the whole of `token`.

    About 1 a character where they do; characters are in Simplified. Looks at the last `LONGEST` characters.
    """
    units = consonants(token)
    left_out = [0.0]
    for _, cost, _ in reversed(units):
        left_out.append(left_out[-1] + cost)
    total = len(units)
    # best[j]: the last j units are accounted for
    best = [-cost for cost in left_out]
    scores = []
    table = _sounds()
    for character in reversed(han[-LONGEST:]):
        sound = table.get(character, _UNKNOWN)
        vowel = sound.initials & _VOWELS
        idle = _VOWEL_ALONE if vowel else _RENDERS_NOTHING
        new = [score + idle for score in best]
        for done in range(total):
            mask, _, is_nasal = units[total - 1 - done]
            before = best[done]
            if mask & sound.initials:
                new[done + 1] = max(new[done + 1], before + _RENDERS)
            if is_nasal and sound.nasal:
                # its nasal end renders this unit, its initial the one before, if any
                if vowel:
                    new[done + 1] = max(new[done + 1], before + _NASAL_END + idle)
                if done + 2 <= total and units[total - 2 - done][0] & sound.initials:
                    new[done + 2] = max(new[done + 2], before + _RENDERS + _NASAL_END)
        for done in range(total):
            new[done + 1] = max(new[done + 1], new[done] - units[total - 1 - done][1])
        best = new
        scores.append(best[total])
    return scores


@lru_cache(maxsize=4096)
def consonants(token: str) -> tuple[tuple[int, float, bool], ...]:
    """What of a token is rendered, in order: the initials that can, the cost of leaving it out, whether it is nasal."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", token.lower().translate(_SPELLINGS))
        if "a" <= character <= "z"
    )
    plain = _DOUBLED.sub(r"\1", plain)
    units = [unit[0] for unit in _UNITS.finditer(plain)]
    if plain[:1] in "aeiou" or not units:
        units.insert(0, "V")
    return tuple((*_MASKS[unit], unit in "nm") for unit in units[:_MOST_UNITS])


_UNKNOWN = Sound(0, nasal=False)


@lru_cache(maxsize=1)
def _sounds() -> dict[str, Sound]:
    """Every character of the table with its sound; one with several readings has the initials of all."""
    sounds: dict[str, Sound] = {}
    text = files("agents.content").joinpath("data", "readings.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        syllable, _, characters = line.partition(" ")
        initial = "er" if syllable == "er" else (match[0] if (match := _INITIAL.match(syllable)) else "")
        nasal = syllable.endswith(("n", "ng"))
        for character in characters:
            known = sounds.get(character, _UNKNOWN)
            sounds[character] = Sound(known.initials | _BIT[initial or "-"], known.nasal or nasal)
    return sounds
