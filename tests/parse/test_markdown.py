from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.parse import markdown
from agents.parse.found import Found
from schemas import DateOrigin, Moment

SEEN = datetime(2024, 2, 16, 21, 39, 3, tzinfo=UTC)
BODY_DATE = datetime(2024, 2, 16, 21, 3, 4, tzinfo=UTC)


def read(text: str) -> list[Found]:
    return [each for each in markdown.read(text).entries if isinstance(each, Found)]


@pytest.mark.parametrize(
    ("line", "title", "link"),
    [
        pytest.param("[渡轮增班](https://example.org/a)", "渡轮增班", "https://example.org/a", id="plain"),
        pytest.param("[[图] 渡轮](https://example.org/a)", "[图] 渡轮", "https://example.org/a", id="bracket first"),
        pytest.param("[渡轮[影]](https://example.org/a)", "渡轮[影]", "https://example.org/a", id="bracket last"),
        pytest.param("[渡轮] 增班](https://example.org/a)", "渡轮] 增班", "https://example.org/a", id="unbalanced"),
        pytest.param("[a [b [c] d] e](https://x.org/)", "a [b [c] d] e", "https://x.org/", id="nested"),
        pytest.param("[see [x](y) there](https://x.org/a)", "see [x](y) there", "https://x.org/a", id="link in title"),
        pytest.param("[a](https://x.org/a_(b)_c)", "a", "https://x.org/a_(b)_c", id="parentheses in the link"),
        pytest.param("[a](https://x.org/a_(b))", "a", "https://x.org/a_(b)", id="parenthesis ends the link"),
        pytest.param("[a (b)](https://x.org/a)", "a (b)", "https://x.org/a", id="parentheses in the title"),
        pytest.param("[a](https://x.org/a) ", "a", "https://x.org/a", id="blank behind"),
        pytest.param("[a](https://x.org/a", "a", "https://x.org/a", id="never closed"),
        pytest.param("[a](<https://x.org/a>)", "a", "https://x.org/a", id="brackets around the link"),
        pytest.param("[a](<https://x.org/a_(b)>)", "a", "https://x.org/a_(b)", id="brackets and parentheses"),
        pytest.param("[a](<>)", "a", None, id="brackets around no link"),
        pytest.param("[a]()", "a", None, id="no link"),
        pytest.param("[](https://x.org/a)", "", "https://x.org/a", id="no title"),
        pytest.param("[two\nlines](https://x.org/a)", "two lines", "https://x.org/a", id="line break in the title"),
        pytest.param("[R&amp;D &quot;done&quot;](https://x.org/a)", 'R&D "done"', "https://x.org/a", id="references"),
    ],
)
def test_title_line(line: str, title: str, link: str | None) -> None:
    (found,) = read(f"<!--1708119543000-->\n{line}\n------\n\n<p>Text.</p>")
    assert (found.title, found.link, found.body) == (title, link, "<p>Text.</p>")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        pytest.param("<!--1-->\n[a](b)\n------\n\n<p>x</p>\n", "<p>x</p>", id="as it is made"),
        pytest.param("<!--1-->\r\n[a](b)\r\n------\r\n\r\n<p>x</p>\r\n<p>y</p>", "<p>x</p>\n<p>y</p>", id="crlf"),
        pytest.param("<!--1-->\n[a](b)\n\n<p>x</p>", "<p>x</p>", id="no dashes"),
        pytest.param("<!--1-->\n[a](b)\n---\n<p>x</p>", "<p>x</p>", id="three dashes, no blank line"),
        pytest.param("<!--1-->\n\n[a](b)\n\n------\n<p>x</p>", "<p>x</p>", id="blank lines between"),
        pytest.param("<!--1-->\n[a](b)\n------\n", "", id="no body"),
        pytest.param("<!--1-->\n[a](b)", "", id="nothing but the title line"),
        pytest.param("<!--1-->\n[a](b)\n------\n\n<p>x</p>\n------\n<p>y</p>", "<p>x</p>\n------\n<p>y</p>", id="rule"),
        pytest.param("\ufeff<!--1-->\n[a](b)\n------\nx".lstrip("\ufeff"), "x", id="plain text"),
    ],
)
def test_body(text: str, body: str) -> None:
    (found,) = read(text)
    assert (found.title, found.link, found.body) == ("a", "b", body)


@pytest.mark.parametrize(
    ("comment", "opening", "published", "origin", "body"),
    [
        pytest.param(
            "1708119543000",
            "<div>\n<div><i>Fri, 16 Feb 2024 21:03:04 GMT</i></div>",
            BODY_DATE,
            DateOrigin.BODY,
            "<div>\n<p>Text.</p>",
            id="rfc 822 in its own div",
        ),
        pytest.param(
            "1708119543000",
            "<div>\n<div><i>2024-02-16T21:03:04Z</i></div>",
            BODY_DATE,
            DateOrigin.BODY,
            "<div>\n<p>Text.</p>",
            id="iso in its own div",
        ),
        pytest.param(
            "1708119543000",
            "<i>2024-02-16T21:03:04Z</i><br>",
            BODY_DATE,
            DateOrigin.BODY,
            "<p>Text.</p>",
            id="bare",
        ),
        pytest.param(
            "1708119543000",
            "<p><i>Fri, 16 Feb 2024 21:03:04 GMT</i></p>",
            BODY_DATE,
            DateOrigin.BODY,
            "<p>Text.</p>",
            id="in a paragraph",
        ),
        pytest.param(
            "NaN",
            "<div><div><i>Fri, 16 Feb 2024 21:03:04 GMT</i></div>",
            BODY_DATE,
            DateOrigin.BODY,
            "<div><p>Text.</p>",
            id="no comment date",
        ),
        pytest.param("1708119543000", "<div>", SEEN, DateOrigin.COMMENT, "<div><p>Text.</p>", id="comment only"),
        pytest.param("NaN", "<div>", None, None, "<div><p>Text.</p>", id="neither"),
        pytest.param(
            "1708119543000",
            "<div><i>Harbour staff</i></div>",
            SEEN,
            DateOrigin.COMMENT,
            "<div><i>Harbour staff</i></div><p>Text.</p>",
            id="italics that are no date stay",
        ),
        pytest.param(
            "NaN",
            "<p>On </p><i>2024-02-16T21:03:04Z</i>",
            None,
            None,
            "<p>On </p><i>2024-02-16T21:03:04Z</i><p>Text.</p>",
            id="a date further on is text",
        ),
    ],
)
def test_dates(comment: str, opening: str, published: Moment | None, origin: DateOrigin | None, body: str) -> None:
    (found,) = read(f"<!--{comment}-->\n[a](https://example.org/a)\n------\n\n{opening}<p>Text.</p>")
    assert (found.published_date.at if found.published_date else None) == published
    assert (found.published_date.origin if found.published_date else None) == origin
    assert (found.seen_date.at if found.seen_date else None) == (SEEN if comment != "NaN" else None)
    assert found.sent_at == (SEEN if comment != "NaN" else None)
    assert found.body == body


@pytest.mark.parametrize(
    ("body", "without"),
    [
        pytest.param("<i>2024年2月16日</i>，某地发生。", None, id="a sentence that begins with a date"),
        pytest.param("<i>2024年2月16日</i> 某地发生。", None, id="a sentence behind a blank"),
        pytest.param("<i>16 February 2024</i> <b>was</b> cold.", None, id="a sentence that goes on in bold"),
        pytest.param("<span><i>2024年2月16日</i></span>，某地发生。", None, id="a sentence, the date in a span"),
        pytest.param("<div><span><i>2024年2月16日</i></span> 日电</div>", None, id="a sentence in a wrapper"),
        pytest.param("<p><i>2024年2月16日</i>，某地发生。</p>", None, id="a sentence in a paragraph"),
        pytest.param("<i>2024年2月16日</i>\n<p>某地</p>", "\n<p>某地</p>", id="a line of its own"),
        pytest.param("<i>2024年2月16日</i>\n某地发生。", "\n某地发生。", id="a line of its own, plain text behind"),
        pytest.param("<i>2024年2月16日</i><br/>某地发生。", "某地发生。", id="a line break behind"),
        pytest.param("<i>2024年2月16日</i> <p>某地</p>", " <p>某地</p>", id="a paragraph behind"),
        pytest.param("<div><i>2024年2月16日</i><img src=a></div>", "<div><img src=a></div>", id="a picture behind"),
        pytest.param("<span><i>2024年2月16日</i></span><p>某地</p>", "<p>某地</p>", id="a span of its own"),
        pytest.param("<i>2024年2月16日</i>", "", id="nothing behind"),
    ],
)
def test_a_date_that_opens_the_body_is_no_part_of_a_sentence(body: str, without: str | None) -> None:
    (found,) = read(f"<!--NaN-->\n[a](b)\n------\n\n{body}")
    assert found.body == (body if without is None else without)
    assert (found.published_date is None) == (without is None)


@pytest.mark.parametrize(
    ("inside", "blocks"),
    [
        pytest.param("<!--12345-->\n[1](https://x.org/ref)\n<p>y</p>", 1, id="a comment before a footnote"),
        pytest.param("<!--12345-->\n[1](https://x.org/ref)", 1, id="a footnote at the end"),
        pytest.param("<!--12345-->\n[1](https://x.org/ref)\n------\n\n<p>y</p>", 2, id="no date, but dashes"),
        pytest.param("<!--1708119543000-->\n[b](https://x.org/b)\n<p>y</p>", 2, id="a date, no dashes"),
        pytest.param("<!--NaN-->\n[b](https://x.org/b)", 2, id="NaN, no dashes"),
    ],
)
def test_comments_of_a_body_begin_no_block(inside: str, blocks: int) -> None:
    assert len(read(f"<!--1708119543000-->\n[a](https://x.org/a)\n------\n\n<p>x</p>\n{inside}")) == blocks


def test_several_blocks() -> None:
    found = read(
        "<!--1708119543000-->\n[一](https://example.org/1)\n------\n\n<p>甲</p>\n<!--77-->\n<p>no block</p>\n\n"
        "<!--NaN-->\n[[二]](https://example.org/2)\n------\n\n<p>乙</p>\n<!--1708119543001-->\n\n[三](https://example.org/3)"
    )
    assert [(each.title, each.link) for each in found] == [
        ("一", "https://example.org/1"),
        ("[二]", "https://example.org/2"),
        ("三", "https://example.org/3"),
    ]
    assert "no block" in found[0].body
    assert found[1].body == "<p>乙</p>"


FRONT = """---
layout: post
title: "前言 \\"标题\\""
date: 2024-02-16T00:11:23.000Z
author: '港口''s 编辑部'
from: https://example.org/from-front-matter
categories: [ 新闻, "a, b", 'c' ]
tags: &anchor !!python/object/apply:os.system ["true"]
---
"""


def test_front_matter_gives_author_and_categories_and_the_block_wins() -> None:
    (found,) = read(f"{FRONT}<!--1708119543000-->\n[渡轮](https://example.org/a)\n------\n\n<p>x</p>")
    assert (found.title, found.link) == ("渡轮", "https://example.org/a")
    assert found.authors == ["港口's 编辑部"]
    assert found.categories == ["新闻", "a, b", "c"]
    assert found.published_date is not None
    assert found.published_date.origin is DateOrigin.COMMENT


def test_front_matter_alone() -> None:
    (found,) = read(f"{FRONT}\n<p>x</p>")
    assert found.title == '前言 "标题"'
    assert found.link == "https://example.org/from-front-matter"
    assert found.published == ["2024-02-16T00:11:23.000Z"]
    assert found.body == "<p>x</p>"


@pytest.mark.parametrize(
    ("lines", "categories"),
    [
        pytest.param('categories:\n  - 一\n  - "二"', ["一", "二"], id="list below"),
        pytest.param("categories: 一", ["一"], id="scalar"),
        pytest.param("categories: []", [], id="empty list"),
        pytest.param("categories: ~", [], id="null"),
        pytest.param("categories:", [], id="nothing"),
        pytest.param("categories: [a,, b, ]", ["a", "b"], id="gaps"),
        pytest.param("category: 一 # main", ["一"], id="singular, with a comment"),
        pytest.param("nested:\n  categories: [x]\ncategories: [a]", ["a"], id="nested names are not read"),
        pytest.param("categories: >-\n  港口\n  新闻\nx: y", ["港口 新闻"], id="folded over lines"),
        pytest.param("categories: |\n  港口", ["港口"], id="a value below its name"),
        pytest.param("categories: >-\nx: y", [], id="folded, nothing"),
        pytest.param("categories: {name: 港口, slug: harbour}", ["港口"], id="mapping"),
        pytest.param(f"categories: {'{name: ' * 400}x{'}' * 400}", [f"{'{name: ' * 399}x{'}' * 399}"], id="deep"),
        pytest.param("categories: {slug: harbour}", [], id="mapping without a name"),
        pytest.param("categories: {a} b {c}", ["{a} b {c}"], id="braces that are no mapping"),
        pytest.param("categories:\n  name: 港口\n  slug: harbour", ["港口"], id="mapping below"),
        pytest.param("categories:\n  - name: 港口\n    slug: x\n  - name: '海'", ["港口", "海"], id="list of mappings"),
    ],
)
def test_front_matter_lists(lines: str, categories: list[str]) -> None:
    (found,) = read(f"---\n{lines}\n---\n<!--1-->\n[a](b)\n------\n")
    assert found.categories == categories


def test_front_matter_that_never_ends_is_no_front_matter() -> None:
    (found,) = read("---\ntitle: a\n<p>text</p>")
    assert found.title == ""
    assert "text" in found.body


@pytest.mark.parametrize("comment", ["1708119543000.5", "9" * 20, "hello", " two words "])
def test_a_comment_that_is_no_moment_dates_nothing_and_is_no_text(comment: str) -> None:
    (found,) = read(f"<!--{comment}-->\n[a](https://x.org/a)\n------\n\n<p>x</p>")
    assert (found.title, found.link, found.body) == ("a", "https://x.org/a", "<p>x</p>")
    assert (found.published_date, found.seen_date) == (None, None)
