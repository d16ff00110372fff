import numpy as np
import pandas as pd
import polars as pl
import pytest

from batchwright.data.formats.arrays import read_npy, read_npz, rows_of
from batchwright.data.typed.images import Images
from batchwright.errors import DataError

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 0, 1])
PIXELS = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)


@pytest.mark.parametrize(
    "x", [X, X.tolist(), {"0": X[:, 0], "1": X[:, 1]}, pd.DataFrame(X), pl.DataFrame({"0": X[:, 0], "1": X[:, 1]})]
)
@pytest.mark.parametrize("y", [Y, Y.tolist(), Y[:, None], pd.Series(Y)])
def test_all_forms_of_a_table_are_one(x, y):
    table = rows_of(x, y)
    assert table.frame.columns == ["0", "1", "target"]
    assert np.array_equal(table.frame.to_numpy(), np.column_stack([X, Y]))


def test_images_keep_their_labels():
    images = rows_of(PIXELS, Y)
    assert isinstance(images, Images)
    assert np.array_equal(images.images[..., 0], PIXELS)
    assert np.array_equal(images.labels, Y)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (X, Y[:5], "x has 6 rows and y 5"),
        (X, np.eye(6), r"y has one 1 in each row, .*argmax"),
        (X[:, 0], Y, "has 1 dimensions; a table has 2"),
        ({"target": Y}, Y, "has a column 'target'"),
        (np.zeros((2, 2, 2, 2, 2)), None, "5 dimensions"),
        (X[:0], None, "no rows"),
        (np.where(X > 5, np.inf, X), None, "inf"),
    ],
)
def test_arrays_that_do_not_fit(x, y, said):
    with pytest.raises(DataError, match=said):
        rows_of(x, y)


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("X_train", "y_train", "X_test", "y_test")]
)
def test_npz_with_both_parts(tmp_path, names):
    np.savez_compressed(tmp_path / "data.npz", **dict(zip(names, (PIXELS, Y, PIXELS[:2], Y[:2]), strict=True)))
    train, test, _ = read_npz(tmp_path / "data.npz")
    assert np.array_equal(train.images[..., 0], PIXELS)
    assert test.labels.tolist() == [0, 1]


@pytest.mark.parametrize("names", [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "y"), ("features", "labels")])
def test_npz_with_one_part(tmp_path, names):
    np.savez(tmp_path / "data.npz", **dict(zip(names, (X, Y), strict=True)))
    train, test, _ = read_npz(tmp_path / "data.npz")
    assert test is None
    assert train.frame.columns == ["0", "1", "target"]


def test_arrays_of_a_npz_that_are_not_used_are_named(tmp_path):
    np.savez(tmp_path / "data.npz", x=X, y=Y, weight=Y, Ids=Y)
    assert read_npz(tmp_path / "data.npz")[0].notes == ("2 arrays are not used: 'weight', 'ids'",)
    np.savez(tmp_path / "data.npz", x_train=PIXELS, y_train=Y, x_valid=PIXELS)
    assert read_npz(tmp_path / "data.npz")[0].notes == ("1 array is not used: 'x_valid'",)
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    assert read_npz(tmp_path / "data.npz")[0].notes == ()


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", X)
    assert np.array_equal(read_npy(tmp_path / "x.npy").frame.to_numpy(), X)


def test_npz_with_other_names(tmp_path):
    np.savez(tmp_path / "data.npz", a=X)
    with pytest.raises(DataError, match=r"holds the arrays a. Name them: x_train"):
        read_npz(tmp_path / "data.npz")


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut", "objects"])
def test_damaged_files_and_python_objects_are_refused(tmp_path, name, damage):
    path = tmp_path / name
    array = np.array([[{}, 1]], dtype=object) if damage == "objects" else np.zeros((100, 3))
    if name == "x.npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, x=array)
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"hello", "cut": content[:-300], "objects": content}[damage])
    with pytest.raises(DataError, match=name):
        (read_npy if name == "x.npy" else read_npz)(path)
