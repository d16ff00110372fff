"""Columns of whole numbers in plain digits, such as 7 and -12: their text says no more than their numbers."""

import numpy as np
import polars as pl

EXACT = 2**53
"""Integers beyond this are rounded in float64: two different ones may become equal."""
LOOKED_AT = 1000
"""Cells that are looked at first."""


def read_whole(text: pl.Series) -> pl.Series | None:
    """The numbers of a text column whose cells are all missing or whole numbers in plain digits; None of any other.

    Digits are plain if no number can be written with fewer characters: no zero or plus is before them.

    >>> read_whole(pl.Series(["7", "-12", None])).to_list(), read_whole(pl.Series(["07", "1"]))
    ([7.0, -12.0, None], None)
    """
    if not _all_read(text.head(LOOKED_AT)):
        return None
    whole = text.cast(pl.Int64, strict=False).rechunk()
    if whole.null_count() > text.null_count():
        return None
    numbers = whole.drop_nulls().to_numpy()
    if len(numbers) and max(-int(numbers.min()), int(numbers.max())) >= EXACT:
        return None
    plain = len(numbers) + int(np.count_nonzero(numbers < 0)) + _further_digits(np.abs(numbers))
    return whole.cast(pl.Float64) if text.str.len_bytes().sum() == plain else None


def _all_read(text: pl.Series) -> bool:
    return text.cast(pl.Int64, strict=False).null_count() == text.null_count()


def _further_digits(sizes: np.ndarray) -> int:
    """How many digits numbers of at least 0 have in all, without the first of each."""
    found, power = 0, 10
    while count := int(np.count_nonzero(sizes >= power)):
        found += count
        power *= 10
    return found
