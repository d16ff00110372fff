"""Answers as CSV or Parquet, written some rows at a time, so that there may be any number of them."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from batchwright._files import explain_write_errors, hidden_path, new_file

FORMULA = r"^(?:[=+@-].|[\t\r])"
"""How a text begins that a spreadsheet may take for a formula."""
NUMBER = r"^[+-]?[0-9.,' ]*[0-9][0-9.,' ]*(?:[eE][+-]?[0-9]+)? ?%?$"


class Quoted(NamedTuple):
    """A frame whose texts are no formulas, how many were changed, and the first of these as it was."""

    frame: pl.DataFrame
    cells: int
    example: str | None


def quote_formulas(frame: pl.DataFrame) -> Quoted:
    """The frame with ' before each text that a spreadsheet would take for a formula; numbers stay as they are.

    >>> quote_formulas(pl.DataFrame({"a": ["=1+1", "-5", "+", "x"]})).frame["a"].to_list()
    ["'=1+1", '-5', '+', 'x']
    """
    texts = [column for column in frame.get_columns() if column.dtype in (pl.String, pl.Categorical, pl.Enum)]
    cells, example, changed = 0, None, []
    for column in texts:
        text = column.cast(pl.String)
        risky = (text.str.contains(FORMULA) & ~text.str.contains(NUMBER)).fill_null(value=False)
        if risky.any():
            cells, example = cells + int(risky.sum()), example or text.filter(risky)[0]
            changed.append(text.zip_with(~risky, "'" + text))
    return Quoted(frame.with_columns(changed), cells, example)


def csv_text(frame: pl.DataFrame, *, header: bool = True) -> str:
    r"""The frame as CSV, without a blank line: a missing cell that is alone in its row is written as two quotes.

    Many programs skip blank lines, so that all later rows would move up.

    >>> csv_text(pl.DataFrame({"a": [1.5, None, 2.0]}))
    'a\n1.5\n""\n2.0\n'
    """
    if frame.width == 1 and frame.to_series().null_count():
        frame = frame.select(pl.all().cast(pl.String).fill_null(""))
    return frame.write_csv(include_header=header)


def write_csv_pieces(frames: Iterable[pl.DataFrame], write: Callable[[str], object]) -> tuple[str, ...]:
    """Write frames of the same columns as one CSV; `write` takes text.

    Returns:
        A note if texts were quoted, so that a spreadsheet takes none for a formula.
    """
    cells, example = 0, None
    for number, frame in enumerate(frames):
        quoted = quote_formulas(frame)
        cells, example = cells + quoted.cells, example or quoted.example
        write(csv_text(quoted.frame, header=number == 0))
    if not cells:
        return ()
    begin = "1 cell begins" if cells == 1 else f"{cells:,} cells begin"
    return (f"{begin} as a formula does (such as {example!r}): written with ' before it, so that it stays text",)


def write_csv_file(frames: Iterable[pl.DataFrame], path: Path) -> tuple[str, ...]:
    """Write frames of the same columns as one CSV file, which appears whole or not at all; notes as above.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        return write_csv_pieces(frames, file.write)


def write_parquet_file(frames: Iterable[pl.DataFrame], path: Path) -> tuple[str, ...]:
    """Write frames of the same columns as one Parquet file, which appears whole or not at all.

    Each frame becomes a file in a hidden folder first.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    with new_file(path) as temporary:
        folder = hidden_path(path)
        folder.mkdir()
        try:
            parts = []
            for number, frame in enumerate(frames):
                parts.append(folder / f"{number}.parquet")
                with explain_write_errors(path):
                    frame.write_parquet(parts[-1])
            pl.scan_parquet(parts, glob=False).sink_parquet(temporary)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return ()
