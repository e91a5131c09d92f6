"""Publication dates as feeds and news pages really write them. `reading.py` says in which order forms are tried."""

from agents.content.dates.moment import ReadDate
from agents.content.dates.reading import parse_date, parse_epoch_ms, parse_unix
from agents.content.dates.zones import zone_of_language, zone_of_site

__all__ = ["ReadDate", "parse_date", "parse_epoch_ms", "parse_unix", "zone_of_language", "zone_of_site"]
