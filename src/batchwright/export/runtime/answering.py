"""Rows from Python, from CSV files and from arrays of images, and their answers."""

import csv
import io
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batchwright.export.runtime.cells import BadCell, read_column
from batchwright.export.runtime.graph import Model, run_graphs
from batchwright.export.runtime.unlike import notes_on

DELIMITERS = ",;\t|"
LISTED = 10
"""Bad cells that a message lists."""
FORMULA = re.compile(r"[=+@-].|[\t\r]", re.DOTALL)
"""How a text begins that a spreadsheet may take for a formula."""
PLAIN_NUMBER = re.compile(r"[+-]?[0-9.,' ]*[0-9][0-9.,' ]*(?:[eE][+-]?[0-9]+)? ?%?")


def answer(models: Sequence[Model], rows: Any) -> dict[str, np.ndarray]:
    """The answers for rows: dicts, columns by name, a data frame, or an array of images; arrays by name.

    Args:
        models: which begin with the one that takes rows, and go on with what it gives.
        rows: the rows.

    Raises:
        ValueError: a column is missing, or cells do not fit theirs.
    """
    return run_graphs(models, typed_rows(models[0], rows))


def notes_of(model: Model, rows: Any) -> list[str]:
    """What is unlike the training in rows, a sentence each; errors as `answer`."""
    return notes_on(model.known, typed_rows(model, rows))


def typed_rows(model: Model, rows: Any) -> dict[str, np.ndarray]:
    """Rows as typed columns; arguments and errors as `answer`."""
    if isinstance(rows, np.ndarray):
        return {_image_input(model)[0]: _images(model, rows)}
    if not isinstance(rows, Mapping) and not hasattr(rows, "columns"):
        rows = _columns_of(list(rows))
    columns = {unicodedata.normalize("NFC", str(name)): rows[name] for name in getattr(rows, "columns", rows)}
    return _typed(model, columns, None)


def typed_file(model: Model, path: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """The rows of a CSV file ("-": standard input), or the images in a .npy file, and notes on them.

    Raises:
        ValueError: as `answer`; or records have different lengths.
    """
    if path.endswith(".npy"):
        return typed_rows(model, np.load(path)), []
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    columns, lines, empty = _read_csv(model, data)
    typed = _typed(model, columns, lines)
    left = [f"{empty:,} line{'' if empty == 1 else 's'} of empty cells only left out"] if empty else []
    return typed, [*left, *notes_on(model.known, typed)]


def write_answers(answers: Mapping[str, np.ndarray], out: Any) -> None:
    """Write answers as CSV; ' is put before a text that a spreadsheet would take for a formula."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answers)
    writer.writerows(zip(*(map(_cell, column.tolist()) for column in answers.values()), strict=True))


def _cell(value: Any) -> Any:
    if not isinstance(value, str) or not FORMULA.match(value):
        return value
    return value if PLAIN_NUMBER.fullmatch(value) else f"'{value}"


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _typed(model: Model, columns: Mapping[str, Any], lines: Sequence[int] | None) -> dict[str, np.ndarray]:
    """The columns of the model as typed arrays."""
    names = [name for name, _, _ in model.inputs]
    if lacking := [name for name in names if name not in columns]:
        there = _listed(list(columns)) or "none"
        raise ValueError(f"the rows lack {_listed(lacking)}, which the model needs. Their columns: {there}.")
    typed, bad = dict[str, np.ndarray](), list[BadCell]()
    for reader in model.readers:
        cells = _cells(columns[reader["column"]], reader["kind"])
        typed[reader["column"]], found = read_column(reader, cells)
        bad += found
    for name, _, shape in model.inputs:
        if len(shape) == 3:
            typed[name] = _images(model, np.asarray(columns[name]))
    if len({len(array) for array in typed.values()}) > 1:
        raise ValueError(f"the columns have different lengths: { {name: len(one) for name, one in typed.items()} }")
    if bad:
        raise ValueError(_bad_cells(bad, lines))
    return typed


def _listed(names: Sequence[str]) -> str:
    """The first ten names, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(repr, names[:LISTED])) + more


def _cells(column: Any, kind: str) -> Any:
    """A column as a list, or as an array of numbers; dates of NumPy become those of Python."""
    if not hasattr(column, "dtype"):
        return list(column)
    array = np.asarray(column)
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]").tolist()
    if array.dtype.kind == "m":
        return array.astype("timedelta64[us]").tolist()
    return array if array.dtype.kind in "iuf" and kind == "number" else array.tolist()


def _bad_cells(bad: Iterable[BadCell], lines: Sequence[int] | None) -> str:
    """What does not fit, row by row."""
    ordered = sorted(bad, key=lambda cell: cell.row)
    place = "row" if lines is None else "line"
    number = (lambda row: row + 1) if lines is None else lines.__getitem__
    listed = "".join(
        f"\n  {place} {number(cell.row)}, column {cell.column!r}: {cell.value!r} is not {cell.wanted}"
        for cell in ordered[:LISTED]
    )
    what = "1 cell that does not fit its column" if len(ordered) == 1 else f"{len(ordered):,} cells that do not fit"
    first = " (the first ten are listed)" if len(ordered) > LISTED else ""
    return f"found {what}{first}:{listed}\nCorrect the cells, or leave the rows out."


def _read_csv(model: Model, data: bytes) -> tuple[dict[str, list[str]], list[int], int]:
    """The columns of a CSV file in UTF-8, the line on which each row begins, and how many lines hold no cell."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file is not in UTF-8 ({error.reason} at byte {error.start}): save it as such.") from None
    records, lines, empty = _records(text, _delimiter(model, text))
    if len(records) <= int(model.header):
        raise ValueError("the file has no rows.")
    if model.header:
        names, records, lines = records[0], records[1:], lines[1:]
    else:
        names = list(map(str, range(len(records[0]))))
    for record, line in zip(records, lines, strict=True):
        if len(record) != len(names):
            raise ValueError(f"line {line} has {len(record)} fields, expected {len(names)}.")
    names = [unicodedata.normalize("NFC", name.strip()) for name in names]
    if doubled := [name for name, _, _ in model.inputs if names.count(name) > 1]:
        raise ValueError(f"the file has several columns named {_listed(doubled)}: leave one, or rename the others.")
    return {name: [record[place] for record in records] for place, name in enumerate(names)}, lines, empty


def _records(text: str, delimiter: str) -> tuple[list[list[str]], list[int], int]:
    """The records, the line on which each begins, and how many lines of delimiters alone were left out.

    A blank line is no record. A quotation mark that is never closed would take all later rows into its cell: it is
    refused.
    """
    records, lines, before, empty, read = list[list[str]](), list[int](), 0, 0, list[str]()

    def listed() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            read.append(line)
            yield line

    reader = csv.reader(listed(), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for record in reader:
            written = "".join(read).strip("\r\n")
            if written.strip(delimiter):
                records.append(record)
                lines.append(before + 1)
            else:
                empty += bool(written)
            before = reader.line_num
            read.clear()
    except csv.Error as error:
        raise ValueError(f"the record of line {before + 1} cannot be taken apart: {error}.") from None
    return records, lines, empty


def _delimiter(model: Model, text: str) -> str:
    """The delimiter by which the first record has the most names of columns."""
    names, begun = {name for name, _, _ in model.inputs}, text.lstrip("\r\n")

    def found(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(begun, newline=""), delimiter=delimiter, skipinitialspace=True)
        first = next(reader, [])
        return len(names.intersection(name.strip() for name in first)), len(first)

    return max(DELIMITERS, key=found)


def _image_input(model: Model) -> tuple[str, tuple[int, ...]]:
    found = [(name, shape) for name, _, shape in model.inputs if len(shape) == 3]
    if not found or len(model.inputs) > 1:
        raise ValueError(
            "the model takes rows with columns, and not an array: give a list of dicts, or columns by name."
        )
    return found[0]


def _images(model: Model, images: np.ndarray) -> np.ndarray:
    """Images as bytes [rows, height, width, channels]; numbers from 0 to 1 are shares of 255."""
    shape = next(shape for _, _, shape in model.inputs if len(shape) == 3)
    images = images[..., None] if images.ndim == 3 and shape[2] == 1 else images
    if images.shape[1:] != shape or images.dtype.kind not in "biuf":
        raise ValueError(f"images are numbers of the shape (rows, {', '.join(map(str, shape))}), not {images.shape}.")
    if images.dtype == np.uint8 or images.size == 0:
        return images.astype(np.uint8)
    low, high = images.min(), images.max()
    if low >= 0 and high <= 255 and np.array_equal(images, np.trunc(images)):
        return images.astype(np.uint8)
    if low >= 0 and high <= 1:
        return np.floor(images * 255 + 0.5).astype(np.uint8)
    raise ValueError(f"images have bytes from 0 to 255, or numbers from 0 to 1, not from {low} to {high}.")


def main(models: Sequence[Model], arguments: Sequence[str], usage: str) -> int:
    """Answer a file as the command line asks, say what is odd about it, and give the exit code."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        sys.stderr.write(usage + "\n")
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    try:
        typed, notes = typed_file(models[0], arguments[0])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 2
    answers = run_graphs(models, typed)
    sys.stderr.write("".join(f"note: {note}\n" for note in notes))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    try:
        write_answers(answers, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
