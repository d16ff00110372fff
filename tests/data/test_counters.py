"""Numbers that only say which row it is are left out or noted; numbers that may mark missing cells are noted."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.formats.source import read
from batchwright.data.load import load
from batchwright.data.typed.counters import find_counter
from batchwright.data.typed.marks import mark_note
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table, from_frame

RNG = np.random.default_rng(0)
N = 200
SHUFFLED = RNG.permutation(N)


def judged(name: str, values: Any) -> Column:
    return from_frame({name: values}).column(name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("PassengerId", np.arange(N) + 892),
        ("t", np.arange(N)),
        ("t", np.arange(N, dtype=np.float32)),
        ("t", np.arange(N, dtype=np.uint8)[::-1]),
        ("order_id", SHUFFLED),
        ("sampleNo", SHUFFLED + 5000),
        ("anything", 9 * 10**17 + RNG.integers(0, 10**17, N)),
    ],
)
def test_numbers_that_say_which_row_it_is_are_left_out(name: str, values: np.ndarray) -> None:
    column = judged(name, values)
    assert (column.kind, column.used) == ("identifier", False)
    assert ", ".join(str(value).removesuffix(".0") for value in values[:3].tolist()) in column.note
    assert f'`data.kinds={{"{name}": numeric}}` takes it as a number' in column.note


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("customer_id", RNG.choice(10**6, N, replace=False)),
        ("x", SHUFFLED),
        ("year", np.cumsum(RNG.integers(1, 9, N))),
    ],
)
def test_whole_numbers_that_all_differ_are_noted_and_used(name: str, values: np.ndarray) -> None:
    column = judged(name, values)
    assert (column.kind, column.used) == ("numeric", True)
    assert column.note.startswith("all 200 whole numbers differ; if they only name rows, `data.kinds={")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("t", np.arange(19)),
        ("sensor", np.sort(RNG.normal(20, 5, N))),
        ("seconds", np.arange(N) / 10),
        ("salary", RNG.choice(10**6, N, replace=False)),
        ("month", np.arange(N) % 12),
        ("t", [*range(100), None, *range(101, N)]),
        ("t", np.arange(N) * 2.5),
        ("age", RNG.integers(18, 80, N)),
    ],
)
def test_readings_are_no_counters(name: str, values: Any) -> None:
    assert judged(name, values) == Column(name, "numeric")


def test_columns_of_arrays_are_not_judged() -> None:
    assert all(column.used and not column.note for column in read(np.stack([np.arange(N), SHUFFLED], 1)).train.columns)


def test_a_counter_is_taken_where_no_other_column_is_left_or_where_that_is_asked() -> None:
    y = RNG.normal(size=N)
    alone = load({"t": np.arange(N), "y": y}, target="y")
    assert alone.schema.used == ("t",)
    assert "column 't': it counts the rows, and is used as there is no other column" in alone.notes
    values = alone.train.inputs["numeric"][:, 0]
    assert np.corrcoef(values, alone.indices.train)[0, 1] > 0.9999
    beside = {"t": np.arange(N), "x": RNG.normal(size=N), "y": y}
    assert load(beside, target="y").schema.used == ("x",)
    assert load(beside, target="y", kinds={"t": "numeric"}).schema.used == ("t", "x")
    with pytest.raises(ValueError, match=r"no column is left to learn from: 'id' \(left out: it counts"):
        load({"id": np.arange(N), "y": y}, target="y")


def test_a_target_that_counts_the_rows_can_be_learned() -> None:
    data = load({"x": RNG.normal(size=N), "y": np.arange(N)}, target="y")
    assert data.target.task == "regression"
    found = data.target.decode(data.train.targets)
    np.testing.assert_allclose(np.sort(found), data.indices.train, atol=1e-3)


@pytest.mark.parametrize(
    ("mark", "others"),
    [
        (-200, RNG.uniform(647, 2040, N)),
        (999, RNG.uniform(0, 40, N)),
        (-1, RNG.integers(0, 871, N)),
        (0, RNG.normal(30, 5, N).clip(18)),
        (-9999, RNG.normal(0, 1, N)),
    ],
)
def test_numbers_that_stand_apart_are_noted(mark: float, others: np.ndarray) -> None:
    values = np.where(np.arange(N) % 20 == 0, float(mark), others)
    note = judged("co", values).note
    assert note.startswith(f"{mark} in 10 rows stands apart from all others (")
    assert note.endswith(f'if it marks missing cells, `data.columns={{"co": {{missing: ["{mark}"]}}}}` says so')
    assert judged("co", others).note == ""


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(N) % 5 == 0, 0, RNG.exponential(5, N)),
        RNG.poisson(1, N),
        np.minimum(RNG.normal(40, 10, N), 50),
        RNG.choice([-1, 0, 1], N),
        [*RNG.normal(0, 1, N - 2), 999, 999],
        np.where(np.arange(N) % 20 == 0, 192, RNG.integers(69, 116, N)),
        np.where(np.arange(N) % 20 == 0, 999, 1.0),
    ],
)
def test_ends_of_ordinary_numbers_are_not(values: Any) -> None:
    assert judged("x", values).note == ""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=60))
def test_no_numbers_break_the_search(values: list[float | None]) -> None:
    column = pl.Series("x", values, dtype=pl.Float64)
    assert isinstance(mark_note(column), str)
    found = find_counter(column)
    assert found is None or found.name == "x"


def test_cells_of_a_text_file_are_judged_likewise(tmp_path: Any) -> None:
    frame = pl.DataFrame(
        {"PassengerId": np.arange(N) + 892, "co": np.where(np.arange(N) % 20, RNG.normal(size=N), -200)}
    )
    frame.write_csv(tmp_path / "t.csv")
    table = read(tmp_path / "t.csv").train
    assert isinstance(table, Table)
    assert table.columns == from_frame(frame).columns
    assert [bool(column.note) for column in table.columns] == [True, True]
