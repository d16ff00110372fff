"""Find the cells of a sheet that hold an error, such as #DIV/0!, which its reader takes as empty ones, or even as 0."""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree

EXCEL, OPEN_DOCUMENT = (".xlsx", ".xlsm"), ".ods"
CELL = re.compile(rb'<c\b([^>]*?\bt="e"[^>]*)>(?:(?!</c>).)*?<v>([^<]{1,20})</v>', re.DOTALL)
SHEET = re.compile(rb"<sheet\b[^>]*>")
RELATION = re.compile(rb"<Relationship\b[^>]*>")
SHOWN = 3

_NAMES = r"#(?:DIV/0!|N/A|REF!|VALUE!|NAME\?|NUM!|NULL!)|Err:[0-9]{3}"
ERROR = re.compile(_NAMES)
"""What LibreOffice shows in cells with errors."""
MAY_HOLD = re.compile(rf'"error"|>(?:{_NAMES})<'.encode())
"""What an OpenDocument file with error cells holds."""
MOST_ROWS, MOST_COLUMNS = 1 << 20, 1 << 14
"""The most rows of a sheet; more that are repeated were not written by a program."""
_URI = "urn:oasis:names:tc:opendocument:xmlns"
TABLE, ROW, NAME, FORMULA = (f"{{{_URI}:table:1.0}}{name}" for name in ("table", "table-row", "name", "formula"))
TIMES, ROWS_TIMES = (f"{{{_URI}:table:1.0}}number-{what}-repeated" for what in ("columns", "rows"))
PARAGRAPH = f"{{{_URI}:text:1.0}}p"
VALUE_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"


class ErrorCell(NamedTuple):
    """A cell with an error: the text that is shown in it, and its row and column from 0, if they are told."""

    error: str
    row: int | None
    column: int | None

    @property
    def place(self) -> str:
        """The name of the cell in its sheet; empty if it is not known.

        >>> ErrorCell("#N/A", 4, 2).place, ErrorCell("#N/A", 0, 27).place
        ('C5', 'AB1')
        """
        return "" if self.row is None or self.column is None else f"{_letters(self.column)}{self.row + 1}"


def find_errors(file: Path, sheet: str, number: int) -> list[ErrorCell]:
    """The error cells of a sheet of an .xlsx, .xlsm or .ods file, by its name and its number from 0.

    None are found in files of other kinds, and in those that are not written as usual.
    """
    ending = file.suffix.lower()
    if ending not in (*EXCEL, OPEN_DOCUMENT):
        return []
    try:
        with zipfile.ZipFile(file) as book:
            return list(_of_excel(book, number) if ending in EXCEL else _of_open_document(book, sheet))
    except (KeyError, IndexError, ValueError, zipfile.BadZipFile, ElementTree.ParseError):
        return []


def error_notes(errors: Sequence[ErrorCell]) -> tuple[str, ...]:
    """A note that counts the error cells, with the place of the first; none if there are none."""
    if not errors:
        return ()
    counts = Counter(cell.error for cell in errors)
    listed = ", ".join(f"{count:,} {error}" for error, count in counts.most_common(SHOWN))
    cells = "1 cell with an error is" if len(errors) == 1 else f"{len(errors):,} cells with errors are"
    first = next((cell.place for cell in errors if cell.place), "")
    where = f" ({first})" if len(errors) == 1 else f"; the first is {first}"
    return (f"{cells} taken as missing: {listed}{where if first else ''}",)


def _of_excel(book: zipfile.ZipFile, number: int) -> Iterator[ErrorCell]:
    for inside, error in CELL.findall(book.read(_file_of(book, number))):
        found = re.search(rb'\br="([A-Z]{1,3})([0-9]{1,7})"', inside)
        row, column = (None, None) if found is None else (int(found[2]) - 1, _number_of(found[1].decode()))
        yield ErrorCell(error.decode(), row, column)


def _file_of(book: zipfile.ZipFile, sheet: int) -> str:
    """The name of the file in a workbook that holds a sheet."""
    number = _attribute(SHEET.findall(book.read("xl/workbook.xml"))[sheet], rb"(?:[A-Za-z0-9]+:)id")
    for relation in RELATION.findall(book.read("xl/_rels/workbook.xml.rels")):
        if _attribute(relation, b"Id") == number:
            target = _attribute(relation, b"Target")
            return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
    raise KeyError(number)


def _attribute(element: bytes, name: bytes) -> str:
    found = re.search(rb"\s" + name + rb"\s*=\s*[\"']([^\"']*)[\"']", element)
    if found is None:
        raise KeyError(name)
    return found[1].decode()


def _of_open_document(book: zipfile.ZipFile, sheet: str) -> Iterator[ErrorCell]:
    if not MAY_HOLD.search(book.read("content.xml")):  # as taking it apart takes longer than reading it
        return
    inside, row = False, 0
    with book.open("content.xml") as content:
        for event, element in ElementTree.iterparse(content, ("start", "end")):
            if event == "start":
                inside = element.get(NAME) == sheet if element.tag == TABLE else inside
            elif element.tag == ROW and inside:
                times = int(element.get(ROWS_TIMES, "1"))
                for column, error in _errors_of_row(element):
                    yield from (ErrorCell(error, row + more, column) for more in range(min(times, MOST_ROWS)))
                row += times
                element.clear()


def _errors_of_row(row: ElementTree.Element) -> Iterator[tuple[int, str]]:
    """The column and the text of each error cell of a row."""
    column = 0
    for cell in row:
        times = int(cell.get(TIMES, "1"))
        shown = "".join("".join(part.itertext()) for part in cell.findall(PARAGRAPH))
        if cell.get(VALUE_TYPE) == "error" or (cell.get(FORMULA) is not None and ERROR.fullmatch(shown)):
            yield from ((column + more, shown or "error") for more in range(min(times, MOST_COLUMNS - column)))
        column += times


def _letters(column: int) -> str:
    """The letters of a column, A for 0."""
    before, last = divmod(column, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def _number_of(letters: str) -> int:
    """The column with these letters, 0 for A."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1
