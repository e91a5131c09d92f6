"""What holds for single sites and cannot be read off their documents; an operator's file goes before the tables here.

The file is TOML, a table a site (its registrable domain, or an ending such as `kz`):

    ["news.example"]
    zone = "+08:00"    # what its dates mean when they name no zone, and by CST
    line = ["News Example on paper: *"]    # boilerplate, as in data/boilerplate.toml
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta, timezone
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.content.boilerplate import Around, Boilerplate, PatternError, pattern
from agents.content.dates import zone_of_site

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_DOMAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9-]{2,63}")
_LARGEST = timedelta(hours=14)
EVERYWHERE = "*"
"""Name of the table that is for every site."""


class SitesError(ValueError):
    """A file of sites that cannot be used; the message is a sentence."""


class _Site(Struct, frozen=True, forbid_unknown_fields=True):
    zone: str | None = None
    title: list[str] = []
    line: list[str] = []
    rest: list[str] = []
    own: list[str] = []


class Sites:
    """What an operator's file says, and behind it the tables of the mill itself."""

    def __init__(self, zones: Mapping[str, timezone] | None = None, around: Mapping[str, Around] | None = None) -> None:
        self._zones = dict(zones or {})
        known = dict(_known_boilerplate())
        for name, patterns in (around or {}).items():
            known[name] = known.get(name, Around()).joined(patterns)
        everywhere = known.pop(EVERYWHERE, Around())
        self._everywhere = Boilerplate(everywhere)
        self._boilerplate = {name: Boilerplate(patterns.joined(everywhere)) for name, patterns in known.items()}

    def zone(self, site: str | None) -> timezone | None:
        """What a site means by a time without a zone; None where nobody knows."""
        return zone_of_site(site, self._zones)

    def boilerplate(self, site: str | None) -> Boilerplate:
        """What stands around every article of a site."""
        return self._boilerplate.get(site or "", self._everywhere)


def read_sites(text: str) -> Sites:
    """Read the file. Raises SitesError, which names the site and what is wanted."""
    tables = _tables(text)
    zones = {name: _zone(name, site.zone) for name, site in tables.items() if site.zone is not None}
    return Sites(zones, {name: _around(site) for name, site in tables.items()})


def _tables(text: str) -> dict[str, _Site]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SitesError(f"it is no TOML: {error}") from None
    sites = {}
    for name, table in tables.items():
        if name != EVERYWHERE and not _DOMAIN.fullmatch(name):
            raise SitesError(f'`["{name}"]` names no site: write a domain in small letters, such as ["news.example"]')
        try:
            sites[name] = msgspec.convert(table, _Site)
            for written in (*sites[name].title, *sites[name].line, *sites[name].rest):
                pattern(written)
        except (msgspec.ValidationError, PatternError) as error:
            raise SitesError(f'`["{name}"]`: {error}') from None
        if name == EVERYWHERE and sites[name].zone is not None:
            raise SitesError('`["*"]`: there is no zone for every site')
    return sites


def _around(site: _Site) -> Around:
    return Around(site.title, site.line, site.rest, site.own)


@cache
def _known_boilerplate() -> Mapping[str, Around]:
    text = (Path(__file__).parent / "data" / "boilerplate.toml").read_text("utf-8")
    return {name: _around(site) for name, site in _tables(text).items()}


def _zone(name: str, text: str) -> timezone:
    match = _OFFSET.fullmatch(text)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3])) if match else _LARGEST * 2
    if match is None or offset > _LARGEST or int(match[3]) > 59:
        raise SitesError(f'`["{name}"]`: "{text}" is no zone: write an offset, such as "+08:00"')
    return timezone(-offset if match[1] == "-" else offset)
