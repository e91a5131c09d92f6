"""Why parse cannot read a document, or one entry of it."""

from __future__ import annotations

from schemas import DeadLetterCode, Format

MAX_ENTRIES = 10_000  # in a document
MAX_DEPTH = 200  # elements inside each other, those of bodies not counted; feeds reach 10


class Rejection(Exception):  # noqa: N818 - a result, not a fault
    """A typed refusal: `code` of the closed list, and a sentence for people.

    `format` is the form that the document was taken for, as far as that was known.
    """

    def __init__(self, code: DeadLetterCode, message: str, format: Format = Format.UNKNOWN) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.format = format


def too_many_entries(format: Format) -> Rejection:
    return Rejection(DeadLetterCode.TOO_MANY_ENTRIES, f"The document has more than {MAX_ENTRIES:,} entries.", format)


def too_deep(format: Format) -> Rejection:
    return Rejection(DeadLetterCode.TOO_DEEP, f"The document nests more than {MAX_DEPTH} deep.", format)
