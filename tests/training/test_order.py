import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.training.order import batches, permutation
from batchwright.training.plan import Plan, make_plan

seeds = st.integers(0, 2**32 - 1)


@given(st.integers(1, 2_000), st.integers(1, 300), st.integers(1, 40), seeds, st.integers(0, 1_000))
def test_every_row_is_used_exactly_once_per_epoch(rows: int, size: int, at_once: int, seed: int, epoch: int) -> None:
    plan = Plan(rows, min(size, rows), 1, rows_at_once=at_once)
    found = batches(plan, seed=seed, epoch=epoch)
    assert found.shape == (plan.iterations_per_epoch, plan.parts, plan.part_rows)
    used = found[found < rows]
    assert sorted(used) == list(range(rows))
    per_batch = (found < rows).sum(axis=(1, 2))
    assert (per_batch[:-1] == plan.batch_size).all()
    assert per_batch[-1] == plan.last_batch_rows
    assert (found[found >= rows] == rows).all()


@given(st.integers(2, 500), st.integers(2, 100), seeds)
def test_dropping_the_remainder_drops_other_rows_each_epoch_but_none_twice(rows: int, size: int, seed: int) -> None:
    plan = make_plan(rows, size, 1, remainder="drop")
    used = batches(plan, seed=seed, epoch=0).ravel()
    assert len(set(used)) == len(used) == plan.rows_per_epoch


def test_the_order_is_a_pure_function_of_seed_and_epoch() -> None:
    one = permutation(1_000, seed=3, epoch=5)
    assert (one == permutation(1_000, seed=3, epoch=5)).all()
    assert (one != permutation(1_000, seed=3, epoch=6)).any()
    assert (one != permutation(1_000, seed=4, epoch=5)).any()


def test_shuffles_are_even() -> None:
    """Over many epochs each row comes first about equally often: chi-squared of 10 places, 99.9 % below 27.9."""
    first = [permutation(10, seed=0, epoch=epoch)[0] for epoch in range(5_000)]
    counts = np.bincount(first, minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 27.9


@pytest.mark.parametrize("remainder", ["keep", "drop"])
def test_without_a_shuffle_rows_come_as_they_are(remainder):
    plan = make_plan(10, 4, 2, remainder=remainder, shuffle=False)
    expected = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 10]][: plan.iterations_per_epoch]
    for epoch in (0, 1):
        assert batches(plan, seed=0, epoch=epoch)[:, 0].tolist() == expected
