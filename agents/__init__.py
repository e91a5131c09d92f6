"""feedmill: raw feed documents in, clean, deduplicated, enriched items out."""

__version__ = "0.1.0"
