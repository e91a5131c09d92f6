from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.parse.decode import decode
from agents.parse.rejection import Rejection
from schemas import DeadLetterCode

CHINESE = "<rss><channel><title>港口新闻：朱镕基谈深圳堃宇公司的码头</title></channel></rss>"
TRADITIONAL = "<rss><channel><title>港口新聞：渡輪公司宣布增開夜班，乘客表示歡迎</title></channel></rss>"
JAPANESE = "<rss><channel><title>髙橋さん①号のフェリー、横浜港に到着しました。㈱港湾新聞</title></channel></rss>"
JIS = JAPANESE.replace("髙", "高").replace("①", "1").replace("㈱", "")
KOREAN = "<rss><channel><title>항구 소식: 새 여객선이 부산에 도착했다. 똠방각하</title></channel></rss>"
RUSSIAN = "<rss><channel><title>Новости порта: паром прибыл в гавань вовремя</title></channel></rss>"
FRENCH = "<rss><channel><title>L’été à l’île d’Yeu – déjà 20 € le trajet</title></channel></rss>"


def declared(text: str, encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{text}'


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        pytest.param(CHINESE.encode(), None, CHINESE, id="utf-8"),
        pytest.param(
            "<rss>\x93Don\x92t\x94 5 \x80 \x81</rss>".encode(),
            None,
            "<rss>“Don’t” 5 € \x81</rss>",
            id="utf-8 made of windows-1252 that was taken for latin-1",
        ),
        pytest.param(
            "<rss>\x93Don\x92t\x94</rss>".encode("utf-16"), None, "<rss>“Don’t”</rss>", id="the same in utf-16"
        ),
        pytest.param(
            "<rss>笑".encode() + b"\xed\xa0\xbd\xed\xb8\x80</rss>",
            None,
            "<rss>笑😀</rss>",
            id="cesu-8, short",
        ),
        pytest.param(codecs.BOM_UTF8 + CHINESE.encode(), None, CHINESE, id="utf-8 with bom"),
        pytest.param(
            declared(CHINESE, "gb2312").encode(),
            "text/xml; charset=gbk",
            declared(CHINESE, "gb2312"),
            id="utf-8 beats a wrong declaration",
        ),
        pytest.param(codecs.BOM_UTF16_LE, None, "", id="nothing but a bom"),
        pytest.param(CHINESE.encode("utf-16"), None, CHINESE, id="utf-16 with bom"),
        pytest.param(CHINESE.encode("utf-16-le"), None, CHINESE, id="utf-16-le without bom"),
        pytest.param(CHINESE.encode("utf-16-be"), None, CHINESE, id="utf-16-be without bom"),
        pytest.param(CHINESE.encode("utf-32-be"), None, CHINESE, id="utf-32-be without bom"),
        pytest.param(declared("<rss/>", "cp500").encode("cp500"), None, declared("<rss/>", "cp500"), id="ebcdic"),
        pytest.param(
            declared(CHINESE, "gb2312").encode("gb18030"),
            None,
            declared(CHINESE, "gb2312"),
            id="gb2312 means gb18030: 镕 is not in gb2312",
        ),
        pytest.param(CHINESE.encode("gb18030"), "text/xml; charset=GBK", CHINESE, id="content type"),
        pytest.param(
            declared(CHINESE, "gbk").encode("gb18030"),
            "text/xml; charset=iso-8859-1",
            declared(CHINESE, "gbk"),
            id="a server's default does not beat the document's multi-byte codec",
        ),
        pytest.param(
            declared(TRADITIONAL, "big5").encode("big5"),
            None,
            declared(TRADITIONAL, "big5"),
            id="big5",
        ),
        pytest.param(
            declared(JAPANESE, "Shift_JIS").encode("cp932"),
            None,
            declared(JAPANESE, "Shift_JIS"),
            id="shift_jis means cp932: ① is not in shift_jis",
        ),
        pytest.param(
            declared(JIS, "iso-2022-jp").encode("iso2022_jp"),
            None,
            declared(JIS, "iso-2022-jp"),
            id="iso-2022-jp is valid utf-8 and yet is not",
        ),
        pytest.param(
            declared(KOREAN, "euc-kr").encode("cp949"),
            None,
            declared(KOREAN, "euc-kr"),
            id="euc-kr means cp949",
        ),
        pytest.param(
            declared(FRENCH, "iso-8859-1").encode("cp1252"),
            None,
            declared(FRENCH, "iso-8859-1"),
            id="latin-1 means cp1252: apostrophe, dash and euro",
        ),
        pytest.param(
            declared(RUSSIAN, "koi8-r").encode("koi8-r"),
            None,
            declared(RUSSIAN, "koi8-r"),
            id="koi8-r",
        ),
        pytest.param(
            declared(RUSSIAN, "windows-1251").encode("cp1251"),
            None,
            declared(RUSSIAN, "windows-1251"),
            id="windows-1251",
        ),
        pytest.param(
            declared(JAPANESE * 4, "iso-8859-1").encode("cp932"),
            None,
            declared(JAPANESE * 4, "iso-8859-1"),
            id="shift_jis declared latin-1",
        ),
        pytest.param((CHINESE * 6).encode("gb18030"), None, CHINESE * 6, id="gb18030 undeclared"),
        pytest.param(
            declared(CHINESE * 6, "no-such-codec").encode("gb18030"),
            None,
            declared(CHINESE * 6, "no-such-codec"),
            id="unknown codec declared",
        ),
        *(
            pytest.param(
                f"{'x' * shift}{text * 40_000}".encode(codec),
                None,
                f"{'x' * shift}{text * 40_000}",
                id=f"{codec} undeclared, beyond the sample, {shift} letters before it",
            )
            for codec, text in {
                "gb18030": "国务院今天表示，将推动新的经济政策。",
                "big5": "行政院今天表示，將推動新的經濟政策。",
                "cp949": "한국정부는오늘새로운경제정책을발표했다",
            }.items()
            for shift in (0, 1)
        ),
        *(
            pytest.param(
                f"<rss>{'x' * shift}{'<p>国务院今天表示，将推动新的经济政策。</p>' * 4000}".encode("gb18030"),
                None,
                f"<rss>{'x' * shift}{'<p>国务院今天表示，将推动新的经济政策。</p>' * 4000}",
                id=f"markup in gb18030 undeclared, beyond the sample, {shift} letters before it",
            )
            for shift in range(4)
        ),
        pytest.param(
            declared(FRENCH, "unicode_escape").encode("cp1252"),
            "text/xml; charset=iso-8859-1",
            declared(FRENCH, "unicode_escape"),
            id="a codec of python's that is no encoding",
        ),
    ],
)
def test_decode(body: bytes, content_type: str | None, text: str) -> None:
    assert decode(body, content_type) == text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param((CHINESE * 5).encode()[:-20] + b"\xe6\xb8", CHINESE * 5, id="cut in the middle of a character"),
        pytest.param((CHINESE * 5).encode() + b"caf\xe9 au lait", CHINESE * 5, id="one paragraph in latin-1"),
        pytest.param(
            declared(CHINESE * 5, "gb18030").encode("gb18030") + b"\xff",
            declared(CHINESE * 5, "gb18030"),
            id="declared, with one broken byte",
        ),
    ],
)
def test_few_broken_characters_are_replaced(body: bytes, expected: str) -> None:
    decoded = decode(body)
    assert decoded[:80] == expected[:80]
    assert "\ufffd" in decoded


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"\x1f\x8b\x08\x00abc", DeadLetterCode.UNSUPPORTED_FORMAT, id="gzip"),
        pytest.param(b"%PDF-1.7 ...", DeadLetterCode.UNSUPPORTED_FORMAT, id="pdf"),
        pytest.param(bytes(range(256)) * 4, DeadLetterCode.UNDECODABLE, id="every byte there is"),
        pytest.param(b"\x00" * 100, DeadLetterCode.UNDECODABLE, id="zeros"),
    ],
)
def test_what_is_no_text_is_refused(body: bytes, code: DeadLetterCode) -> None:
    with pytest.raises(Rejection) as raised:
        decode(body)
    assert raised.value.code is code


@given(st.binary(max_size=400), st.none() | st.text(max_size=40))
def test_decode_never_fails_otherwise(body: bytes, charset: str | None) -> None:
    try:
        text = decode(body, f"text/xml; charset={charset}")
    except Rejection:
        return
    text.encode()


@given(st.sampled_from(["utf-16", "utf-8-sig", "utf-8"]), st.text(alphabet="aé中𠮷\n<>&", min_size=4, max_size=60))
def test_marked_text_comes_back(codec: str, text: str) -> None:
    assert decode(text.encode(codec)) == text
