"""Columns that are no inputs: the targets, and the columns for the split."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from batchwright.data.encode.encoding import LABEL
from batchwright.data.formats.headers import may_be_row
from batchwright.data.formats.image_folder import IMAGE_FOLDER
from batchwright.data.formats.source import format_of
from batchwright.data.options import DataOptions
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.images import Images
from batchwright.data.typed.inference import kind_remedy
from batchwright.data.typed.rows import AnyRows
from batchwright.data.typed.table import RowSource, Table, column_of
from batchwright.errors import ConfigError, DataError, list_columns, unknown


def target_names(
    rows: AnyRows, options: DataOptions, *, default: str | tuple[str, ...] | None, name: str
) -> tuple[str, ...]:
    """The columns to predict, one or more, which must be given unless the source has a default.

    A target given as `a,b` means two columns, unless a column has exactly that name. `name` is that of the source.

    Raises:
        DataError: none is given, or there is no such column.
        ConfigError: columns are named for images, which have none; or a target is also the column of groups or weights,
            or is named twice.
    """
    if isinstance(rows, Images):
        if options.target not in (None, LABEL, (LABEL,)):
            raise _no_label(name, options.target)
        columns = [name for name in ("group", "time", "weights") if getattr(options, name) is not None]
        if columns:
            raise ConfigError(f"{', '.join(columns)}: names of columns, which images do not have. Leave them out.")
        return (LABEL,)
    there = [column.name for column in rows.columns]
    names = _split(options.target if options.target is not None else default, there)
    if not names:
        raise DataError(
            f"{rows.name}: which column is to be predicted? Its columns: {list_columns(there)}.",
            "Name it: `target=COLUMN`.",
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"target names the column {twice[0]!r} twice: give each column once.")
    for role in ("group", "weights"):
        if (name := getattr(options, role)) in names:
            raise ConfigError(f"{role} and target both name the column {name!r}: give two columns, or leave one out.")
    strange = [name for name in names if name not in there]
    if len(strange) > 1:
        raise DataError(
            f"{rows.name}: target names columns that are not there: {', '.join(map(repr, strange))}. "
            f"Its columns: {list_columns(there)}."
        )
    if strange and (parts := _parts_by_other_marks(strange[0], there)):
        raise DataError(f"{rows.name}: unknown column {strange[0]!r}: commas separate targets, as {parts!r}.")
    if strange and len(there) == 1:
        raise DataError(
            f"{rows.name}: unknown column {strange[0]!r}. It has one column only, {there[0]!r:.200}.",
            "`delimiter` says what separates cells.",
        )
    if strange and may_be_row(there):
        raise DataError(
            f"{rows.name}: {unknown('column', strange[0], there)}",
            "If its first line is a row, give `header=false`, and name columns by their places: 0, 1, 2, ...",
        )
    _refuse_images(rows, (*names, *(getattr(options, role) for role in ("group", "time", "weights"))))
    return tuple(column_of(rows, name).name for name in names)


def _no_label(name: str, target: object) -> DataError:
    """The error for a target that images do not have; it may be the name of a table of their labels."""
    if isinstance(target, str) and format_of(Path(target)) not in (None, IMAGE_FOLDER):
        return DataError(
            f"{name} holds images, whose target is {LABEL!r}, and {target} is a table. If a column of it names the "
            f"images, train on {target} in place of {name}.",
            "`target=COLUMN` says which column to predict.",
        )
    return DataError(f"{name} holds images, whose target is {LABEL!r}: leave out {target!r}.")


def _refuse_images(rows: RowSource, names: Iterable[str | None]) -> None:
    """Raise a DataError if one of these columns holds images."""
    for column in rows.columns:
        if column.kind == "image" and column.name in names:
            raise DataError(
                f"{rows.name}: column {column.name!r} holds images, which are only inputs: name another column, or say "
                "what else it is.",
                f"`data.kinds={{{column.name}: categorical}}`.",
            )


def given_names(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns that may be meant by a target, before it is known which there are.

    >>> given_names("a,b"), given_names(("a", "b"))
    (('a,b', 'a', 'b'), ('a', 'b'))
    """
    if not isinstance(given, str):
        return given or ()
    return tuple(dict.fromkeys((given, *(name.strip() for name in given.split(",")))))


def _split(given: str | tuple[str, ...] | None, there: list[str]) -> tuple[str, ...]:
    """The names of columns given one by one, or as one text with commas between them."""
    if not isinstance(given, str):
        return given or ()
    if given in there or "," not in given:
        return (given,)
    return tuple(name.strip() for name in given.split(","))


def _parts_by_other_marks(name: str, there: list[str]) -> str:
    """The columns in a text that separates them by another mark than a comma, with commas; else an empty text."""
    names = [part.strip() for part in re.split(r"[;|+]|\s", name) if part.strip()]
    return ",".join(names) if len(names) > 1 and set(names) <= set(there) else ""


def split_key(table: Table, options: DataOptions) -> Shaped[np.ndarray, " rows"]:
    """The values by which rows are split: numbers of their groups, in order of the groups' names, or their times.

    Raises:
        DataError: there is no such column, some are missing, or times are neither dates nor numbers.
    """
    name = options.group if options.group is not None else options.time or ""
    cells = table.frame[table.column(name).name]
    missing = np.flatnonzero(cells.is_null().to_numpy())
    if len(missing):
        raise DataError(
            f"{table.name}: {options.method} column {name!r} is missing in {len(missing):,} rows "
            f"({table.places(missing)}); rows are split by it, so fill it in or leave these rows out."
        )
    if options.method == "group":
        return as_text(cells).rank("dense").to_numpy()
    if not (cells.dtype.is_numeric() or cells.dtype.is_temporal()):
        kind = table.column(name).kind
        raise DataError(
            f"{table.name}: time column {name!r} holds {kind} cells; it needs dates or numbers: name another "
            f"column, or correct this one.{kind_remedy(cells)}"
        )
    return cells.to_numpy()
