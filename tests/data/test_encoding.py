import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.builders import encode_new

from batchwright.data.encode.encoding import Encoding
from batchwright.data.load import load, prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.new_rows import encode_labelled
from batchwright.data.options import DataOptions
from batchwright.data.whole_rows import read_whole
from batchwright.errors import DataError

RNG = np.random.default_rng(0)
ROWS = 60
FRAME = pl.DataFrame(
    {
        "height": RNG.normal(170, 10, ROWS),
        "colour": RNG.choice(["red", "blue"], ROWS),
        "town": [f"town {number}" for number in RNG.integers(0, 12, ROWS)],
        "price": RNG.normal(5, 2, ROWS),
    }
)


@pytest.mark.parametrize(
    "source",
    [
        (FRAME, "price"),
        (FRAME, "colour"),
        ("digits", None),
        ((RNG.integers(0, 9, (40, 5, 5)), RNG.normal(size=40)), None),
    ],
    ids=["regression", "classification", "images", "values of images"],
)
def test_what_is_saved_is_plain_and_encodes_as_before(source):
    data = load(source[0], target=source[1], validation_split=0.0, test_split=0.0)
    encoding = Encoding.from_json(json.loads(json.dumps(data.encoding.to_json())))
    assert encoding == data.encoding
    rows = encode_labelled(source[0], encoding).rows
    assert rows.weights is None
    assert rows.inputs.keys() == data.train.inputs.keys()
    assert all(np.array_equal(rows.inputs[key], data.train.inputs[key]) for key in rows.inputs)
    assert np.array_equal(rows.targets, data.train.targets)


def test_saved_encodings_are_read_strictly():
    plain = load(FRAME, target="price").encoding.to_json()
    with pytest.raises(DataError, match="extra"):
        Encoding.from_json(plain | {"extra": 1})
    with pytest.raises(DataError, match="target"):
        Encoding.from_json({key: value for key, value in plain.items() if key != "target"})


def test_new_rows_need_no_target_and_may_hold_the_unseen():
    encoding = load(FRAME, target="price").encoding
    new = pl.DataFrame({"more": [1], "town": ["elsewhere"], "colour": [None], "height": [None]})
    inputs = encode_new(new, encoding)
    assert inputs["categorical"].tolist() == [[0]]
    assert np.isfinite(inputs["numeric"]).all()
    with pytest.raises(DataError, match="price"):
        encode_labelled(new, encoding)


def test_weights_of_the_training_weigh_an_evaluation_too():
    weighted = FRAME.with_columns(weight=pl.Series(np.arange(ROWS, dtype=float)), other=pl.Series(np.ones(ROWS)))
    encoding = load(weighted, target="price", weights="weight").encoding
    assert Encoding.from_json(encoding.to_json()).schema.weights == "weight"
    found = encode_labelled(weighted, encoding)
    assert len(found.rows.targets) == ROWS - 1
    np.testing.assert_allclose(found.rows.weights / found.rows.weights[0], np.arange(1, ROWS))
    assert found.notes == ("1 row weighs 0 and is left out, as 'weight' says",)
    assert encode_labelled(weighted, encoding, weights="other").rows.weights.tolist() == [0.5] * ROWS
    lacking = encode_labelled(FRAME, encoding)
    assert lacking.rows.weights is None
    assert "no column 'weight', which weighed the training rows" in lacking.notes[0]
    with pytest.raises(DataError, match="table has no column 'wieght'"):
        encode_labelled(weighted, encoding, weights="wieght")
    with pytest.raises(DataError, match="'colour' holds categorical cells; weights are finite numbers"):
        encode_labelled(weighted, encoding, weights="colour")


def test_a_lacking_column_is_named_with_the_nearest():
    encoding = load(FRAME, target="price").encoding
    with pytest.raises(DataError, match=r"lacks .*'height' \(is it 'hieght'\?\), 'colour'"):
        encode_new(FRAME.select(pl.col("height").alias("hieght"), "town"), encoding)


def test_bad_rows_stop_a_prediction_even_where_training_dropped_them(tmp_path):
    path = tmp_path / "t.csv"
    FRAME.write_csv(path)
    path.write_text(path.read_text() + "tall,red,town 1,3.0\n")
    data = load(path, target="price", on_bad_rows="drop")
    assert any("1 row dropped" in note for note in data.notes)
    with pytest.raises(DataError, match=r"line 62.*height.*'tall'"):
        encode_new(path, data.encoding)
    (rows,) = read_whole(path, data.encoding, on_bad_rows="drop")
    assert len(rows.inputs["numeric"]) == ROWS
    assert np.flatnonzero(~rows.fits).tolist() == [ROWS]


def save(path, size, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size, size) if mode == "L" else (size, size, 3)
    Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8)).save(path)


@pytest.fixture
def pictures(tmp_path) -> Path:
    for number in range(6):
        save(tmp_path / f"pictures/{'ab'[number % 2]}/{number}.png", 6)
    return tmp_path / "pictures"


def test_new_images_are_brought_to_the_form_of_the_training(pictures, tmp_path):
    encoding = load(pictures, validation_split=0.0, test_split=0.0).encoding
    save(tmp_path / "new/1.png", 9, mode="RGB")
    assert encode_new(tmp_path / "new", encoding)["image"].shape == (1, 6, 6, 1)


def test_an_unknown_class_in_the_validation_folder_is_named_in_memory_and_in_pieces(tmp_path):
    for name in ("train/a", "train/b", "validation/a", "validation/c", "validation/d"):
        for number in range(2):
            save(tmp_path / f"p/{name}/{number}.png", 6)
    for prepare_any in (prepare, prepare_streamed):
        with pytest.raises(DataError, match=r"p/validation has images of 2 classes 'c' \(2 images\), 'd' \(2 images\)"):
            prepare_any(tmp_path / "p", DataOptions())


def test_new_images_that_do_not_fit(pictures, tmp_path):
    encoding = load(pictures, validation_split=0.0, test_split=0.0).encoding
    save(tmp_path / "other/c/1.png", 6)
    with pytest.raises(DataError, match=r"other has images of the class 'c' \(1 image\), .* Known: a, b\."):
        encode_labelled(tmp_path / "other", encoding)
    with pytest.raises(DataError, match=r"7x7x1 .*6x6x1"):
        encode_new(np.zeros((2, 7, 7), np.uint8), encoding)
    with pytest.raises(DataError, match="holds a table, but the training rows were images"):
        encode_new("iris", encoding)
    with pytest.raises(DataError, match="holds images, but the training rows were a table"):
        encode_new("digits", load("iris").encoding)
    with pytest.raises(DataError, match="has no labels"):
        encode_labelled(pictures / "a", encoding)
    with pytest.raises(DataError, match="have no column 'w' of weights"):
        encode_labelled(pictures, encoding, weights="w")
