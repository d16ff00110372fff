"""The rows that a model answers worst, with their cells."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from batchwright.data.typed.images import Images
from batchwright.explanation.rows import LabelledRows

WORST = 20


@dataclass(frozen=True)
class WorstRow:
    """A row, where it is, its true target, the model's answer, what it loses, and its cells by column.

    `place` is a line of the file, a row of the source, or an image's file; `number` is the row's number among those
    that are explained, from 0. `probability` is that of the true class; None where there are no classes.
    """

    place: str
    number: int
    true: Any
    answer: Any
    loss: float
    probability: float | None
    cells: dict[str, Any]


def worst_rows(
    labelled: LabelledRows,
    losses: Float64[np.ndarray, " rows"],
    true: np.ndarray,
    answers: np.ndarray,
    probabilities: Float64[np.ndarray, " rows"] | None,
    *,
    most: int = WORST,
) -> tuple[WorstRow, ...]:
    """The rows with the largest losses, the worst first; of equal ones, the first.

    Args:
        labelled: the rows.
        losses: of each.
        true: the true target of each, as a person reads it.
        answers: what the model says of each.
        probabilities: of the true class.
        most: how many.
    """
    chosen = np.argsort(-losses, kind="stable")[:most]
    return tuple(
        WorstRow(
            place_of(labelled, number),
            number,
            plain_value(true[number]),
            plain_value(answers[number]),
            float(losses[number]),
            None if probabilities is None else float(probabilities[number]),
            _cells(labelled, number),
        )
        for number in chosen.tolist()
    )


def place_of(labelled: LabelledRows, number: int) -> str:
    """Where the row is in its source."""
    rows = labelled.rows
    if isinstance(rows, Images):
        if rows.files is not None:
            return rows.files[number]
    elif rows.lines is not None:
        return rows.places(np.array([number]))
    where = number if labelled.positions is None else int(labelled.positions[number])
    return f"{'image' if isinstance(rows, Images) else 'row'} {where + 1}"


def _cells(labelled: LabelledRows, number: int) -> dict[str, Any]:
    """The cells of a row but for pixels, by column."""
    if isinstance(labelled.rows, Images):
        return {}
    pixels = {column.name for column in labelled.rows.columns if column.kind == "image"}
    frame = labelled.rows.frame.select([name for name in labelled.rows.frame.columns if name not in pixels])
    return {name: plain_value(cell) for name, cell in frame.row(number, named=True).items()}


def plain_value(value: Any) -> Any:
    """A value as a number or a text; several answers as a list; None for a missing cell."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value if value is None or isinstance(value, bool | int | float | list) else str(value)
