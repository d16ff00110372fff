"""Which validation rows were answered wrongly longest, with the epoch of the last mistake."""

from typing import Any

import numpy as np

from batchwright.errors import BatchwrightError
from batchwright.figures import Axis, histogram
from batchwright.report.blocks import Cell, Chart, Grid, Section, Words
from batchwright.report.gathered import Gathered
from batchwright.report.rows_shown import RowsShown, shown_value
from batchwright.runs.run import LastWrong

NAME, TITLE = "mistakes", "Rows answered wrongly longest"
MOST_ROWS = 30
SIZE: dict[str, Any] = {"width": 480.0, "height": 300.0}


def mistakes_section(found: Gathered) -> Section:
    """The validation rows by the epoch of their last mistake, the latest first; or why that is not known."""
    try:
        last = found.run.last_wrong()
    except BatchwrightError:
        last = None
    if last is None or not len(last.epochs):
        words = "It was not kept after which epoch each validation row was last answered wrongly."
        return Section(NAME, TITLE, (Words(words),))
    trained = max([int(row.get("epoch", 0)) for row in found.history], default=0)
    never, still = int((last.epochs == 0).sum()), int((last.epochs == trained).sum())
    said = (
        f"Of {len(last.epochs):,} validation rows, {never:,} were never answered wrongly after an epoch, and {still:,} "
        f"still were after the last, epoch {trained:,}. Rows that stay wrong may be labelled wrongly, or be unlike the "
        "others."
    )
    if never == len(last.epochs):
        return Section(NAME, TITLE, (Words(said),))
    ever = last.epochs[last.epochs > 0]
    axis = Axis("epoch of the last mistake", low=0.0)
    words = "Rows that were wrong at least once, by the last epoch after which they were."
    chart = Chart(histogram(ever, axis, title="Last mistakes of the validation rows", **SIZE), words)
    return Section(NAME, TITLE, (Words(said), chart, _rows(found, last, trained)))


def _rows(found: Gathered, last: LastWrong, trained: int) -> Grid:
    """The rows with the latest last mistakes; of equal ones, those first whose true class is least probable now."""
    shown = found.validation
    at_hand = shown is not None and shown.labelled.split.rows == len(last.epochs)
    given = np.zeros(len(last.epochs))
    if shown is not None and at_hand and shown.probability is not None:
        given = shown.probability
    order = np.lexsort((given, -last.epochs))
    chosen = [int(place) for place in order[:MOST_ROWS] if last.epochs[place] > 0]
    wrong = int((last.epochs > 0).sum())
    left = f"; {len(chosen)} of {wrong:,}" * (len(chosen) < wrong)
    caption = f"Validation rows that were wrong longest, of {trained:,} epochs{left}"
    if shown is None or not at_hand:
        rows = tuple((f"row {int(last.rows[place]) + 1:,}", int(last.epochs[place])) for place in chosen)
        return Grid(f"{caption}; the rows are not at hand", ("row", "last wrong after epoch"), rows)
    cells = RowsShown(found, shown)
    made = list[tuple[Cell, ...]]()
    for place in chosen:
        where, *values = cells.cells(place)
        probability = () if shown.probability is None else (float(shown.probability[place]),)
        answer = (shown_value(_plain(shown.true[place])), shown_value(_plain(shown.given[place])))
        made.append((where, int(last.epochs[place]), *answer, *probability, *values))
    first, *others = cells.heads
    of_true = () if shown.probability is None else ("probability of true",)
    return Grid(caption, (first, "last wrong after epoch", "true", "answer", *of_true, *others), tuple(made))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
