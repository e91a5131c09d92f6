"""Build agents/content/data/readings.txt: how Han characters are read, the characters of GB 2312 by syllable.

pypinyin is no dependency of the mill: uv run --with pypinyin==0.55.0 python tools/build_readings_table.py
"""

from __future__ import annotations

from collections import defaultdict
from importlib import import_module
from pathlib import Path

TARGET = Path(__file__).parent.parent / "agents/content/data/readings.txt"
RARER = "堃喆祎镕钰瑨珺芃昇犇赟淼煊暐瀚彧弢旸晞祐禛姵孋芗仝尧曦鋆堯妍姸婕玥琯翀赜祺祁镁锡钚奡甯槙"
"""Characters of names that GB 2312 lacks."""

# readings that transliterations and family names use, beside the commonest one
FURTHER = {
    "什": "shi", "贾": "jia gu", "茜": "xi qian", "柏": "bo bai", "佛": "fo fu", "扎": "zha za", "奇": "qi ji",
    "乐": "le yue", "朴": "piao pu", "盖": "gai ge", "区": "qu ou", "单": "dan shan", "曾": "zeng ceng",
    "尉": "wei yu", "车": "che ju", "叶": "ye xie", "解": "jie xie", "查": "cha zha", "翟": "di zhai",
    "仇": "chou qiu", "任": "ren", "沈": "shen chen", "召": "zhao shao", "宿": "su xiu", "洗": "xi xian",
    "长": "chang zhang", "行": "xing hang", "重": "zhong chong", "嘎": "ga", "夏": "xia sha", "吉": "ji gi",
    "杰": "jie ge", "金": "jin kin", "洁": "jie", "席": "xi si", "史": "shi si", "斯": "si", "薛": "xue xie",
}  # fmt: skip


def main() -> None:
    pinyin = import_module("pypinyin")
    characters = {
        bytes((high, low)).decode("gb2312", "ignore") for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)
    }
    read: dict[str, set[str]] = defaultdict(set)
    for character in sorted(filter(None, {*characters, *RARER})):
        given = FURTHER.get(character)
        for syllable in given.split() if given else pinyin.lazy_pinyin(character):
            read[syllable.replace("ü", "v")].add(character)
    lines = [f"{syllable} {''.join(sorted(read[syllable]))}" for syllable in sorted(read) if syllable.isascii()]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
