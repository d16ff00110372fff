"""What is said of cells that do not fit their column: an error, a note on dropped rows, or a note for each column."""

import json
from collections.abc import Iterable, Sequence

from batchwright.data.typed.advice import kind_setting, missing_setting
from batchwright.data.typed.cells import KEPT, LISTED, BadCell, BadCells, first_ten, more_note
from batchwright.errors import DataError

WORDS, REPEATED_WORDS = 3, 10
"""The most different texts in bad cells that may all be words for a missing cell, such as "k.A."; the same if they are
there twice on average."""


def bad_cells_error(name: str, bad: BadCells, *, place: str, hints: Iterable[str] = ()) -> DataError:
    """The error that lists the first ten bad cells, and says what to do; `place` is "line" or "row"."""
    listed = "\n".join(f"  {_where(cell, place)}, {cell}" for cell in bad.first[:LISTED])
    columns = [cell.column for cell in bad.first if cell.column is not None]
    wrong_bytes = any(" byte " in cell.value for cell in bad.first if cell.column is None)
    if columns:
        what = "cell that does not fit its column" if bad.count == 1 else "cells that do not fit their column"
        settings = _header_note(bad) or _all_columns_setting(bad, columns[0]) or _column_settings(bad, columns[0])
    else:
        quotes = any("quotation mark" in cell.value for cell in bad.first)
        wrong = "that cannot be taken apart" if quotes else "with the wrong number of fields"
        wrong = "with bytes that are no text" if wrong_bytes else wrong
        what = f"{'record' if bad.count == 1 else 'records'} {wrong}"
        settings = " `quote=none` takes quotation marks as text." if quotes else ""
    settings += " `encoding=NAME` names another encoding." if wrong_bytes else ""
    if len(columns) > 1 and {cell.line for cell in bad.first} == {2} and place == "line":
        settings += " If line 2 belongs to the header, `skip_lines=1` takes it as the header."
    first = " (the first ten are listed)" if bad.count > LISTED else ""
    them, rows = ("it", "this row") if bad.count == 1 else ("them", "these rows")
    advice = " ".join((*hints, f"Correct {them}, or leave {rows} out."))
    found = f"{name}: found {bad.count:,} {what}{first}:\n{listed}\n{advice}"
    return DataError(found, f"`on_bad_rows=drop` leaves {them} out.{settings}")


def dropped_note(bad: BadCells, rows: int, *, place: str, what: str = "dropped") -> str:
    """One sentence that counts the rows that were dropped, or were `what` else, and lists the first ten reasons."""
    listed = "; ".join(f"{_where(cell, place)} ({cell})" for cell in bad.first[:LISTED]) + more_note(bad.count)
    return f"{rows:,} {'row' if rows == 1 else 'rows'} {what}: {listed}"


def shown_notes(bad: BadCells, *, place: str) -> tuple[str, ...]:
    """A note for each column with bad cells, and one for records with the wrong number of fields, by first line."""
    columns = dict.fromkeys(cell.column for cell in bad.first)
    found = ((column, [cell for cell in bad.first if cell.column == column]) for column in columns)
    return tuple(
        _record_note(cells, place) if column is None else _column_note(column, cells, bad, place)
        for column, cells in found
    )


def _column_note(column: str, cells: Sequence[BadCell], bad: BadCells, place: str) -> str:
    listed = first_ten(f"{cell.value!r:.60} ({_where(cell, place)})" for cell in cells)
    what = f"{_count(cells)} not fit, as {cells[0].wanted} is expected: {listed}"
    return f"column {column!r}: {what}. A training stops there; `on_bad_rows=drop` leaves out such rows." + (
        _header_note(bad) or _column_settings(bad, column)
    )


def _record_note(cells: Sequence[BadCell], place: str) -> str:
    listed = first_ten(f"{_where(cell, place)} ({cell})" for cell in cells)
    return f"not shown: {listed}. A training stops there; `on_bad_rows=drop` leaves such rows out."


def _count(cells: Sequence[BadCell]) -> str:
    """How many cells these are, with a verb; only the first hundred of a column are known."""
    return "1 cell does" if len(cells) == 1 else f"{len(cells)} cells {'' if len(cells) < KEPT else 'or more '}do"


def _header_note(bad: BadCells) -> str:
    """Says that rows repeat the header, where all bad cells are the names of their columns; else nothing."""
    repeats = all(cell.value.strip() == cell.column for cell in bad.first)
    return " They repeat the header, as where files were joined." if repeats else ""


def _column_settings(bad: BadCells, column: str) -> str:
    """What can be said of the column: that some words mean missing, where all bad cells are such, and what it is."""
    texts = _words([cell.value for cell in bad.first if cell.column == column])
    missing = missing_setting(column, texts) if texts else "`missing`"
    means = f"takes {first_ten(map(repr, texts))} as missing" if texts else "says which texts mean missing"
    return f" {missing} {means}. {kind_setting(column, 'categorical')} takes the column as categories."


def _all_columns_setting(bad: BadCells, column: str) -> str:
    """What takes the words in bad cells as missing, where several columns hold such only; or this one as categories."""
    several = len({cell.column for cell in bad.first}) > 1
    texts = _words([cell.value for cell in bad.first]) if several and all(cell.column for cell in bad.first) else []
    missing = f"`missing={json.dumps(texts, ensure_ascii=False)}` takes such cells as missing"
    return f" {missing}. {kind_setting(column, 'categorical')} takes the column as categories." if texts else ""


def _words(values: Sequence[str]) -> list[str]:
    """The different texts, if all may be words for a missing cell; else none."""
    texts = sorted(set(values))
    few = len(texts) <= WORDS or (len(texts) <= REPEATED_WORDS and 2 * len(texts) <= len(values))
    return texts if few and not any(sign.isdigit() or sign == "`" for text in texts for sign in text) else []


def _where(cell: BadCell, place: str) -> str:
    return f"{cell.file} {place} {cell.line}" if cell.file else f"{place} {cell.line}"
