"""Decode the images that the cells of a column name; a name without an image that can be read is a bad cell."""

import os
from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from batchwright.data.formats.image_pixels import SCALES, Look, Problem, decode, look_at, on_all_cores, scale_of
from batchwright.data.formats.image_places import Places, is_elsewhere, listed_folders, some_of
from batchwright.data.typed.bad_cells import dropped_note
from batchwright.data.typed.cells import KEPT, LISTED, BadCell, BadCells, TableOptions
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.images import Largest
from batchwright.data.typed.schema import Column
from batchwright.errors import DataError

Looks: TypeAlias = dict[Path, Look]
"""What each image is, by its header."""

WANTED = "an image that can be read"


class Decoded(NamedTuple):
    """A column of images, the rows without a bad cell, the bad cells, and the files, where some may be missing.

    The cells of rows with a bad cell are zeros.
    """

    column: Column
    cells: pl.Series
    fits: Bool[np.ndarray, " rows"]
    bad: BadCells
    files: list[Path]


def decode_images(
    column: Column,
    cells: pl.Series,
    places: Places | None,
    options: TableOptions,
    *,
    lines: Int64[np.ndarray, " rows"],
    check: Callable[[int], None] = lambda _: None,
) -> Decoded:
    """The images that the cells of a column name.

    Args:
        column: the column; if its shape is known, images are brought to it.
        cells: the names of the images.
        places: where they may be.
        options: the size of the images.
        lines: the lines of the cells, for messages.
        check: is called with the bytes that all images take, before they are decoded.

    Raises:
        DataError: it is not known where the images are, or they differ in size and no size is given.
    """
    if places is None:
        raise DataError(
            f"the cells of column {column.name!r} name images, and rows that are in no file have no folder.",
            "`image_dir` names the folder of the images.",
        )
    names = as_text(cells)
    distinct = names.drop_nulls().unique(maintain_order=True)
    folder = find_folder(column.name, distinct, places)
    files, reasons = find_files(distinct.to_list(), folder, places)
    different = list(dict.fromkeys(files.values()))
    found = dict(zip(different, look_at(different), strict=True))
    looks = {file: look for file, look in found.items() if isinstance(look, Look)}
    shape = column.shape or _common_shape(column, looks, options)
    check(len(names) * prod(shape))
    scale = column.largest if column.shape else scale_of(looks.values())
    pixels, undecoded = _decode_rows(names, {name: file for name, file in files.items() if file in looks}, shape, scale)
    problems = {file: look.reason for file, look in found.items() if isinstance(look, Problem)} | undecoded
    reasons |= {name: problems[file] for name, file in files.items() if file in problems}
    fits = ~names.is_in(list(reasons)).fill_null(value=True).to_numpy()
    note = _note(looks, shape, folder, places) + (f"; of 16 bits: {scale:,} becomes 255" if scale else "")
    note += _elsewhere_note(files, folder)
    described = Column(column.name, "image", note=note, shape=shape, largest=scale)
    looked_for = [files.get(name, folder / name) for name in distinct]
    return Decoded(described, pixels, fits, _bad_cells(names, reasons, fits, lines), looked_for)


def find_files(names: list[str], folder: Path, places: Places) -> tuple[dict[str, Path], dict[str, str]]:
    """The files of these names in a folder, and the reasons why others are not found.

    Paths of another machine that would be one file are not found: their ends do not tell them apart.
    """
    files, reasons = dict[str, Path](), dict[str, str]()
    for name in names:
        try:
            files[name] = places.find(folder, name)
        except (ValueError, OSError) as error:
            reasons[name] = getattr(error, "strerror", None) or str(error)
    named = Counter(files.values())
    for name in [name for name, file in files.items() if named[file] > 1 and is_elsewhere(name)]:
        reasons[name] = f"several paths end as {files.pop(name).name}"
    return files, reasons


def _elsewhere_note(files: dict[str, Path], folder: Path) -> str:
    """Says that paths of another machine are found by their ends, with an example; empty if there are none."""
    found = next(((name, file) for name, file in files.items() if is_elsewhere(name)), None)
    return f"; paths of another machine by their ends, {found[0]!r} is {found[1].relative_to(folder)}" if found else ""


def find_folder(column: str, names: pl.Series, places: Places) -> Path:
    """The folder that holds most of the images that the cells of a column name.

    Raises:
        DataError: several hold as many.
    """
    folders = places.holders(some_of(names))
    if len(folders) > 1:
        raise DataError(
            f"column {column!r}: there are images of the same names in {listed_folders(folders)}. Write the folder "
            f"into the cells, as in {f'{folders[0].name}/{names[0]}'!r}.",
            "Or name it: `image_dir`.",
        )
    return folders[0] if folders else places.folders[0]


def _common_shape(column: Column, looks: Looks, options: TableOptions) -> tuple[int, int, int]:
    """Height, width and channels of all images: one channel if all are grey."""
    channels = 1 if all(look.grey for look in looks.values()) else 3
    if options.image_size is not None:
        return (*options.image_size, channels)
    first, *others = [(file, look.size) for file, look in looks.items()] or [(Path(), (1, 1))]
    height, width = first[1]
    for file, size in others:
        if size != (height, width):
            raise DataError(
                f"column {column.name!r}: images differ in size: {first[0].name} is {height}x{width} (height x width), "
                f"{file.name} is {size[0]}x{size[1]}.",
                f"`image_size={height},{width}` resizes all of them.",
            )
    return height, width, channels


def _decode_rows(
    names: pl.Series, files: dict[str, Path], shape: tuple[int, int, int], scale: Largest | None
) -> tuple[pl.Series, dict[Path, str]]:
    """The pixels of the image in each row, zeros where there is none, and the reasons why some cannot be decoded."""
    try:
        pixels = np.zeros((len(names), prod(shape)), np.uint8)
    except MemoryError as error:
        size = f"{len(names) * prod(shape) / 1e9:,.0f} GB"
        raise DataError(f"{len(names):,} images take {size} of memory.", "Give a smaller `image_size`.") from error
    in_rows = [files.get(name) for name in names]
    first: dict[Path, int] = {}
    for row, file in enumerate(in_rows):
        if file is not None:
            first.setdefault(file, row)

    def fill(file: Path) -> None:
        pixels[first[file]] = decode(file, shape, scale or SCALES[-1]).reshape(-1)

    problems = [found for found in on_all_cores(fill, list(first)) if found is not None]
    for row, file in enumerate(in_rows):
        if file is not None and first[file] != row:
            pixels[row] = pixels[first[file]]
    return pl.Series(names.name, pixels), {problem.file: problem.reason for problem in problems}


def _note(looks: Looks, shape: tuple[int, int, int], folder: Path, places: Places) -> str:
    """The size of the images, the folder that holds all of them, and how many were resized."""
    parents = {parent.resolve() for parent in {file.parent for file in looks}}
    inside = Path(os.path.commonpath(parents)).relative_to(folder.resolve()) if parents else Path()
    home = places.folders[0]
    named = places.table is None or not folder.is_relative_to(home)
    shown = (folder if named else folder.relative_to(home)) / inside
    where = "the folder of the table" if not named and shown == Path() else f"{shown}/"
    resized = sum(look.size != shape[:2] for look in looks.values())
    note = f"images {'x'.join(map(str, shape))}, read from {where}"
    return f"{note}; {resized:,} of {len(looks):,} resized" if resized else note


def _bad_cells(
    names: pl.Series, reasons: dict[str, str], fits: Bool[np.ndarray, " rows"], lines: Int64[np.ndarray, " rows"]
) -> BadCells:
    bad = np.flatnonzero(~fits)
    first = (
        BadCell(int(lines[row]), names.name, names[row] or "", f"{WANTED}: {reasons.get(names[row], 'it is missing')}")
        for row in bad[:KEPT].tolist()
    )
    return BadCells(len(bad), tuple(first))


def drop_or_stop(found: Decoded, name: str, options: TableOptions, *, place: str) -> tuple[str, ...]:
    """The note on rows that are dropped because their images cannot be read; none if all can.

    Args:
        found: the images.
        name: what the table is called in messages.
        options: what to do with bad rows.
        place: what rows are counted in, "line" or "row".

    Raises:
        DataError: some cannot be read and their rows are not to be dropped, or none can.
    """
    bad = found.bad
    if not bad.count:
        return ()
    if options.on_bad_rows != "stop" and found.fits.any():
        return (dropped_note(bad, bad.count, place=place),)
    listed = "\n".join(f"  {place} {cell.line}, {cell}" for cell in bad.first[:LISTED])
    cells = "cell names no image" if bad.count == 1 else "cells name no image"
    first = " (the first ten are listed)" if bad.count > LISTED else ""
    raise DataError(
        f"{name}: {bad.count:,} {cells} that can be read{first}:\n{listed}\nCorrect them, or leave these rows out.",
        "`on_bad_rows=drop` leaves them out. `image_dir` names the folder of the images.",
    )
