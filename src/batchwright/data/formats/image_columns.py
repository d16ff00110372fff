"""Columns of a table whose cells name image files.

First `recognise` says which columns name images; their cells stay names. Then `image_decoding` turns the names into
cells that hold the pixels of an image one after the other, all of the same size.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from batchwright.data.formats.image_decoding import Decoded, decode_images, drop_or_stop
from batchwright.data.formats.image_places import Places, listed_folders, places_of, some_of
from batchwright.data.formats.image_tree import ENDINGS
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.distinct import without_nulls
from batchwright.data.typed.inference import FITTING, UNIQUE
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

ENDING = rf"(?i)({'|'.join(ending.replace('.', '[.]') for ending in ENDINGS)})$"
LOOKED_AT = 1000
"""Rows that are looked at first, where looking at all of them would take long."""
LOST = "names images"
"""The words in the note on a column whose images are not found."""


def recognise(column: Column, cells: pl.Series, places: Places | None) -> Column:
    """The column, of kind `image` if nearly all of its cells end as the names of images do, and some are found.

    Names without endings are taken if all of them are found in just one folder, and nearly all are different.
    """
    found = places is not None and places.hold_images and _first_is_found(cells, places)
    if cells.dtype != pl.String and not (found and _are_whole_numbers(cells)):
        return column
    if not found and not as_text(without_nulls(cells).head(LOOKED_AT)).str.contains(ENDING).any():
        return column
    names = as_text(cells.drop_nulls()).unique(maintain_order=True)
    if len(names) == 0:
        return column
    sample = some_of(names)
    if _mostly(as_text(cells.drop_nulls()).str.contains(ENDING)):
        return _recognise_files(column, sample, places)
    if places is None or not places.hold_images or len(names) < 2 or len(names) < UNIQUE * len(cells):
        return column
    folders = places.holders_of_all(sample)
    if not folders:
        return column
    if len(folders) > 1:
        return _with_note(column, f"{LOST} in {listed_folders(folders)}: `image_dir` says in which they are")
    return Column(column.name, "image")


def _recognise_files(column: Column, sample: list[str], places: Places | None) -> Column:
    if places is None:
        return _with_note(column, f"{LOST}: `image_dir` says in which folder they are")
    if not places.holders(sample):
        where = f"none of them is in {places.folders[0].resolve().name}/ or in a folder in it"
        return _with_note(column, f"{LOST}, and {where}: `image_dir` says in which they are")
    return Column(column.name, "image")


def _first_is_found(cells: pl.Series, places: Places) -> bool:
    """Whether a folder holds the image that the first cell names, as it has to be if the names have no endings."""
    if cells.dtype != pl.String and not cells.dtype.is_numeric():
        return False
    return bool(places.holders_of_all(as_text(without_nulls(cells).head(1)).to_list()))


def _mostly(fits: pl.Series) -> bool:
    """Whether all cells fit but a tenth at most, or a single one of three or more."""
    others = len(fits) - int(fits.sum())
    return others <= (1 - FITTING) * len(fits) or (others == 1 and len(fits) > 2)


def _are_whole_numbers(cells: pl.Series) -> bool:
    """Whether the cells are different whole numbers, as those by which images may be numbered."""
    if not cells.dtype.is_numeric() or cells.null_count() or not _are_different_integers(cells.head(LOOKED_AT)):
        return False
    return _are_different_integers(cells)


def _are_different_integers(cells: pl.Series) -> bool:
    return bool((cells == cells.round()).all()) and cells.n_unique() == len(cells)


def _with_note(column: Column, note: str) -> Column:
    return dataclasses.replace(column, note="; ".join(filter(None, (column.note, note))))


def place_of_images(columns: Sequence[Column], name: str, options: TableOptions, *, like: bool) -> int | None:
    """The place of the column that holds images among the columns of a table; None if there is none.

    Args:
        columns: the columns.
        name: what the table is called in messages.
        options: how its cells are read.
        like: whether the columns are those of earlier rows.

    Raises:
        DataError: several columns hold images; or none, although the user names a folder of images.
    """
    places = [place for place, column in enumerate(columns) if column.kind == "image"]
    if len(places) > 1:
        found = [columns[place].name for place in places]
        raise DataError(
            f"{name}: the columns {', '.join(map(repr, found))} hold images, and a network takes one image of each "
            "row. Leave the others out.",
            f"`data.kinds={{{found[1]}: identifier}}` leaves out {found[1]!r}.",
        )
    if not places and options.image_dir is not None and not like:
        raise DataError(
            f"{name}: image_dir is {options.image_dir}, and no column names images in it. Leave it out, or say which "
            "column does.",
            "`data.kinds={NAME: image}`.",
        )
    return places[0] if places else None


def with_images(table: Table, source: Path | None, options: TableOptions, *, like: bool) -> Table:
    """The table, with the pixels of images in the place of their names.

    Args:
        table: typed cells.
        source: the file of the table; None if it is in none.
        options: how cells are read.
        like: whether the columns are those of earlier rows, so that it is known which of them hold images.

    Raises:
        DataError: more than one column holds images; or the images are not found, cannot be read, or differ in size.
    """
    places = places_of(source, options.image_dir, like=like)
    known = table.kinds if like else options.kinds
    columns = [
        column if column.name in known else recognise(column, table.frame[column.name], places)
        for column in table.columns
    ]
    place = place_of_images(columns, table.name, options, like=like)
    if place is None:
        return dataclasses.replace(table, columns=tuple(columns))
    rows = np.arange(table.rows) if table.whole is None else np.flatnonzero(table.whole.fits)
    lines = rows + 1 if table.lines is None else table.lines
    found = decode_images(columns[place], table.frame[columns[place].name], places, options, lines=lines)
    columns[place] = found.column
    if table.whole is not None:
        return mark_rows(table, columns, found)
    notes = drop_or_stop(found, table.name, options, place="row" if table.lines is None else "line")
    made = dataclasses.replace(table, frame=table.frame.with_columns(found.cells), columns=tuple(columns))
    if not found.bad.count:
        return made
    kept = made.take(np.flatnonzero(found.fits))
    return dataclasses.replace(kept, notes=(*table.notes, *notes), dropped=table.dropped + found.bad)


def mark_rows(table: Table, columns: list[Column], found: Decoded) -> Table:
    """The rows with an image; the others are marked among all rows of the source."""
    assert table.whole is not None
    fits = table.whole.fits.copy()
    fits[np.flatnonzero(fits)] = found.fits
    made = dataclasses.replace(table, frame=table.frame.with_columns(found.cells), columns=tuple(columns))
    whole = dataclasses.replace(table.whole, fits=fits)
    kept = made.take(np.flatnonzero(found.fits))
    return dataclasses.replace(kept, dropped=table.dropped + found.bad, whole=whole)
