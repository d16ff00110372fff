"""What more rows would do: power laws are extrapolated as they go on, and the verdict says how sure that is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.search.learning_curve import EXPONENTS, learning_curve

ROWS = (100, 200, 400, 700, 1000)
TWICE = 2000


def _law(rows, a, b, c):
    return c + a * np.asarray(rows, float) ** -b


scales, floors = st.floats(0.1, 10), st.just(0.0) | st.floats(0.01, 2)


@settings(max_examples=15)
@given(a=scales, b=st.sampled_from([float(one) for one in EXPONENTS[:70]]), c=floors)
def test_a_power_law_with_an_exponent_that_is_tried_is_foretold_exactly(a, b, c):
    losses = _law(ROWS, a, b, c)
    found = learning_curve(ROWS, [[float(loss)] for loss in losses])
    assert found.foretold.mean == pytest.approx(float(_law(TWICE, a, b, c)), rel=1e-4)
    assert (found.rows, found.more_rows) == (ROWS, TWICE)
    np.testing.assert_allclose(found.losses, losses)


@settings(max_examples=15)
@given(a=scales, b=st.floats(0.1, 1.2), c=floors)
def test_any_power_law_is_foretold_to_a_small_part_of_what_more_rows_save(a, b, c):
    truth, now = float(_law(TWICE, a, b, c)), float(_law(ROWS[-1], a, b, c))
    found = learning_curve(ROWS, [[float(loss)] for loss in _law(ROWS, a, b, c)])
    assert found.foretold.mean == pytest.approx(truth, abs=0.07 * (now - truth))


def test_with_noise_between_seeds_the_truth_is_in_nineteen_of_twenty_intervals():
    generator, intervals = np.random.default_rng(0), 40
    exact, truth = _law(ROWS, 3, 0.5, 0.2), float(_law(TWICE, 3, 0.5, 0.2))
    inside = 0
    for _ in range(intervals):
        losses = exact[:, None] + generator.normal(scale=0.004, size=(len(ROWS), 4))
        foretold = learning_curve(ROWS, losses.tolist()).foretold
        assert foretold.low < foretold.mean < foretold.high
        inside += foretold.low <= truth <= foretold.high
    assert inside >= 34  # of 40 with 95 % each, fewer than 34 come about once in 700 times


def test_the_interval_is_students_of_the_seeds_each_with_a_curve_of_its_own():
    laws = [(2, 0.5, 0.1), (2, 0.5, 0.2), (2, 0.5, 0.3)]
    losses = np.stack([_law(ROWS, *law) for law in laws], axis=1)
    foretold = learning_curve(ROWS, losses.tolist()).foretold
    mean, half = 0.2 + 2 * TWICE**-0.5, 4.302653 * 0.1 / 3**0.5  # Student's t of 2 degrees of freedom
    assert foretold.mean == pytest.approx(mean, rel=1e-3)
    assert foretold.high - foretold.mean == pytest.approx(half, rel=1e-3)
    assert foretold.mean - foretold.low == pytest.approx(half, rel=1e-3)


@pytest.mark.parametrize(
    ("by_seed", "verdict"),
    [
        ([(2, 0.5, 0.1), (2, 0.5, 0.1001)], "more rows would help"),
        ([(0.01, 0.5, 1.0), (0.01, 0.5, 1.0001)], "more rows would hardly help"),
        ([(2, 0.5, 0.1), (0, 0.5, 0.15)], "whether more rows would help cannot be told"),
    ],
)
def test_the_verdict_goes_by_what_is_saved_and_by_the_interval(by_seed, verdict):
    losses = np.stack([_law(ROWS, *law) for law in by_seed], axis=1)
    found = learning_curve(ROWS, losses.tolist())
    assert found.verdict.startswith(f"{verdict}: with 2,000 rows the validation loss would be about ")
    assert f"after {losses[-1].mean():.4g} with all there are" in found.verdict


def test_a_loss_that_does_not_fall_is_foretold_to_stay():
    found = learning_curve((10, 20, 40), [[0.5], [0.5], [0.5]])
    assert found.foretold.mean == pytest.approx(0.5, rel=1e-6)
    assert found.verdict.startswith("more rows would hardly help")


@pytest.mark.parametrize(
    ("rows", "by_seed"),
    [
        ((100, 200), [(0.5, 0.6), (0.4, 0.5)]),
        ((100,), [(0.5,)]),
        ((100, 200, 400), [(0.5, 0.6), (), (0.4, 0.5)]),
        ((100, 200, 400), [(), (), ()]),
    ],
    ids=["two shares", "one share", "one diverged", "all diverged"],
)
def test_fewer_than_three_shares_or_one_that_diverged_have_no_curve(rows, by_seed):
    assert learning_curve(rows, by_seed) is None
