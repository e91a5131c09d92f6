from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.content.language import Language
from agents.enrich.prose import read_prose

texts = st.text(st.characters(codec="utf-8"), max_size=60) | st.text("渡轮從上海開往大阪，。 \n𠀀A", max_size=60)


@given(texts, texts)
def test_the_words_are_the_text_and_end_where_it_says(title: str, text: str) -> None:
    prose = read_prose(title, text, Language("zh-Hant", 1.0))
    begins = [0, *prose.ends]
    assert "".join(prose.words) == prose.simple
    assert len(prose.simple) == len(prose.text)
    assert [prose.simple[begin:end] for begin, end in zip(begins, prose.ends, strict=False)] == prose.words


def test_other_languages_have_no_words() -> None:
    prose = read_prose("Ferries", "The ferry left.", Language("en", 1.0))
    assert (prose.title, prose.body, prose.words, prose.ends) == ("Ferries", "The ferry left.", [], [])
