"""Columns as numbers: one small encoder per kind, learned from training rows, saved as data.

A missing number becomes 0 after scaling, which is the training rows' mean or median unless nothing is scaled, and an
unseen category has a place of its own; so any new row can be encoded.
"""

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Float32, Float64, Int32, UInt8

from batchwright.data.encode.spelling import fold, fold_cells, merge_counts
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import HashedText
from batchwright.data.typed.convert import as_text
from batchwright.errors import DataError

LARGEST = float(np.finfo(np.float32).max)
LIMIT = 1e6
"""Scaled numbers are cut here, or at the largest number in the training rows if larger: only new rows can be cut."""

MIN_FREQUENCY = 2
"""Training rows of an embedded category that is not taken as unknown, where nothing else is asked for."""

FEW = 512
"""Rows up to which each category is looked up by itself: to prepare polars for a look at all takes longer."""

DAY = 24 * 60 * 60 * 1_000_000
"""Microseconds of a day."""
ELAPSED = "elapsed"
CYCLES = ("month", "day", "weekday", "hour", "minute")
"""What of a date returns: the month in the year, the day in month and week, the time in the day and in the hour."""


@dataclasses.dataclass(frozen=True)
class Number:
    """A number x as z = (x − center) / scale, cut at ±limit; `indicator` adds a column that is 1 where it is missing.

    With a `smooth_limit` c, it is z / √(1 + (z/c)²), which is nearly z near 0 and never leaves ±c. The training rows
    had numbers from `lowest` to `highest`, which is only compared with (None: not known). `why` is the reason for
    this scaling where it was chosen.
    """

    column: str
    center: float
    scale: float
    indicator: bool
    limit: float = LIMIT
    encoder: Literal["number"] = "number"
    lowest: float | None = None
    highest: float | None = None
    smooth_limit: float | None = None
    why: str | None = None

    @property
    def scaling(self) -> str:
        """How it is scaled, where that was chosen."""
        return "standard" if self.smooth_limit is None else "smooth_clip"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        return _with_indicator(self.column, self.indicator)

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        scaled = np.clip(scale_by(as_floats(cells), self.center, self.scale), -self.limit, self.limit)
        if self.smooth_limit is not None:
            scaled = scaled / np.hypot(1.0, scaled / self.smooth_limit)
        out[:, 0] = np.nan_to_num(scaled, nan=0.0)
        _write_indicator(cells, out, self.indicator)


@dataclasses.dataclass(frozen=True)
class Quantile:
    """A number by its rank among training rows: linear between `knots` (values) and `levels` (normal quantiles).

    The training rows had numbers from `lowest` to `highest`. `why` is the reason for this scaling where it was chosen.
    """

    column: str
    knots: tuple[float, ...]
    levels: tuple[float, ...]
    indicator: bool
    encoder: Literal["quantile"] = "quantile"
    lowest: float | None = None
    highest: float | None = None
    why: str | None = None

    @property
    def scaling(self) -> str:
        """How it is scaled."""
        return "quantile"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        return _with_indicator(self.column, self.indicator)

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        out[:, 0] = np.nan_to_num(np.interp(as_floats(cells), self.knots, self.levels), nan=0.0)
        _write_indicator(cells, out, self.indicator)


@dataclasses.dataclass(frozen=True)
class Flag:
    """True as 1, false as 0, missing as 1/2."""

    column: str
    indicator: bool
    encoder: Literal["flag"] = "flag"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        return _with_indicator(self.column, self.indicator)

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        out[:, 0] = np.nan_to_num(as_floats(cells), nan=0.5)
        _write_indicator(cells, out, self.indicator)


@dataclasses.dataclass(frozen=True)
class Moment:
    """A date as its parts, each a standardised number; parts that never differ in the training rows are left out.

    Models saved by earlier versions have other parts: year, month, day, weekday, hour, minute and second.
    """

    column: str
    parts: tuple[Number, ...]
    indicator: bool
    encoder: Literal["moment"] = "moment"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        missing = (f"{self.column} is missing",) if self.indicator else ()
        return (*(f"{self.column} {part.column}" for part in self.parts), *missing)

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        for place, part in enumerate(self.parts):
            part.write(part_of_date(cells, part.column), out[:, place : place + 1])
        _write_indicator(cells, out, self.indicator)


@dataclasses.dataclass(frozen=True)
class OneHot:
    """A category as one column each, plus one for missing if training rows have any; unseen ones are all zeros.

    With `merge_case`, case, blanks and trailing points do not count.
    """

    column: str
    categories: tuple[str, ...]
    missing: bool
    encoder: Literal["one_hot"] = "one_hot"
    merge_case: bool | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        named = tuple(f"{self.column}={category}" for category in self.categories)
        return (*named, f"{self.column} is missing") if self.missing else named

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        codes = category_codes(cells, self.categories, missing=self.missing, merge_case=bool(self.merge_case))
        seen = np.flatnonzero(codes)
        out[:] = 0.0
        out[seen, codes[seen] - 1] = 1.0


@dataclasses.dataclass(frozen=True)
class Ordinal:
    """A category of a known `order` as (rank − center) / scale, then as in `OneHot` if it has few levels (`one_hot`).

    Ranks count from 0. An unseen category has the mean rank of the training rows, and is all zeros besides.
    """

    column: str
    order: tuple[str, ...]
    center: float
    scale: float
    one_hot: bool
    missing: bool
    encoder: Literal["ordinal"] = "ordinal"
    merge_case: bool | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        named = tuple(f"{self.column}={category}" for category in self.order) if self.one_hot else ()
        return (self.column, *named, *((f"{self.column} is missing",) * self.missing))

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        codes = category_codes(cells, self.order, missing=False, merge_case=bool(self.merge_case))
        seen = np.flatnonzero(codes)
        out[:] = 0.0
        out[seen, 0] = (codes[seen] - 1 - self.center) / self.scale
        if self.one_hot:
            out[seen, codes[seen]] = 1.0
        _write_indicator(cells, out, self.missing)


@dataclasses.dataclass(frozen=True)
class Category:
    """A category as an index into an embedding; 0 stands for unseen categories, and for rare ones.

    Rare are those of fewer training rows than `min_frequency`, which is 2 where it is None. So row 0 of the embedding
    is trained wherever there are rare categories. With `merge_case`, case, blanks and trailing points do not count.
    """

    column: str
    categories: tuple[str, ...]
    missing: bool
    encoder: Literal["category"] = "category"
    merge_case: bool | None = None
    min_frequency: int | None = None

    @property
    def cardinality(self) -> int:
        """The number of indices."""
        return 1 + len(self.categories) + self.missing

    def codes(self, cells: pl.Series) -> Int32[np.ndarray, " rows"]:
        """The index of each cell."""
        return category_codes(cells, self.categories, missing=self.missing, merge_case=bool(self.merge_case))


@dataclasses.dataclass(frozen=True)
class Picture:
    """Images as they are, whose cells hold the pixels one after the other; `shape` is height, width and channels."""

    column: str
    shape: tuple[int, int, int]

    def pixels(self, cells: pl.Series) -> UInt8[np.ndarray, "rows height width channels"]:
        """The bytes of the images."""
        return cells.to_numpy().reshape(len(cells), *self.shape)


Wide = Number | Quantile | Flag | Moment | OneHot | Ordinal | Tags
"""Encoders that write columns of numbers."""

Encoder = Wide | Category | HashedText


def category_codes(
    cells: pl.Series, categories: tuple[str, ...], *, missing: bool, merge_case: bool = False
) -> Int32[np.ndarray, " rows"]:
    """1 + the place of each cell in `categories`, 0 where it is not among them; missing comes last if it has a place.

    If all categories are numbers, 3, 3.0 and 3.00 are one category, unless there are several of these.
    With `merge_case`, case, blanks and trailing points do not count.

    >>> category_codes(pl.Series(["b", "z", None]), ("a", "b"), missing=True)
    array([2, 0, 3], dtype=int32)
    >>> category_codes(pl.Series(["3.0", "2", "03"]), ("2.0", "3"), missing=False)
    array([2, 1, 0], dtype=int32)
    """
    text = as_text(cells)
    if merge_case:
        text, categories = fold_cells(text), tuple(map(fold, categories))
    codes = _codes(text, categories)
    if np.count_nonzero(codes) < len(text) - text.null_count():
        text = _with_known_zeros(text, pl.Series(codes == 0), categories)
        codes = _codes(text, categories)
    if missing:
        codes[text.is_null().to_numpy()] = len(categories) + 1
    return codes


def _codes(text: pl.Series, categories: tuple[str, ...]) -> Int32[np.ndarray, " rows"]:
    """1 + the place of each text in `categories`, 0 where it is missing or not among them."""
    if len(text) <= FEW:
        known = _codes_by_text(categories)
        return np.array([known.get(cell, 0) for cell in text.to_list()], np.int32)
    found = text.cast(pl.Enum(categories), strict=False)
    codes = found.to_physical().cast(pl.Int32) + 1
    return codes.fill_null(0).to_numpy(writable=True)


@lru_cache(maxsize=1024)
def _codes_by_text(categories: tuple[str, ...]) -> Mapping[str | None, int]:
    return {text: place for place, text in enumerate(categories, start=1)}


WHOLE = r"^([+-]?[0-9]+)(?:\.0*)?$"
"""A whole number, with or without zeros after the point."""


def _with_known_zeros(text: pl.Series, strange: pl.Series, categories: tuple[str, ...]) -> pl.Series:
    """The text, its `strange` whole numbers written as the one category of that number, if categories are numbers."""
    known = pl.Series(categories, dtype=pl.String)
    if known.cast(pl.Float64, strict=False).null_count():
        return text
    written = pl.DataFrame({"whole": known.str.extract(WHOLE), "category": known}).drop_nulls()
    written = written.filter(pl.col("whole").is_unique())
    twins = text.str.extract(WHOLE).replace_strict(written["whole"], written["category"], default=None)
    return text.zip_with(~strange | twins.is_null(), twins)


def part_of_date(cells: pl.Series, part: str) -> pl.Series:
    """One part of each date: the days since 1970 (`elapsed`), sine or cosine of a cycle, or a number such as the hour.

    >>> noon = pl.Series(["1970-01-02 12:00"]).str.to_datetime()
    >>> [part_of_date(noon, part)[0] for part in ("elapsed", "hour cosine", "weekday")]
    [1.5, -1.0, 5.0]
    """
    name, _, curve = part.partition(" ")
    if part == ELAPSED:
        return cells.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / DAY
    if not curve:
        values: pl.Series = getattr(cells.dt, part)()
        return values.cast(pl.Float64)
    angle = _share_of_cycle(cells, name) * (2 * np.pi)
    return (angle.sin() if curve == "sine" else angle.cos()).round(12)  # so that what is equal stays so


def _share_of_cycle(cells: pl.Series, cycle: str) -> pl.Series:
    """How far each date is in a cycle, from 0 to 1."""
    date = cells.dt
    match cycle:
        case "month":
            return (date.month().cast(pl.Float64) - 1) / 12
        case "day":
            return (date.day().cast(pl.Float64) - 1) / 31
        case "weekday":
            return (date.weekday().cast(pl.Float64) - 1) / 7
    microseconds = cells.cast(pl.Datetime("us")).to_physical()
    length = DAY if cycle == "hour" else DAY // 24
    return (microseconds % length).cast(pl.Float64) / length


def mean_and_deviation(values: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """The mean and the standard deviation (divided by n), without overflow for numbers up to the largest float.

    >>> mean_and_deviation(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    size = float(np.max(np.abs(values), initial=0.0)) or 1.0
    small = values / size
    return float(np.mean(small)) * size, float(np.std(small)) * size


def scale_by(values: Float64[np.ndarray, " rows"], center: float, scale: float) -> Float64[np.ndarray, " rows"]:
    """(values − center) / scale, even if the difference exceeds the largest float; ±inf if the answer does.

    >>> scale_by(np.array([1.5e308, -1.5e308]), -1.5e308, 1e308).tolist()
    [3.0, 0.0]
    """
    with np.errstate(over="ignore"):
        scaled = (values - center) / scale
        if np.isinf(scaled).any():
            scaled = (values / 2 - center / 2) / (scale / 2)
    return scaled


def date_encoder(column: str, cells: pl.Series) -> Moment:
    """The encoder of a date column: the time elapsed, and sine and cosine of each cycle, if they differ between rows.

    The weekday is left out where the day of the month is the same, as in dates of months.
    """
    known = cells.drop_nulls()
    cycles = [cycle for cycle in CYCLES if cycle != "weekday" or known.dt.day().n_unique() > 1]
    names = (ELAPSED, *(f"{cycle} {curve}" for cycle in cycles for curve in ("sine", "cosine")))
    parts = {name: part_of_date(known, name) for name in names}
    varying = {name: values for name, values in parts.items() if values.n_unique() > 1}
    encoders = (
        Number(name, *mean_and_deviation(as_floats(values)), indicator=False) for name, values in varying.items()
    )
    return Moment(column, tuple(encoders), cells.null_count() > 0)


def category_encoder(
    column: str, cells: pl.Series, one_hot_max: int, *, merge_case: bool = False, min_frequency: int = MIN_FREQUENCY
) -> OneHot | Category:
    """The encoder of a categorical column: one-hot up to `one_hot_max` distinct values, missing among them.

    Above, values of fewer than `min_frequency` rows are taken as unknown. With `merge_case`, values that differ only in
    case, blanks or trailing points are one, named by the most frequent.
    """
    counts = as_text(cells).drop_nulls().value_counts(sort=False, name="rows")
    if merge_case:
        merged = merge_counts(dict(counts.iter_rows()))
        counts = pl.DataFrame(
            {column: list(merged), "rows": list(merged.values())}, {column: pl.String, "rows": pl.UInt32}
        )
    missing, merging = cells.null_count() > 0, True if merge_case else None
    if counts.height + missing <= one_hot_max:
        return OneHot(column, tuple(sorted(counts.to_series(0))), missing, merge_case=merging)
    frequent = counts.filter(pl.col("rows") >= min_frequency)
    least = None if min_frequency == MIN_FREQUENCY else min_frequency
    return Category(column, tuple(sorted(frequent.to_series(0))), missing, merge_case=merging, min_frequency=least)


def as_floats(cells: pl.Series) -> Float64[np.ndarray, " rows"]:
    """The cells as float64, NaN where missing."""
    return cells.cast(pl.Float64).to_numpy()


def ordinal_encoder(
    column: str, cells: pl.Series, order: tuple[str, ...], one_hot_max: int, *, merge_case: bool = False
) -> Ordinal:
    """The encoder of a categorical column whose categories have an order, with a column each up to `one_hot_max`.

    Raises:
        DataError: a training row has a category that is not in the order.
    """
    codes = category_codes(cells, order, missing=False, merge_case=merge_case)
    strange = cells.filter((codes == 0) & cells.is_not_null().to_numpy())
    if len(strange):
        listed = ", ".join(map(repr, as_text(strange).unique(maintain_order=True).head(3)))
        raise DataError(
            f"column {column!r}: {len(strange):,} training rows have a category that is not in the order "
            f"{', '.join(order)}, such as {listed}: add it to `order`."
        )
    missing = cells.null_count() > 0
    ranks = codes[codes > 0] - 1.0
    center, scale = mean_and_deviation(ranks) if len(ranks) else (0.0, 1.0)
    one_hot = len(order) + missing <= one_hot_max
    return Ordinal(column, order, center, scale or 1.0, one_hot, missing, merge_case=True if merge_case else None)


def _with_indicator(column: str, indicator: bool) -> tuple[str, ...]:
    return (column, f"{column} is missing") if indicator else (column,)


def _write_indicator(cells: pl.Series, out: Float32[np.ndarray, "rows features"], indicator: bool) -> None:
    if indicator:
        missing: Bool[np.ndarray, " rows"] = cells.is_null().to_numpy()
        out[:, -1] = missing
