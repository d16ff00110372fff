"""Log the figures of each epoch to a CSV file: a line an epoch, a column a figure."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchwright._files import write_file
from batchwright.errors import UsageError
from batchwright.measure.layers import PREFIX
from batchwright.tracking.records import append_whole
from batchwright.tracking.tracker import EPOCH, About, Ending, Epoch

FIRST = (EPOCH, "iteration", "seconds", "learning_rate", "loss")
"""The columns that are first, in this order."""
MEASURED = "val_"
"""What the names of metrics of validation rows begin with: these columns come next."""


class CsvFile:
    """Log one run to a file. The second training of a refit has no lines: its epochs have the same numbers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: tuple[str, ...] = ()
        self._last = 0

    def start(self, about: About, earlier: str) -> str:
        """Take the file, or go on with it where an earlier run has written it."""
        if earlier and self._path.exists():
            rows = self._rows()
            self._columns = tuple(rows[0]) if rows else ()
            self._last = int(rows[-1][EPOCH]) if rows else 0
        return self._path.name

    def add(self, epochs: Sequence[Epoch]) -> None:
        """Append lines; an epoch that comes again replaces its line and those after it."""
        for epoch in epochs:
            if not epoch.again:
                self._add(epoch)

    def end(self, ending: Ending) -> None:
        """Every line has been written."""

    def _add(self, epoch: Epoch) -> None:
        row = {name: _cell(value) for name, value in epoch.row.items()}
        columns = _in_order((*self._columns, *(name for name in row if name not in self._columns)))
        if columns == self._columns and epoch.number > self._last:
            append_whole(self._path, _lines(columns, [row]))
        else:
            kept = [one for one in self._rows() if int(one[EPOCH]) < epoch.number] if self._columns else []
            head = dict(zip(columns, columns, strict=True))
            write_file(self._path, _lines(columns, [head, *kept, row]), overwrite=True)
        self._columns, self._last = columns, epoch.number

    def _rows(self) -> list[dict[str, str]]:
        """The lines of the file.

        Raises:
            UsageError: it is not one of epochs.
        """
        with self._path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames is None or reader.fieldnames[0] != EPOCH:
                raise UsageError(f"{self._path} has no column {EPOCH!r} first: it is not a log of epochs.")
            return list(reader)


def _in_order(columns: Sequence[str]) -> tuple[str, ...]:
    """Columns as a person looks for them, whichever epoch has brought them: where one is, losses and metrics, the rest.

    >>> _in_order(("epoch", "layers/a/gradient", "val_loss", "loss", "seconds"))
    ('epoch', 'seconds', 'loss', 'val_loss', 'layers/a/gradient')
    """
    return tuple(sorted(columns, key=_rank))


def _rank(column: str) -> int:
    """The place of a column among the others; those of the same rank stay in the order in which they came."""
    if column in FIRST:
        return FIRST.index(column)
    return len(FIRST) + (0 if column.startswith(MEASURED) else 1 + column.startswith(PREFIX))


def _cell(value: float) -> str:
    """A number with all its digits; nothing for one that is not finite."""
    return (str(value) if isinstance(value, int) else repr(float(value))) if math.isfinite(value) else ""


def _lines(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """Lines of CSV as bytes."""
    text = io.StringIO(newline="")
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
