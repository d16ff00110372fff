"""Orders of words that are well known, as low < medium < high, found by the words that a column holds."""

from collections.abc import Iterable, Mapping
from functools import cache

import polars as pl

from batchwright.data.encode.spelling import fold
from batchwright.data.typed.advice import missing_setting, order_setting
from batchwright.data.typed.convert import as_text

FEWEST = 3
"""The fewest different words: of two, a rank says no more than a column of 0 and 1."""
MOST_WORDS = 40
"""The most different texts among which words of an order are looked for."""
LOOKED_AT = 1000
"""Rows that are looked at first: a column whose words are not known is not read on."""

ORDERS = (
    "none; very low; low; medium/moderate/middle/mid/normal/average; high; very high; extreme",
    "low; medium; high; critical/urgent",
    "tiny; very small; small; medium/middle; large/big; very large/extra large/huge",
    "xxs; xs; s; m; l; xl; xxl/2xl; xxxl/3xl; 4xl; 5xl",
    "very poor; poor; fair; good; very good; excellent; outstanding",
    "very bad; bad; average/medium/ok/okay; good; very good; excellent",
    "fair; good; very good; premium; ideal",
    "poor; below average; average; above average; good; very good; excellent",
    "po; fa; ta; gd; ex",
    "good; better; best",
    "strongly disagree; disagree; slightly disagree; neutral/undecided; slightly agree; agree; strongly agree",
    "strongly disagree; disagree; somewhat disagree; neither agree nor disagree; somewhat agree; agree; strongly agree",
    "very dissatisfied; dissatisfied; neutral; satisfied; very satisfied",
    "very unlikely; unlikely; neutral; likely; very likely",
    "never; almost never; rarely/seldom; sometimes/occasionally; often/frequently; very often; almost always; always",
    "none; minimal; mild; moderate; severe; very severe/critical",
    "very cold; cold; cool; mild; warm; hot; very hot",
    "very slow; slow; medium/moderate/normal; fast; very fast",
    "very easy; easy; medium/moderate/normal; hard/difficult; very hard/very difficult",
    "very short; short; medium/average; tall/long; very tall/very long",
    "first; second; third; fourth; fifth",
    "1st; 2nd; 3rd; 4th; 5th",
    "bronze; silver; gold; platinum; diamond",
    "beginner/novice; intermediate; advanced; expert",
    "junior; middle/mid; senior",
    "freshman; sophomore; junior; senior",
    "primary; secondary; tertiary",
    "sehr niedrig/sehr gering; niedrig/gering; mittel/mäßig; hoch; sehr hoch",
    "sehr klein/winzig; klein; mittel/mittelgroß; groß; sehr groß/riesig",
    "sehr schlecht; schlecht; mittel/mittelmäßig/durchschnittlich; gut; sehr gut; ausgezeichnet/hervorragend",
    "ungenügend; mangelhaft; ausreichend; befriedigend; gut; sehr gut",
    "nie/niemals; selten; manchmal/gelegentlich; oft/häufig; sehr oft/sehr häufig; immer",
    "stimme gar nicht zu; stimme nicht zu; neutral/teils teils/weder noch; stimme zu; stimme voll zu",
    "stimme überhaupt nicht zu; stimme eher nicht zu; neutral/teils teils; stimme eher zu; stimme voll und ganz zu",
    "sehr unzufrieden; unzufrieden; neutral/teils teils; zufrieden; sehr zufrieden",
    "leicht; mittel/mittelschwer; schwer; sehr schwer",
    "sehr kalt; kalt; kühl; mild; warm; heiß; sehr heiß",
    "sehr langsam; langsam; mittel/normal; schnell; sehr schnell",
    "sehr kurz; kurz; mittel/mittellang; lang; sehr lang",
    "很低/非常低; 低; 中/中等; 高; 很高/非常高",
    "特小; 小; 中; 大; 特大",
    "很差/非常差; 差; 一般/中/中等; 良/良好/好; 优/优秀/很好/非常好",
    "不及格; 及格; 中/中等; 良/良好; 优/优秀",
    "从不; 很少; 有时; 经常; 总是",
    "非常不同意; 不同意; 中立/一般; 同意; 非常同意",
    "非常不满意; 不满意; 中立/一般; 满意; 非常满意",
    "轻/轻度; 中/中度; 重/重度",
    "冷; 凉; 暖/温; 热",
    "慢; 中; 快",
    "小学; 初中; 高中; 大专/专科; 本科; 硕士; 博士",
)
"""Words from the lowest to the highest, with other words for the same. Letters, months and days of the week are not
here: letters say too little, and months and days return to the first."""


def known_order(cells: pl.Series, *, merge_case: bool = False) -> tuple[str, ...] | None:
    """The different texts of a column from the lowest to the highest; None if no order that is known has all of them.

    Case, blanks, hyphens and underscores do not count. With `merge_case`, texts that differ in them only are one.

    >>> known_order(pl.Series(["Low", "HIGH", "Medium", None]))
    ('Low', 'Medium', 'HIGH')
    >>> known_order(pl.Series(["low", "high", "blue"]))
    """
    if not _places(_distinct(cells.head(LOOKED_AT)), merge_case=merge_case, fewest=0):
        return None
    places = _places(_distinct(cells), merge_case=merge_case, fewest=FEWEST)
    return tuple(sorted(places, key=lambda text: places[text])) or None


def stray_note(column: str, counts: Mapping[str, int]) -> str:
    """A sentence on the words that keep the others of a column from a known order; empty where there are none.

    It takes an order of which there are `FEWEST` words or more, in half of the rows or more, and at most as many
    others.

    Args:
        column: the name of the column.
        counts: the rows of each text, missing cells left out.

    >>> stray_note("size", {"low": 9, "medium": 8, "high": 7, "hgih": 1})[:92]
    "its words low < medium < high have a known order, which is not used because of 'hgih' (1 row"
    """
    if len(counts) > MOST_WORDS:
        return ""
    words = {text: _plain(text) for text in sorted(counts, key=lambda text: (-counts[text], text))}
    kept = max((_kept(order, words) for order in _orders()), key=lambda found: (_rows(found, counts), -len(found)))
    strays = sorted(counts.keys() - set(kept), key=lambda text: (-counts[text], text))
    many = len(kept) < max(FEWEST, len(strays)) or 2 * _rows(kept, counts) < sum(counts.values())
    if many or not strays:
        return ""
    listed = ", ".join(f"{text!r} ({counts[text]:,} row{'s' * (counts[text] > 1)})" for text in strays[:3])
    more = f" and {len(strays) - 3} more" if len(strays) > 3 else ""
    them = "it" if len(strays) == 1 else "them"
    return (
        f"its words {' < '.join(kept)} have a known order, which is not used because of {listed}{more}: correct "
        f"{them}, take {them} as missing, {missing_setting(column, strays)}, or give all words in their order, as "
        f"{order_setting(column, (*kept, *strays))}"
    )


def _kept(order: Mapping[str, int], words: Mapping[str, str]) -> tuple[str, ...]:
    """The texts that an order has, from the lowest to the highest; of several at one place, the first one.

    `words` has the plain word of each text, the most frequent text first.
    """
    places = dict[int, str]()
    for text, word in words.items():
        if (place := order.get(word)) is not None:
            places.setdefault(place, text)
    return tuple(places[place] for place in sorted(places))


def _rows(texts: Iterable[str], counts: Mapping[str, int]) -> int:
    return sum(counts[text] for text in texts)


def _distinct(cells: pl.Series) -> list[str]:
    return sorted(as_text(cells).drop_nulls().unique())


def _places(texts: list[str], *, merge_case: bool, fewest: int) -> dict[str, int]:
    """The place of each text in the first order that has all of them, each at a place of its own; else empty."""
    plain = {text: _plain(text) for text in texts}
    if merge_case:
        plain = {text: word for word, text in {word: text for text, word in reversed(plain.items())}.items()}
    words = set(plain.values())
    for order in _orders():
        if words <= order.keys() and fewest <= len({order[word] for word in words}) == len(plain):
            return {text: order[word] for text, word in plain.items()}
    return {}


def _plain(text: str) -> str:
    return fold(text.replace("_", " ").replace("-", " "))


@cache
def _orders() -> tuple[dict[str, int], ...]:
    """The place of each word in each order."""
    return tuple(
        {_plain(word): place for place, words in enumerate(order.split("; ")) for word in words.split("/")}
        for order in ORDERS
    )
