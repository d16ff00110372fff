import gzip
import re
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from batchwright.data.formats.source import read
from batchwright.data.typed.images import Images
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError

FRAME = pl.DataFrame({"a": [1.0, 2.0, 3.5], "b": ["x", "y", "x"]})


def write_idx(path, array):
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.data", "t.parquet", "t.pq", "T.CSV"])
def test_tables_by_their_endings(tmp_path, name):
    path = tmp_path / name
    if path.suffix in (".parquet", ".pq"):
        FRAME.write_parquet(path)
    else:
        FRAME.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    loaded = read(str(path))
    assert loaded.train.frame.equals(FRAME)
    assert (loaded.test, loaded.target, loaded.name.lower()) == (None, None, "t")


def test_files_without_names_and_the_last_column_of_an_array(tmp_path):
    FRAME.write_csv(tmp_path / "t.csv", include_header=False)
    assert read(tmp_path / "t.csv", TableOptions(header=False)).train.frame.columns == ["0", "1"]
    np.save(tmp_path / "x.npy", np.eye(4))
    assert read(tmp_path / "x.npy").target == "3"
    np.savez(tmp_path / "x.npz", x=np.eye(4))
    assert read(tmp_path / "x.npz").target is None


def test_images_by_file_folder_and_idx(tmp_path):
    (tmp_path / "pictures/a").mkdir(parents=True)
    Image.new("L", (3, 2)).save(tmp_path / "pictures/a/1.png")
    (tmp_path / "digits-like").mkdir()
    write_idx(tmp_path / "digits-like/train-images-idx3-ubyte.gz", np.zeros((2, 2, 3), np.uint8))
    for source in (
        "pictures",
        "pictures/a",
        "pictures/a/1.png",
        "digits-like/train-images-idx3-ubyte.gz",
        "digits-like",
    ):
        rows = read(tmp_path / source).train
        assert isinstance(rows, Images)
        assert rows.shape == (2, 3, 1)
    assert read(tmp_path / "pictures/a/1.png", image_size=(5, 6), channels=3).train.shape == (5, 6, 3)


def test_python_objects():
    assert read((np.eye(3), [1, 2, 3])).target == "target"
    assert read((np.zeros((3, 2, 2)), [1, 2, 3])).target is None
    assert isinstance(read(np.eye(3)).train, Table)
    assert read({"a": [1, 2]}).train.frame.columns == ["a"]
    assert read(FRAME.to_pandas()).train.frame.equals(FRAME)


def test_an_example_comes_before_a_file_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.write_csv("iris")
    assert read("iris").train.rows == 150
    assert read("./iris").train.rows == FRAME.height


def folder_of_parquet(folder: Path, *frames: pl.DataFrame) -> Path:
    folder.mkdir()
    for number, frame in enumerate(frames):
        frame.write_parquet(folder / f"part-{number}.parquet")
    return folder


def test_a_folder_of_parquet_files_is_one_table(tmp_path):
    folder = folder_of_parquet(tmp_path / "parts", FRAME[2:], FRAME.select("b", "a")[:2])
    for hidden in ("_metadata.parquet", ".part-9.parquet", "notes.txt"):
        (folder / hidden).write_text("not Parquet")
    loaded = read(str(folder))
    assert loaded.train.frame.equals(pl.concat([FRAME[2:], FRAME[:2]]))
    assert (loaded.test, loaded.target, loaded.name, loaded.train.name) == (None, None, "parts", "parts")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (FRAME.drop("b"), "column 'b': part-0.parquet has String, part-1.parquet lacks it"),
        (FRAME.with_columns(c=1), "column 'c': part-0.parquet lacks it, part-1.parquet has Int32"),
        (FRAME.cast({"a": pl.Int8}), "column 'a': part-0.parquet has Float64, part-1.parquet has Int8"),
    ],
)
def test_files_of_a_folder_must_have_the_same_columns(tmp_path, other, said):
    with pytest.raises(DataError, match=said):
        read(folder_of_parquet(tmp_path / "parts", FRAME, other))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("irsi", "Did you mean 'iris'"),
        ("tabel.csv", "Did you mean 'table.csv'"),
        ("sub/table.csv", "There is no folder sub"),
        ("empty.csv", "empty.csv is empty"),
        ("blank", "no kind.*It is empty"),
        ("notes", "no kind.*It holds one.nb.*named by a pattern, as 'notes/"),
        ("table.nb", "ending '.nb'"),
        ("cut.parquet", "cut.parquet cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, monkeypatch, source, said):
    monkeypatch.chdir(tmp_path)
    FRAME.write_csv("table.csv")
    for folder in ("blank", "notes"):
        Path(folder).mkdir()
    for file in ("table.nb", "cut.parquet", "notes/one.nb"):
        Path(file).write_text("Dear all,\n\nhow are you?\n")
    Path("empty.csv").touch()
    with pytest.raises(DataError, match=re.compile(said, re.DOTALL)):
        read(source)
