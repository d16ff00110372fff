"""Sets of labels in the cells of one column, with scikit-learn's binarizer as the witness."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from batchwright.data.encode.labels import LabelTarget, fit_labels, labels_note
from batchwright.data.encode.several import target_from_json
from batchwright.data.load import load
from batchwright.data.typed.table import Table, TableOptions, from_frame
from batchwright.errors import BatchwrightError, ConfigError, DataError

SETS = [("red", "round"), ("red",), (), ("big", "round"), ("round",), ("red", "big", "round"), ("big",), ()]


def table(cells: list[str | None]) -> Table:
    return from_frame({"tags": cells, "x": range(len(cells))}, TableOptions(kinds={"tags": "categorical"}))


@pytest.mark.parametrize("separator", ["|", ";", ",", "/", " ", ", ", " ; "])
def test_encoded_as_by_scikit_learn_whatever_the_separator(separator: str) -> None:
    cells = table([separator.join(labels) or None for labels in SETS])
    target = fit_labels(cells, "tags")
    assert target.separator == (separator.strip() or " ")
    binarizer = MultiLabelBinarizer().fit(SETS)
    assert target.classes == tuple(binarizer.classes_)
    encoded = target.encode(cells)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, binarizer.transform(SETS))
    answers = [set(answer.split(target.separator)) - {""} for answer in target.decode(encoded).tolist()]
    assert answers == [set(labels) for labels in SETS]
    assert target_from_json(target.to_json()) == target


def test_a_separator_in_a_single_cell_of_many_is_a_slip_of_the_pen() -> None:
    cells = table(["a;b"] * 150 + ["b"] * 150 + ["c/d"])
    assert fit_labels(cells, "tags").separator == ";"
    odd = table(["new york;paris"] * 150 + ["rome"] * 150 + ["a|b"])
    assert fit_labels(odd, "tags").classes == ("a|b", "new york", "paris", "rome")


def test_a_separator_is_told() -> None:
    assert fit_labels(table(["a--b", "a", "b", "a--b", "b"]), "tags", separator="--").classes == ("a", "b")
    assert fit_labels(table(["a, b|c", "c", "c", "a, b"] * 2), "tags", separator=",").classes == ("a", "b", "b|c", "c")


def test_how_cells_were_taken_apart_is_said() -> None:
    cells = table(["a|b", None, "b", "a|b"])
    said = labels_note(cells, fit_labels(cells, "tags"))
    assert said == "target 'tags': 2 labels, split at '|', as in 'a|b'; 1 of 4 rows have none"


@pytest.mark.parametrize(
    ("cells", "options", "said"),
    [
        (["a", "b", "a"], {}, "no cell of target 'tags' holds two labels"),
        ([None, None, None], {"separator": "|"}, "holds no label in any row"),
        ([f"a{k}|b{k}" for k in range(5)], {}, "has 10 labels, split at '|', in 5 rows"),
        (["a|b"] * 4, {"separator": ""}, "label_separator is what is between two labels"),
        (["a|b", "a", "b"] * 3, {"separator": ";"}, "no cell of target 'tags' holds ';', but cells hold '|'"),
    ],
)
def test_what_is_no_set_of_labels_is_refused(cells: list[str | None], options: dict[str, str], said: str) -> None:
    with pytest.raises(BatchwrightError, match=said.replace("|", r"\|")):
        fit_labels(table(cells), "tags", **options)  # type: ignore[arg-type]


def test_classes_that_look_like_sets_of_labels_are_told() -> None:
    rows = {"x": np.arange(40.0), "tags": ["red|big", "red", "big", "round"] * 10}
    (said,) = (note for note in load(rows, target="tags").notes if "labels" in note)
    assert said.startswith("target 'tags': classes such as 'red|big' look like several labels in a cell")
    plain = {"x": np.arange(40.0), "tags": ["a|x", "b", "c", "d"] * 10}
    assert not any("labels" in note for note in load(plain, target="tags").notes)


def test_a_label_that_training_did_not_see_is_refused() -> None:
    target = LabelTarget("tags", ("a", "b"), "|")
    with pytest.raises(DataError, match=r"labels that the training table lacks: zz \(row 2\)\. Known: a, b"):
        target.encode(table(["a|b", "b|zz", "a"]))


def test_numbers_are_labels_too_and_rows_without_any_stay() -> None:
    rows = {"x": np.arange(40.0), "tags": ["1|2", "1", "2", None] * 10}
    data = load(rows, target="tags", task="multilabel", on_bad_rows="drop", test_split=0.25)
    assert data.target.classes == ("1", "2")
    assert sum(part.rows for part in data.parts.values()) == 40
    assert data.train.targets.shape == (data.train.rows, 2)
    assert any("10 of 40 rows have none" in note for note in data.notes)


@pytest.mark.parametrize("form", ["polars", "pandas", "mapping", "parquet"])
def test_cells_may_be_lists(form: str, tmp_path: Path) -> None:
    lists = [["a", "b"], ["a"], [], ["b"]] * 10
    frame = pl.DataFrame({"x": np.arange(40.0), "tags": lists})
    frame.write_parquet(tmp_path / "rows.parquet")
    sources = {
        "polars": frame,
        "pandas": frame.to_pandas(),
        "mapping": {"x": np.arange(40.0), "tags": lists},
        "parquet": tmp_path / "rows.parquet",
    }
    data = load(sources[form], target="tags", task="multilabel", test_split=0.0, validation_split=0.0)
    expected = [["a" in labels, "b" in labels] for labels in lists]
    np.testing.assert_array_equal(data.train.targets[np.argsort(data.indices.train)], expected)


def test_a_list_whose_texts_hold_the_separator_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'tags' holds lists with '\|' in a text"):
        load({"x": np.arange(4.0), "tags": [["a|b", "c"]] * 4}, target="tags", task="multilabel")


def test_a_label_that_no_training_row_has_is_told() -> None:
    rows = {"when": np.arange(40.0), "x": np.sin(np.arange(40.0)), "tags": ["a|b", "a"] * 19 + ["a|late"] * 2}
    data = load(rows, target="tags", task="multilabel", time="when")
    assert "no training row has the label late" in data.notes


@pytest.mark.parametrize(
    "options",
    [
        {"target": ("tags", "x"), "task": "multilabel"},
        {"target": "x", "label_separator": "|"},
    ],
)
def test_options_that_do_not_go_together(options: dict[str, object]) -> None:
    rows = {"x": [1.5, 2.5, 3.5, 4.5], "z": [1, 2, 3, 4], "tags": ["a|b", "a", "b", "a"]}
    with pytest.raises(ConfigError, match=r"multilabel"):
        load(rows, **options)  # type: ignore[arg-type]
