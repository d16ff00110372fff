"""The rows on which an exported file is compared with the model: those of its run, or some that are made up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.dataset import Split
from batchwright.data.encode.encoders import DAY, ELAPSED, Category, Flag, Moment, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.table import Table
from batchwright.errors import DataError, RunError
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run
from batchwright.workflow.rows_again import read_rows_again

MOST = 10_000
"""Rows that are compared at most, evenly spaced."""
MADE = 501
"""Rows that are made up: an odd number, as files must take any."""
MISSING, UNSEEN = 0.1, 0.1
"""The shares of made-up cells that are missing, and of made-up texts that the training rows did not have."""
WORDS = ("nothing", "like", "this", "before")
"""What made-up texts are made of besides what is known."""


@dataclass(frozen=True)
class CheckRows:
    """Rows and what they are called, as "test rows"; `split` has the same encoded, with targets, if they have some."""

    what: str
    rows: Rows
    split: Split | None = None


def rows_to_check(model: SavedModel, run: Run | None) -> CheckRows:
    """The test rows of a run, if it has any and they can be read again; else its other rows, or rows made up."""
    if run is not None:
        try:
            again = read_rows_again(run)
        except (RunError, DataError):
            return made_rows(model.encoding)
        part = next(name for name in ("test", "validation", "train") if name in again.parted.rows)
        rows, split = again.parted.rows[part], again.dataset.parts[part]
        some = np.arange(0, rows.rows, -(-rows.rows // MOST))
        return CheckRows(f"{'training' if part == 'train' else part} rows", rows.take(some), split.take(some))
    return made_rows(model.encoding)


def made_rows(encoding: Encoding, count: int = MADE) -> CheckRows:
    """Rows of the kind that a model takes: known values, others, and missing ones, the same each time."""
    draw, made = np.random.default_rng(0), encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        pixels = draw.integers(256, size=(count, *made.shape), dtype=np.uint8)
        return CheckRows("rows of noise", Images(pixels, None, "rows made up"))
    cells = {encoder.column: _cells(draw, encoder, count) for encoder in made.encoders}
    if made.image is not None:
        width = int(np.prod(made.image.shape))
        pixels = draw.integers(256, size=(count, width), dtype=np.uint8)
        cells[made.image.column] = pl.Series(pixels, dtype=pl.Array(pl.UInt8, width))
    columns = tuple(column for column in encoding.schema.columns if column.name in cells)
    frame = pl.DataFrame({column.name: cells[column.name] for column in columns})
    return CheckRows("rows made up from what is known of the columns", Table(frame, columns, "rows made up"))


def _cells(draw: np.random.Generator, encoder: Any, count: int) -> pl.Series:
    """Cells of a column, some of them missing."""
    match encoder:
        case Number() | Quantile():
            cells = pl.Series(draw.uniform(*_range(encoder), size=count))
        case Flag():
            cells = pl.Series(draw.random(count) < 1 / 2)
        case Moment():
            cells = _dates(draw, encoder, count)
        case OneHot() | Category():
            cells = _texts(draw, encoder.categories, count)
        case Ordinal():
            cells = _texts(draw, encoder.order, count)
        case Tags():
            both = zip(_texts(draw, encoder.values, count), _texts(draw, encoder.values, count), strict=True)
            cells = pl.Series([encoder.separator.join(pair) for pair in both])
        case _:
            cells = pl.Series([" ".join(draw.choice(WORDS, size=5)) for _ in range(count)])
    return (
        cells.to_frame("cells")
        .select(pl.when(pl.Series(draw.random(count) >= MISSING)).then(pl.col("cells")))
        .to_series()
    )


def _range(encoder: Number | Quantile) -> tuple[float, float]:
    """From the lowest to the highest number of the training rows, or near the centre where they are not known."""
    if encoder.lowest is not None and encoder.highest is not None:
        return encoder.lowest, encoder.highest
    if isinstance(encoder, Quantile):
        return encoder.knots[0], encoder.knots[-1]
    return encoder.center - 2 * encoder.scale, encoder.center + 2 * encoder.scale


def _dates(draw: np.random.Generator, encoder: Moment, count: int) -> pl.Series:
    """Dates within two deviations of those of the training rows, or in this century."""
    elapsed = next((part for part in encoder.parts if part.column == ELAPSED), Number("", 18_000.0, 3_000.0, False))
    days = draw.uniform(elapsed.center - 2 * elapsed.scale, elapsed.center + 2 * elapsed.scale, count)
    return pl.Series((days * DAY).astype(np.int64)).cast(pl.Datetime("us"))


def _texts(draw: np.random.Generator, known: tuple[str, ...], count: int) -> pl.Series:
    """Known texts, and some others."""
    texts = draw.choice(np.array(known or WORDS, dtype=object), size=count)
    texts[draw.random(count) < UNSEEN] = WORDS[0]
    return pl.Series(texts.tolist(), dtype=pl.String)
