"""Fractions and ratings, such as 4/10, 7 of 10, 3/4 and 1 1/2: the number above, or the quotient, of each cell."""

from typing import NamedTuple

import polars as pl

from batchwright.data.typed.advice import kind_setting
from batchwright.data.typed.dates import NAMED_SO

OUT_OF, QUOTIENT = "out of ", "quotient"
"""The formats: the number above where all cells have the same below it, which follows; or the quotient."""
ENOUGH = 0.1
"""The least share of fractions among whole numbers."""
LOOKED_AT = 1000
"""Rows that are looked at first."""
POINTS = r"(?: (?:stars?|sternen?|étoiles?|estrellas?|points?|pts\.?|punkten?))?"
BAR = "(?: ?[/⁄] ?| (?:of|out of|von|sur|de|su|van|из) )"
FRACTION = (
    rf"(?i)^(?:(?P<whole>[0-9]+)(?: |$))?(?:(?P<above>[0-9]+(?:[.,][0-9]+)?){BAR}(?P<below>[0-9]+(?:[.,][0-9]+)?)"
    rf"{POINTS})?$"
)
HAS_BAR = rf"(?i)^(?:[0-9]+ )?[0-9]+(?:[.,][0-9]+)?{BAR}[0-9.,]+{POINTS}$"
DAYS, MONTHS = 31, 12


class Fractions(NamedTuple):
    """How many cells are fractions, in which format, and what a note says; without a format they stay text."""

    fits: int
    format: str
    note: str


def is_fraction_format(form: str) -> bool:
    """Whether this is the format of a numeric column of fractions."""
    return form == QUOTIENT or form.startswith(OUT_OF)


def read_fractions(cells: pl.Series, form: str) -> pl.Series:
    """The cells as numbers, null where a cell is no fraction in this format.

    >>> read_fractions(pl.Series(["4/10", "7 of 10", "1/2"]), "out of 10").to_list()
    [4.0, 7.0, None]
    >>> read_fractions(pl.Series(["1/4", "1 1/2", "3", "1/0"]), "quotient").to_list()
    [0.25, 1.5, 3.0, None]
    """
    parts = _take_apart(cells)
    whole, above, below = (pl.col(name) for name in ("whole", "above", "below"))
    if form == QUOTIENT:
        fraction = pl.when(below > 0).then(above / below)
        value = pl.when(below.is_null()).then(whole).otherwise(whole.fill_null(0) + fraction)
    else:
        value = pl.when(whole.is_null() & (below == float(form.removeprefix(OUT_OF)))).then(above)
    return parts.select(value.alias(cells.name)).to_series()


def find_fractions(cells: pl.Series, *, told: bool = False) -> Fractions | None:
    """The fractions in a text column without missing cells; None if hardly a cell is one.

    Quotients are taken if nothing above is greater than what is below, or if it is `told` that the column has numbers:
    otherwise the cells may be two numbers, such as 120/80.

    >>> find_fractions(pl.Series("stars", ["4/5", "3/5", "5/5"])).format
    'out of 5'
    """
    first = cells.head(LOOKED_AT)
    if not len(cells) or first.str.contains(HAS_BAR).sum() < ENOUGH * len(first):
        return None
    parts = _take_apart(cells)
    known = parts.filter(pl.col("below") > 0)
    fits = len(known) + parts.filter(pl.col("whole").is_not_null() & pl.col("below").is_null()).height
    if not len(known):
        return None
    shown = _longest(cells.filter((parts["below"] > 0).fill_null(value=False)))
    below = known["below"].unique()
    alike = len(below) == 1 and len(known) == fits and known["whole"].null_count() == len(known)
    kept = f"{kind_setting(cells.name, 'categorical')} keeps what is written"
    if not told and _may_be_days(known) and NAMED_SO.search(cells.name):
        return Fractions(0, "", f"days and months as in {shown!r} without a year stay text: write dates with the year")
    if alike:
        note = f"{shown!r} read as the number above {below[0]:g}, which is below in all cells; {kept}"
        return Fractions(fits, f"{OUT_OF}{below[0]:g}", note)
    days = "; days and months need a year to be dates" if _may_be_days(known) else ""
    if not told and (known["above"] > known["below"]).any():
        how = f"{kind_setting(cells.name, 'numeric')} takes their quotients{days}"
        return Fractions(
            0, "", f"two numbers in a cell, as in {shown!r}, stay text: make two columns of them, or {how}"
        )
    return Fractions(fits, QUOTIENT, f"fractions as in {shown!r}, read as quotients; {kept}{days}")


def _take_apart(cells: pl.Series) -> pl.DataFrame:
    """The whole number before each fraction, and the numbers above and below; all null where a cell is none."""
    parts = pl.col("cell").str.extract_groups(FRACTION).alias("parts")
    frame = cells.alias("cell").to_frame().select(parts).unnest("parts")
    return frame.with_columns(pl.all().str.replace(",", ".", literal=True).cast(pl.Float64, strict=False))


def _may_be_days(parts: pl.DataFrame) -> bool:
    """Whether all fractions may be a day and a month, in either order."""
    if parts["whole"].is_not_null().any() or not (parts.select(pl.col("above", "below").round()).equals(parts[:, 1:])):
        return False
    above, below = (float(parts[name].max()) for name in ("above", "below"))  # type: ignore[arg-type]
    return float(parts["above"].min()) > 0 and (  # type: ignore[arg-type]
        (above <= DAYS and below <= MONTHS) or (above <= MONTHS and below <= DAYS)
    )


def _longest(cells: pl.Series) -> str:
    """The longest text; of several, the first by the alphabet."""
    lengths = cells.str.len_chars()
    return str(cells.filter(lengths == lengths.max()).min())
