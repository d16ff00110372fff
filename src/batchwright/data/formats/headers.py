"""The names of the columns of a delimited text: from its header, which may lack or repeat some, or from places."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from batchwright.data.formats.header_lines import join_header
from batchwright.data.formats.records import Records
from batchwright.data.formats.ruled_lines import is_ruled
from batchwright.data.formats.signs import MOST_LINES_ABOVE, NUMBER, usual_width
from batchwright.data.typed.cells import MISSING, TableOptions
from batchwright.data.typed.schema import Schema, normal_name
from batchwright.errors import DataError

NO_HEADER = "If its first line is a row, give `header=false`."

PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LONG_SCALE = 8
"""Names that fall from one to the next from which they are a scale, such as wave numbers; in a row few may do so."""

LOOKED_AT = 100
"""Rows by which it is decided what a header means."""
UNITS = (
    "s sec min h hr hours d days m km cm mm µm nm ft in mi mph kmh g kg mg µg t lb lbs oz l ml mol hz khz mhz v mv kv "
    "a ma w kw kwh mw mwh j kj n pa hpa kpa bar mbar k c f deg degc degf rad ppm ppb psu db usd eur gbp chf jpy cny "
    "years yr count counts celsius kelvin percent pct"
)
SIGN_OF_UNIT = "[°%‰€$£²³µ/^]"
UNIT = re.compile(
    rf"\[.*\]|\(.*\)|-|{UNITS.replace(' ', '|')}|[A-Za-zµ°%‰€$£]{{0,4}}{SIGN_OF_UNIT}[A-Za-z0-9°%²³µ/^*·.\- ]{{0,12}}",
    re.IGNORECASE,
)


class Named(NamedTuple):
    """The names of the columns.

    - names: one for each column
    - heads: how many records at the beginning are no rows
    - nameless: the places of the columns without a name of their own
    - notes: what was found, one sentence each
    """

    names: tuple[str, ...]
    heads: int
    nameless: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def name_columns(records: Records, options: TableOptions, schema: Schema | None, name: str, *, line: int) -> Named:
    """The names of the columns of a text, called `name`, from the records of its head, which begins at this line.

    Raises:
        DataError: there are no records, or the quotation marks of the header do not pair.
    """
    if records.broken.count and (not len(records) or records.broken.first[0].line < records.lines[0]):
        cell = records.broken.first[0]
        raise DataError(
            f"{name}, line {cell.line + line - 1}: {cell.value}, in the first line. Put {cell.wanted}.",
            "`quote=none` takes quotation marks as text, `skip_lines=1` leaves out a line.",
        )
    if len(records) == 0:
        raise DataError(f"{name} is empty. A table needs rows.", NO_HEADER)
    if not options.header:
        return Named(tuple(_positions(_width_without_header(records), schema)), 0)
    return _from_header(records, line - 1 + int(records.lines[0]))


def _width_without_header(records: Records) -> int:
    """The usual number of fields if hardly a record has another, or else the number that the first has."""
    width, share, first = usual_width(records)
    return width if share > 0.9 and first <= MOST_LINES_ABOVE else int(records.fields[0])


def _positions(width: int, schema: Schema | None) -> list[str]:
    """The names of columns without a header: 0, 1, 2, ... New rows for a model may lack the targets, but no others."""
    known = [column.name for column in schema.columns] if schema else []
    without_target = [name for name in known if schema and name not in schema.targets]
    return without_target if len(without_target) == width < len(known) else [str(number) for number in range(width)]


def _from_header(records: Records, line: int) -> Named:
    """The names from a header on this line of the file."""
    written, notes = [cell.strip() for cell in records.cells(0)], []
    rows = [records.cells(place) for place in range(1, min(len(records), LOOKED_AT))]
    ruled = bool(rows) and is_ruled(rows[0])
    if ruled:
        notes.append(f"a line of dashes below the header left out: {', '.join(filter(None, rows[0]))[:80]!r}")
        rows = rows[1:]
    if _lacks_last(written, rows):
        written.append("")
    elif _lacks_first(written, rows):
        written.insert(0, "")
        notes.append("the header has one name fewer than the rows have cells: the first column has no name")
    elif len(written) > 1 and not written[-1] and rows and all(len(row) == len(written) - 1 for row in rows):
        written.pop()
    joined, lower = join_header(written, rows)
    if lower:
        shown = " / ".join(", ".join(filter(None, map(str.strip, line))) for line in (written, *rows[:lower]))
        notes.append(f"the header has {lower + 1} lines, whose names are joined, as in {joined[-1]!r}: {shown[:80]!r}")
        written, rows = joined, rows[lower:]
    elif (places := _unnamed_above_texts(written, rows)) > 1:
        notes.append(
            f"{places} columns have no name in the header: if their names are on the next line, `skip_lines={line}` "
            "takes that line as the header"
        )
    if may_be_row(written):
        shown = ", ".join(written)
        notes.append(f"the header may be a row: {shown[:60]!r}; `header=false` takes it as one")
    names, changed = name_apart([normal_name(cell) for cell in written])
    nameless = tuple(place for place, cell in enumerate(written) if not cell)
    units = _are_units(rows, len(names))
    if units:
        shown = ", ".join(cell.strip() for cell in rows[0] if cell.strip())
        notes.append(f"a line of units below the header left out: {shown[:80]!r}")
    return Named(tuple(names), 1 + ruled + lower + units, nameless, (*notes, *changed))


def may_be_row(names: Sequence[str]) -> bool:
    """Whether the names of columns look like the cells of a row: half are numbers, and these no scale, such as years.

    >>> may_be_row(["5.1", "3.5", "1.4", "0.2", "setosa"]), may_be_row(["land", "1990", "2000", "2010"])
    (True, False)
    """
    numbers = [float(name) for name in names if PLAIN_NUMBER.fullmatch(name)]
    rises = all(one < next_one for one, next_one in pairwise(numbers))
    falls = len(numbers) >= LONG_SCALE and all(one > next_one for one, next_one in pairwise(numbers))
    return len(names) > 1 and 2 * len(numbers) >= len(names) and not (rises or falls)


def name_apart(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Names of which none is empty and none is repeated, and a note on the repeated ones.

    >>> name_apart(["x", "", "x", "x.1"])
    (['x', 'unnamed 1', 'x.2', 'x.1'], ("2 columns are named 'x': the later ones are 'x.2'",))
    """
    filled = [name or f"unnamed {place}" for place, name in enumerate(names)]
    taken, apart = set(filled), list[str]()
    renamed: dict[str, list[str]] = {}
    for name in filled:
        new, number = name, 0
        if name in apart or name in renamed:
            while new in taken:
                number += 1
                new = f"{name}.{number}"
            renamed.setdefault(name, []).append(new)
            taken.add(new)
        apart.append(new)
    notes = (
        f"{len(others) + 1} columns are named {name!r}: the later ones are {', '.join(map(repr, others[:5]))}"
        for name, others in renamed.items()
    )
    return apart, tuple(notes)


def _unnamed_above_texts(names: list[str], rows: list[list[str]]) -> int:
    """How many columns after the first lack a name, if the first row has texts only, as a second header would."""
    first = [cell.strip() for cell in rows[0]] if rows else []
    if len(first) != len(names) or any(cell in MISSING or NUMBER.fullmatch(cell) for cell in first):
        return 0
    return sum(not name for name in names[1:])


def _lacks_last(names: list[str], rows: list[list[str]]) -> bool:
    """Whether the rows, but not the header, end with a delimiter."""
    return bool(rows) and all(len(row) == len(names) + 1 and not row[-1].strip() for row in rows)


def _lacks_first(names: list[str], rows: list[list[str]]) -> bool:
    """Whether the rows begin with names of their own, which the header does not name, as R writes it."""
    fits = [row for row in rows if len(row) == len(names) + 1]
    if len(fits) < 3 or len(fits) < 0.9 * len(rows) or any(NUMBER.fullmatch(name) for name in names):
        return False
    first = [row[0].strip() for row in fits]
    return len(set(first)) == len(first) and (len(names) > 1 or not any(map(NUMBER.fullmatch, first)))


def _are_units(rows: list[list[str]], width: int) -> bool:
    """Whether the first row holds units of all columns of numbers."""
    others = [row for row in rows[1:] if len(row) == width]
    if len(others) < 3 or len(rows[0]) != width:
        return False
    units = [cell.strip() for cell in rows[0]]
    columns = [[row[place].strip() for row in others] for place in range(width)]
    numeric = [_are_numbers(column) for column in columns]
    told = [cell for cell, numbers in zip(units, numeric, strict=True) if numbers]
    if not told or any(cell and ((cell in MISSING and cell != "-") or not UNIT.fullmatch(cell)) for cell in told):
        return False
    apart = all(
        numbers or cell not in column for cell, column, numbers in zip(units, columns, numeric, strict=True) if cell
    )
    return apart and sum(cell not in ("", "-") for cell in told) >= max(1, len(told) / 2)


def _are_numbers(cells: list[str]) -> bool:
    held = [cell for cell in cells if cell not in MISSING]
    return bool(held) and all(NUMBER.fullmatch(cell) is not None for cell in held)
