"""The different texts of a column with the rows that hold each, and a sample of its cells.

What is asked of every cell is asked of the different texts once, and counted by their rows.
"""

import numpy as np
import polars as pl

LOOKED_AT = 1000
"""Cells of a sample, at least, if there are so many."""
FIRST = 30_000
"""Cells of which it is seen whether most of a column differ; fewer are counted one way."""
DIFFERENT = 0.9
"""The share of the first cells from which nearly all of a column are taken to differ."""
AT_ONCE = 1 << 18
"""Cells whose text is in memory once more at a time."""


def count_texts(cells: pl.Series) -> pl.DataFrame:
    """Each different text as `cell`, with its `rows`, in their order; of text without missing cells.

    What follows reads them several times as fast as in another order: they lie in memory one after the other.

    >>> count_texts(pl.Series(["b", "a", "b"])).rows()
    [('b', 2), ('a', 1)]
    """
    if len(cells) > FIRST and cells.head(FIRST).n_unique() > DIFFERENT * FIRST:
        return _count_different(cells.alias("cell"))
    return _count_all(cells.alias("cell").to_frame())


def _count_all(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.group_by("cell", maintain_order=True).agg(rows=pl.len())


def _count_different(cells: pl.Series) -> pl.DataFrame:
    """As `count_texts`, of cells that nearly all differ: only those with a hash that another has are compared."""
    hashes = cells.hash()
    ordered = hashes.sort().to_numpy()
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(shared) > (1 - DIFFERENT) * len(cells):
        return _count_all(cells.to_frame())
    places = hashes.is_in(pl.Series(shared).implode()).arg_true()
    frame = pl.DataFrame({"cell": cells.gather(places), "place": places})
    alike = frame.group_by("cell").agg(pl.col("place").first(), rows=pl.len())
    rows = np.ones(len(cells), np.uint32)
    rows[places.to_numpy()] = 0
    rows[alike["place"].to_numpy()] = alike["rows"].to_numpy()
    return pl.DataFrame({"cell": cells, "rows": rows}).filter(pl.Series(rows > 0))


def find_signs(cells: pl.Series, signs: str) -> tuple[set[str], bool]:
    """Which of some signs are in the cells, and whether all cells are ASCII; found in their text as a whole.

    >>> found, ascii = find_signs(pl.Series(["a;b", "c|", None]), ",;|")
    >>> sorted(found), ascii
    ([';', '|'], True)
    """
    found, is_ascii = set[str](), True
    for start in range(0, len(cells), AT_ONCE):
        text = cells.slice(start, AT_ONCE).str.join("")[0]
        found |= {sign for sign in signs if sign not in found and sign in text}
        is_ascii = is_ascii and text.isascii()
        if len(found) == len(signs) and not is_ascii:
            break
    return found, is_ascii


def without_nulls(column: pl.Series) -> pl.Series:
    """The cells that are not missing; a column without missing cells is not copied."""
    return column.drop_nulls() if column.null_count() else column


def rows_of(distinct: pl.DataFrame, marks: pl.Series) -> int:
    """The rows that hold one of the texts that are marked.

    >>> rows_of(pl.DataFrame({"cell": ["a", "b"], "rows": [1, 2]}), pl.Series([False, True]))
    2
    """
    return int(distinct["rows"].filter(marks).sum())


def take_sample(cells: pl.Series) -> tuple[pl.Series, int]:
    """A thousand cells or up to twice as many, in even steps through the column, and the step."""
    step = max(1, len(cells) // LOOKED_AT)
    return cells.gather_every(step), step


def half_have_digits(cells: pl.Series) -> bool:
    """Whether half of a sample of cells have a digit, without which they are neither dates nor lengths of time.

    The search for these looks at the same sample, and goes no further unless half of it fits.
    """
    sample, _ = take_sample(cells)
    return 2 * int(sample.str.contains("[0-9]").sum()) >= len(sample)
