"""Columns that tell the target, planted and honest."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.findings.planted import ROWS, clean, loaded, told

from batchwright.data.load import load
from batchwright.findings.leaks import PERFECT, leaks, one_column_score

TABLES = Path(__file__).resolve().parents[2] / "../shared/data/tables"
needs_tables = pytest.mark.skipif(not TABLES.is_dir(), reason="the folder ../shared/data/tables is not there")
RNG = np.random.default_rng(1)
TABLE = clean()
YES = TABLE["y"] == "yes"
DAYS = pl.datetime_range(pl.datetime(2020, 1, 1), pl.datetime(2020, 1, 28), "1d", eager=True).to_numpy()


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.where(YES, 1.0, 0.0), id="the code"),
        pytest.param(np.where(YES, 3.0, -3.0) + RNG.uniform(-1, 1, ROWS), id="a number on either side"),
        pytest.param(np.where(YES, RNG.uniform(0, 1, ROWS), np.nan), id="missing where it is no"),
        pytest.param(np.where(YES, "paid", "open"), id="its name"),
        pytest.param(np.where(YES, "p", "o") + RNG.integers(0, 20, ROWS).astype("U2"), id="a finer category"),
        pytest.param(YES, id="true and false"),
        pytest.param(np.where(YES, DAYS[:14][np.arange(ROWS) % 14], DAYS[14:][np.arange(ROWS) % 14]), id="a date"),
    ],
)
def test_a_leak_of_a_class_is_found(column: np.ndarray) -> None:
    found = leaks(loaded(TABLE | {"told": column}))
    assert told(found) == [("leak", "warning")]
    assert "told" in found[0].evidence and '`data.kinds={"told": identifier}`' in found[0].advice


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_a_leak_of_a_number_is_found(scaling: str) -> None:
    y = TABLE["x"] + TABLE["z"]
    table = TABLE | {"y": y, "told": np.exp(y), "dollars": np.round(100 * y), "near": y + RNG.normal(0, 0.3, ROWS)}
    found = leaks(loaded(table, scaling=scaling))
    assert sorted(finding.evidence.split("'")[1] for finding in found) == ["dollars", "told"]
    assert all("R²" in finding.evidence for finding in found)


def test_left_out_as_advised_it_is_gone() -> None:
    table = TABLE | {"told": YES * 1.0}
    assert leaks(loaded(table, kinds={"told": "identifier"})) == ()


def test_a_rare_class_is_told_by_balanced_accuracy() -> None:
    y = np.where(np.arange(ROWS) % 100 == 0, "rare", "common")
    assert leaks(loaded(TABLE | {"y": y})) == ()
    assert told(leaks(loaded(TABLE | {"y": y, "told": (y == "rare") * 1.0}))) == [("leak", "warning")]


def test_names_of_rows_tell_nothing() -> None:
    pairs = np.repeat([f"id{number}" for number in range(ROWS // 2)], 2)
    assert leaks(loaded(TABLE | {"pair": RNG.permutation(pairs)})) == ()


def test_one_whose_rows_all_have_one_class_is_found_with_the_split_that_helps() -> None:
    person = np.where(YES, "a", "b") + (np.arange(ROWS) % 30).astype("U2")
    found = leaks(loaded(TABLE | {"person": person}))
    assert told(found) == [("leak", "warning")] and "`data.group=person`" in found[0].advice


@pytest.mark.parametrize("name", ["iris", "wine", "digits", "breast-cancer", "diabetes", "moons", "line"])
@pytest.mark.parametrize("seed", range(5))
def test_honest_examples_have_none(name: str, seed: int) -> None:
    assert leaks(load(name, seed=seed)) == ()


@needs_tables
@pytest.mark.parametrize(("file", "target"), [("adult-train", "income"), ("california-housing", "median_house_value")])
def test_honest_tables_have_none(file: str, target: str) -> None:
    assert leaks(load(TABLES / f"{file}.csv", target=target)) == ()


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.booleans(), st.integers(100, 1000))
def test_columns_without_a_tie_to_the_target_score_as_guesses(seed: int, values: int, ordered: bool, rows: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, values, rows).astype(np.float64)
    classes = rng.permutation(np.arange(rows) % 2).astype(np.int32)
    assert one_column_score(x, classes, ordered, True) < 0.75
    assert one_column_score(x, rng.normal(size=rows).astype(np.float32), ordered, False) < 0.3


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_one_to_one_columns_score_one(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(40 * classes) % classes).astype(np.int32)
    x = rng.permutation(classes).astype(np.float64)[y]
    assert all(one_column_score(x, y, ordered, True) == 1.0 >= PERFECT for ordered in (True, False))
    assert one_column_score(x, y.astype(np.float32), False, False) == 1.0
