import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.errors import ConfigError
from batchwright.training.plan import Plan, make_plan

rows = st.integers(1, 100_000)
sizes = st.integers(1, 120_000) | st.just("full")


def test_the_tutorials_headline_numbers() -> None:
    plan = make_plan(60_000, 100, 10)
    assert (plan.iterations_per_epoch, plan.updates, plan.last_batch_rows) == (600, 6_000, 100)
    assert plan.descent == "mini-batch gradient descent"


@given(rows, sizes, st.integers(1, 50))
def test_kept_batches_add_up_to_all_rows(rows: int, size: int | str, epochs: int) -> None:
    plan = make_plan(rows, size, epochs)
    whole = (plan.iterations_per_epoch - 1) * plan.batch_size
    assert whole + plan.last_batch_rows == rows
    assert 1 <= plan.last_batch_rows <= plan.batch_size <= rows
    assert plan.updates == plan.iterations_per_epoch * epochs


@given(rows, sizes)
def test_dropped_remainders_leave_only_full_batches(rows: int, size: int | str) -> None:
    plan = make_plan(rows, size, 1, remainder="drop")
    assert plan.last_batch_rows == plan.batch_size
    assert rows - plan.rows_per_epoch < plan.batch_size


@given(rows, st.integers(1, 500))
def test_parts_hold_the_batch_and_are_no_larger_than_allowed(rows: int, at_once: int) -> None:
    plan = Plan(rows, rows, 1, rows_at_once=at_once)
    assert plan.part_rows <= at_once
    assert plan.batch_size <= plan.parts * plan.part_rows < plan.batch_size + plan.parts


@pytest.mark.parametrize(
    ("size", "descent"),
    [(1, "stochastic"), (2, "mini-batch"), (9, "mini-batch"), (10, "batch"), ("full", "batch"), (11, "batch")],
)
def test_the_batch_size_makes_the_kind_of_descent(size: int | str, descent: str) -> None:
    assert make_plan(10, size, 1).descent == f"{descent} gradient descent"


@pytest.mark.parametrize(("rows", "size", "epochs"), [(0, 1, 1), (10, 0, 1), (10, -5, 1), (10, 2, 0)])
def test_numbers_below_one_are_refused(rows: int, size: int, epochs: int) -> None:
    with pytest.raises(ConfigError):
        make_plan(rows, size, epochs)


def test_more_updates_than_can_be_counted_are_refused() -> None:
    assert make_plan(100, 1, (2**31 - 1) // 100).updates == 2**31 - 1 - 47
    with pytest.raises(
        ConfigError, match=r"training.epochs is 21,474,837: .* 2,147,483,700 updates; at most 2,147,483,647"
    ):
        make_plan(100, 1, (2**31 - 1) // 100 + 1)
