"""The columns that play another part than input: the target, and those that rows are split by."""

import numpy as np
from jaxtyping import Shaped

from batchwright.data.encoding import LABEL
from batchwright.data.images import Images
from batchwright.data.inference import as_text, kind_remedy
from batchwright.data.options import DataOptions
from batchwright.data.sources import Loaded
from batchwright.data.tables import Table
from batchwright.errors import ConfigError, DataError


def target_name(loaded: Loaded, options: DataOptions) -> str:
    """The column to predict, which must be given unless the source has a usual one.

    Raises:
        DataError: none is given, or there is no such column.
        ConfigError: columns are named of images, which have none; or it is the column of groups or weights too.
    """
    if isinstance(loaded.train, Images):
        if options.target not in (None, LABEL):
            raise DataError(f"{loaded.name} holds images, whose target is {LABEL!r}: leave out {options.target!r}.")
        columns = [name for name in ("group", "time", "weights") if getattr(options, name) is not None]
        if columns:
            raise ConfigError(f"{', '.join(columns)}: names of columns, which images do not have. Leave them out.")
        return LABEL
    name = options.target if options.target is not None else loaded.target
    if name is None:
        names = ", ".join(loaded.train.frame.columns)
        raise DataError(f"{loaded.train.name}: which column is to be predicted? Give one as target. Columns: {names}.")
    clash = [role for role in ("group", "weights") if getattr(options, role) == name]
    if clash:
        raise ConfigError(f"{clash[0]} and target both name the column {name!r}: give two columns, or leave one out.")
    return loaded.train.column(name).name


def split_key(table: Table, options: DataOptions) -> Shaped[np.ndarray, " rows"]:
    """What rows are split by: the places of their groups in the order of their names, or their times.

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
            f"{table.name}: time column {name!r} holds {kind} cells; it needs dates or numbers.{kind_remedy(cells)}"
        )
    return cells.to_numpy()
