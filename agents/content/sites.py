"""What holds for single sites and cannot be read off their documents; an operator's file goes before the tables here.

The file is TOML, a table a site (its registrable domain, or an ending such as `kz`):

    ["news.example"]
    zone = "+08:00"    # what its dates mean when they name no zone, and by CST
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta, timezone

import msgspec
from msgspec import Struct

from agents.content.dates import zone_of_site

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_DOMAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9-]{2,63}")
_LARGEST = timedelta(hours=14)


class SitesError(ValueError):
    """A file of sites that cannot be used; the message is a sentence."""


class Sites(Struct, frozen=True):
    """What an operator's file says; empty where there is none."""

    zones: Mapping[str, timezone] = {}

    def zone(self, site: str | None) -> timezone | None:
        """What a site means by a time without a zone; None where nobody knows."""
        return zone_of_site(site, self.zones)


class _Site(Struct, frozen=True, forbid_unknown_fields=True):
    zone: str | None = None


def read_sites(text: str) -> Sites:
    """Read the file. Raises SitesError, which names the site and what is wanted."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SitesError(f"it is no TOML: {error}") from None
    zones: dict[str, timezone] = {}
    for name, table in tables.items():
        if not _DOMAIN.fullmatch(name):
            raise SitesError(f'`["{name}"]` names no site: write a domain in small letters, such as ["news.example"]')
        try:
            site = msgspec.convert(table, _Site)
        except msgspec.ValidationError as error:
            raise SitesError(f'`["{name}"]`: {error}') from None
        if site.zone is not None:
            zones[name] = _zone(name, site.zone)
    return Sites(zones)


def _zone(name: str, text: str) -> timezone:
    match = _OFFSET.fullmatch(text)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3])) if match else _LARGEST * 2
    if match is None or offset > _LARGEST or int(match[3]) > 59:
        raise SitesError(f'`["{name}"]`: "{text}" is no zone: write an offset, such as "+08:00"')
    return timezone(-offset if match[1] == "-" else offset)
