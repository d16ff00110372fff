"""Find how a delimited text is laid out: what stands above the header and below the last row, and the columns' names.

It is found from the first lines and the last, which are the same whether the text is read whole or in pieces.
"""

import dataclasses
import re

from batchwright.data.formats.footers import find_footer
from batchwright.data.formats.headers import name_columns
from batchwright.data.formats.records import Left, Signs, count_lone_returns
from batchwright.data.formats.signs import (
    COMMENTS,
    NUMBER,
    choose_delimiter,
    choose_quote,
    sample_records,
    usual_width,
)
from batchwright.data.formats.titles import after_lines, find_title
from batchwright.data.formats.wrong_bytes import hide_wrong_bytes
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema, normal_name
from batchwright.errors import DataError

HEAD_BYTES, LARGEST_HEAD = 1 << 16, 1 << 24
"""Bytes of the beginning, and of the end, from which the layout is found; and at most, if lines are long."""
LINES_OF_HEAD = 12
SEPARATOR = re.compile(rb'"?sep=([^"\r\n])"?[ ;,\t]*\r?\n?', re.IGNORECASE)
"""The first line by which Excel is told the delimiter."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the records of a text are, and what its columns are called.

    Attributes:
        signs: what separates cells.
        start: bytes above the header, or above the first row.
        lines: lines in these bytes.
        footer: bytes below the last row.
        heads: records at the beginning that are no rows: the header, and a line of units.
        names: the columns.
        nameless: the positions of columns without a name, which are left out if all their cells are empty.
        notes: what was found, one sentence each.
    """

    signs: Signs
    start: int
    lines: int
    footer: int
    heads: int
    names: tuple[str, ...]
    nameless: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def is_enough(head: bytes, wanted: int) -> bool:
    """Whether the beginning of a text, of which `wanted` bytes were asked for, is enough to find the layout from."""
    return len(head) < wanted or wanted >= LARGEST_HEAD or head.count(b"\n") + head.count(b"\r") >= LINES_OF_HEAD


def find_layout(
    head: bytes, tail: bytes, options: TableOptions, name: str, *, schema: Schema | None, whole: bool
) -> Layout:
    """The layout of a text, called `name`.

    Args:
        head: its beginning.
        tail: its end.
        options: how it is read.
        name: what it is called in messages.
        schema: the columns, for rows given to a trained model.
        whole: whether `head` is all of it; otherwise its last line may be cut.

    Raises:
        DataError: there are no rows, or the header is not found.
    """
    head, tail = hide_wrong_bytes(head if whole else _whole_lines(head)), hide_wrong_bytes(tail)
    start, told = _told_start(head, options)
    delimiter = options.delimiter or told
    body = head[start:]
    quote = choose_quote(options.quote, body)
    comment = _told_comment(options.comment)
    found = None if options.comment is not None else find_comments(body)
    signs = choose_delimiter(delimiter, body, quote, comment if found is None else found.sign)
    notes = _notes_on_signs(signs, options)
    if found is not None:
        above, signs, said = _apply_comments(found, body, signs, header=options.header)
        start, notes = start + above, [*notes, *said]
    if options.skip_lines is None and not _names_inputs(head[start:], signs, schema, header=options.header):
        above, said = find_title(head[start:], signs, name, header=options.header, lines=_count_lines(head[:start]))
        start, notes = start + above, [*notes, *said]
    records = sample_records(head[start:], signs)
    lines = _count_lines(head[:start])
    named = name_columns(records, options, schema, name, line=lines + 1)
    if any("\0" in column for column in named.names):
        raise DataError(
            f"{name}, line {lines + int(records.lines[0])}: the header holds a byte that is no text. Save the file in "
            "UTF-8.",
            "`encoding=NAME` names another encoding.",
        )
    width = len(named.names)
    footer, below = find_footer(tail[max(0, len(tail) - len(head) + start) if whole else 0 :], signs, width)
    return Layout(signs, start, lines, footer, named.heads, named.names, named.nameless, (*notes, *named.notes, *below))


def _names_inputs(text: bytes, signs: Signs, schema: Schema | None, *, header: bool) -> bool:
    """Whether the first record names all inputs of a trained model, so that it is the header."""
    records = sample_records(text, signs)
    if schema is None or not header or not len(records):
        return False
    return set(schema.used) <= {normal_name(cell.strip()) for cell in records.cells(0)}


def left_out_notes(left: Left, signs: Signs, empty_columns: int) -> tuple[str, ...]:
    """What was left out of a text, counted."""
    counted = (
        (left.comments, "comment line", f" that begin{'s' if left.comments == 1 else ''} with {signs.comment!r}"),
        (left.empty, "line", " of empty cells only"),
        (empty_columns, "column", " without a name and without a cell"),
    )
    return tuple(
        f"{count:,} {what}{'' if count == 1 else 's'}{which} left out" for count, what, which in counted if count
    )


def _notes_on_signs(signs: Signs, options: TableOptions) -> list[str]:
    """What was found, where it is not what a file of delimited text usually has."""
    blanks = ["cells are separated by runs of blanks"] if signs.blanks and options.delimiter is None else []
    return [*blanks, "cells are in single quotation marks"] if signs.quote == "'" and options.quote is None else blanks


def _whole_lines(head: bytes) -> bytes:
    end = max(head.rfind(b"\n"), head.rfind(b"\r") if b"\n" not in head else -1)
    return head[: end + 1] or head


def _count_lines(text: bytes) -> int:
    return text.count(b"\n") + count_lone_returns(text)


def _told_start(head: bytes, options: TableOptions) -> tuple[int, str | None]:
    """Where the text begins after the lines to skip and a line `sep=;`, and the delimiter that this line tells."""
    start = after_lines(head, options.skip_lines or 0)
    told = SEPARATOR.match(head, start)
    if told is None or (told.end() < len(head) and not told[0].endswith((b"\n", b"\r"))):
        return start, None
    return told.end(), told[1].decode("latin-1")


def _told_comment(told: str | None) -> str:
    if told is None or told == "none":
        return ""
    if not told.isascii() or told.isspace() or not told:
        raise DataError(f"comment {told!r} cannot be used: give what such lines begin with, such as '#', or 'none'.")
    return told


@dataclasses.dataclass(frozen=True)
class FoundComments:
    """Comment lines at the beginning: their sign, how many, and where the last and the line after it begin."""

    sign: str
    lines: int
    last: int
    after: int


def find_comments(text: bytes) -> FoundComments | None:
    r"""The comment lines with which a text begins, unless all lines begin like them.

    >>> find_comments(b"# made by a logger\nx,y\n1,2\n")
    FoundComments(sign='#', lines=1, last=0, after=19)
    """
    sign = next((sign for sign in COMMENTS if text.startswith(sign.encode())), None)
    if sign is None:
        return None
    lines = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", text)
    mark, count = sign.encode(), 0
    while count < len(lines) and (lines[count].startswith(mark) or (not lines[count].strip() and count)):
        count += 1
    rest = [line for line in lines[count:] if line.strip()]
    if not rest or sum(line.startswith(mark) for line in rest) > 0.1 * len(rest):
        return None
    last = max(place for place in range(count) if lines[place].startswith(mark))
    marked = sum(line.startswith(mark) for line in lines[:count])
    return FoundComments(sign, marked, sum(map(len, lines[:last])), sum(map(len, lines[:count])))


def _apply_comments(found: FoundComments, body: bytes, signs: Signs, *, header: bool) -> tuple[int, Signs, list[str]]:
    """The bytes above the header, the signs, and notes; the last comment may be the header, of a table of numbers.

    Where later rows begin with the sign as well, only the first lines are comments.
    """
    plain = dataclasses.replace(signs, comment="")
    rest = sample_records(body[found.after :], plain)
    width, _, _ = usual_width(rest) if len(rest) else (1, 0.0, 0)
    later = [place for place in range(len(rest)) if rest.data[rest.starts[place]] == ord(found.sign[0])]
    are_rows = any(rest.fields[place] == width for place in later)
    named = body[found.last + len(found.sign) : found.after].strip(b" \t")
    heading = sample_records(named, plain) if named else rest[:0]
    fits = len(heading) == 1 and int(heading.fields[0]) == width > 1
    numbers = len(rest) > 0 and any(NUMBER.fullmatch(cell.strip()) for cell in rest.cells(0))
    signs = plain if are_rows else signs
    if header and fits and numbers:
        above = found.last + len(found.sign)
        return above, signs, [f"a line that begins with {found.sign!r} names the columns"]
    if are_rows:
        count = "1 line" if found.lines == 1 else f"{found.lines} lines"
        return found.after, signs, [f"{count} above the {'header' if header else 'first row'} left out: comments"]
    return 0, signs, []
