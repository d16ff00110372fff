"""Several targets: which columns they are, each encoded as it would be alone."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from batchwright.data.dataset import Dataset
from batchwright.data.encode.several import SeveralTargets, each_target, target_from_json
from batchwright.data.encode.targets import ClassTarget, ValueTarget
from batchwright.data.load import load
from batchwright.data.new_rows import encode_labelled
from batchwright.errors import BatchwrightError

RNG = np.random.default_rng(0)
ROWS = {
    "x": RNG.normal(size=60),
    "z": RNG.normal(size=60),
    "a": RNG.normal(50, 7, 60),
    "b": RNG.normal(-3, 0.1, 60),
    "size": RNG.choice(["small", "large"], 60),
}


def test_each_is_encoded_as_alone() -> None:
    data = load(ROWS, target=["a", "size", "b"], split="shuffled")
    assert isinstance(data.target, SeveralTargets)
    assert data.train.targets.dtype == np.float32
    assert data.schema.targets == ("a", "size", "b")
    assert data.schema.used == ("x", "z")
    for target, encoded in each_target(data.target, data.train.targets):
        kinds = {name: "identifier" for name in ("a", "size", "b") if name != target.name}
        alone = load(ROWS, target=target.name, split="shuffled", kinds=kinds)
        assert alone.target == target
        np.testing.assert_array_equal(alone.train.targets, encoded)
        assert encoded.dtype == alone.train.targets.dtype
    assert target_from_json(data.target.to_json()) == data.target


def test_scales_are_those_of_the_training_rows() -> None:
    data = load(ROWS, target="a,b")
    assert isinstance(data.target, SeveralTargets)
    for part in data.target.parts:
        assert isinstance(part, ValueTarget)
        values = ROWS[part.name][data.indices.train]
        assert part.mean == pytest.approx(values.mean(), rel=1e-12)
        assert part.std == pytest.approx(values.std(), rel=1e-12)
    np.testing.assert_allclose(data.train.targets.mean(axis=0), 0, atol=1e-5)


def test_codes_of_classes_alone_are_whole_numbers() -> None:
    rows = ROWS | {"colour": RNG.choice(["red", "blue"], 60)}
    data = load(rows, target=("size", "colour"))
    assert data.train.targets.dtype == np.int32
    assert isinstance(data.target, SeveralTargets)
    assert all(isinstance(part, ClassTarget) for part in data.target.parts)


def test_a_column_whose_name_has_a_comma_is_one() -> None:
    data = load({"a,b": ROWS["a"], "x": ROWS["x"], "a": ROWS["z"], "b": ROWS["b"]}, target="a,b")
    assert data.target.columns == ("a,b",)
    several = load({"a": ROWS["a"], "x": ROWS["x"], "b": ROWS["b"]}, target="a, b")
    assert several.target.columns == ("a", "b")


@pytest.mark.parametrize("form", ["array", "frame", "npz"])
def test_arrays_with_several_targets(form: str, tmp_path: Path) -> None:
    x, y = np.stack([ROWS["x"], ROWS["z"]], axis=1), np.stack([ROWS["a"], ROWS["b"]], axis=1)
    if form == "npz":
        np.savez(tmp_path / "rows.npz", x=x, y=y)
        data: Dataset = load(tmp_path / "rows.npz")
    else:
        data = load((x, pl.DataFrame(y, ["a", "b"]) if form == "frame" else y))
    assert data.target.columns == (("a", "b") if form == "frame" else ("target_0", "target_1"))
    assert data.train.targets.shape == (data.train.rows, 2)
    again = encode_labelled((x, y) if form != "frame" else (x, pl.DataFrame(y, ["a", "b"])), data.encoding)
    np.testing.assert_array_equal(again.rows.targets[data.indices.train], data.train.targets)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "a,bb"}, "unknown column 'bb': did you mean 'b'"),
        ({"target": ("a", "a")}, "names the column 'a' twice"),
        ({"target": ("a", "xx", "zz")}, "target names columns that are not there: 'xx', 'zz'. Its columns: "),
        ({"target": "a;b"}, "unknown column 'a;b': commas separate targets, as 'a,b'"),
        ({"target": ("a", "size"), "weights": "a"}, "weights and target both name the column 'a'"),
        ({"target": ("a", "size"), "task": "regression"}, "target 'size' holds categorical cells"),
        ({"target": ()}, "target must be the name of a column, a list of names"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(BatchwrightError, match=said):
        load(ROWS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.eye(3)[RNG.integers(0, 3, 60)], "one-hot form: give y.argmax"),
        (np.zeros((60, 2, 2)), r"y has shape \(60, 2, 2\)"),
        (np.zeros((59, 2)), "x has 60 rows and y 59"),
    ],
)
def test_arrays_that_are_no_targets(y: np.ndarray, said: str) -> None:
    with pytest.raises(BatchwrightError, match=said):
        load((np.ones((60, 1)), y))


def test_rows_that_lack_one_of_the_targets() -> None:
    sizes = ROWS["size"].tolist()
    rows = ROWS | {"size": [None, *sizes[1:]], "a": [*ROWS["a"][:-1], None]}
    data = load(rows, target="a,size", on_bad_rows="drop")
    assert sum(part.rows for part in data.parts.values()) == 58
    with pytest.raises(BatchwrightError, match="target 'a' is missing in 1 of 60 rows"):
        load(rows, target="a,size")


def test_an_evaluation_needs_all_of_them() -> None:
    data = load(ROWS, target="a,size")
    with pytest.raises(BatchwrightError, match="has no column 'size', the target"):
        encode_labelled({name: cells for name, cells in ROWS.items() if name != "size"}, data.encoding)
