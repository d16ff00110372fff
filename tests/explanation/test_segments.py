"""Weak segments: found where they are planted, and seldom where there are none."""

import numpy as np
import pytest

from batchwright.data.typed.table import from_frame
from batchwright.explanation.segments import weak_segments


def table_of(seed: int, rows: int = 600):
    rng = np.random.default_rng(seed)
    return from_frame(
        {
            "age": rng.uniform(20, 70, rows),
            "town": rng.choice(["north", "south", "east"], rows),
            "bought": rng.choice([None, 1.5, 2.5, 9.0], rows),
        }
    )


def test_a_planted_segment_is_named_first():
    table = table_of(0)
    east = (table.frame["town"] == "east").to_numpy()
    errors = (np.random.default_rng(1).uniform(size=600) < np.where(east, 0.4, 0.1)).astype(float)
    found = weak_segments(table, ["age", "town", "bought"], errors, np.ones(600))
    assert found[0].description == "town = east"
    assert found[0].rows == east.sum()
    assert (found[0].error, found[0].others) == pytest.approx((errors[east].mean(), errors[~east].mean()))


def test_missing_cells_are_a_segment():
    table = table_of(2)
    missing = table.frame["bought"].is_null().to_numpy()
    found = weak_segments(table, ["bought"], missing.astype(float), np.ones(600))
    assert [one.description for one in found] == ["bought is missing"]


def test_seldom_is_one_named_by_chance():
    rng = np.random.default_rng(3)
    alarms = sum(
        bool(weak_segments(table_of(seed), ["age", "town", "bought"], rng.exponential(size=600), np.ones(600)))
        for seed in range(100)
    )
    assert alarms <= 12  # 5 of 100 are meant, and up to 11 of 100 come by chance once in 100 times


def test_weights_count():
    table = from_frame({"side": ["left"] * 50 + ["right"] * 50})
    errors = np.array([1.0, 0.0] * 25 + [0.0] * 50)
    wrong_rows_heavy = weak_segments(table, ["side"], errors, np.where(errors == 1.0, 3.0, 1.0))
    assert wrong_rows_heavy[0].error == 0.75


def test_too_few_rows_are_no_segment():
    table = from_frame({"kind": ["rare"] * 19 + ["usual"] * 100})
    assert weak_segments(table, ["kind"], np.array([1.0] * 19 + [0.0] * 100), np.ones(119)) == ()
