"""Near-copies and what only looks so: each rule and each veto, with small invented texts in both scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.stories.grouping import _probe
from agents.stories.memory import Sighting
from agents.stories.nearcopy import AT_ONCE, WINDOW, judge, likeness, renumbered, siblings
from schemas import GroupingRule
from tests.stories.desk import HOURS, draft, plain, sentences

ANY = b"-" * 16
HOME, AWAY = "lanhai.example", "nanyang.example"
COPY, EXCERPT = GroupingRule.NEAR_COPY, GroupingRule.EXCERPT
"""What a pair can come out as; None is neither."""

FERRY = (
    "灯塔湾的渡轮星期四清晨在浓雾中搁浅，港务局说雷达失灵，两艘拖船中午赶到，渡轮在涨潮以后被拉回航道。船长承认没有减速，"
    "他说雾里什么也看不见，只听得到海豹的叫声。乘客在甲板上等了六个小时，有人唱歌，有人睡着了，厨师把所有的面条都煮了。"
    "港务局长在码头上向乘客道歉，答应退还票款，并请一所大学的教师查明雷达为什么失灵。"
)
FERRY_HANT = (
    "燈塔灣的渡輪星期四清晨在濃霧中擱淺，港務局說雷達失靈，兩艘拖船中午趕到，渡輪在漲潮以後被拉回航道。船長承認沒有減速，"
    "他說霧裡什麼也看不見，只聽得到海豹的叫聲。乘客在甲板上等了六個小時，有人唱歌，有人睡著了，廚師把所有的麵條都煮了。"
    "港務局長在碼頭上向乘客道歉，答應退還票款，並請一所大學的教師查明雷達為什麼失靈。"
)
MORE = sentences(1, 12)
"""What lengthens an article."""


def sighting(title: str, text: str, site: str = HOME, hours: float = 0) -> Sighting:
    probe, _ = _probe(ANY, draft("any", title, text, site=site, after=hours * HOURS), site, 0)
    return probe


def prices(values: tuple[str, str, str, str]) -> str:
    """A report of a form: four fifths of it are always the same, four figures here and there are not."""
    cabbage, leek, carrot, tons = values
    return (
        f"和州批发市场信息中心发布今天的行情：大白菜批发价每公斤{cabbage}元，供应充足，菜农说雨水对收成没有影响。"
        "市场管理处提醒商户，进场车辆请走北门，冷库的租约到月底为止，雨天请用防滑垫，电瓶车不得在过道里充电。"
        f"韭菜批发价每公斤{leek}元，主要来自城北的大棚。价格由市场信息中心采集，仅供参考，不作为交易的依据，转载请注明出处。"
        f"胡萝卜批发价每公斤{carrot}元，客商说外地的货下周才到。批发商可以在服务大厅的屏幕上查到每小时的行情和冷库的温度。"
        f"全天到货{tons}吨，南门的地磅正在检修，过磅请到东门排队，司机请随身带好行驶证和进场卡，听从保安的指挥。"
    )


MONDAY, TUESDAY = prices(("1.52", "4.30", "2.10", "886")), prices(("1.64", "4.55", "2.05", "912"))


@pytest.mark.parametrize(
    ("older", "newer", "rule"),
    [
        pytest.param(
            sighting("渡轮搁浅", FERRY), sighting("渡轮搁浅", FERRY, AWAY, 5), COPY, id="the same text elsewhere"
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY), sighting("渡輪擱淺", FERRY_HANT, AWAY, 5), COPY, id="in the other script"
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY), sighting("海豹歌声", FERRY, AWAY, 5), COPY, id="under another title elsewhere"
        ),
        pytest.param(
            sighting("渡轮搁浅（上）", FERRY),
            sighting("渡轮搁浅（下）", FERRY, AWAY, 5),
            COPY,
            id="numbers in titles say nothing across sites",
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY), sighting("渡轮搁浅", FERRY + MORE, AWAY, 5), EXCERPT, id="lengthened elsewhere"
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY + MORE), sighting("渡轮搁浅", FERRY, AWAY, 5), EXCERPT, id="shortened elsewhere"
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY), sighting("渡轮搁浅", FERRY + MORE, HOME, 5), None, id="lengthened at home"
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY + MORE), sighting("渡轮搁浅", FERRY + MORE, HOME, 5), COPY, id="another address"
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY),
            sighting("渡轮搁浅", sentences(9), AWAY, 5),
            None,
            id="another text, same title",
        ),
        pytest.param(
            sighting("渡轮搁浅", FERRY), sighting("渡轮搁浅", FERRY, AWAY, WINDOW / 3600 + 1), None, id="a window later"
        ),
        pytest.param(sighting("菜价", MONDAY), sighting("菜价", TUESDAY, HOME, 24), None, id="a series at home"),
        pytest.param(sighting("菜价", MONDAY), sighting("菜价", TUESDAY, AWAY, 1), None, id="a series of two sites"),
        pytest.param(
            sighting("菜价", MONDAY), sighting("菜价", MONDAY, AWAY, 1), COPY, id="a brief of a series copied"
        ),
        pytest.param(
            sighting("菜价", MONDAY + "元、".join(str(number) for number in range(100, 140))),
            sighting("菜价", MONDAY, AWAY, 1),
            COPY,
            id="without its table",
        ),
        pytest.param(sighting("渡轮", "海豹" * 30), sighting("渡轮", "海豹" * 30, AWAY), None, id="too short to tell"),
    ],
)
def test_judge(older: Sighting, newer: Sighting, rule: GroupingRule | None) -> None:
    judgement = judge(newer, older)
    assert (judgement.rule if judgement else None) is rule
    backwards = judge(older, newer)
    assert (backwards.rule if backwards else None) is rule, "whichever came first"


@pytest.mark.parametrize(
    ("older", "newer", "why"),
    [
        pytest.param(
            sighting("灯塔湾的雾（上）", FERRY + MORE),
            sighting("灯塔湾的雾（下）", FERRY + MORE, hours=1),
            "other numbers in the title",
            id="parts of one report",
        ),
        pytest.param(
            sighting("和州菜价：大白菜1.52元", MONDAY),
            sighting("和州菜价：大白菜1.64元", TUESDAY, hours=1),
            "other numbers in the title",
            id="the day's figure in the title",
        ),
        pytest.param(
            sighting("菜价", MONDAY), sighting("菜价", TUESDAY, hours=1), "small differences everywhere", id="no number"
        ),
        pytest.param(
            sighting("城东停水", sentences(3, 2) + FERRY * 2 + MORE * 2),
            sighting("城西停水", sentences(4, 2) + FERRY * 2 + MORE * 2, hours=1),
            "another beginning",
            id="another report before the same background",
        ),
        pytest.param(
            sighting("菜价", MONDAY),
            sighting("菜价", TUESDAY, AWAY, 1),
            "other figures",
            id="each on a site of its own",
        ),
    ],
)
def test_a_series_says_why(older: Sighting, newer: Sighting, why: str) -> None:
    judgement = judge(newer, older)
    assert judgement is not None
    assert (judgement.rule, judgement.series) == (None, why)


def test_a_number_in_unlike_titles_is_passed_over_in_sure_copies() -> None:
    one, other = sighting("3艘渡轮搁浅", FERRY), sighting("海豹叫了6个小时", FERRY, hours=1)
    judgement = judge(other, one)
    assert judgement is not None
    assert judgement.rule is COPY


def test_a_day_at_home_asks_for_more() -> None:
    """Nine tenths of a text are a copy within the day, and not a week later."""
    long = sentences(5, 20)
    older, changed = sighting("雾", long), long[:-25] + sentences(2, 1)
    soon, late = sighting("雾", changed, hours=AT_ONCE / 3600), sighting("雾", changed, hours=AT_ONCE / 3600 + 1)
    rules = [judgement.rule for judgement in (judge(each, older) for each in (soon, late)) if judgement]
    assert rules == [COPY, None]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        pytest.param(
            sighting("第1期", "短"), sighting("第2期", "短"), "the same title with other numbers", id="no texts"
        ),
        pytest.param(sighting("第1期", "短"), sighting("第2期", "短", AWAY), None, id="of two sites"),
        pytest.param(sighting("第1期", FERRY), sighting("第2期", FERRY), "other numbers in the title", id="numbered"),
        pytest.param(sighting("雾", FERRY), sighting("雾", FERRY), None, id="nothing speaks against it"),
        pytest.param(sighting("菜价", MONDAY), sighting("菜价", TUESDAY), "other figures", id="other figures"),
        pytest.param(sighting("菜价", MONDAY), sighting("雾", sentences(9)), None, id="nothing alike"),
    ],
)
def test_siblings(one: Sighting, other: Sighting, why: str | None) -> None:
    assert siblings(one, other) == siblings(other, one) == why


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        pytest.param(sighting("第1期天气", ""), sighting("第2期天气", ""), True, id="another number"),
        pytest.param(sighting("第1期天气", ""), sighting("第１期天气", ""), False, id="the same number, wide"),
        pytest.param(sighting("第1期天气", ""), sighting("第2期菜价", ""), False, id="another form"),
        pytest.param(sighting("第1期天气", ""), sighting("第2期天气", "", AWAY), False, id="another site"),
        pytest.param(sighting("天气", ""), sighting("天气", ""), False, id="no number"),
    ],
)
def test_renumbered(one: Sighting, other: Sighting, told: bool) -> None:
    assert (renumbered(one, other) is not None) is told


def test_likeness_of_whole_sets() -> None:
    alike = likeness(plain(range(100, 200)), plain(range(150, 250)))
    assert alike.shared == pytest.approx(50 / 150)
    assert alike.contained == pytest.approx(0.5)
    assert alike.figures is None
    assert likeness(plain(range(80)), plain(range(80))).shared == 1.0


def test_likeness_of_samples_counts_as_far_as_both_are_known() -> None:
    """Of the larger text only the hashes up to the last one kept: beyond it nothing is known."""
    large = plain(range(0, 512, 2))  # 256 kept, up to 510
    small = plain(range(400, 600, 2))
    alike = likeness(large, small)
    assert alike.shared == pytest.approx(56 / 256)
    assert alike.contained == 1.0


def test_containment_needs_enough_of_the_shorter_text() -> None:
    few = plain(range(1000, 1050))
    assert likeness(plain(range(1000, 1200)), few).contained == 0.0
    beyond = plain([*range(0, 40, 2), *range(600, 700)])  # twenty of it within what is known of the other
    assert likeness(plain(range(0, 512, 2)), beyond).contained == 0.0


def test_scattered_changes_are_told_from_a_changed_passage() -> None:
    passage = sentences(2, 2) + MORE[50:]
    one, whole = sighting("雾", MORE).signature, sighting("雾", passage).signature
    everywhere = sighting("雾", "".join("囧" if at % 40 == 20 else char for at, char in enumerate(MORE))).signature
    assert one is not None
    assert whole is not None
    assert everywhere is not None
    assert likeness(one, whole).scattered < likeness(one, everywhere).scattered


def test_judging_is_the_same_either_way() -> None:
    texts = [sighting("a", FERRY), sighting("b", FERRY_HANT, AWAY), sighting("c", MONDAY), sighting("d", TUESDAY, AWAY)]
    for one in texts:
        for other in texts:
            there, back = judge(one, other), judge(other, one)
            assert there is not None
            assert back is not None
            assert (there.rule, there.series, there.likeness.runs) == (back.rule, back.series, back.likeness.runs)


def test_the_window_is_that_of_first_sightings() -> None:
    one, other = sighting("雾", FERRY), sighting("雾", FERRY, AWAY, WINDOW / 3600)
    assert judge(one, other) is not None
    late, _ = _probe(ANY, draft("any", "雾", FERRY, site=AWAY, after=30 * 24 * HOURS, seen=timedelta(days=2)), AWAY, 0)
    assert judge(late, one) is not None, "seen by its sender long before it came"
