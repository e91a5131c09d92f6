from __future__ import annotations

import pytest

from agents.content.html import FoundImage
from agents.enrich.images import gallery
from schemas import FeedImage, Image, ImageRole

A, B, C = (f"https://harbour.example/{name}.jpg" for name in "abc")
PROXY = "https://images.weserv.nl/?url=harbour.example/a.jpg"


def seen(found: list[FoundImage], named: list[FeedImage]) -> list[tuple[str, str | None]]:
    images = gallery(found, named, "https://harbour.example/news/").images
    assert [image.role for image in images] == [ImageRole.LEAD, *[ImageRole.INLINE] * (len(images) - 1)][: len(images)]
    return [(image.url, image.caption) for image in images]


@pytest.mark.parametrize(
    ("found", "named", "expected"),
    [
        pytest.param([], [], [], id="none"),
        pytest.param([FoundImage(A), FoundImage(B)], [], [(A, None), (B, None)], id="of the body, in order"),
        pytest.param([], [FeedImage(A, "a seal")], [(A, "a seal")], id="of the feed alone"),
        pytest.param([FoundImage(A)], [FeedImage(B)], [(B, None), (A, None)], id="the feed's leads"),
        pytest.param([FoundImage(A)], [FeedImage(B, width=120)], [(A, None), (B, None)], id="a preview does not"),
        pytest.param([], [FeedImage(A, width=300), FeedImage(B, width=900)], [(B, None), (A, None)], id="widest first"),
        pytest.param(
            [FoundImage(A), FoundImage(B, caption="b")], [FeedImage(B)], [(B, "b"), (A, None)], id="in both: one"
        ),
        pytest.param([FoundImage(A, caption="x"), FoundImage(A)], [], [(A, "x")], id="twice in the body"),
        pytest.param([], [FeedImage(A, width=1, height=1)], [], id="pixel"),
        pytest.param([], [FeedImage("https://pixel.counter.example/x")], [], id="tracker"),
        pytest.param([], [FeedImage("javascript:alert(1)"), FeedImage("")], [], id="no address"),
        pytest.param([], [FeedImage("../c.jpg")], [(C, None)], id="relative"),
    ],
)
def test_gallery(found: list[FoundImage], named: list[FeedImage], expected: list[tuple[str, str | None]]) -> None:
    assert seen(found, named) == expected


def test_proxies_are_unwrapped_and_remembered() -> None:
    (image,) = gallery([FoundImage(PROXY, "alt", "caption")], [], None).images
    assert image == Image(
        url=image.url, original_url=PROXY, caption="caption", alt="alt", role=ImageRole.LEAD
    )  # http or https is the proxy's choice
    assert image.url.endswith("://harbour.example/a.jpg")


def test_the_proxied_and_the_plain_are_one() -> None:
    unwrapped = gallery([FoundImage(PROXY)], [], None).images[0].url
    images = gallery([FoundImage(PROXY), FoundImage(unwrapped, caption="a seal")], [], None).images
    assert [(image.url, image.original_url, image.caption) for image in images] == [(unwrapped, PROXY, "a seal")]


def test_no_more_than_a_thousand() -> None:
    many = gallery([FoundImage(f"https://harbour.example/{number}.jpg") for number in range(1001)], [], None)
    assert (len(many.images), many.truncated) == (1000, True)
