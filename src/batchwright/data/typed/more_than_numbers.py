"""Whether the texts of a column say more than the numbers that they can be read as: 007, or 16 digits and more."""

from typing import TypeAlias

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int8

from batchwright.data.typed.missing import LEADING_ZERO
from batchwright.data.typed.whole import EXACT

CODES = 20
"""The most distinct values at which numbers mixed with repeated text are names of classes ("0", "1", "2", "3+")."""
LOOKED_AT = 1000
"""Rows of a column that are looked at first, where looking at all of them would take long."""
LEAST_TELEPHONE = 1e8
"""Whole numbers from here on are those of telephones if all begin with +."""
MANY_DIGITS = r"^[+-]?[0-9]{16,}(?:\.[0-9]*)?$"

Marks: TypeAlias = Bool[np.ndarray, " rows"]
Numbers: TypeAlias = Float64[np.ndarray, " rows"]


def says_more(text: pl.Series, numbers: pl.Series) -> bool:
    """Whether some text says more than its number, or a few distinct numbers are each written in several ways.

    >>> says_more(pl.Series(["007", "7"]), pl.Series([7.0, 7.0])), says_more(pl.Series(["0.5"]), pl.Series([0.5]))
    (True, False)
    """
    return bool(which_say_more(text, numbers).any()) or texts_of_one_number(text, numbers) is not None


def which_say_more(text: pl.Series, numbers: pl.Series) -> pl.Series:
    """Which texts say more than their numbers: with a leading zero, telephones, or integers that float64 may round."""
    values = numbers.to_numpy()  # NaN, which is neither whole nor large, where a number is missing
    whole, large = values == np.rint(values), np.abs(values) >= EXACT
    longer = whole & (text.str.len_bytes().to_numpy() > _fewest_characters(values)) if whole.any() else whole
    more = _hold(text, longer, LEADING_ZERO)
    if (long := whole & (values >= LEAST_TELEPHONE)).any() and text.str.starts_with("+").all():
        more |= long
    return pl.Series(text.name, more | _hold(text, large, MANY_DIGITS) if large.any() else more)


def _fewest_characters(values: Numbers) -> Int8[np.ndarray, " rows"]:
    """The characters of whole numbers that are written with a minus and digits, the first of which is not zero."""
    sizes = np.abs(values)
    characters: Int8[np.ndarray, " rows"] = np.signbit(values).astype(np.int8) + np.int8(1)
    for power in range(1, len(str(EXACT))):
        reach = sizes >= 10.0**power
        if not reach.any():
            break
        characters += reach
    return characters


def _hold(text: pl.Series, chosen: Marks, pattern: str) -> Marks:
    """Which of the chosen texts hold the pattern."""
    held = chosen.copy()
    if chosen.any():
        held[chosen] = text.filter(pl.Series(chosen)).str.contains(pattern).to_numpy()
    return held


def texts_of_one_number(text: pl.Series, numbers: pl.Series) -> tuple[str, str] | None:
    """Two texts of one number, such as 1.1 and 1.10, if so few numbers are distinct that they may name classes."""
    if numbers.head(LOOKED_AT).n_unique() > CODES:
        return None
    counts = numbers.drop_nulls().value_counts(name="rows")
    if counts.height > CODES or _is_written_plainly(text, counts) or text.n_unique() == numbers.n_unique():
        return None
    ways = pl.DataFrame({"number": numbers, "text": text}).drop_nulls().unique(maintain_order=True)
    for texts in ways.group_by("number", maintain_order=True).agg("text")["text"]:
        if len(texts) > 1:
            return texts[0], texts[1]
    return None


def _is_written_plainly(text: pl.Series, counts: pl.DataFrame) -> bool:
    """Whether all texts are integers of as few characters as possible, given how many rows each number has."""
    return all(number.is_integer() and abs(number) < EXACT for number in counts[:, 0]) and bool(
        text.str.len_bytes().sum() == sum(rows * len(str(int(number))) for number, rows in counts.iter_rows())
    )
