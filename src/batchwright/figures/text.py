"""Text of any origin, made safe to draw: without control characters, escaped, and no wider than its place."""

import unicodedata
from functools import lru_cache
from html import escape

JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts need; all others of their kind can reorder or hide text and are dropped."""
MARKS_IN_A_ROW = 3
"""Combining marks on one letter; more would paint over the figure."""
NARROW = frozenset("ijl.,:;'|!ftrI()[]{}·\"`/\\ ")
WIDE = frozenset("mwMW%@—…")


def clean(text: str) -> str:
    r"""The text on one line, without characters that are no part of XML, reorder their neighbours, or do not show.

    >>> clean("a\x00b\u202ec\n")
    'a bc'
    """
    kept: list[str] = []
    marks = 0
    for character in text:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind == "Cs" or (kind == "Cn" and ord(character) & 0xFFFE == 0xFFFE):
            kept.append("\ufffd")
        elif kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif (kind != "Cf" or character in JOINERS) and marks <= MARKS_IN_A_ROW:
            kept.append(character)
    return " ".join("".join(kept).split())


def escape_text(text: str) -> str:
    """The text as content or attribute of an XML element."""
    return escape(clean(text), quote=True)


def width_of(text: str, size: float) -> float:
    """About the width of a text in pixels; rather too much than too little, as the font is not known.

    Args:
        text: one line.
        size: of the font, in pixels.
    """
    return size * sum(_em(character) for character in text)


def shorten(text: str, width: float, size: float = 12.0) -> str:
    """The clean text, cut with an ellipsis so that it is at most about `width` pixels wide.

    >>> shorten("a very long name", 60.0)
    'a very l…'
    """
    text = clean(text[:2_000])
    if width_of(text, size) <= width:
        return text
    used, kept = _em("…"), 0
    for character in text:
        used += _em(character)
        if used * size > width:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


@lru_cache(4_096)
def _em(character: str) -> float:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    if character in NARROW:
        return 0.36
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 1.0
    if character in WIDE:
        return 0.95
    return 0.7 if character.isupper() else 0.6
