"""Tables whose cells name images: which columns are taken, which images are read, and what is refused."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.builders import encode_new

from batchwright.data import whole_rows
from batchwright.data.disk import budget, encoded_rows, image_cells
from batchwright.data.disk.budget import estimated_bytes, limit_to_stream
from batchwright.data.encode.encoding import Encoding
from batchwright.data.load import load, prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.errors import DataError

ROWS = 24
PIXELS = np.random.default_rng(0).integers(0, 256, (ROWS, 5, 4, 3), dtype=np.uint8)


def write_images(folder: Path, names: list[str] | None = None, pixels: np.ndarray = PIXELS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names or [f"im{row}.png" for row in range(ROWS)], pixels, strict=True):
        Image.fromarray(image).save(folder / name)
    return folder


def write_table(file: Path, names: list[str], *, columns: bool = True) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["file", *(["size", "colour"] if columns else []), "label"])
        for row, name in enumerate(names):
            beside = [row / 7, "red" if row % 3 else "blue"] if columns else []
            writer.writerow([name, *beside, "cat" if row % 2 else "dog"])
    return file


def table_of(folder: Path, *, columns: bool = True) -> Path:
    """A table with images in a folder beside it."""
    write_images(folder / "photos")
    return write_table(folder / "pets.csv", [f"photos/im{row}.png" for row in range(ROWS)], columns=columns)


def images_in_order(data) -> np.ndarray:
    """The images of all parts, in the order of the source."""
    parts = (data.train, data.validation, data.test)
    order = np.concatenate([data.indices.train, data.indices.validation, data.indices.test])
    images = np.concatenate([part.inputs["image"] for part in parts if part is not None])
    return images[np.argsort(order)]


def test_image_and_columns_are_inputs_side_by_side(tmp_path):
    data = load(table_of(tmp_path), target="label")
    assert {name: array.shape[1:] for name, array in data.train.inputs.items()} == {"numeric": (3,), "image": (5, 4, 3)}
    np.testing.assert_array_equal(images_in_order(data), PIXELS)
    assert "column 'file': images 5x4x3, read from photos/" in data.notes
    assert Encoding.from_json(data.encoding.to_json()) == data.encoding


def test_column_of_images_alone_is_enough(tmp_path):
    data = load(table_of(tmp_path, columns=False), target="label")
    assert list(data.train.inputs) == ["image"]


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (lambda row: f"im{row}.png", "."),
        (lambda row: f"im{row}.png", "photos"),
        (lambda row: f"im{row}", "photos"),
        (lambda row: f"{row:03d}", "photos"),
        (lambda row: f"{row * 3}", "photos"),
        (lambda row: f"a\\im{row}.png", "photos/a"),
        (lambda row: f"./photos/im{row}.png", "photos"),
        (lambda row: f"photos/im{row}", "photos"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_names_in_many_forms(tmp_path, names, folder, ending):
    cells = [names(row) for row in range(ROWS)]
    files = [Path(cell.replace("\\", "/")).name.removesuffix(".png") + ".png" for cell in cells]
    write_images(tmp_path / folder, files)
    table = write_table(tmp_path / "pets.csv", cells)
    frame = pl.read_csv(table, schema_overrides={"file": pl.String})
    if ending != "csv":
        table = tmp_path / f"pets.{ending}"
        frame.write_parquet(table) if ending == "parquet" else frame.write_ndjson(table)
    data = load(table, target="label")
    np.testing.assert_array_equal(images_in_order(data), PIXELS)


def test_columns_that_only_look_alike_stay_what_they_are(tmp_path):
    """A number that repeats, and a class, are no names of images, even if such images lie beside the table."""
    write_images(tmp_path / "icons", [*("cat.png", "dog.png", "red.png", "blue.png"), *(f"{n}.png" for n in range(20))])
    file = tmp_path / "pets.csv"
    rows = [(row % 10, "red" if row % 3 else "blue", "cat" if row % 2 else "dog") for row in range(60)]
    pl.DataFrame(rows, schema=["size", "colour", "label"], orient="row").write_csv(file)
    kinds = {column.name: column.kind for column in load(file, target="label").schema.columns}
    assert kinds == {"size": "numeric", "colour": "categorical", "label": "categorical"}


def test_kinds_force_and_leave_out(tmp_path):
    table = table_of(tmp_path)
    assert "image" not in load(table, target="label", kinds={"file": "identifier"}).train.inputs
    few = write_table(tmp_path / "few.csv", [f"im{row}" for row in range(ROWS - 12)] + ["im0"] * 12)
    assert "image" not in load(few, target="label").train.inputs
    data = load(few, target="label", kinds={"file": "image"})
    expected = PIXELS[[*range(ROWS - 12), *[0] * 12]]
    np.testing.assert_array_equal(images_in_order(data), expected)


def test_folder_is_named_and_never_guessed_between_two(tmp_path):
    write_images(tmp_path / "one")
    write_images(tmp_path / "two", pixels=255 - PIXELS)
    stems = write_table(tmp_path / "pets.csv", [f"im{row}" for row in range(ROWS)])
    data = load(stems, target="label")
    assert "image" not in data.train.inputs
    assert any("names images in one/ and in two/" in note for note in data.notes)
    files = write_table(tmp_path / "pets2.csv", [f"im{row}.png" for row in range(ROWS)])
    with pytest.raises(DataError, match="same names in one/ and in two/"):
        load(files, target="label")
    data = load(stems, target="label", image_dir=tmp_path / "two")
    np.testing.assert_array_equal(images_in_order(data), 255 - PIXELS)
    write_table(tmp_path / "two.csv", [f"im{row}" for row in range(ROWS)])
    np.testing.assert_array_equal(images_in_order(load(tmp_path / "two.csv", target="label")), 255 - PIXELS)


def test_images_that_are_nowhere_are_told(tmp_path):
    table = write_table(tmp_path / "pets.csv", [f"im{row}.png" for row in range(ROWS)])
    assert any("names images, and none of them is in" in note for note in load(table, target="label").notes)
    with pytest.raises(DataError, match="no column names images in it"):
        load(table, target="label", image_dir=tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        load(table, target="label", image_dir=tmp_path / "nix")


def with_bad_cells(folder: Path) -> Path:
    table = table_of(folder)
    outside = folder.parent / "outside.png"
    outside.write_bytes((folder / "photos/im0.png").read_bytes())
    (folder / "photos/cut.png").write_bytes((folder / "photos/im0.png").read_bytes()[:80])
    (folder / "photos/none.png").write_bytes(b"")
    (folder / "photos/text.png").write_text("no image")
    bad = ["photos/no.png", "../outside.png", str(outside), "", "photos/cut.png", "photos/none.png"]
    lines = table.read_text().splitlines()
    lines[3:3] = [f"{name},1.5,red,cat" for name in [*bad, "photos/text.png"]]
    table.write_text("\n".join(lines + lines[10:] * 3) + "\n")
    return table


@pytest.mark.parametrize("streamed", [False, True])
def test_every_bad_cell_is_named_with_its_line_or_dropped(tmp_path, streamed):
    (tmp_path / "home").mkdir()
    table = with_bad_cells(tmp_path / "home")
    take = (lambda options: prepare_streamed(table, options)) if streamed else (lambda options: prepare(table, options))
    with pytest.raises(DataError) as found:
        take(DataOptions(target="label"))
    said = str(found.value)
    reasons = ("no such file", "outside", "outside", "missing", "", "", "no image")
    for line, words in enumerate(reasons, 4):
        assert any(f"line {line}, column 'file'" in text and words in text for text in said.splitlines())
    assert "7 cells name no image" in said
    data = take(DataOptions(target="label", on_bad_rows="drop"))
    assert any(note.startswith("7 rows dropped: line 4 ") for note in data.notes)
    total = sum(part.rows for part in data.parts.values())
    assert total == len(table.read_text().splitlines()) - 1 - 7


def test_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "home").mkdir()
    table = table_of(tmp_path / "home")
    image = tmp_path / "home/photos/im3.png"
    image.rename(tmp_path / "secret.png")
    image.symlink_to(tmp_path / "secret.png")
    with pytest.raises(DataError, match=r"line 5, .*'photos/im3.png' .*outside"):
        load(table, target="label")


def test_sizes_and_channels_follow_the_rules_of_folders(tmp_path):
    table = table_of(tmp_path)
    Image.fromarray(PIXELS[0, :, :, 0]).save(tmp_path / "photos/im0.png")
    assert load(table, target="label").train.inputs["image"].shape[1:] == (5, 4, 3), (
        "one grey image among coloured ones"
    )
    for row in range(ROWS):
        Image.fromarray(PIXELS[row, :, :, 0]).save(tmp_path / f"photos/im{row}.png")
    assert load(table, target="label").train.inputs["image"].shape[1:] == (5, 4, 1)
    Image.new("L", (9, 7)).save(tmp_path / "photos/im4.png")
    with pytest.raises(DataError, match=r"im0.png is 5x4 .* im4.png is 7x9.*image_size=5,4"):
        load(table, target="label")
    data = load(table, target="label", image_size=(5, 4))
    assert data.train.inputs["image"].shape[1:] == (5, 4, 1)
    assert any("1 of 24 resized" in note for note in data.notes)


def test_images_of_16_bits_share_one_scale_that_is_saved(tmp_path):
    deep = np.random.default_rng(1).integers(0, 4096, (ROWS, 5, 4)).astype(np.uint16)
    deep[0, 0, 0] = 4095
    write_images(tmp_path / "photos", pixels=deep)
    table = write_table(tmp_path / "pets.csv", [f"im{row}.png" for row in range(ROWS)])
    data = load(table, target="label")
    np.testing.assert_array_equal(images_in_order(data)[..., 0], deep >> 4)
    dark = write_images(tmp_path / "dark", ["im0.png"], deep[:1] // 64).parent / "dark"
    new = encode_new(write_table(dark / "new.csv", ["im0.png"]), Encoding.from_json(data.encoding.to_json()))
    np.testing.assert_array_equal(new["image"][0, ..., 0], (deep[0] // 64) >> 4)


def test_one_column_of_images_at_most_and_none_as_target(tmp_path):
    table = table_of(tmp_path)
    twice = pl.read_csv(table).with_columns(mask=pl.col("file"))
    twice.write_csv(tmp_path / "twice.csv")
    with pytest.raises(DataError, match=r"the columns 'file', 'mask' hold images.*kinds={mask: identifier}"):
        load(tmp_path / "twice.csv", target="label")
    assert "image" in load(tmp_path / "twice.csv", target="label", kinds={"mask": "identifier"}).train.inputs
    for role in ({"target": "file"}, {"target": "label", "group": "file"}):
        with pytest.raises(DataError, match="holds images, which are only inputs"):
            load(table, **role)


def test_data_frame_needs_the_folder(tmp_path):
    frame = pl.read_csv(table_of(tmp_path))
    data = load(frame, target="label", image_dir=tmp_path)
    np.testing.assert_array_equal(images_in_order(data), PIXELS)
    assert any("image_dir" in note for note in load(frame, target="label").notes)
    with pytest.raises(DataError, match="rows that are in no file have no folder"):
        load(frame, target="label", kinds={"file": "image"})
    np.testing.assert_array_equal(encode_new(frame, data.encoding)["image"], PIXELS)


def test_new_rows_are_read_by_the_saved_schema(tmp_path):
    encoding = load(table_of(tmp_path), target="label").encoding
    other = tmp_path / "other"
    write_images(other, ["a.png", "b.png"], PIXELS[:2, ::-1])
    Image.new("RGB", (9, 9)).save(other / "c.png")
    new = write_table(other / "new.csv", ["b", "a", "c"])
    inputs = encode_new(new, encoding)
    np.testing.assert_array_equal(inputs["image"][:2], PIXELS[[1, 0], ::-1])
    assert inputs["image"].shape == (3, 5, 4, 3), "brought to the size of the training"
    options = DataOptions(target="label", validation_split=0.0, test_split=0.0)
    assert prepare(new, options, like=encoding).train.rows == 3
    with pytest.raises(DataError, match=r"line 3, .*'nix.png'"):
        encode_new(write_table(other / "worse.csv", ["b.png", "nix.png"]), encoding)


def test_fingerprint_covers_the_pixels(tmp_path):
    table = table_of(tmp_path)
    before = load(table, target="label").fingerprint, prepare_streamed(table, DataOptions(target="label")).fingerprint
    again = load(table, target="label").fingerprint, prepare_streamed(table, DataOptions(target="label")).fingerprint
    changed = PIXELS[7].copy()
    changed[0, 0, 0] ^= 1
    Image.fromarray(changed).save(tmp_path / "photos/im7.png")
    after = load(table, target="label").fingerprint, prepare_streamed(table, DataOptions(target="label")).fingerprint
    assert before == again
    assert before[0] != after[0]
    assert before[1] != after[1], "the store is made anew"


@pytest.mark.parametrize("image_size", [None, (3, 4)])
def test_in_pieces_as_in_memory(tmp_path, monkeypatch, image_size):
    monkeypatch.setattr(encoded_rows, "PIECE_BYTES", 100)
    table, options = table_of(tmp_path), DataOptions(target="label", image_size=image_size)
    lost = write_table(tmp_path / "first.csv", [f"late{row}.png" for row in range(ROWS)])
    assert "image" not in prepare_streamed(lost, options).encoding.schema.used
    streamed, whole = prepare_streamed(table, options), prepare(table, options)
    assert streamed.encoding == whole.encoding
    dataset = encoded_rows.memory_map(streamed, memory_limit=10**9)
    for name, part in dataset.parts.items():
        for key, values in whole.parts[name].inputs.items():
            np.testing.assert_array_equal(part.inputs[key], values)
    write_images(tmp_path / "late", [f"late{row}.png" for row in range(ROWS)])
    assert "file" in prepare_streamed(lost, options).encoding.schema.used, "the store of unfound images is not kept"


def test_pixels_count_as_memory(tmp_path, monkeypatch):
    table = table_of(tmp_path)
    text = 5 * table.stat().st_size
    assert 0.5 < (estimated_bytes(table) - text) / (2 * PIXELS.nbytes) < 2
    assert 0.5 < (estimated_bytes(table, (50, 40)) - text) / (200 * PIXELS.nbytes) < 2
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 0)
    assert limit_to_stream(str(table), "10kB", image_size=(50, 40)) is not None
    monkeypatch.setattr(image_cells, "COPIES", 10**6)
    limit = budget.anonymous_memory() + budget.OVERHEAD + 10**9
    with pytest.raises(DataError, match=r"images of column 'file' take about .* smaller `image_size`"):
        prepare_streamed(table, DataOptions(target="label"), memory_limit=limit)


def test_labels_of_a_folder_of_images_in_a_table(tmp_path):
    table = table_of(tmp_path)
    with pytest.raises(DataError, match=r"pets.csv is a table.*train on .*pets.csv in place of photos"):
        load(tmp_path / "photos", target=str(table))


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_every_new_row_keeps_its_place(tmp_path, monkeypatch, ending):
    """In small pieces, some of them without any row that fits."""
    encoding = load(table_of(tmp_path), target="label").encoding
    monkeypatch.setattr(whole_rows, "IMAGE_PIECE_BYTES", 60)
    monkeypatch.setattr(whole_rows, "IMAGE_PIECE_CELLS", 6)
    frame = pl.read_csv(tmp_path / "pets.csv")
    good = np.array([row % 5 > 1 for row in range(ROWS)])
    cells = [name if fits else "nix.png" for name, fits in zip(frame["file"], good, strict=True)]
    file, frame = tmp_path / f"new.{ending}", frame.with_columns(file=pl.Series(cells))
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[ending](file)
    pieces = list(whole_rows.read_whole(file, encoding, on_bad_rows="drop"))
    np.testing.assert_array_equal(np.concatenate([piece.fits for piece in pieces]), good)
    np.testing.assert_array_equal(np.concatenate([piece.inputs["image"] for piece in pieces]), PIXELS[good])
    lines = [cell.line for piece in pieces for cell in piece.bad.first]
    assert lines == (np.flatnonzero(~good) + (2 if ending == "csv" else 1)).tolist()
