"""Free text, which is learned from by its words, told from texts that only name the rows."""

import dataclasses

import numpy as np
import polars as pl

from batchwright.data.typed.schema import Column

UNBLANKED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""The scripts that put no blanks between words, as a part of a character class."""

WRITTEN_WORD = rf"[^\s{UNBLANKED}]*[\p{{Alphabetic}}--[{UNBLANKED}]][^\s{UNBLANKED}]*|[{UNBLANKED}]"
"""A word as it is written: letters between blanks, or one character of a script without blanks."""

AROUND = ".,;:!?()[]{}'\"…“”‘’«»、。！？"
"""Marks around words that do not belong to them."""

PIECE = 16_384
"""Cells whose words are in memory at once."""

REPEATED = 0.3
"""The least share of words, each counted once in a cell, that other cells have too, but not nearly all of them."""
NEARLY_ALL = 0.9
"""A word in more than this share of the cells tells them apart as little as a heading does."""

LOWER, CASELESS, CAPITAL = 2.0, 4.0, 5.0
"""The fewest words per cell of free text: most begin with a small letter, with a letter without case, with a capital.

Names are two or three words with capitals; a sentence has more of them, or small letters."""
SENTENCE = 4.0
"""The fewest words per cell of free text if texts repeat: shorter ones are rather categories."""
ALONE = 0.1
"""From this share of rows with a text that no other row has, two words per cell are enough, but for names: a category
that occurs once teaches nothing, and its words do."""
OF_NAMES = 0.95
"""From this share of words with capitals, short texts without digits are names, as of people, whose words teach little:
as noise beside a number that decides, 400 rows of them as words cost 0.05 of the log loss."""
COMMON = 0.2
"""With a smaller share of distinct texts, each occurs five times or more on average: they are categories."""


NAMES = "look like names of the rows"


@dataclasses.dataclass(frozen=True)
class Wording:
    """How the texts of a column are worded.

    - words: words per cell, on average; two characters of a script without blanks count as one
    - needed: the words per cell that free text has at least, by the letters with which words begin
    - repeated: the share of words, each counted once in a cell, that other cells have too, but not nearly all of them
    - capitals: the share of words that begin with a capital
    """

    words: float
    needed: float
    repeated: float
    capitals: float

    @property
    def teaches(self) -> bool:
        """Whether words repeat in so many cells that something can be learned from them."""
        return self.repeated >= REPEATED and self.words * self.repeated >= 1.0


def measure_wording(cells: pl.Series) -> Wording:
    """How the texts of a column are worded; a few thousand cells are in memory as words at a time.

    >>> measure_wording(pl.Series(["a red chair", "a red table", "one blue table", "no table"])).words
    2.75
    """
    found = pl.concat([_count_words(cells[start : start + PIECE]) for start in range(0, len(cells), PIECE)])
    starts = found.group_by("start").agg(pl.col("times").sum())
    times = dict(starts.iter_rows())
    lower, capital, unblanked, other = (times.get(start, 0) for start in ("lower", "capital", "unblanked", "other"))
    words = (lower + capital + other + unblanked / 2) / max(1, len(cells))
    needed = LOWER if lower >= capital + other + unblanked else CAPITAL if capital >= other + unblanked else CASELESS
    holding = found.group_by("word").agg(pl.col("cells").sum())["cells"].to_numpy()
    repeat = holding[(holding >= 2) & (holding <= NEARLY_ALL * len(cells))]
    capitals = capital / max(1, lower + capital + other + unblanked)
    return Wording(words, needed, int(repeat.sum()) / max(1, int(holding.sum())), capitals)


def _count_words(cells: pl.Series) -> pl.DataFrame:
    """For each written word, how often it is written, the cells that hold it, and how it begins.

    Words that differ only in capitals and in marks around them are one; the cells that hold it are in one of its lines.
    """
    lists = cells.str.extract_all(WRITTEN_WORD)
    written = lists.explode().drop_nulls()
    distinct = written.unique()
    codes = written.cast(pl.Enum(distinct)).to_physical().to_numpy()
    words = distinct.str.strip_chars(AROUND).str.to_lowercase()
    names = words.unique()
    of_word = words.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(cells)), lists.list.len().to_numpy())
    held = np.unique(rows * max(1, len(names)) + of_word[codes]) % max(1, len(names))
    first = np.unique(of_word, return_index=True)[1]
    cells_with = np.zeros(len(distinct), np.int64)
    cells_with[first] = np.bincount(held, minlength=len(names))
    return pl.DataFrame(
        {
            "word": words,
            "start": _starts(distinct),
            "times": np.bincount(codes, minlength=len(distinct)),
            "cells": cells_with,
        }
    )


def _starts(words: pl.Series) -> pl.Series:
    """How each word begins: with a small or a capital letter, with one of a script without blanks, or another."""
    first = pl.col("first")
    kinds = ((rf"[{UNBLANKED}]", "unblanked"), (r"\p{Ll}", "lower"), (r"\p{Lu}", "capital"))
    start = pl.coalesce(
        *(pl.when(first.str.contains(kind)).then(pl.lit(name)) for kind, name in kinds), pl.lit("other")
    )
    return words.str.extract(r"(\p{Alphabetic})").alias("first").to_frame().select(start.alias("start")).to_series()


def guess_free_text(cells: pl.Series, distinct: pl.DataFrame, *, names_rows: bool) -> tuple[Column | None, str]:
    """The column as free text; or else None, and what texts that nearly all differ are then.

    Args:
        cells: texts, none of them missing.
        distinct: the different texts with their rows.
        names_rows: whether nearly all of them differ, so that they are free text or names of the rows.
    """
    if len(cells) == 0 or distinct.height < COMMON * len(cells) or not _may_have_words(distinct):
        return None, NAMES
    wording = measure_wording(cells)
    alone = int((distinct["rows"] == 1).sum()) >= ALONE * len(cells)
    names = wording.capitals >= OF_NAMES and not distinct["cell"].str.contains(r"\d").any()
    needed = wording.needed if names_rows else LOWER if alone and not names else max(SENTENCE, wording.needed)
    if wording.words >= needed and wording.teaches:
        return Column(cells.name, "text", note=f"free text of {wording.words:,.0f} words on average"), ""
    if wording.words >= needed:
        return None, "have words that hardly repeat, or are in nearly every row"
    if not wording.teaches:
        return None, NAMES
    more = f"`data.kinds={{{cells.name}: text}}` learns from their words"
    return None, f"{NAMES} ({wording.words:.1f} words on average); {more}"


def _may_have_words(distinct: pl.DataFrame) -> bool:
    """Whether cells have a blank, or a character of a script without blanks, on average."""
    between = distinct["cell"].str.strip_chars().str.count_matches(rf"\s+|[{UNBLANKED}]")
    return int((between * distinct["rows"]).sum()) >= int(distinct["rows"].sum()) * LOWER / 2
