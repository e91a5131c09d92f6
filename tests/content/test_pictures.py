from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.pictures import is_pixel, is_tracker, sources


@pytest.mark.parametrize(
    ("attributes", "first"),
    [
        pytest.param({"src": " a.jpg "}, "a.jpg", id="src"),
        pytest.param({"src": "blank.gif", "data-src": "a.jpg"}, "a.jpg", id="lazy"),
        pytest.param({"src": "none.gif", "file": "a.jpg"}, "a.jpg", id="discuz"),
        pytest.param({"src": "none.gif", "zoomfile": "l.jpg", "file": "a.jpg"}, "l.jpg", id="discuz, two sizes"),
        pytest.param({"src": "loading.gif", "data-url": "a.png!w640"}, "a.png!w640", id="lazy, a style behind"),
        pytest.param({"src": "loading.gif", "data-original-src": "a?id=1"}, "a?id=1", id="lazy, no ending"),
        pytest.param({"src": "loading.gif", "data-lazysrc": "a.jpg"}, "a.jpg", id="lazy, without a dash"),
        pytest.param({"src": "a.jpg", "data-url": "https://x.org/1.html"}, "a.jpg", id="a page's address"),
        pytest.param({"src": "a.jpg", "file": "17"}, "a.jpg", id="a number"),
        pytest.param({"src": "s.jpg", "srcset": "m.jpg 300w, l.jpg 900w"}, "l.jpg", id="widest"),
        pytest.param({"srcset": "m.jpg 1x,l.jpg 2x"}, "l.jpg", id="densest, no space behind the comma"),
        pytest.param({"srcset": "x/w_200,h_100/l.jpg 900w, m.jpg 300w"}, "x/w_200,h_100/l.jpg", id="commas inside"),
        pytest.param({"srcset": "a.jpg, b.jpg 1.5x"}, "b.jpg", id="none is 1x"),
        pytest.param({"srcset": "a.jpg"}, "a.jpg", id="a set of one"),
        pytest.param({"srcset": "data:image/gif,R0 9x, a.jpg 1x"}, "a.jpg", id="data in a set"),
        pytest.param({"srcset": ", , ,", "src": "a.jpg"}, "a.jpg", id="a set of none"),
        pytest.param({"srcset": "a.jpg 1e9x", "src": "b.jpg"}, "a.jpg", id="no number"),
        pytest.param({"src": None}, None, id="no value"),
        pytest.param({"src": " ", "alt": "a"}, None, id="white space"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_sources(attributes: dict[str, str | None], first: str | None) -> None:
    assert next(sources(attributes), None) == first


def test_sources_of_a_picture() -> None:
    assert list(sources({"src": "s.jpg"}, ["l.webp 2x, m.webp", "k.avif"])) == ["l.webp", "k.avif", "s.jpg"]


@pytest.mark.parametrize(
    ("attributes", "pixel"),
    [
        pytest.param({"width": "1", "height": "1"}, True, id="one by one"),
        pytest.param({"width": "600", "height": "0"}, True, id="no height"),
        pytest.param({"width": "1px"}, True, id="with a unit"),
        pytest.param({"style": "border:0;width: 1px"}, True, id="style"),
        pytest.param({"style": "max-width:100%;width:120px"}, False, id="style of a picture"),
        pytest.param({"width": "100%", "height": "16"}, False, id="picture"),
        pytest.param({"width": ""}, False, id="empty"),
    ],
)
def test_is_pixel(attributes: dict[str, str | None], pixel: bool) -> None:
    assert is_pixel(attributes) is pixel


@pytest.mark.parametrize(
    ("url", "tracker"),
    [
        pytest.param("https://pixel.counter.example/x", True, id="host of pixels"),
        pytest.param("http://ad.doubleclick.net/x", True, id="advertiser"),
        pytest.param("https://www.facebook.com/tr?id=1", True, id="social network's counter"),
        pytest.param("http://feeds.feedburner.com/~r/harbour/~4/x", True, id="feed counter"),
        pytest.param("https://harbour.example/i/spacer.gif?x", True, id="spacer"),
        pytest.param("https://harbour.example/pixel.jpg", False, id="a picture of that name"),
        pytest.param("https://www.facebook.com/photo/1.jpg", False, id="social network's picture"),
        pytest.param("https://harbour.example/?u=http://doubleclick.net/", False, id="in the query"),
    ],
)
def test_is_tracker(url: str, tracker: bool) -> None:
    assert is_tracker(url) is tracker


@given(st.text(" ,ax129w.\t"))
def test_any_set_gives_an_address_or_none(srcset: str) -> None:
    for address in sources({"srcset": srcset}):
        assert address.strip(" ,\t") == address
        assert address in srcset
