"""Text as numbers of its words and of words in a row, for a table of learned vectors.

Words have no table of their own: a word's number is its hash, so that new rows may hold any words, and only the length
of the texts is learned from the training rows. Two words may share a number. The hash is BLAKE2 of the word in small
letters, which is the same on any machine.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from annotated_types import Ge, Le
from jaxtyping import Int64, Integer, UInt64

from batchwright.data.typed.free_text import UNBLANKED
from batchwright.data.typed.schema import from_plain
from batchwright.data.typed.tags import split_values
from batchwright.errors import ConfigError, DataError

WORD = rf"[{UNBLANKED}]|[\w--[{UNBLANKED}]]+"
"""A word: letters, digits, marks and underscores; or one character of a script without blanks between words."""

PIECE = 16_384
"""Cells whose words are in memory at once."""

SHARE, LONGEST = 0.99, 256
"""The words that are kept are as many as this share of the training texts has, and at most the second number."""

MIX = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))
"""The constants of SplitMix64 (Steele, Lea and Flood 2014), which mixes the hashes of words in a row."""

MOST_FEATURES, MOST_IN_A_ROW, MOST_WORDS = 2**22, 5, 10_000

Places: TypeAlias = Annotated[int, Ge(1), Le(MOST_FEATURES)]
InARow: TypeAlias = Annotated[int, Ge(1), Le(MOST_IN_A_ROW)]
Length: TypeAlias = Annotated[int, Ge(1), Le(MOST_WORDS)]


@dataclasses.dataclass(frozen=True)
class Text:
    """How free text is encoded.

    Attributes:
        features: the numbers that words and words in a row are hashed to; each has a learned vector.
        ngrams: the most words in a row that have a number together; 1: single words only.
        length: the words that are kept of a text; null: as many as 99 in 100 training texts have, at most 256.
    """

    features: Places = 16_384
    ngrams: InARow = 2
    length: Length | None = None


TEXT = Text()


def make_text(given: Text | Mapping[str, Any] | None) -> Text:
    """How free text is encoded, from a mapping of its attributes; the defaults from None.

    >>> make_text({"ngrams": 1})
    Text(features=16384, ngrams=1, length=None)

    Raises:
        ConfigError: an unknown name, or a value out of range.
    """
    if given is None or given == TEXT:
        return TEXT
    plain = dict(given) if isinstance(given, Mapping) else vars(given) if isinstance(given, Text) else {"": given}
    try:
        return from_plain(Text, plain)
    except DataError as error:
        raise ConfigError(
            f"text takes features from 1 to {MOST_FEATURES:,}, ngrams from 1 to {MOST_IN_A_ROW} and length from 1 to "
            f"{MOST_WORDS:,} or None, as {{'features': 1024, 'ngrams': 1}}, but is {given!r:.80}."
        ) from error


@dataclasses.dataclass(frozen=True)
class HashedText:
    """The words of a text, and words in a row, as numbers from 1 to `features`; 0 stands for none.

    A missing text has the number after these, if training rows have any; else it has no words. With a `separator`, what
    it separates counts as a word.
    """

    column: str
    features: Places
    ngrams: InARow
    length: Length
    missing: bool
    separator: str = ""
    encoder: Literal["hashed_text"] = "hashed_text"

    @property
    def size(self) -> int:
        """The number of different numbers, 0 included."""
        return 1 + self.features + self.missing

    @property
    def width(self) -> int:
        """The numbers of a row: its words, then the pairs of words, and so on."""
        return sum(_places(self.length, self.ngrams))

    def write(self, cells: pl.Series, out: Integer[np.ndarray, "rows width"]) -> None:
        """Put the numbers of the cells into `out`."""
        out[:] = 0
        for start in range(0, len(cells), PIECE):
            piece = cells[start : start + PIECE]
            rows, places, numbers = self._numbers(_words(piece, self.separator))
            out[start : start + PIECE][rows, places] = numbers
            if self.missing:
                out[start : start + PIECE][piece.is_null().to_numpy(), 0] = self.features + 1

    def _numbers(
        self, words: pl.Series
    ) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        """Row, place and number of each word, pair of words, and so on, that is kept."""
        lengths = words.list.len().to_numpy().astype(np.int64)
        rows = np.repeat(np.arange(len(words)), lengths)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        found, before = [], 0
        together = single = _hashes(words)
        for count, width in enumerate(_places(self.length, self.ngrams), start=1):
            if count > 1:
                together = _mix(together[:-1], single[count - 1 :])
            last = max(0, len(rows) - count + 1)
            whole = places[:last] + count <= np.minimum(self.length, lengths[rows[:last]])
            numbers = 1 + (together[whole] % np.uint64(self.features)).astype(np.int64)
            found.append((rows[:last][whole], before + places[:last][whole], numbers))
            before += width
        rows, places, numbers = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return rows, places, numbers


def _places(length: int, ngrams: int) -> Iterator[int]:
    """How many single words, pairs of words, and so on, a text of this length has."""
    return (max(0, length - together) for together in range(ngrams))


def _words(cells: pl.Series, separator: str) -> pl.Series:
    """The words of each cell in small letters, or what a separator separates; none of a missing one."""
    if separator:
        return split_values(cells, separator)
    return cells.fill_null("").str.to_lowercase().str.extract_all(WORD)


def _hashes(words: pl.Series) -> UInt64[np.ndarray, " words"]:
    """The hash of each word of all cells."""
    flat = words.explode().drop_nulls()
    distinct = flat.unique()
    hashes = np.fromiter(
        (int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") for word in distinct),
        np.uint64,
        len(distinct),
    )
    return np.asarray(hashes[flat.cast(pl.Enum(distinct)).to_physical().to_numpy()])


def _mix(first: UInt64[np.ndarray, " n"], second: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """A hash of two hashes in this order."""
    mixed = first * MIX[0] + second
    mixed = (mixed ^ (mixed >> np.uint64(30))) * MIX[1]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * MIX[2]
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def text_encoder(column: str, cells: pl.Series, text: Text = TEXT, *, separator: str = "") -> HashedText:
    """The encoder of free text; with a `separator`, of cells with very many different values."""
    length = text.length or _usual_length(lengths_of(cells, separator))
    ngrams = 1 if separator else text.ngrams
    return HashedText(column, text.features, ngrams, length, cells.null_count() > 0, separator)


def lengths_of(cells: pl.Series, separator: str = "") -> Int64[np.ndarray, " rows"]:
    """The number of words of each cell."""
    pieces = (cells[start : start + PIECE] for start in range(0, len(cells), PIECE))
    return np.concatenate([_words(piece, separator).list.len().to_numpy() for piece in pieces]).astype(np.int64)


def _usual_length(lengths: Int64[np.ndarray, " rows"]) -> int:
    return int(np.clip(np.quantile(lengths, SHARE, method="higher"), 1, LONGEST))


def text_dtype(texts: Iterable[tuple[int, int]]) -> type[np.int16] | type[np.int32]:
    """The type of the numbers of words, given how many there are of each column."""
    return np.int16 if max(size for size, _ in texts) <= np.iinfo(np.int16).max + 1 else np.int32


WORDS = {1: "words", 2: "words and word pairs"}
"""What is hashed, by the most words in a row."""


def describe_cost(encoder: HashedText, lengths: Int64[np.ndarray, " rows"]) -> str:
    """How text is encoded, the memory that this takes, and how many of the texts, of these lengths, are cut."""
    hashed = WORDS.get(encoder.ngrams, f"words and up to {encoder.ngrams} words in a row")
    each, what = ("values", "values") if encoder.separator else ("words", hashed)
    row = encoder.width * np.dtype(text_dtype([(encoder.size, encoder.width)])).itemsize
    cut = int((lengths > encoder.length).sum())
    lost = f"; {cut:,} of {len(lengths):,} training rows are cut after {encoder.length:,} {each}" if cut else ""
    return f"hashed {what}, {encoder.features:,} features, {row:,} bytes per row{lost}"
