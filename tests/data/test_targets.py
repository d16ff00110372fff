"""Targets go to codes and standardised numbers and come back; those that cannot be learned are refused."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.encode.several import target_from_json
from batchwright.data.encode.targets import ClassTarget, ValueTarget, drop_missing, fit_target
from batchwright.data.typed.table import TableOptions, from_frame
from batchwright.errors import ConfigError, DataError

LABELS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5).filter(
    lambda label: label != "?"
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LABELS, min_size=2, max_size=6, unique=True), st.data())
def test_classes_come_back_as_they_were(classes: list[str], data: st.DataObject) -> None:
    labels = [*classes, *classes, *data.draw(st.lists(st.sampled_from(classes)))]
    table = from_frame({"y": labels}, TableOptions(missing=(), kinds={"y": "categorical"}))
    target = fit_target(table, "y")
    codes = target.encode(table)
    assert codes.dtype == np.int32
    assert sorted(set(codes.tolist())) == list(range(len(classes)))
    assert target.decode(codes).tolist() == labels
    assert target_from_json(json.loads(json.dumps(target.to_json()))) == target


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=40).filter(lambda values: np.ptp(values) > 1e-3))
def test_values_come_back_in_their_own_unit(values: list[float]) -> None:
    table = from_frame({"y": values})
    target = fit_target(table, "y", task="regression")
    standardised = target.encode(table)
    assert standardised.dtype == np.float32
    scale = np.std(values)
    np.testing.assert_allclose(standardised, (np.array(values) - np.mean(values)) / scale, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(target.decode(standardised), values, rtol=0, atol=1e-5 * (scale + np.ptp(values)))
    assert target_from_json(json.loads(json.dumps(target.to_json()))) == target


def test_mean_and_deviation_are_those_of_the_training_rows() -> None:
    values = np.random.default_rng(1).normal(50, 7, 40)
    rows = np.arange(5, 25)
    target = fit_target(from_frame({"y": values}), "y", rows=rows)
    assert isinstance(target, ValueTarget)
    assert (target.mean, target.std) == (pytest.approx(values[rows].mean()), pytest.approx(values[rows].std()))


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["b", "a"] * 3, "classification", ("a", "b")),
        ([10, 9, 2, 10, 9, 2], "classification", ("2", "9", "10")),
        ([1.0, -1.0] * 3, "classification", ("-1", "1")),
        ([True, False] * 3, "classification", ("false", "true")),
        (["10", "9", "10", "9"], "classification", ("9", "10")),
        ([0.5, 1.5] * 3, "regression", ()),
        (list(range(21)) * 3, "regression", ()),
        (list(range(20)) * 2, "classification", tuple(map(str, range(20)))),
        ([3, 1, 4, 5], "regression", ()),
    ],
)
def test_the_task_follows_from_the_target(values: list[Any], task: str, classes: tuple[str, ...]) -> None:
    target = fit_target(from_frame({"y": values}), "y")
    assert (target.task, target.classes) == (task, classes)


def test_the_task_can_be_given() -> None:
    table = from_frame({"y": [1, 2, 1, 2]})
    assert isinstance(fit_target(table, "y", task="regression"), ValueTarget)
    halves = from_frame({"y": [0.5, 1.5, 1.5, 0.5]})
    assert fit_target(halves, "y", task="classification") == ClassTarget("y", ("0.5", "1.5"))
    with pytest.raises(ConfigError, match="unknown task 'regresion': did you mean 'regression'"):
        fit_target(table, "y", task="regresion")


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (["a", None, "b", None], None, r"missing in 2 of 4 rows \(rows 2, 4\)"),
        (["a"] * 5, None, "is 'a' in every row: classification needs two classes"),
        ([2.0] * 5, None, "is '2' in every row"),
        ([2.5] * 5, None, "is 2.5 in every row: there is nothing to learn"),
        (["a", "b", "a", "b", "c", "a"], None, "classes of a single row: 'c'"),
        ([f"name {i}" for i in range(30)], None, "has 30 classes in 30 rows"),
        ([0.1, 0.2, 0.3], "classification", "has 3 classes in 3 rows"),
        (["a", "b"] * 3, "regression", "regression needs numbers, but target 'y' holds categorical cells such as 'a'"),
        ([True, False] * 3, "regression", "regression needs numbers"),
        (pl.Series(["2024-01-01", "2024-01-02"]).str.to_date(), None, "holds dates"),
        ([[1], [2]], None, "a target is a number or the name of a class"),
    ],
)
def test_a_target_that_cannot_be_learned_says_why(values: Any, task: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_target(from_frame({"y": values, "x": range(len(values))}), "y", task=task)


def test_a_misspelt_target_is_answered_with_the_nearest_name() -> None:
    table = from_frame({"income": ["a", "b"] * 2, "age": [1, 2, 3, 4]})
    with pytest.raises(DataError, match="unknown column 'incom': did you mean 'income'"):
        fit_target(table, "incom")


def test_labels_that_training_did_not_have_are_named() -> None:
    target = ClassTarget("y", ("no", "yes"))
    with pytest.raises(DataError, match=r"labels that the training table lacks: maybe \(row 2\)\. Known: no, yes"):
        target.encode(from_frame({"y": ["no", "maybe"]}))
    with pytest.raises(DataError, match="unknown column 'y'"):
        target.encode(from_frame({"x": [1.0]}))


def test_a_file_of_one_label_is_encoded_whatever_its_type() -> None:
    assert ClassTarget("y", ("0", "1")).encode(from_frame({"y": [1.0, 1.0]})).tolist() == [1, 1]
    assert ClassTarget("y", ("0", "1")).encode(from_frame({"y": ["1", "0"]})).tolist() == [1, 0]


def test_rows_without_a_target_can_be_dropped_and_are_listed() -> None:
    table = drop_missing(from_frame({"y": ["a", None, "b"], "x": [1.0, 2.0, 3.0]}), "y")
    assert table.frame.rows() == [("a", 1.0), ("b", 3.0)]
    assert table.notes == ("1 row dropped: row 2 (column 'y': '' is not a target)",)
    assert [bad.line for bad in table.dropped.first] == [2]
    assert drop_missing(table, "y") is table
