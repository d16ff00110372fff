"""Write the report of a run to a file."""

from pathlib import Path

from batchwright._files import write_file
from batchwright.errors import UsageError
from batchwright.report.contents import contents
from batchwright.report.page import GENERATOR, page
from batchwright.runs.run import Run

REPORT = "report.html"
BEGINNING = 1_000
"""Bytes of a file in which the mark of a report is looked for."""


def write_report(run: Run, path: Path | str | None = None) -> Path:
    """Write the report of a run, replacing an earlier one, and say where.

    Args:
        run: the run, however it ended.
        path: the file; None takes `report.html` in the run's folder.

    Raises:
        UsageError: the file cannot be written, or is there already and is no report.
    """
    path = run.path / REPORT if path is None else Path(path)
    if path.exists() and not _is_report(path):
        raise UsageError(f"{path} exists already and is not a report: give another name, or remove it.")
    write_file(path, page(contents(run)), overwrite=True)
    return path


def _is_report(path: Path) -> bool:
    """Whether a file begins as a report does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(BEGINNING)
