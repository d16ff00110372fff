"""Get rows from what a user names or holds: an example, a file, a folder, arrays or a data frame."""

import dataclasses
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from batchwright.data.formats.arff import ARFF
from batchwright.data.formats.arrays import NPY, NPZ, rows_of, target_columns
from batchwright.data.formats.arrow import ARROW
from batchwright.data.formats.cifar import CIFAR
from batchwright.data.formats.contents import HEAD_BYTES, ending_of_file, looks_like_table
from batchwright.data.formats.delimited import DELIMITED
from batchwright.data.formats.elsewhere import conversion, conversion_of_folder
from batchwright.data.formats.examples import EXAMPLES, example
from batchwright.data.formats.format import Format, Loaded, split_part, with_notes
from batchwright.data.formats.given import fetch, is_url, to_path
from batchwright.data.formats.idx import IDX
from batchwright.data.formats.image_columns import with_images
from batchwright.data.formats.image_files import ImageForm
from batchwright.data.formats.image_folder import IMAGE_FOLDER, ImageFolder
from batchwright.data.formats.image_layout import part_for_new_rows
from batchwright.data.formats.json_lines import JSON_ARRAY, JSON_LINES
from batchwright.data.formats.packed import compressed, zipped
from batchwright.data.formats.parquet import PARQUET
from batchwright.data.formats.several_files import SeveralFiles, is_pattern
from batchwright.data.formats.spreadsheet import SPREADSHEET
from batchwright.data.formats.sqlite import SQLITE
from batchwright.data.formats.stl import STL
from batchwright.data.typed.images import Largest
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame
from batchwright.errors import DataError, nearest

Source: TypeAlias = Any
"""The name of an example, a path, an array, a pair (x, y) of arrays, a mapping of columns, or any data frame."""


def format_by_ending(ending: str) -> Format | None:
    """The format whose files have this ending, in lower case; None if there is none."""
    return next((found for found in FORMATS if ending in found.endings), None)


def format_by_content(file: Path) -> Format | None:
    """The format of a file whose ending says nothing; None if its content says nothing either."""
    if not file.is_file() or conversion(file) is not None:
        return None
    try:
        ending = ending_of_file(file)
        if ending == ".csv":
            with file.open("rb") as opened:
                ending = ending if looks_like_table(opened.read(HEAD_BYTES)) else None
    except OSError:  # reading it will report this
        return None
    return None if ending is None else format_by_ending(ending)


COMPRESSED, ZIP = compressed(format_by_ending), zipped(format_by_ending)
SEVERAL_FILES = SeveralFiles(format_by_ending, format_by_content)

FORMATS: tuple[Format, ...] = (
    IDX,
    CIFAR,
    STL,
    IMAGE_FOLDER,
    PARQUET,
    SEVERAL_FILES,
    DELIMITED,
    ARROW,
    JSON_LINES,
    JSON_ARRAY,
    ARFF,
    SPREADSHEET,
    SQLITE,
    NPY,
    NPZ,
    COMPRESSED,
    ZIP,
)
"""All formats; a path belongs to the first that claims it."""


def read(
    source: Source,
    options: TableOptions = DEFAULT,
    *,
    schema: Schema | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    largest: Largest | None = None,
) -> Loaded:
    """The rows of a source.

    Args:
        source: the name of an example (write `./iris` for a file of that name); a file (CSV and other delimited text,
            Parquet, Arrow, JSON, ARFF, SQLite, a workbook, NPY, NPZ, IDX, an image), compressed or not; a folder (IDX
            files, CIFAR or STL-10 in binary form, one folder of images per class); the files of one table, as a folder
            or a pattern, in the natural order of their names; `-` for standard input; a URL; in Python also an array, a
            pair (x, y), a mapping of columns, or any data frame.
        options: how the cells of a table are read.
        schema: the columns, for rows given to a trained model.
        image_size: height and width that the images of a folder are resized to.
        channels: 1 or 3, to which the images of a folder are converted.
        largest: the value that becomes 255 in the images of 16 bits of a folder.

    Raises:
        DataError: no such file, a file or folder of another kind, or one that cannot be read.

    >>> read("iris").target
    'species'
    """
    if isinstance(source, str) and source in [found.name for found in EXAMPLES]:
        return _read_example(source, options, schema)
    if is_url(source):
        with fetch(source) as path:
            return _read_path(path, options, schema, ImageForm(image_size, channels, largest))
    if isinstance(source, str | os.PathLike):
        return _read_path(to_path(source), options, schema, ImageForm(image_size, channels, largest))
    if isinstance(source, tuple) and len(source) == 2:
        rows = rows_of(*source, options, schema=schema)
        loaded = Loaded(rows, None, target_columns(source[1]) if isinstance(rows, Table) else None, "arrays")
        return _with_images(loaded, None, options, like=schema is not None)
    rows = rows_of(source, None, options, schema=schema, name="array" if isinstance(source, np.ndarray) else "table")
    return _with_images(Loaded(rows, None, None, rows.name), None, options, like=schema is not None)


def _with_images(loaded: Loaded, source: Path | None, options: TableOptions, *, like: bool) -> Loaded:
    """The rows, with the images that a column of a table names."""
    rows = loaded.train
    if not isinstance(rows, Table):
        return loaded
    return dataclasses.replace(loaded, train=with_images(rows, source, options, like=like))


def part_to_answer(source: Source) -> Source:
    """The part of a folder of images that a trained model is given, as `part_for_new_rows`; else the source itself."""
    if not isinstance(source, str | os.PathLike) or is_url(source) or source in [found.name for found in EXAMPLES]:
        return source
    path = to_path(source)
    part = part_for_new_rows(path) if format_of(path) is IMAGE_FOLDER else path
    return source if part == path else part


def _read_path(path: Path, options: TableOptions, schema: Schema | None, form: ImageForm) -> Loaded:
    try:
        found = format_of(path)
        if not path.is_dir() and found is not IMAGE_FOLDER and not is_pattern(path):
            check_file(split_part(path)[0])
        if found is None:
            raise _unknown_kind(path)
        if not found.parts and split_part(path)[1] is not None:
            raise DataError(f"{path}: a {path.suffix.partition('#')[0]} file has no parts to name after #.")
        if isinstance(found, ImageFolder):
            return found.read_images(path, form, on_bad_rows=options.on_bad_rows)
        loaded = found.read(path, options, schema=schema, image_size=form.size, channels=form.channels)
        loaded = _with_images(loaded, split_part(path)[0], options, like=schema is not None)
        return with_notes(loaded, content_note(path, found))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _read_example(name: str, options: TableOptions, schema: Schema | None) -> Loaded:
    found = example(name)
    rows = found.read()
    if isinstance(rows, Table) and (schema is not None or options.kinds):
        rows = from_frame(rows.frame, options, schema=schema, name=name)
    return with_notes(Loaded(rows, None, found.target, name), _beside_note(name))


def _beside_note(name: str) -> tuple[str, ...]:
    """A note if a file or a folder here has the name of an example, which is read in its place."""
    if not os.path.lexists(name):
        return ()
    what = "folder" if Path(name).is_dir() else "file"
    return (f"{name} is the embedded data of that name, and not the {what} here: write ./{name} for that",)


def format_of(path: Path) -> Format | None:
    """The first format that claims a path, or else the one that the first bytes of a file tell; None if none does."""
    return next((found for found in FORMATS if found.claims(path)), None) or format_by_content(split_part(path)[0])


def content_note(path: Path, found: Format) -> tuple[str, ...]:
    """A note if the format of a file was found by its content."""
    if found.claims(path):
        return ()
    file, what = split_part(path)[0], "delimited text" if found is DELIMITED else f"a {found.endings[0]} file"
    ending = f"the ending {file.suffix!r} says nothing of its kind" if file.suffix else "it has no ending"
    return (f"{file.name} was read as {what}, which its content looks like: {ending}",)


def _unknown_kind(path: Path) -> DataError:
    """The error for a file or folder that no format claims."""
    if not path.is_dir():
        file = split_part(path)[0]
        if (advice := conversion(file)) is not None:
            return DataError(advice)
        known = ", ".join(ending for found in FORMATS for ending in found.endings)
        ending = file.suffix.lower() or "(none)"
        return DataError(
            f"{path} has the ending {ending!r}, which says nothing of its kind, and its content does not look like a "
            f"table. Known endings: {known}."
        )
    entries = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if (advice := conversion_of_folder(path, entries)) is not None:
        return DataError(advice)
    held = f"It holds {', '.join(entries[:5])}{', ...' if len(entries) > 5 else ''}." if entries else "It is empty."
    return DataError(
        f"{path} is a folder of no kind that can be read: IDX files (train-images-idx3-ubyte, ...), binary files of "
        "CIFAR (data_batch_1.bin, ...) or STL-10 (train_X.bin, ...), images "
        f"({' '.join(IMAGE_FOLDER.endings)}) in one folder per class, or files of one table (delimited text, JSON or "
        f"Parquet). {held} Files in folders of it are named by a pattern, as '{path}/**/*.csv'."
    )


def check_file(path: Path) -> None:
    """Raise a DataError unless the path is a non-empty file; the nearest name is suggested."""
    if path.is_file():
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty.")
        return
    if path.exists():
        raise DataError(f"{path} is neither a file nor a folder.")
    names = [found.name for found in EXAMPLES]
    neighbours = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, [*names, *neighbours]) if path.parent == Path() else nearest(path.name, neighbours)
    hint = f" Did you mean {str(path.parent / near)!r}?" if near else ""
    where = "" if path.parent.is_dir() else f" There is no folder {path.parent} either."
    raise DataError(f"no such file or folder: {path}.{hint}{where} Examples that need no file: {', '.join(names)}.")
