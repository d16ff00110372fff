"""Records in a file as TensorFlow writes them (TFRecord): length, its checksum, the bytes, their checksum.

The checksum is CRC-32C, with the polynomial of Castagnoli (RFC 3720, section 12.1), masked as TensorFlow's
`core/lib/hash/crc32c.h` does: turned right by 15 bits, plus a constant.
"""

import struct
from pathlib import Path

POLYNOMIAL = 0x82F63B78
"""Castagnoli's, with its bits reversed."""
MASK_DELTA, ALL = 0xA282EAD8, 0xFFFFFFFF


def _row_of_table(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_row_of_table, range(256)))


def crc32c(data: bytes) -> int:
    """The CRC-32C of the bytes.

    >>> f"{crc32c(b'123456789'):#x}"
    '0xe3069283'
    """
    value = ALL
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ ALL


def masked_crc32c(data: bytes) -> int:
    """The checksum as a record holds it."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + MASK_DELTA) & ALL


def record(data: bytes) -> bytes:
    """The bytes as one record."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))


def append_whole(path: Path, data: bytes) -> None:
    """Append bytes to a file: all of them, or none where they could not be written, as on a full disk.

    Raises:
        OSError: they could not be written.
    """
    with path.open("ab", buffering=0) as file:
        before, left = file.tell(), memoryview(data)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            file.truncate(before)
            raise
