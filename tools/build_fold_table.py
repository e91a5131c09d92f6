"""Build agents/content/data/fold.bin: what each BMP character is for matching.

One little-endian uint16 a code point, zlib-compressed: NFKC, case folded, Traditional Chinese as Simplified
(OpenCC's single-character table); 0 for all that is neither letter nor digit. The table is part of what lineages
remember: a changed table needs another HASH_VERSION in agents/dedupe/fingerprint.py.
"""

from __future__ import annotations

import unicodedata
import zlib
from array import array
from pathlib import Path

import opencc_pyo3

TARGET = Path(__file__).parent.parent / "agents/content/data/fold.bin"


def main() -> None:
    to_simplified = opencc_pyo3.OpenCC("t2s")
    table = array("H", [0]) * 65536
    for code in range(65536):
        if 0xD800 <= code < 0xE000:
            continue
        table[code] = fold(chr(code), to_simplified)
    TARGET.write_bytes(zlib.compress(table.tobytes(), 9))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {sum(1 for value in table if value)} letters and digits")


def fold(char: str, to_simplified: opencc_pyo3.OpenCC) -> int:
    """The code that stands for one character; the first of several where it unfolds into more."""
    for folded in unicodedata.normalize("NFKC", char).casefold():
        if unicodedata.category(folded)[0] not in "LN":
            continue
        simple = to_simplified.convert(folded, False)[:1] if "一" <= folded <= "鿿" else folded
        return next(code for code in (ord(simple), ord(folded), ord(char)) if code < 65536)
    return 0


if __name__ == "__main__":
    main()
