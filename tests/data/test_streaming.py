"""Read in pieces, rows are split, learned from and encoded as in memory, to the bit."""

import dataclasses
import gzip
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from batchwright.data.dataset import Split
from batchwright.data.disk import budget, encoded_rows, stored_split
from batchwright.data.disk.budget import estimated_bytes, limit_to_stream
from batchwright.data.load import prepare
from batchwright.data.load_streamed import UNLOOKED, prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.errors import ConfigError, DataError

ROWS = 500
RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "id": np.arange(ROWS),
        "x": np.where(RNG.random(ROWS) < 0.1, None, RNG.normal(50, 7, ROWS)).tolist(),
        "kind": RNG.choice(["a", "b", "c"], ROWS),
        "city": [f"city {number}" for number in RNG.integers(0, 60, ROWS)],
        "site": RNG.integers(0, 40, ROWS),
        "day": pl.Series(RNG.integers(1_500_000_000, 1_600_000_000, ROWS) * 1_000_000).cast(pl.Datetime("us")),
        "flag": RNG.random(ROWS) < 0.5,
        "same": ["only"] * ROWS,
        "weight": RNG.uniform(0, 2, ROWS),
        "label": np.where(RNG.random(ROWS) < 0.02, None, RNG.choice(["yes", "no", "maybe"], ROWS)).tolist(),
        "y": RNG.normal(1000, 30, ROWS),
        "answer": [*RNG.choice(["Yes", "yes", "No", "no", "NO."], ROWS - 3), "unsure", "Unsure", "both"],
    }
)
CASES = {
    "regression": DataOptions(target="y", on_bad_rows="drop"),
    "classes": DataOptions(target="label", on_bad_rows="drop"),
    "several": DataOptions(target=("label", "y", "kind"), on_bad_rows="drop"),
    "rare left out": DataOptions(target="answer", rare_classes="drop"),
    "rare merged": DataOptions(target="answer", rare_classes="merge", merge_case=True, weights="weight"),
    "spelt as one": DataOptions(target="y", merge_case=True, one_hot_max=2),
    "labels": DataOptions(target="city", task="multilabel", weights="weight"),
    "robust": DataOptions(target="y", scaling="robust", one_hot_max=2, weights="weight"),
    "quantile": DataOptions(target="y", scaling="quantile", split="shuffled", test_split=0.0),
    "chosen": DataOptions(target="y", scaling="auto", target_transform="power", min_frequency=3),
    "groups": DataOptions(target="y", group="site", kinds={"site": "categorical"}),
    "time": DataOptions(target="y", time="day", weights="weight"),
}


@pytest.fixture(params=["csv", "parquet"])
def path(request, tmp_path: Path) -> Path:
    path = tmp_path / f"table.{request.param}"
    FRAME.write_csv(path) if request.param == "csv" else FRAME.write_parquet(path, row_group_size=100)
    return path


def same_split(found: Split, expected: Split, order: np.ndarray | slice = slice(None)) -> None:
    assert found.inputs.keys() == expected.inputs.keys()
    for name, values in found.inputs.items():
        assert values.dtype == expected.inputs[name].dtype
        assert np.array_equal(values, expected.inputs[name][order])
    assert found.targets.dtype == expected.targets.dtype
    assert np.array_equal(found.targets, expected.targets[order])
    assert (found.weights is None) == (expected.weights is None)
    assert found.weights is None or np.array_equal(found.weights, expected.weights[order])


def same_data(streamed, whole) -> None:
    assert streamed.encoding == whole.encoding
    assert streamed.name == whole.name
    assert list(streamed.parts) == list(whole.parts)
    assert streamed.notes[-1] == UNLOOKED
    assert streamed.notes[:-1] == tuple(note for note in whole.notes if "have the same inputs" not in note)
    for name, part in streamed.parts.items():
        rows = getattr(whole.indices, name)
        order = np.argsort(rows, kind="stable") if len(rows) else slice(None)
        assert np.array_equal(getattr(streamed.indices, name), np.sort(rows))
        assert part.rows == whole.parts[name].rows
        same_split(part.read(0, part.rows), whole.parts[name], order)


@pytest.mark.parametrize("case", CASES)
def test_all_that_is_learned_and_read_is_as_in_memory(path, case):
    same_data(prepare_streamed(path, CASES[case], seed=3), prepare(path, CASES[case], seed=3))


@pytest.mark.parametrize("block", [7, 64, 1000])
def test_ranges_are_those_of_the_whole(path, block, monkeypatch):
    monkeypatch.setattr(stored_split, "BLOCK_ROWS", block)
    options = CASES["robust"]
    data, whole = prepare_streamed(path, options), prepare(path, options)
    for name, part in data.parts.items():
        for start, stop in [(0, 0), (0, 1), (5, 37), (part.rows - 3, part.rows), (part.rows, part.rows)]:
            same_split(part.read(start, stop), whole.parts[name], slice(start, stop))
    with pytest.raises(IndexError):
        data.train.read(0, data.train.rows + 1)


def test_weights_are_looked_at_before_rows_are_read(tmp_path):
    weights = np.repeat([0.0, 1.0], 50)
    pl.DataFrame({"x": np.arange(100.0) ** 2, "w": -weights, "y": np.arange(100.0)}).write_csv(tmp_path / "t.csv")
    with pytest.raises(DataError, match="weights 'w' is -1, -1"):
        prepare_streamed(tmp_path / "t.csv", DataOptions(target="y", weights="w"))


def test_test_rows_of_another_file(path, tmp_path):
    test = tmp_path / "test.csv"
    FRAME[:40].select(reversed(FRAME.columns)).write_csv(test)
    for case in ("classes", "robust"):
        options = dataclasses.replace(CASES[case], test=str(test))
        same_data(prepare_streamed(path, options), prepare(path, options))
    with pytest.raises(DataError, match="test has to be a path"):
        prepare_streamed(path, dataclasses.replace(CASES["robust"], test=FRAME))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (DataOptions(), DataError),
        (DataOptions(target="Y"), DataError),
        (DataOptions(target="label"), DataError),
        (DataOptions(target="day"), DataError),
        (DataOptions(target="city", task="regression"), DataError),
        (DataOptions(target="id"), DataError),
        (DataOptions(target="y", group="sites"), DataError),
        (DataOptions(target="y", weights="weights"), DataError),
        (DataOptions(target="y", weights="kind"), DataError),
        (DataOptions(target="y", time="kind"), DataError),
        (DataOptions(target="y", time="x"), DataError),
        (DataOptions(target="y", kinds={"z": "numeric"}), DataError),
        (DataOptions(target="y", kinds=dict.fromkeys(set(FRAME.columns) - {"y"}, "identifier")), DataError),
        (DataOptions(target="y", validation_split=0.9, test_split=0.2), ConfigError),
    ],
)
def test_errors_are_those_in_memory(path, options, error):
    try:
        prepare(path, options)
        expected = None
    except error as found:
        expected = str(found)
    if expected is None:
        prepare_streamed(path, options)
    else:
        with pytest.raises(error) as found:
            prepare_streamed(path, options)
        assert str(found.value) == expected


def test_parts_and_fingerprint_follow_from_seed_and_rows(path, tmp_path):
    options = CASES["regression"]
    data = prepare_streamed(path, options, seed=1)
    assert prepare_streamed(path, options, seed=1).fingerprint == data.fingerprint
    assert prepare_streamed(path, options, seed=1, cache_dir=tmp_path / "cache").fingerprint == data.fingerprint
    assert prepare_streamed(path, options, seed=2).fingerprint != data.fingerprint
    path.touch()
    assert prepare_streamed(path, options, seed=1).fingerprint == data.fingerprint


def test_limit_is_told(path):
    with pytest.raises(DataError, match="raise the memory limit"):
        prepare_streamed(path, CASES["regression"], memory_limit=1)


def test_what_cannot_be_read_in_pieces_is_told(tmp_path):
    for name in ("iris", str(tmp_path)):
        with pytest.raises(DataError):
            prepare_streamed(name, DataOptions(target="y"))
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.arange(4))
    with pytest.raises(DataError, match="cannot be read in pieces"):
        prepare_streamed(tmp_path / "a.npz", DataOptions())


def test_array_has_its_usual_target(tmp_path):
    np.save(tmp_path / "a.npy", RNG.normal(size=(80, 4)))
    same_data(prepare_streamed(tmp_path / "a.npy", DataOptions()), prepare(tmp_path / "a.npy", DataOptions()))


def test_folder_of_parquet_files_is_as_in_memory(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for number, start in enumerate((200, 0, 400)):
        FRAME[start : start + 200].write_parquet(folder / f"{number}.parquet")
    options = dataclasses.replace(CASES["classes"], split="shuffled")
    same_data(prepare_streamed(folder, options), prepare(folder, options))
    FRAME[:9].drop("x").write_parquet(folder / "9.parquet")
    with pytest.raises(DataError, match=r"column 'x': 0.parquet has Float64, 9.parquet lacks it"):
        prepare_streamed(folder, options)


def image_folder(folder: Path) -> Path:
    for part, rows in (("train", 12), ("test", 3)):
        for label in ("cat", "dog"):
            (folder / part / label).mkdir(parents=True)
            for number in range(rows):
                pixels = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{number:02d}.png")
    return folder


@pytest.mark.parametrize("image_size", [None, (3, 4)])
def test_folder_of_images_is_as_in_memory(tmp_path, image_size, monkeypatch):
    from batchwright.data.disk import convert_images

    monkeypatch.setattr(convert_images, "BLOCK_BYTES", 200)
    folder = image_folder(tmp_path / "pets")
    options = DataOptions(image_size=image_size)
    data, whole = prepare_streamed(folder, options), prepare(folder, options)
    same_data(data, whole)
    same_split(data.train.read(3, 9), whole.train, slice(3, 9))
    one = folder / "train"
    options = dataclasses.replace(options, test=str(folder / "test"))
    same_data(prepare_streamed(one, options), prepare(one, options))


@pytest.mark.parametrize("parts", [("train", "val"), ("train", "val", "test")])
def test_folder_as_it_lies_is_as_in_memory(tmp_path, monkeypatch, parts):
    from batchwright.data.disk import convert_images

    monkeypatch.setattr(convert_images, "BLOCK_BYTES", 200)
    folder = tmp_path / "scans"
    for part in parts:
        for label in ("cat", "dog"):
            for number in range(8):
                values = RNG.integers(0, 3000, (6, 5), dtype=np.uint16)
                path = folder / part / label / f"day {number % 2}" / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
        (folder / part / "cat/bad.png").write_bytes(b"not an image")
    options = DataOptions(on_bad_rows="drop")
    data, whole = prepare_streamed(folder, options), prepare(folder, options)
    same_data(data, whole)
    assert data.encoding.preprocessing.largest == 4095
    assert {name: part.rows for name, part in data.parts.items()} == {
        "train": 16,
        "validation": 16,
        **({"test": 16} if "test" in parts else {}),
    }
    assert prepare_streamed(folder, options).notes == data.notes
    (folder / "val").rename(folder / "unused")
    shared = DataOptions(on_bad_rows="drop", validation_split=0.25)
    assert prepare_streamed(folder, shared).validation.rows < 16
    with pytest.raises(DataError, match=f"{len(parts) - 1} of .* files cannot be read"):
        prepare_streamed(folder, DataOptions())


@pytest.mark.parametrize("piece_bytes", [1, 1 << 20])
def test_images_beyond_the_limit_are_streamed(tmp_path, monkeypatch, piece_bytes):
    folder = image_folder(tmp_path / "pets")
    assert estimated_bytes(folder) == 2 * 30 * 6 * 5 * 3
    assert estimated_bytes(folder, (3, 4)) == 2 * 30 * 3 * 4 * 3
    assert limit_to_stream(str(folder), "100GB") is None
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 10**12)
    monkeypatch.setattr(encoded_rows, "PIECE_BYTES", piece_bytes)
    limit = limit_to_stream(str(folder), "100GB")
    streamed, whole = prepare_streamed(folder, DataOptions(), memory_limit=limit.bytes), prepare(folder, DataOptions())
    dataset = encoded_rows.memory_map(streamed, memory_limit=limit.bytes)
    assert dataset.memory_limit == 100 * 10**9
    for name, part in dataset.parts.items():
        same_split(part, whole.parts[name])


def test_stopped_conversion_of_images_goes_on(tmp_path, monkeypatch):
    from batchwright.data.disk import convert_images
    from batchwright.data.formats import image_files

    folder, read, calls = image_folder(tmp_path / "pets"), image_files.read_pixels, []

    def reading(files, *how, **options):
        calls.append(len(files))
        if len(calls) == 8:
            raise KeyboardInterrupt
        return read(files, *how, **options)

    monkeypatch.setattr(convert_images, "BLOCK_BYTES", 200)
    monkeypatch.setattr(image_files, "read_pixels", reading)
    with pytest.raises(KeyboardInterrupt):
        prepare_streamed(folder, DataOptions())
    data = prepare_streamed(folder, DataOptions())
    assert len(calls) < 8 + 15
    same_data(data, prepare(folder, DataOptions()))


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_as_in_memory(tmp_path, packed):
    folder = tmp_path / "digits"
    folder.mkdir()
    for part, rows in (("train", 40), ("t10k", 10)):
        images, labels = RNG.integers(0, 256, (rows, 4, 3), dtype=np.uint8), np.arange(rows, dtype=np.uint8) % 3
        for stem, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            content = head + values.tobytes()
            (folder / (stem + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    same_data(prepare_streamed(folder, DataOptions()), prepare(folder, DataOptions()))
    assert estimated_bytes(folder) == 2 * 50 * 4 * 3
    file = next(folder.glob("train-images*"))
    for content in (file.read_bytes()[:-9], b"\0\0\x08\x03", gzip.compress(head + b"\0" * 99)):
        file.write_bytes(content)
        with pytest.raises(DataError, match="train-images"):
            prepare_streamed(folder, DataOptions())
