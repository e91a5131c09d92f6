"""Items over 4 MiB: what is cut, in which order, and that it is no more than needed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.stories import size
from agents.stories.size import MAX_ITEM_BYTES, encode_item
from schemas import Flag, Image, Item, Link
from tests.stories.samples import item


def decoded(value: bytes | None) -> Item:
    assert value is not None
    assert len(value) <= size.MAX_ITEM_BYTES
    return msgspec.json.decode(value, type=Item)


def links(number: int, length: int) -> list[Link]:
    return [Link(f"https://lanhai.example/{i:04}", "字" * (length // 3)) for i in range(number)]


def images(number: int, length: int) -> list[Image]:
    return [Image(f"https://lanhai.example/{i:04}", "", caption="图" * (length // 3)) for i in range(number)]


def test_an_item_that_fits_is_left_alone() -> None:
    whole = item(links=links(3, 30), images=images(2, 30))
    assert encode_item(whole) == msgspec.json.encode(whole)


def test_links_go_first_and_no_more_of_them_than_needed() -> None:
    whole = item(links=links(1000, 5000), images=images(10, 1000))
    cut = decoded(value := encode_item(whole))
    kept = len(cut.links)
    assert 0 < kept < 1000
    assert cut.links == whole.links[:kept]
    assert cut.images == whole.images
    assert cut.flags == [Flag.TRUNCATED]
    one_more = len(msgspec.json.encode(whole.links[kept])) + 1
    assert len(value or b"") + one_more > MAX_ITEM_BYTES


def test_then_images() -> None:
    whole = item(links=links(10, 100), images=images(1000, 6000), flags=[Flag.NO_DATE])
    cut = decoded(encode_item(whole))
    assert cut.links == []
    assert 0 < len(cut.images) < 1000
    assert cut.flags == [Flag.NO_DATE, Flag.TRUNCATED]


def test_a_flag_is_not_set_twice() -> None:
    assert decoded(encode_item(item(links=links(1000, 6000), flags=[Flag.TRUNCATED]))).flags == [Flag.TRUNCATED]


def test_text_and_html_are_never_cut_here() -> None:
    assert encode_item(item(html="<p>" + "字" * (MAX_ITEM_BYTES // 3) + "</p>", links=links(10, 10))) is None


@given(
    limit=st.integers(900, 4000),
    lengths=st.lists(st.integers(0, 900), max_size=8),
    captions=st.lists(st.integers(0, 900), max_size=8),
)
def test_whatever_the_sizes_it_fits_or_is_refused(limit: int, lengths: list[int], captions: list[int]) -> None:
    whole = item(
        links=[Link("https://lanhai.example/", "字" * length) for length in lengths],
        images=[Image("https://lanhai.example/", "", caption="\n" * length) for length in captions],
        authors=["某某"] * len(lengths),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size, "MAX_ITEM_BYTES", limit)
        value = encode_item(whole)
        bare = msgspec.structs.replace(whole, flags=[Flag.TRUNCATED], **{name: [] for name in size.LISTS})
        if value is None:
            assert len(msgspec.json.encode(bare)) > limit
        else:
            cut = decoded(value)
            assert (cut == whole) == (len(msgspec.json.encode(whole)) <= limit)
            for name in size.LISTS:
                kept = getattr(cut, name)
                assert kept == getattr(whole, name)[: len(kept)]
