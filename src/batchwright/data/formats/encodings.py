"""The encodings of text: told by a user or by a byte-order mark, or else found from the bytes; text becomes UTF-8."""

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from batchwright.errors import DataError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte-order marks; the mark of UTF-32 begins with that of UTF-16, and so comes first."""

CHUNK = 1 << 22
"""Bytes that are looked at together."""
SAMPLE = 1 << 20
"""Bytes of lines with characters beyond ASCII by which the encoding is found."""
SURE = 0.8
"""Share of the characters beyond ASCII that have to be plausible in an encoding."""

WESTERN = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
OPENING = set("‘“„‚‹«¿¡•")
TYPOGRAPHY = set("’”›»–—…·€§©®°±¶™\xa0\xad")
AFTER = set("²³¹ªº¼½¾‰´")
BEFORE = set("£¥€$µ×÷~ˆ")
SINGLE = set("àéèóòöüåæøíúùìêôâyÀÉÈÓÒÖÜÅÆØÍÚáÁñßç")

Chunks = Callable[[], Iterator[bytes]]
"""The bytes of a file, a few MB at a time, from the beginning each time it is called."""


class Encoding(NamedTuple):
    """An encoding: its name in Python, the bytes of its mark, and a note if it was found from the bytes."""

    name: str
    mark: int = 0
    note: str = ""


UTF8 = Encoding("utf-8")


def chunks_of(data: bytes) -> Chunks:
    """The bytes, a few MB at a time."""
    return lambda: (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))


def find_encoding(chunks: Chunks, name: str, told: str | None) -> Encoding:
    """The encoding of a text, called `name`: the one that is told, or else the one found.

    Raises:
        DataError: there is no such encoding, or it cannot be found.
    """
    head = next(chunks(), b"")
    mark = next(((mark, found) for mark, found in MARKS if head.startswith(mark)), None)
    if told is not None:
        wanted = _known(told)
        same = mark is not None and _known(mark[1]).startswith(wanted)
        return Encoding(mark[1] if mark and same else wanted, len(mark[0]) if mark and same else 0)
    if mark is not None:
        return Encoding(mark[1], len(mark[0]))
    problem = _first_problem(chunks, "utf-8")
    if problem is None:
        return UTF8
    return _found(chunks, name, f"line {problem[0]} holds the byte 0x{problem[1]:02x}")


def _known(told: str) -> str:
    """The name that Python gives an encoding of text."""
    try:
        found = codecs.lookup(told)
        codecs.getincrementaldecoder(told)().decode(b"", True)
        if not found._is_text_encoding:
            raise LookupError
    except (LookupError, UnicodeError, AttributeError) as error:
        raise DataError(
            f"unknown encoding {told!r}: give a name that Python knows, such as utf-8, utf-16, cp1252 (Windows, "
            "Western Europe), cp1250, latin-1, gb18030, big5, shift_jis or euc_kr."
        ) from error
    return found.name


def decode(data: bytes, encoding: Encoding, name: str) -> bytes:
    """A whole text in UTF-8, without a byte-order mark.

    Raises:
        DataError: the bytes are no text in this encoding; the first line with a wrong byte is named.
    """
    if encoding.name == "utf-8":
        text = data[encoding.mark :] if encoding.mark else data
        if not text.isascii():  # which is faster to see
            check_utf8(text, name)
        return text
    return b"".join(decode_chunks(chunks_of(data), encoding, name))


def text_of(data: bytes, name: str, told: str | None) -> str:
    """A whole text of a format that has to be UTF-8, unless a byte-order mark or the user says otherwise.

    Raises:
        DataError: as `decode`; or there is no such encoding.
    """
    marked = told is not None or any(data.startswith(mark) for mark, _ in MARKS)
    return decode(data, find_encoding(chunks_of(data), name, told) if marked else UTF8, name).decode()


def decode_chunks(chunks: Chunks, encoding: Encoding, name: str) -> Iterator[bytes]:
    """As `decode`, a few MB at a time."""
    decoder = codecs.getincrementaldecoder(encoding.name)()
    skip, line = encoding.mark, 1
    for chunk in _with_end(chunks):
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(chunk[skip:], not chunk)
        except UnicodeDecodeError as error:
            whole = pending + chunk[skip:]
            before = whole[: error.start].decode(encoding.name, "ignore")
            raise _unfit(name, encoding.name, line + before.count("\n"), whole[error.start]) from error
        line, skip = line + text.count("\n"), 0
        yield text.encode()


def _unfit(name: str, encoding: str, line: int, byte: int) -> DataError:
    return DataError(
        f"{name} is not text in {encoding}: line {line} holds the byte 0x{byte:02x}. Save it in UTF-8, for example "
        "with iconv -f ENCODING -t UTF-8.",
        "`encoding=NAME` names another encoding.",
    )


def check_utf8(data: bytes, name: str, *, lines: int = 0) -> str:
    """The text in some bytes; `lines` lines of the file `name` come before them.

    Raises:
        DataError: the bytes are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = lines + data.count(b"\n", 0, error.start) + 1
        raise _unfit(name, "UTF-8", line, data[error.start]) from error


def check_nul(data: bytes, name: str, *, lines: int = 0) -> None:
    """Raise a DataError if some text holds a NUL; `lines` lines of the file `name` come before it."""
    place = data.find(b"\0")
    if place >= 0:
        line = lines + data.count(b"\n", 0, place) + 1
        spread = data[place % 2 : 400 : 2].count(b"\0") * 4 > len(data[:400])
        likely = "`encoding=utf-16-le` or `encoding=utf-16-be` may read it." if spread else ""
        raise DataError(
            f"{name}: line {line} holds a NUL byte, as files that are no text do, text in UTF-16 without a byte-order "
            "mark, and files that were not written to their end.",
            likely,
        )


def _with_end(chunks: Chunks) -> Iterator[bytes]:
    """The chunks, and an empty one at the end."""
    yield from filter(None, chunks())
    yield b""


def _first_problem(chunks: Chunks, encoding: str) -> tuple[int, int] | None:
    """The line and the byte at which a text is not in an encoding; None if all of it is."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    for chunk in _with_end(chunks):
        pending = decoder.getstate()[0]
        if chunk.isascii() and chunk and not pending and encoding in ("utf-8", "cp1252"):
            line += chunk.count(b"\n")
            continue
        try:
            decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            whole = pending + chunk
            return line + whole.count(b"\n", 0, error.start), whole[error.start]
        line += chunk.count(b"\n")
    return None


def _found(chunks: Chunks, name: str, problem: str) -> Encoding:
    """Windows-1252 or GB18030, whichever is more plausible for text that is not UTF-8."""
    sample = _lines_beyond_ascii(chunks)
    rated = {"cp1252": western_share(sample), "gb18030": chinese_share(sample)}
    best = max(rated, key=rated.__getitem__)
    called = {"cp1252": "Windows-1252", "gb18030": "GB18030"}[best]
    if rated[best] < SURE or _first_problem(chunks, best) is not None:
        shown = _shown(sample, "cp1252", name)
        raise DataError(
            f"{name} is not UTF-8 text: {problem}; and it is hardly Windows-1252, in which it reads {shown}. Save it "
            "in UTF-8, for example with iconv -f ENCODING -t UTF-8.",
            "`encoding=NAME` names its encoding, such as cp1250, cp1251, gb18030, big5, shift_jis or euc_kr.",
        )
    sure = f"confidence {rated[best]:.0%}"
    shown = _shown(sample, best, name)
    return Encoding(best, 0, f"not UTF-8: read as {called} ({sure}), such as {shown}; `encoding=NAME` sets another")


def _lines_beyond_ascii(chunks: Chunks) -> bytes:
    """The first lines that hold bytes beyond ASCII, up to a megabyte of them."""
    found: list[bytes] = []
    size = 0
    for chunk in chunks():
        if chunk.isascii():
            continue
        for line in chunk.split(b"\n"):
            if not line.isascii():
                found.append(line)
                size += len(line)
                if size > SAMPLE:
                    return b"\n".join(found)
    return b"\n".join(found)


def _shown(sample: bytes, encoding: str, name: str) -> str:
    """The first word beyond ASCII, as the encoding reads it."""
    text = sample[:4000].decode(encoding, "replace")
    word = re.search(r"[A-Za-z]*[^\x00-\x7f][^\s,;|\"]*", text)
    return repr(word[0][:30]) if word else name


def western_share(sample: bytes) -> float:
    """The share of bytes beyond ASCII that are plausible in Windows-1252: letters within words, and signs beside them.

    >>> western_share("Orléans, 5 € l’été, größer".encode("cp1252")), western_share("Москва".encode("cp1251"))
    (1.0, 0.0)
    """
    good = total = 0
    for found in WESTERN.finditer(sample):
        word = found[0].decode("cp1252", "replace")
        ascii_letters = any(letter.isascii() for letter in word)
        fits = [_fits(before, sign, after, ascii_letters) for before, sign, after in _neighbours(word)]
        total += len(fits)
        good += sum(fits)
    return good / total if total else 0.0


def _neighbours(word: str) -> Iterator[tuple[str, str, str]]:
    """Each sign beyond ASCII of a word, between the signs before and after it."""
    padded = f" {word} "
    for place in range(1, len(padded) - 1):
        if not padded[place].isascii():
            yield padded[place - 1], padded[place], padded[place + 1]


def _fits(before: str, sign: str, after: str, ascii_letters: bool) -> bool:
    """Whether a sign is plausible between its neighbours."""
    if sign in TYPOGRAPHY:
        return True
    if sign in OPENING:
        return not before.isalpha()
    if sign in AFTER:
        return not after.isalpha()
    if sign in BEFORE:
        return not before.isalpha() and (sign == "µ" or not after.isalpha())
    if not sign.isalpha() or (sign.isupper() and before.islower()):
        return False
    return ascii_letters or (sign in SINGLE and not before.strip() and not after.strip())


def chinese_share(sample: bytes) -> float:
    """The share of characters beyond ASCII that are plausible in GB18030: common ones, beside others.

    >>> chinese_share("北京市朝阳区".encode("gb18030")), chinese_share("Orléans, Besançon".encode("cp1252"))
    (1.0, 0.0)
    """
    text = sample.decode("gb18030", "replace")
    characters = [sign for sign in text if not sign.isascii()]
    codes = [_gb2312(sign) for sign in characters]
    common = [0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3 for lead in codes]
    hanzi = [lead for lead in codes if 0xB0 <= lead <= 0xD7]
    if not hanzi or (len(hanzi) >= 20 and sum(lead > 0xC8 for lead in hanzi) < 0.15 * len(hanzi)):
        return 0.0  # all of them in the first half of the common ones: Korean in EUC-KR
    beside = any(not first.isascii() and not second.isascii() for first, second in pairwise(text))
    return sum(common) / len(common) if beside else 0.0


def _gb2312(sign: str) -> int:
    """The first of the two bytes of a character in GB 2312; 0 if it is not in it."""
    try:
        code = sign.encode("gb2312")
    except UnicodeEncodeError:
        return 0
    return code[0] if len(code) == 2 else 0
