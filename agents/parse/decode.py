"""Bytes to text, as feeds really declare and really encode themselves.

UTF-8 is tried first, whatever is declared: text in another encoding is hardly ever valid UTF-8 by chance, and a
document converted on its way keeps its old declaration. A declared codec is read through its superset, because
that is what publishers mean by it.
"""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from agents.parse.rejection import Rejection
from schemas import DeadLetterCode

HEAD = 2048  # bytes in which a declaration must stand
LOOK = 8192  # characters that must be readable
SAMPLE = 65_536  # bytes that the detector sees, and characters by which it is judged
LONGEST_CHARACTER = 4  # bytes, in GB18030
EBCDIC = b"\x4c\x6f\xa7\x94"  # `<?xm`
FEW = 0.02  # share of broken characters with which a reading is still the right one


# What publishers write when they declare, and every codec that such bytes may need, in the order to try.
_SUPERSETS: dict[str, tuple[str, ...]] = {
    name: supersets
    for names, supersets in (
        ("gb2312 gbk gb18030 gb_2312_80 x_gbk euc_cn cp936 936 chinese csgb2312 iso_ir_58", ("gb18030",)),
        ("big5 big5_tw big5hkscs big5_hkscs cn_big5 x_x_big5 csbig5 cp950", ("big5hkscs", "cp950")),
        ("shift_jis sjis x_sjis shiftjis ms_kanji windows_31j cp932 s_jis csshiftjis", ("cp932", "shift_jis_2004")),
        ("euc_jp x_euc_jp eucjp ujis", ("euc_jp", "euc_jis_2004")),
        ("iso_2022_jp csiso2022jp", ("iso2022_jp_ext", "iso2022_jp_2004")),
        ("euc_kr ks_c_5601_1987 ks_c_5601 ksc5601 korean windows_949 cp949 uhc cseuckr", ("cp949",)),
        ("iso_8859_1 latin_1 latin1 l1 iso8859_1 ascii us_ascii windows_1252 cp1252", ("cp1252", "latin_1")),
        ("iso_8859_9 latin5 iso8859_9 windows_1254", ("cp1254", "iso8859_9")),
        ("iso_8859_11 tis_620 windows_874", ("cp874", "iso8859_11")),
        ("iso_8859_8_i iso_8859_8 logical windows_1255", ("cp1255", "iso8859_8")),
        ("koi8_r koi", ("koi8_r",)),
        ("utf8 utf_8 unicode_1_1_utf_8 utf_8_sig x_unicode20utf8", ("utf_8",)),
        ("macintosh x_mac_roman mac", ("mac_roman",)),
        ("x_mac_cyrillic x_mac_ukrainian", ("mac_cyrillic",)),
        ("utf_16 ucs_2 iso_10646_ucs_2 unicode", ("utf_16",)),
    )
    for name in names.split()
}
# Codecs of Python's that are no encodings of documents, or that hide markup from whoever looks at the bytes.
_REFUSED = re.compile(r"utf_7|unicode_escape|raw_unicode_escape|idna|punycode|undefined|mbcs|oem|.*_codec")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")

_BOMS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']?\s*([A-Za-z0-9._:+-]{1,40})", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:+-]{1,40})", re.IGNORECASE)
_MULTIBYTE = re.compile("[\u0080-\ufffc\ufffe-\U0010ffff]")
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MULTIBYTE_CODECS = ("gb", "big5", "cp932", "cp949", "cp950", "shift", "euc", "iso2022", "utf", "hz", "johab")
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_SINGLE_BYTE_GUESS = frozenset({"cp1252", "latin_1"})

_CESU_8 = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
# Windows-1252 that somebody took for Latin-1 and wrote as UTF-8: no text has these controls, and browsers show quotes.
# In any encoding, for a dead letter comes back in UTF-8.
_C1 = re.compile("[\x80-\x9f]")
_C1_UTF_8 = re.compile(rb"\xc2[\x80-\x9f]")
_MEANT = {code: ord(meant) for code in range(0x80, 0xA0) if (meant := bytes([code]).decode("cp1252", "ignore"))}

# The first bytes of what is no text at all.
_SIGNATURES = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a zip archive"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"RIFF", "a RIFF file"),
    (b"ID3", "an MP3 file"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)


def decode(body: bytes, content_type: str | None = None) -> str:
    """Read the bytes of a document as text, without its byte order mark. Unreadable bytes become U+FFFD.

    Raises Rejection: `unsupported-format` for known binary forms, `undecodable` for what reads as no text in any
    codec. Never another error, whatever the bytes.
    """
    for signature, shown in _SIGNATURES:
        if body.startswith(signature):
            raise Rejection(DeadLetterCode.UNSUPPORTED_FORMAT, f"The document is {shown}, not text.")
    controls = True  # whether C1 controls may be in it: looking for them costs as much as decoding
    if (text := _marked(body)) is None:
        text = _wide(body) or _escaped(body, content_type)
        if not text and (text := _utf_8(body)):
            controls = b"\xc2" in body and _C1_UTF_8.search(body) is not None
        text = text or _declared(body, content_type) or _detected(body) or _last_resort(body)
    if _binary(text):
        raise Rejection(DeadLetterCode.UNDECODABLE, "The document is binary, or text in no known encoding.")
    return text.translate(_MEANT) if controls and _C1.search(text) else text


def _marked(body: bytes) -> str | None:
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return _tolerant(body[len(mark) :], codec).removeprefix("\ufeff")
    return None


def _wide(body: bytes) -> str | None:
    """UTF-16, UTF-32 and EBCDIC without a mark: every form begins with an ASCII character."""
    head = body[:4]
    wide = (("utf_32_le", 0), ("utf_32_be", 3), ("utf_16_le", 0), ("utf_16_be", 1))
    for codec, first in wide if len(head) == 4 and b"\x00" in head else ():
        width = 4 if "32" in codec else 2
        character = head[:width]
        if character[first] in _PRINTABLE and not any(character[:first] + character[first + 1 :]):
            return _tolerant(body, codec)
    if head == EBCDIC:
        # mainframes have feeds too; the declaration says which of the dialects
        plain = body[:HEAD].decode("cp037", "replace").encode("ascii", "replace")
        for label in (*_declarations(plain, None), "cp037"):
            for name in _codecs(label):
                if (found := _strict(body, name)) and found.startswith("<"):
                    return found.replace("\x85", "\n")  # the end of a line there
    return None


def _escaped(body: bytes, content_type: str | None) -> str | None:
    """Seven-bit encodings, which are valid UTF-8 and yet are not: ISO-2022-JP, -KR, and HZ where declared."""
    if b"\x1b" not in body[:SAMPLE] and b"hz" not in body[:HEAD].lower():
        return None
    declared = [name for name in _declarations(body, content_type) if name.startswith(("iso_2022", "iso2022", "hz"))]
    if not declared and (b"\x1b$B" in body or b"\x1b$@" in body):
        declared = ["iso_2022_jp"]
    for name in declared:
        for codec in _codecs(name):
            if (text := _strict(body, codec)) is not None:
                return text
    return None


def _utf_8(body: bytes) -> str | None:
    text = _strict(body, "utf_8")
    if text is None and b"\xed" in body:
        # CESU-8: a program of Java's or Oracle's wrote each half of an emoji by itself
        body = _CESU_8.sub(_whole, body)
        text = _strict(body, "utf_8")
    if text is not None:
        return text
    # A page cut in the middle of a character, or one paragraph pasted in another encoding, does not make the
    # document another encoding's. GBK or Latin-1 read as UTF-8 has almost no character that is right.
    text = body.decode("utf_8", "replace")
    broken, right = text.count("\ufffd"), len(_MULTIBYTE.findall(text))
    if broken <= right * 5 * FEW:
        return text
    return None


def _whole(match: re.Match[bytes]) -> bytes:
    halves = match[0].decode("utf_8", "surrogatepass")
    return halves.encode("utf_16", "surrogatepass").decode("utf_16").encode()


def _declared(body: bytes, content_type: str | None) -> str | None:
    """The declared codec, if the bytes agree. A multi-byte codec that fits is believed before a single-byte one:
    servers send `charset=iso-8859-1` with everything, and that codec fits all bytes."""
    candidates = [codec for name in _declarations(body, content_type) for codec in _codecs(name)]
    candidates.sort(key=_is_single_byte)
    for codec in candidates:
        if (text := _strict(body, codec)) is None:
            continue
        if codec in _SINGLE_BYTE_GUESS and _mostly_high(body) and (other := _detected(body)):
            sample = other[:SAMPLE]
            if len(_EAST_ASIAN.findall(sample)) * 2 > len(_MULTIBYTE.findall(sample)):
                return other
        return text
    for codec in candidates:
        text = _tolerant(body, codec)
        if text.count("\ufffd") <= FEW * len(text):
            return text
    return None


def _detected(body: bytes) -> str | None:
    codec = None
    for sample in _samples(body):
        codec = _best(sample) or codec
        if codec and not _is_single_byte(codec):
            break
    if codec is None:
        return None
    text = _tolerant(body, codec)
    if text.count("\ufffd") > FEW * len(text):
        return None
    return text.removeprefix("\ufeff")


def _samples(body: bytes) -> list[bytes]:
    """What the detector sees: whole characters, for it gives up a codec at half a one, or takes a wrong one for it.

    No multi-byte encoding has a byte below `0` inside a character. Where none stands near, each of the cuts that a
    character can take is tried.
    """
    if len(body) <= SAMPLE:
        return [body] if len(body) > 3 else []
    whole = body[:SAMPLE].rstrip(_INSIDE)
    return [whole] if len(whole) > SAMPLE // 2 else [body[: SAMPLE - cut] for cut in range(LONGEST_CHARACTER)]


def _best(sample: bytes) -> str | None:
    best = from_bytes(sample, cp_exclusion=_WIDE).best()
    return None if best is None or _is_refused(best.encoding) else _codecs(best.encoding)[0]


def _last_resort(body: bytes) -> str:
    return body.decode("utf_8", "replace")


def _declarations(body: bytes, content_type: str | None) -> list[str]:
    """Labels from the XML declaration and the content type, in our spelling; the document knows better."""
    labels = []
    if match := _XML_ENCODING.search(body[:HEAD]):
        labels.append(match[1].decode("ascii"))
    if content_type and (found := _CHARSET.search(content_type)):
        labels.append(found[1])
    return [re.sub(r"[^a-z0-9]+", "_", label.lower()) for label in labels if _LABEL.fullmatch(label)]


def _codecs(name: str) -> tuple[str, ...]:
    name = re.sub(r"[^a-z0-9]+", "_", name.lower())
    if name in _SUPERSETS:
        return _SUPERSETS[name]
    if _is_refused(name):
        return ()
    try:
        found = codecs.lookup(name)
    except (LookupError, UnicodeError, ValueError):
        return ()
    # codecs that are no text encodings (base64, zlib) say so
    if not getattr(found, "_is_text_encoding", True):
        return ()
    spelled = re.sub(r"[^a-z0-9]+", "_", found.name)
    return _SUPERSETS.get(spelled, (spelled,))


def _is_refused(name: str) -> bool:
    return _REFUSED.fullmatch(name) is not None


def _is_single_byte(codec: str) -> bool:
    return not codec.startswith(_MULTIBYTE_CODECS)


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _tolerant(body: bytes, codec: str) -> str:
    text = _strict(body, codec)
    return body.decode(codec, "replace") if text is None else text


def _mostly_high(body: bytes) -> bool:
    sample = body[:SAMPLE]
    return len(sample) - len(sample.translate(None, _HIGH)) > 0.2 * len(sample)


def _binary(text: str) -> bool:
    """More than stray control characters; or hardly a readable character."""
    sample = text[:LOOK]
    unreadable = len(_CONTROL.findall(sample)) + sample.count("\ufffd")
    return unreadable > 0.1 * len(sample)


_PRINTABLE = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
_HIGH = bytes(range(0x80, 0x100))
_INSIDE = bytes(range(0x30, 0x100))
_WIDE = ["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]  # any Korean can be UTF-16 by chance
