"""Entries to news: identity, revisions, duplicates."""
