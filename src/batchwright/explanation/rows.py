"""The rows to explain a model on: those of the run itself, or of a source that is given."""

from dataclasses import dataclass, replace

import numpy as np

from batchwright.data.dataset import Split
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.source import Source
from batchwright.data.new_rows import encode_labelled
from batchwright.data.typed.rows import Rows
from batchwright.runs.run import Run
from batchwright.workflow.rows_again import RowsAgain, read_rows_again


@dataclass(frozen=True)
class LabelledRows:
    """Rows as they were read, and the same encoded, with their targets.

    `part` is what they are called, `positions` are their numbers in the source from 0, and None where they have not
    been drawn from it.
    """

    part: str
    rows: Rows
    split: Split
    positions: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def rows_of_run(run: Run) -> LabelledRows:
    """The test rows of a run; the validation rows, where it has none and has not learned them, or the training rows.

    Raises:
        RunError: the rows cannot be read again, or are no longer those that the run was trained on.
    """
    return rows_to_explain(read_rows_again(run, instead="name a source of rows"))


def rows_to_explain(again: RowsAgain) -> LabelledRows:
    """The rows of the first part that the model has not learned, or else the training rows."""
    parts = (*again.held_out, "train")
    return rows_of_part(again, next(name for name in parts if name in again.dataset.parts))


def rows_of_part(again: RowsAgain, part: str) -> LabelledRows:
    """The rows of a part that there is."""
    return LabelledRows(part, again.parted.rows[part], again.dataset.parts[part], again.parted.positions.get(part))


def rows_of_source(source: Source, encoding: Encoding) -> LabelledRows:
    """The rows of another source, with their targets.

    Raises:
        DataError: they are not of the kind that the model was trained on, or have no targets.
    """
    found = encode_labelled(source, encoding, options=replace(encoding.reading, on_bad_rows="stop"))
    return LabelledRows(str(source), found.source, found.rows, notes=found.notes)
