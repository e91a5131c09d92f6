from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from agents.content.sites import Sites, SitesError, read_sites

FILE = """
["news.example"]
zone = "+08:00"

["kz"]
zone = "-0530"

["quiet.example"]
"""


@pytest.mark.parametrize(
    ("site", "hours"),
    [
        pytest.param("news.example", 8.0, id="named in the file"),
        pytest.param("paper.kz", -5.5, id="an ending"),
        pytest.param("solidot.org", 8.0, id="known to the mill"),
        pytest.param("quiet.example", None, id="named without a zone"),
        pytest.param("other.example", None, id="unknown"),
        pytest.param(None, None, id="no site"),
    ],
)
def test_zone(site: str | None, hours: float | None) -> None:
    expected = None if hours is None else timezone(timedelta(hours=hours))
    assert read_sites(FILE).zone(site) == expected


def test_the_file_goes_before_the_tables() -> None:
    assert read_sites('["solidot.org"]\nzone = "+00:00"').zone("solidot.org") == timezone(timedelta())
    assert Sites().zone("solidot.org") == timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("[news", "no TOML", id="no toml"),
        pytest.param('["News Example"]\nzone = "+08:00"', "names no site", id="no domain"),
        pytest.param('["news.example"]\nzone = "Beijing"', '"Beijing" is no zone', id="a name"),
        pytest.param('["news.example"]\nzone = "+15:00"', "is no zone", id="nowhere on earth"),
        pytest.param('["news.example"]\nzone = 8', "zone", id="a number"),
        pytest.param('["news.example"]\nzones = "+08:00"', "zones", id="a slip of the pen"),
        pytest.param('zone = "+08:00"', "zone", id="of no site"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, told: str) -> None:
    with pytest.raises(SitesError, match=told):
        read_sites(text)
