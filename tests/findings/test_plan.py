"""Batches, updates and rates that cannot work well; and all findings together."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.findings.planted import ROWS, clean, loaded, told

from batchwright.cli.settings import OPTIONS
from batchwright.config import load_config
from batchwright.data.load import load
from batchwright.findings import SEVERITIES, inspect
from batchwright.findings.batches import (
    UNIT,
    even_batch_size,
    few_updates,
    has_batch_norm,
    odd_batch_size,
    single_row,
    tiny_batches,
)
from batchwright.findings.rates import learning_rate
from batchwright.nn import CNN, MLP, Linear, Tabular
from batchwright.nn.protocols import Features
from batchwright.optim import SGD, Adam
from batchwright.training.plan import Plan, make_plan

NORMALIZED = MLP((8,)).build(Features(numeric=3), 2)
PLAIN = MLP((8,), batch_normalization=False).build(Features(numeric=3), 2)


def test_batch_normalization_is_found_wherever_it_is() -> None:
    image = Features(image=(8, 8, 1))
    assert has_batch_norm(NORMALIZED) and has_batch_norm(Tabular().build(Features(numeric=3), 2))
    assert has_batch_norm(CNN().build(image, 2))
    assert not has_batch_norm(PLAIN) and not has_batch_norm(Linear().build(image, 2))


def test_a_last_batch_of_one_row() -> None:
    plan = Plan(training_rows=1025, batch_size=64, epochs=20)
    found = single_row(plan, NORMALIZED)
    assert told(found) == [("single-row batch", "warning")] and "`batch_size=80`" in found[0].advice
    assert told(single_row(plan, PLAIN)) == [("single-row batch", "note")]
    assert single_row(Plan(1025, 64, 20, "drop"), NORMALIZED) == () == single_row(Plan(1024, 64, 20), NORMALIZED)
    assert single_row(Plan(1025, 1, 20), NORMALIZED) == ()


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [
        (1024, 64, []),
        (1024 + 8, 64, []),
        (1024 + 7, 64, [("tiny batch", "note")]),
        (1024 + 1, 64, []),  # said already
        (1024, 4, [("tiny batch", "warning")]),
        (1025, 1, [("tiny batch", "warning")]),
    ],
)
def test_tiny_batches(rows: int, size: int, expected: list[tuple[str, str]]) -> None:
    plan = Plan(rows, size, 20)
    assert told(tiny_batches(plan, NORMALIZED)) == expected and tiny_batches(plan, PLAIN) == ()


@pytest.mark.parametrize(("size", "found"), [(4, 0), (8, 0), (64, 0), (60, 1), (100, 1), (1000, 0)])
def test_batch_sizes_that_are_no_multiple_of_eight(size: int, found: int) -> None:
    assert told(odd_batch_size(Plan(1000, size, 20))) == [("batch size not a multiple of 8", "note")] * found


def test_few_updates() -> None:
    assert few_updates(Plan(1000, 32, 20)) == ()
    found = few_updates(Plan(1000, 100, 5))
    assert told(found) == [("few updates", "warning")] and "`epochs=10` makes 100" in found[0].advice
    assert told(few_updates(make_plan(1000, "full", 200))) == [("large batch", "note")]


@given(st.integers(2, 5000), st.integers(2, 600))
def test_the_batch_size_advised_leaves_a_fuller_last_batch(rows: int, size: int) -> None:
    plan = make_plan(rows, size, 1)
    advised = make_plan(rows, even_batch_size(plan), 1)
    assert plan.batch_size // 2 <= advised.batch_size <= min(2 * plan.batch_size, rows)
    if rows >= 4 * size and size >= 2 * UNIT:
        assert 2 * advised.last_batch_rows >= advised.batch_size


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0), st.floats(1e-6, 1.0))
def test_learning_rates_outside_the_range(rate: float, one: float, two: float) -> None:
    low, high = sorted((one, two))
    expected = [("learning rate", "warning")] if rate > high else [("learning rate", "note")] if rate < low else []
    assert told(learning_rate(SGD(rate), (low, high))) == expected
    assert learning_rate(SGD(rate), None) == ()


def test_all_that_is_planted_is_found_the_worst_first() -> None:
    table = clean(rows=1000) | {"always": np.ones(1000)}
    table |= {"told": table["y"] == "yes", "again": 2 * table["x"]}
    data = loaded(table)
    found = inspect(data, make_plan(data.train.rows, 100, 3), NORMALIZED, Adam(0.5), stable=(1e-4, 0.1))
    assert dict(told(found)) == {
        "leak": "warning",
        "few updates": "warning",
        "learning rate": "warning",
        "duplicate column": "note",
        "constant column": "note",
        "batch size not a multiple of 8": "note",
    }
    order = [SEVERITIES.index(finding.severity) for finding in found]
    assert order == sorted(order, reverse=True)


def test_every_option_that_is_advised_exists() -> None:
    table = clean() | {
        "told": clean()["y"] == "yes",
        "again": 2 * clean()["x"],
        "holes": [None] * (ROWS - 6) + [1.0] * 6,
    }
    table["y"] = np.where(np.arange(ROWS) == 1, "rare", table["y"])
    table["y"] = np.where(np.arange(ROWS) == 2, "rare", table["y"])
    data = loaded(table)
    plans = (make_plan(data.train.rows, size, 2) for size in (data.train.rows - 1, 4, 100, 400))
    found = [finding for plan in plans for finding in inspect(data, plan, NORMALIZED, Adam(), stable=(0.1, 1.0))]
    advised = {option for finding in found for option in re.findall(r"`([^`]*)`", finding.advice)}
    keys = {option.key.rpartition(".")[2]: option.key for option in OPTIONS}
    for option in advised:
        name, _, value = option.partition("=")
        assert keys.get(name, name) in load_config(None).values
        if value:
            load_config(None, [(keys.get(name, name), value, option)])
    assert len(advised) >= 6


@pytest.mark.parametrize("name", ["iris", "wine", "digits", "breast-cancer", "diabetes"])
@pytest.mark.parametrize("seed", range(3))
def test_clean_examples_have_no_warning(name: str, seed: int) -> None:
    data = load(name, seed=seed)
    found = inspect(data, make_plan(data.train.rows, 16, 40), NORMALIZED, Adam())
    assert all(finding.severity == "note" for finding in found)
