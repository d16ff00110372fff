"""Count the cells of an Excel sheet that hold an error, such as #DIV/0!, which its reader takes as empty ones."""

import re
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

ERROR = re.compile(rb'<c\b[^>]*?\bt="e"[^>]*>(?:(?!</c>).)*?<v>([^<]{1,20})</v>', re.DOTALL)
SHEET = re.compile(rb"<sheet\b[^>]*>")
RELATION = re.compile(rb"<Relationship\b[^>]*>")
SHOWN = 3


def error_notes(file: Path, sheet: int) -> tuple[str, ...]:
    """A note on the error cells of sheet number `sheet`, from 0, of an .xlsx or .xlsm file; none for other files."""
    if file.suffix.lower() not in (".xlsx", ".xlsm"):
        return ()
    try:
        with zipfile.ZipFile(file) as book:
            found = Counter(error.decode() for error in ERROR.findall(book.read(_file_of(book, sheet))))
    except (KeyError, IndexError, zipfile.BadZipFile, UnicodeDecodeError):  # not as Excel writes it
        return ()
    if not found:
        return ()
    listed = ", ".join(f"{count:,} {error}" for error, count in found.most_common(SHOWN))
    cells = "1 cell with an error is" if found.total() == 1 else f"{found.total():,} cells with errors are"
    return (f"{cells} taken as missing: {listed}",)


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
