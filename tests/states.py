"""State of a stage without an engine around it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

_versions = count()


class DictState(dict[bytes, bytes]):
    """State in a dict. Every batch is settled, none is ever taken back."""

    derived: object = None

    @property
    def version(self) -> int:
        return next(_versions)

    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value

    def delete(self, key: bytes) -> None:
        self.pop(key, None)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(key for key in self if key.startswith(prefix) and key >= start):
            yield key, self[key]
