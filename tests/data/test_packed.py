"""Compressed files and zip archives hold the rows of what is in them; what is damaged or too large is said."""

import bz2
import contextlib
import errno
import gzip
import lzma
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.data.test_streaming import same_data

from batchwright.data.disk.budget import estimated_bytes, limit_to_stream
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats import unpack as unpacking
from batchwright.data.formats.source import format_of, read
from batchwright.data.load import load, prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.typed.images import Images
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError, UsageError

FRAME = pl.DataFrame({"a": [1.0, 2.0, 3.5], "b": ["x", "y", "x"]})
CSV = FRAME.write_csv().encode()
WRITTEN: dict[str, bytes] = {
    "csv": CSV,
    "tsv": FRAME.write_csv(separator="\t").encode(),
    "jsonl": FRAME.write_ndjson().encode(),
    "json": FRAME.write_json().encode(),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}
READS_ZSTD = any(find_spec(name) for name in ("compression", "backports"))


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def frame_of(path: Path | str, **options: object) -> pl.DataFrame:
    rows = read(path, TableOptions(**options)).train  # type: ignore[arg-type]
    assert isinstance(rows, Table)
    return rows.frame


@pytest.mark.parametrize("inner", WRITTEN)
@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_text_is_read_as_it_is(tmp_path: Path, inner: str, packer: str) -> None:
    path = tmp_path / f"t.{inner}.{packer.upper() if inner == 'csv' else packer}"
    path.write_bytes(PACKERS[packer](WRITTEN[inner]))
    assert frame_of(path).equals(FRAME)
    assert read(path).name == "t"


@pytest.mark.parametrize("inner", WRITTEN)
def test_without_an_inner_ending_the_first_bytes_tell(tmp_path: Path, inner: str) -> None:
    (tmp_path / "t.gz").write_bytes(gzip.compress(WRITTEN[inner]))
    assert frame_of(tmp_path / "t.gz").equals(FRAME)
    (tmp_path / "packed").write_bytes(gzip.compress(WRITTEN[inner]))
    assert frame_of(tmp_path / "packed").equals(FRAME)


def test_other_files_are_read_through_a_temporary_file(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet.gz").write_bytes(gzip.compress(whole))
    assert frame_of(tmp_path / "t.parquet.gz").equals(FRAME)
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 4)))
    zip_of(tmp_path / "x.zip", {"deep/x.npy": (tmp_path / "x.npy").read_bytes()})
    assert isinstance(read(tmp_path / "x.zip").train, Images)
    zip_of(tmp_path / "twice.zip", {"t.csv.gz": gzip.compress(CSV)})
    assert frame_of(tmp_path / "twice.zip").equals(FRAME)
    (tmp_path / "cut.parquet.gz").write_bytes(gzip.compress(whole[:-5]))
    with pytest.raises(DataError, match=r"^cut\.parquet cannot be read as Parquet") as raised:
        read(tmp_path / "cut.parquet.gz")
    assert "batchwright-" not in str(raised.value)


def test_a_member_without_a_name_is_none(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "damaged.zip", {"gone.txt": b"-", "t.csv": CSV})
    archive.write_bytes(archive.read_bytes().replace(b"gone.txt", b"\0one.txt"))
    assert frame_of(archive).equals(FRAME)


def test_a_zip_archive_holds_one_table_or_its_part_is_named(tmp_path: Path) -> None:
    beside = {"__MACOSX/._t.csv": b"\0", ".DS_Store": b"\0", "folder/": b""}
    assert frame_of(zip_of(tmp_path / "one.zip", {**beside, "folder/t.csv": CSV})).equals(FRAME)
    assert read(tmp_path / "one.zip").train.notes == ()
    other = zip_of(tmp_path / "other.csv.zip", {"t.csv": CSV, "README.md": b"-", "readme.txt": b"-", "LICENSE": b"-"})
    assert frame_of(other).equals(FRAME)
    assert read(other).train.notes[0].endswith("left out: README.md, readme.txt, LICENSE")
    several = zip_of(tmp_path / "several.zip", {"train.csv": CSV, "sub/test#2.csv": b"a,b\n7,z\n"})
    with pytest.raises(
        DataError, match=r"holds 2 files: train\.csv, sub/test#2\.csv\. Name one, as several\.zip#train"
    ):
        read(several)
    assert frame_of(f"{several}#train.csv").equals(FRAME)
    assert frame_of(f"{several}#sub/test#2.csv").rows() == [(7.0, "z")]
    with pytest.raises(DataError, match=r"several\.zip: unknown member 'trian\.csv': did you mean 'train\.csv'"):
        read(f"{several}#trian.csv")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(CSV))
    with pytest.raises(DataError, match=r"t\.csv\.gz#x: a \.gz file has no parts"):
        read(f"{tmp_path}/t.csv.gz#x")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "holds no files"),
        ({"a.nb": b"x", "b.nb": b"x"}, r"holds 2 files, none of them a table by its name: a\.nb, b\.nb"),
        ({"a.nb": b"Dear all,\n"}, "neither the name 'a.nb' nor its content"),
        ({"a.rds": b"x"}, r"t\.zip: a\.rds is an R file.*Rscript"),
        ({f"{number}.png": b"x" for number in range(9)}, r"holds 9 files: .*, \.\.\.\. Name one, as .*give the folder"),
        ({"t.csv": b"a,b\n1,2\nx,3\n4,5\n6,7\n"}, r"^t\.zip: found 1 cell.*line 3, column 'a': 'x'"),
    ],
)
def test_an_archive_that_holds_no_table_says_so(tmp_path: Path, members: dict[str, bytes], said: str) -> None:
    with pytest.raises(DataError, match=f"(?s){said}"):
        read(zip_of(tmp_path / "t.zip", members))


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "t.zip", {"t.csv": CSV})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the header of the member, and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"t\.zip: t\.csv is encrypted: unpack it with its password"):
        read(path)


@pytest.mark.parametrize("packer", PACKERS)
def test_damage_is_said_in_a_sentence(tmp_path: Path, packer: str) -> None:
    path = tmp_path / f"t.csv.{packer}"
    whole = PACKERS[packer](CSV * 1000)
    for cut in (len(whole) - 1, len(whole) // 2, 3):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=rf"^t\.csv\.{packer} cannot be unpacked, it is damaged or incomplete"):
            read(path)
    path.write_bytes(CSV)
    with pytest.raises(DataError, match="damaged"):
        read(path)
    for place in range(0, len(whole), max(1, len(whole) // 50)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with contextlib.suppress(DataError):
            assert frame_of(path).height == 3999 or packer == "lzma"  # which has no checksum


def test_a_damaged_zip_archive_is_said(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "t.zip", {"t.csv": CSV * 1000})
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"t\.zip cannot be unpacked, it is damaged or no zip archive"):
        read(path)
    path.write_bytes(whole[:60] + bytes(8) + whole[68:])
    with pytest.raises(DataError, match=r"t\.zip cannot be unpacked, it is damaged or incomplete"):
        read(path)


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip", "bomb.npy.xz"])
def test_what_unpacks_to_far_too_much_is_refused_while_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED", 1_000_000)
    path, data = tmp_path / name, b"1,2\n" * 4_000_000
    if name.endswith("zip"):
        zip_of(path, {"t.csv": data})
    else:
        path.write_bytes(PACKERS[path.suffix[1:]](data))
    tracemalloc.start()
    with pytest.raises(DataError, match=rf"{name} unpacks to more than \d+ MB, over 100 times its size"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 0.9 * len(data)  # the decompressors take some MB
    tracemalloc.stop()
    assert estimated_bytes(path) < len(data)


def test_the_estimate_follows_the_unpacked_size_and_believes_only_what_is_plausible(tmp_path: Path) -> None:
    text = b"".join(b"%d,%d\n" % (number, number % 7) for number in range(50_000))
    (tmp_path / "t.csv").write_bytes(text)
    plain = estimated_bytes(tmp_path / "t.csv")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text))
    zip_of(tmp_path / "t.zip", {"t.csv": text})
    assert estimated_bytes(tmp_path / "t.csv.gz") == estimated_bytes(tmp_path / "t.zip") == plain
    (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(text))
    assert plain / 3 < estimated_bytes(tmp_path / "t.csv.bz2") < 3 * plain
    parts = gzip.compress(text[: len(text) // 2]) + gzip.compress(text[len(text) // 2 :])
    (tmp_path / "t.csv.gz").write_bytes(parts)
    assert plain / 3 < estimated_bytes(tmp_path / "t.csv.gz") < 3 * plain
    for stated in (0, 2**32 - 1):
        (tmp_path / "t.csv.gz").write_bytes(parts[:-4] + struct.pack("<I", stated))
        assert plain / 3 < estimated_bytes(tmp_path / "t.csv.gz") < 3 * plain


@pytest.mark.parametrize("name", ["t.csv.gz", "t.zip", "t.parquet.gz", "t.zip#t.csv"])
def test_in_pieces_it_is_learned_from_as_in_memory(tmp_path: Path, name: str) -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({"x": generator.normal(size=300), "c": generator.choice(list("abc"), 300)})
    frame = frame.with_columns(y=pl.Series(["yes" if x > 0 else "no" for x in frame["x"]]))
    frame.write_parquet(tmp_path / "t.parquet") if "parquet" in name else frame.write_csv(tmp_path / "t.csv")
    if "zip" in name:
        zip_of(tmp_path / "t.zip", {"t.csv": (tmp_path / "t.csv").read_bytes()})
    else:
        path = tmp_path / name
        path.write_bytes(gzip.compress((tmp_path / path.stem).read_bytes()))
    options, path = DataOptions(target="y"), tmp_path / name
    found = format_of(path)
    assert found is not None and found.streams(path)
    same_data(prepare_streamed(path, options, seed=1, cache_dir=tmp_path / "cache"), prepare(path, options, seed=1))
    assert not list((tmp_path / "cache").rglob("pieces"))


@pytest.mark.parametrize("name", ["t.csv.zst", "t.zst"])
def test_zstandard_is_read_or_names_the_extra(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00\x99\xe9\xd8\x51")  # an empty frame
    with pytest.raises(DataError, match="is empty|neither" if READS_ZSTD else r"batchwright\[zstd\].*zstd -d"):
        read(tmp_path / name)


@pytest.mark.skipif(not READS_ZSTD, reason="no package reads Zstandard")
@pytest.mark.parametrize("name", ["t.csv.zst", "t.zst"])
def test_zstandard_is_read(tmp_path: Path, name: str) -> None:
    raw = bytes([0x28, 0xB5, 0x2F, 0xFD, 0x20, len(CSV)]) + (len(CSV) << 3 | 1).to_bytes(3, "little") + CSV
    (tmp_path / name).write_bytes(raw)  # one block that is not compressed, as RFC 8878 has it
    assert frame_of(tmp_path / name).equals(FRAME)


@pytest.mark.parametrize("ending", ["tar.gz", "tgz", "tar", "tar.bz2", "7z"])
def test_an_archive_of_files_names_what_unpacks_it(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_bytes(gzip.compress(CSV))
    with pytest.raises(
        DataError, match=rf"t\.{ending} is an archive, which is not read here\. This unpacks it: (tar|7z) "
    ):
        read(path)


def test_compressed_rows_are_trained_on_as_others(tmp_path: Path) -> None:
    text = "x,y\n" + "".join(f"{number / 10},{'pq'[number % 2]}\n" for number in range(60))
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert load(tmp_path / "t.csv.gz", target="y").fingerprint == load(tmp_path / "t.csv", target="y").fingerprint


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FRAME.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.parquet.gz").write_bytes(gzip.compress((tmp_path / "t.parquet").read_bytes()))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UsageError, match="the disk, or your share of it, is full"):
        read(tmp_path / "t.parquet.gz")


@pytest.mark.parametrize("packer", ["bz2", "xz"])
def test_what_unpacks_beyond_the_memory_limit_is_read_from_the_disk_or_refused(tmp_path: Path, packer: str) -> None:
    """The files say nothing of their unpacked size, which is a thousand times theirs."""
    opened = {"bz2": bz2.open, "xz": lzma.open}[packer]
    row = b"0" * 1999 + b"\n"
    for name in (f"t.csv.{packer}", f"t.json.{packer}"):
        with opened(tmp_path / name, "wb") as file:
            for _ in range(8):
                file.write(row * 2000)
    for name in (f"t.csv.{packer}", f"t.json.{packer}"):
        assert limit_to_stream(str(tmp_path / name), "400MB") is not None
        assert limit_to_stream(str(tmp_path / name), "9GB") is None
    with pytest.raises(DataError, match=r"t\.json\.\w+ cannot be read in pieces"):
        convert(tmp_path / f"t.json.{packer}")
