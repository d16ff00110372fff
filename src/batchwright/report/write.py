"""Write a report to a file."""

from pathlib import Path

from batchwright._files import require_writable, write_file
from batchwright.errors import UsageError
from batchwright.report.blocks import Contents
from batchwright.report.contents import Subject, contents
from batchwright.report.page import GENERATOR, page

REPORT = "report.html"
BEGINNING = 1_000
"""Bytes of a file in which the mark of a report is looked for."""


def write_report(of: Subject, path: Path | str | None = None) -> Path:
    """Write the report of a run, a search or a comparison, replacing an earlier one, and say where.

    Args:
        of: the run, however it ended; or the search, as far as it got; or the comparison.
        path: the file; None takes `report.html` in its folder.

    Raises:
        UsageError: the file cannot be written, or is there already and is no report.
    """
    path = of.path / REPORT if path is None else Path(path)
    require_report_place(path)
    return write_page(contents(of), path)


def write_page(found: Contents, path: Path) -> Path:
    """Write contents as a page, replacing an earlier report, and say where.

    Raises:
        UsageError: as for `write_report`.
    """
    require_report_place(path)
    write_file(path, page(found), overwrite=True)
    return path


def require_report_place(path: Path) -> None:
    """Refuse a file that a report could not be written to, before anything is computed for it.

    Raises:
        UsageError: it is there already and is no report, or cannot be made.
    """
    if path.exists() and not _is_report(path):
        raise UsageError(f"{path} exists already and is not a report: give another name, or remove it.")
    require_writable(path)


def _is_report(path: Path) -> bool:
    """Whether a file begins as a report does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(BEGINNING)
