"""Invented articles, long enough to be told apart, and shortened and corrected forms of them."""

from __future__ import annotations

FERRY_TITLE = "渡轮为避让海豹搁浅"
FERRY = (
    "塔里恩的一艘渡轮今天清晨在灯塔湾搁浅，船上二百一十四名乘客全部安全。船长奥斯卡·林说，"
    "雷达上看见一群熟睡的海豹横在航道中间，他只好把舵打到底，船便坐上了沙洲。\n"
    "港务局派出三艘拖船，第一次尝试在上午九点失败，因为一头母海豹爬上了缆绳。乘客在甲板上喝了两轮热可可，"
    "乐队临时演奏了几支舞曲，有人把这一天称作多年来最好的通勤。\n"
    "涨潮之后海豹自己醒来离开，渡轮在下午两点十分浮起，慢速驶回旧码头。验船师认为船壳没有损伤，"
    "航线明天恢复，末班船提前半小时开出。\n"
    "岛上的小学校长说，迟到的四十名学生不算旷课，但要写一篇关于海豹作息的短文，星期五以前交给班主任。"
)
FERRY_CORRECTED = FERRY.replace("二百一十四名", "二百四十一名")
FERRY_TIGHTENED = FERRY.replace("慢速驶回旧码头", "驶回码头")
FERRY_SUMMARY = FERRY[:70] + "……"
FERRY_TRADITIONAL = (
    "塔里恩的一艘渡輪今天清晨在燈塔灣擱淺，船上二百一十四名乘客全部安全。船長奧斯卡·林說，"
    "雷達上看見一群熟睡的海豹橫在航道中間，他只好把舵打到底，船便坐上了沙洲。"
)

BREAD_TITLE = "The bakery that never sleeps turns its ovens off"
BREAD = (
    "For sixty-one years the ovens at Marlow and Daughter have been alight, and on Sunday night they were allowed to "
    "go cold for the first time since the founder's wedding.\n"
    "The reason is a swarm of swifts. About thirty of the birds have nested in the tall flue behind the shop, and the "
    "county wardens asked the family to wait until the young can fly.\n"
    "Customers took it well. A neighbour lent a stone oven on wheels, the rye came out darker than usual, and the "
    "queue on Monday reached the fountain by seven.\n"
    "Greta Marlow, who runs the bakery with her two sisters, says they will light the fires again in the middle of "
    "August, and that nobody may call it a holiday."
)
BREAD_SUMMARY = BREAD[:160] + " […]"

CHESS_TITLE = "Турнир по шахматам на льду завершился ничьей"
CHESS = (
    "Финал ежегодного турнира на замёрзшем озере Ветла завершился вничью после того, как под доской треснул лёд и обе "
    "королевы ушли под воду. Судьи признали позицию равной, а зрителям раздали горячий чай.\n"
    "Организаторы обещают провести переигровку в марте, если позволит погода, и просят участников приносить "
    "деревянные фигуры, которые не тонут. Победитель прошлого года назвал случившееся самой честной ничьей в жизни."
)

MOON_TITLE = "天文台公布新环形山的名字"
MOON = (
    "青石山天文台星期二宣布，去年发现的一座小环形山将以已故厨师莫阿娜的名字命名，她为夜班观测员煮了三十年的面条。"
    "国际委员会收到四百多份提名，其中一半来自曾经在凌晨三点吃过那碗面的人。\n"
    "台长说，环形山直径不到两公里，中央有一块深色平地，看上去很像一只碗。命名仪式定在下个满月之夜举行，"
    "届时食堂会按原来的方子供应面条，每人限一碗，自带筷子。"
)


def cut(text: str, characters: int) -> str:
    return text[:characters]
