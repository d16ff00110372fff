"""Find the encoding of a text by how probable its letters are in the languages that are written in each encoding."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from batchwright.data.formats.letters import IDEOGRAPHIC, RARE, letter_share

WESTERN = (
    *("French", "German", "Spanish", "Portuguese", "Italian", "Dutch", "Swedish", "Danish", "Norwegian", "Finnish"),
    *("Icelandic", "Catalan"),
)
CENTRAL = ("Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian", "Slovenian", "Albanian")
BALTIC = ("Estonian", "Latvian", "Lithuanian")
CYRILLIC = ("Russian", "Ukrainian", "Bulgarian", "Serbian")
LATIN = (*WESTERN, *CENTRAL, *BALTIC, "Turkish")


class Candidate(NamedTuple):
    """An encoding: its name in Python, what people call it, its languages, and how much rarer than the first it is.

    It is e to the power of `rarer` times rarer.
    """

    name: str
    called: str
    languages: tuple[str, ...]
    rarer: float


CANDIDATES = (
    Candidate("cp1252", "Windows-1252", WESTERN, 0.0),
    Candidate("cp1250", "Windows-1250", CENTRAL, 1.0),
    Candidate("cp1251", "Windows-1251", CYRILLIC, 1.0),
    Candidate("cp932", "Shift-JIS", ("Japanese",), 1.0),
    Candidate("gb18030", "GB18030", ("Chinese",), 1.0),
    Candidate("big5hkscs", "Big5", ("traditional Chinese",), 2.0),
    Candidate("cp949", "EUC-KR", ("Korean",), 2.0),
    Candidate("cp1253", "Windows-1253", ("Greek",), 2.0),
    Candidate("cp1254", "Windows-1254", ("Turkish",), 2.0),
    Candidate("cp1255", "Windows-1255", ("Hebrew",), 2.0),
    Candidate("cp1256", "Windows-1256", ("Arabic",), 2.0),
    Candidate("cp1257", "Windows-1257", BALTIC, 2.0),
    Candidate("cp874", "Windows-874", ("Thai",), 2.0),
    Candidate("iso8859_2", "ISO-8859-2", CENTRAL, 2.0),
    Candidate("koi8_r", "KOI8-R", ("Russian", "Bulgarian"), 2.0),
    Candidate("koi8_u", "KOI8-U", ("Ukrainian",), 2.0),
    Candidate("euc_jp", "EUC-JP", ("Japanese",), 3.0),
    Candidate("iso8859_5", "ISO-8859-5", CYRILLIC, 5.0),
    Candidate("iso8859_6", "ISO-8859-6", ("Arabic",), 5.0),
    Candidate("iso8859_7", "ISO-8859-7", ("Greek",), 5.0),
    Candidate("cp866", "CP866", CYRILLIC, 5.0),
    Candidate("cp850", "CP850", WESTERN, 6.0),
    Candidate("cp852", "CP852", CENTRAL, 6.0),
    Candidate("mac_roman", "Mac Roman", WESTERN, 6.0),
)
RARER_LANGUAGES: Mapping[str, float] = {
    "Dutch": 1.0,
    "Estonian": 2.0,
    "Icelandic": 2.0,
    "Catalan": 2.0,
    "Albanian": 3.0,
}
"""Languages that are rarer in tables than others, as `Candidate.rarer`."""

MOST_WORDS = 1000
"""Different words by which an encoding is found."""
SHOWN_FROM = 200
"""Words of which one is shown."""
DEPENDENCE = 1.5
"""By how much the letters of words count less than independent ones would."""

WORD = re.compile(r"[A-Za-z\x80-\U0010ffff]*[\x80-\U0010ffff][A-Za-z\x80-\U0010ffff]*")
OPENING = set("‘“„‚‹«¿¡•")
TYPOGRAPHY = set("’”›»–—…·€§©®°±¶™\xa0\xad")
AFTER = set("²³¹ªº¼½¾‰´")
BEFORE = set("£¥€$µ×÷~ˆ")
SIGNS = TYPOGRAPHY | OPENING | AFTER | BEFORE
WIDE = re.compile("[\u3000-\u30ff\uff01-\uff65]")
"""Punctuation and kana of full width."""
HALF_WIDTH_KANA = re.compile("[\uff66-\uff9f]")

SIGN, KANA, MISPLACED, STRANGE_LETTER, STRANGE = map(math.log, (5e-3, 1e-2, 1e-4, 2e-5, 1e-6))
"""Logarithms of the probability of a sign in its place, of a katakana of half width, and of what does not fit."""
CAPITAL_INSIDE, TWO_SCRIPTS, CAPITALS = -4.0, -5.0, -2.0
"""What is added to the logarithm of a probability: for a capital after a small letter, a word in two scripts, and a
word of capitals only, whose letters count like small ones."""


class Guess(NamedTuple):
    """An encoding that a text may have.

    - encoding: the candidate
    - language: the most probable of its languages
    - probability: from 0 to 1, among all candidates; those that read the text alike count together
    - share: of the characters beyond ASCII that fit the language
    - words: the different words beyond ASCII, as it reads them
    """

    encoding: Candidate
    language: str
    probability: float
    share: float
    words: tuple[str, ...]


def rank_encodings(sample: bytes) -> list[Guess]:
    """The encodings that some text may have, the most probable first.

    >>> [found.encoding.name for found in rank_encodings("Łódź, Kraków, Świnoujście".encode("cp1250"))][:1]
    ['cp1250']
    """
    rated = [(candidate, *_read(sample, candidate)) for candidate in CANDIDATES]
    most = max(score for _, _, _, score, _ in rated)
    alike: dict[tuple[str, ...], list[tuple[float, Candidate, str, float]]] = {}
    for candidate, words, language, score, share in rated:
        alike.setdefault(words, []).append((score, candidate, language, share))
    weights = {words: sum(math.exp((one[0] - most) / DEPENDENCE) for one in found) for words, found in alike.items()}
    guesses = list[Guess]()
    for words, found in alike.items():
        _, candidate, language, share = max(found, key=lambda one: one[0])
        guesses.append(Guess(candidate, language, weights[words] / sum(weights.values()), share, words))
    return sorted(guesses, key=lambda guess: -guess.probability)


def telling_words(first: Guess, second: Guess) -> tuple[str, str]:
    """The word with the rarest letter among those that two encodings read in two ways, as each of them reads it."""
    read = {word: _read_as(word, first.encoding.name, second.encoding.name) for word in first.words[:SHOWN_FROM]}
    differ = [word for word, other in read.items() if other != word] or list(read)
    word = min(differ, key=lambda word: min(letter_share(first.language, sign) or 1.0 for sign in word))
    return word, read[word]


def _read_as(word: str, encoding: str, other: str) -> str:
    return word.encode(encoding, "replace").decode(other, "replace")


def _read(sample: bytes, candidate: Candidate) -> tuple[tuple[str, ...], str, float, float]:
    """The words, the most probable language, the logarithm of the probability, and the share that fits."""
    counts = Counter(WORD.findall(sample.decode(candidate.name, "replace")))
    words = tuple(counts)[:MOST_WORDS]
    rated = {language: _rate(words, counts, language) for language in candidate.languages}
    score, language = max((rated[one][0] - RARER_LANGUAGES.get(one, 0.0), one) for one in rated)
    return words, language, score - candidate.rarer, rated[language][1]


def _rate(words: tuple[str, ...], counts: Mapping[str, int], language: str) -> tuple[float, float]:
    """The logarithm of the probability of some words in a language, and the share of all characters that fit it."""
    score, fits, total = 0.0, 0, 0
    for word in words:
        capitals = len(word) > 1 and word.isupper()
        found = [_rate_sign(*signs, language) for signs in _neighbours(_small(word) if capitals else word)]
        mixed = language not in LATIN and language not in IDEOGRAPHIC and _holds_two_scripts(word)
        score += sum(rated for rated, _ in found) + TWO_SCRIPTS * mixed + CAPITALS * capitals
        fits += 0 if mixed else counts[word] * sum(one for _, one in found)
        total += counts[word] * len(found)
    return score, fits / max(total, 1)


def _neighbours(word: str) -> Iterator[tuple[str, str, str]]:
    """Each sign beyond ASCII of a word, between the signs before and after it."""
    padded = f" {word} "
    for place in range(1, len(padded) - 1):
        if not padded[place].isascii():
            yield padded[place - 1], padded[place], padded[place + 1]


def _small(word: str) -> str:
    """The word in small letters, as long as it is."""
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in word)


def _holds_two_scripts(word: str) -> bool:
    return any(sign.isascii() for sign in word) and any(sign.isalpha() and not sign.isascii() for sign in word)


def _rate_sign(before: str, sign: str, after: str, language: str) -> tuple[float, bool]:
    """The logarithm of the probability of a sign between its neighbours, and whether it fits."""
    inside = CAPITAL_INSIDE if before.islower() and sign.isupper() else 0.0
    if share := letter_share(language, sign):
        return math.log(share) + inside, share > RARE and not inside
    if language in IDEOGRAPHIC and WIDE.match(sign):
        return SIGN, True
    if language == "Japanese" and HALF_WIDTH_KANA.match(sign):
        return KANA, True
    if sign in SIGNS:
        fits = _stands_well(before, sign, after)
        return SIGN if fits else MISPLACED, fits
    return (STRANGE_LETTER if sign.isalpha() else STRANGE) + inside, False


def _stands_well(before: str, sign: str, after: str) -> bool:
    """Whether a sign that is no letter is plausible between its neighbours."""
    if sign in OPENING:
        return not before.isalpha()
    if sign in AFTER:
        return not after.isalpha()
    if sign in BEFORE:
        return not before.isalpha() and (sign == "µ" or not after.isalpha())
    return True
