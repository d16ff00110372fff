"""The encodings of text: told by a user or by a byte-order mark, or else found from the bytes; text becomes UTF-8."""

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from batchwright.data.formats.encoding_search import rank_encodings, telling_words
from batchwright.data.formats.wrong_bytes import FEW_LINES, WRONG, are_few, keep_wrong_bytes
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
SAMPLE = 1 << 16
"""Bytes of lines with characters beyond ASCII by which the encoding is found."""
SURE, LIKELY = 0.8, 0.5
"""The share of the characters beyond ASCII that have to fit a language, and the least probability of an encoding."""
ESCAPE = "surrogateescape"
MOST_NULS = 0.1
"""The share of lines with NULs in the head of a file above which it is no text."""
UTF16_BYTES = 4000
"""Bytes by which text in UTF-16 is told."""
CELL_ENDS = re.compile('[\n\r\t,;|" ]')
CLOSE, MOST_SURE = 0.03, 0.99
"""The probability from which the second encoding is named; the most that is said of the first."""


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
    if (wide := _without_mark(head)) is not None:
        return Encoding(wide, 0, f"read as {wide.upper()}, without a byte-order mark; `encoding=NAME` sets another")
    problem = _first_problem(chunks)
    if problem is None:
        return UTF8._replace(note=_twice_encoded_note(head))
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
    """A whole text in UTF-8, without a byte-order mark; a byte that is no text becomes one that is no UTF-8.

    Raises:
        DataError: the bytes are no text in this encoding, which has no place for such bytes.
    """
    if encoding.name == "utf-8":
        return data[encoding.mark :] if encoding.mark else data
    return b"".join(decode_chunks(chunks_of(data), encoding, name))


def text_of(data: bytes, name: str, told: str | None) -> str:
    """A whole text of a format that has to be UTF-8, unless a byte-order mark or the user says otherwise.

    A few wrong bytes are kept in it, under the name surrogateescape.

    Raises:
        DataError: many bytes are no text; the first line with such a byte is named. Or there is no such encoding.
    """
    marked = told is not None or any(data.startswith(mark) for mark, _ in MARKS)
    encoding = find_encoding(chunks_of(data), name, told) if marked else UTF8
    found = decode(data, encoding, name)
    try:
        return found.decode()
    except UnicodeDecodeError:
        text = found.decode(errors=ESCAPE)
    if not are_few(text):
        check_all(chunks_of(data), encoding, name)
    return text


def check_all(chunks: Chunks, encoding: Encoding, name: str) -> None:
    """Raise a DataError that names the first line with bytes that are no text in an encoding, if there is one."""
    for _ in decode_chunks(chunks, encoding, name, errors="strict"):
        pass


def decode_chunks(chunks: Chunks, encoding: Encoding, name: str, *, errors: str = ESCAPE) -> Iterator[bytes]:
    """As `decode`, a few MB at a time; with the errors `strict`, the first line with a wrong byte is refused."""
    decoder = codecs.getincrementaldecoder(encoding.name)(errors)
    skip, line = encoding.mark, 1
    for chunk in _with_end(chunks):
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(chunk[skip:], not chunk)
        except UnicodeDecodeError as error:
            whole = pending + chunk[skip:]
            before = whole[: error.start].decode(encoding.name, "ignore")
            called = encoding.name.replace("utf", "UTF")
            raise _unfit(name, called, line + before.count("\n"), whole[error.start]) from error
        line, skip = line + text.count("\n"), 0
        yield keep_wrong_bytes(text)


def _unfit(name: str, encoding: str, line: int, byte: int) -> DataError:
    return DataError(
        f"{name} is not text in {encoding}: line {line} holds the byte 0x{byte:02x}. Save it in UTF-8, for example "
        "with iconv -f ENCODING -t UTF-8.",
        "`encoding=NAME` names another encoding.",
    )


def check_is_text(head: bytes, name: str) -> None:
    """Raise a DataError if many lines of the head of a text hold NULs."""
    lines = head.split(b"\n")
    with_nuls = [number for number, line in enumerate(lines, 1) if b"\0" in line]
    if len(with_nuls) > MOST_NULS * len(lines):
        raise DataError(
            f"{name}: line {with_nuls[0]} holds a NUL byte, as many lines do: files that are no text have them, text "
            "in UTF-16, and files that were not written to their end.",
            "`encoding=utf-16-le` or `encoding=utf-16-be` reads UTF-16.",
        )


def _without_mark(head: bytes) -> str | None:
    """The kind of UTF-16 that some bytes are, without a byte-order mark, by where they hold NULs; None for neither."""
    head = head[: len(head) // 2 * 2][:UTF16_BYTES]
    first, second = head[::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(first, second) < len(head) / 4 or min(first, second) > len(head) / 200:
        return None
    found = "utf-16-le" if second > first else "utf-16-be"
    return found if "\0" not in head.decode(found, "replace") else None


def _with_end(chunks: Chunks) -> Iterator[bytes]:
    """The chunks, and an empty one at the end."""
    yield from filter(None, chunks())
    yield b""


def _first_problem(chunks: Chunks) -> tuple[int, int] | None:
    """The line and the byte at which a text is not UTF-8; None if all of it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for number, chunk in enumerate(_with_end(chunks)):
        pending = decoder.getstate()[0]
        if chunk.isascii() and chunk and not pending:
            continue
        try:
            decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            whole = pending + chunk
            before = sum(earlier.count(b"\n") for earlier in islice(chunks(), number))
            return 1 + before + whole.count(b"\n", 0, error.start), whole[error.start]
    return None


def _twice_encoded_note(head: bytes) -> str:
    """A note if all that is not ASCII in the head of a text in UTF-8 was encoded twice, as Ã¤ for ä; else empty."""
    lines = _lines_beyond_ascii(lambda: iter([head] if head else []))
    whole = lines if len(lines) < SAMPLE else lines[: lines.rfind(b"\n") + 1]
    for name in ("cp1252", "latin-1"):
        try:
            text = whole.decode()
            meant = text.encode(name).decode()
        except UnicodeError:
            continue
        if meant != text:
            pairs = zip(CELL_ENDS.split(text), CELL_ENDS.split(meant), strict=True)
            shown, instead = next((shown[:30], instead[:30]) for shown, instead in pairs if shown != instead)
            return f"encoded in UTF-8 twice, as in {shown!r} for {instead!r}: iconv -f UTF-8 -t {name} mends it"
    return ""


def _found(chunks: Chunks, name: str, problem: str) -> Encoding:
    """The encoding of a text that is not all UTF-8.

    It is UTF-8 with some wrong bytes if most characters are right, or if few lines hold bytes beyond ASCII and these
    fit no encoding.

    Raises:
        DataError: no encoding is probable enough.
    """
    sample = _lines_beyond_ascii(chunks)
    text = sample.decode(errors="replace")
    wrong = text.count(WRONG)
    if sum(not sign.isascii() for sign in text) >= 2 * wrong:
        return UTF8
    first, second, *_ = rank_encodings(sample)
    shown, other = (repr(word[:30]) for word in telling_words(first, second))
    near = f"{second.encoding.called} ({second.probability:.0%}, {other})" if second.probability >= CLOSE else ""
    if first.share < SURE or first.probability < LIKELY:
        if sample.count(b"\n") + 1 <= FEW_LINES * sum(chunk.count(b"\n") for chunk in chunks()):
            return UTF8
        raise DataError(
            f"{name} is not UTF-8 text: {problem}; and no other encoding is plausible: in {first.encoding.called} it "
            f"reads {shown}{f', the next is {near}' if near else ''}. Save it in UTF-8, for example with iconv -f "
            "ENCODING -t UTF-8.",
            "`encoding=NAME` names its encoding, such as cp1250, cp1251, gb18030, big5, shift_jis or euc_kr.",
        )
    confidence = min(first.probability * first.share, MOST_SURE)
    note = f"not UTF-8: read as {first.encoding.called} (confidence {confidence:.0%}), such as {shown}"
    return Encoding(
        first.encoding.name, 0, f"{note}{f'; the next is {near}' if near else ''}; `encoding=NAME` sets another"
    )


def _lines_beyond_ascii(chunks: Chunks) -> bytes:
    """The first lines that hold bytes beyond ASCII, up to 64 kB of them."""
    found, size, rest = list[bytes](), 0, b""
    for chunk in _with_end(chunks):
        text = rest + chunk
        end = text.rfind(b"\n") + 1 if chunk else len(text)
        lines = [] if text[:end].isascii() else [line for line in text[:end].split(b"\n") if not line.isascii()]
        found, size, rest = found + lines, size + sum(map(len, lines)), text[end:][-SAMPLE:]
        if size > SAMPLE:
            break
    return b"\n".join(found)[:SAMPLE]
