"""Arrow and Feather: a damaged file is refused before memory is taken for what it claims to hold."""

import io
import struct
from pathlib import Path

import polars as pl
import pytest

from batchwright.data.formats.arrow import read_arrow
from batchwright.data.formats.source import read
from batchwright.errors import DataError

FRAME = pl.DataFrame({"x": [float(number) for number in range(1000)], "c": ["a", "b"] * 500}).with_columns(
    pl.col("c").cast(pl.Categorical)
)


def written(*, stream: bool, compression: str) -> bytes:
    held = io.BytesIO()
    (FRAME.write_ipc_stream if stream else FRAME.write_ipc)(held, compression=compression)  # type: ignore[operator]
    return held.getvalue()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("compression", ["zstd", "lz4", "uncompressed"])
def test_files_and_streams_are_read(stream: bool, compression: str) -> None:
    assert read_arrow(written(stream=stream, compression=compression), "t").equals(FRAME)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stated_size_beyond_reason_is_refused(stream: bool) -> None:
    data = written(stream=stream, compression="zstd")
    at = data.index(struct.pack("<q", 8000))  # the numbers take 8,000 bytes
    damaged = data[:at] + struct.pack("<q", 2**40) + data[at + 8 :]
    with pytest.raises(DataError, match=r"^t has [\d,]+ bytes and states that it unpacks to 1,099,5\d\d,\d\d\d,\d\d\d"):
        read_arrow(damaged, "t")


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_that_is_cut_is_refused(stream: bool) -> None:
    data = written(stream=stream, compression="lz4")
    for length in (7, 100, len(data) // 2, len(data) - 12):
        with pytest.raises(DataError, match="cannot be read as Arrow or Feather"):
            read_arrow(data[:length], "t")


def test_the_first_version_of_feather_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.feather").write_bytes(b"FEA1 and more")
    with pytest.raises(DataError, match="Feather file of version 1"):
        read(tmp_path / "t.feather")
