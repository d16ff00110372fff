"""What a person sees of what a model goes by."""

from collections.abc import Iterator

from rich.table import Table

from batchwright._shown import figure_text
from batchwright.explanation import ColumnImportance, Dependence, Explained

MOST_ROWS, MOST_CELLS, LONGEST = 20, 6, 24


def explained_parts(found: Explained) -> Iterator[Table | str]:
    """The lines and tables, from the most important to the least."""
    for note in found.notes:
        yield f"note: {note}"
    yield f"{found.rows:,} {found.part} rows, mean loss {figure_text(found.loss)}"
    if found.importance:
        yield "\nimportance: by how much the loss rises if the cells of a column are shuffled among the rows"
        yield _importance_table(found.importance)
    if found.groups:
        yield "\ncolumns that go with each other, shuffled together: alone, one stands in for the other"
        yield _importance_table(found.groups)
    if found.dependence:
        yield "\ndependence: the mean answer if all rows have the same value in a column"
        yield _dependence_table(found.dependence)
    if found.segments:
        yield f"\nweak segments: {found.error}, more than chance explains"
        yield _segments_table(found)
    yield "\nthe rows with the largest losses"
    yield _worst_table(found)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in columns:
        table.add_column(name.removeprefix("#"), justify="right" if name.startswith("#") else "left", overflow="fold")
    return table


def _importance_table(found: tuple[ColumnImportance, ...]) -> Table:
    table = _table("column", "#loss rises by", "95 % interval")
    for one in found[:MOST_ROWS]:
        table.add_row(one.name, figure_text(one.increase), f"{figure_text(one.low)} to {figure_text(one.high)}")
    if len(found) > MOST_ROWS:
        table.add_row(f"and {len(found) - MOST_ROWS:,} more", "", "")
    return table


def _dependence_table(found: tuple[Dependence, ...]) -> Table:
    """The lowest and the highest mean of the answer that a column changes most."""
    table = _table("column", "answer", "#lowest", "at", "#highest", "at")
    for one in found:
        answer = int((one.mean.max(axis=0) - one.mean.min(axis=0)).argmax())
        means = one.mean[:, answer]
        low, high = int(means.argmin()), int(means.argmax())
        ends = (figure_text(means[low]), _short(one.values[low]), figure_text(means[high]), _short(one.values[high]))
        table.add_row(one.column, one.answers[answer], *ends)
    return table


def _segments_table(found: Explained) -> Table:
    table = _table("rows where", "#rows", "#in them", "#in others")
    for one in found.segments:
        table.add_row(one.description, f"{one.rows:,}", figure_text(one.error), figure_text(one.others))
    return table


def _worst_table(found: Explained) -> Table:
    """The worst rows, with their cells in the most important columns."""
    of_classes = bool(found.worst) and found.worst[0].probability is not None
    shown = [one.columns[0] for one in found.importance[:MOST_CELLS]]
    table = _table("where", "true", "answer", *(["#probability of true"] if of_classes else []), "#loss", *shown)
    for row in found.worst[:MOST_ROWS]:
        probability = [figure_text(row.probability)] if of_classes else []
        cells = (_short(row.cells.get(name)) for name in shown)
        table.add_row(row.place, _short(row.true), _short(row.answer), *probability, figure_text(row.loss), *cells)
    return table


def _short(value: object) -> str:
    """A value in a few characters; nothing for a missing one. Several, as of several targets, are each given whole."""
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
