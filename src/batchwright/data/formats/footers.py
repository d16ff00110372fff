"""Find the lines below the last row of a delimited text: totals, sources and remarks."""

import csv
import re

from batchwright.data.formats.records import Signs, blanks_to_tabs, split_record
from batchwright.data.formats.ruled_lines import is_ruled

REMARK = re.compile(
    r"(?:grand |sub)?totals?\b|sum\b|summe\b|gesamt|insgesamt\b|somme\b|suma\b|average\b|mean\b|"
    r"mittelwert|durchschnitt|moyenne|promedio\b|media\b|平均|sources?\b|quelle|"
    r"fuente\b|notes?\b|hinweis|anmerkung|end of|eof\b|generated\b|exported\b|(?:last )?updated\b|copyright\b|"
    r"合计|总计|小计|来源|数据来源|备注|注[:：]|[*©]|\(c\)|\(?[\d,]+ (?:rows?|records?)\b|(?:rows|records)\b",
    re.IGNORECASE,
)
"""How a remark below a table begins."""
TOTAL = re.compile(
    r"(?:grand |sub)?total|total général|sum|summe|gesamt(?:summe)?|insgesamt|somme|suma|合计|总计", re.IGNORECASE
)
"""The first cell of a row of totals."""
MEAN = re.compile("average|mean|mittelwert|durchschnitt|moyenne|promedio|平均", re.IGNORECASE)
"""The first cell of a row of means; where a column judges things, it is a judgement."""
MOST_LINES, LOOKED_AT, SHOWN = 20, 40, 80
NEAR_BYTES = 1 << 13
"""Bytes of the end that are enough if there are twice the lines that are looked at."""


def find_footer(tail: bytes, signs: Signs, width: int) -> tuple[int, tuple[str, ...]]:
    r"""The bytes below the last row, and a note on them; `tail` is the end of the text, and rows have `width` cells.

    They are closing lines that are drawn, or that begin as a remark does and have another number of cells than the
    rows; or a last row whose first cell is a word for a total, as no row above it has, or for a mean, below cells that
    all differ. Other lines that do not fit remain bad rows.

    >>> find_footer(b"x,y\n1,2\n3,4\nSource: a\n", Signs(), 2)
    (10, ("1 line below the last row left out: 'Source: a'",))
    """
    near = tail[-NEAR_BYTES:]
    few = near.count(b"\n") + near.count(b"\r") < 2 * LOOKED_AT
    lines = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", tail if few else near)
    cells = {place: _cells(line, signs) for place, line in list(enumerate(lines))[-LOOKED_AT:]}
    below, place = list[int](), len(lines) - 1
    while place in cells and len(below) < MOST_LINES:
        found = cells[place]
        if found is None or (any(found) and not _is_remark(found, width)):
            break
        if any(found):
            below.append(place)
        place -= 1
    last = below[-1] if below else len(lines)
    above = [place for place in cells if place < last and any(cells[place] or ())]
    if above and width > 1 and _is_total(cells, above):
        below.append(above.pop())
    if not below or len(above) < 2 or width == 1:
        return 0, ()
    shown = " / ".join(lines[place].decode(errors="replace").strip() for place in reversed(below))
    count = "1 line" if len(below) == 1 else f"{len(below)} lines"
    note = f"{count} below the last row left out: {shown[:SHOWN] + ('...' if len(shown) > SHOWN else '')!r}"
    return sum(map(len, lines[below[-1] :])), (note,)


def _cells(line: bytes, signs: Signs) -> list[str] | None:
    """The cells of a line, without outer blanks; None if a quoted cell may go on in another line."""
    if signs.quote and line.count(signs.quote.encode()) % 2:
        return None
    try:
        text = (blanks_to_tabs(line, signs) if signs.blanks else line).decode()
        return [cell.strip() for cell in split_record(text.rstrip("\r\n"), signs)]
    except (UnicodeDecodeError, csv.Error):
        return None


def _is_remark(cells: list[str], width: int) -> bool:
    if is_ruled(cells):
        return True
    filled_up = len(cells) == width > 2 and bool(cells[0]) and not any(cells[1:])
    return (len(cells) != width or filled_up) and REMARK.match(cells[0]) is not None


def _is_total(cells: dict[int, list[str] | None], above: list[int]) -> bool:
    """Whether the last of these lines is a row of totals and no other begins like it, or a row of means."""
    *others, last = [(cells[place] or [""])[0].rstrip(": ") for place in above]
    if MEAN.fullmatch(last):
        return len(set(others)) == len(others)
    return TOTAL.fullmatch(last) is not None and not any(map(TOTAL.fullmatch, others))
