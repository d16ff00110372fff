"""What is learned comes from training rows only, survives JSON, and meets any new row."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.encode.preprocessing import SCALINGS, EncoderRules, Preprocessing, learn
from batchwright.data.encode.targets import fit_target
from batchwright.data.typed.table import from_frame
from batchwright.errors import ConfigError, DataError

COLUMNS = {
    "size": [1.0, 2.0, None, 4.0, 8.0, 16.0],
    "colour": ["red", "blue", "red", None, "blue", "green"],
    "open": [True, False, True, True, None, False],
    "day": pl.Series(["2024-01-01", "2024-02-03", None, "2023-05-06", "2024-01-01", "2024-01-09"]).str.to_date(),
    "flat": [3.0] * 6,
    "weight": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "y": ["no", "yes", "no", "yes", "no", "yes"],
}


def learned(columns: Any, rows: int | None = None, **options: Any) -> Preprocessing:
    table = from_frame(columns)
    train = table.take(np.arange(rows or table.rows))
    target = fit_target(table, "y")
    return learn(train, target, EncoderRules(**options), leave_out={"weight": "sample weights"}).preprocessing


def test_the_schema_says_what_is_used_and_why_not() -> None:
    table = from_frame(COLUMNS)
    schema = learn(table, fit_target(table, "y"), leave_out={"weight": "sample weights"}).schema
    assert schema.used == ("size", "colour", "open", "day")
    notes = {column.name: column.note for column in schema.columns if not column.used}
    assert notes == {"flat": "left out: every training row is 3.0", "weight": "sample weights", "y": "target"}
    assert (schema.target, schema.task, schema.classes) == ("y", "classification", ("no", "yes"))


def test_arrays_have_the_stated_names_types_and_shapes() -> None:
    preprocessing = learned(COLUMNS, one_hot_max=3)
    arrays = preprocessing.encode(from_frame(COLUMNS))
    assert preprocessing.feature_names[:4] == ("size", "size is missing", "open", "open is missing")
    assert preprocessing.categorical_names == ("colour",)
    assert preprocessing.cardinalities == (4,)
    assert arrays["numeric"].dtype == np.float32
    assert arrays["numeric"].shape == (6, len(preprocessing.feature_names))
    assert arrays["categorical"].dtype == np.int32
    assert arrays["categorical"][:, 0].tolist() == [2, 1, 2, 3, 1, 0]
    assert np.isfinite(arrays["numeric"]).all()


def test_only_arrays_with_columns_are_given() -> None:
    table = from_frame({"c": ["a", "b"] * 6, "x": [1.0, 2.0] * 6})
    assert set(learn(table, None, EncoderRules(one_hot_max=1)).preprocessing.encode(table)) == {
        "numeric",
        "categorical",
    }
    assert set(learn(table, None).preprocessing.encode(table)) == {"numeric"}
    only = learn(table, None, EncoderRules(one_hot_max=1), leave_out={"x": "not asked for"}).preprocessing
    assert set(only.encode(table)) == {"categorical"}


NUMBERS = st.floats(-1e6, 1e6) | st.none()
ROW = st.tuples(NUMBERS, st.sampled_from("abcde") | st.none(), st.sampled_from("yn"))


@settings(max_examples=50, deadline=None)
@given(
    train=st.lists(ROW, min_size=4, max_size=12),
    others=st.lists(st.lists(ROW, min_size=2, max_size=8), min_size=2, max_size=2),
    scaling=st.sampled_from(SCALINGS),
    one_hot_max=st.integers(0, 6),
)
def test_rows_outside_training_change_nothing_that_is_learned(
    train: list[Any], others: list[list[Any]], scaling: Any, one_hot_max: int
) -> None:
    first = [(1.0, "a", "y"), (2.0, "b", "n"), *train, (1.0, "a", "y"), (2.0, "b", "n")]
    found = []
    for rest in others:
        names = ("x", "c", "y")
        columns = {name: [row[place] for row in (*first, *rest)] for place, name in enumerate(names)}
        table = from_frame(pl.DataFrame(columns, schema={"x": pl.Float64, "c": pl.String, "y": pl.String}))
        rows = np.arange(len(first))
        train = table.take(rows)
        found.append(learn(train, fit_target(table, "y"), EncoderRules(scaling, one_hot_max)).preprocessing)
        assert all(np.isfinite(array).all() for array in found[-1].encode(table).values())
    assert found[0] == found[1]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("one_hot_max", [0, 10])
def test_what_is_learned_survives_json(scaling: str, one_hot_max: int) -> None:
    preprocessing = learned(COLUMNS, scaling=scaling, one_hot_max=one_hot_max)
    again = Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json())))
    assert again == preprocessing
    for name, array in preprocessing.encode(from_frame(COLUMNS)).items():
        np.testing.assert_array_equal(again.encode(from_frame(COLUMNS))[name], array)


@pytest.mark.parametrize(
    "encoder",
    [
        {"encoder": "code", "column": "x"},
        {"encoder": "flag", "column": "x"},
        {"encoder": "flag", "column": "x", "indicator": "yes"},
        {"encoder": "flag", "column": "x", "indicator": True, "call": "print"},
    ],
)
def test_what_was_not_saved_by_us_is_refused(encoder: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="not a saved Preprocessing"):
        Preprocessing.from_json({"encoders": [encoder]})


def test_missing_columns_unknown_scalings_and_nothing_to_learn_from_are_errors() -> None:
    preprocessing = learned(COLUMNS)
    with pytest.raises(DataError, match="unknown column 'size': did you mean 'sizes'"):
        preprocessing.encode(from_frame({"sizes": [1.0]}))
    with pytest.raises(ConfigError, match="unknown scaling 'standart': did you mean 'standard'"):
        learned(COLUMNS, scaling="standart")
    table = from_frame({"x": [1.0, 1.0], "who": [None, None], "y": ["a", "a"]})
    with pytest.raises(DataError, match=r"no column is left .*'x' \(left out: every training row is 1.0\)"):
        learn(table, None)
