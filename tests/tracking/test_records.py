"""Records: the checksum against published values, and that a record is written whole or not at all."""

import resource
from pathlib import Path

import numpy as np
import pytest

from batchwright.tracking.records import append_whole, crc32c, masked_crc32c

PUBLISHED = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(reversed(range(32))): 0x113FDB5C,
    bytes.fromhex(
        "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000"
    ): 0xD9963A56,
}
"""RFC 3720, section B.4, where the bytes of a checksum are in the opposite order."""


@pytest.mark.parametrize("data", PUBLISHED, ids=["zeros", "ones", "rising", "falling", "a read command"])
def test_checksums_are_those_of_the_standard(data: bytes) -> None:
    assert crc32c(data) == PUBLISHED[data]


def test_a_masked_checksum_can_be_unmasked() -> None:
    """By the inverse that TensorFlow's header gives."""
    turned = (masked_crc32c(b"some bytes") - 0xA282EAD8) & 0xFFFFFFFF
    assert ((turned >> 17) | (turned << 15)) & 0xFFFFFFFF == crc32c(b"some bytes")


def test_what_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    append_whole(path, b"begun")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            append_whole(path, bytes(np.ones(2000, np.uint8)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"begun"
    append_whole(path, b", and gone on")
    assert path.read_bytes() == b"begun, and gone on"
