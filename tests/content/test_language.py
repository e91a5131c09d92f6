from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.language import UNDETERMINED, Language, detect


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        pytest.param("港务局星期五宣布，新渡轮将于下月开航。", "zh-Hans", id="simplified"),
        pytest.param("港務局星期五宣布，新渡輪將於下月開航。", "zh-Hant", id="traditional"),
        pytest.param("新渡轮开航", "zh-Hans", id="simplified, short"),
        pytest.param("FLOODS HIT THE HARBOUR, THOUSANDS FLEE", "en", id="capitals"),
        pytest.param("FERRY SINKS IN LANTERN BAY", "en", id="a headline in capitals"),
        pytest.param("Vláda schválila nižšie dane a vyššie dôchodky", "sk", id="slovak, not czech"),
        pytest.param("Цена нафте расте, возачи љути због џепа", "sr", id="serbian by its letters"),
        pytest.param("新渡輪開航", "zh-Hant", id="traditional, short"),
        pytest.param("她說这里的渡輪將於下月開航，港務局宣布新時間表。", "zh-Hant", id="one character astray"),
        pytest.param("港务局说，歌名《夜の港》是她选的，渡轮将于下月开航。", "zh-Hans", id="chinese with a kana"),
        pytest.param("HarbourPhone 15 Pro Max 发布", "zh-Hans", id="product names around two words of chinese"),
        pytest.param("港湾局は金曜日、新しいフェリーが来月就航すると発表した。", "ja", id="japanese"),
        pytest.param("港湾局 新型船就航を発表", "ja", id="a japanese headline"),
        pytest.param("港湾会談 両国首脳出席", "ja", id="kanji only"),
        pytest.param("フェリー", "ja", id="kana decide alone"),
        pytest.param("항만청은 금요일 새 여객선이 다음 달 취항한다고 발표했다.", "ko", id="korean"),
        pytest.param("여객선", "ko", id="hangul decides alone"),
        pytest.param("The harbour office announced a new ferry on Friday.", "en", id="english"),
        pytest.param("La capitainerie a annoncé vendredi un nouveau traversier.", "fr", id="french"),
        pytest.param("Die Hafenbehörde kündigte am Freitag eine neue Fähre an.", "de", id="german"),
        pytest.param("La autoridad portuaria anunció el viernes un nuevo transbordador.", "es", id="spanish"),
        pytest.param("A autoridade portuária anunciou na sexta-feira uma nova balsa.", "pt", id="portuguese"),
        pytest.param("L'autorità portuale ha annunciato venerdì un nuovo traghetto.", "it", id="italian"),
        pytest.param("De havendienst kondigde vrijdag een nieuwe veerboot aan.", "nl", id="dutch"),
        pytest.param("Zarząd portu ogłosił w piątek nowy prom.", "pl", id="polish"),
        pytest.param("Hamnkontoret meddelade på fredagen en ny färja.", "sv", id="swedish"),
        pytest.param("Satamaviranomainen ilmoitti perjantaina uudesta lautasta.", "fi", id="finnish"),
        pytest.param("Liman idaresi cuma günü yeni bir feribot duyurdu.", "tr", id="turkish"),
        pytest.param("Cảng vụ hôm thứ Sáu công bố một chuyến phà mới.", "vi", id="vietnamese"),
        pytest.param("Otoritas pelabuhan mengumumkan feri baru pada hari Jumat.", "id", id="indonesian"),
        pytest.param("Портовое управление объявило в пятницу о новом пароме.", "ru", id="russian"),
        pytest.param("Портове управління оголосило в п'ятницю про новий пором.", "uk", id="ukrainian"),
        pytest.param("Η λιμενική αρχή ανακοίνωσε νέο πλοίο την Παρασκευή.", "el", id="greek"),
        pytest.param("أعلنت هيئة الميناء يوم الجمعة عن عبارة جديدة.", "ar", id="arabic"),
        pytest.param("اداره بندر روز جمعه از یک کشتی جدید خبر داد.", "fa", id="persian"),
        pytest.param("רשות הנמל הודיעה ביום שישי על מעבורת חדשה.", "he", id="hebrew"),
        pytest.param("बंदरगाह कार्यालय ने शुक्रवार को नई नौका की घोषणा की।", "hi", id="hindi"),
        pytest.param("สำนักงานท่าเรือประกาศเรือเฟอร์รีลำใหม่เมื่อวันศุกร์", "th", id="thai"),
        pytest.param("Αθήνα", "el", id="greek letters decide alone"),
        pytest.param("ไทย", "th", id="thai letters decide alone"),
    ],
)
def test_detect(text: str, tag: str) -> None:
    assert detect(text).tag == tag
    assert detect("", text).tag == tag
    assert detect(text * 40).tag == tag
    assert 0 < detect(text).confidence < 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("12:30 — 2026!", id="no letters"),
        pytest.param("😀😀😀", id="emoji"),
        pytest.param("Ferry", id="under eight letters"),
        pytest.param("https://harbour.example/the/new/ferry/of/friday", id="an address alone"),
        pytest.param("\ud800\udc00", id="surrogates"),
    ],
)
def test_undetermined(text: str) -> None:
    assert detect(text) == Language(UNDETERMINED, 0.0)


@pytest.mark.parametrize(
    ("text", "declared", "tag"),
    [
        pytest.param("港務局星期五宣布，新渡輪開航。", "en-us", "zh-Hant", id="evidence, not truth"),
        pytest.param("港務局星期五宣布，新渡輪開航。", "zh-CN", "zh-Hant", id="the script is seen"),
        pytest.param("東京", "ja", "ja", id="either script: as declared"),
        pytest.param("中文", "zh_TW", "zh-Hant", id="no script's own characters: as declared"),
        pytest.param("中文", "ZH-hans-cn", "zh-Hans", id="spelling of a tag"),
        pytest.param("Pihak berkuasa mengumumkan feri baru", "ms-MY", "ms", id="close relatives: as declared"),
        pytest.param("The harbour office announced a new ferry on Friday.", "fr", "en", id="a clear case stays"),
        pytest.param("Ferry", "en", "und", id="too short to believe"),
        pytest.param("The harbour office announced a new ferry.", "not a language!", "en", id="nonsense"),
    ],
)
def test_declared_is_evidence(text: str, declared: str, tag: str) -> None:
    assert detect(text, declared=declared).tag == tag


def test_the_text_outweighs_the_title() -> None:
    text = "港务局星期五宣布，新渡轮将于下月开航。" * 20
    assert detect(text, "The harbour office announced a new ferry on Friday").tag == "zh-Hans"


@given(st.text(), st.text(max_size=20), st.none() | st.text(max_size=10))
def test_never_raises_and_is_the_same_again(text: str, title: str, declared: str | None) -> None:
    first = detect(text, title, declared)
    assert first == detect(text, title, declared)
    assert 0 <= first.confidence <= 1
    assert first.tag
