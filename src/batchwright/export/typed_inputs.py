"""The cells of rows as the inputs of a graph."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from batchwright.data.encode.encoders import as_floats
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import Rows
from batchwright.export.encoders import column_inputs
from batchwright.export.graph import NO_DATE, Dtype


def typed_inputs(encoding: Encoding, rows: Rows) -> dict[str, np.ndarray]:
    """The arrays that a graph of the model takes, by the names of columns; texts have the dtype object."""
    made = encoding.preprocessing
    if isinstance(rows, Images) or isinstance(made, ImagePreprocessing):
        return encoding.inputs(rows)
    found = {}
    for value in column_inputs(encoding):
        cells = rows.frame[rows.column(value.name).name]
        if made.image is not None and value.name == made.image.column:
            found[value.name] = made.image.pixels(cells)
        else:
            found[value.name] = CONVERTED[value.dtype](cells)
    return found


def _as_microseconds(cells: pl.Series) -> np.ndarray:
    return cells.cast(pl.Datetime("us")).to_physical().fill_null(NO_DATE).to_numpy()


def _as_texts(cells: pl.Series) -> np.ndarray:
    return np.array(as_text(cells).fill_null("").to_list(), dtype=object)


CONVERTED: Mapping[Dtype, Callable[[pl.Series], np.ndarray]] = {
    "float64": as_floats,
    "int64": _as_microseconds,
    "string": _as_texts,
}
"""How cells become an input of each dtype."""
