"""Bytes in a text that are no text: each costs the record that it is in, and no other.

In delimited text they become NULs, so that the text is UTF-8 of the same length, and records with NULs are bad ones.
In JSON and ARFF they are kept under the name surrogateescape, and so are found in the text of a record.
"""

import re

import numpy as np
from jaxtyping import UInt8

from batchwright.data.formats.records import Records, split_record
from batchwright.data.typed.cells import KEPT, BadCell, BadCells

WRONG = "\ufffd"
"""What Python puts in the place of wrong bytes."""
ESCAPED = re.compile("[\udc80-\udcff]")
"""What Python keeps wrong bytes as, under the name surrogateescape."""
WRONG_SIGN = re.compile("[\0\udc80-\udcff]")
"""A wrong byte in the text of a record: a NUL, or one that Python keeps."""
NO_TEXT = 0xFF
"""A byte in UTF-8 for one that is no text in another encoding."""
FEW_LINES = 0.1
"""The share of lines up to which bytes that fit no encoding are wrong ones in a text of ASCII."""
PART_ENDS = re.compile("[\n}]")


def keep_wrong_bytes(text: str) -> bytes:
    r"""A decoded text in UTF-8, with a byte that is no UTF-8 for each one that was no text.

    >>> keep_wrong_bytes(b"a\x81b".decode("cp1252", "surrogateescape"))
    b'a\xffb'
    """
    return ESCAPED.sub(chr(0xDC00 + NO_TEXT), text).encode(errors="surrogateescape")


def is_plain(data: bytes) -> bool:
    r"""Whether a text is ASCII without NULs, so that no byte can be wrong.

    >>> is_plain(b"cafe"), is_plain(b"caf\xc3\xa9"), is_plain(b"caf\x00")
    (True, False, False)
    """
    return not data or bool(np.frombuffer(data, np.int8).min() > 0)


def hide_wrong_bytes(data: bytes) -> bytes:
    r"""A text of the same length that is UTF-8, with a NUL for each byte that is not.

    >>> hide_wrong_bytes(b"caf\xe9, caf\xc3\xa9")
    b'caf\x00, caf\xc3\xa9'
    """
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return ESCAPED.sub("\0", data.decode(errors="surrogateescape")).encode()
    return data


def hidden_bytes(data: bytes, hidden: bytes) -> UInt8[np.ndarray, " nuls"]:
    """The bytes that are NULs in the text in which wrong bytes are hidden, in their order."""
    found: UInt8[np.ndarray, " nuls"] = np.frombuffer(data, np.uint8)[np.frombuffer(hidden, np.uint8) == 0]
    return found


def holds_wrong(text: str) -> bool:
    """Whether a text that was decoded with wrong bytes kept has any, or a NUL."""
    return "\0" in text or (not text.isascii() and ESCAPED.search(text) is not None)


def are_few(text: str) -> bool:
    r"""Whether the wrong bytes that are kept in a text are mistakes, rather than signs of another encoding.

    They are if most characters beyond ASCII are right, or if few lines, or objects, hold wrong ones.

    >>> are_few("a\n" * 10 + "\udce9"), are_few("caf\u00e9 \udce9"), are_few("a\ncaf\udce9")
    (True, True, False)
    """
    wrong = len(ESCAPED.findall(text))
    parts = PART_ENDS.split(text)
    return sum(not sign.isascii() for sign in text) >= 2 * wrong or (
        sum(ESCAPED.search(part) is not None for part in parts) <= FEW_LINES * len(parts)
    )


def wrong_byte(line: int, byte: int, where: str) -> BadCell:
    """The bad cell for a record on a line, which holds a wrong byte `where` it is said."""
    wanted = {0: "text", NO_TEXT: "text in the encoding of the file"}.get(byte, "text in UTF-8")
    return BadCell(line, None, f"{_called(byte)} {where}", wanted)


def call_sign(sign: str) -> str:
    r"""What messages call a wrong byte as it is kept in a text.

    >>> call_sign("\udce9"), call_sign("\0")
    ('the byte 0xe9', 'a NUL byte')
    """
    return _called(ord(sign) & 0xFF)


def _called(byte: int) -> str:
    return {0: "a NUL byte", NO_TEXT: "a byte that is no text"}.get(byte, f"the byte 0x{byte:02x}")


def wrong_sign(line: int, sign: str, column: str | None) -> BadCell:
    """The same, for a wrong byte as it is kept in a text, in a value of a column unless it is None."""
    return wrong_byte(line, ord(sign) & 0xFF, "outside of a value" if column is None else f"in column {column!r}")


def leave_out_wrong(
    records: Records, names: tuple[str, ...], nuls: UInt8[np.ndarray, " nuls"]
) -> tuple[Records, BadCells]:
    """The records without a NUL, and those with one; `nuls` are the bytes that were in the place of all NULs."""
    places = np.flatnonzero(records.data == 0)
    owners = np.searchsorted(records.starts, places, "right") - 1
    inside = (owners >= 0) & (places < records.ends[owners])
    wrong, first = np.unique(owners[inside], return_index=True)
    cells = (
        _describe(records, owner, place, byte, names)
        for owner, place, byte in zip(
            wrong[:KEPT].tolist(), places[inside][first].tolist(), nuls[inside][first].tolist(), strict=False
        )
    )
    sound = np.ones(len(records), bool)
    sound[wrong] = False
    return records[sound], BadCells(len(wrong), tuple(cells))


def _describe(records: Records, owner: int, place: int, byte: int, names: tuple[str, ...]) -> BadCell:
    """The first wrong byte of a record, with the column that it is in."""
    before = records.data[records.starts[owner] : place].tobytes().decode()
    column = len(split_record(before, records.signs)) - 1 if before else 0
    where = f"in column {names[column]!r}" if column < len(names) else f"in field {column + 1}"
    return wrong_byte(int(records.lines[owner]), byte, where)
