"""The answers of a model for rows of any number, a piece at a time, and what was found in these rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from batchwright.data.encode.unfamiliar import Unfamiliar
from batchwright.data.formats.source import Source
from batchwright.data.typed.cells import LISTED, NONE_BAD
from batchwright.runs.intervals import cutoffs_of, promise_notes
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import load_model, predict_pieces, unanswered_note
from batchwright.runs.run import Run
from batchwright.tasks.regression import limit_note


class Answering:
    """The answers for the rows of a source; the counts are complete once all frames have been taken."""

    def __init__(
        self,
        model: SavedModel | Run,
        source: Source,
        *,
        keep: Sequence[str],
        on_bad_rows: str,
        uncertainty: bool = False,
        interval: float | None = None,
    ) -> None:
        """Take a model and a source, with arguments as `predict`; no row is read yet.

        Raises:
            UsageError: as `predict`, of an interval.
        """
        loaded = load_model(model)
        cutoffs_of(loaded, interval)  # raises before an output is begun
        self._interval, self._promises = interval, promise_notes(loaded, interval)
        self._pieces = predict_pieces(
            loaded, source, keep=keep, on_bad_rows=on_bad_rows, uncertainty=uncertainty, interval=interval
        )
        self._bad, self._place, self._unfamiliar = NONE_BAD, "row", Unfamiliar()
        self._rows = self._answered = self._limited = 0
        self._notes: tuple[str, ...] = ()

    def frames(self) -> Iterator[pl.DataFrame]:
        """The answers as frames of the same columns, in the order of the rows.

        Raises:
            DataError: as `predict`.
        """
        for predictions, rows in self._pieces:
            self._bad, self._place = (self._bad + rows.bad).cut(), rows.place
            self._unfamiliar += rows.unfamiliar
            self._notes += rows.notes
            self._rows += len(rows.fits)
            self._answered += int(rows.fits.sum())
            self._limited += predictions.limited
            yield predictions.frame()

    @property
    def rows(self) -> int:
        """The rows so far."""
        return self._rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the rows, one sentence each."""
        unanswered = unanswered_note(self._bad, self._rows - self._answered, self._place)
        limited = limit_note(self._limited, self._answered)
        return (*self._notes, *unanswered, *self._unfamiliar.notes(), *limited, *self._promises)

    def to_json(self) -> dict[str, Any]:
        """The counts as plain data."""
        first = [
            {self._place: cell.line, "column": cell.column, "value": cell.value} for cell in self._bad.first[:LISTED]
        ]
        return {
            "rows": self._rows,
            "answered": self._answered,
            "bad_cells": {"count": self._bad.count, "first": first},
            **self._unfamiliar.to_json(),
            "interval": self._interval,
            "notes": list(self.notes),
        }
