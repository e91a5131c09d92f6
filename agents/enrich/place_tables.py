"""Words that decide whether a place stands alone or is part of another name; for agents/enrich/places.py."""

from __future__ import annotations


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


DOTS = frozenset("·•‧・．∙")
"""What parts the names of a foreigner in Chinese: 乔治·华盛顿."""
SYLLABLES_BEFORE = frozenset(
    "勒布普洛莫拉卢埃维瓦沃伊杰贾迪蒂蒙穆纳诺佩皮萨塞斯塔特托雅扎兹赫霍弗柯卡凯库莱朗列伦曼梅默鲍娜妮尼"
)
SYLLABLES_BEHIND_COUNTRY = frozenset("旦坦姆诺顿")
SYLLABLES_BEHIND = frozenset("尔斯特姆夫兹茨德莱弗娜蒂妮丝森曼顿维埃伊丁诺恩奇杰舍茜朗汀贾鲍旦达坦安托")
"""Single characters that jieba leaves over where it finds a place in a foreigner's name: 勒|德里|安, 伯恩|斯."""
SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许邓冯韩曹彭萧蔡潘田董袁叶杜苏魏程吕丁沈姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯"
    "邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵钱严赖覃武莫孔汤殷洪施柯翁詹简庄花"
)
"""Before a Chinese city or province one of these makes it a person: 王|清远, 王|海南, 张|华盛顿."""
PART_OF_NAME_BEHIND = _words(
    """
    时报 日报 晚报 早报 邮报 青年报 周报 周刊 商报 都市报 晨报 快报 新报 导报 电讯报 论坛报 环球报
    卫报 镜报 画报 汇报 人报 客 时代周刊 之音 之声 卫视 电视台 电台 广播 广播公司 广播电台 新闻网
    新闻社 通讯社 网 在线 书评 出版社 杂志 大学 理工大学 师范大学 航空 航空公司 队 足球队 联队 俱乐部
    足球俱乐部 肺炎 病毒 流感 脑炎 教 语 文 族 裔 话 菜 料理 海 海峡 湾 洋 河 江 湖 山 群岛
    半岛 盆地 海沟 鹅 犬 化 式 雷达 雷达站
    """
)
"""Behind any place these make another name of it: media, teams, diseases, waters; languages and peoples."""

TEAMS = _words(
    """
    湖人 快艇 道奇 天使 洋基 大都会 尼克 篮网 红袜 塞尔提克 塞尔蒂克 凯尔特人 勇士 国王 公牛 小熊
    白袜 热火 马林鱼 光芒 太空人 太空 火箭 魔术 独行侠 牛仔 游骑兵 教士 海盗 钢人 费城人 76 76人
    公鹿 酿酒人 活塞 老虎 雄狮 雷霆 金块 落矶 水手 海鹰 巨人 爵士 爱国者 酋长 皇家 蓝鸟 暴龙 猛龙
    国民 巫师 印地安人 骑士 响尾蛇 太阳 红人 双城 灰狼 红雀 鹈鹕 黄蜂 灰熊 马刺 拓荒者
    快船 奇才 步行者 森林狼 掘金 雄鹿 老鹰 开拓者 小牛
    """
)
"""Of the American leagues, behind their city."""

PART_OF_CITY_NAME_BEHIND = _words(
    """
    协定 协议 公约 条约 议定书 共识 宣言 圣母院 圣日耳曼 圣日尔曼 竞技 联 银行 集团 报 晨邮报 纪事报
    先驱报 先驱晨报 询问报 观察家报 太阳报 独立报 商报社 镇 乡 村 区 路 街 东路 西路 南路 北路 中路
    大道 大街
    """
)
PART_OF_CITY_NAME_BEHIND |= TEAMS | {f"{team}队" for team in TEAMS}
"""Behind a city also these: treaties, teams, companies; streets and quarters that are called after it."""

TITLES_TOO = frozenset({"苏丹"})
"""Countries whose name is a ruler's title, too: 文莱苏丹."""
RULERS = frozenset({"王", "国王", "陛下", "殿下"})

PART_OF_CITY_NAME_BEFORE = frozenset({"皇家", "圣", "小", "台风", "飓风"})

BEFORE = _words(
    """
    A About Above Across After Against All Also Although Amid Among An And Another Are Around As At Away Because
    Before Behind Below Beneath Beside Besides Between Beyond Both But By Can Central Could Did Do Does Downtown
    During Each East Eastern Elsewhere Even Every Far For From Further Greater Had Has Have Here How However If In
    Inland Inside Into Is Its Just Last Later Leave Like Mainland Many May Meanwhile Metropolitan Might Modern More
    Most Near Nearby Neither Next No Nor North Northeast Northeastern Northern Northwest Northwestern Not Now Of Off
    Old On Once One Only Onto Or Other Our Out Outside Over Past Perhaps Post Rural Several Should Since So Some
    South Southeast Southeastern Southern Southwest Southwestern Still Such Than That The Their Then There These
    They This Those Though Through Throughout Thus To Today Toward Towards Two Under Unlike Until Upon Urban Via Was
    Were West Western What When Where Whereas Whether Which While Who Whose Why Will With Within Without Would Yet
    January February March April June July August September October November December Monday Tuesday Wednesday
    Thursday Friday Saturday Sunday Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec Communist Nazi Soviet Imperial
    Occupied Anti Pro Non Pre Mid Trans Islamic Eu Visiting
    """
)
"""Capitalised words that may stand before a place and be no part of its name: what opens sentences, directions."""

BEHIND = _words(
    """
    A After And Agency Airport Ambassador An Army As At Attorney Ban Based But By Cabinet Capitol Chief Congress
    Consulate Constitution Coast Consul County Court Covid Customs Defence Defense Department Deputy District
    Division East Embassy Environmental Ex Federal Finance First For Foreign Former From Gov Government Governor Has
    He High House How I If In Interior Is It Its Judge Justice Marine Marines Mayor Military Minister Ministry
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday Navy New Not Of Office Officials On Open Or Over
    Parliament Police Premier President Presidential Prime Prince Princess Queen King Rep Representative Republican
    Republicans Democrat Democrats Secretary Sen Senate Senator She South Special State Summit Supreme Than That The
    They This To Treasury Trade Under Vice Via Was We West When While Who Will With You January February March April
    May June July August September October November December Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec
    Reuters AP AFP Xinhua Olympics Olympic Games GDP Says Said Warns Calls Seeks Plans Faces Winter Summer Urges
    Hits Sees Wants Bans Votes Rejects Approves Imposes Must Should Could Can Are Have Gets Takes Makes Set Sets
    Blocks Backs Launches Orders Tells Threatens Election Elections
    """
)
"""The same behind it: offices and bodies of a state or city, months, days, what opens headlines."""

BEFORE |= _words(
    """
    Aber Als Am Auch Auf Aus Bei Beim Das Dem Den Der Des Die Doch Durch Für Gegen Im Ist Mit Nach Nur Ob Seit Um
    Und Über Unter Vom Von Vor Wegen Wenn Wie Zu Zum Zur Zwischen Ein Eine Außer Statt Après À Au Aux Avec C Chez
    Contre D Dans De Depuis Du En Entre Et L La Le Les Mais Malgré Où Par Pour Quand Que Qu Sans Selon Si Sous Sur
    Vers Al Ante Con Contra Desde Del El Ella Hacia Hasta Las Lo Los Ni O Para Pero Por Según Sin Sobre Tras Un Una
    Y Ai Alla Anche Che Da Dal Dalla Dell Della Di E Fra Gli I Il In Ma Mentre Nel Nell Nella Per Perché Secondo
    Sulla Tra Até Com Do Dos Em Embora Mas Na Nas No Nos Ou Os Pela Pelo Segundo Também Aan Bij Dat Deze Dit Door
    Een Het Maar Met Naar Om Ook Sinds Tegen Tot Tussen Uit Van Volgens Voor Waar
    """
)
"""Of the other languages."""

BODIES = _words(
    """
    Bank University Times Voice Gulf Sea Bay College Church Museum Duke Earl Battle Treaty Fall Merchant
    """
)
"""Before `of`: Bank of China."""


JAPANESE_BEHIND = _words(
    """
    政府 大統領 首相 国内 国外 市 市内 市長 都 府 県 側 当局 議会 国会 外務省 国務省 国防総省 外相
    軍 大使 大使館 経済 市場 時間
    """
)

SUSPECT_BEFORE = DOTS | SYLLABLES_BEFORE | SURNAMES | PART_OF_CITY_NAME_BEFORE
BRACKETS = frozenset("（( ")
SUSPECT_BEHIND = (
    BRACKETS | DOTS | SYLLABLES_BEHIND | SYLLABLES_BEHIND_COUNTRY | PART_OF_NAME_BEHIND | PART_OF_CITY_NAME_BEHIND
)
"""Chinese words of which one next to a place has to be looked at."""
