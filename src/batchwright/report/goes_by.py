"""What the model goes by: importance, columns that go with each other, dependence, weak segments, the worst rows."""

from typing import Any

import numpy as np

from batchwright.explanation import ColumnImportance, Dependence, Explained
from batchwright.figures import Axis, Bar, Line, bars, line_chart
from batchwright.report.blocks import Block, Cell, Chart, Grid, Points, Section, Words
from batchwright.report.gathered import Gathered
from batchwright.report.rows_shown import RowsShown, shown_name, shown_value

MOST_BARS, MOST_ROWS, MOST_DEPENDENCES, MOST_ANSWERS = 20, 20, 8, 5
SIZE: dict[str, Any] = {"width": 480.0, "height": 300.0}


def importance_section(found: Gathered) -> Section:
    """What columns matter, and how the answers change with them."""
    explained = found.explained
    if explained is None:
        words = "It takes the rows and the model to say what the model goes by, and one of them is not there."
        return Section("importance", "What the model goes by", (Words(words),))
    blocks = [*_importance(explained), *(_dependence(one) for one in explained.dependence[:MOST_DEPENDENCES])]
    notes = [Points(explained.notes)] if explained.notes else []
    empty = [Words("The rows have no columns to shuffle: the input is a whole image.")] if not blocks else []
    return Section("importance", "What the model goes by", (*blocks, *empty, *notes))


def _importance(explained: Explained) -> list[Block]:
    if not explained.importance:
        return []
    words = (
        f"By how much the mean loss of {explained.loss:.4g} rises if the cells of a column are shuffled among the "
        "rows, with 95 % intervals."
    )
    blocks: list[Block] = [_bars("Importance", explained.importance, words)]
    if explained.groups:
        said = "Shuffled together: alone, each of these columns may look unimportant, as the others stand in for it."
        blocks.append(_bars("Columns that go with each other", explained.groups, said))
    if explained.correlated:
        pairs: tuple[tuple[Cell, ...], ...] = tuple(
            (shown_name(pair.first), shown_name(pair.second), pair.correlation)
            for pair in explained.correlated[:MOST_ROWS]
        )
        heads = ("column", "goes with", "correlation of ranks")
        blocks.append(Grid("Correlated columns: read their importance together", heads, pairs))
    return blocks


def _bars(title: str, found: tuple[ColumnImportance, ...], words: str) -> Chart:
    drawn = [Bar(shown_name(one.name), one.increase, one.low, one.high) for one in found[:MOST_BARS]]
    more = f" {len(found) - MOST_BARS:,} less important ones are not drawn." * (len(found) > MOST_BARS)
    return Chart(bars(drawn, Axis("rise of the loss"), title=title, width=480), words + more)


def _dependence(one: Dependence) -> Chart:
    """The mean answer where all rows have the same value in a column, with the band of the middle 80 % of the rows."""
    name = shown_name(one.column)
    order = np.argsort(-np.ptp(one.mean, axis=0), kind="stable")[:MOST_ANSWERS].tolist()
    words = "Mean answer, all other columns as they are" + (
        "; the middle 80 % of the rows." if len(order) == 1 else "."
    )
    title = f"Dependence on {name}"
    if all(isinstance(value, int | float) for value in one.values):
        lines = [_line(one, answer, band=len(order) == 1) for answer in order]
        answer = shown_name(one.answers[order[0]]) if len(order) == 1 else "answer"
        return Chart(line_chart(lines, Axis(name), Axis(answer), title=title, **SIZE), words)
    answer = order[0]
    drawn = [
        Bar(str(shown_value(value)), float(mean), float(low), float(high))
        for value, mean, low, high in zip(
            one.values, one.mean[:, answer], one.low[:, answer], one.high[:, answer], strict=True
        )
    ]
    axis = Axis(shown_name(one.answers[answer]))
    return Chart(bars(drawn, axis, title=title, width=SIZE["width"]), "Mean answer; the middle 80 % of the rows.")


def _line(one: Dependence, answer: int, *, band: bool) -> Line:
    values = np.array(one.values, np.float64)
    low, high = (one.low[:, answer], one.high[:, answer]) if band else (None, None)
    name = "mean" if band else shown_name(one.answers[answer])
    return Line(name, values, one.mean[:, answer], low, high, points=True)


def segments_section(found: Gathered) -> Section:
    """Kinds of rows that are answered worse than the others."""
    explained = found.explained
    if explained is None or not explained.segments:
        words = "No kind of rows is answered worse than the others by more than chance explains."
        return Section("segments", "Weak segments", (Words(words if explained else "There are no rows to look at."),))
    rows = tuple(
        (shown_name(one.description), one.rows, one.error, one.others, one.error - one.others)
        for one in explained.segments
    )
    heads = ("rows where", "rows", "in them", "in the others", "difference")
    caption = f"Kinds of rows with a larger {explained.error}, more than chance explains"
    return Section("segments", "Weak segments", (Grid(caption, heads, rows),))


def worst_section(found: Gathered) -> Section:
    """The rows with the largest losses, with their values."""
    explained, measured = found.explained, found.measured
    if explained is None or measured is None:
        return Section("worst", "Worst rows", (Words("There are no rows to look at."),))
    rows = RowsShown(found, measured)
    of_classes = bool(explained.worst) and explained.worst[0].probability is not None
    shown = []
    for one in explained.worst[:MOST_ROWS]:
        place, *values = rows.cells(one.number)
        probability = (one.probability,) if of_classes else ()
        shown.append((place, shown_value(one.true), shown_value(one.answer), *probability, one.loss, *values))
    first, *others = rows.heads
    heads = (first, "true", "answer", *(("probability of true",) if of_classes else ()), "loss", *others)
    caption = f"The {len(shown)} {explained.part} rows with the largest losses"
    return Section("worst", "Worst rows", (Grid(caption, heads, tuple(shown)),))
