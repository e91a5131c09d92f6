from __future__ import annotations

import pytest

from agents.enrich.gloss import read_gloss, without_company


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        pytest.param("Robert Harroson", "Robert Harroson", id="a name"),
        pytest.param("Robert Harroson，54岁", "Robert Harroson", id="age"),
        pytest.param("Robert Harroson, 54", "Robert Harroson", id="age in numbers"),
        pytest.param("Sen. Robert Harroson, R-TX", "Robert Harroson", id="office and seat"),
        pytest.param("Robert Harroson Jr.", "Robert Harroson Jr.", id="generation"),
        pytest.param("Robert “Bob” Harroson", "Robert “Bob” Harroson", id="nickname"),
        pytest.param("World Health Organization, WHO", "World Health Organization, WHO", id="with its acronym"),
        pytest.param("European Union，EU", "European Union，EU", id="full-width comma"),
        pytest.param("Food and Drug Administration，简称FDA", "Food and Drug Administration", id="called"),
        pytest.param("Ferry Works; 渡轮厂", "Ferry Works", id="semicolon"),
        pytest.param("al-Qaeda", None, id="no capital begins it"),
        pytest.param("food and drinks", None, id="words"),
        pytest.param("Add to basket", None, id="a sentence"),
        pytest.param("Who am I?", None, id="a question"),
        pytest.param("AAPL.O", None, id="ticker"),
        pytest.param("Reuters", None, id="source"),
        pytest.param("Robert Harroson/AFP", "Robert Harroson", id="source behind a slash"),
        pytest.param("Getty Images", None, id="photo agency"),
        pytest.param("COVID-19，武漢肺炎", None, id="disease"),
        pytest.param("www.ferry.example", None, id="link"),
        pytest.param("US$ 5", None, id="money"),
    ],
)
def test_what_a_bracket_holds(printed: str, text: str | None) -> None:
    gloss = read_gloss(printed)
    assert (gloss.text if gloss else None) == text


@pytest.mark.parametrize(
    ("printed", "tokens"),
    [
        pytest.param("Joseph R. Harroson Jr.", ["Joseph", "Harroson"], id="no initials, no generation"),
        pytest.param("Alexander de Croo", ["Alexander", "deCroo"], id="particle"),
        pytest.param("Ursula von der Leyen", ["Ursula", "vonderLeyen"], id="particles"),
        pytest.param("Al Gore", ["Al", "Gore"], id="a first name that looks like one"),
        pytest.param("FlavioDino", ["Flavio", "Dino"], id="lost space"),
        pytest.param("Robert “Bob” Harroson", ["Robert", "Harroson"], id="nickname"),
    ],
)
def test_what_characters_render(printed: str, tokens: list[str]) -> None:
    gloss = read_gloss(printed)
    assert gloss is not None
    assert gloss.tokens == tokens


@pytest.mark.parametrize(
    ("printed", "acronym", "body"),
    [
        ("WHO", True, False),
        ("G20", True, False),
        ("Robert Harroson", False, False),
        ("Ferry Institute", False, True),
        ("Michael Green", False, False),
    ],
)
def test_kinds(printed: str, acronym: bool, body: bool) -> None:
    gloss = read_gloss(printed)
    assert gloss is not None
    assert (gloss.acronym, gloss.body) == (acronym, body)


def test_companies() -> None:
    gloss, other = read_gloss("Cummins Inc."), read_gloss("Ferry Bank Group")
    assert gloss is not None
    assert other is not None
    assert (short := without_company(gloss)) is not None
    assert short.tokens == ["Cummins"]
    assert without_company(other) is None
