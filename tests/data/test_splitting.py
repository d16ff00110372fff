from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.splitting import METHODS, check_fractions, split
from batchwright.data.typed.hashes import count_shared, row_hashes
from batchwright.errors import ConfigError, DataError

fractions = st.sampled_from([(0.15, 0.15), (0.0, 0.15), (0.2, 0.0), (0.0, 0.0), (0.1, 0.33), (0.45, 0.5)])
labels = st.lists(st.integers(0, 4), min_size=4, max_size=200).map(np.array)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_row_is_in_exactly_one_part(method, data):
    by, (validation, test) = data.draw(labels), data.draw(fractions)
    if method in ("group", "time"):
        by = np.concatenate([by, [5, 6, 7]])
    parts = split(by, method, validation_split=validation, test_split=test, seed=data.draw(st.integers(0, 9)))
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert np.array_equal(np.sort(together), np.arange(len(by)))
    assert len(parts.train) > 0
    assert together.dtype == np.int64


@settings(max_examples=150, deadline=None)
@given(by=labels, shares=fractions, seed=st.integers(0, 9))
def test_stratified_parts_are_within_one_row_of_proportional(by, shares, seed):
    validation, test = shares
    parts = split(by, validation_split=validation, test_split=test, seed=seed)
    for label in np.unique(by):
        size = np.sum(by == label)
        kept = np.sum(by[parts.train] == label)
        assert kept >= 1
        for rows, share in ((parts.validation, validation), (parts.test, test)):
            assert abs(np.sum(by[rows] == label) - size * share) <= 1 or kept == 1


def test_sizes_are_exact_where_no_class_is_too_small():
    parts = split(np.arange(1000) % 7, validation_split=0.15, test_split=0.15)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [700, 150, 150]
    parts = split(np.zeros(1797), "shuffled", validation_split=0.15, test_split=0.15)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [1257, 270, 270]


@settings(max_examples=100, deadline=None)
@given(
    by=st.lists(st.integers(0, 30), min_size=1, max_size=200).map(np.array), shares=fractions, seed=st.integers(0, 9)
)
def test_groups_are_never_shared_and_no_part_asked_for_is_empty(by, shares, seed):
    validation, test = shares
    wanted = (validation > 0) + (test > 0) + 1
    if len(np.unique(by)) < wanted:
        with pytest.raises(DataError, match="groups cannot fill"):
            split(by, "group", validation_split=validation, test_split=test, seed=seed)
        return
    parts = split(by, "group", validation_split=validation, test_split=test, seed=seed)
    groups = [set(by[rows].tolist()) for rows in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert sum(map(bool, groups)) == wanted


def test_many_groups_come_near_the_asked_shares():
    by = np.random.default_rng(0).integers(0, 300, 10_000)
    parts = split(by, "group", validation_split=0.2, test_split=0.1)
    assert len(parts.validation) == pytest.approx(2000, abs=100)
    assert len(parts.test) == pytest.approx(1000, abs=100)


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.floats(-5, 5) | st.integers(0, 3).map(float), min_size=1, max_size=100).map(np.array),
    shares=fractions,
)
def test_time_runs_forward_from_part_to_part_and_no_time_is_in_two(times, shares):
    validation, test = shares
    most = np.unique(times, return_counts=True)[1].max()
    if len(np.unique(times)) < 3:
        return
    parts = split(times, "time", validation_split=validation, test_split=test)
    of_parts = [times[rows] for rows in (parts.train, parts.validation, parts.test) if len(rows)]
    assert sum(map(len, of_parts)) == len(times)
    assert len(parts.train) > 0
    for before, after in pairwise(of_parts):
        assert before.max() < after.min()
    if len(times) >= 20:
        assert len(parts.test) == pytest.approx(len(times) * test, abs=0.51 + most)


def test_dates_that_repeat_are_in_one_part():
    times = np.repeat(np.arange(25), 4)
    parts = split(times, "time", validation_split=0.15, test_split=0.15)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [68, 16, 16]
    with pytest.raises(DataError, match="2 different times cannot fill 3 parts"):
        split(times > 5, "time")


def test_zero_and_minus_zero_are_one_row():
    zeros, others = np.array([[0.0, 1.0], [-0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, -0.0]], np.float32)
    for rows in (zeros, others):
        first, second = row_hashes({"numeric": rows})
        assert first == second


def test_the_seed_decides():
    by = np.zeros(100)
    first, again, other = (split(by, "shuffled", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize(
    ("validation", "test", "said"),
    [(1.0, 0.0, "validation_split must"), (-0.1, 0.0, "got -0.1"), (float("nan"), 0.1, "nan"), (0.5, 0.5, "below 1")],
)
def test_shares_out_of_range(validation, test, said):
    with pytest.raises(ConfigError, match=said):
        check_fractions(validation, test)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 2), min_size=11, max_size=11), min_size=1, max_size=40),
    dtype=st.sampled_from([np.uint8, np.float32, np.int64]),
)
def test_hashes_are_equal_exactly_where_rows_are(rows, dtype):
    array = np.array(rows, dtype)
    hashes = row_hashes({"a": array[:, :5], "b": array[:, 5:].reshape(len(array), 2, 3)})
    assert len(set(hashes.tolist())) == len({tuple(row) for row in rows})
    seen = {tuple(row) for row in rows[: len(rows) // 2]}
    if seen:
        expected = sum(tuple(row) in seen for row in rows)
        assert count_shared(hashes[: len(rows) // 2], hashes) == expected


def test_hashes_do_not_depend_on_the_block(monkeypatch):
    array = np.random.default_rng(0).integers(0, 255, (100, 13)).astype(np.uint8)
    whole = row_hashes({"x": array})
    monkeypatch.setitem(row_hashes.__globals__, "BLOCK_BYTES", 40)
    assert np.array_equal(whole, row_hashes({"x": array}))
