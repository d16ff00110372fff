"""Numbers as people write them, such as 1.234,56, $1,200, 12 kg, 45%, (123) and 19M, in one format for a column."""

import dataclasses
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
import polars as pl
from jaxtyping import Bool

from batchwright.data.typed.distinct import count_texts
from batchwright.data.typed.plain_numbers import ANY_BODY, count_forms, plain_pattern, strip_plain, sum_forms

Decimal = Literal[".", ","]
Thousands = Literal["", ",", ".", " ", "'"]

DECIMALS: tuple[Decimal, ...] = get_args(Decimal)
MARKS: tuple[tuple[Decimal, Thousands], ...] = tuple(
    (decimal, thousands) for decimal in DECIMALS for thousands in get_args(Thousands) if thousands != decimal
)
"""The marks that a number may be written with; the first that fit all cells are taken."""

MOSTLY = 0.95
"""Share of a column's cells that must be numbers in one format for the others to be mistakes."""
PIECE = 1 << 18
"""Cells that are taken apart at once."""
TAKEN_APART = 2000
"""Different cells up to which all are taken apart to find their format."""

BLANKS, APOSTROPHE, MINUS = "[\u00a0\u2007\u2009\u202f]", "’", "[−–—]"
CODES = (
    "AED|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NOK|NZD|PHP|PLN|RMB|RON|RUB|SAR|SEK|"
    r"SGD|THB|TRY|TWD|USD|VND|ZAR|[sS]?Fr\.?|Rs\.?|kr\.?"
)
"""What may stand before a number besides a sign of currency; other letters make it a name, as in A12 or No 5."""
CURRENCY = rf"(?:[A-Za-z]{{0,3}}\p{{Sc}}|{CODES})"
WORD = r"[\p{L}%‰°\p{Sc}/][\p{L}%‰°\p{Sc}/.·*^²³]*[23]?"
UNIT = rf"(?:[kKMB] )?{WORD}(?: {WORD})?"
ONE_LETTER = r"^(?:[A-Za-z]|[QHT][23])$"
"""A letter, or one with its number in a year, as in 2023Q2."""
UNITS_OF_ONE_LETTER = tuple("mgshlLdtyWVNJ")
"""Letters that are a unit directly after a number; others make it a name, as in 12A."""
LETTERS = {"k": "e3", "K": "e3", "M": "e6", "B": "e9"}
WORDS = {
    **dict.fromkeys(("Tsd.", "Tsd", "tys.", "tys", "тыс.", "тыс", "thousand"), "e3"),
    **dict.fromkeys(("lakh", "Lakh"), "e5"),
    **dict.fromkeys(("Mio.", "Mio", "mio", "mln", "млн", "million", "Million", "Millionen", "millones"), "e6"),
    **dict.fromkeys(("crore", "Crore"), "e7"),
    **dict.fromkeys(("Mrd.", "Mrd", "mld", "bn", "млрд", "billion", "Milliarde", "Milliarden"), "e9"),
}
SIGNS = {"万": "e4", "萬": "e4", "만": "e4", "亿": "e8", "億": "e8", "억": "e8"}
MAGNITUDES = {**LETTERS, **WORDS, **SIGNS}
"""Powers of ten by the letters, words and signs that stand for them after a number."""
MAGNITUDE = "|".join(pl.escape_regex(text) for text in sorted(MAGNITUDES, key=len, reverse=True))
MAGNITUDE_FIRST = rf"^({MAGNITUDE})(?:$|[^\p{{Lu}}\p{{Ll}}])"
PLURAL = r"^(\p{L}{2,})s$"

HEAD, END = r"^(?P<open>\()? ?(?P<sign>[+-])? ?", r" ?(?P<close>\))?$"
INNER, POWER = r" ?(?P<inner>[+-])? ?", r"(?P<power>[eE][+-]?[0-9]+)?"
DASH = r"(?: ?(?P<dash>--?))?"
"""After a decimal mark, in place of zeros, as in 12,-; after a digit, a minus, as in 4.997,39- and 4.997,39 -."""
ANY_NUMBER = (
    rf"{HEAD}(?P<before>{CURRENCY})?{INNER}(?P<body>{ANY_BODY}){DASH}{POWER}(?P<blank> ?)(?P<after>{UNIT})?{END}"
)
AMOUNT = r"[0-9]{3}$|[., '][0-9]+$"
"""Digits after which a minus makes a number negative; a shorter number such as 2- may be a mark at school."""
ADDRESS = r"^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$"
"""An address in a network: four numbers, which as one number would have three marks of thousands."""

TELEPHONE = "^[0-9](?: ?[0-9]){8,}$"
"""The digits of whole numbers that are those of telephones if all begin with +."""


@dataclasses.dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a text column are written.

    A number may have a sign (+5, -5, −5, or (5) for -5), an exponent, a magnitude (k or K, M, B), and blanks between
    parts. `thousands` may be left out of a number, but `before` and `after` may not. A blank stands for any kind of
    blank, ' for both apostrophes, and a unit of letters for its plural as well. Dashes after the decimal mark are
    zeros, as in 12,-. With `minus_after`, a minus may also follow the digits, as in 5-.

    >>> form = NumberFormat(thousands=",", before="$")
    >>> form.read(pl.Series(["$1,200.50", "-$3", "($7)", "$1.5M", "12", "$1,2"])).to_list()
    [1200.5, -3.0, -7.0, 1500000.0, None, None]
    """

    decimal: Decimal = "."
    thousands: Thousands = ""
    before: str = ""
    after: str = ""
    minus_after: bool | None = None

    @property
    def example(self) -> str:
        """A number in this format.

        >>> NumberFormat(",", ".", after="kg").example
        '1.234,5 kg'
        """
        unit = f" {self.after}" if self.after[:1].isalpha() else self.after
        return f"{self.before}1{self.thousands}234{self.decimal}5{unit}"

    def read(self, cells: pl.Series) -> pl.Series:
        """The cells as numbers, null where a cell is none in this format."""
        pieces = (self._plainly(piece).cast(pl.Float64, strict=False) for piece in _pieces(cells))
        return pl.concat(pieces).rename(cells.name)

    def write_plainly(self, cells: pl.Series) -> pl.Series:
        """The cells as Python writes numbers, with every digit kept; null where a cell is no number in this format.

        >>> NumberFormat(",", ".", after="%").write_plainly(pl.Series(["1.200,50 %", "05 %"])).to_list()
        ['1200.50', '05']
        """
        texts = pl.concat(self._plainly(piece) for piece in _pieces(cells))
        return texts.set(texts.cast(pl.Float64, strict=False).is_null(), None).rename(cells.name)

    def fits(self, cells: pl.Series) -> pl.Series:
        """Whether each cell is a number in this format; no cell is missing."""
        plain = cells.str.contains(self._plain_pattern())
        if plain.all():
            return plain
        others = pl.concat(
            self._take_all_apart(piece).cast(pl.Float64, strict=False) for piece in _pieces(cells.filter(~plain))
        )
        return pl.Series(cells.name, _scatter(plain, others.is_not_null()))

    def _plain_pattern(self) -> str:
        return plain_pattern(self.before, self.after, _body(self.decimal, self.thousands))

    def magnitudes(self, cells: pl.Series) -> pl.Series:
        """What multiplies the digits of each cell, such as M or Mio.; null where nothing does."""
        return _parts(cells, self.pattern())["magnitude"]

    def _plainly(self, cells: pl.Series) -> pl.Series:
        """As `write_plainly`, but text such as --5 may be left where a cell is no number."""
        plain = cells.str.contains(self._plain_pattern())
        if 2 * (plain.sum() or 0) < len(cells):
            return self._take_all_apart(cells)
        frame = pl.DataFrame({"cell": cells, "plain": plain})
        stripped = strip_plain(pl.col("cell"), self.before, self.after, self.thousands)
        texts = frame.select(pl.when("plain").then(stripped).alias(cells.name)).to_series()
        others = (~plain).arg_true()
        return texts.scatter(others, self._take_all_apart(cells.gather(others))) if len(others) else texts

    def _take_all_apart(self, cells: pl.Series) -> pl.Series:
        """As `_plainly`, for cells that need not be plain."""
        body = pl.col("body").str.replace_all(self.thousands, "", literal=True) if self.thousands else pl.col("body")
        has_zeros = pl.col("body").str.ends_with(self.decimal)
        minus = pl.when(pl.col("open").is_null()).then(pl.lit("")).otherwise(pl.lit("-"))
        magnitude = pl.col("magnitude").replace(MAGNITUDES)
        texts = pl.concat_str(
            minus,
            *(pl.col(part).fill_null("") for part in ("sign", "inner")),
            pl.when(~has_zeros & (pl.col("dash") == "-")).then(pl.lit("-")).otherwise(pl.lit("")),
            body.str.replace(",", ".", literal=True),
            pl.col("power").fill_null(""),
            magnitude.fill_null(""),
        )
        closed = pl.col("open").is_null() == pl.col("close").is_null()
        known = pl.col("dash").is_null() | has_zeros | (pl.lit(bool(self.minus_after)) & (pl.col("dash") == "-"))
        return _parts(cells, self.pattern()).select(pl.when(closed & known).then(texts).alias(cells.name)).to_series()

    def pattern(self) -> str:
        """The regular expression of a number in this format."""
        return self._pattern_of(_body(self.decimal, self.thousands))

    def with_other_decimal(self) -> tuple["NumberFormat", ...]:
        """The formats that have the other decimal mark, with each mark of thousands, and are the same otherwise."""
        return tuple(
            dataclasses.replace(self, decimal=decimal, thousands=thousands)
            for decimal, thousands in MARKS
            if decimal != self.decimal
        )

    def _pattern_of(self, body: str) -> str:
        before, unit = pl.escape_regex(self.before), pl.escape_regex(self.after)
        if self.after.isalpha() and len(self.after) > 1:
            stem = self.after.removesuffix("s") if len(self.after) > 2 else self.after
            unit = f"{stem}s?"
        is_cased = self.after[:1].islower() or self.after[:1].isupper()
        magnitude = rf" ?(?:(?P<magnitude>{MAGNITUDE}){' ' if is_cased else ' ?'})?"  # kg is no thousand g
        return rf"{HEAD}{before}{INNER}(?P<body>{body}){DASH}{POWER}{magnitude}{unit}{END}"


class Written(NamedTuple):
    """In which format most of a column's cells are numbers.

    Attributes:
        format: the format.
        fits: the cells that are numbers in this format.
        alike: the cells that are numbers in any format.
        example: one of the longest cells that fit.
        other: a cell that is a number in another format; None if there is none.
        marked: whether some cell has a point or a comma.
    """

    format: NumberFormat
    fits: int
    alike: int
    example: str
    other: str | None
    marked: bool

    @property
    def note(self) -> str:
        """How the numbers are read, in words."""
        form = self.format
        marks = (
            f"thousands {form.thousands!r}" if form.thousands else "",
            f"decimal {form.decimal!r}" if self.marked else "",
            f"{form.before!r} before them" if form.before else "",
            f"{form.after!r} after them" if form.after else "",
            "a minus may follow" if form.minus_after else "",
        )
        listed = ", ".join(filter(None, marks))
        return f"numbers as in {self.example!r}{self._value()}{f' ({listed})' if listed else ''}"

    def _value(self) -> str:
        """The number that the example is, if a magnitude multiplies its digits; else empty."""
        cell = pl.Series([self.example])
        if self.format.magnitudes(cell)[0] is None:
            return ""
        return f" = {self.format.read(cell)[0]:,.15g}"


def find_written(cells: pl.Series, decimal: Decimal | None) -> Written | None:
    """The format in which most cells are numbers, by all distinct cells; `decimal` is the decimal mark, if it is told.

    None if hardly a cell is a number, or if the cells are rather codes in parentheses or addresses.

    >>> find_written(pl.Series(["12 kg", "1,5 kg", "900 kg"]), None).format
    NumberFormat(decimal=',', thousands='', before='', after='kg', minus_after=None)
    """
    return find_among(count_texts(cells), decimal)


def find_among(distinct: pl.DataFrame, decimal: Decimal | None) -> Written | None:
    """As `find_written`, by the different texts with their rows."""
    distinct = distinct.filter(may_be_numbers(distinct["cell"]))
    if distinct.height == 0 or (counts := _count_all(distinct)).height == 0:
        return None
    marks = [mark for mark in MARKS if decimal in (None, mark[0])]
    best = {mark: int(counts[_name(mark)].max() or 0) for mark in marks}  # type: ignore[arg-type]
    chosen = max(marks, key=best.__getitem__)
    form = counts.sort([_name(chosen), "before", "unit"], descending=[True, False, False]).row(0, named=True)
    if form["rows"] in (form["in_parentheses"], form["addresses"], form["telephones"]) or best[chosen] == 0:
        return None
    found = NumberFormat(*chosen, form["before"], form["unit"], minus_after=True if form["minus_after"] else None)
    fits = found.fits(distinct["cell"])
    if not fits.any():
        return None
    unfit = distinct.filter(~fits)["cell"]
    others_like = unfit.filter(_is_number(unfit))
    return Written(
        format=found,
        fits=int(distinct.filter(fits)["rows"].sum()),
        alike=int(counts["rows"].sum()),
        example=_longest(distinct.filter(fits)["cell"]),
        other=None if others_like.is_empty() else str(others_like.min()),
        marked=bool(form["marked"]),
    )


def look_like(cells: pl.Series, *forms: NumberFormat) -> pl.Series:
    """Whether each text is written as in one of these formats, which differ in marks alone.

    It is what `fits` says, but for parentheses and dashes that do not pair.

    >>> look_like(pl.Series(["1,5", "1 234", "x"]), NumberFormat(","), NumberFormat(",", " ")).to_list()
    [True, True, False]
    """
    pattern = forms[0]._pattern_of("|".join(_body(form.decimal, form.thousands) for form in forms))
    odd = cells.str.contains(rf"{BLANKS}|{APOSTROPHE}|{MINUS}")
    text = _write_one_way(pl.col("cell")) if odd.any() else pl.col("cell")
    return cells.alias("cell").to_frame().select(text.str.contains(pattern)).to_series()


def _pieces(cells: pl.Series) -> Iterator[pl.Series]:
    for start in range(0, max(1, len(cells)), PIECE):
        yield cells.slice(start, PIECE)


def _parts(cells: pl.Series, pattern: str) -> pl.DataFrame:
    """The parts of each cell that the pattern names; blanks, apostrophes and minus signs are first written one way."""
    text = _write_one_way(pl.col("cell"))
    return cells.alias("cell").to_frame().select(text.str.extract_groups(pattern).alias("parts")).unnest("parts")


def _write_one_way(cell: pl.Expr) -> pl.Expr:
    """Text with one kind of blank, apostrophe and minus sign."""
    text = cell.str.replace_all(BLANKS, " ")
    return text.str.replace_all(APOSTROPHE, "'", literal=True).str.replace_all(MINUS, "-")


def _scatter(marked: pl.Series, others: pl.Series) -> Bool[np.ndarray, " cells"]:
    """The marks, and those of the cells that are not marked in their places."""
    marks = marked.to_numpy().copy()
    marks[~marks] = others.to_numpy()
    return marks


def _body(decimal: Decimal, thousands: Thousands) -> str:
    """The regular expression of the digits of a number."""
    point, mark = pl.escape_regex(decimal), pl.escape_regex(thousands)
    indian = r"|(?:,[0-9]{2})+,[0-9]{3}" if thousands == "," else ""
    grouped = rf"[1-9][0-9]{{0,2}}(?:(?:{mark}[0-9]{{3}})+{indian})|" if thousands else ""
    return rf"(?:(?:{grouped}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)"


def _take_apart(cells: pl.Series) -> pl.DataFrame:
    """Digits, what is before them, unit and its singular of each cell; the digits are null where it is no number."""
    parts = _parts(cells, ANY_NUMBER).with_columns(pl.col("before", "after").fill_null(""))
    after = pl.col("after")
    magnitude = after.str.extract(MAGNITUDE_FIRST).fill_null("")
    unit = after.str.slice(magnitude.str.len_chars()).str.strip_chars(" ")
    is_name = (pl.col("blank") == "") & (magnitude == "") & after.str.contains(ONE_LETTER)
    is_name &= ~after.is_in(UNITS_OF_ONE_LETTER)
    is_name |= after.str.to_lowercase() == "uhr"  # a time of day, as in 9.30 Uhr
    has_minus = pl.lit(value=False)
    if parts["dash"].null_count() < len(parts):
        has_minus = pl.col("dash").is_not_null() & ~pl.col("body").str.contains("[.,]$")
        is_name |= has_minus & ~((pl.col("dash") == "-") & pl.col("body").str.contains(AMOUNT))
    return parts.select(
        pl.when(~is_name).then("body").alias("body"),
        "before",
        unit.alias("unit"),
        unit.str.replace(PLURAL, "$1").alias("stem"),
        pl.col("open").is_not_null().alias("in_parentheses"),
        has_minus.alias("minus_after"),
        (pl.col("sign") == "+").fill_null(value=False).alias("plus"),
    )


def _count_all(distinct: pl.DataFrame) -> pl.DataFrame:
    """As `_count_forms`, but fewer of many cells are taken apart."""
    marks = {_name(mark): _body(*mark) for mark in MARKS}
    bodies = {"addresses": ADDRESS.strip("^$"), "marked": ".*[.,].*", **marks}
    return count_forms(distinct, _count_forms, bodies) if distinct.height > TAKEN_APART else _count_forms(distinct)


def _is_number(cells: pl.Series) -> pl.Series:
    """Whether each cell is a number in some format."""
    return pl.concat(_take_apart(piece)["body"].is_not_null() for piece in _pieces(cells))


def may_be_numbers(cells: pl.Series) -> pl.Series:
    """Whether each cell is a number in some format, but for letters that make it a name."""
    odd = cells.str.contains(rf"{BLANKS}|{APOSTROPHE}|{MINUS}")
    text = _write_one_way(pl.col("cell")) if odd.any() else pl.col("cell")
    return cells.alias("cell").to_frame().select(text.str.contains(ANY_NUMBER)).to_series()


def _count_forms(distinct: pl.DataFrame) -> pl.DataFrame:
    """For each text before numbers and each unit, the rows of its numbers, and those that fit with each of `MARKS`."""
    body, rows, plus = pl.col("body"), pl.col("rows"), pl.col("plus")
    counts = [
        rows.sum(),
        rows.filter(pl.col("in_parentheses")).sum().alias("in_parentheses"),
        rows.filter(body.str.contains(ADDRESS)).sum().alias("addresses"),
        rows.filter(plus).filter(body.filter(plus).str.contains(TELEPHONE)).sum().alias("telephones"),
        rows.filter(pl.col("minus_after")).sum().alias("minus_after"),
        rows.filter(body.str.contains("[.,]")).sum().alias("marked"),
        *(rows.filter(body.str.contains(rf"^{_body(*mark)}$")).sum().alias(_name(mark)) for mark in MARKS),
    ]
    found = [
        _take_apart(piece["cell"])
        .with_columns(piece["rows"])
        .filter(body.is_not_null())
        .group_by("before", "stem")
        .agg(pl.col("unit").max(), *counts)
        for piece in distinct.iter_slices(PIECE)
    ]
    return sum_forms(found)


def _name(mark: tuple[Decimal, Thousands]) -> str:
    return f"rows with {mark[0]} and {mark[1]}"


def _longest(cells: pl.Series) -> str:
    """The longest text; of several, the first by the alphabet."""
    lengths = cells.str.len_chars()
    return str(cells.filter(lengths == lengths.max()).min())
