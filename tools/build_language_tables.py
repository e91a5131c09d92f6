"""Build agents/content/data/han.txt: which Han characters tell Simplified, Traditional and Japanese writing apart.

    .venv/bin/python tools/build_language_tables.py

Needs opencc-pyo3 (a development dependency). Simplified or Traditional is what OpenCC converts one way and not the
other. Of these, characters that Japanese uses as well (level 1 of JIS X 0208, and not replaced by OpenCC's
Japanese forms) stand in a list of their own: 会 is no proof of Chinese, nor is 東. Japanese alone is what stands in
level 1 of JIS X 0208 but neither in GB 2312 nor in level 1 of Big5.
"""

from __future__ import annotations

from pathlib import Path

from opencc_pyo3 import OpenCC

TARGET = Path(__file__).parent.parent / "agents" / "content" / "data" / "han.txt"
HAN = [chr(code) for first, last in ((0x3400, 0x4DBF), (0x4E00, 0x9FFF)) for code in range(first, last + 1)]


def encoded(character: str, codec: str) -> int:
    """The code of a character in a two-byte encoding; 0 where it has none."""
    try:
        return int.from_bytes(character.encode(codec), "big")
    except UnicodeEncodeError:
        return 0


def in_jis_level_1(character: str) -> bool:
    return 0xB0A1 <= encoded(character, "euc_jp") <= 0xCFD3


def in_gb2312(character: str) -> bool:
    return bool(encoded(character, "gb2312"))


def in_big5_level_1(character: str) -> bool:
    return 0xA440 <= encoded(character, "big5") <= 0xC67E


def conversion(config: str) -> dict[str, str]:
    converter = OpenCC(config)
    return {character: converter.convert(character) for character in HAN}


def main() -> None:
    to_simplified, to_traditional, to_japanese = conversion("t2s"), conversion("s2t"), conversion("t2jp")
    lists: dict[str, list[str]] = {
        name: [] for name in ("simplified", "simplified-japanese", "traditional", "traditional-japanese", "japanese")
    }
    for character in HAN:
        is_traditional = to_simplified[character] != character and to_traditional[character] == character
        is_simplified = to_traditional[character] != character and to_simplified[character] == character
        if is_traditional and not in_gb2312(character):  # 乾 and 著 are written in both
            shared = in_jis_level_1(character) and to_japanese[character] == character
            lists["traditional-japanese" if shared else "traditional"].append(character)
        elif is_simplified and not in_big5_level_1(character):  # as are 里, 后, 台
            shared = in_jis_level_1(character)
            lists["simplified-japanese" if shared else "simplified"].append(character)
        elif in_jis_level_1(character) and not in_gb2312(character) and not in_big5_level_1(character):
            lists["japanese"].append(character)
    lines = ["# Built by tools/build_language_tables.py from OpenCC's tables; see ATTRIBUTION.md."]
    lines += [f"{name} {''.join(characters)}" for name, characters in lists.items()]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, characters in lists.items():
        print(name, len(characters))


if __name__ == "__main__":
    main()
