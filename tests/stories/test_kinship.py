"""The nearest story, against the same sums in plain Python."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from agents.stories.index import FACTS, Kin
from agents.stories.kinship import Nearest, nearest

NOW = 1_790_000_000
TWO_DAYS = 2 * 86_400


class Member(Struct, frozen=True):
    """A sighting in the window: its story, when it was seen, its place in the story, and its terms."""

    story: int
    seen: int
    rank: int
    norm: float
    terms: dict[int, float]


def kin(members: list[Member]) -> Kin:
    """As the index gives them: in the order of number and term."""
    found = sorted((number, term, weight) for number, one in enumerate(members) for term, weight in one.terms.items())
    of = [members[number] for number, _, _ in found]
    return Kin(
        np.array([term for _, term, _ in found], np.intp),
        np.array([number for number, _, _ in found], np.intp),
        np.array([weight for _, _, weight in found], np.float64),
        np.array([(one.seen, one.story, one.rank, one.norm) for one in of], FACTS),
    )


def reference(
    members: dict[int, Member], weights: list[float], only: int | None = None
) -> dict[int, tuple[float, dict[int, float], float]]:
    """For each story how near it is, its members' products with the item, and the sum of them undamped."""
    damped = []
    for term, weight in enumerate(weights):
        stories = {one.story for one in members.values() if term in one.terms}
        damped.append(weight / (1 + 0.2 * log(1 + len(stories))))
    length = sqrt(sum(weight * weight for weight in damped))
    damped = [weight / length for weight in damped]
    found = {}
    for story in {one.story for one in members.values() if one.terms and only in (None, one.story)}:
        there = {number: one for number, one in members.items() if one.story == story and one.terms}
        dots = {
            number: sum(damped[term] * weight for term, weight in one.terms.items())
            * 2 ** (-abs(one.seen - NOW) / TWO_DAYS)
            for number, one in there.items()
        }
        size = max(one.rank for one in there.values())
        closest = sum(sorted(dots.values(), reverse=True)[:3]) / min(size, 3)
        near = 0.5 * closest + 0.5 * sum(dots.values()) / sqrt(max(one.norm for one in there.values()))
        plain = sum(weights[term] * weight for one in there.values() for term, weight in one.terms.items())
        found[story] = (near, dots, plain)
    return found


MOST_TERMS = 5
shares = st.integers(1, 8).map(lambda number: number / 8)
members = st.builds(
    Member,
    story=st.integers(1, 4).map(lambda number: number << 60),
    seen=st.integers(-96, 96).map(lambda hours: NOW + 3600 * hours),
    rank=st.integers(1, 6),
    norm=st.integers(1, 40).map(float),
    terms=st.dictionaries(st.integers(0, MOST_TERMS - 1), shares, max_size=MOST_TERMS),
)


@given(
    st.lists(members, max_size=12),
    st.lists(shares, min_size=MOST_TERMS, max_size=MOST_TERMS),
    st.sets(st.integers(0, 11), max_size=3),
    st.none() | st.integers(1, 4).map(lambda number: number << 60),
)
def test_as_in_plain_python(there: list[Member], asked: list[float], without: set[int], only: int | None) -> None:
    length = sqrt(sum(weight * weight for weight in asked))
    weights = [weight / length for weight in asked]
    found = nearest(kin(there), np.array(weights), NOW, without, only)
    left = {number: one for number, one in enumerate(there) if number not in without}
    expected = reference(left, weights, only)
    if not expected:
        assert found is None
        return
    assert found is not None
    near, dots, plain = expected[found.story]
    assert found.near == pytest.approx(near)
    assert near >= max(others for others, _, _ in expected.values()) - 1e-8, "no other story is nearer"
    assert dots[found.number] == pytest.approx(max(dots.values()))
    assert found.dot == pytest.approx(plain)
    story = [one for one in left.values() if one.story == found.story and one.terms]
    assert (found.size, found.norm) == (max(one.rank for one in story), max(one.norm for one in story))
    assert sorted(found.terms) == sorted(left[found.number].terms)


def alone(story: int, seen: int = NOW, **terms: float) -> Member:
    return Member(story, seen, 1, 1.0, {"abcde".index(term): weight for term, weight in terms.items()})


def found(*there: Member) -> Nearest:
    near = nearest(kin(list(there)), np.sqrt(np.full(5, 0.2)), NOW, set())
    assert near is not None
    return near


def test_of_two_as_near_the_older_one() -> None:
    assert found(alone(9, a=0.5), alone(3, a=0.5)).story == 9


def test_the_fresher_one() -> None:
    assert found(alone(9, NOW - 86_400, a=0.5), alone(3, NOW, a=0.5)).story == 3


def test_a_term_that_many_stories_have_says_less() -> None:
    everywhere = [alone(story, a=0.1) for story in range(10, 40)]
    assert found(*everywhere, alone(1, a=0.5), alone(2, b=0.5)).story == 2


def test_a_large_story_is_near_only_as_a_whole() -> None:
    """One member of five is like the item: half as near as a story that is all like it."""
    large = Member(1, NOW, 5, 20.0, {0: 0.5})
    assert found(large, alone(2, a=0.5)).story == 2


def test_the_terms_that_say_most_come_first() -> None:
    assert found(alone(1, a=0.1, b=0.9, c=0.5)).terms == [1, 2, 0]


def test_nothing_shared() -> None:
    assert nearest(kin([]), np.ones(5), NOW, set()) is None
    assert nearest(kin([alone(1, a=1.0)]), np.ones(5), NOW, {0}) is None
