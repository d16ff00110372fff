"""The words in dates: names of months and weekdays in several languages, morning and afternoon, time zones."""

import re
from collections.abc import Mapping
from types import MappingProxyType

_NAMES = (
    "jan january januar jän jänner janv janvier ene enero gen gennaio janeiro januari",
    "feb february februar févr février fév fevr fevrier fev febrero febbraio fevereiro februari",
    "mar march mär märz mrz maerz mars marzo março marco mrt maart marts",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei maj",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august août aout ago agosto augustus augusti",
    "sep sept september septembre septiembre setiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro des desember",
)
_MORE_NAMES = (
    "янв январь января sty styczeń stycznia oca ocak leden ledna",
    "фев февр февраль февраля lut luty lutego şub şubat únor února",
    "мар март марта marzec marca mart březen března",
    "апр апрель апреля kwi kwiecień kwietnia nis nisan duben dubna",
    "май мая maja mayıs květen května",
    "июн июнь июня cze czerwiec czerwca haz haziran červen června",
    "июл июль июля lip lipiec lipca tem temmuz červenec července",
    "авг август августа sie sierpień sierpnia ağu ağustos srpen srpna agustus",
    "сен сент сентябрь сентября wrz wrzesień września eyl eylül září",
    "окт октябрь октября paź październik października eki ekim říjen října",
    "ноя нояб ноябрь ноября lis listopad listopada kas kasım",
    "дек декабрь декабря gru grudzień grudnia ara aralık prosinec prosince",
)
MONTHS: Mapping[str, int] = MappingProxyType(
    {word: number for names in (_NAMES, _MORE_NAMES) for number, words in enumerate(names, 1) for word in words.split()}
)
"""The numbers of months by their names in small letters: in English, German, French, Spanish, Italian, Dutch, and the
Nordic languages; then in Russian, Polish, Turkish and Czech."""

_WEEKDAYS = (
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday",
    "mo montag di dienstag mi mittwoch do donnerstag fr freitag sa samstag sonnabend so sonntag",
    "lun lundi mar mardi mer mercredi jeu jeudi ven vendredi sam samedi dim dimanche",
    "lunes martes mié mie miércoles miercoles jue jueves vie viernes sáb sab sábado sabado dom domingo",
    "lunedì lunedi martedì martedi mercoledì mercoledi gio giovedì giovedi venerdì venerdi sabato domenica",
    "seg segunda ter terça terca qua quarta qui quinta sex sexta",
    "ma maandag dinsdag wo woensdag donderdag vr vrijdag za zaterdag zo zondag",
)
WEEKDAYS = frozenset(word for names in _WEEKDAYS for word in names.split())
"""Names of weekdays in small letters."""

MORNING, AFTERNOON = ("am", "上午", "凌晨", "早上", "午前", "오전"), ("pm", "下午", "午後", "오후")
"""What says in which half of the day a time is; noon is 12 PM and midnight 12 AM."""

ZONES: Mapping[str, int] = MappingProxyType(
    {"Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360}
    | {"PST": -480, "PDT": -420, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180}
    | {"JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "AEST": 600, "AEDT": 660}
)
"""Minutes east of Greenwich by the name of a zone; names that mean several zones are as in RFC 2822, or not here."""

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])([0-9]{1,2}):?([0-9]{2})?")


def offset_of(zone: str) -> int | None:
    """Minutes that a zone is east of Greenwich; None for what is no zone.

    >>> [offset_of(zone) for zone in ("Z", "+02:00", "-0330", "GMT+1", "cet", "+0200 (CEST)", "+25:00")]
    [0, 120, -210, 60, 60, 120, None]
    """
    name = re.sub(r" ?[(\[].*", "", zone.upper())
    if name in ZONES:
        return ZONES[name]
    found = _OFFSET.fullmatch(name)
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    total = 60 * int(hours) + int(minutes or 0)
    return (-total if sign == "-" else total) if total <= 14 * 60 and int(minutes or 0) < 60 else None


def write_offset(minutes: int) -> str:
    """A zone as dates are written with it.

    >>> write_offset(0), write_offset(-210)
    ('Z', '-03:30')
    """
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "Z"
