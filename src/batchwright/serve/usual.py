"""The quick way: rows of JSON in which nothing has to be said, typed cell by cell, and encoded many requests at once.

A cell is usual if it is as in training: a finite number that is not far outside the range, a category that is known, a
missing cell where training had some. Whether it is, is decided from the cell alone, so that no request depends on those
beside it. A row with any other cell goes by `long_way`, which reads it as `predict` does and says what is unusual; on
usual rows both give the same arrays (`tests/serve/test_usual.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.encode.encoders import Category, Encoder, Flag, Moment, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.texts import HashedText
from batchwright.data.encode.unfamiliar import MARGIN, knows_missing
from batchwright.data.typed.convert import convert
from batchwright.data.typed.flags import FALSE, TRUE
from batchwright.data.typed.missing import clean, numbers_among
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table
from batchwright.data.typed.whole import EXACT
from batchwright.serve.asked import Columns
from batchwright.serve.cells import text_of

MOST, MOST_DATES = 4096, 16
"""The most rows that are typed so, and the most where there are dates, each of which takes a tenth of a millisecond."""
REMEMBERED = 10_000
"""Dates of a column that are remembered."""
STRANGE: Any = object()
"""In place of a cell that is not usual."""
Take = Callable[[Any], Any]
"""The typed cell of a value of JSON, or `STRANGE`."""


@dataclass(frozen=True)
class Usual:
    """How usual rows of a model are typed and encoded; `types` are the columns' types in polars.

    Of more than `most` rows it would hold others up: they are for the long way.
    """

    preprocessing: Preprocessing
    columns: tuple[Column, ...]
    takes: tuple[Take, ...]
    types: tuple[Any, ...]
    most: int

    def type_cells(self, columns: Columns) -> list[list[Any]] | None:
        """The typed cells of some rows, column by column; None if they lack a column, or a cell is not usual."""
        typed = []
        for column, take in zip(self.columns, self.takes, strict=True):
            values = columns.get(column.name)
            if values is None:
                return None
            cells = [take(value) for value in values]
            if any(cell is STRANGE for cell in cells):
                return None
            typed.append(cells)
        return typed

    def encode(self, typed: Sequence[Sequence[list[Any]]]) -> dict[str, np.ndarray]:
        """The inputs of the typed cells of several requests, one after the other."""
        joined = [[cell for cells in parts for cell in cells] for parts in zip(*typed, strict=True)]
        series = [
            pl.Series(column.name, cells, dtype=dtype)
            for column, cells, dtype in zip(self.columns, joined, self.types, strict=True)
        ]
        return self.preprocessing.encode(Table(pl.DataFrame(series), self.columns, "the request"))


def usual_of(encoding: Encoding) -> Usual | None:
    """The quick way for a model; None if some column takes more than a look at a cell, as several values in one do."""
    made = encoding.preprocessing
    if not isinstance(made, Preprocessing) or made.image is not None:
        return None
    by_name = {column.name: column for column in encoding.schema.columns}
    found = [
        _taken(by_name[encoder.column], encoder, encoding.reading.missing_in(encoder.column))
        for encoder in made.encoders
    ]
    if any(one is None for one in found):
        return None
    takes, types = zip(*(one for one in found if one is not None), strict=True)
    most = MOST_DATES if any(isinstance(encoder, Moment) for encoder in made.encoders) else MOST
    return Usual(made, tuple(by_name[encoder.column] for encoder in made.encoders), takes, types, most)


def _taken(spec: Column, encoder: Encoder, marks: tuple[str, ...]) -> tuple[Take, Any] | None:
    """How the cells of a column are taken, and the type that they have then; `marks` are texts that mean missing."""
    knows = knows_missing(encoder)
    match encoder:
        case Number() | Quantile():
            return _number(encoder, frozenset(numbers_among(marks)), knows=knows), pl.Float64()
        case OneHot() | Category() | Ordinal():
            known = encoder.order if isinstance(encoder, Ordinal) else encoder.categories
            return _category(frozenset(known), frozenset(("", *marks)), knows=knows), pl.String()
        case Flag():
            return _flag(_flags(marks), knows=knows), pl.Boolean()
        case HashedText(separator="") if not numbers_among(marks):
            return _text(frozenset(("", *marks)), knows=knows), pl.String()
        case Moment() if spec.format:
            return _date(spec, marks, knows=knows), pl.Datetime("us")
    return None


def _number(encoder: Number | Quantile, marks: frozenset[float], *, knows: bool) -> Take:
    known = encoder.lowest is not None and encoder.highest is not None
    low, high = (encoder.lowest or 0.0, encoder.highest or 0.0) if known else (0.0, 0.0)
    reach = MARGIN * (high - low) if known else math.inf

    def take(value: Any) -> Any:
        if value is None:
            return None if knows else STRANGE
        if type(value) is int:
            if not -EXACT < value < EXACT:
                return STRANGE
            value = float(value)
        elif type(value) is not float:
            return STRANGE
        if not math.isfinite(value) or value in marks or max(value - high, low - value) > reach:
            return STRANGE
        return value

    return take


def _category(known: frozenset[str], marks: frozenset[str], *, knows: bool) -> Take:
    def take(value: Any) -> Any:
        if value is None:
            return None if knows else STRANGE
        text = text_of(value)
        if text is None:
            return STRANGE
        if text in known:
            return text
        plain = text.strip(" ")
        if plain in known:
            return plain
        return None if knows and plain in marks else STRANGE

    return take


def _flags(marks: tuple[str, ...]) -> Mapping[str, bool]:
    """The texts that are flags, without those that mean missing."""
    flags = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
    numbers = numbers_among(marks)
    return {text: flag for text, flag in flags.items() if text not in marks and not (numbers and text[0].isdigit())}


def _flag(flags: Mapping[str, bool], *, knows: bool) -> Take:
    def take(value: Any) -> Any:
        if value is None:
            return None if knows else STRANGE
        text = text_of(value)
        return STRANGE if text is None else flags.get(text, STRANGE)

    return take


def _date(spec: Column, marks: tuple[str, ...], *, knows: bool) -> Take:
    """Reads dates as columns of them are read, each by itself; those that come again are remembered."""

    @lru_cache(maxsize=REMEMBERED)
    def read(text: str) -> Any:
        try:
            cells = clean(pl.Series(spec.name, [text], pl.String), marks)
            found = convert(cells, spec)[0]
        except (UnicodeEncodeError, ValueError, OverflowError):  # half of a character, or a year beyond 9999
            return STRANGE
        if cells[0] is None:
            return None if knows else STRANGE
        return STRANGE if found is None else found

    def take(value: Any) -> Any:
        if value is None:
            return None if knows else STRANGE
        return read(value) if type(value) is str else STRANGE

    return take


def _text(marks: frozenset[str], *, knows: bool) -> Take:
    def take(value: Any) -> Any:
        if value is None:
            return None if knows else STRANGE
        if type(value) is not str or value in marks or value.strip() != value:
            return STRANGE
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a character
            return STRANGE
        return value

    return take
