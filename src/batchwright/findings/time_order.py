"""Rows in the order of time, with validation and test rows drawn from among them."""

import numpy as np

from batchwright.data.dataset import Dataset
from batchwright.data.encode.encoders import ELAPSED
from batchwright.findings.columns import columns
from batchwright.findings.finding import Finding
from batchwright.findings.told import NOTHING_TOLD, Told, drawn_parts

FEWEST_TIMES = 10
"""Distinct times from which an order is none by chance."""


def time_order(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """A column of dates that never goes back from a row to the next, where rows before and after are held out.

    What is drawn from between training rows is easier to answer than what comes after them.
    """
    drawn = drawn_parts(dataset)
    held_out = [getattr(dataset.indices, part) for part in drawn]
    if not drawn or told.data.group is not None or np.concatenate(held_out).min() > dataset.indices.train.max():
        return ()
    name = _ordered_by(dataset)
    if name is None:
        return ()
    instead = ", in place of `data.split`" if told.data.split == "shuffled" else ""
    return (
        Finding(
            "time order",
            "note",
            f"the rows are in the order of column {name!r}, and {' and '.join(drawn)} rows are drawn from among them: "
            "they say how well gaps are filled, and not how well later rows are predicted",
            f"if later rows are to be predicted, let the last ones be the test: `data.time={name}`{instead}",
        ),
    )


def _ordered_by(dataset: Dataset) -> str | None:
    """The first column of dates that the rows are in the order of, from the first or from the last."""
    for column in columns(dataset):
        for part in column.parts:
            times = part.values[~column.missing]
            is_time = part.name == f"{column.name} {ELAPSED}" and len(np.unique(times)) >= FEWEST_TIMES
            if is_time and ((steps := np.diff(times)) >= 0).all() | (steps <= 0).all():
                return column.name
    return None
