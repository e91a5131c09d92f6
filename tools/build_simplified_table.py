"""Build agents/content/data/simplified.bin: Traditional characters as Simplified ones, character by character.

One little-endian uint16 a code point of the BMP, zlib-compressed; every other character stands for itself. The source
is OpenCC's table of single characters. Unlike fold.bin it keeps case, punctuation and length: a place in the
converted text is the same place in the text.
"""

from __future__ import annotations

import zlib
from array import array
from pathlib import Path

import opencc_pyo3

TARGET = Path(__file__).parent.parent / "agents/content/data/simplified.bin"


def main() -> None:
    to_simplified = opencc_pyo3.OpenCC("t2s")
    table = array("H", range(65536))
    for code in (*range(0x3400, 0xA000), *range(0xF900, 0xFB00)):
        simple = to_simplified.convert(chr(code), False)
        if len(simple) == 1 and ord(simple) < 65536:
            table[code] = ord(simple)
    TARGET.write_bytes(zlib.compress(table.tobytes(), 9))
    changed = sum(1 for code, value in enumerate(table) if code != value)
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {changed} characters")


if __name__ == "__main__":
    main()
