"""Columns of text with few different texts: what is asked of each cell is asked of each text once."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from batchwright.data.typed.missing import clean

FROM = 10_000
"""Cells from which it is faster."""
FIRST = 30_000
"""Cells that are looked at first."""
TIMES = 4
"""How often each text occurs on average, at least."""


@dataclass(frozen=True)
class RepeatedTexts:
    """The different texts of a column by their first rows, and which of them each row holds, null if it is missing."""

    texts: pl.Series
    codes: pl.Series

    def count(self) -> pl.DataFrame:
        """Each text as `cell`, with its `rows`, as `distinct.count_texts` gives them."""
        rows = np.bincount(self.codes.drop_nulls().to_numpy(), minlength=len(self.texts))
        return pl.DataFrame({"cell": self.texts, "rows": rows.astype(np.uint32)})

    def spread(self, values: pl.Series) -> pl.Series:
        """The column in which each row has the value of its text; there is one value for each text.

        >>> RepeatedTexts(pl.Series(["a", "b"]), pl.Series([1, None, 0])).spread(pl.Series([2.5, 0.5])).to_list()
        [0.5, None, 2.5]
        """
        return values.gather(self.codes)


def find_repeated(cells: pl.Series) -> RepeatedTexts | None:
    """The different texts of a long column and where they are; None if they are not few."""
    first = cells.head(FIRST)
    if len(cells) < FROM or TIMES * first.n_unique() > len(first):
        return None
    return code_texts(cells)


def code_texts(cells: pl.Series) -> RepeatedTexts | None:
    """The different texts of a column of any length and where they are; None if they are not few.

    >>> repeated = code_texts(pl.Series(["b", "a", "b", None] * 4))
    >>> repeated.texts.to_list(), repeated.codes.head(4).to_list()
    (['b', 'a'], [0, 1, 0, None])
    """
    for part in (cells.head(FIRST), cells):  # as a rule, the first cells hold all texts
        texts = part.unique(maintain_order=True).drop_nulls()
        if TIMES * len(texts) > len(cells):
            break
        codes = _codes(cells, texts)
        if codes.null_count() == cells.null_count():
            return RepeatedTexts(texts, codes)
    return None


def clean_repeated(
    cells: pl.Series, repeated: RepeatedTexts, missing: tuple[str, ...]
) -> tuple[pl.Series, RepeatedTexts]:
    """As `clean`, by the different texts of the cells; and the different texts of what comes of it."""
    texts = clean(repeated.texts, missing)
    if texts.equals(repeated.texts):
        return cells, repeated
    different = texts.unique(maintain_order=True).drop_nulls()
    return repeated.spread(texts), RepeatedTexts(different, repeated.spread(_codes(texts, different)))


def _codes(cells: pl.Series, texts: pl.Series) -> pl.Series:
    """Which of the texts each cell is; null where it is none of them."""
    return cells.cast(pl.Enum(texts), strict=False).to_physical()
