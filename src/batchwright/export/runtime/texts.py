"""Texts as codes: categories, several values in a cell, and hashed words. An empty text is a missing cell."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import numpy as np

WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
"""A whole number, with or without zeros after the point."""
NUMBER_TEXT = re.compile(r"(?i)[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)")
UNBLANKED = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17f9\u19e0-\u19ff\u2e80-\u2fd5\u3005\u3007"
    "\u3021-\u3029\u3038-\u303b\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\u32d0-\u32fe"
    "\u3300-\u3357\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufad9\uff66-\uff6f\uff71-\uff9d"
    "\U000116d0-\U000116e3\U00016fe2\U00016fe3\U00016ff0\U00016ff1\U0001aff0-\U0001b167\U0001f200\U00020000-\U000323af]"
)
"""Characters of scripts that put no blanks between words: Chinese, Japanese, Thai, Lao, Khmer and Burmese."""
CIRCLED = re.compile("[\u24b6-\u24e9\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189\u200c\u200d]")
"""Letters in circles and squares, and what joins letters, which are parts of words too."""
AROUND_VALUE = " \t\n[]'\""
ALL = (1 << 64) - 1


def fold(text: str) -> str:
    """The text without differences of case, blanks and trailing points; text of points alone stays."""
    plain = " ".join(text.casefold().split())
    return plain.rstrip(". ") or plain


def category_codes(texts: np.ndarray, categories: Sequence[str], *, missing: bool, merge_case: bool) -> np.ndarray:
    """1 + the place of each text among the categories, 0 where it is not among them; missing comes last."""
    known = [fold(name) for name in categories] if merge_case else list(categories)
    places = {name: place for place, name in enumerate(known, 1)}
    twins = _whole_numbers(known)

    def code(text: str) -> int:
        if text == "":
            return len(known) + 1 if missing else 0
        name = fold(text) if merge_case else text
        whole = WHOLE.fullmatch(name) if name not in places and twins else None
        return places.get(twins.get(whole[1], "") if whole else name, 0)

    return _each(texts, code, np.int64)


def _whole_numbers(categories: Sequence[str]) -> dict[str, str]:
    """The category of each whole number, if all categories are numbers and no other is the same number."""
    if not all(NUMBER_TEXT.fullmatch(name) for name in categories):
        return {}
    found: dict[str, list[str]] = {}
    for name in categories:
        if (whole := WHOLE.fullmatch(name)) is not None:
            found.setdefault(whole[1], []).append(name)
    return {whole: names[0] for whole, names in found.items() if len(names) == 1}


def _each(texts: np.ndarray, code: Callable[[str], int], dtype: type) -> np.ndarray:
    """The code of each text, found once for equal ones."""
    cells = texts.ravel().tolist()
    codes = {text: code(text) for text in dict.fromkeys(cells)}
    return np.array([codes[text] for text in cells], dtype).reshape(texts.shape)


def split_values(text: str, separator: str) -> list[str]:
    """The values of a cell, without blanks, quotes and brackets around them; empty ones are left out."""
    values = (part.strip(AROUND_VALUE) for part in text.split(separator))
    return [value for value in values if value]


def held_values(texts: np.ndarray, separator: str, values: Sequence[str], *, other: bool, missing: bool) -> np.ndarray:
    """A column for each value: 1 where a cell holds it; then any other value, and missing cells, if these count."""
    places = {value: place for place, value in enumerate(values)}
    out = np.zeros((len(texts), len(values) + other + missing), np.float32)
    for row, text in enumerate(texts.ravel().tolist()):
        for value in split_values(text, separator):
            place = places.get(value, len(values))
            if place < len(values) + other:
                out[row, place] = 1.0
        if missing and text == "":
            out[row, -1] = 1.0
    return out


class _Spread(dict[int, str]):
    """What becomes of each character where words are told apart: other signs than those of words become blanks."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        if UNBLANKED.fullmatch(sign):
            self[code] = f" {sign} "
        else:
            kind = unicodedata.category(sign)
            is_word = kind[0] in "LM" or kind in ("Nd", "Nl", "Pc") or CIRCLED.fullmatch(sign)
            self[code] = sign if is_word else " "
        return self[code]


SPREAD = _Spread()


def words_of(text: str, separator: str) -> list[str]:
    """The words of a text in small letters, or what a separator separates."""
    return split_values(text, separator) if separator else text.lower().translate(SPREAD).split()


def hash_of(word: str) -> int:
    """The hash of a word: BLAKE2b of 8 bytes."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


def mix(first: int, second: int) -> int:
    """A hash of two hashes in this order, as SplitMix64 mixes."""
    mixed = (first * 0x9E3779B97F4A7C15 + second) & ALL
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & ALL
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & ALL
    return mixed ^ (mixed >> 31)


def hashed_words(
    texts: np.ndarray, *, features: int, ngrams: int, length: int, missing: bool, separator: str
) -> np.ndarray:
    """The numbers of the words of each text, then of pairs of words, and so on; 0 stands for none."""
    widths = [max(0, length - together) for together in range(ngrams)]
    out = np.zeros((len(texts), sum(widths)), np.int64)
    hashes: dict[str, int] = {}
    for row, text in enumerate(texts.ravel().tolist()):
        if missing and text == "":
            out[row, 0] = features + 1
            continue
        words = words_of(text, separator)[:length]
        for word in words:
            if word not in hashes:
                hashes[word] = hash_of(word)
        single = [hashes[word] for word in words]
        together, place = single, 0
        for count, width in enumerate(widths, 1):
            if count > 1:
                together = [mix(first, last) for first, last in zip(together, single[count - 1 :], strict=False)]
            out[row, place : place + len(together)] = [1 + one % features for one in together]
            place += width
    return out


CELL_FUNCTIONS: Mapping[str, Callable[..., np.ndarray]] = {
    "CategoryCodes": category_codes,
    "HeldValues": held_values,
    "HashedWords": hashed_words,
}
"""The operators on the texts of a column."""
