"""Flags written in several ways in one column, such as 1, yes and True beside 0 and no: two values, not five."""

import json

import polars as pl

from batchwright.data.typed.advice import kind_setting

TRUE = (
    *(
        "true",
        "t",
        "yes",
        "y",
        "1",
        "1.0",
        "on",
        "ja",
        "j",
        "oui",
        "vrai",
        "si",
        "sí",
        "sì",
        "sim",
        "wahr",
        "verdadero",
    ),
    *("vero", "verdadeiro", "waar", "tak", "prawda", "да", "истина", "evet", "doğru", "是", "はい", "예"),
)
FALSE = (
    *("false", "f", "no", "n", "0", "0.0", "off", "nein", "non", "faux", "não", "nao", "falsch", "falso", "nee"),
    *("onwaar", "nej", "nei", "nie", "fałsz", "нет", "ложь", "hayır", "hayir", "yanlış", "否", "いいえ", "아니요"),
)
WAYS = 3
"""The fewest texts, without regard to case, by which flags are written in several ways: two are just two categories."""
MOST = 20
"""The most different texts of such a column."""
OTHERS = 2
"""The most texts beside flags, such as `unknown`, with which a column may still hold flags."""
LOOKED_AT = 1000
"""Rows that are looked at first."""


def find_flags(cells: pl.Series) -> str:
    """A note on how flags are read, if all texts of a column are flags written in several ways; else empty.

    The name of the column is no way to write one: it is in a row that repeats the header.

    >>> find_flags(pl.Series("paid", ["1", "yes", "0", "No"]))
    "read as true: '1', 'yes'; as false: '0', 'No'; `data.kinds={paid: categorical}` keeps what is written"
    """
    texts = _few_texts(cells)
    if not texts or not _are_flags(texts) or len({text.lower() for text in texts} - {cells.name.lower()}) < WAYS:
        return ""
    true, false = _meanings(texts)
    return f"read as true: {true}; as false: {false}; {kind_setting(cells.name, 'categorical')} keeps what is written"


def doubt_flags(cells: pl.Series) -> str:
    """A note that texts may mean the same, if a column of text holds flags in several ways; else empty.

    >>> doubt_flags(pl.Series("paid", ["1", "yes", "0", "no", "unknown"])).split("; ")[0]
    "'1', 'yes' may mean true, and '0', 'no' false"
    """
    texts = _few_texts(cells)
    flags = [text for text in texts if text.lower() in (*TRUE, *FALSE)]
    others = [text for text in texts if text not in flags]
    if len(others) > OTHERS or len({text.lower() for text in flags}) < WAYS or not _are_flags(flags):
        return ""
    if any(any(sign.isdigit() for sign in text) for text in others) or 2 * cells.is_in(others).sum() > len(cells):
        return ""
    told = {"kind": "boolean", "missing": others} if others else {"kind": "boolean"}
    setting = json.dumps({cells.name: told}, ensure_ascii=False)
    true, false = _meanings(flags)
    return f"{true} may mean true, and {false} false; `data.columns={setting}` makes two values of them"


def _few_texts(cells: pl.Series) -> list[str]:
    """The different texts in order; none if there are many, or if no flag is among the first."""
    first = cells.head(LOOKED_AT).unique()
    if len(first) > MOST or not first.str.to_lowercase().is_in([*TRUE, *FALSE]).any():
        return []
    texts = cells.unique()
    return sorted(texts.to_list()) if len(texts) <= MOST else []


def _are_flags(texts: list[str]) -> bool:
    """Whether all texts are true or false, some of each, and not all are letters, which may be other codes."""
    words = {text.lower() for text in texts}
    letters = all(len(word) == 1 and word.isalpha() for word in words)
    return words <= {*TRUE, *FALSE} and not words.isdisjoint(TRUE) and not words.isdisjoint(FALSE) and not letters


def _meanings(texts: list[str]) -> tuple[str, str]:
    """The texts that mean true, and those that mean false."""
    true, false = (", ".join(repr(text) for text in texts if text.lower() in words) for words in (TRUE, FALSE))
    return true, false
