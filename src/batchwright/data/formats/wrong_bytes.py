"""Bytes in a text that are no text: each costs the record that it is in, and no other.

They become NULs, so that the text is UTF-8 of the same length, and records with NULs are bad ones.
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
NO_TEXT = 0xFF
"""A byte in UTF-8 for one that is no text in another encoding."""


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
    called = {0: "a NUL byte", NO_TEXT: "a byte that is no text"}.get(byte, f"the byte 0x{byte:02x}")
    wanted = {0: "text", NO_TEXT: "text in the encoding of the file"}.get(byte, "text in UTF-8")
    return BadCell(int(records.lines[owner]), None, f"{called} {where}", wanted)
