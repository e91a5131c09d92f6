"""Names of months and weekdays. Keys are casefolded and without accents (and so without hamza and breve)."""

from __future__ import annotations

from unicodedata import category, normalize


def _bare(word: str) -> str:
    return "".join(mark for mark in normalize("NFKD", word.casefold()) if category(mark) != "Mn")


# One line a language, January to December, `/` between the forms of one month.
_MONTHS = (
    # English; its three letters are RFC 822's
    (
        "jan/january feb/february mar/march apr/april may jun/june jul/july aug/august sep/sept/september oct/october"
        " nov/november dec/december"
    ),
    # German, Austrian
    (
        "januar/jän/jänner februar/feber mär/märz/mrz april mai juni juli august september okt/oktober november"
        " dez/dezember"
    ),
    # French
    (
        "janv/janvier fév/févr/février mars avr/avril mai juin juil/juillet août/aoû septembre octobre novembre"
        " déc/décembre"
    ),
    # Spanish
    (
        "ene/enero febrero marzo abr/abril mayo junio julio ago/agosto septiembre/setiembre/set octubre noviembre"
        " dic/diciembre"
    ),
    # Italian
    (
        "gen/gennaio febbraio marzo aprile mag/maggio giu/giugno lug/luglio ago/agosto set/settembre ott/ottobre"
        " novembre dic/dicembre"
    ),
    # Portuguese
    (
        "janeiro fev/fevereiro março abr/abril mai/maio junho julho ago/agosto set/setembro out/outubro novembro"
        " dez/dezembro"
    ),
    # Russian
    (
        "янв/январь/января фев/февр/февраль/февраля мар/март/марта апр/апрель/апреля май/мая июн/июнь/июня"
        " июл/июль/июля авг/август/августа сен/сент/сентябрь/сентября окт/октябрь/октября ноя/нояб/ноябрь/ноября"
        " дек/декабрь/декабря"
    ),
    # Ukrainian
    (
        "січ/січня лют/лютого бер/березня кві/квіт/квітня тра/травня чер/черв/червня лип/липня сер/серп/серпня"
        " вер/вересня жов/жовтня лис/листопада гру/грудня"
    ),
    # Arabic: Egypt and the Gulf / Syria, Lebanon, Iraq (two-word names below) / the Maghreb
    (
        "يناير/جانفي فبراير/شباط/فيفري مارس/آذار أبريل/ابريل/نيسان/أفريل مايو/أيار/ماي يونيو/يونيه/حزيران/جوان"
        " يوليو/يوليه/تموز/جويلية أغسطس/آب/أوت سبتمبر/أيلول أكتوبر نوفمبر ديسمبر"
    ),
    # Dutch
    "januari februari maart april mei juni juli augustus september oktober november december",
    # Polish
    (
        "sty/stycznia lut/lutego marca kwi/kwietnia maja cze/czerwca lip/lipca sie/sierpnia wrz/września"
        " paź/października lis/listopada gru/grudnia"
    ),
    # Turkish
    (
        "oca/ocak şub/şubat mart nis/nisan mayıs haz/haziran tem/temmuz ağu/ağustos eyl/eylül eki/ekim kas/kasım"
        " ara/aralık"
    ),
    # Swedish, Danish, Norwegian
    (
        "januari/januar februari/februar mars/marts april maj/mai juni juli augusti/august september oktober november"
        " december/desember/des"
    ),
    # Indonesian
    "januari februari maret april mei juni juli agustus september oktober nopember/november desember",
    # Greek
    (
        "ιαν/ιανουάριος/ιανουαρίου φεβ/φεβρουάριος/φεβρουαρίου μαρ/μάρτιος/μαρτίου απρ/απρίλιος/απριλίου"
        " μάι/μάιος/μαΐου ιουν/ιούνιος/ιουνίου ιουλ/ιούλιος/ιουλίου αυγ/αύγουστος/αυγούστου"
        " σεπ/σεπτ/σεπτέμβριος/σεπτεμβρίου οκτ/οκτώβριος/οκτωβρίου νοε/νοέμβριος/νοεμβρίου δεκ/δεκέμβριος/δεκεμβρίου"
    ),
    # Hungarian
    (
        "január február márc/március ápr/április máj/május jún/június júl/július augusztus szept/szeptember okt/október"
        " november december"
    ),
    # Czech, Slovak
    (
        "ledna/januára února/februára března/marca dubna/apríla května/mája června/júna července/júla srpna/augusta"
        " září/septembra října/októbra listopadu/novembra prosince/decembra"
    ),
    # Romanian
    "ian/ianuarie februarie martie aprilie mai iun/iunie iul/iulie august septembrie octombrie noiembrie decembrie",
    # Catalan
    "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    # Finnish
    (
        "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta"
        " marraskuuta joulukuuta"
    ),
    # Bulgarian
    "януари февруари март април май юни юли август септември октомври ноември декември",
    # Hebrew, bare and with the prefix of "in"
    (
        "ינואר/בינואר פברואר/בפברואר מרץ/במרץ אפריל/באפריל מאי/במאי יוני/ביוני יולי/ביולי אוגוסט/באוגוסט"
        " ספטמבר/בספטמבר אוקטובר/באוקטובר נובמבר/בנובמבר דצמבר/בדצמבר"
    ),
)

NAMES: tuple[tuple[str, int], ...] = tuple(
    (_bare(name), number)
    for language in _MONTHS
    for number, names in enumerate(language.split(), start=1)
    for name in names.split("/")
)
"""Every name with its month, as often as languages share it."""

MONTHS: dict[str, int] = dict(NAMES)

TWO_WORD_MONTHS: dict[str, str] = {
    _bare("كانون الثاني"): "january",
    _bare("تشرين الأول"): "october",
    _bare("تشرين الثاني"): "november",
    _bare("كانون الأول"): "december",
}

# Weekdays are only recognised, never believed: feeds get them wrong.
WEEKDAYS: frozenset[str] = frozenset(
    _bare(name)
    for language in (
        "mon monday tue tues tuesday wed weds wednesday thu thur thurs thursday fri friday sat saturday sun sunday",
        "mo montag di dienstag mi mittwoch do donnerstag fr freitag sa samstag sonnabend so sonntag",
        "lun lundi mar mardi mer mercredi jeu jeudi ven vendredi sam samedi dim dimanche",
        "lunes mar martes mié mie miércoles jue jueves vie viernes sáb sábado dom domingo",
        "lunedì martedì mercoledì gio giovedì venerdì sabato domenica",
        (
            "seg segunda segunda-feira ter terça terça-feira qua quarta quarta-feira qui quinta quinta-feira sex sexta"
            " sexta-feira"
        ),
        "пн понедельник вт вторник ср среда чт четверг пт пятница сб суббота вс воскресенье",
        "понеділок вівторок середа четвер п'ятниця субота нд неділя",
        "الاثنين الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد",
        "ma maandag dinsdag wo woensdag donderdag vr vrijdag za zaterdag zo zondag",
        "pon poniedziałek wt wtorek śr środa czw czwartek pt piątek sob sobota niedz niedziela",
        "pazartesi salı çarşamba perşembe cuma cumartesi pazar",
        "måndag tisdag onsdag torsdag fredag lördag lørdag söndag søndag mandag tirsdag",
        "senin selasa rabu kamis jumat sabtu minggu",
        "δευ δευτέρα τρι τρίτη τετ τετάρτη πεμ πέμπτη παρ παρασκευή σαβ σάββατο κυρ κυριακή",
        "hétfő kedd szerda csütörtök péntek szombat vasárnap",
        "pondělí úterý středa čtvrtek pátek neděle pondelok utorok streda štvrtok piatok nedeľa",
        "luni marți miercuri joi vineri sâmbătă duminică",
        "dilluns dimarts dimecres dijous divendres dissabte diumenge",
        "maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai",
        "понеделник вторник сряда четвъртък петък събота неделя",
    )
    for name in language.split()
)
